// SplitStage and InputsReadAsShapes. Tested by tests/plan/stage_test.cc.
#include "plan/stage.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"
#include "ops/control.h"
#include "ops/op_def.h"

namespace moulin {
namespace {

bool IsShapeOperand(const Node& node, size_t input) {
  // Masks have 64 bits; operands beyond are data (Concat).
  if (input >= 64) return false;
  const auto* deferred = std::get_if<DeferredAttrs>(&node.attrs);
  const InputMask mask = deferred != nullptr ? deferred->constant_inputs : GetOpDef(node.kind).shape_inputs;
  return (mask & Input(static_cast<int>(input))) != 0;
}

bool AllShapeOperandsConstant(const Graph& graph, const Node& node) {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (IsShapeOperand(node, i) && !graph.value(node.inputs[i]).is_constant()) return false;
  }
  return true;
}

bool AllShapesKnown(const Graph& graph, absl::Span<const ValueId> values) {
  return std::all_of(values.begin(), values.end(), [&](ValueId v) { return graph.value(v).type.shape.IsFullyKnown(); });
}

// Builds the two graphs of a split.
class Splitter {
 public:
  Splitter(const Graph& graph, absl::Span<const NodeId> control_steps) : graph_(graph), control_steps_(control_steps) {}

  StatusOr<StageSplit> Run() {
    FindNow();
    if (now_nodes_.empty()) TakeControl();
    if (rest_nodes_.empty()) return WholeGraph();
    if (now_nodes_.empty() && !WaitsForElements()) return CannotTell(graph_.node(rest_nodes_.front()));
    split_.now = std::make_shared<Graph>();
    split_.rest = std::make_shared<Graph>();
    split_.now->name = graph_.name;
    split_.rest->name = graph_.name;
    split_.now->precision = graph_.precision;
    split_.rest->precision = graph_.precision;
    split_.now->ranges = graph_.ranges;
    split_.rest->ranges = graph_.ranges;
    BuildNow();
    AssignOutputs();
    BuildRest();
    split_.now->SetOutputs(std::move(now_outputs_));
    return std::move(split_);
  }

 private:
  // A node runs now if its operands are there, of known shape, and nothing unknown decides the shape of its results
  // but elements of operands that are no shapes (Where): then its results are there, but of use to the rest only.
  void FindNow() {
    available_.assign(graph_.num_values(), false);
    runs_now_.assign(graph_.num_nodes(), false);
    for (ValueId v = 0; v < graph_.num_values(); ++v) {
      const Value& value = graph_.value(v);
      available_[v] = value.is_constant() || (value.is_input && value.type.shape.IsFullyKnown());
    }
    for (NodeId n = 0; n < graph_.num_nodes(); ++n) {
      const Node& node = graph_.node(n);
      const bool operands_here =
          std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) { return available_[v]; });
      runs_now_[n] = operands_here && !IsDriven(n) && node.kind != OpKind::kDeferred &&
                     (AllShapesKnown(graph_, node.outputs) || AllShapeOperandsConstant(graph_, node));
      (runs_now_[n] ? now_nodes_ : rest_nodes_).push_back(n);
      if (!runs_now_[n]) continue;
      for (ValueId v : node.outputs) available_[v] = graph_.value(v).type.shape.IsFullyKnown();
    }
  }

  // Whether a node is a choice or a loop that is no step of a plan.
  bool IsDriven(NodeId n) const {
    return HasRegions(graph_.node(n).kind) &&
           std::find(control_steps_.begin(), control_steps_.end(), n) == control_steps_.end();
  }

  // Nothing can be planned before a choice or a loop has run: the first whose operands are there is the stage.
  void TakeControl() {
    for (size_t i = 0; i < rest_nodes_.size(); ++i) {
      const Node& node = graph_.node(rest_nodes_[i]);
      const bool operands_here = std::all_of(node.inputs.begin(), node.inputs.end(),
                                             [&](ValueId v) { return graph_.value(v).producer == kNoId; });
      if (!HasRegions(node.kind) || !operands_here) continue;
      split_.is_control = true;
      now_nodes_ = {rest_nodes_[i]};
      runs_now_[rest_nodes_[i]] = true;
      rest_nodes_.erase(rest_nodes_.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }

  // Whether all that a deferred op waits for are elements of operands that are there: the rest, specialised by itself,
  // has them built in.
  bool WaitsForElements() const {
    return std::any_of(rest_nodes_.begin(), rest_nodes_.end(), [&](NodeId n) {
      const Node& node = graph_.node(n);
      const bool operands_here =
          std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) { return available_[v]; });
      return node.kind == OpKind::kDeferred && operands_here && !AllShapeOperandsConstant(graph_, node);
    });
  }

  static Status CannotTell(const Node& node) {
    const auto* deferred = std::get_if<DeferredAttrs>(&node.attrs);
    return AtNode(MakeError(ErrorCode::kShape, "cannot tell the shapes of its operands or of its result",
                            deferred == nullptr ? "" : ": ", deferred == nullptr ? "" : deferred->waits_for),
                  node.name, node.tf_op);
  }

  StatusOr<StageSplit> WholeGraph() {
    split_.now = graph_.Clone();
    for (size_t i = 0; i < graph_.outputs().size(); ++i) split_.outputs.push_back(static_cast<int>(i));
    return std::move(split_);
  }

  bool IsComputedNow(ValueId v) const {
    const Value& value = graph_.value(v);
    return value.producer == kNoId || runs_now_[value.producer];
  }

  static void CopyNames(const Value& from, Graph* to, ValueId id) { to->value(id).names = from.names; }

  void CopyNode(NodeId n, Graph* to, std::vector<ValueId>* map) {
    const Node& node = graph_.node(n);
    std::vector<ValueId> inputs;
    for (ValueId v : node.inputs) inputs.push_back(Mapped(v, to, map));
    std::vector<TensorType> types;
    for (ValueId v : node.outputs) types.push_back(graph_.value(v).type);
    const NodeId copy = to->AddNode(node.kind, node.attrs, inputs, types, node.name, node.tf_op);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      (*map)[node.outputs[i]] = to->node(copy).outputs[i];
      CopyNames(graph_.value(node.outputs[i]), to, to->node(copy).outputs[i]);
    }
  }

  // The value of `to` that stands for `v`; constants are added at first sight.
  ValueId Mapped(ValueId v, Graph* to, std::vector<ValueId>* map) {
    if ((*map)[v] == kNoId && graph_.value(v).is_constant()) {
      (*map)[v] = to->AddConstant(graph_.value(v).constant);
      CopyNames(graph_.value(v), to, (*map)[v]);
    }
    return (*map)[v];
  }

  void BuildNow() {
    now_map_.assign(graph_.num_values(), kNoId);
    for (ValueId v : graph_.inputs()) {
      now_map_[v] = split_.now->AddInput(graph_.value(v).name(), graph_.value(v).type);
      CopyNames(graph_.value(v), split_.now.get(), now_map_[v]);
    }
    for (NodeId n : now_nodes_) CopyNode(n, split_.now.get(), &now_map_);
  }

  void AssignOutputs() {
    now_output_of_.assign(graph_.num_values(), -1);
    for (const GraphOutput& output : graph_.outputs()) {
      if (!IsComputedNow(output.value)) {
        split_.outputs.push_back(~static_cast<int>(rest_outputs_.size()));
        rest_outputs_.push_back(output);
        continue;
      }
      const int index = static_cast<int>(now_outputs_.size());
      if (now_output_of_[output.value] < 0) now_output_of_[output.value] = index;
      split_.outputs.push_back(index);
      now_outputs_.push_back({output.name, Mapped(output.value, split_.now.get(), &now_map_)});
    }
  }

  // Makes a value that is there after `now` an input of `rest`.
  void AddRestInput(ValueId v) {
    const Value& value = graph_.value(v);
    rest_map_[v] = split_.rest->AddInput(value.name(), value.type);
    CopyNames(value, split_.rest.get(), rest_map_[v]);
    if (value.is_input) {
      const absl::Span<const ValueId> inputs = graph_.inputs();
      const auto index = std::find(inputs.begin(), inputs.end(), v) - inputs.begin();
      split_.rest_inputs.push_back({StageSplit::Source::From::kStageInput, static_cast<int>(index)});
      return;
    }
    if (now_output_of_[v] < 0) {
      now_output_of_[v] = static_cast<int>(now_outputs_.size());
      now_outputs_.push_back({std::string(value.name()), now_map_[v]});
    }
    split_.rest_inputs.push_back({StageSplit::Source::From::kStageOutput, now_output_of_[v]});
  }

  void BuildRest() {
    rest_map_.assign(graph_.num_values(), kNoId);
    for (NodeId n : rest_nodes_) {
      for (ValueId v : graph_.node(n).inputs) {
        if (rest_map_[v] == kNoId && IsComputedNow(v) && !graph_.value(v).is_constant()) AddRestInput(v);
      }
      CopyNode(n, split_.rest.get(), &rest_map_);
    }
    for (const GraphOutput& output : rest_outputs_) split_.rest->AddOutput(output.name, rest_map_[output.value]);
  }

  const Graph& graph_;
  const absl::Span<const NodeId> control_steps_;
  StageSplit split_;
  std::vector<bool> available_;  // per value: there, and of known shape, when `now` has run
  std::vector<bool> runs_now_;   // per node
  std::vector<NodeId> now_nodes_, rest_nodes_;
  std::vector<ValueId> now_map_, rest_map_;  // per value: its id in the new graph
  std::vector<GraphOutput> now_outputs_;     // with ids of `now`
  std::vector<GraphOutput> rest_outputs_;    // with ids of the whole
  std::vector<int> now_output_of_;           // per value: which output of `now` it is, or -1
};

// Whether the elements of integer results of `kind` are worth computing when a graph is specialised, because that is
// how shapes are put together.
bool ComputesShapes(OpKind kind) {
  switch (kind) {
    case OpKind::kMap:
    case OpKind::kReduce:
    case OpKind::kReshape:
    case OpKind::kSqueeze:
    case OpKind::kExpandDims:
    case OpKind::kSlice:
    case OpKind::kStridedSlice:
    case OpKind::kSplit:
    case OpKind::kConcat:
    case OpKind::kPad:
    case OpKind::kBroadcast:
    case OpKind::kGather:
    case OpKind::kRange:
    case OpKind::kBroadcastShapes:
    case OpKind::kTranspose:
    case OpKind::kReverse:
    case OpKind::kTile:
      return true;
    default:
      return false;
  }
}

// Whether a value is worth being part of a plan's key. Longer ones, or those whose length is a batch's, take too many
// values; what is computed from them cuts the graph into stages instead.
bool IsShapeLike(const Value& value) {
  constexpr int64_t kMaxElements = 16;
  return IsInteger(value.type.dtype) && value.type.shape.IsFullyKnown() &&
         value.type.shape.ToShape().num_elements() <= kMaxElements;
}

}  // namespace

StatusOr<StageSplit> SplitStage(const Graph& graph, absl::Span<const NodeId> control_steps) {
  return Splitter(graph, control_steps).Run();
}

std::vector<bool> InputsReadAsShapes(const Graph& graph) {
  std::vector<bool> read(graph.num_values(), false);
  for (NodeId n = graph.num_nodes() - 1; n >= 0; --n) {
    const Node& node = graph.node(n);
    const bool results_read = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) { return read[v]; });
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      if (IsShapeOperand(node, i)) read[v] = true;
      if (results_read && ComputesShapes(node.kind) && IsShapeLike(graph.value(v))) read[v] = true;
    }
  }
  std::vector<bool> result;
  for (ValueId v : graph.inputs()) result.push_back(read[v]);
  return result;
}

}  // namespace moulin
