#include "formats/tensor_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {

Status AtTensor(const Status& status, absl::string_view name) {
  if (status.ok()) return status;
  return Status(status.code(), absl::StrCat(status.message(), "; tensor \"", Printable(name), "\""));
}

const StoredTensor* TensorStore::Find(absl::string_view name) const {
  const auto it = entries_.find(name);
  return it == entries_.end() ? nullptr : &it->second;
}

StatusOr<Tensor> TensorStore::Read(absl::string_view name) {
  const StoredTensor* stored = Find(name);
  if (stored == nullptr) {
    return AtFile(MakeError(ErrorCode::kName, "no tensor \"", Printable(name), "\" in the checkpoint"), prefix_);
  }
  StatusOr<Tensor> tensor = stored->slices.empty() ? ReadEntry(*stored) : Assemble(name, *stored);
  if (!tensor.ok()) return AtFile(AtTensor(tensor.status(), name), prefix_);
  return tensor;
}

StatusOr<Tensor> TensorStore::ReadSlice(absl::string_view name, const TensorSlice& slice) {
  if (const StoredTensor* stored = Find(name)) {
    const StatusOr<TensorSlice> resolved = Resolve(slice, stored->shape);
    if (!resolved.ok()) return AtFile(AtTensor(resolved.status(), name), prefix_);
    if (ShapeOf(*resolved) == stored->shape) return Read(name);
    // A graph that partitions the variable as the one that saved it did finds its slice as such.
    if (const StoredTensor* part = Find(EncodeSliceKey(name, slice)); part && part->shape == ShapeOf(*resolved)) {
      StatusOr<Tensor> tensor = ReadEntry(*part);
      if (!tensor.ok()) return AtFile(AtTensor(tensor.status(), name), prefix_);
      return tensor;
    }
    MOULIN_ASSIGN_OR_RETURN(const Tensor whole, Read(name));
    return CopySliceOf(whole, *resolved);
  }
  return Read(name);
}

StatusOr<Tensor> TensorStore::Assemble(absl::string_view name, const StoredTensor& stored) {
  std::vector<TensorSlice> slices;
  std::vector<const StoredTensor*> parts;
  for (const TensorSlice& slice : stored.slices) {
    MOULIN_ASSIGN_OR_RETURN(TensorSlice resolved, Resolve(slice, stored.shape));
    const StoredTensor* part = Find(EncodeSliceKey(name, slice));
    if (part == nullptr) return MakeError(ErrorCode::kParse, "no entry for the slice ", ToString(slice));
    if (part->type != stored.type || !(part->shape == ShapeOf(resolved)) || !part->slices.empty()) {
      return MakeError(ErrorCode::kShape, "the slice ", ToString(slice), " is stored as another type or shape");
    }
    parts.push_back(part);
    slices.push_back(std::move(resolved));
  }
  MOULIN_RETURN_IF_ERROR(CheckSlicesTile(slices, stored.shape));
  Tensor whole;  // allocated when the first part has shown that the data files hold what they should
  for (size_t i = 0; i < parts.size(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(const Tensor part, ReadEntry(*parts[i]));
    if (!whole.is_valid()) {
      MOULIN_ASSIGN_OR_RETURN(whole, Tensor::Allocate(part.dtype(), stored.shape));
    }
    CopySliceInto(part, slices[i], &whole);
  }
  return whole;
}

}  // namespace moulin
