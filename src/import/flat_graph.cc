#include "import/flat_graph.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "import/kept.h"
#include "import/tensor_names.h"

namespace moulin {
Status FlatGraph::Init(const tf::GraphDef& graph, const Limits& limits) {
  graph_ = &graph;
  limits_ = limits;
  MOULIN_RETURN_IF_ERROR(library_.Init(graph, limits));
  expanded_nodes_ = graph.node_size();
  if (graph.node_size() > limits.nodes) {
    return MakeError(ErrorCode::kLimit, "expected at most ", limits.nodes, " nodes, got ", graph.node_size());
  }
  scopes_.emplace_back();
  return CheckGraphNodes();
}

Status FlatGraph::CheckGraphNodes() {
  nodes_.reserve(graph_->node_size());
  by_name_.reserve(graph_->node_size());
  for (int i = 0; i < graph_->node_size(); ++i) {
    const tf::NodeDef& node = graph_->node(i);
    MOULIN_RETURN_IF_ERROR(CheckNodeName(node.name(), limits_));
    if (node.op().empty()) {
      return MakeError(ErrorCode::kName, "node ", i, ", \"", Printable(node.name()), "\", has an empty op");
    }
    const auto [it, is_new] = by_name_.emplace(node.name(), i);
    if (!is_new) {
      return MakeError(ErrorCode::kDuplicate, "nodes ", it->second, " and ", i, " have one name, \"",
                       Printable(node.name()), "\"");
    }
    nodes_.push_back({&node, 0});
  }
  return absl::OkStatus();
}

std::string FlatGraph::name(int node) const {
  std::vector<absl::string_view> parts = {nodes_[node].def->name()};
  for (int scope = nodes_[node].scope; scope != 0; scope = nodes_[scopes_[scope].call].scope) {
    parts.push_back(nodes_[scopes_[scope].call].def->name());
  }
  if (parts.size() == 1) return std::string(parts[0]);
  std::reverse(parts.begin(), parts.end());
  return absl::StrJoin(parts, "/");
}

std::string FlatGraph::tensor_name(FlatRef ref) const { return absl::StrCat(name(ref.node), ":", ref.port); }

Status FlatGraph::At(const Status& status, int node) const {
  return AtNode(status, name(node), nodes_[node].def->op());
}

int FlatGraph::FindNode(absl::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? -1 : it->second;
}

std::vector<absl::string_view> FlatGraph::NodeNames() const {
  std::vector<absl::string_view> names;
  for (const tf::NodeDef& node : graph_->node()) names.push_back(node.name());
  return names;
}

StatusOr<FlatRef> FlatGraph::FindTensor(absl::string_view text, ErrorCode code) const {
  MOULIN_ASSIGN_OR_RETURN(const TensorReference name, ParseTensorName(text));
  const int node = FindNode(name.node);
  if (node >= 0) return FlatRef{node, name.port};
  const std::string advice = DidYouMean(name.node, NodeNames());
  return MakeError(code, "no node is named \"", Printable(name.node), "\"", advice.empty() ? "" : "; ", advice);
}

StatusOr<FlatRef> FlatGraph::Resolve(FlatRef ref) {
  std::vector<std::pair<int, int>> path;  // (scope, result) of the calls on the way
  while (!IsFed(ref)) {
    int scope = nodes_[ref.node].opened;
    if (scope < 0) {
      StatusOr<int> callee = library_.CalleeOf(def(ref.node));
      if (!callee.ok()) return At(callee.status(), ref.node);
      if (*callee < 0) break;
      const StatusOr<int> opened = OpenScope(ref.node, *callee);
      if (!opened.ok()) return At(opened.status(), ref.node);
      scope = *opened;
    }
    std::vector<FlatRef>& outputs = scopes_[scope].outputs;
    if (ref.port >= outputs.size()) {
      return At(MakeError(ErrorCode::kPort, "output ", ref.port, " is read, of ", outputs.size()), ref.node);
    }
    FlatRef& output = outputs[ref.port];
    if (output.node == kResolving) return At(MakeError(ErrorCode::kCycle, "a call feeds itself"), ref.node);
    if (output.node != kUnresolved) {
      ref = output;
      break;
    }
    output.node = kResolving;
    path.push_back({scope, ref.port});
    const StatusOr<FlatRef> next = ParseReturn(scope, ref.port);
    if (!next.ok()) return At(next.status(), ref.node);
    ref = *next;
  }
  for (const auto& [scope, port] : path) scopes_[scope].outputs[port] = ref;
  return ref;
}

Status FlatGraph::Inputs(int node, std::vector<FlatRef>* inputs) {
  const tf::NodeDef& def = *nodes_[node].def;
  if (def.input_size() > limits_.inputs_per_node) {
    return At(
        MakeError(ErrorCode::kLimit, "expected at most ", limits_.inputs_per_node, " inputs, got ", def.input_size()),
        node);
  }
  bool saw_control = false;
  for (const std::string& input : def.input()) {
    if (IsControl(input)) {
      saw_control = true;
      MOULIN_RETURN_IF_ERROR(CheckControl(node, input));
      continue;
    }
    if (saw_control) {
      return At(MakeError(ErrorCode::kInput, "data input \"", Printable(input), "\" comes after a control input"),
                node);
    }
    MOULIN_RETURN_IF_ERROR(AppendInput(node, input, inputs));
  }
  if (FillsFromFile(def.op()) && inputs->size() >= 2) inputs->erase(inputs->end() - 2);  // the table
  return IsLookupTable(def.op()) ? AppendTableInputs(node, inputs) : absl::OkStatus();
}

Status FlatGraph::AppendInput(int node, const std::string& input, std::vector<FlatRef>* inputs) {
  StatusOr<FlatRef> ref = ParseInScope(nodes_[node].scope, input);
  if (!ref.ok()) return At(ref.status(), node);
  ref = Resolve(*ref);
  if (!ref.ok()) return At(ref.status(), node);
  inputs->push_back(*ref);
  const bool is_table = IsLookupTable(nodes_[ref->node].def->op()) && !IsFed(*ref);
  if (is_table && ReadsLookupTable(nodes_[node].def->op())) inputs->push_back({ref->node, 1});
  return absl::OkStatus();
}

Status FlatGraph::ControlInputs(int node, std::vector<int>* nodes) const {
  const int scope = nodes_[node].scope;
  for (const std::string& input : nodes_[node].def->input()) {
    if (!IsControl(input)) continue;
    MOULIN_RETURN_IF_ERROR(CheckControl(node, input));
    const absl::string_view name = absl::string_view(input).substr(1);
    if (scope == 0) {
      nodes->push_back(by_name_.at(name));
      continue;
    }
    const Function& function = library_.function(scopes_[scope].function);
    const auto it = function.nodes.find(name);
    if (it != function.nodes.end()) nodes->push_back(scopes_[scope].first_node + it->second);
  }
  return absl::OkStatus();
}

Status FlatGraph::CheckControl(int node, absl::string_view input) const {
  const absl::string_view name = input.substr(1);
  if (name.empty() || name[0] == '^' || name.find(':') != name.npos) {
    return At(MakeError(ErrorCode::kInput, "malformed control input \"", Printable(input), "\""), node);
  }
  const int scope = nodes_[node].scope;
  if (scope == 0) {
    if (by_name_.contains(name)) return absl::OkStatus();
    return At(MakeError(ErrorCode::kMissingInput, "control input \"", Printable(input), "\" does not exist"), node);
  }
  const Function& function = library_.function(scopes_[scope].function);
  if (function.nodes.contains(name) || function.args.contains(name)) return absl::OkStatus();
  return At(MakeError(ErrorCode::kFunction, "control input \"", Printable(input), "\" does not exist in function \"",
                      Printable(function.name()), "\""),
            node);
}

StatusOr<FlatRef> FlatGraph::ParseInScope(int scope, absl::string_view text) const {
  if (scope != 0) return ParseInBody(scope, text);
  MOULIN_ASSIGN_OR_RETURN(const TensorReference name, ParseTensorName(text));
  const int node = FindNode(name.node);
  if (node < 0) return MakeError(ErrorCode::kMissingInput, "input \"", Printable(text), "\" does not exist");
  return FlatRef{node, name.port};
}

}  // namespace moulin
