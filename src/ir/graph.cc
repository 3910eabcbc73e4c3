#include "ir/graph.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

// The nodes that the outputs need, in topological order and otherwise in the order they stand in.
class Sorter {
 public:
  explicit Sorter(const Graph& graph) : graph_(graph), state_(graph.num_nodes(), State::kNew) {}

  // An explicit stack: graphs may be chains of millions of nodes.
  Status Run() {
    std::vector<bool> needed = Needed();
    for (NodeId id = 0; id < graph_.num_nodes(); ++id) {
      if (needed[id]) MOULIN_RETURN_IF_ERROR(Visit(id));
    }
    return absl::OkStatus();
  }

  const std::vector<NodeId>& order() const { return order_; }

 private:
  enum class State : uint8_t { kNew, kOpen, kDone };

  std::vector<bool> Needed() const {
    std::vector<bool> needed(graph_.num_nodes());
    std::vector<NodeId> stack;
    const auto push = [&](ValueId v) {
      const NodeId producer = graph_.value(v).producer;
      if (producer == kNoId || needed[producer]) return;
      needed[producer] = true;
      stack.push_back(producer);
    };
    for (const GraphOutput& output : graph_.outputs()) push(output.value);
    while (!stack.empty()) {
      const NodeId id = stack.back();
      stack.pop_back();
      for (ValueId v : graph_.node(id).inputs) push(v);
    }
    return needed;
  }

  Status Visit(NodeId root) {
    if (state_[root] != State::kNew) return absl::OkStatus();
    std::vector<std::pair<NodeId, size_t>> stack = {{root, 0}};
    state_[root] = State::kOpen;
    while (!stack.empty()) {
      const NodeId id = stack.back().first;
      const Node& node = graph_.node(id);
      if (stack.back().second == node.inputs.size()) {
        state_[id] = State::kDone;
        order_.push_back(id);
        stack.pop_back();
        continue;
      }
      const NodeId producer = graph_.value(node.inputs[stack.back().second++]).producer;
      if (producer == kNoId || state_[producer] == State::kDone) continue;
      if (state_[producer] == State::kOpen) {
        return AtNode(MakeError(ErrorCode::kInternal, "the graph has a cycle"), node.name, Name(node.kind));
      }
      state_[producer] = State::kOpen;
      stack.push_back({producer, 0});
    }
    return absl::OkStatus();
  }

  const Graph& graph_;
  std::vector<State> state_;
  std::vector<NodeId> order_;
};

}  // namespace

std::string TensorType::ToString() const { return absl::StrCat(ShortName(dtype), shape.ToString()); }

ValueId Graph::AddInput(absl::string_view name, const TensorType& type) {
  Value value;
  value.type = type;
  value.is_input = true;
  value.names.emplace_back(name);
  values_.push_back(std::move(value));
  inputs_.push_back(num_values() - 1);
  return num_values() - 1;
}

ValueId Graph::AddConstant(Tensor constant, absl::string_view name) {
  Value value;
  value.type = {constant.dtype(), PartialShape(constant.shape())};
  value.constant = std::move(constant);
  if (!name.empty()) value.names.emplace_back(name);
  values_.push_back(std::move(value));
  return num_values() - 1;
}

NodeId Graph::AddNode(OpKind kind, Attrs attrs, absl::Span<const ValueId> inputs, absl::Span<const TensorType> outputs,
                      absl::string_view name, absl::string_view tf_op) {
  const NodeId id = num_nodes();
  Node node;
  node.kind = kind;
  node.attrs = std::move(attrs);
  node.name = std::string(name);
  node.tf_op = std::string(tf_op);
  node.inputs.assign(inputs.begin(), inputs.end());
  for (size_t port = 0; port < outputs.size(); ++port) {
    Value value;
    value.type = outputs[port];
    value.producer = id;
    value.port = static_cast<int>(port);
    values_.push_back(std::move(value));
    node.outputs.push_back(num_values() - 1);
  }
  nodes_.push_back(std::move(node));
  return id;
}

void Graph::AddName(ValueId id, absl::string_view name) {
  std::vector<std::string>& names = values_[id].names;
  // A value rarely has more than a few names, but a chain of Identity nodes gives it one each: the first 16 are kept.
  constexpr size_t kMaxNames = 16;
  if (names.size() < kMaxNames && std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
}

std::vector<absl::InlinedVector<NodeId, 2>> Graph::Consumers() const {
  std::vector<absl::InlinedVector<NodeId, 2>> consumers(values_.size());
  for (NodeId id = 0; id < num_nodes(); ++id) {
    for (ValueId v : nodes_[id].inputs) {
      if (consumers[v].empty() || consumers[v].back() != id) consumers[v].push_back(id);
    }
  }
  return consumers;
}

std::vector<bool> Graph::OutputFlags() const {
  std::vector<bool> flags(values_.size());
  for (const GraphOutput& output : outputs_) flags[output.value] = true;
  return flags;
}

void Graph::ReplaceUses(ValueId from, ValueId to) { ReplaceAll({{from, to}}); }

void Graph::ReplaceAll(absl::Span<const std::pair<ValueId, ValueId>> replacements) {
  if (replacements.empty()) return;
  std::vector<ValueId> target(values_.size());
  for (ValueId v = 0; v < num_values(); ++v) target[v] = v;
  for (const auto& [from, to] : replacements) target[from] = to;
  const auto resolve = [&](ValueId v) {
    ValueId end = v;
    while (target[end] != end) end = target[end];
    while (target[v] != end) v = std::exchange(target[v], end);  // path compression
    return end;
  };
  for (const auto& [from, to] : replacements) {
    const ValueId end = resolve(to);
    for (const std::string& name : values_[from].names) AddName(end, name);
  }
  for (Node& node : nodes_) {
    for (ValueId& v : node.inputs) v = resolve(v);
  }
  for (GraphOutput& output : outputs_) output.value = resolve(output.value);
}

Status Graph::Compact() {
  Sorter sorter(*this);
  MOULIN_RETURN_IF_ERROR(sorter.Run());
  std::vector<bool> keep(values_.size());
  for (ValueId v : inputs_) keep[v] = true;
  for (const GraphOutput& output : outputs_) keep[output.value] = true;
  for (NodeId id : sorter.order()) {
    for (ValueId v : nodes_[id].inputs) keep[v] = true;
    for (ValueId v : nodes_[id].outputs) keep[v] = true;
  }
  std::vector<ValueId> new_value(values_.size(), kNoId);
  std::vector<Value> values;
  for (ValueId v = 0; v < num_values(); ++v) {
    if (!keep[v]) continue;
    new_value[v] = static_cast<ValueId>(values.size());
    values.push_back(std::move(values_[v]));
  }
  std::vector<Node> nodes;
  nodes.reserve(sorter.order().size());
  for (NodeId id : sorter.order()) {
    Node& node = nodes.emplace_back(std::move(nodes_[id]));
    for (ValueId& v : node.inputs) v = new_value[v];
    for (ValueId& v : node.outputs) {
      v = new_value[v];
      values[v].producer = static_cast<NodeId>(nodes.size()) - 1;
    }
  }
  values_ = std::move(values);
  nodes_ = std::move(nodes);
  for (ValueId& v : inputs_) v = new_value[v];
  for (GraphOutput& output : outputs_) output.value = new_value[output.value];
  return absl::OkStatus();
}

}  // namespace moulin
