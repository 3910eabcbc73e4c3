#include "moulin/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/half.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

constexpr size_t kAlignment = 64;

StatusOr<Tensor> AllocateStrings(const Shape& shape) {
  auto block = std::make_shared<std::vector<std::string>>(shape.num_elements());
  const void* data = block->data();
  return Tensor::Borrow(DType::kString, shape, std::move(block), data);
}

std::string ElementText(const Tensor& t, int64_t i) {
  switch (t.dtype()) {
    case DType::kFloat32:
      return absl::StrCat(t.values<float>()[i]);
    case DType::kFloat64:
      return absl::StrCat(t.values<double>()[i]);
    case DType::kFloat16:
      return absl::StrCat(static_cast<float>(t.values<Half>()[i]));
    case DType::kBFloat16:
      return absl::StrCat(static_cast<float>(t.values<BFloat16>()[i]));
    case DType::kBool:
      return t.values<bool>()[i] ? "true" : "false";
    case DType::kInt8:
    case DType::kQInt8:
      return absl::StrCat(t.values<int8_t>()[i]);
    case DType::kUInt8:
    case DType::kQUInt8:
      return absl::StrCat(t.values<uint8_t>()[i]);
    case DType::kInt16:
    case DType::kQInt16:
      return absl::StrCat(t.values<int16_t>()[i]);
    case DType::kUInt16:
    case DType::kQUInt16:
      return absl::StrCat(t.values<uint16_t>()[i]);
    case DType::kInt32:
    case DType::kQInt32:
      return absl::StrCat(t.values<int32_t>()[i]);
    case DType::kUInt32:
      return absl::StrCat(t.values<uint32_t>()[i]);
    case DType::kInt64:
      return absl::StrCat(t.values<int64_t>()[i]);
    case DType::kUInt64:
      return absl::StrCat(t.values<uint64_t>()[i]);
    case DType::kComplex64:
      return absl::StrCat(t.values<float>().data()[2 * i], "+", t.values<float>().data()[2 * i + 1], "i");
    case DType::kComplex128:
      return absl::StrCat(t.values<double>().data()[2 * i], "+", t.values<double>().data()[2 * i + 1], "i");
    case DType::kString:
      return absl::StrCat("\"", Printable(t.strings()[i], 40), "\"");
    default:
      return "?";
  }
}

}  // namespace

StatusOr<Tensor> Tensor::Allocate(DType type, const Shape& shape) {
  MOULIN_ASSIGN_OR_RETURN(Tensor t, AllocateUninitialized(type, shape));
  if (type != DType::kString) std::memset(t.mutable_data(), 0, t.byte_size());
  return t;
}

StatusOr<Tensor> Tensor::AllocateUninitialized(DType type, const Shape& shape) {
  MOULIN_ASSIGN_OR_RETURN(const Shape checked, Shape::Make(shape.dims()));
  if (type == DType::kString) return AllocateStrings(checked);
  if (SizeOf(type) == 0) {
    return MakeError(ErrorCode::kDType, "a tensor of type ", Name(type), " has no elements to allocate");
  }
  int64_t bytes;
  if (__builtin_mul_overflow(checked.num_elements(), static_cast<int64_t>(SizeOf(type)), &bytes) ||
      bytes > INT64_MAX - static_cast<int64_t>(kAlignment)) {
    return MakeError(ErrorCode::kShape, "the bytes of ", ShortName(type), checked.ToString(), " overflow 64 bits");
  }
  const size_t rounded = (static_cast<size_t>(std::max<int64_t>(bytes, 1)) + kAlignment - 1) / kAlignment * kAlignment;
  void* block = std::aligned_alloc(kAlignment, rounded);
  if (block == nullptr) {
    return MakeError(ErrorCode::kMemory, "cannot allocate ", bytes, " bytes for ", ShortName(type), checked.ToString());
  }
  return Borrow(type, checked, std::shared_ptr<void>(block, std::free), block);
}

Tensor Tensor::Borrow(DType type, const Shape& shape, std::shared_ptr<const void> owner, const void* data) {
  Tensor t;
  t.type_ = type;
  t.shape_ = shape;
  t.data_ = data;
  t.owner_ = std::move(owner);
  return t;
}

Tensor Tensor::OfStrings(const Shape& shape, std::vector<std::string> values) {
  auto block = std::make_shared<std::vector<std::string>>(std::move(values));
  const void* data = block->data();
  return Borrow(DType::kString, shape, std::move(block), data);
}

int64_t Tensor::byte_size() const {
  if (type_ != DType::kString) return num_elements() * static_cast<int64_t>(SizeOf(type_));
  int64_t bytes = 0;
  for (const std::string& s : strings()) bytes += static_cast<int64_t>(s.size());
  return bytes;
}

Tensor Tensor::Reshaped(const Shape& shape) const { return Reinterpreted(type_, shape); }

Tensor Tensor::Reinterpreted(DType type, const Shape& shape) const { return Borrow(type, shape, owner_, data_); }

StatusOr<Tensor> Tensor::Clone() const {
  if (type_ == DType::kVariant) return *this;  // what it refers to never changes
  MOULIN_ASSIGN_OR_RETURN(Tensor copy, Allocate(type_, shape_));
  if (type_ == DType::kString) {
    std::copy(strings().begin(), strings().end(), copy.mutable_strings().begin());
  } else if (byte_size() > 0) {
    std::memcpy(copy.mutable_data(), data_, byte_size());
  }
  return copy;
}

std::string Tensor::ToString(int max_elements) const {
  if (!is_valid()) return "<no tensor>";
  std::string out = absl::StrCat(ShortName(type_), shape_.ToString(), " {");
  const int64_t shown = std::min<int64_t>(num_elements(), max_elements);
  for (int64_t i = 0; i < shown; ++i) absl::StrAppend(&out, i > 0 ? ", " : "", ElementText(*this, i));
  absl::StrAppend(&out, shown < num_elements() ? ", ...}" : "}");
  return out;
}

}  // namespace moulin
