// Reductions over segments of the outermost axes. Tests: tests/ops/segment_test.cc.
#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/scalar_arithmetic.h"
#include "ops/axes.h"
#include "ops/element.h"
#include "ops/graph_builder.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

Status CheckSegmentTypes(const InferContext& c, SegmentOp op) {
  const DType type = c.dtype(0);
  const bool ordered = op == SegmentOp::kMax || op == SegmentOp::kMin;
  if (!IsFloating(type) && !IsInteger(type) && !(IsComplex(type) && !ordered)) {
    return MakeError(ErrorCode::kDType, "a segment reduction needs a ", ordered ? "real" : "numeric", " type, got ",
                     ShortName(type));
  }
  return CheckIndexType(c.dtype(1), "the segment ids");
}

// Sorted ids: as many segments as the last id says.
Status InferSortedSegments(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), 1, "the data"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 1, "sorted segment ids"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> ids, KnownInts(c, 1));
  if (!c.shape(0).has_rank()) {
    c.Add(c.dtype(0), PartialShape::UnknownRank());
    return absl::OkStatus();
  }
  if (c.shape(1).has_rank())
    MOULIN_RETURN_IF_ERROR(MergeDims(c.shape(0).dim(0), c.shape(1).dim(0), "the ids").status());
  int64_t segments = kUnknownDim;
  if (ids && ids->empty()) segments = 0;
  if (ids && !ids->empty()) {
    const int64_t last = ids->back();
    if (last < 0 || last == std::numeric_limits<int64_t>::max()) {
      return MakeError(ErrorCode::kValue, "the last segment id is ", last, ": expected 0 or more, below 2^63 - 1");
    }
    segments = last + 1;
  }
  PartialShape out = c.shape(0);
  out.set_dim(0, segments);
  return AddOutput(c, c.dtype(0), out);
}

// Unsorted ids: their shape is how the data's shape begins.
Status InferUnsortedSegments(InferContext& c) {
  const PartialShape& data = c.shape(0);
  const PartialShape& ids = c.shape(1);
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> segments, KnownInt(c, 2, "the number of segments"));
  if (segments && *segments < 0) {
    return MakeError(ErrorCode::kValue, "the number of segments is ", *segments, ": expected 0 or more");
  }
  if (!data.has_rank() || !ids.has_rank()) {
    c.Add(c.dtype(0), PartialShape::UnknownRank());
    return absl::OkStatus();
  }
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(data, ids.rank(), "the data"));
  MOULIN_RETURN_IF_ERROR(MergeShapes(SubShape(data, 0, ids.rank()), ids, "the segment ids").status());
  const PartialShape rest = SubShape(data, ids.rank(), data.rank());
  return AddOutput(c, c.dtype(0), ConcatShapes({segments ? *segments : kUnknownDim}, rest));
}

Status InferSegmentReduce(InferContext& c) {
  const auto& attrs = c.attr<SegmentReduceAttrs>();
  MOULIN_RETURN_IF_ERROR(CheckSegmentTypes(c, attrs.op));
  const int expected = attrs.sorted ? 2 : 3;
  if (c.num_inputs() != expected) {
    return MakeError(ErrorCode::kArity, "expected ", expected, " inputs, got ", c.num_inputs());
  }
  return attrs.sorted ? InferSortedSegments(c) : InferUnsortedSegments(c);
}

Status CheckSortedIds(absl::Span<const int64_t> ids) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0) return MakeError(ErrorCode::kValue, "segment id ", ids[i], " at ", i, " is negative");
    if (i > 0 && ids[i] < ids[i - 1]) {
      return MakeError(ErrorCode::kValue, "segment ids must ascend, got ", ids[i], " after ", ids[i - 1], " at ", i);
    }
  }
  return absl::OkStatus();
}

Status CheckUnsortedIds(absl::Span<const int64_t> ids, int64_t segments) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= segments) {
      return MakeError(ErrorCode::kValue, "segment id ", ids[i], " at ", i, ": expected one below ", segments);
    }
  }
  return absl::OkStatus();
}

// What a segment with no rows holds: the neutral element, but 0 for the maximum or minimum over sorted ids.
template <typename T>
T EmptySegment(SegmentOp op, bool sorted) {
  if (op == SegmentOp::kProd) return Narrow<T>(Wide<T>(1));
  if constexpr (!kIsComplexElement<T>) {
    if (!sorted && op == SegmentOp::kMax) return Lowest<T>();
    if (!sorted && op == SegmentOp::kMin) return Highest<T>();
  }
  return Narrow<T>(Wide<T>(0));
}

template <typename W>
W Combine(SegmentOp op, W x, W y) {
  if constexpr (!std::is_same_v<W, std::complex<double>>) {
    if (op == SegmentOp::kMax) return scalar::Max(x, y);
    if (op == SegmentOp::kMin) return scalar::Min(x, y);
  }
  if constexpr (std::is_integral_v<W>)
    return op == SegmentOp::kProd ? scalar::Mul(x, y) : scalar::Add(x, y);
  else
    return op == SegmentOp::kProd ? x * y : x + y;
}

template <typename T>
Status ReduceSegments(const KernelContext& c, absl::Span<const int64_t> ids) {
  using W = Wide<T>;
  const auto& attrs = c.attr<SegmentReduceAttrs>();
  Tensor& out = c.output(0);
  const int64_t segments = out.shape().dim(0);
  const int64_t row = segments == 0 ? 0 : out.num_elements() / segments;
  const auto* x = static_cast<const T*>(c.input(0).data());
  std::vector<W> results(out.num_elements());
  std::vector<int64_t> counts(segments, 0);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0) continue;
    const bool first = counts[ids[i]]++ == 0;
    for (int64_t j = 0; j < row; ++j) {
      W& result = results[ids[i] * row + j];
      const W value = Widen(x[i * row + j]);
      result = first ? value : Combine(attrs.op, result, value);
    }
  }
  auto* y = static_cast<T*>(out.mutable_data());
  for (int64_t i = 0; i < out.num_elements(); ++i) {
    const int64_t count = counts[i / row];
    if (attrs.op == SegmentOp::kMean && count > 0) results[i] /= static_cast<W>(count);
    y[i] = count > 0 ? Narrow<T>(results[i]) : EmptySegment<T>(attrs.op, attrs.sorted);
  }
  return absl::OkStatus();
}

Status RunSegmentReduce(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSegmentReduce));
  MOULIN_ASSIGN_OR_RETURN(const Ints ids, IntValues(c.input(1)));
  MOULIN_RETURN_IF_ERROR(c.attr<SegmentReduceAttrs>().sorted ? CheckSortedIds(ids)
                                                             : CheckUnsortedIds(ids, c.output(0).shape().dim(0)));
  return DispatchNumber(c.input(0).dtype(), "a segment reduction",
                        [&](auto tag) { return ReduceSegments<decltype(tag)>(c, ids); });
}

// With sorted ids the shape depends on them.
constexpr OpDef kSegmentOps[] = {
    {OpKind::kSegmentReduce, 2, 3, InferSegmentReduce, RunSegmentReduce, Input(2), /*dynamic_output=*/true},
};

}  // namespace

absl::Span<const OpDef> SegmentOps() { return kSegmentOps; }

}  // namespace moulin
