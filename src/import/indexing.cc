// Gathers, scatters, one-hot, and ops whose result's shape depends on the elements (where, unique, partitions).
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

void LowerGather(LoweringContext& c) {
  c.Output(c.b.Add(OpKind::kGather, GatherAttrs{}, {c.input(0), c.input(1), c.b.Int(0)}));
}

void LowerGatherV2(LoweringContext& c) {
  GatherAttrs attrs;
  attrs.batch_dims = c.Int("batch_dims", 0);
  if (attrs.batch_dims != 0) {
    if (!RankIsKnown(c, 1)) return;
    const int rank = c.shape(1).rank();
    if (attrs.batch_dims < -rank || attrs.batch_dims > rank) {
      c.BadAttr("batch_dims", absl::StrCat("should be in [", -rank, ", ", rank, "], found ", attrs.batch_dims));
      return;
    }
    if (attrs.batch_dims < 0) attrs.batch_dims += rank;
  }
  c.Output(c.b.Add(OpKind::kGather, attrs, c.inputs()));
}

void LowerGatherNd(LoweringContext& c) { c.Output(c.b.Add(OpKind::kGatherNd, GatherAttrs{}, c.inputs())); }

void LowerScatterNd(LoweringContext& c) { c.Output(c.b.Add(OpKind::kScatterNd, ScatterAttrs{}, c.inputs())); }

template <ScatterOp op>
void LowerTensorScatter(LoweringContext& c) {
  c.Output(c.b.Add(OpKind::kTensorScatter, ScatterAttrs{op}, c.inputs()));
}

void LowerOneHot(LoweringContext& c) { c.Output(c.b.Add(OpKind::kOneHot, OneHotAttrs{c.Int("axis", -1)}, c.inputs())); }

void LowerWhere(LoweringContext& c) { c.Output(c.b.Add(OpKind::kWhere, NoAttrs{}, c.inputs())); }

// Outputs by version: values, the index of each element, and (WithCounts) how often each value stands.
void LowerUniqueAlong(LoweringContext& c, ValueId axis, bool with_counts) {
  const UniqueAttrs attrs{c.Type("out_idx", DType::kInt32)};
  std::vector<ValueId> outputs = c.b.AddMulti(OpKind::kUnique, attrs, {c.input(0), axis});
  if (!c.b.ok()) return;
  outputs.resize(with_counts ? 3 : 2);
  c.Outputs(outputs);
}

template <bool with_counts>
void LowerUnique(LoweringContext& c) {
  LowerUniqueAlong(c, c.b.Int(0), with_counts);
}

// The axis is a vector; an empty one stands for the only axis.
template <bool with_counts>
void LowerUniqueV2(LoweringContext& c) {
  const std::vector<int64_t> axes = c.ConstantInts(1);
  if (!c.b.ok()) return;
  if (axes.size() > 1) {
    c.BadAttr("axis", absl::StrCat("should be one axis, found ", axes.size()));
    return;
  }
  LowerUniqueAlong(c, c.b.Int(axes.empty() ? 0 : axes[0]), with_counts);
}

// The coordinates where `condition` holds.
ValueId PlacesOf(GraphBuilder& b, ValueId condition) { return b.Add(OpKind::kWhere, NoAttrs{}, {condition}); }

// What is in the first list but not in the second, and its places in the first.
void LowerListDiff(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const Term x(b, b.ExpandDims(c.input(0), 1)), y(b, b.ExpandDims(c.input(1), 0));
  const Term excluded(b, b.Reduce(ReduceOp::kAny, x == y, {1}, false));
  const ValueId places = b.Squeeze(PlacesOf(b, !excluded), {1});
  c.Output(b.Add(OpKind::kGather, GatherAttrs{}, {c.input(0), places, b.Int(0)}));
  c.Output(b.Cast(places, c.Type("out_idx", DType::kInt32)));
}

void LowerDynamicPartition(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const int64_t count = c.Int("num_partitions", 0);
  if (count < 1 || count > c.b.limits().inputs_per_node) {
    c.BadAttr("num_partitions", absl::StrCat("should be in [1, ", c.b.limits().inputs_per_node, "], found ", count));
    return;
  }
  const Term partitions(b, c.input(1));
  for (int64_t i = 0; i < count && b.ok(); ++i) {
    const ValueId places = PlacesOf(b, partitions == partitions.Like(i));
    c.Output(b.Add(OpKind::kGatherNd, GatherAttrs{}, {c.input(0), places}));
  }
}

// Rows of several tensors at the places that their indices tell; of two rows for one place the later wins. The result
// has as many rows as the highest index asks for.
void LowerDynamicStitch(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const int n = c.num_inputs() / 2;
  if (c.num_inputs() % 2 != 0) {
    b.Fail(MakeError(ErrorCode::kArity, "as many data as indices expected, found ", c.num_inputs(), " inputs"));
    return;
  }
  std::vector<ValueId> indices, rows, row_sizes;
  for (int i = 0; i < n; ++i) {
    if (!RankIsKnown(c, i) || !RankIsKnown(c, n + i)) return;
    const int index_rank = c.shape(i).rank(), rank = c.shape(n + i).rank();
    if (rank < index_rank) {
      b.Fail(MakeError(ErrorCode::kShape, "data ", i, " should have rank ", index_rank, " or more, found ",
                       c.shape(n + i).ToString()));
      return;
    }
    row_sizes = DimsOf(b, c.input(n + i), index_rank, rank);
    std::vector<ValueId> sizes = row_sizes;
    sizes.insert(sizes.begin(), ProductOf(b, DimsOf(b, c.input(i), 0, index_rank)));
    indices.push_back(Flatten(b, c.input(i)));
    rows.push_back(ReshapeTo(b, c.input(n + i), sizes));
  }
  if (!b.ok()) return;
  const ValueId all = n == 1 ? indices[0] : b.Concat(indices, 0);
  const ValueId updates = n == 1 ? rows[0] : b.Concat(rows, 0);
  // The -1 gives a count of 0 where there are no indices.
  const Term with_floor(b, b.Concat({all, b.Reshape(b.ScalarLike(all, -1), b.Ints({1}))}, 0));
  const Term count = Term(b, b.Reduce(ReduceOp::kMax, with_floor, {0}, true)).Cast(DType::kInt64) + 1.0;
  row_sizes.insert(row_sizes.begin(), count);
  c.Output(b.Add(OpKind::kScatterNd, ScatterAttrs{ScatterOp::kUpdate},
                 {b.ExpandDims(all, 1), updates, ShapeFrom(b, row_sizes)}));
}

// Flat indices into a tensor of sizes `dims`, as coordinates: a row for each axis.
void LowerUnravelIndex(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsOneOf(c, 0, {0, 1})) return;
  ValueId dims = c.input(1);
  const ScanAttrs from_inside{ScanOp::kProd, true, true};
  ValueId strides = b.Add(OpKind::kScan, from_inside, {dims, b.Int(0)});
  if (c.shape(0).rank() == 1) {
    dims = b.ExpandDims(dims, 1);
    strides = b.ExpandDims(strides, 1);
  }
  const Term at = Term(b, c.input(0)).Apply(ExprOp::kFloorDiv, Term(b, strides));
  c.Output(at.Apply(ExprOp::kFloorMod, Term(b, dims)));
}

constexpr OpLowering kIndexingLowerings[] = {
    {"Gather", 2, 2, LowerGather},
    {"GatherV2", 3, 3, LowerGatherV2},
    {"GatherNd", 2, 2, LowerGatherNd},
    {"ScatterNd", 3, 3, LowerScatterNd},
    {"ScatterNdNonAliasingAdd", 3, 3, LowerTensorScatter<ScatterOp::kAdd>},
    {"TensorScatterAdd", 3, 3, LowerTensorScatter<ScatterOp::kAdd>},
    {"TensorScatterSub", 3, 3, LowerTensorScatter<ScatterOp::kSub>},
    {"TensorScatterUpdate", 3, 3, LowerTensorScatter<ScatterOp::kUpdate>},
    {"TensorScatterMin", 3, 3, LowerTensorScatter<ScatterOp::kMin>},
    {"TensorScatterMax", 3, 3, LowerTensorScatter<ScatterOp::kMax>},
    {"OneHot", 4, 4, LowerOneHot},
    {"Where", 1, 1, LowerWhere},
    {"Unique", 1, 1, LowerUnique<false>},
    {"UniqueV2", 2, 2, LowerUniqueV2<false>},
    {"UniqueWithCounts", 1, 1, LowerUnique<true>},
    {"UniqueWithCountsV2", 2, 2, LowerUniqueV2<true>},
    {"ListDiff", 2, 2, LowerListDiff},
    {"DynamicPartition", 2, 2, LowerDynamicPartition},
    {"DynamicStitch", 2, kAnyNumber, LowerDynamicStitch},
    {"ParallelDynamicStitch", 2, kAnyNumber, LowerDynamicStitch},
    {"UnravelIndex", 2, 2, LowerUnravelIndex},
};

}  // namespace

absl::Span<const OpLowering> IndexingLowerings() { return kIndexingLowerings; }

}  // namespace moulin
