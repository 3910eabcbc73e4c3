// Sparse tensors (coordinates, values, shape) and ragged ones (values, where rows begin), by gathers, scatters and
// sorts of flattened coordinates.
#include "import/sparse.h"

#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

ValueId Count(GraphBuilder& b, ValueId stop) { return b.Add(OpKind::kRange, NoAttrs{}, {b.Int(0), stop, b.Int(1)}); }

// How far apart the elements of each axis of a tensor of this shape lie.
ValueId StridesOf(GraphBuilder& b, ValueId shape) {
  return b.Add(OpKind::kScan, ScanAttrs{ScanOp::kProd, true, true}, {shape, b.Int(0)});
}

// The place of each row of coordinates in a tensor of this shape.
Term FlatPlaces(GraphBuilder& b, ValueId coordinates, ValueId shape) {
  return {b, b.Reduce(ReduceOp::kSum, Term(b, coordinates) * Term(b, StridesOf(b, shape)), {1}, false)};
}

// The order that sorts a vector of integers, upwards; equals keep theirs.
ValueId SortedOrder(GraphBuilder& b, ValueId keys) {
  const ValueId size = ScalarFrom(b, DimOf(b, keys, 0));
  const std::vector<ValueId> top = b.AddMulti(OpKind::kTopK, TopKAttrs{}, {(-Term(b, keys)).id(), size});
  return top.size() == 2 ? top[1] : kNoId;
}

// `values` at `indices` (a scalar, a vector or a matrix of coordinates) of a tensor filled with a default.
void LowerSparseToDense(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsOneOf(c, 0, {0, 1, 2}) || !RankIsOneOf(c, 2, {0, 1})) return;
  ValueId indices = c.input(0);
  if (c.shape(0).rank() == 0) indices = b.Reshape(indices, b.Ints({1, 1}));
  if (c.shape(0).rank() == 1) indices = b.ExpandDims(indices, 1);
  ValueId values = c.input(2);
  if (c.shape(2).rank() == 0) values = b.Add(OpKind::kBroadcast, NoAttrs{}, {values, DimOf(b, indices, 0)});
  const ValueId filled = b.Add(OpKind::kBroadcast, NoAttrs{}, {c.input(3), c.input(1)});
  c.Output(b.Add(OpKind::kTensorScatter, ScatterAttrs{ScatterOp::kUpdate}, {filled, indices, values}));
}

// (indices, values, shape, dense): the sum of a sparse and a dense tensor.
void LowerSparseTensorDenseAdd(LoweringContext& c) {
  c.Output(c.b.Add(OpKind::kTensorScatter, ScatterAttrs{ScatterOp::kAdd}, {c.input(3), c.input(0), c.input(1)}));
}

// (indices, values, shape, dense): the values with those of the dense tensor, broadcast, at their places.
template <ExprOp kOp>
void LowerSparseDense(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const ValueId dense = b.Add(OpKind::kBroadcast, NoAttrs{}, {c.input(3), c.input(2)});
  const ValueId at_places = b.Add(OpKind::kGatherNd, GatherAttrs{}, {dense, c.input(0)});
  c.Output(b.Binary(kOp, c.input(1), at_places));
}

// (indices, values, shape, axes): sums of a sparse tensor, as a dense one.
void LowerSparseReduceSum(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const ValueId dense = b.Add(OpKind::kScatterNd, ScatterAttrs{}, {c.input(0), c.input(1), c.input(2)});
  c.Output(b.Add(OpKind::kReduce, ReduceAttrs{ReduceOp::kSum, c.Bool("keep_dims", false)}, {dense, c.input(3)}));
}

// (indices, values, shape) in row-major order.
void LowerSparseReorder(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const ValueId order = SortedOrder(b, FlatPlaces(b, c.input(0), c.input(2)));
  c.Output(GatherRows(b, c.input(0), order));
  c.Output(GatherRows(b, c.input(1), order));
}

// (indices, shape, new shape, of which one size may be -1) -> new indices, the new shape in full.
void LowerSparseReshape(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const Term asked(b, c.input(2));
  const Term is_open = asked == asked.Like(-1);
  const Term known(b, b.Reduce(ReduceOp::kProd, is_open.Select(asked.Like(1), asked), {0}, false));
  const Term total(b, b.Reduce(ReduceOp::kProd, c.input(1), {0}, false));
  const Term shape = is_open.Select(total.Apply(ExprOp::kFloorDiv, known.Max(1)), asked);
  const Term place(b, b.ExpandDims(FlatPlaces(b, c.input(0), c.input(1)), 1));
  c.Output(place.Apply(ExprOp::kFloorDiv, {b, StridesOf(b, shape)}).Apply(ExprOp::kFloorMod, shape));
  c.Output(shape);
}

// Which of `rows` rows have no element, where `row` tells that of each.
struct FilledRows {
  Term is_empty;
  ValueId empty_rows;  // a column
};

FilledRows FillEmptyRows(GraphBuilder& b, ValueId row, ValueId rows) {
  const ValueId ones = b.Add(OpKind::kBroadcast, NoAttrs{}, {b.Int(1), b.ShapeOf(row)});
  const SegmentReduceAttrs sum{SegmentOp::kSum, false};
  const Term is_empty = Term(b, b.Add(OpKind::kSegmentReduce, sum, {ones, row, rows})) == Term(b, b.Int(0));
  return {is_empty, b.Add(OpKind::kWhere, NoAttrs{}, {is_empty})};
}

// Gives `places` (rows, or coordinates that begin with them) and values with what fills the empty rows, in the order of
// the rows; which were empty; and where each value went.
void GiveFilled(LoweringContext& c, const FilledRows& filled, ValueId places, ValueId added, ValueId values,
                ValueId otherwise) {
  GraphBuilder& b = c.b;
  const ValueId defaults = b.Add(OpKind::kBroadcast, NoAttrs{}, {otherwise, DimOf(b, filled.empty_rows, 0)});
  const bool is_matrix = b.shape(places).rank() == 2;
  const ValueId all = b.Concat({places, is_matrix ? added : b.Squeeze(added, {1})}, 0);
  const ValueId order = SortedOrder(b, is_matrix ? b.Squeeze(SliceAxis(b, all, 1, 0, 1), {1}) : all);
  const ValueId total = DimOf(b, all, 0);
  const ValueId new_place =
      b.Add(OpKind::kScatterNd, ScatterAttrs{}, {b.ExpandDims(order, 1), Count(b, ScalarFrom(b, total)), total});
  c.Output(GatherRows(b, all, order));
  c.Output(GatherRows(b, b.Concat({values, defaults}, 0), order));
  c.Output(filled.is_empty);
  c.Output(b.Add(OpKind::kSlice, NoAttrs{}, {new_place, b.Ints({0}), DimOf(b, places, 0)}));
}

// (indices, values, shape, default): gives each row without an element one, at its first column. -> indices, values,
// which rows had none, where each element went.
void LowerSparseFillEmptyRows(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsOneOf(c, 0, {2})) return;
  const int64_t rank = c.shape(0).dim(1);
  if (rank == kUnknownDim) return c.NotYet("the rank of the sparse tensor is not known");
  if (rank < 1) return c.Unsupported("a sparse scalar");
  const ValueId row = b.Squeeze(SliceAxis(b, c.input(0), 1, 0, 1), {1});
  const FilledRows filled = FillEmptyRows(b, row, ElementOf(b, c.input(2), 0));
  const ValueId to_columns = b.Reshape(b.Ints({0, 0, 0, rank - 1}), b.Ints({2, 2}));
  const ValueId added = b.Add(OpKind::kPad, PadAttrs{}, {filled.empty_rows, to_columns, b.Int(0)});
  GiveFilled(c, filled, c.input(0), added, c.input(1), c.input(3));
}

// (row of each value, values, number of rows, default): the same for the values of a ragged tensor -> rows, values,
// which rows had none, where each value went.
void LowerRaggedFillEmptyRows(LoweringContext& c) {
  const FilledRows filled = FillEmptyRows(c.b, c.input(0), c.input(2));
  GiveFilled(c, filled, c.input(0), filled.empty_rows, c.input(1), c.input(3));
}

// The row of each of `items` places, where the rows end at `ends`: the number of rows that end at or before it.
Term RowOfPlace(GraphBuilder& b, ValueId ends, ValueId items) {
  const Term ended = Term(b, b.ExpandDims(ends, 0)) <= Term(b, b.ExpandDims(Count(b, items), 1));
  return {b, b.Reduce(ReduceOp::kSum, ended.Cast(DType::kInt64), {1}, false)};
}

// The ranges [start, limit) by delta of each row, one after another -> splits between the rows, values.
void LowerRaggedRange(LoweringContext& c) {
  GraphBuilder& b = c.b;
  for (int i = 0; i < 3; ++i) {
    if (!RankIsOneOf(c, i, {0, 1})) return;
  }
  const DType type = c.dtype(0);
  const Term sum = Term(b, c.input(0)) + Term(b, c.input(1)) + Term(b, c.input(2));
  const ValueId rows = b.Reshape(b.Add(OpKind::kSizeOfTensor, ShapeOfAttrs{DType::kInt64}, {sum}), b.Ints({1}));
  const auto as_rows = [&](int i) { return Term(b, b.Add(OpKind::kBroadcast, NoAttrs{}, {c.input(i), rows})); };
  const Term start = as_rows(0), limit = as_rows(1), delta = as_rows(2);
  const Term distance = limit - start;
  const Term length =
      IsFloating(type) ? (distance / delta).Apply(ExprOp::kCeil) : -((-distance).Apply(ExprOp::kFloorDiv, delta));
  const Term lengths = length.Max(0).Cast(DType::kInt64);
  const Term ends(b, b.Add(OpKind::kScan, ScanAttrs{}, {lengths, b.Int(0)}));
  const ValueId total = b.Reduce(ReduceOp::kSum, lengths, {0}, false);
  const Term row = RowOfPlace(b, ends, total);
  const auto of_row = [&](Term x) { return Term(b, GatherRows(b, x, row)); };
  const Term in_row = (Term(b, Count(b, total)) - of_row(ends - lengths)).Cast(type);
  c.Output(b.Cast(b.Concat({b.Ints({0}), ends}, 0), c.Type("Tsplits", DType::kInt64)));
  c.Output(of_row(start) + in_row * of_row(delta));
}

// One level of a ragged tensor: of each of its items the row it is in, and its place in that row.
struct RaggedLevel {
  ValueId row, place;
  ValueId rows;  // how many, a size; kNoId where the level does not tell
};

RaggedLevel LevelFromSplits(GraphBuilder& b, ValueId partition) {
  const ValueId splits = b.Cast(partition, DType::kInt64);
  const ValueId rows = Term(b, DimOf(b, splits, 0)) - 1.0;
  const ValueId starts = b.Add(OpKind::kSlice, NoAttrs{}, {splits, b.Ints({0}), rows});
  const ValueId ends = SliceAxis(b, splits, 0, 1, -1);
  const ValueId items = b.Reduce(ReduceOp::kMax, splits, {0}, false);
  const Term row = RowOfPlace(b, ends, items);
  return {row, Term(b, Count(b, items)) - Term(b, GatherRows(b, starts, row)), rows};
}

// The ids ascend, so an item's place in its row is what items of earlier rows leave of its place in all.
RaggedLevel LevelFromRowIds(GraphBuilder& b, ValueId partition) {
  const ValueId row = b.Cast(partition, DType::kInt64);
  const Term earlier = Term(b, b.ExpandDims(row, 0)) < Term(b, b.ExpandDims(row, 1));
  const Term before(b, b.Reduce(ReduceOp::kSum, earlier.Cast(DType::kInt64), {1}, false));
  return {row, Term(b, Count(b, ScalarFrom(b, DimOf(b, row, 0)))) - before, kNoId};
}

// The levels of the inputs from 3 on, outermost first. The first may tell the number of rows alone.
bool ReadLevels(LoweringContext& c, std::vector<RaggedLevel>* levels) {
  GraphBuilder& b = c.b;
  const std::vector<std::string> types = c.Strings("row_partition_types");
  ValueId rows = kNoId;
  if (static_cast<int>(types.size()) != c.num_inputs() - 3 || types.empty()) {
    c.BadAttr("row_partition_types",
              absl::StrCat("should have ", c.num_inputs() - 3, " entries, found ", types.size()));
    return false;
  }
  for (size_t i = 0; i < types.size(); ++i) {
    const ValueId partition = c.input(3 + static_cast<int>(i));
    if (types[i] == "FIRST_DIM_SIZE" && i == 0) {
      rows = b.Reshape(b.Cast(partition, DType::kInt64), b.Ints({1}));
    } else if (types[i] == "ROW_SPLITS") {
      levels->push_back(LevelFromSplits(b, partition));
    } else if (types[i] == "VALUE_ROWIDS") {
      levels->push_back(LevelFromRowIds(b, partition));
    } else {
      c.BadAttr("row_partition_types", absl::StrCat("unknown entry \"", Printable(types[i]), "\""));
      return false;
    }
  }
  if (levels->empty()) {
    c.Unsupported("a tensor without rows");
    return false;
  }
  if (levels->front().rows == kNoId) levels->front().rows = rows;
  if (levels->front().rows == kNoId && b.ok()) c.BadAttr("row_partition_types", "should tell the number of rows");
  return b.ok();
}

// The size of a ragged axis: what the `shape` input asks for, or the longest row.
ValueId RaggedSize(LoweringContext& c, int axis, ValueId found) {
  GraphBuilder& b = c.b;
  if (c.shape(0).rank() == 0) return found;
  const ValueId asked =
      b.Cast(b.Add(OpKind::kSlice, NoAttrs{}, {c.input(0), b.Ints({axis}), b.Ints({1})}), DType::kInt64);
  return (Term(b, asked) < 0.0).Select({b, found}, {b, asked});
}

// (shape, values, default, partitions...): the values at their places in a tensor of the default. What lies outside of
// a shape that is asked for is left out.
void LowerRaggedTensorToTensor(LoweringContext& c) {
  GraphBuilder& b = c.b;
  std::vector<RaggedLevel> levels;
  if (!RankIsOneOf(c, 0, {0, 1}) || !RankIsKnown(c, 1) || !ReadLevels(c, &levels)) return;
  // From the innermost level outwards: the coordinates of each value.
  std::vector<ValueId> coordinates, sizes;
  ValueId item = levels.back().row;
  for (int i = static_cast<int>(levels.size()) - 1; i >= 0; --i) {
    const bool is_innermost = i == static_cast<int>(levels.size()) - 1;
    const ValueId place = is_innermost ? levels[i].place : GatherRows(b, levels[i].place, item);
    if (!is_innermost) item = GatherRows(b, levels[i].row, item);
    const ValueId floor = b.Concat({levels[i].place, b.Ints({-1})}, 0);
    const Term longest = Term(b, b.Reduce(ReduceOp::kMax, floor, {0}, true)) + 1.0;
    coordinates.insert(coordinates.begin(), b.ExpandDims(place, 1));
    sizes.insert(sizes.begin(), RaggedSize(c, i + 1, longest));
  }
  coordinates.insert(coordinates.begin(), b.ExpandDims(item, 1));
  sizes.insert(sizes.begin(), RaggedSize(c, 0, levels[0].rows));
  const ValueId all = b.Concat(coordinates, 1);
  const Term is_inside = Term(b, all) < Term(b, ShapeFrom(b, sizes));
  const ValueId kept =
      b.Squeeze(b.Add(OpKind::kWhere, NoAttrs{}, {b.Reduce(ReduceOp::kAll, is_inside, {1}, false)}), {1});
  for (ValueId size : DimsOf(b, c.input(1), 1, c.shape(1).rank())) sizes.push_back(size);
  const ValueId filled = b.Add(OpKind::kBroadcast, NoAttrs{}, {c.input(2), ShapeFrom(b, sizes)});
  c.Output(b.Add(OpKind::kTensorScatter, ScatterAttrs{ScatterOp::kUpdate},
                 {filled, GatherRows(b, all, kept), GatherRows(b, c.input(1), kept)}));
}

constexpr OpLowering kSparseLowerings[] = {
    {"SparseToDense", 4, 4, LowerSparseToDense},
    {"SparseTensorDenseAdd", 4, 4, LowerSparseTensorDenseAdd},
    {"SparseReduceSum", 4, 4, LowerSparseReduceSum},
    {"SparseReorder", 3, 3, LowerSparseReorder},
    {"SparseReshape", 3, 3, LowerSparseReshape},
    {"SparseFillEmptyRows", 4, 4, LowerSparseFillEmptyRows},
    {"SparseDenseCwiseAdd", 4, 4, LowerSparseDense<ExprOp::kAdd>},
    {"SparseDenseCwiseDiv", 4, 4, LowerSparseDense<ExprOp::kDiv>},
    {"SparseDenseCwiseMul", 4, 4, LowerSparseDense<ExprOp::kMul>},
    {"RaggedFillEmptyRows", 4, 4, LowerRaggedFillEmptyRows},
    {"RaggedRange", 3, 3, LowerRaggedRange},
    {"RaggedTensorToTensor", 4, kAnyNumber, LowerRaggedTensorToTensor},
};

}  // namespace

absl::Span<const OpLowering> SparseLowerings() { return kSparseLowerings; }

}  // namespace moulin
