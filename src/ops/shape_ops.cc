// Tensors made from shapes and scalars. Tests: tests/ops/shape_ops_test.cc.
#include "ops/shape_ops.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// --- ShapeOf, SizeOfTensor, RankOf ---

// An int32 or int64 tensor; E_VALUE where a value does not fit.
StatusOr<Tensor> IntTensor(DType type, const Shape& shape, absl::Span<const int64_t> values) {
  if (type == DType::kInt64) return Tensor::Of<int64_t>(shape, values);
  if (type != DType::kInt32) {
    return MakeError(ErrorCode::kDType, "sizes are of type int32 or int64, not ", ShortName(type));
  }
  MOULIN_ASSIGN_OR_RETURN(Tensor t, Tensor::Allocate(type, shape));
  const absl::Span<int32_t> out = t.mutable_values<int32_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] > std::numeric_limits<int32_t>::max()) {
      return MakeError(ErrorCode::kValue, "size ", values[i], " does not fit in int32");
    }
    out[i] = static_cast<int32_t>(values[i]);
  }
  return t;
}

StatusOr<Tensor> ValueOf(OpKind kind, DType type, const Shape& x) {
  if (kind == OpKind::kShapeOf) return IntTensor(type, Shape{x.rank()}, x.dims());
  return IntTensor(type, Shape(), {kind == OpKind::kRankOf ? x.rank() : x.num_elements()});
}

Status CheckSizeType(DType type) {
  if (type == DType::kInt32 || type == DType::kInt64) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, "sizes are of type int32 or int64, not ", ShortName(type));
}

Status InferShapeOf(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSizeType(c.attr<ShapeOfAttrs>().type));
  c.Add(c.attr<ShapeOfAttrs>().type, PartialShape{c.shape(0).has_rank() ? c.shape(0).rank() : kUnknownDim});
  return absl::OkStatus();
}

Status InferSizeOfTensor(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSizeType(c.attr<ShapeOfAttrs>().type));
  c.Add(c.attr<ShapeOfAttrs>().type, PartialShape::OfRank(0));
  return absl::OkStatus();
}

Status InferRankOf(InferContext& c) {
  c.Add(DType::kInt32, PartialShape::OfRank(0));
  return absl::OkStatus();
}

template <OpKind kind>
Status FromShape(const KernelContext& c) {
  const DType type = kind == OpKind::kRankOf ? DType::kInt32 : std::get<ShapeOfAttrs>(c.attrs).type;
  MOULIN_ASSIGN_OR_RETURN(const Tensor value, ValueOf(kind, type, c.input(0).shape()));
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, type, value.shape()));
  CopyElements(value, 0, c.output(0), 0, value.num_elements());
  return absl::OkStatus();
}

// --- BroadcastShapes ---

Status InferBroadcastShapes(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSizeType(c.dtype(0)));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(1), "the shapes to broadcast"));
  for (int i = 0; i < 2; ++i) MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(i), 1, "a shape to broadcast"));
  const int64_t a = KnownElements(c.shape(0)), b = KnownElements(c.shape(1));
  c.Add(c.dtype(0), PartialShape{a < 0 || b < 0 ? kUnknownDim : std::max(a, b)});
  return absl::OkStatus();
}

Status BroadcastShapes(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferBroadcastShapes));
  Shape shapes[2];
  for (int i = 0; i < 2; ++i) {
    MOULIN_ASSIGN_OR_RETURN(const Ints dims, IntValues(c.input(i)));
    MOULIN_ASSIGN_OR_RETURN(shapes[i], Shape::Make(dims));
  }
  MOULIN_ASSIGN_OR_RETURN(const PartialShape both, BroadcastPartial(shapes[0], shapes[1]));
  MOULIN_ASSIGN_OR_RETURN(const Tensor value, IntTensor(c.input(0).dtype(), Shape{both.rank()}, both.dims()));
  CopyElements(value, 0, c.output(0), 0, value.num_elements());
  return absl::OkStatus();
}

// --- Range ---

// The number of elements of [start, limit) in steps of delta; E_VALUE where there is no such range.
template <typename T>
StatusOr<int64_t> RangeSize(T start, T limit, T delta) {
  using U = ArithmeticOf<T>;
  const U a = static_cast<U>(start), b = static_cast<U>(limit), d = static_cast<U>(delta);
  if (!(d > 0 || d < 0)) return MakeError(ErrorCode::kValue, "the delta of Range is 0 or not a number");
  if (d > 0 ? !(a <= b) : !(a >= b)) {
    return MakeError(ErrorCode::kValue, "Range from ", a, " to ", b, " does not go by steps of ", d);
  }
  if constexpr (std::is_integral_v<U>) {
    // Unsigned differences hold the distance of any two 64-bit integers.
    const uint64_t distance = d > 0 ? static_cast<uint64_t>(b) - static_cast<uint64_t>(a)
                                    : static_cast<uint64_t>(a) - static_cast<uint64_t>(b);
    const uint64_t step = d > 0 ? static_cast<uint64_t>(d) : uint64_t{0} - static_cast<uint64_t>(d);
    const uint64_t size = distance / step + (distance % step != 0);
    if (size <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return static_cast<int64_t>(size);
  } else {
    const double size = std::ceil(std::abs((b - a) / d));
    if (size < 9e18) return static_cast<int64_t>(size);
  }
  return MakeError(ErrorCode::kLimit, "Range from ", a, " to ", b, " by steps of ", d, " has too many elements");
}

template <typename T>
T ScalarAt(const Tensor& t) {
  return *static_cast<const T*>(t.data());
}

Status InferRange(InferContext& c) {
  const DType type = c.dtype(0);
  bool known = true;
  for (int i = 0; i < 3; ++i) {
    MOULIN_RETURN_IF_ERROR(CheckSameType(type, c.dtype(i), "the operands of Range"));
    const int64_t n = KnownElements(c.shape(i));
    if (n >= 0 && n != 1) {
      return MakeError(ErrorCode::kShape, "the operands of Range must be scalars, got shape ", c.shape(i).ToString());
    }
    known = known && c.constant(i) != nullptr;
  }
  int64_t size = kUnknownDim;
  MOULIN_RETURN_IF_ERROR(DispatchReal(type, [&](auto tag) -> Status {
    using T = decltype(tag);
    if (!known) return absl::OkStatus();
    MOULIN_ASSIGN_OR_RETURN(
        size, RangeSize(ScalarAt<T>(*c.constant(0)), ScalarAt<T>(*c.constant(1)), ScalarAt<T>(*c.constant(2))));
    return absl::OkStatus();
  }));
  return AddOutput(c, type, PartialShape{size});
}

Status Range(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferRange));
  return DispatchReal(c.input(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    using U = ArithmeticOf<T>;
    const U start = static_cast<U>(ScalarAt<T>(c.input(0))), delta = static_cast<U>(ScalarAt<T>(c.input(2)));
    auto* out = static_cast<T*>(c.output(0).mutable_data());
    const int64_t n = c.output(0).num_elements();
    for (int64_t i = 0; i < n; ++i) {
      if constexpr (std::is_integral_v<T>) {  // modulo 2^64: a product may pass the end of T on the way
        out[i] = static_cast<T>(static_cast<uint64_t>(start) + static_cast<uint64_t>(i) * static_cast<uint64_t>(delta));
      } else {
        out[i] = static_cast<T>(start + static_cast<U>(static_cast<T>(static_cast<U>(i) * delta)));
      }
    }
    return absl::OkStatus();
  });
}

// --- LinSpace ---

Status InferLinSpace(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(1), "the stop of LinSpace"));
  if (!IsFloating(c.dtype(0))) return UnsupportedType(c.dtype(0));
  for (int i = 0; i < 2; ++i) MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(i), 0, "the start and stop of LinSpace"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> count, KnownInt(c, 2, "the count of LinSpace"));
  if (count && *count <= 0) return MakeError(ErrorCode::kValue, "the count of LinSpace is ", *count, ", expected > 0");
  return AddOutput(c, c.dtype(0), PartialShape{count ? *count : kUnknownDim});
}

Status LinSpace(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferLinSpace));
  return DispatchFloating(c.input(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    using U = ArithmeticOf<T>;
    const U start = static_cast<U>(ScalarAt<T>(c.input(0))), stop = static_cast<U>(ScalarAt<T>(c.input(1)));
    const int64_t n = c.output(0).num_elements();
    auto* out = static_cast<T*>(c.output(0).mutable_data());
    const U step = n > 1 ? static_cast<U>(static_cast<T>((stop - start) / static_cast<U>(n - 1))) : U(0);
    for (int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<T>(start + static_cast<U>(static_cast<T>(step * static_cast<U>(i))));
    }
    if (n > 1) out[n - 1] = static_cast<T>(stop);
    return absl::OkStatus();
  });
}

constexpr OpDef kShapeOps[] = {
    {OpKind::kShapeOf, 1, 1, InferShapeOf, FromShape<OpKind::kShapeOf>},
    {OpKind::kSizeOfTensor, 1, 1, InferSizeOfTensor, FromShape<OpKind::kSizeOfTensor>},
    {OpKind::kRankOf, 1, 1, InferRankOf, FromShape<OpKind::kRankOf>},
    {OpKind::kBroadcastShapes, 2, 2, InferBroadcastShapes, BroadcastShapes},
    {OpKind::kRange, 3, 3, InferRange, Range, Input(0) | Input(1) | Input(2)},
    {OpKind::kLinSpace, 3, 3, InferLinSpace, LinSpace, Input(2)},
};

}  // namespace

std::optional<Tensor> ConstantOfShape(const Node& node, absl::Span<const TensorType> inputs) {
  const bool is_shape_op =
      node.kind == OpKind::kShapeOf || node.kind == OpKind::kSizeOfTensor || node.kind == OpKind::kRankOf;
  if (!is_shape_op || inputs.empty() || !inputs[0].shape.has_rank()) return std::nullopt;
  const PartialShape& shape = inputs[0].shape;
  StatusOr<Tensor> value = Tensor();
  if (node.kind == OpKind::kRankOf) {
    value = IntTensor(DType::kInt32, Shape(), {shape.rank()});
  } else if (node.kind == OpKind::kSizeOfTensor) {
    const int64_t size = KnownElements(shape);
    if (size < 0) return std::nullopt;
    value = IntTensor(node.attr<ShapeOfAttrs>().type, Shape(), {size});
  } else if (shape.IsFullyKnown()) {
    value = ValueOf(node.kind, node.attr<ShapeOfAttrs>().type, shape.ToShape());
  }
  if (!value.ok() || !value->is_valid()) return std::nullopt;  // the kernel reports the error
  return *std::move(value);
}

absl::Span<const OpDef> ShapeOps() { return kShapeOps; }

}  // namespace moulin
