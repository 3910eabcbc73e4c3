// Tensors in host memory.
#ifndef MOULIN_TENSOR_H_
#define MOULIN_TENSOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "moulin/dtype.h"
#include "moulin/shape.h"
#include "moulin/status.h"

namespace moulin {

// An array in row-major order. A Tensor is a handle: copies share the elements. Elements of fixed-size types lie in
// one block aligned to 64 bytes (when Moulin allocated it); strings are std::string objects.
//
// Thread-safety: handles may be copied and elements read from several threads; writing through mutable_data() must
// not overlap with any other use of the same elements.
class Tensor {
 public:
  Tensor() = default;  // no elements, type kInvalid

  // Allocates zeroed elements. RESOURCE_EXHAUSTED where the bytes cannot be had, INVALID_ARGUMENT where their count
  // overflows or the type has no elements of its own (resource, variant).
  static StatusOr<Tensor> Allocate(DType type, const Shape& shape);
  // As Allocate, but the elements (of types other than string) hold anything; for results that are written in full.
  static StatusOr<Tensor> AllocateUninitialized(DType type, const Shape& shape);

  // Adopts elements owned by `owner` at `data`, of which SizeOf(type) * shape.num_elements() bytes must be readable
  // as long as `owner` lives. For types of fixed size. The elements are not to be written.
  static Tensor Borrow(DType type, const Shape& shape, std::shared_ptr<const void> owner, const void* data);

  // A tensor with the given values; values.size() must be shape.num_elements().
  template <typename T>
  static Tensor Of(const Shape& shape, absl::Span<const T> values);
  template <typename T>
  static Tensor Of(const Shape& shape, std::initializer_list<T> values) {
    return Of<T>(shape, absl::MakeConstSpan(values.begin(), values.size()));
  }
  template <typename T>
  static Tensor Scalar(T value) {
    return Of<T>(Shape(), {value});
  }
  static Tensor OfStrings(const Shape& shape, std::vector<std::string> values);

  bool is_valid() const { return type_ != DType::kInvalid; }
  DType dtype() const { return type_; }
  const Shape& shape() const { return shape_; }
  int64_t num_elements() const { return shape_.num_elements(); }
  // Bytes of the elements (for strings: of the std::string objects' characters).
  int64_t byte_size() const;

  const void* data() const { return data_; }
  void* mutable_data() { return const_cast<void*>(data_); }
  // The elements as T, whose size must be that of the type (Half and BFloat16 are read as uint16_t too).
  template <typename T>
  absl::Span<const T> values() const {
    return absl::Span<const T>(static_cast<const T*>(data_), static_cast<size_t>(num_elements()));
  }
  template <typename T>
  absl::Span<T> mutable_values() {
    return absl::Span<T>(static_cast<T*>(mutable_data()), static_cast<size_t>(num_elements()));
  }
  // The elements of a kString tensor.
  absl::Span<const std::string> strings() const { return values<std::string>(); }
  absl::Span<std::string> mutable_strings() { return mutable_values<std::string>(); }

  // The same elements under another shape with as many elements (and, where given, another type of the same size).
  Tensor Reshaped(const Shape& shape) const;
  Tensor Reinterpreted(DType type, const Shape& shape) const;
  // A deep copy.
  StatusOr<Tensor> Clone() const;

  // Identifies the block the elements lie in; equal for tensors that share it.
  const void* storage_id() const { return owner_.get(); }

  std::string ToString(int max_elements = 8) const;  // "f32[2,3] {0.5, 1, ...}", for messages

 private:
  DType type_ = DType::kInvalid;
  Shape shape_;
  const void* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

// The DType of a C++ element type.
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kFloat32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kFloat64;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::kInt8;
};
template <>
struct DTypeOf<int16_t> {
  static constexpr DType value = DType::kInt16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::kInt64;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::kUInt8;
};
template <>
struct DTypeOf<uint16_t> {
  static constexpr DType value = DType::kUInt16;
};
template <>
struct DTypeOf<uint32_t> {
  static constexpr DType value = DType::kUInt32;
};
template <>
struct DTypeOf<uint64_t> {
  static constexpr DType value = DType::kUInt64;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::kBool;
};

template <typename T>
Tensor Tensor::Of(const Shape& shape, absl::Span<const T> values) {
  Tensor t = Allocate(DTypeOf<T>::value, shape).value();
  std::copy(values.begin(), values.end(), t.mutable_values<T>().begin());
  return t;
}

}  // namespace moulin

#endif  // MOULIN_TENSOR_H_
