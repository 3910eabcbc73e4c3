#include "formats/tensor_proto.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

// Contents below this are copied into an aligned block of their own; moving a string would gain nothing.
constexpr size_t kMovedBytes = 4096;
constexpr int kFirstReference = 101;

// The *_val lists, by the type of their items.
enum class List { kFloat, kDouble, kInt, kString, kComplex64, kInt64, kBool, kComplex128, kHalf, kUInt32, kUInt64 };

struct ListState {
  List list;
  const char* name;
  int64_t items;
};

List ListOf(DType type) {
  switch (type) {
    case DType::kFloat32:
      return List::kFloat;
    case DType::kFloat64:
      return List::kDouble;
    case DType::kString:
      return List::kString;
    case DType::kComplex64:
      return List::kComplex64;
    case DType::kComplex128:
      return List::kComplex128;
    case DType::kInt64:
      return List::kInt64;
    case DType::kBool:
      return List::kBool;
    case DType::kFloat16:
    case DType::kBFloat16:
      return List::kHalf;
    case DType::kUInt32:
      return List::kUInt32;
    case DType::kUInt64:
      return List::kUInt64;
    default:
      return List::kInt;
  }
}

// The number of items in the list of `type`. E_TENSOR where another list has any, or a complex number is half there.
StatusOr<ListState> FindValues(const tf::TensorProto& proto, DType type) {
  const ListState lists[] = {
      {List::kFloat, "float_val", proto.float_val_size()},
      {List::kDouble, "double_val", proto.double_val_size()},
      {List::kInt, "int_val", proto.int_val_size()},
      {List::kString, "string_val", proto.string_val_size()},
      {List::kComplex64, "scomplex_val", proto.scomplex_val_size()},
      {List::kInt64, "int64_val", proto.int64_val_size()},
      {List::kBool, "bool_val", proto.bool_val_size()},
      {List::kComplex128, "dcomplex_val", proto.dcomplex_val_size()},
      {List::kHalf, "half_val", proto.half_val_size()},
      {List::kUInt32, "uint32_val", proto.uint32_val_size()},
      {List::kUInt64, "uint64_val", proto.uint64_val_size()},
  };
  const List own = ListOf(type);
  ListState found{};
  for (const ListState& state : lists) {
    if (state.list == own) found = state;
    if (state.list != own && state.items > 0) {
      return MakeError(ErrorCode::kTensor, "a tensor of type ", Name(type), " with ", state.items, " values in ",
                       state.name);
    }
  }
  if (!IsComplex(type)) return found;
  if (found.items % 2 != 0) {
    return MakeError(ErrorCode::kTensor, found.name, " has ", found.items, " parts, an even number is expected");
  }
  found.items /= 2;
  return found;
}

// Copies a list's numbers to elements of type T, `parts` to an element, and repeats the last element.
template <typename T, typename Numbers>
void FillElements(const Numbers& numbers, int parts, Tensor* tensor) {
  T* to = static_cast<T*>(tensor->mutable_data());
  const int64_t wanted = tensor->num_elements() * parts;
  const int64_t given = std::min<int64_t>(numbers.size(), wanted);
  for (int64_t i = 0; i < given; ++i) to[i] = static_cast<T>(numbers.Get(static_cast<int>(i)));
  if (given == 0) return;  // zeros already
  for (int64_t i = given; i < wanted; ++i) to[i] = to[i - parts];
}

void FillStrings(const tf::TensorProto& proto, Tensor* tensor) {
  const absl::Span<std::string> to = tensor->mutable_strings();
  for (size_t i = 0; i < to.size() && proto.string_val_size() > 0; ++i) {
    to[i] = proto.string_val(std::min<int>(static_cast<int>(i), proto.string_val_size() - 1));
  }
}

void FillFromLists(const tf::TensorProto& proto, Tensor* tensor) {
  switch (tensor->dtype()) {
    case DType::kFloat32:
      return FillElements<float>(proto.float_val(), 1, tensor);
    case DType::kFloat64:
      return FillElements<double>(proto.double_val(), 1, tensor);
    case DType::kString:
      return FillStrings(proto, tensor);
    case DType::kComplex64:
      return FillElements<float>(proto.scomplex_val(), 2, tensor);
    case DType::kComplex128:
      return FillElements<double>(proto.dcomplex_val(), 2, tensor);
    case DType::kInt64:
      return FillElements<int64_t>(proto.int64_val(), 1, tensor);
    case DType::kBool:
      return FillElements<bool>(proto.bool_val(), 1, tensor);
    case DType::kFloat16:
    case DType::kBFloat16:
      return FillElements<uint16_t>(proto.half_val(), 1, tensor);
    case DType::kUInt32:
      return FillElements<uint32_t>(proto.uint32_val(), 1, tensor);
    case DType::kUInt64:
      return FillElements<uint64_t>(proto.uint64_val(), 1, tensor);
    default:
      break;
  }
  switch (SizeOf(tensor->dtype())) {
    case 1:
      return FillElements<uint8_t>(proto.int_val(), 1, tensor);
    case 2:
      return FillElements<uint16_t>(proto.int_val(), 1, tensor);
    default:
      return FillElements<int32_t>(proto.int_val(), 1, tensor);
  }
}

StatusOr<Tensor> FromLists(const tf::TensorProto& proto, DType type, const Shape& shape, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const ListState values, FindValues(proto, type));
  const int64_t elements = shape.num_elements();
  if (values.items > elements && elements > 0) {  // TensorFlow itself writes a value for tensors without elements
    return MakeError(ErrorCode::kTensor, values.items, " values in ", values.name, " for the ", elements,
                     " elements of shape ", shape.ToString());
  }
  const int64_t element_bytes = type == DType::kString ? sizeof(std::string) : SizeOf(type);
  if (values.items < elements && elements > limits.constant_bytes / element_bytes) {
    return MakeError(ErrorCode::kLimit, values.items, " values stand for ", elements, " elements of ", ShortName(type),
                     shape.ToString(), ", the limit is ", limits.constant_bytes, " bytes");
  }
  MOULIN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(type, shape));
  FillFromLists(proto, &tensor);
  return tensor;
}

// The lengths of all strings as varints, then their characters.
StatusOr<Tensor> StringsFromContent(absl::string_view content, const Shape& shape) {
  const int64_t elements = shape.num_elements();
  const auto error = [&](const char* what) {
    return MakeError(ErrorCode::kTensor, "tensor_content of ", content.size(), " bytes for the ", elements,
                     " strings of shape ", shape.ToString(), ": ", what);
  };
  if (elements > static_cast<int64_t>(content.size())) return error("too short for their lengths");
  std::vector<uint64_t> lengths(elements);
  size_t at = 0;
  for (uint64_t& length : lengths) {
    int shift = 0;
    do {
      if (at >= content.size() || shift > 28) return error("malformed length");
      length |= static_cast<uint64_t>(content[at] & 0x7F) << shift;
      shift += 7;
    } while (content[at++] & 0x80);
  }
  std::vector<std::string> strings(elements);
  for (int64_t i = 0; i < elements; ++i) {
    if (lengths[i] > content.size() - at) return error("a length goes beyond the end");
    strings[i] = std::string(content.substr(at, lengths[i]));
    at += lengths[i];
  }
  if (at != content.size()) return error("bytes left over");
  return Tensor::OfStrings(shape, std::move(strings));
}

// A byte other than 0 and 1 is no bool in C++.
void NormalizeBools(char* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != 0) bytes[i] = 1;
  }
}

// `movable` is the proto's content where it may be taken, null otherwise.
StatusOr<Tensor> FromContent(absl::string_view content, std::string* movable, DType type, const Shape& shape) {
  if (type == DType::kString) return StringsFromContent(content, shape);
  const int64_t expected = shape.num_elements() * static_cast<int64_t>(SizeOf(type));
  if (static_cast<int64_t>(content.size()) != expected) {
    return MakeError(ErrorCode::kTensor, "tensor_content has ", content.size(), " bytes, ", ShortName(type),
                     shape.ToString(), " takes ", expected);
  }
  if (movable != nullptr && content.size() >= kMovedBytes) {
    auto owner = std::make_shared<std::string>(std::move(*movable));
    if (type == DType::kBool) NormalizeBools(owner->data(), owner->size());
    const void* data = owner->data();
    return Tensor::Borrow(type, shape, std::move(owner), data);
  }
  MOULIN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(type, shape));
  std::memcpy(tensor.mutable_data(), content.data(), content.size());
  if (type == DType::kBool) NormalizeBools(static_cast<char*>(tensor.mutable_data()), content.size());
  return tensor;
}

// The shape of a tensor that is there: every size known, the bytes countable. Sizes beside a zero must not overflow
// either.
StatusOr<Shape> ConcreteShape(const tf::TensorShapeProto& proto, DType type) {
  MOULIN_ASSIGN_OR_RETURN(const PartialShape partial, ShapeFromProto(proto));
  if (!partial.IsFullyKnown()) {
    return MakeError(ErrorCode::kShape, "a tensor of shape ", partial.ToString(), ", all sizes must be known");
  }
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(partial.dims()));
  int64_t bytes = std::max<int64_t>(SizeOf(type), 1);
  for (int64_t d : shape.dims()) {
    if (d != 0 && __builtin_mul_overflow(bytes, d, &bytes)) {
      return MakeError(ErrorCode::kShape, "the bytes of ", ShortName(type), shape.ToString(), " overflow 64 bits");
    }
  }
  return shape;
}

StatusOr<Tensor> Decode(const tf::TensorProto& proto, std::string* movable, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const StoredTensorType tensor, TensorTypeFromProto(proto));
  const auto& [type, shape] = tensor;
  if (!proto.tensor_content().empty()) return FromContent(proto.tensor_content(), movable, type, shape);
  return FromLists(proto, type, shape, limits);
}

}  // namespace

StatusOr<Tensor> TensorFromProto(tf::TensorProto&& proto, const Limits& limits) {
  return Decode(proto, proto.mutable_tensor_content(), limits);
}

StatusOr<Tensor> TensorFromProto(const tf::TensorProto& proto, const Limits& limits) {
  return Decode(proto, nullptr, limits);
}

StatusOr<StoredTensorType> TensorTypeFromProto(const tf::TensorProto& proto) {
  MOULIN_ASSIGN_OR_RETURN(const DType type, DTypeFromProto(proto.dtype()));
  if (type == DType::kResource || type == DType::kVariant) {
    return MakeError(ErrorCode::kDType, "a tensor of type ", Name(type), " has no elements to read");
  }
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, ConcreteShape(proto.tensor_shape(), type));
  return StoredTensorType{type, shape};
}

void TensorToProto(const Tensor& tensor, tf::TensorProto* proto) {
  proto->Clear();
  proto->set_dtype(DTypeToProto(tensor.dtype()));
  ShapeToProto(tensor.shape(), proto->mutable_tensor_shape());
  if (tensor.dtype() == DType::kString) {
    for (const std::string& s : tensor.strings()) proto->add_string_val(s);
  } else if (tensor.byte_size() > 0) {
    proto->set_tensor_content(tensor.data(), tensor.byte_size());
  }
}

StatusOr<DType> DTypeFromProto(tf::DataType type) {
  const int number = static_cast<int>(type);
  if (number > 0 && number <= static_cast<int>(DType::kUInt64)) return static_cast<DType>(number);
  if (!tf::DataType_IsValid(number)) return MakeError(ErrorCode::kDType, "type ", number, " is unknown");
  const std::string& name = tf::DataType_Name(type);
  if (number == 0) return MakeError(ErrorCode::kDType, "no type is given (", name, ")");
  if (number >= kFirstReference) {
    return MakeError(ErrorCode::kDType, name, " is a reference type, which only variables have");
  }
  return MakeError(ErrorCode::kDType, name, " is not supported");
}

StatusOr<PartialShape> ShapeFromProto(const tf::TensorShapeProto& proto) {
  if (proto.unknown_rank()) {
    if (proto.dim_size() == 0) return PartialShape::UnknownRank();
    return MakeError(ErrorCode::kShape, "a shape of unknown rank with ", proto.dim_size(), " sizes");
  }
  Shape::Dims known;
  Shape::Dims all;
  for (const tf::TensorShapeProto::Dim& dim : proto.dim()) {
    if (dim.size() < kUnknownDim) return MakeError(ErrorCode::kShape, "size ", dim.size(), " in a shape");
    all.push_back(dim.size());
    known.push_back(dim.size() == kUnknownDim ? 1 : dim.size());
  }
  MOULIN_RETURN_IF_ERROR(Shape::Make(known).status());
  return PartialShape(absl::MakeConstSpan(all));
}

void ShapeToProto(const PartialShape& shape, tf::TensorShapeProto* proto) {
  proto->Clear();
  if (!shape.has_rank()) {
    proto->set_unknown_rank(true);
    return;
  }
  for (int64_t size : shape.dims()) proto->add_dim()->set_size(size);
}

}  // namespace moulin
