// Data movement as strided copies, for every type of fixed size. Covered by tests/device/cpu/movement_kernel_test.cc.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "device/host/cpu/kernel_factory.h"
#include "device/host/cpu/strided_copy.h"
#include "ops/strided_slice.h"

namespace moulin::cpu {
namespace {

// One copy from an input to an output.
struct Move {
  int input;
  int output;
  StridedCopy copy;
};

class MovementKernel : public HostKernel {
 public:
  // `fill_input`: a scalar that the output is filled with first, or -1.
  MovementKernel(std::vector<Move> moves, int fill_input, std::shared_ptr<CpuContext> context)
      : moves_(std::move(moves)), fill_input_(fill_input), context_(std::move(context)) {}
  std::string name() const override { return "cpu copy"; }
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void*) const override {
    if (fill_input_ >= 0) Fill(inputs[fill_input_], &outputs[0]);
    for (const Move& move : moves_) {
      move.copy.Run(inputs[move.input].data(), outputs[move.output].mutable_data(), context_->pool, context_->tiles);
    }
    return absl::OkStatus();
  }

 private:
  void Fill(const Tensor& value, Tensor* y) const {
    const StridedCopy fill({{y->num_elements(), 0, 1}}, 0, 0, static_cast<int64_t>(SizeOf(y->dtype())));
    fill.Run(value.data(), y->mutable_data(), context_->pool, context_->tiles);
  }

  std::vector<Move> moves_;
  int fill_input_;
  std::shared_ptr<CpuContext> context_;
};

std::vector<int64_t> StridesOf(const Shape& shape) {
  std::vector<int64_t> strides(shape.rank());
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

int64_t ElementBytes(const KernelRequest& request) { return static_cast<int64_t>(SizeOf(request.output_dtype())); }

using Moves = std::optional<std::vector<Move>>;

// One copy of input 0 to output 0, the axes of the result walking over x as told.
Moves OneMove(const KernelRequest& request, const std::vector<StridedCopy::Axis>& axes, int64_t offset) {
  std::vector<Move> moves;
  moves.push_back({0, 0, StridedCopy(axes, offset, 0, ElementBytes(request))});
  return moves;
}

// x, of the shape `x`, with its axes put in another order: axis i of the result is axis permutation[i].
Moves PermutedMove(const KernelRequest& request, const Shape& x, absl::Span<const int64_t> permutation) {
  Shape y;
  for (int64_t axis : permutation) y.push_back(x[static_cast<int>(axis)]);
  const std::vector<int64_t> from = StridesOf(x), to = StridesOf(y);
  std::vector<StridedCopy::Axis> axes;
  for (int i = 0; i < y.rank(); ++i) axes.push_back({y[i], from[permutation[i]], to[i]});
  return OneMove(request, axes, 0);
}

Moves TransposeMoves(const KernelRequest& request) { return PermutedMove(request, request.shape(0), request.ints(1)); }

// The block's two axes go from the channels into the image.
Moves DepthToSpaceMoves(const KernelRequest& request) {
  const BlockAttrs& attrs = request.node.attr<BlockAttrs>();
  const Shape x = request.shape(0);
  const int64_t b = attrs.block;
  if (attrs.channels_last) return PermutedMove(request, {x[0], x[1], x[2], b, b, x[3] / (b * b)}, {0, 1, 3, 2, 4, 5});
  return PermutedMove(request, {x[0], b, b, x[1] / (b * b), x[2], x[3]}, {0, 3, 4, 1, 5, 2});
}

Moves SpaceToDepthMoves(const KernelRequest& request) {
  const BlockAttrs& attrs = request.node.attr<BlockAttrs>();
  const Shape x = request.shape(0);
  const int64_t b = attrs.block;
  if (attrs.channels_last) return PermutedMove(request, {x[0], x[1] / b, b, x[2] / b, b, x[3]}, {0, 1, 3, 2, 4, 5});
  return PermutedMove(request, {x[0], x[1], x[2] / b, b, x[3] / b, b}, {0, 3, 5, 1, 2, 4});
}

Moves SliceMoves(const KernelRequest& request, const DenseSlice& slice) {
  const StatusOr<StridedMap> map = SliceMap(request.shape(0), slice);
  if (!map.ok()) return std::nullopt;
  std::vector<StridedCopy::Axis> axes(map->rank);
  int64_t stride = 1;
  for (int i = map->rank - 1; i >= 0; --i) {
    axes[i] = {map->sizes[i], map->strides[i], stride};
    stride *= map->sizes[i];
  }
  return OneMove(request, axes, map->offset);
}

Moves PlainSliceMoves(const KernelRequest& request) {
  DenseSlice slice;
  const Shape y = request.output_shape();
  for (int64_t size : y.dims()) {
    slice.strides.push_back(1);
    slice.sizes.push_back(size);
  }
  const std::vector<int64_t> begin = request.ints(1);
  slice.begin.assign(begin.begin(), begin.end());
  return SliceMoves(request, slice);
}

Moves StridedSliceMoves(const KernelRequest& request) {
  const auto operand = [&](int i) {
    const std::vector<int64_t> values = request.ints(i);
    return Ints(values.begin(), values.end());
  };
  const Ints begin = operand(1);
  const StatusOr<DenseSlice> slice =
      ResolveStridedSlice(request.node.attr<StridedSliceAttrs>(), request.shape(0), static_cast<int64_t>(begin.size()),
                          begin, operand(2), operand(3));
  if (!slice.ok()) return std::nullopt;
  return SliceMoves(request, *slice);
}

Moves BroadcastMoves(const KernelRequest& request) {
  const Shape x = request.shape(0), y = request.output_shape();
  const std::vector<int64_t> from = StridesOf(x), to = StridesOf(y);
  std::vector<StridedCopy::Axis> axes;
  for (int i = 0; i < y.rank(); ++i) {
    const int k = i - (y.rank() - x.rank());
    axes.push_back({y[i], k < 0 || x[k] == 1 ? 0 : from[k], to[i]});
  }
  return OneMove(request, axes, 0);
}

// Each axis of the result is two: which repetition, and where in it.
Moves TileMoves(const KernelRequest& request) {
  const Shape x = request.shape(0), y = request.output_shape();
  if (x.num_elements() == 0) return std::nullopt;
  const std::vector<int64_t> from = StridesOf(x), to = StridesOf(y);
  std::vector<StridedCopy::Axis> axes;
  for (int i = 0; i < x.rank(); ++i) {
    axes.push_back({y[i] / x[i], 0, to[i] * x[i]});
    axes.push_back({x[i], from[i], to[i]});
  }
  return OneMove(request, axes, 0);
}

int64_t Normal(int64_t axis, int rank) { return axis < 0 ? axis + rank : axis; }

int64_t Product(const Shape& shape, int64_t begin, int64_t end) {
  int64_t product = 1;
  for (int64_t i = begin; i < end; ++i) product *= shape[i];
  return product;
}

Moves ReverseMoves(const KernelRequest& request) {
  const Shape x = request.shape(0);
  std::vector<int64_t> from = StridesOf(x);
  const std::vector<int64_t> to = from;
  int64_t offset = 0;
  for (int64_t axis : request.ints(1)) {
    const int64_t a = Normal(axis, x.rank());
    offset += (x[a] - 1) * to[a];
    from[a] = -to[a];
  }
  std::vector<StridedCopy::Axis> axes;
  for (int i = 0; i < x.rank(); ++i) axes.push_back({x[i], from[i], to[i]});
  return OneMove(request, axes, offset);
}

// Inputs (axis, x...): each x is a strip of the result.
Moves ConcatMoves(const KernelRequest& request) {
  const Shape y = request.output_shape();
  const std::vector<int64_t> given = request.ints(0);
  if (given.size() != 1) return std::nullopt;
  const int64_t axis = Normal(given[0], y.rank());
  const int64_t row = Product(y, axis, y.rank());
  std::vector<Move> moves;
  int64_t offset = 0;
  for (int i = 1; i < request.num_inputs(); ++i) {
    const Shape x = request.shape(i);
    const int64_t outer = Product(x, 0, axis), strip = Product(x, axis, x.rank());
    if (strip == 0) continue;
    moves.push_back({i, 0, StridedCopy({{outer, strip, row}, {strip, 1, 1}}, 0, offset, ElementBytes(request))});
    offset += strip;
  }
  return moves;
}

Moves SplitMoves(const KernelRequest& request) {
  const Shape x = request.shape(0);
  const std::vector<int64_t> given = request.ints(1);
  if (given.size() != 1) return std::nullopt;
  const int64_t axis = Normal(given[0], x.rank());
  const int64_t row = Product(x, axis, x.rank()), outer = Product(x, 0, axis);
  std::vector<Move> moves;
  int64_t offset = 0;
  for (int i = 0; i < request.num_outputs(); ++i) {
    const Shape y = request.output_shape(i);
    const int64_t strip = Product(y, axis, y.rank());
    if (strip == 0) continue;
    moves.push_back({0, i, StridedCopy({{outer, row, strip}, {strip, 1, 1}}, offset, 0, ElementBytes(request))});
    offset += strip;
  }
  return moves;
}

Moves PadMoves(const KernelRequest& request) {
  const Shape x = request.shape(0), y = request.output_shape();
  const std::vector<int64_t> paddings = request.ints(1);
  const std::vector<int64_t> from = StridesOf(x), to = StridesOf(y);
  if (request.node.attr<PadAttrs>().mode != PadMode::kConstant || static_cast<int>(paddings.size()) != 2 * x.rank()) {
    return std::nullopt;
  }
  std::vector<StridedCopy::Axis> axes;
  int64_t offset = 0;
  for (int i = 0; i < x.rank(); ++i) {
    if (paddings[2 * i] < 0 || paddings[2 * i + 1] < 0) return std::nullopt;
    axes.push_back({x[i], from[i], to[i]});
    offset += paddings[2 * i] * to[i];
  }
  std::vector<Move> moves;
  if (x.num_elements() > 0) moves.push_back({0, 0, StridedCopy(axes, 0, offset, ElementBytes(request))});
  return moves;
}

Moves MovesOf(const KernelRequest& request) {
  switch (request.node.kind) {
    case OpKind::kTranspose:
      return TransposeMoves(request);
    case OpKind::kDepthToSpace:
      return DepthToSpaceMoves(request);
    case OpKind::kSpaceToDepth:
      return SpaceToDepthMoves(request);
    case OpKind::kSlice:
      return PlainSliceMoves(request);
    case OpKind::kStridedSlice:
      return StridedSliceMoves(request);
    case OpKind::kBroadcast:
      return BroadcastMoves(request);
    case OpKind::kTile:
      return TileMoves(request);
    case OpKind::kReverse:
      return ReverseMoves(request);
    case OpKind::kConcat:
      return ConcatMoves(request);
    case OpKind::kSplit:
      return SplitMoves(request);
    case OpKind::kPad:
      return PadMoves(request);
    default:
      return std::nullopt;
  }
}

}  // namespace

StatusOr<KernelPtr> MakeMovementKernel(const KernelRequest& request) {
  if (SizeOf(request.output_dtype()) == 0) return KernelPtr();
  bool is_empty = true;
  for (int i = 0; i < request.num_outputs(); ++i) is_empty &= request.output_shape(i).num_elements() == 0;
  if (is_empty) return std::make_shared<MovementKernel>(std::vector<Move>(), -1, request.context);
  Moves moves = MovesOf(request);
  if (!moves.has_value()) return KernelPtr();
  const int fill_input = request.node.kind == OpKind::kPad ? 2 : -1;
  return std::make_shared<MovementKernel>(*std::move(moves), fill_input, request.context);
}

}  // namespace moulin::cpu
