// Data movement for every type of fixed size: most of it as strided copies (strided_copy.h), the rest by index maps.
// Covered by tests/cuda/kernels/movement_test.cc.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/movement.h"
#include "cuda/strided_copy.h"
#include "ops/op_util.h"
#include "ops/strided_slice.h"

namespace moulin::cuda {
namespace {

using Axis = StridedCopy::Axis;

KernelPtr Simple(std::string name, SimpleKernel::EnqueueFn enqueue, std::vector<int> in_place = {}) {
  return std::make_shared<SimpleKernel>(std::move(name), std::move(enqueue), 0, std::move(in_place));
}

// One copy of input 0 to output 0.
KernelPtr CopyKernel(std::optional<StridedCopy> copy) {
  if (!copy.has_value()) return nullptr;
  return Simple(absl::StrCat("cuda ", copy->algorithm(), " by ", copy->unit_bytes()),
                [copy = *copy](const LaunchContext& c) { return copy.Enqueue(c, c.input(0), c.output()); });
}

KernelPtr TransposeKernel(const KernelRequest& request) {
  return CopyKernel(PermutedCopy(request.shape(0), request.ints(1), request.output_element_bytes()));
}

// The block's two axes go from the channels into the image.
KernelPtr DepthToSpaceKernel(const KernelRequest& request) {
  const BlockAttrs& attrs = request.node.attr<BlockAttrs>();
  const Shape x = request.shape(0);
  const int64_t b = attrs.block, bytes = request.output_element_bytes();
  if (attrs.channels_last) {
    return CopyKernel(PermutedCopy({x[0], x[1], x[2], b, b, x[3] / (b * b)}, {0, 1, 3, 2, 4, 5}, bytes));
  }
  return CopyKernel(PermutedCopy({x[0], b, b, x[1] / (b * b), x[2], x[3]}, {0, 3, 4, 1, 5, 2}, bytes));
}

KernelPtr SpaceToDepthKernel(const KernelRequest& request) {
  const BlockAttrs& attrs = request.node.attr<BlockAttrs>();
  const Shape x = request.shape(0);
  const int64_t b = attrs.block, bytes = request.output_element_bytes();
  if (attrs.channels_last) {
    return CopyKernel(PermutedCopy({x[0], x[1] / b, b, x[2] / b, b, x[3]}, {0, 1, 3, 2, 4, 5}, bytes));
  }
  return CopyKernel(PermutedCopy({x[0], x[1], x[2] / b, b, x[3] / b, b}, {0, 3, 5, 1, 2, 4}, bytes));
}

// --- slices

// The slice's elements in its own order, contiguous.
KernelPtr SliceKernel(const KernelRequest& request, const DenseSlice& slice) {
  const StatusOr<StridedMap> map = SliceMap(request.shape(0), slice);
  if (!map.ok()) return nullptr;
  std::vector<Axis> axes(map->rank);
  int64_t stride = 1;
  for (int i = map->rank - 1; i >= 0; --i) {
    axes[i] = {map->sizes[i], map->strides[i], stride};
    stride *= map->sizes[i];
  }
  return CopyKernel(StridedCopy::Make(std::move(axes), map->offset, 0, request.output_element_bytes()));
}

KernelPtr PlainSliceKernel(const KernelRequest& request) {
  DenseSlice slice;
  const Shape y = request.output_shape();
  for (int64_t size : y.dims()) {
    slice.strides.push_back(1);
    slice.sizes.push_back(size);
  }
  const std::vector<int64_t> begin = request.ints(1);
  slice.begin.assign(begin.begin(), begin.end());
  return SliceKernel(request, slice);
}

StatusOr<DenseSlice> ResolveSlice(const KernelRequest& request) {
  const Ints begin = request.ints(1);
  return ResolveStridedSlice(request.node.attr<StridedSliceAttrs>(), request.shape(0),
                             static_cast<int64_t>(begin.size()), begin, request.ints(2), request.ints(3));
}

KernelPtr StridedSliceKernel(const KernelRequest& request) {
  const StatusOr<DenseSlice> slice = ResolveSlice(request);
  return slice.ok() ? SliceKernel(request, *slice) : nullptr;
}

// The copy of the new value to where the slice lies. The value is broadcast to the slice's result, which has the
// slice's axes but those of one element that were dropped, and new ones of one element.
std::optional<StridedCopy> UpdateCopy(const KernelRequest& request, const DenseSlice& slice) {
  const StatusOr<StridedMap> map = SliceMap(request.shape(0), slice);
  if (!map.ok() || !slice.result.IsFullyKnown()) return std::nullopt;
  const Shape result = slice.result.ToShape(), value = request.shape(4);
  const StatusOr<StridedMap> from = BroadcastMap(value, result);
  if (!from.ok()) return std::nullopt;
  std::vector<Axis> axes;
  int at = 0;  // the next axis of the result
  for (int i = 0; i < map->rank; ++i) {
    if (map->sizes[i] == 1) continue;
    while (at < result.rank() && result[at] == 1) ++at;
    if (at == result.rank()) return std::nullopt;
    axes.push_back({map->sizes[i], from->strides[at++], map->strides[i]});
  }
  return StridedCopy::Make(std::move(axes), 0, map->offset, request.output_element_bytes());
}

KernelPtr StridedSliceUpdateKernel(const KernelRequest& request) {
  const StatusOr<DenseSlice> slice = ResolveSlice(request);
  if (!slice.ok()) return nullptr;
  const std::optional<StridedCopy> update = UpdateCopy(request, *slice);
  const std::optional<StridedCopy> whole =
      StridedCopy::Make({{request.shape(0).num_elements(), 1, 1}}, 0, 0, request.output_element_bytes());
  if (!update.has_value() || !whole.has_value()) return nullptr;
  const auto enqueue = [whole = *whole, update = *update](const LaunchContext& c) -> Status {
    if (c.input(0) != c.output()) MOULIN_RETURN_IF_ERROR(whole.Enqueue(c, c.input(0), c.output()));
    return update.Enqueue(c, c.input(4), c.output());
  };
  return Simple("cuda slice update", enqueue, {0});
}

// --- repetition and reversal

KernelPtr BroadcastKernel(const KernelRequest& request) {
  const Shape y = request.output_shape();
  const StatusOr<StridedMap> map = BroadcastMap(request.shape(0), y);
  if (!map.ok()) return nullptr;
  const Shape::Dims y_strides = RowMajorStrides(y);
  std::vector<Axis> axes;
  for (int i = 0; i < y.rank(); ++i) axes.push_back({y[i], map->strides[i], y_strides[i]});
  return CopyKernel(StridedCopy::Make(std::move(axes), 0, 0, request.output_element_bytes()));
}

// Each axis of the result is two: which repetition, and where in it.
KernelPtr TileKernel(const KernelRequest& request) {
  const Shape x = request.shape(0), y = request.output_shape();
  const Shape::Dims x_strides = RowMajorStrides(x), y_strides = RowMajorStrides(y);
  std::vector<Axis> axes;
  for (int i = 0; i < x.rank(); ++i) {
    axes.push_back({y[i] / x[i], 0, y_strides[i] * x[i]});
    axes.push_back({x[i], x_strides[i], y_strides[i]});
  }
  return CopyKernel(StridedCopy::Make(std::move(axes), 0, 0, request.output_element_bytes()));
}

KernelPtr ReverseKernel(const KernelRequest& request) {
  const Shape x = request.shape(0);
  const Shape::Dims y_strides = RowMajorStrides(x);
  Shape::Dims x_strides = y_strides;
  int64_t offset = 0;
  for (int64_t axis : request.ints(1)) {
    const int a = static_cast<int>(axis < 0 ? axis + x.rank() : axis);
    offset += (x[a] - 1) * y_strides[a];
    x_strides[a] = -y_strides[a];
  }
  std::vector<Axis> axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back({x[i], x_strides[i], y_strides[i]});
  return CopyKernel(StridedCopy::Make(std::move(axes), offset, 0, request.output_element_bytes()));
}

KernelPtr ReverseSequenceKernel(const KernelRequest& request) {
  const ReverseSequenceAttrs& attrs = request.node.attr<ReverseSequenceAttrs>();
  const Shape x = request.shape(0);
  const StatusOr<int> sequence = NormalizeAxis(attrs.sequence_axis, x.rank());
  const StatusOr<int> batch = NormalizeAxis(attrs.batch_axis, x.rank());
  const DType lengths = request.dtype(1);
  if (!sequence.ok() || !batch.ok() || (lengths != DType::kInt32 && lengths != DType::kInt64)) return nullptr;
  // Everything inside of both axes moves together.
  const int inner_axis = std::max(*sequence, *batch) + 1;
  const int64_t inner = DimProduct(x.dims(), inner_axis, x.rank());
  const int64_t unit = WidestUnit({inner * request.output_element_bytes()});
  const int64_t factor = unit / request.output_element_bytes();
  const Shape::Dims strides = RowMajorStrides(x);
  ReverseSequenceParams p;
  p.count = x.num_elements() / factor;
  p.sequence_size = Divisor(x[*sequence]);
  p.sequence_stride = Divisor(strides[*sequence] / factor);
  p.batch_size = Divisor(x[*batch]);
  p.batch_stride = Divisor(strides[*batch] / factor);
  const bool wide = lengths == DType::kInt64;
  return Simple("cuda reverse sequence", [p, unit, wide](const LaunchContext& c) {
    return Launch(c, ReverseSequenceFunction(unit, wide), DimsFor(p.count), c.input(0), c.input(1), c.output(), p);
  });
}

// A kernel of kernels/movement_maps.cu.
template <typename Map>
KernelPtr MappedKernel(std::string name, DeviceFunction<const void*, void*, int64_t, Map> function, int64_t count,
                       const Map& map) {
  return Simple(std::move(name), [function, count, map](const LaunchContext& c) {
    return Launch(c, function, DimsFor(count), c.input(0), c.output(), count, map);
  });
}

KernelPtr RollKernel(const KernelRequest& request) {
  const Shape x = request.shape(0);
  const std::vector<int64_t> shifts = request.ints(1), axes = request.ints(2);
  if (x.rank() > kMaxMapRank || request.constant(1) == nullptr || request.constant(2) == nullptr ||
      shifts.size() != axes.size()) {
    return nullptr;
  }
  std::vector<int64_t> shift(x.rank(), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const StatusOr<int> a = NormalizeAxis(axes[i], x.rank());
    if (!a.ok()) return nullptr;
    shift[*a] = ((shift[*a] + shifts[i] % x[*a]) % x[*a] + x[*a]) % x[*a];
  }
  int moved = x.rank();  // axes from here on stay as they are
  while (moved > 0 && shift[moved - 1] == 0) --moved;
  const int64_t inner_bytes = DimProduct(x.dims(), moved, x.rank()) * request.output_element_bytes();
  const int64_t unit = WidestUnit({inner_bytes});
  RollMap map;
  for (int i = 0; i < moved; ++i) map.Push(x[i], shift[i]);
  if (inner_bytes > unit) {
    if (map.rank == kMaxMapRank) return nullptr;
    map.Push(inner_bytes / unit, 0);
  }
  return MappedKernel("cuda roll", RollFunction(unit), x.num_elements() * request.output_element_bytes() / unit, map);
}

// --- joining and splitting

// Launches for pieces of `columns` elements each, every one of kMaxPieces pieces at most.
std::vector<JoinParams> PieceLaunches(const std::vector<int64_t>& columns, int64_t rows) {
  std::vector<JoinParams> launches;
  int64_t first = 0;
  for (size_t i = 0; i < columns.size(); i += kMaxPieces) {
    JoinParams p;
    p.rows = rows;
    p.first = first;
    p.begin[0] = 0;
    for (size_t k = i; k < std::min(i + kMaxPieces, columns.size()); ++k) {
      p.begin[p.pieces + 1] = p.begin[p.pieces] + columns[k];
      ++p.pieces;
    }
    first += p.begin[p.pieces];
    p.span = Divisor(std::max<int64_t>(p.begin[p.pieces], 1));
    launches.push_back(p);
  }
  for (JoinParams& p : launches) p.row = first;
  return launches;
}

// The pieces of a tensor of shape `whole` along an axis, empty ones left out.
struct Pieces {
  std::vector<int> operands;  // inputs or outputs of the node
  std::vector<JoinParams> launches;
  int64_t unit;
};

Pieces PiecesOf(const Shape& whole, int axis, const std::vector<std::pair<int, Shape>>& parts, int64_t element_bytes) {
  Pieces pieces;
  std::vector<int64_t> columns;
  for (const auto& [operand, shape] : parts) {
    if (shape.num_elements() == 0) continue;
    pieces.operands.push_back(operand);
    columns.push_back(DimProduct(shape.dims(), axis, shape.rank()) * element_bytes);
  }
  pieces.unit = WidestUnit(columns);
  for (int64_t& column : columns) column /= pieces.unit;
  pieces.launches = PieceLaunches(columns, DimProduct(whole.dims(), 0, axis));
  return pieces;
}

// Inputs (axis, x...): each x is a strip of the result.
KernelPtr ConcatKernel(const KernelRequest& request) {
  const Shape y = request.output_shape();
  const std::vector<int64_t> given = request.ints(0);
  if (given.size() != 1) return nullptr;
  const int axis = static_cast<int>(given[0] < 0 ? given[0] + y.rank() : given[0]);
  std::vector<std::pair<int, Shape>> parts;
  for (int i = 1; i < request.num_inputs(); ++i) parts.emplace_back(i, request.shape(i));
  Pieces pieces = PiecesOf(y, axis, parts, request.output_element_bytes());
  return Simple(absl::StrCat("cuda join by ", pieces.unit), [pieces = std::move(pieces)](const LaunchContext& c) {
    size_t operand = 0;
    for (JoinParams p : pieces.launches) {
      for (int k = 0; k < p.pieces; ++k) p.data[k] = const_cast<void*>(c.input(pieces.operands[operand++]));
      MOULIN_RETURN_IF_ERROR(Launch(c, JoinFunction(pieces.unit), DimsFor(p.rows * p.span.value), c.output(), p));
    }
    return absl::OkStatus();
  });
}

KernelPtr SplitKernel(const KernelRequest& request) {
  const Shape x = request.shape(0);
  const std::vector<int64_t> given = request.ints(1);
  if (given.size() != 1) return nullptr;
  const int axis = static_cast<int>(given[0] < 0 ? given[0] + x.rank() : given[0]);
  std::vector<std::pair<int, Shape>> parts;
  for (int i = 0; i < request.num_outputs(); ++i) parts.emplace_back(i, request.output_shape(i));
  Pieces pieces = PiecesOf(x, axis, parts, request.output_element_bytes());
  return Simple(absl::StrCat("cuda split by ", pieces.unit), [pieces = std::move(pieces)](const LaunchContext& c) {
    size_t operand = 0;
    for (JoinParams p : pieces.launches) {
      for (int k = 0; k < p.pieces; ++k) p.data[k] = c.output(pieces.operands[operand++]);
      MOULIN_RETURN_IF_ERROR(Launch(c, SplitFunction(pieces.unit), DimsFor(p.rows * p.span.value), c.input(0), p));
    }
    return absl::OkStatus();
  });
}

// --- padding and blocks

struct PadAxis {
  int64_t size, before, source_size;  // of y, in front, of x
  bool is_padded() const { return size != source_size; }
};

// Joins axes that are not padded with the one outside of them, which for a mirror must not be padded either.
std::vector<PadAxis> JoinPadAxes(const std::vector<PadAxis>& axes, bool mirror) {
  std::vector<PadAxis> joined;
  for (const PadAxis& axis : axes) {
    const bool joins = !joined.empty() && !axis.is_padded() && !(mirror && joined.back().is_padded());
    if (!joins) {
      joined.push_back(axis);
      continue;
    }
    PadAxis& outer = joined.back();
    outer = {outer.size * axis.size, outer.before * axis.size, outer.source_size * axis.size};
  }
  return joined;
}

// Counts the innermost axis in the widest units that its padding allows; gives their bytes.
int64_t WidenPadAxis(PadAxis* inner, bool mirror, int64_t element_bytes) {
  if (mirror && inner->is_padded()) return element_bytes;
  const int64_t unit =
      WidestUnit({inner->size * element_bytes, inner->before * element_bytes, inner->source_size * element_bytes});
  const int64_t factor = unit / element_bytes;
  *inner = {inner->size / factor, inner->before / factor, inner->source_size / factor};
  return unit;
}

KernelPtr PadKernel(const KernelRequest& request) {
  const Shape x = request.shape(0), y = request.output_shape();
  const std::vector<int64_t> paddings = request.ints(1);
  const PadMode mode = request.node.attr<PadAttrs>().mode;
  if (static_cast<int>(paddings.size()) != 2 * x.rank()) return nullptr;
  PadParams p;
  p.mirror = mode != PadMode::kConstant;
  p.edge = mode == PadMode::kSymmetric ? 1 : 0;
  p.fill_bytes = static_cast<int>(request.output_element_bytes());
  std::vector<PadAxis> axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back({y[i], paddings[2 * i], x[i]});
  axes = JoinPadAxes(axes, p.mirror);
  if (axes.size() > kMaxCopyRank) return nullptr;
  if (axes.empty()) axes.push_back({1, 0, 1});
  const int64_t unit = WidenPadAxis(&axes.back(), p.mirror, request.output_element_bytes());
  std::vector<int64_t> strides(axes.size(), 1);
  for (int i = static_cast<int>(axes.size()) - 2; i >= 0; --i) strides[i] = strides[i + 1] * axes[i + 1].source_size;
  for (size_t i = 0; i < axes.size(); ++i) p.Push(axes[i].size, axes[i].before, axes[i].source_size, strides[i]);
  const bool has_fill = request.num_inputs() > 2;
  return Simple(absl::StrCat("cuda pad by ", unit), [p, unit, has_fill](const LaunchContext& c) {
    return Launch(c, PadFunction(unit), DimsFor(p.count), c.input(0), has_fill ? c.input(2) : nullptr, c.output(), p);
  });
}

// Both move an operand between `space`, with the smaller batch, and `blocks`, with the larger.
KernelPtr BlockKernel(const KernelRequest& request, const Shape& space, const Shape& blocks, bool to_batch) {
  const std::vector<int64_t> block = request.ints(1), margins = request.ints(2);
  const int count = static_cast<int>(block.size());
  if (count > kMaxMapRank || static_cast<int>(margins.size()) != 2 * count) return nullptr;
  const int64_t inner_bytes = DimProduct(space.dims(), count + 1, space.rank()) * request.output_element_bytes();
  const int64_t unit = WidestUnit({inner_bytes});
  BlockAxes a;
  a.batch = space[0];
  a.inner = inner_bytes / unit;
  for (int i = 0; i < count; ++i) a.Push(block[i], margins[2 * i], space[i + 1], blocks[i + 1]);
  const int64_t n = request.output_shape().num_elements() * request.output_element_bytes() / unit;
  if (to_batch) return MappedKernel("cuda space to batch", SpaceToBatchFunction(unit), n, SpaceToBatchMap{a});
  return MappedKernel("cuda batch to space", BatchToSpaceFunction(unit), n, BatchToSpaceMap{a});
}

KernelPtr MakeKernel(const KernelRequest& request) {
  switch (request.node.kind) {
    case OpKind::kTranspose:
      return TransposeKernel(request);
    case OpKind::kDepthToSpace:
      return DepthToSpaceKernel(request);
    case OpKind::kSpaceToDepth:
      return SpaceToDepthKernel(request);
    case OpKind::kSlice:
      return PlainSliceKernel(request);
    case OpKind::kStridedSlice:
      return StridedSliceKernel(request);
    case OpKind::kStridedSliceUpdate:
      return StridedSliceUpdateKernel(request);
    case OpKind::kSplit:
      return SplitKernel(request);
    case OpKind::kConcat:
      return ConcatKernel(request);
    case OpKind::kPad:
      return PadKernel(request);
    case OpKind::kBroadcast:
      return BroadcastKernel(request);
    case OpKind::kTile:
      return TileKernel(request);
    case OpKind::kReverse:
      return ReverseKernel(request);
    case OpKind::kReverseSequence:
      return ReverseSequenceKernel(request);
    case OpKind::kRoll:
      return RollKernel(request);
    case OpKind::kSpaceToBatch:
      return BlockKernel(request, request.shape(0), request.output_shape(), /*to_batch=*/true);
    case OpKind::kBatchToSpace:
      return BlockKernel(request, request.output_shape(), request.shape(0), /*to_batch=*/false);
    default:
      return nullptr;
  }
}

}  // namespace

StatusOr<KernelPtr> MakeMovementKernel(const KernelRequest& request) {
  if (SizeOf(request.output_dtype()) == 0) return KernelPtr();
  bool is_empty = true;
  for (int i = 0; i < request.num_outputs(); ++i) is_empty &= request.output_shape(i).num_elements() == 0;
  return is_empty ? NothingToDo() : MakeKernel(request);
}

}  // namespace moulin::cuda
