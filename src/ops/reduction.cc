// Reductions along axes, and running ones. Tests: tests/ops/reduction_test.cc.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/scalar_arithmetic.h"
#include "ops/axes.h"
#include "ops/element.h"
#include "ops/graph_builder.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

bool IsNumber(DType type) { return IsFloating(type) || IsComplex(type) || IsInteger(type); }

Status CheckReducible(ReduceOp op, DType type) {
  const bool logical = op == ReduceOp::kAny || op == ReduceOp::kAll;
  const bool ordered = op == ReduceOp::kMax || op == ReduceOp::kMin;
  if (logical ? type == DType::kBool : IsNumber(type) && !(ordered && IsComplex(type))) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, "a reduction of this kind needs ",
                   logical   ? "bool"
                   : ordered ? "a real type"
                             : "a numeric type",
                   ", got ", ShortName(type));
}

// The shape of `x` without `axes`, or with size 1 there.
PartialShape ReducedShape(const PartialShape& x, absl::Span<const int> axes, bool keep_dims) {
  PartialShape out = PartialShape::OfRank(0);
  size_t next = 0;
  for (int i = 0; i < x.rank(); ++i) {
    const bool reduced = next < axes.size() && axes[next] == i;
    next += reduced;
    if (!reduced) out.push_back(x.dim(i));
    if (reduced && keep_dims) out.push_back(1);
  }
  return out;
}

// What is known before the axes are.
PartialShape ReducedShapeOfUnknownAxes(const PartialShape& x, const PartialShape& axes, bool keep_dims) {
  if (!x.has_rank()) return PartialShape::UnknownRank();
  if (keep_dims) return PartialShape::OfRank(x.rank());
  const int64_t count = KnownElements(axes);
  return count < 0 || count > x.rank() ? PartialShape::UnknownRank() : PartialShape::OfRank(x.rank() - count);
}

// --- Reduce ---

// The operands of the Map that a prologue is: the inputs without the axes.
template <typename T>
std::vector<T> PrologueOperands(absl::Span<const T> inputs) {
  std::vector<T> operands(inputs.begin(), inputs.end());
  operands.erase(operands.begin() + 1);
  return operands;
}

// The type of what is reduced.
StatusOr<TensorType> InferReduced(const InferContext& c) {
  const Expr& prologue = c.attr<ReduceAttrs>().prologue;
  if (prologue.empty()) {
    if (c.num_inputs() == 2) return c.inputs[0];
    return MakeError(ErrorCode::kArity, "expected 2 inputs without a prologue, got ", c.num_inputs());
  }
  const Attrs map = MapAttrs{prologue};
  const std::vector<TensorType> operands = PrologueOperands(c.inputs);
  const std::vector<const Tensor*> constants = PrologueOperands(c.constants);
  std::vector<TensorType> types;
  InferContext context{map, operands, constants, c.limits, &types};
  MOULIN_RETURN_IF_ERROR(GetOpDef(OpKind::kMap).infer(context));
  return types.front();
}

Status InferReduce(InferContext& c) {
  const auto& attrs = c.attr<ReduceAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const TensorType x, InferReduced(c));
  MOULIN_RETURN_IF_ERROR(CheckReducible(attrs.op, x.dtype));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> axes, KnownInts(c, 1));
  if (!axes || !x.shape.has_rank()) {
    c.Add(x.dtype, ReducedShapeOfUnknownAxes(x.shape, c.shape(1), attrs.keep_dims));
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int> normal, NormalizeAxes(*axes, x.shape.rank()));
  return AddOutput(c, x.dtype, ReducedShape(x.shape, normal, attrs.keep_dims));
}

// --- ArgReduce, Scan ---

Status InferArgReduce(InferContext& c) {
  const auto& attrs = c.attr<ArgReduceAttrs>();
  const PartialShape& x = c.shape(0);
  if (!IsNumber(c.dtype(0)) && c.dtype(0) != DType::kBool) {
    return MakeError(ErrorCode::kDType, "an arg reduction needs a numeric type, got ", ShortName(c.dtype(0)));
  }
  MOULIN_RETURN_IF_ERROR(CheckIndexType(attrs.index_type, "the index type"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 1, "the operand"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> axis, KnownInt(c, 1, "the axis"));
  if (!axis || !x.has_rank()) {
    c.Add(attrs.index_type, x.has_rank() ? PartialShape::OfRank(x.rank() - 1) : PartialShape::UnknownRank());
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(*axis, x.rank()));
  if (x.dim(a) == 0) {
    return MakeError(ErrorCode::kShape, "axis ", a, " of ", x.ToString(), " is empty: expected one element or more");
  }
  return AddOutput(c, attrs.index_type, ReducedShape(x, {a}, /*keep_dims=*/false));
}

Status InferScan(InferContext& c) {
  const bool floats_only = c.attr<ScanAttrs>().op == ScanOp::kLogSumExp;
  if (floats_only ? !IsFloating(c.dtype(0)) : !IsNumber(c.dtype(0))) {
    return MakeError(ErrorCode::kDType, "a scan of this kind needs ", floats_only ? "a floating" : "a numeric",
                     " type, got ", ShortName(c.dtype(0)));
  }
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> axis, KnownInt(c, 1, "the axis"));
  if (axis && c.shape(0).has_rank()) MOULIN_RETURN_IF_ERROR(NormalizeAxis(*axis, c.shape(0).rank()).status());
  c.Add(c.dtype(0), c.shape(0));
  return absl::OkStatus();
}

// For each element of x, which element of the result it goes to: as strides of x's axes in the result.
Shape::Dims ResultStrides(const Shape& x, absl::Span<const int> axes) {
  Shape::Dims strides(x.rank(), 0);
  int64_t stride = 1;
  for (int i = x.rank() - 1; i >= 0; --i) {
    if (std::find(axes.begin(), axes.end(), i) != axes.end()) continue;
    strides[i] = stride;
    stride *= x.dim(i);
  }
  return strides;
}

// accumulators[place of x[i]] = combine(it, x[i]).
template <typename T, typename A, typename Combine>
void Accumulate(const Tensor& x, const Shape::Dims& strides, std::vector<A>* accumulators, Combine combine) {
  const Shape& shape = x.shape();
  const auto* values = static_cast<const T*>(x.data());
  const int last = shape.rank() - 1;
  const int64_t row = last < 0 ? 1 : shape.dim(last);
  const int64_t step = last < 0 ? 0 : strides[last];
  if (x.num_elements() == 0) return;
  for (int64_t begin = 0; begin < x.num_elements(); begin += row) {
    int64_t place = 0, rest = begin / row;
    for (int axis = last - 1; axis >= 0; --axis) {
      place += rest % shape.dim(axis) * strides[axis];
      rest /= shape.dim(axis);
    }
    for (int64_t i = 0; i < row; ++i, place += step) {
      A& accumulator = (*accumulators)[place];
      accumulator = combine(accumulator, Widen(values[begin + i]));
    }
  }
}

template <typename W>
W WrappingAdd(W x, W y) {
  if constexpr (std::is_integral_v<W>)
    return scalar::Add(x, y);
  else
    return x + y;
}

template <typename W>
W WrappingMul(W x, W y) {
  if constexpr (std::is_integral_v<W>)
    return scalar::Mul(x, y);
  else
    return x * y;
}

// Where there is nothing to take the maximum or minimum of.
template <typename T>
Wide<T> LowestOf() {
  if constexpr (kIsFloatElement<T>)
    return -std::numeric_limits<double>::infinity();
  else
    return std::numeric_limits<T>::lowest();
}
template <typename T>
Wide<T> HighestOf() {
  if constexpr (kIsFloatElement<T>)
    return std::numeric_limits<double>::infinity();
  else
    return std::numeric_limits<T>::max();
}

// The mean of integers truncates; the mean of nothing is NaN, or 0 for integers.
template <typename W>
W MeanOf(W sum, int64_t count) {
  if constexpr (std::is_integral_v<W>)
    return count == 0 ? W(0) : sum / static_cast<W>(count);
  else
    return sum / static_cast<double>(count);
}

template <typename T>
Status ReduceNumbers(const KernelContext& c, const Tensor& x, ReduceOp op, const Shape::Dims& strides) {
  using W = Wide<T>;
  const int64_t size = c.output(0).num_elements();
  std::vector<W> results;
  const auto run = [&](W initial, W (*combine)(W, W)) {
    results.assign(size, initial);
    Accumulate<T>(x, strides, &results, combine);
  };
  if (op == ReduceOp::kSum || op == ReduceOp::kMean) run(W(0), WrappingAdd<W>);
  if (op == ReduceOp::kProd) run(W(1), WrappingMul<W>);
  if constexpr (!kIsComplexElement<T>) {
    if (op == ReduceOp::kMax) run(LowestOf<T>(), scalar::Max<W>);
    if (op == ReduceOp::kMin) run(HighestOf<T>(), scalar::Min<W>);
  }
  if (op == ReduceOp::kMean) {
    const int64_t count = size == 0 ? 0 : x.num_elements() / size;
    for (W& sum : results) sum = MeanOf(sum, count);
  }
  std::transform(results.begin(), results.end(), static_cast<T*>(c.output(0).mutable_data()), Narrow<T>);
  return absl::OkStatus();
}

void ReduceTruths(const KernelContext& c, const Tensor& x, bool any, const Shape::Dims& strides) {
  std::vector<uint64_t> results(c.output(0).num_elements(), any ? 0 : 1);
  const auto either = [](uint64_t x, uint64_t y) { return x | y; };
  const auto both = [](uint64_t x, uint64_t y) { return x & y; };
  any ? Accumulate<bool>(x, strides, &results, either) : Accumulate<bool>(x, strides, &results, both);
  std::copy(results.begin(), results.end(), c.output(0).mutable_values<bool>().begin());
}

// What is reduced: x, or what the prologue makes of it.
StatusOr<Tensor> ReducedTensor(const KernelContext& c) {
  const Expr& prologue = c.attr<ReduceAttrs>().prologue;
  if (prologue.empty()) return c.input(0);
  const Attrs map = MapAttrs{prologue};
  const std::vector<Tensor> operands = PrologueOperands(c.inputs);
  std::vector<Tensor> results(1);
  MOULIN_RETURN_IF_ERROR(GetOpDef(OpKind::kMap).reference({map, operands, absl::MakeSpan(results), c.limits}));
  return results.front();
}

Status RunReduce(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferReduce));
  const ReduceOp op = c.attr<ReduceAttrs>().op;
  MOULIN_ASSIGN_OR_RETURN(const Tensor x, ReducedTensor(c));
  MOULIN_ASSIGN_OR_RETURN(const Ints axes, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int> normal, NormalizeAxes(axes, x.shape().rank()));
  const Shape::Dims strides = ResultStrides(x.shape(), normal);
  if (op == ReduceOp::kAny || op == ReduceOp::kAll) {
    ReduceTruths(c, x, op == ReduceOp::kAny, strides);
    return absl::OkStatus();
  }
  return DispatchNumber(x.dtype(), "a reduction",
                        [&](auto tag) { return ReduceNumbers<decltype(tag)>(c, x, op, strides); });
}

// The place of the first largest (or smallest) of n elements; NaNs lose, and where all lose the place is 0.
template <typename T>
int64_t ArgBest(const T* x, int64_t n, int64_t stride, bool is_max) {
  int64_t best = 0;
  Wide<T> value = is_max ? LowestOf<T>() : HighestOf<T>();
  for (int64_t i = 0; i < n; ++i) {
    const Wide<T> candidate = Widen(x[i * stride]);
    if (is_max ? candidate > value : candidate < value) {
      best = i;
      value = candidate;
    }
  }
  return best;
}

template <typename T>
void ArgReduceReal(const Tensor& x, const AxisView& view, bool is_max, int64_t* best) {
  const auto* values = static_cast<const T*>(x.data());
  for (int64_t i = 0; i < view.outer * view.inner; ++i) {
    const T* first = values + i / view.inner * view.size * view.inner + i % view.inner;
    best[i] = ArgBest(first, view.size, view.inner, is_max);
  }
}

Status RunArgReduce(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferArgReduce));
  const auto& attrs = c.attr<ArgReduceAttrs>();
  const Tensor& x = c.input(0);
  MOULIN_ASSIGN_OR_RETURN(const Ints axis, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis[0], x.shape().rank()));
  const AxisView view(x.shape(), a);
  std::vector<int64_t> best(c.output(0).num_elements());
  const DType type = x.dtype() == DType::kBool ? DType::kUInt8 : x.dtype();
  MOULIN_RETURN_IF_ERROR(DispatchReal(type, "an arg reduction", [&](auto tag) {
    ArgReduceReal<decltype(tag)>(x, view, attrs.is_max, best.data());
    return absl::OkStatus();
  }));
  return StoreInts(best, &c.output(0));
}

// log(exp(x) + exp(y)).
double LogAddExp(double x, double y) {
  const double high = std::max(x, y), low = std::min(x, y);
  if (low == -std::numeric_limits<double>::infinity() || x != x) return x != x ? x : high;
  return y != y ? y : high + std::log1p(std::exp(low - high));
}

template <typename T>
void ScanAlong(const KernelContext& c, const AxisView& view, Wide<T> initial, Wide<T> (*combine)(Wide<T>, Wide<T>)) {
  const auto& attrs = c.attr<ScanAttrs>();
  const auto* x = static_cast<const T*>(c.input(0).data());
  auto* y = static_cast<T*>(c.output(0).mutable_data());
  for (int64_t i = 0; i < view.outer * view.inner; ++i) {
    const int64_t first = i / view.inner * view.size * view.inner + i % view.inner;
    Wide<T> running = initial;
    for (int64_t step = 0; step < view.size; ++step) {
      const int64_t place = first + (attrs.reverse ? view.size - 1 - step : step) * view.inner;
      const Wide<T> next = combine(running, Widen(x[place]));
      y[place] = Narrow<T>(attrs.exclusive ? running : next);
      running = next;
    }
  }
}

template <typename T>
Status Scan(const KernelContext& c, const AxisView& view) {
  using W = Wide<T>;
  switch (c.attr<ScanAttrs>().op) {
    case ScanOp::kSum:
      ScanAlong<T>(c, view, W(0), WrappingAdd<W>);
      break;
    case ScanOp::kProd:
      ScanAlong<T>(c, view, W(1), WrappingMul<W>);
      break;
    case ScanOp::kLogSumExp:
      if constexpr (kIsFloatElement<T>) ScanAlong<T>(c, view, LowestOf<T>(), LogAddExp);
      break;
  }
  return absl::OkStatus();
}

Status RunScan(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferScan));
  MOULIN_ASSIGN_OR_RETURN(const Ints axis, IntValues(c.input(1)));
  const Shape& shape = c.input(0).shape();
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis[0], shape.rank()));
  const AxisView view(shape, a);
  return DispatchNumber(c.input(0).dtype(), "a scan", [&](auto tag) { return Scan<decltype(tag)>(c, view); });
}

constexpr OpDef kReductionOps[] = {
    {OpKind::kReduce, 2, kAnyNumber, InferReduce, RunReduce, Input(1)},
    {OpKind::kArgReduce, 2, 2, InferArgReduce, RunArgReduce, Input(1)},
    {OpKind::kScan, 2, 2, InferScan, RunScan, Input(1)},
};

}  // namespace

absl::Span<const OpDef> ReductionOps() { return kReductionOps; }

}  // namespace moulin
