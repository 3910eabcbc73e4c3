// What the formats of checkpoints have in common: tensors by name, whole or in slices.
#ifndef MOULIN_FORMATS_TENSOR_STORE_H_
#define MOULIN_FORMATS_TENSOR_STORE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "formats/tensor_slice.h"
#include "moulin/shape.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "proto/tensor.pb.h"

namespace moulin {

// A tensor as an index describes it.
struct StoredTensor {
  tf::DataType type = tf::DT_INVALID;  // may be one that Moulin cannot read
  Shape shape;
  int32_t shard = 0;  // where the elements are, as each format means it
  int64_t offset = 0;
  int64_t bytes = 0;
  uint32_t checksum = 0;
  std::vector<TensorSlice> slices;  // where not empty, the elements are under the slices' own keys
};

// Not thread-safe.
class TensorStore {
 public:
  virtual ~TensorStore() = default;
  TensorStore(TensorStore&&) = default;

  // Names of the tensors, sorted by their bytes; slices of partitioned ones are not among them.
  const std::vector<std::string>& names() const { return names_; }
  bool Contains(absl::string_view name) const { return Find(name) != nullptr; }
  const StoredTensor* Find(absl::string_view name) const;
  const std::string& prefix() const { return prefix_; }

  // Reads a tensor, put together where it is partitioned, or the slice of it that `slice` names. Every checksum is
  // verified, and nothing is allocated before the index and the stored bytes agree with it. Bytes other than 0 and 1 of
  // a bool are true.
  //
  // Errors name the tensor and the file. E_NAME (no such tensor), E_DTYPE (a type that Moulin does not have; resources
  // and variants), E_TENSOR (stored bytes that do not fit type and shape), E_DATA (a checksum; entries beyond the end
  // of a data file), E_FILE (a data file that is missing), E_SHAPE (slices that overlap, leave gaps or reach beyond the
  // tensor), E_LIMIT (more than limits.tensor_bytes).
  StatusOr<Tensor> Read(absl::string_view name);
  StatusOr<Tensor> ReadSlice(absl::string_view name, const TensorSlice& slice);

 protected:
  TensorStore(std::string prefix, const Limits& limits) : prefix_(std::move(prefix)), limits_(limits) {}

  // The elements of an entry without slices.
  virtual StatusOr<Tensor> ReadEntry(const StoredTensor& stored) = 0;

  std::string prefix_;
  Limits limits_;
  std::map<std::string, StoredTensor, std::less<>> entries_;  // by key: names and encoded slices
  std::vector<std::string> names_;

 private:
  StatusOr<Tensor> Assemble(absl::string_view name, const StoredTensor& stored);
};

// Adds the tensor's name to an error that does not tell it yet.
Status AtTensor(const Status& status, absl::string_view name);

}  // namespace moulin

#endif  // MOULIN_FORMATS_TENSOR_STORE_H_
