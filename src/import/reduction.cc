// Reductions, arg forms, scans, the k largest, segments, and counts by value.
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

template <ReduceOp op>
void LowerReduce(LoweringContext& c) {
  c.Output(c.b.Add(OpKind::kReduce, ReduceAttrs{op, c.Bool("keep_dims", false)}, c.inputs()));
}

void LowerEuclideanNorm(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const Term x(b, c.input(0));
  const Term square = IsComplex(x.dtype()) ? x * x.Apply(ExprOp::kConj) : x * x;
  const ReduceAttrs attrs{ReduceOp::kSum, c.Bool("keep_dims", false)};
  const Term sum(b, b.Add(OpKind::kReduce, attrs, {square, c.input(1)}));
  if (IsInteger(x.dtype())) {  // the root of an integer is truncated
    c.Output(sum.Cast(DType::kFloat64).Apply(ExprOp::kSqrt).Cast(x.dtype()));
  } else {
    c.Output(sum.Apply(ExprOp::kSqrt));
  }
}

// Half the sum of squares.
void LowerL2Loss(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const Term x(b, Flatten(b, c.input(0)));
  c.Output(Term(b, b.Reduce(ReduceOp::kSum, x * x, {0}, false)) * 0.5);
}

template <bool is_max>
void LowerArg(LoweringContext& c) {
  const DType type = c.Type("output_type", DType::kInt64);
  c.Output(c.b.Add(OpKind::kArgReduce, ArgReduceAttrs{is_max, type}, c.inputs()));
}

template <ScanOp op>
void LowerScan(LoweringContext& c) {
  c.Output(c.b.Add(OpKind::kScan, ScanAttrs{op, c.Bool("exclusive", false), c.Bool("reverse", false)}, c.inputs()));
}

void LowerTopK(LoweringContext& c) {
  const int64_t k = c.Int("k", -1);
  if (k < 0) {
    c.BadAttr("k", absl::StrCat("should be at least 0, found ", k));
    return;
  }
  const TopKAttrs attrs{c.Bool("sorted", true), DType::kInt32};
  c.Outputs(c.b.AddMulti(OpKind::kTopK, attrs, {c.input(0), c.b.Int(k)}));
}

void LowerTopKV2(LoweringContext& c) {
  const TopKAttrs attrs{c.Bool("sorted", true), c.Type("index_type", DType::kInt32)};
  c.Outputs(c.b.AddMulti(OpKind::kTopK, attrs, {c.input(0), c.input(1)}));
}

// The n-th smallest is the last of the (size - n) largest; reversed, the n-th largest is the last of the n + 1 largest.
void LowerNthElement(LoweringContext& c) {
  if (!RankIsKnown(c, 0)) return;
  GraphBuilder& b = c.b;
  const int rank = c.shape(0).rank();
  if (rank < 1) {
    b.Fail(MakeError(ErrorCode::kShape, "input 0 should have rank 1 or more, found a scalar"));
    return;
  }
  const Term n(b, b.Cast(c.input(1), DType::kInt64));
  const Term size(b, ScalarFrom(b, DimOf(b, c.input(0), rank - 1)));
  const Term k = c.Bool("reverse", false) ? n + 1.0 : size - n;
  const std::vector<ValueId> top = b.AddMulti(OpKind::kTopK, TopKAttrs{}, {c.input(0), k});
  if (!b.ok()) return;
  c.Output(b.Add(OpKind::kGather, GatherAttrs{}, {top[0], k - 1.0, b.Int(rank - 1)}));
}

template <SegmentOp op, bool sorted>
void LowerSegment(LoweringContext& c) {
  c.Output(c.b.Add(OpKind::kSegmentReduce, SegmentReduceAttrs{op, sorted}, c.inputs()));
}

// Sums, means or sums over the root of the count, of rows picked by `indices`; the ids ascend. The WithNumSegments
// forms give the number of segments.
void LowerSparseSegment(LoweringContext& c, SegmentOp op, bool by_root_of_count) {
  GraphBuilder& b = c.b;
  if (by_root_of_count && !RankIsKnown(c, 0)) return;
  const ValueId rows = b.Add(OpKind::kGather, GatherAttrs{}, {c.input(0), c.input(1), b.Int(0)});
  const auto reduce = [&](SegmentOp segment_op, ValueId data) {
    const SegmentReduceAttrs attrs{segment_op, c.num_inputs() == 3};
    if (c.num_inputs() == 3) return b.Add(OpKind::kSegmentReduce, attrs, {data, c.input(2)});
    return b.Add(OpKind::kSegmentReduce, attrs, {data, c.input(2), c.input(3)});
  };
  const ValueId result = reduce(op, rows);
  if (!by_root_of_count) {
    c.Output(result);
    return;
  }
  const ValueId ones = b.Add(OpKind::kBroadcast, NoAttrs{}, {b.ScalarLike(c.input(0), 1), b.ShapeOf(c.input(2))});
  const ValueId counts = reduce(SegmentOp::kSum, ones);
  std::vector<ValueId> sizes(c.shape(0).rank(), b.Ints({1}));
  sizes[0] = DimOf(b, counts, 0);
  const Term root = Term(b, ReshapeTo(b, counts, sizes)).Max(1).Apply(ExprOp::kSqrt);
  c.Output(Term(b, result) / root);
}

template <SegmentOp op, bool by_root_of_count>
void LowerSparseSegment(LoweringContext& c) {
  LowerSparseSegment(c, op, by_root_of_count);
}

// For each number below `size`, the sum of the weights at the ids that are it; ids beyond are left out.
ValueId CountIds(GraphBuilder& b, ValueId ids, ValueId weights, ValueId size) {
  const Term id(b, ids), limit(b, b.Cast(size, b.dtype(ids)));
  const Term kept = (id < limit).Select(id, id.Like(-1));
  return b.Add(OpKind::kSegmentReduce, SegmentReduceAttrs{SegmentOp::kSum, false}, {weights, kept, size});
}

// The weights flattened, or ones of their type where they are empty.
bool WeightsOrOnes(LoweringContext& c, int i, ValueId like, ValueId* weights) {
  GraphBuilder& b = c.b;
  if (!c.shape(i).IsFullyKnown()) {
    c.NotYet("weights of a shape that is not known");
    return false;
  }
  if (c.shape(i).ToShape().num_elements() > 0) {
    *weights = Flatten(b, c.input(i));
  } else {
    *weights = b.Add(OpKind::kBroadcast, NoAttrs{}, {b.ScalarLike(c.input(i), 1), b.ShapeOf(like)});
  }
  return b.ok();
}

void LowerBincount(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const ValueId ids = Flatten(b, c.input(0));
  ValueId weights;
  if (!WeightsOrOnes(c, 2, ids, &weights)) return;
  c.Output(CountIds(b, ids, weights, b.Reshape(c.input(1), b.Ints(absl::Span<const int64_t>()))));
}

// Of a vector, or of each row of a matrix: the counts of row r are those of ids moved on by r * size.
void LowerDenseBincount(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsOneOf(c, 0, {1, 2})) return;
  const ValueId size = b.Reshape(b.Cast(c.input(1), DType::kInt64), b.Ints(absl::Span<const int64_t>()));
  const Term x(b, b.Cast(c.input(0), DType::kInt64)), limit(b, size);
  ValueId ids = x, total = size;
  if (c.shape(0).rank() == 2) {
    const ValueId rows = ScalarFrom(b, DimOf(b, c.input(0), 0));
    const Term row(b, b.Add(OpKind::kRange, NoAttrs{}, {b.Int(0), rows, b.Int(1)}));
    const Term offset = Term(b, b.ExpandDims(row, 1)) * limit;
    ids = Flatten(b, (x < limit).Select(x + offset, x.Like(-1)));
    total = Term(b, rows) * limit;
  }
  ValueId weights;
  if (!WeightsOrOnes(c, 2, ids, &weights)) return;
  ValueId counts = CountIds(b, ids, weights, total);
  if (c.Bool("binary_output", false)) {
    const ValueId ones = b.Add(OpKind::kBroadcast, NoAttrs{}, {b.ScalarLike(weights, 1), b.ShapeOf(ids)});
    counts = (Term(b, CountIds(b, ids, ones, total)) > 0.0).Cast(c.dtype(2));
  }
  if (c.shape(0).rank() == 2) {
    counts = ReshapeTo(b, counts, {DimOf(b, c.input(0), 0), b.Reshape(size, b.Ints({1}))});
  }
  c.Output(counts);
}

// Bins of equal width between the two numbers of `value_range`; what lies outside counts in the first and last bin.
void LowerHistogramFixedWidth(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const DType type = c.Type("dtype", DType::kInt32);
  const Term low(b, ElementOf(b, c.input(1), 0)), high(b, ElementOf(b, c.input(1), 1));
  const Term bins(b, b.Cast(c.input(2), DType::kInt32));
  const Term step = (high.Cast(DType::kFloat64) - low.Cast(DType::kFloat64)) / bins.Cast(DType::kFloat64);
  const Term x(b, Flatten(b, c.input(0)));
  const Term place = (x.Max(low) - low).Cast(DType::kFloat64) / step;
  // Clamped before it becomes an integer, which could not hold it.
  const ValueId bin = place.Min(bins.Cast(DType::kFloat64) - 1.0).Cast(DType::kInt32);
  const ValueId ones = b.Add(OpKind::kBroadcast, NoAttrs{}, {b.Scalar(type, 1), b.ShapeOf(x)});
  c.Output(b.Add(OpKind::kSegmentReduce, SegmentReduceAttrs{SegmentOp::kSum, false}, {ones, bin, bins}));
}

// Whether fewer than k classes of the row are better than the target; never where a score is not finite or the target
// is no class.
void LowerInTopK(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const Term scores(b, c.input(0)), targets(b, c.input(1));
  const Term classes = Term(b, ScalarFrom(b, DimOf(b, scores, 1))).Cast(targets.dtype());
  const ValueId k = c.num_inputs() == 3 ? b.Cast(c.input(2), DType::kInt64) : b.Int(c.Int("k", 0));
  const Term is_class = targets >= targets.Like(0) && targets < classes;
  const Term column(b, b.ExpandDims(targets.Max(0).Min(classes - 1.0), 1));
  const Term of_target(b, b.Add(OpKind::kGather, GatherAttrs{1}, {scores, column, b.Int(1)}));
  const Term better(b, b.Reduce(ReduceOp::kSum, (scores > of_target).Cast(DType::kInt64), {1}, false));
  const Term finite(b, b.Reduce(ReduceOp::kAll, scores.Apply(ExprOp::kIsFinite), {1}, false));
  c.Output(is_class && finite && better < Term(b, k));
}

// How many boundaries each element is not below.
void LowerBucketize(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsKnown(c, 0)) return;
  const std::vector<float> boundaries = c.Floats("boundaries");
  const Tensor values = Tensor::Of<float>(Shape{static_cast<int64_t>(boundaries.size())}, boundaries);
  const DType type = c.dtype(0) == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  const Term x = Term(b, b.ExpandDims(c.input(0), c.shape(0).rank())).Cast(type);
  const Term reached = !(x < Term(b, b.Constant(values)).Cast(type));
  c.Output(b.Reduce(ReduceOp::kSum, reached.Cast(DType::kInt32), {c.shape(0).rank()}, false));
}

// For each value, the first place in its row of sorted numbers that is not below (lower) or is above (upper) it: by
// halving what is left of the row, in as many steps as any row of that length takes, so that a row that is not sorted
// gives what TensorFlow finds in it.
template <bool lower>
void LowerBound(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsOneOf(c, 0, {2}) || !RankIsOneOf(c, 1, {2})) return;
  const int64_t length = c.shape(0).dim(1);
  if (length == kUnknownDim) return c.NotYet("the length of the sorted rows is not known");
  const Term values(b, c.input(1));
  const Term zeros(b, b.Add(OpKind::kBroadcast, NoAttrs{}, {b.Int(0), b.ShapeOf(values)}));
  Term first = zeros, left = zeros + static_cast<double>(length);
  for (int64_t most = length; most > 0; most /= 2) {
    const Term half(b, b.Binary(ExprOp::kFloorDiv, left, b.Int(2)));
    const Term middle = first + half;
    // Where nothing is left the element is not looked at; its place may be behind the row.
    const ValueId place = middle.Min(static_cast<double>(length - 1));
    const Term element(b, b.Add(OpKind::kGather, GatherAttrs{1}, {c.input(0), place, b.Int(1)}));
    const Term is_before = left > 0.0 && (lower ? element < values : !(values < element));
    first = is_before.Select(middle + 1.0, first);
    left = is_before.Select(left - half - 1.0, half);
  }
  c.Output(first.Cast(c.Type("out_type", DType::kInt32)));
}

constexpr OpLowering kReductionLowerings[] = {
    {"Sum", 2, 2, LowerReduce<ReduceOp::kSum>},
    {"Mean", 2, 2, LowerReduce<ReduceOp::kMean>},
    {"Prod", 2, 2, LowerReduce<ReduceOp::kProd>},
    {"Max", 2, 2, LowerReduce<ReduceOp::kMax>},
    {"Min", 2, 2, LowerReduce<ReduceOp::kMin>},
    {"Any", 2, 2, LowerReduce<ReduceOp::kAny>},
    {"All", 2, 2, LowerReduce<ReduceOp::kAll>},
    {"EuclideanNorm", 2, 2, LowerEuclideanNorm},
    {"L2Loss", 1, 1, LowerL2Loss},
    {"ArgMax", 2, 2, LowerArg<true>},
    {"ArgMin", 2, 2, LowerArg<false>},
    {"Cumsum", 2, 2, LowerScan<ScanOp::kSum>},
    {"Cumprod", 2, 2, LowerScan<ScanOp::kProd>},
    {"CumulativeLogsumexp", 2, 2, LowerScan<ScanOp::kLogSumExp>},
    {"TopK", 1, 1, LowerTopK},
    {"TopKV2", 2, 2, LowerTopKV2},
    {"NthElement", 2, 2, LowerNthElement},
    {"SegmentSum", 2, 2, LowerSegment<SegmentOp::kSum, true>},
    {"SegmentMean", 2, 2, LowerSegment<SegmentOp::kMean, true>},
    {"SegmentProd", 2, 2, LowerSegment<SegmentOp::kProd, true>},
    {"SegmentMax", 2, 2, LowerSegment<SegmentOp::kMax, true>},
    {"SegmentMin", 2, 2, LowerSegment<SegmentOp::kMin, true>},
    {"SegmentSumV2", 3, 3, LowerSegment<SegmentOp::kSum, false>},
    {"SegmentProdV2", 3, 3, LowerSegment<SegmentOp::kProd, false>},
    {"SegmentMaxV2", 3, 3, LowerSegment<SegmentOp::kMax, false>},
    {"SegmentMinV2", 3, 3, LowerSegment<SegmentOp::kMin, false>},
    {"UnsortedSegmentSum", 3, 3, LowerSegment<SegmentOp::kSum, false>},
    {"UnsortedSegmentProd", 3, 3, LowerSegment<SegmentOp::kProd, false>},
    {"UnsortedSegmentMax", 3, 3, LowerSegment<SegmentOp::kMax, false>},
    {"UnsortedSegmentMin", 3, 3, LowerSegment<SegmentOp::kMin, false>},
    {"SparseSegmentSum", 3, 3, LowerSparseSegment<SegmentOp::kSum, false>},
    {"SparseSegmentMean", 3, 3, LowerSparseSegment<SegmentOp::kMean, false>},
    {"SparseSegmentSqrtN", 3, 3, LowerSparseSegment<SegmentOp::kSum, true>},
    {"SparseSegmentSumWithNumSegments", 4, 4, LowerSparseSegment<SegmentOp::kSum, false>},
    {"SparseSegmentMeanWithNumSegments", 4, 4, LowerSparseSegment<SegmentOp::kMean, false>},
    {"SparseSegmentSqrtNWithNumSegments", 4, 4, LowerSparseSegment<SegmentOp::kSum, true>},
    {"Bincount", 3, 3, LowerBincount},
    {"DenseBincount", 3, 3, LowerDenseBincount},
    {"HistogramFixedWidth", 3, 3, LowerHistogramFixedWidth},
    {"InTopK", 2, 2, LowerInTopK},
    {"InTopKV2", 3, 3, LowerInTopK},
    {"Bucketize", 1, 1, LowerBucketize},
    {"LowerBound", 2, 2, LowerBound<true>},
    {"UpperBound", 2, 2, LowerBound<false>},
};

}  // namespace

absl::Span<const OpLowering> ReductionLowerings() { return kReductionLowerings; }

}  // namespace moulin
