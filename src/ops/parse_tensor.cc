// ParseTensor: a serialized TensorProto in a string becomes a tensor. Tests: tests/ops/host_kernels_test.cc,
// tests/cases/host_cases.py.
#include <bit>

#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"
#include "ops/wire.h"

namespace moulin {
namespace {

Status Malformed() { return MakeError(ErrorCode::kValue, "the string holds no serialized tensor"); }

// The fields of a TensorProto that matter; each type's elements in the list that it is written in.
struct ParsedTensor {
  int64_t dtype = 0;
  Shape shape;
  absl::string_view content;
  std::vector<int64_t> ints;  // of all integer fields, and the bits of 16-bit floats
  std::vector<double> floats;
  std::vector<std::string> strings;
};

StatusOr<Shape> ParseShape(absl::string_view bytes) {
  std::vector<int64_t> dims;
  WireReader shape(bytes);
  WireField field;
  while (shape.Next(&field)) {
    if (field.number == 3 && field.value != 0) return MakeError(ErrorCode::kValue, "the tensor's rank is unknown");
    if (field.number != 2 || field.type != WireType::kBytes) continue;
    int64_t size = 0;
    WireReader dim(field.payload);
    WireField number;
    while (dim.Next(&number)) {
      if (number.number == 1) size = static_cast<int64_t>(number.value);
    }
    if (dim.fault() != nullptr) return Malformed();
    dims.push_back(size);
  }
  if (shape.fault() != nullptr) return Malformed();
  return Shape::Make(dims);
}

// Reads one field; false where it is malformed.
bool ReadElements(const WireField& field, ParsedTensor* out) {
  switch (field.number) {
    case 4:
      out->content = field.payload;
      return field.type == WireType::kBytes;
    case 5:  // float_val
    case 9:  // scomplex_val
      return ForEachFixed<uint32_t>(field, [&](uint32_t bits) { out->floats.push_back(std::bit_cast<float>(bits)); });
    case 6:   // double_val
    case 12:  // dcomplex_val
      return ForEachFixed<uint64_t>(field, [&](uint64_t bits) { out->floats.push_back(std::bit_cast<double>(bits)); });
    case 7:   // int_val
    case 10:  // int64_val
    case 11:  // bool_val
    case 13:  // half_val
    case 16:  // uint32_val
    case 17:  // uint64_val
      return AppendVarints(field, &out->ints);
    case 8:
      out->strings.emplace_back(field.payload);
      return field.type == WireType::kBytes;
    default:
      return true;
  }
}

StatusOr<ParsedTensor> Parse(absl::string_view bytes) {
  ParsedTensor out;
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(&field)) {
    if (field.number == 1) out.dtype = static_cast<int64_t>(field.value);
    if (field.number == 2) {
      if (field.type != WireType::kBytes) return Malformed();
      MOULIN_ASSIGN_OR_RETURN(out.shape, ParseShape(field.payload));
    }
    if (!ReadElements(field, &out)) return Malformed();
  }
  if (reader.fault() != nullptr) return Malformed();
  return out;
}

// y[i] = values[i], the last of them repeated; zeros where there is none.
template <typename T, typename Values, typename Convert>
Status FillFrom(const Values& values, Tensor& y, Convert convert) {
  if (static_cast<int64_t>(values.size()) > y.num_elements()) {
    return MakeError(ErrorCode::kValue, "the tensor has ", values.size(), " elements for the shape ",
                     y.shape().ToString());
  }
  auto* out = static_cast<T*>(y.mutable_data());
  for (int64_t i = 0; i < y.num_elements() && !values.empty(); ++i) {
    out[i] = convert(values[std::min<size_t>(i, values.size() - 1)]);
  }
  return absl::OkStatus();
}

template <typename T>
Status FillComplex(const std::vector<double>& parts, Tensor& y) {
  std::vector<T> values;
  for (size_t i = 0; i + 1 < parts.size(); i += 2) {
    values.emplace_back(static_cast<typename T::value_type>(parts[i]),
                        static_cast<typename T::value_type>(parts[i + 1]));
  }
  return FillFrom<T>(values, y, [](T v) { return v; });
}

Status Fill(const ParsedTensor& parsed, Tensor& y) {
  const DType type = y.dtype();
  if (type == DType::kString) return FillFrom<std::string>(parsed.strings, y, [](const std::string& s) { return s; });
  if (!parsed.content.empty()) {
    const int64_t bytes = y.num_elements() * SizeOf(type);
    if (static_cast<int64_t>(parsed.content.size()) != bytes) {
      return MakeError(ErrorCode::kValue, "expected ", bytes, " bytes of elements, got ", parsed.content.size());
    }
    std::memcpy(y.mutable_data(), parsed.content.data(), bytes);
    if (type != DType::kBool) return absl::OkStatus();
    return FillFrom<uint8_t>(absl::MakeConstSpan(static_cast<const uint8_t*>(y.data()), bytes), y,
                             [](uint8_t b) { return static_cast<uint8_t>(b != 0); });
  }
  if (type == DType::kBool) return FillFrom<uint8_t>(parsed.ints, y, [](int64_t v) { return uint8_t{v != 0}; });
  if (type == DType::kComplex64) return FillComplex<std::complex<float>>(parsed.floats, y);
  if (type == DType::kComplex128) return FillComplex<std::complex<double>>(parsed.floats, y);
  if (type == DType::kFloat16 || type == DType::kBFloat16) {
    return FillFrom<uint16_t>(parsed.ints, y, [](int64_t bits) { return static_cast<uint16_t>(bits); });
  }
  return DispatchReal(type, [&](auto tag) {
    using T = decltype(tag);
    if constexpr (std::is_floating_point_v<T>) {
      return FillFrom<T>(parsed.floats, y, [](double v) { return static_cast<T>(v); });
    } else if constexpr (std::is_integral_v<T>) {
      return FillFrom<T>(parsed.ints, y, [](int64_t v) { return static_cast<T>(v); });
    }
    return UnsupportedType(type);
  });
}

Status ParseTensor(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, OnlyString(c.input(0), "the serialized tensor"));
  MOULIN_ASSIGN_OR_RETURN(const ParsedTensor parsed, Parse(bytes));
  const std::vector<DType>& types = c.attr<HostOpAttrs>().output_types;
  if (types.size() != 1) return MakeError(ErrorCode::kAttribute, "missing attribute \"out_type\"");
  if (parsed.dtype != static_cast<int64_t>(types[0])) {
    return MakeError(ErrorCode::kValue, "expected a tensor of type ", Name(types[0]), ", got type number ",
                     parsed.dtype);
  }
  // A few bytes may stand for many equal elements.
  const int64_t size = types[0] == DType::kString ? static_cast<int64_t>(sizeof(std::string)) : SizeOf(types[0]);
  const std::optional<int64_t> total = MulDims(parsed.shape.num_elements(), size);
  if (!total || *total > c.limits.tensor_bytes) {
    return MakeError(ErrorCode::kLimit, "expected a tensor of at most ", c.limits.tensor_bytes, " bytes, got shape ",
                     parsed.shape.ToString());
  }
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, types[0], parsed.shape));
  return Fill(parsed, c.output(0));
}

constexpr HostOp kParseTensorKernels[] = {{"ParseTensor", 1, 1, InferUnknown, ParseTensor}};

}  // namespace

absl::Span<const HostOp> ParseTensorKernels() { return kParseTensorKernels; }

}  // namespace moulin
