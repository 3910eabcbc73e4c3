// TensorProto and TensorShapeProto, TensorFlow's tensors in files, to and from Moulin's.
#ifndef MOULIN_FORMATS_TENSOR_PROTO_H_
#define MOULIN_FORMATS_TENSOR_PROTO_H_

#include "base/limits.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "proto/tensor.pb.h"

namespace moulin {

// Decodes a tensor. The rules are TensorFlow's where it has them:
//   - tensor_content, where not empty, holds all elements; *_val lists are then ignored.
//   - Otherwise the elements come from the list of the type. Fewer values than elements: the last one is repeated; none
//     at all: zeros (strings: empty ones).
//   - Integers in int_val and half_val wider than the type keep their low bits. A nonzero byte of a bool is true.
//   - Strings in tensor_content are their lengths as varints, then their characters.
// Stricter than TensorFlow, which would silently drop or invent elements: more values than elements is an error (but for
// tensors without elements, for which TensorFlow writes one), and so are values in the list of another type.
//
// Errors: E_DTYPE (type 0, unknown, a reference, resource, variant or one without support here), E_SHAPE (negative or
// unknown size, overflow), E_LIMIT (rank above 254; elements beyond limits.constant_bytes that the file does not spell
// out), E_TENSOR (content that does not fit type and shape).
//
// The form that takes an rvalue keeps large contents in place: the string moves into the tensor's owner.
StatusOr<Tensor> TensorFromProto(tf::TensorProto&& proto, const Limits& limits = {});
StatusOr<Tensor> TensorFromProto(const tf::TensorProto& proto, const Limits& limits = {});

// Type and shape of a tensor whose elements are kept elsewhere, checked as TensorFromProto does.
struct StoredTensorType {
  DType dtype = DType::kInvalid;
  Shape shape;
};
StatusOr<StoredTensorType> TensorTypeFromProto(const tf::TensorProto& proto);

// Overwrites `*proto` with `tensor`: strings as string_val, everything else as tensor_content.
void TensorToProto(const Tensor& tensor, tf::TensorProto* proto);

// E_DTYPE for 0, numbers that are no type, references (above 100) and types without support here. Resource and variant
// are types.
StatusOr<DType> DTypeFromProto(tf::DataType type);
inline tf::DataType DTypeToProto(DType type) { return static_cast<tf::DataType>(type); }

// -1 is an unknown size. E_SHAPE for sizes below -1, for sizes whose product overflows and for sizes given beside
// unknown_rank; E_LIMIT for a rank above 254.
StatusOr<PartialShape> ShapeFromProto(const tf::TensorShapeProto& proto);
void ShapeToProto(const PartialShape& shape, tf::TensorShapeProto* proto);

}  // namespace moulin

#endif  // MOULIN_FORMATS_TENSOR_PROTO_H_
