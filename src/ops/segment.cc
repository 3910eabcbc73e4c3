// Reductions over segments of the outermost axes. Tests: tests/ops/segment_test.cc.
#include <algorithm>

#include "ops/axes.h"
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
  if (c.shape(1).has_rank()) MOULIN_RETURN_IF_ERROR(MergeDims(c.shape(0).dim(0), c.shape(1).dim(0), "the ids").status());
  int64_t segments = kUnknownDim;
  if (ids) {
    if (!ids->empty() && ids->back() < 0) {
      return MakeError(ErrorCode::kValue, "segment id ", ids->back(), " is negative");
    }
    segments = ids->empty() ? 0 : ids->back() + 1;
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

//KERNELS

// With sorted ids the shape depends on them.
constexpr OpDef kOps[] = {
    {OpKind::kSegmentReduce, 2, 3, InferSegmentReduce, nullptr, Input(2), /*dynamic_output=*/true},
};

}  // namespace

absl::Span<const OpDef> SegmentOps() { return kOps; }

}  // namespace moulin
