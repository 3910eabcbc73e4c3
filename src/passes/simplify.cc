// Drops data movement that moves nothing, and merges what follows each other: reshapes of reshapes, transposes of
// transposes, paddings in front of convolutions and pools, transposes in front of matrix products, dilation by
// space-to-batch.
//
// Rules are rows of a table by primitive. Each gets a node and returns the value to read in the place of its output (an
// operand, or one made by the builder), or kNoId. None undoes another, and each leaves fewer or simpler nodes.
#include <algorithm>
#include <vector>

#include "base/status_macros.h"
#include "passes/constants.h"
#include "passes/pass.h"
#include "passes/rewriter.h"
#include "passes/shape_facts.h"

namespace moulin {
namespace {

using Ints = std::vector<int64_t>;

class Simplifier {
 public:
  Simplifier(Graph* graph, const PassOptions& options)
      : graph_(*graph), rewriter_(graph, options), b_(rewriter_.builder()), uses_(UseCounts(*graph)) {}

  StatusOr<bool> Run() {
    for (NodeId id = 0; id < rewriter_.num_nodes(); ++id) {
      rewriter_.Visit(id);
      const ValueId output = graph_.node(id).outputs[0];
      rewriter_.Replace(output, Simplified(graph_.node(id)));
      MOULIN_RETURN_IF_ERROR(b_.status());
    }
    return rewriter_.Finish();
  }

 private:
  // The rules read `node` before they make the builder add one, which moves the nodes.
  ValueId Simplified(const Node& node) {
    switch (node.kind) {
      case OpKind::kMap:
        return SimplifyMap(node);
      case OpKind::kReshape:
      case OpKind::kSqueeze:
      case OpKind::kExpandDims:
        return SimplifyView(node);
      case OpKind::kBitcast:
        return type(node.inputs[0]) == type(node.outputs[0]) ? node.inputs[0] : kNoId;
      case OpKind::kTranspose:
        return SimplifyTranspose(node);
      case OpKind::kSlice:
        return SimplifySlice(node);
      case OpKind::kStridedSlice:
        return SimplifyStridedSlice(node);
      case OpKind::kSplit:
        return node.outputs.size() == 1 ? node.inputs[0] : kNoId;
      case OpKind::kConcat:
        return node.inputs.size() == 2 ? node.inputs[1] : kNoId;
      case OpKind::kPad:
        return AllAre(node.inputs[1], 0) ? node.inputs[0] : kNoId;
      case OpKind::kBroadcast:
        return SurelyEqual(shape(node.inputs[0]), shape(node.outputs[0])) ? node.inputs[0] : kNoId;
      case OpKind::kTile:
        return AllAre(node.inputs[1], 1) ? node.inputs[0] : kNoId;
      case OpKind::kReverse:
        return NumElements(shape(node.inputs[1])) == 0 ? node.inputs[0] : kNoId;
      case OpKind::kReduce:
        return SimplifyReduce(node);
      case OpKind::kConv:
        return SimplifyConv(node);
      case OpKind::kPool:
        return SimplifyPool(node);
      case OpKind::kBatchToSpace:
        return SimplifyBatchToSpace(node);
      case OpKind::kContract:
        return SimplifyContract(node);
      default:
        return kNoId;
    }
  }

  DType type(ValueId v) const { return graph_.value(v).type.dtype; }
  const PartialShape& shape(ValueId v) const { return graph_.value(v).type.shape; }

  // The node that computes `v` where it is of this kind, else null. Valid until the builder adds a node.
  const Node* Producer(ValueId v, OpKind kind) const {
    const NodeId producer = graph_.value(v).producer;
    return producer != kNoId && graph_.node(producer).kind == kind ? &graph_.node(producer) : nullptr;
  }

  bool AllAre(ValueId operand, int64_t wanted) const {
    Ints values;
    return b_.ConstantInts(operand, &values) &&
           std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == wanted; });
  }

  // A Map that passes an input through: a cast to the same type, and what is left of Identity ops.
  ValueId SimplifyMap(const Node& node) {
    const Expr& expr = node.attr<MapAttrs>().expr;
    if (expr.size() != 1 || expr[0].op != ExprOp::kInput) return kNoId;
    const ValueId x = node.inputs[expr[0].input];
    return node.inputs.size() == 1 || SurelyEqual(shape(x), shape(node.outputs[0])) ? x : kNoId;
  }

  ValueId SimplifyView(const Node& node) {
    const ValueId x = node.inputs[0];
    const PartialShape to = shape(node.outputs[0]);
    if (SurelySameView(shape(x), to)) return x;
    const ValueId source = ViewSource(x);
    if (source != x && SurelySameView(shape(source), to)) return source;
    if (node.kind == OpKind::kReshape) return source == x ? kNoId : b_.Reshape(source, node.inputs[1]);
    Ints operand;
    return ReshapeOperand(to, &operand) ? b_.Reshape(source, b_.Ints(operand)) : kNoId;
  }

  // What `v` is a view of, through any number of views.
  ValueId ViewSource(ValueId v) const {
    while (true) {
      const NodeId producer = graph_.value(v).producer;
      if (producer == kNoId) return v;
      const Node& node = graph_.node(producer);
      if (node.kind != OpKind::kReshape && node.kind != OpKind::kSqueeze && node.kind != OpKind::kExpandDims) return v;
      v = node.inputs[0];
    }
  }

  // The permutation of a Transpose, normalised; false where it is not constant.
  bool Permutation(const Node& node, Ints* permutation) const {
    if (!b_.ConstantInts(node.inputs[1], permutation)) return false;
    const int64_t rank = permutation->size();
    for (int64_t& axis : *permutation) {
      if (axis < 0) axis += rank;
      if (axis < 0 || axis >= rank) return false;
    }
    return true;
  }

  ValueId SimplifyTranspose(const Node& node) {
    Ints permutation;
    if (!Permutation(node, &permutation)) return kNoId;
    ValueId x = node.inputs[0];
    bool is_merged = false;
    Ints inner;
    if (const Node* first = Producer(x, OpKind::kTranspose);
        first != nullptr && Permutation(*first, &inner) && inner.size() == permutation.size()) {
      for (int64_t& axis : permutation) axis = inner[axis];
      x = first->inputs[0];
      is_merged = true;
    }
    if (std::is_sorted(permutation.begin(), permutation.end())) return x;
    Ints operand;
    if (KeepsOrder(shape(x), permutation) && ReshapeOperand(shape(node.outputs[0]), &operand)) {
      return b_.Reshape(ViewSource(x), b_.Ints(operand));
    }
    return is_merged ? b_.Transpose(x, permutation) : kNoId;
  }

  // Whether only axes of size 1 change their place, so that the elements stay where they are.
  static bool KeepsOrder(const PartialShape& x, const Ints& permutation) {
    if (x.rank() != static_cast<int>(permutation.size())) return false;
    int64_t last = -1;
    for (const int64_t axis : permutation) {
      if (x.dim(axis) == 1) continue;
      if (axis < last) return false;
      last = axis;
    }
    return true;
  }

  ValueId SimplifySlice(const Node& node) {
    const ValueId x = node.inputs[0];
    if (SurelyEqual(shape(x), shape(node.outputs[0]))) return x;
    return AllAre(node.inputs[1], 0) && AllAre(node.inputs[2], -1) ? x : kNoId;
  }

  // A slice that takes every element, if only to add or drop axes of size 1.
  ValueId SimplifyStridedSlice(const Node& node) {
    const ValueId x = node.inputs[0];
    const PartialShape& to = shape(node.outputs[0]);
    if (!AllAre(node.inputs[3], 1) || NumElements(to) < 0 || NumElements(shape(x)) != NumElements(to)) return kNoId;
    if (shape(x) == to) return x;
    Ints operand;
    return ReshapeOperand(to, &operand) ? b_.Reshape(ViewSource(x), b_.Ints(operand)) : kNoId;
  }

  // A reduction over no axis, or over axes of size 1 alone.
  ValueId SimplifyReduce(const Node& node) {
    Ints axes;
    const ValueId x = node.inputs[0];
    if (!node.attr<ReduceAttrs>().prologue.empty() || !b_.ConstantInts(node.inputs[1], &axes)) return kNoId;
    if (axes.empty()) return x;
    const PartialShape& from = shape(x);
    if (!from.has_rank()) return kNoId;
    for (int64_t axis : axes) {
      if (axis < 0) axis += from.rank();
      if (axis < 0 || axis >= from.rank() || from.dim(axis) != 1) return kNoId;
    }
    Ints operand;
    return ReshapeOperand(shape(node.outputs[0]), &operand) ? b_.Reshape(ViewSource(x), b_.Ints(operand)) : kNoId;
  }

  // Zeros padded in front of a convolution become padding of its own.
  ValueId SimplifyConv(const Node& node) {
    ConvAttrs attrs = node.attr<ConvAttrs>();
    std::vector<ValueId> inputs(node.inputs.begin(), node.inputs.end());
    while (const Node* pad = Producer(inputs[0], OpKind::kPad)) {
      if (uses_[pad->outputs[0]] != 1 || !TakePadding(*pad, &attrs)) break;
      inputs[0] = pad->inputs[0];
    }
    return inputs[0] == node.inputs[0] ? kNoId : b_.Add(OpKind::kConv, std::move(attrs), inputs);
  }

  // Zeros padded in front of a maximum of values none of which is below zero are never more than one of those, and so
  // become padding of the pool, which wins against nothing. NaN is the exception: where a window at the edge has
  // nothing else, a padded zero would have won.
  ValueId SimplifyPool(const Node& node) {
    PoolAttrs attrs = node.attr<PoolAttrs>();
    const Node* pad = attrs.op == PoolOp::kMax ? Producer(node.inputs[0], OpKind::kPad) : nullptr;
    if (pad == nullptr || uses_[pad->outputs[0]] != 1 || !IsNonNegative(pad->inputs[0])) return kNoId;
    if (!TakePadding(*pad, &attrs)) return kNoId;
    for (size_t i = 0; i < attrs.window.size(); ++i) {
      if (attrs.pad_before[i] >= attrs.window[i] || attrs.pad_after[i] >= attrs.window[i]) return kNoId;
    }
    return b_.Add(OpKind::kPool, std::move(attrs), {pad->inputs[0]});
  }

  // Whether no element of `v` is below zero, as after an activation.
  bool IsNonNegative(ValueId v) const {
    const Node* map = Producer(v, OpKind::kMap);
    return map != nullptr && IsNonNegative(map->attr<MapAttrs>().expr, map->attr<MapAttrs>().expr.size() - 1);
  }
  static bool IsNonNegative(const Expr& expr, int i) {
    const Instr& instr = expr[i];
    switch (instr.op) {
      case ExprOp::kRelu:
      case ExprOp::kSigmoid:
      case ExprOp::kAbs:
        return IsFloating(instr.type);
      case ExprOp::kConstant:
        return IsFloating(instr.type) && instr.value.real >= 0;
      case ExprOp::kMax:
        return IsNonNegative(expr, instr.args[0]) || IsNonNegative(expr, instr.args[1]);
      case ExprOp::kMin:
        return IsNonNegative(expr, instr.args[0]) && IsNonNegative(expr, instr.args[1]);
      default:
        return false;
    }
  }

  // Adds the padding of a Pad to that of the convolution or pool that reads it; false where it pads other than space by
  // zeros.
  template <typename WindowedAttrs>
  bool TakePadding(const Node& pad, WindowedAttrs* attrs) const {
    Ints paddings;
    if (attrs->padding == Padding::kSame || !PadsZeros(pad) || !b_.ConstantInts(pad.inputs[1], &paddings)) return false;
    const int spatial = static_cast<int>(attrs->strides.size());
    if (static_cast<int>(paddings.size()) != 2 * (spatial + 2)) return false;
    if (std::any_of(paddings.begin(), paddings.end(), [](int64_t p) { return p < 0; })) return false;
    for (const int axis : {0, attrs->channels_last ? spatial + 1 : 1}) {
      if (paddings[2 * axis] != 0 || paddings[2 * axis + 1] != 0) return false;
    }
    if (attrs->padding == Padding::kValid) {
      attrs->pad_before.assign(spatial, 0);
      attrs->pad_after.assign(spatial, 0);
      attrs->padding = Padding::kExplicit;
    }
    const int first = attrs->channels_last ? 1 : 2;
    for (int i = 0; i < spatial; ++i) {
      attrs->pad_before[i] += paddings[2 * (first + i)];
      attrs->pad_after[i] += paddings[2 * (first + i) + 1];
    }
    return true;
  }

  // A convolution of space cut into a batch of every k-th place, put together again, is one dilated by k: how
  // TensorFlow 1 writes dilated convolutions. What is padded and cropped around it becomes padding of the convolution.
  ValueId SimplifyBatchToSpace(const Node& node) {
    const Node* conv = Producer(node.inputs[0], OpKind::kConv);
    const Node* cut = conv == nullptr ? nullptr : Producer(conv->inputs[0], OpKind::kSpaceToBatch);
    if (cut == nullptr || node.inputs[0] >= static_cast<ValueId>(uses_.size()) || uses_[node.inputs[0]] != 1) {
      return kNoId;
    }
    Ints block, same_block, paddings, crops;
    if (!b_.ConstantInts(cut->inputs[1], &block) || !b_.ConstantInts(node.inputs[1], &same_block) ||
        !b_.ConstantInts(cut->inputs[2], &paddings) || !b_.ConstantInts(node.inputs[2], &crops)) {
      return kNoId;
    }
    ConvAttrs attrs = conv->attr<ConvAttrs>();
    const bool is_plain = attrs.channels_last && attrs.padding == Padding::kValid && attrs.epilogue.empty() &&
                          std::all_of(attrs.strides.begin(), attrs.strides.end(), [](int64_t s) { return s == 1; });
    const size_t spatial = attrs.strides.size();
    if (!is_plain || block != same_block || block.size() != spatial || paddings.size() != 2 * spatial ||
        crops.size() != 2 * spatial || attrs.dilations.size() != spatial) {
      return kNoId;
    }
    attrs.padding = Padding::kExplicit;
    attrs.pad_before.clear();
    attrs.pad_after.clear();
    for (size_t i = 0; i < spatial; ++i) {
      attrs.dilations[i] *= block[i];
      attrs.pad_before.push_back(paddings[2 * i] - crops[2 * i]);
      attrs.pad_after.push_back(paddings[2 * i + 1] - crops[2 * i + 1]);
      if (attrs.pad_before.back() < 0 || attrs.pad_after.back() < 0) return kNoId;
    }
    std::vector<ValueId> inputs(conv->inputs.begin(), conv->inputs.end());
    inputs[0] = cut->inputs[0];
    return b_.Add(OpKind::kConv, std::move(attrs), inputs);
  }

  bool PadsZeros(const Node& pad) const {
    if (pad.attr<PadAttrs>().mode != PadMode::kConstant) return false;
    if (pad.inputs.size() < 3) return true;
    const Tensor* value = b_.constant(pad.inputs[2]);
    if (value == nullptr) return false;
    return ScalarConstant(*value) == ExprConstant{};
  }

  // A transpose of the two innermost axes in front of a matrix product becomes the product's flag.
  ValueId SimplifyContract(const Node& node) {
    ContractAttrs attrs = node.attr<ContractAttrs>();
    std::vector<ValueId> inputs(node.inputs.begin(), node.inputs.end());
    bool changed = false;
    for (const int i : {0, 1}) {
      const Node* transpose = Producer(inputs[i], OpKind::kTranspose);
      Ints permutation;
      if (transpose == nullptr || !Permutation(*transpose, &permutation) || !SwapsInnermost(permutation)) continue;
      inputs[i] = transpose->inputs[0];
      bool& flag = i == 0 ? attrs.transpose_a : attrs.transpose_b;
      flag = !flag;
      changed = true;
    }
    return changed ? b_.Add(OpKind::kContract, std::move(attrs), inputs) : kNoId;
  }

  static bool SwapsInnermost(Ints permutation) {
    const size_t rank = permutation.size();
    if (rank < 2) return false;
    std::swap(permutation[rank - 1], permutation[rank - 2]);
    return std::is_sorted(permutation.begin(), permutation.end());
  }

  Graph& graph_;
  Rewriter rewriter_;
  GraphBuilder& b_;
  const std::vector<int> uses_;
};

}  // namespace

StatusOr<bool> SimplifyViews(Graph* graph, const PassOptions& options) { return Simplifier(graph, options).Run(); }

}  // namespace moulin
