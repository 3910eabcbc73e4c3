#include "formats/variable_keys.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "formats/tensor_proto.h"

namespace moulin {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<tf::NodeDef>;
using NodesByName = absl::flat_hash_map<absl::string_view, const tf::NodeDef*>;

constexpr char kValueAttribute[] = "VARIABLE_VALUE";
constexpr int kMaxIdentities = 16;

NodesByName ByName(const Nodes& nodes) {
  NodesByName by_name;
  for (const tf::NodeDef& node : nodes) by_name.emplace(node.name(), &node);
  return by_name;
}

// "node", "node:port" of a graph; "node:output:index" of a function's body.
struct Source {
  absl::string_view node;
  int port = 0;
};

Source SourceOf(const tf::NodeDef& node, int input) {
  Source source;
  if (input >= node.input_size()) return source;
  const std::vector<absl::string_view> parts = absl::StrSplit(node.input(input), ':');
  source.node = parts.front();
  if (parts.size() > 1 && !absl::SimpleAtoi(parts.back(), &source.port)) source.port = 0;
  return source;
}

// Where the value comes from, past Identity nodes.
Source TraceBack(Source source, const NodesByName& nodes) {
  for (int i = 0; i < kMaxIdentities; ++i) {
    const auto it = nodes.find(source.node);
    if (it == nodes.end() || it->second->op() != "Identity") break;
    source = SourceOf(*it->second, 0);
  }
  return source;
}

// The elements of a constant of strings; none where `node` is something else.
std::vector<std::string> ConstantStrings(absl::string_view name, const NodesByName& nodes) {
  const auto it = nodes.find(name);
  if (it == nodes.end() || it->second->op() != "Const") return {};
  const auto value = it->second->attr().find("value");
  if (value == it->second->attr().end() || value->second.value_case() != tf::AttrValue::kTensor) return {};
  const StatusOr<Tensor> tensor = TensorFromProto(value->second.tensor());
  if (!tensor.ok() || tensor->dtype() != DType::kString) return {};
  return {tensor->strings().begin(), tensor->strings().end()};
}

// "" or "10 4 0,5:0,4": the whole shape, then the slice.
std::optional<TensorSlice> SliceOf(const std::string& shape_and_slice) {
  const size_t space = shape_and_slice.rfind(' ');
  if (space == std::string::npos) return std::nullopt;
  StatusOr<TensorSlice> slice = SliceFromString(absl::string_view(shape_and_slice).substr(space + 1));
  if (!slice.ok()) return std::nullopt;
  return *std::move(slice);
}

// What a RestoreV2 node reads, by output. Kept, as an op may restore thousands of tensors.
class RestoreOps {
 public:
  explicit RestoreOps(const NodesByName& nodes) : nodes_(nodes) {}

  std::optional<VariableKey> KeyOf(Source source) {
    const auto it = nodes_.find(source.node);
    if (it == nodes_.end() || it->second->op() != "RestoreV2") return std::nullopt;
    auto [at, is_new] = keys_.try_emplace(source.node);
    if (is_new) at->second = Read(*it->second);
    if (source.port < 0 || source.port >= static_cast<int>(at->second.size())) return std::nullopt;
    return at->second[source.port];
  }

 private:
  std::vector<VariableKey> Read(const tf::NodeDef& restore) const {
    std::vector<std::string> names = ConstantStrings(TraceBack(SourceOf(restore, 1), nodes_).node, nodes_);
    const std::vector<std::string> slices = ConstantStrings(TraceBack(SourceOf(restore, 2), nodes_).node, nodes_);
    std::vector<VariableKey> keys;
    for (size_t i = 0; i < names.size(); ++i) {
      keys.push_back({std::move(names[i]), i < slices.size() ? SliceOf(slices[i]) : std::nullopt});
    }
    return keys;
  }

  const NodesByName& nodes_;
  absl::flat_hash_map<absl::string_view, std::vector<VariableKey>> keys_;
};

struct Assignment {
  absl::string_view assign;  // the node that assigns
  absl::string_view target;  // a variable, or a function's argument
  VariableKey key;
};

std::vector<Assignment> Assignments(const Nodes& nodes) {
  const NodesByName by_name = ByName(nodes);
  RestoreOps restores(by_name);
  std::vector<Assignment> assignments;
  for (const tf::NodeDef& node : nodes) {
    if (node.op() != "Assign" && node.op() != "AssignVariableOp") continue;
    std::optional<VariableKey> key = restores.KeyOf(TraceBack(SourceOf(node, 1), by_name));
    if (!key) continue;
    assignments.push_back({node.name(), TraceBack(SourceOf(node, 0), by_name).node, *std::move(key)});
  }
  return assignments;
}

// The function that a call node calls; "" for other nodes.
const std::string& Callee(const tf::NodeDef& node) {
  static const std::string* none = new std::string();
  if (node.op() != "StatefulPartitionedCall" && node.op() != "PartitionedCall") return *none;
  const auto it = node.attr().find("f");
  return it == node.attr().end() ? *none : it->second.func().name();
}

// The inputs that are data.
std::vector<absl::string_view> DataInputs(const tf::NodeDef& node) {
  std::vector<absl::string_view> inputs;
  for (int i = 0; i < node.input_size(); ++i) {
    if (!absl::StartsWith(node.input(i), "^")) inputs.push_back(SourceOf(node, i).node);
  }
  return inputs;
}

void AddOfFunction(const tf::FunctionDef& function, const tf::NodeDef& call, const NodesByName& nodes,
                   VariableKeys* keys) {
  const std::vector<absl::string_view> inputs = DataInputs(call);
  absl::flat_hash_map<absl::string_view, absl::string_view> of_argument;
  for (int i = 0; i < function.signature().input_arg_size() && i < static_cast<int>(inputs.size()); ++i) {
    of_argument.emplace(function.signature().input_arg(i).name(), TraceBack({inputs[i]}, nodes).node);
  }
  for (Assignment& a : Assignments(function.node_def())) {
    const auto variable = of_argument.find(a.target);
    if (variable != of_argument.end()) keys->emplace(variable->second, std::move(a.key));
  }
}

// The tensor that holds a variable's value; "" where the object is none.
std::string KeyOfObject(const tf::TrackableObjectGraph::TrackableObject& object) {
  for (const auto& attribute : object.attributes()) {
    if (attribute.name() == kValueAttribute) return attribute.checkpoint_key();
  }
  return "";
}

// For each saved object, the object of the checkpoint that has the same names on the way from the root; -1 for none.
std::vector<int> MatchObjects(const tf::SavedObjectGraph& saved, const tf::TrackableObjectGraph& stored) {
  std::vector<int> match(saved.nodes_size(), -1);
  if (saved.nodes_size() == 0 || stored.nodes_size() == 0) return match;
  match[0] = 0;
  std::vector<int> to_visit = {0};
  while (!to_visit.empty()) {
    const int at = to_visit.back();
    to_visit.pop_back();
    absl::flat_hash_map<absl::string_view, int> stored_children;
    for (const auto& child : stored.nodes(match[at]).children()) {
      stored_children.emplace(child.local_name(), child.node_id());
    }
    for (const auto& child : saved.nodes(at).children()) {
      const auto it = stored_children.find(child.local_name());
      if (child.node_id() < 0 || child.node_id() >= saved.nodes_size() || it == stored_children.end()) continue;
      if (match[child.node_id()] >= 0) continue;
      match[child.node_id()] = it->second;
      to_visit.push_back(child.node_id());
    }
  }
  return match;
}

// Calls `visit` with each node whose value a call captures, and the object that the value belongs to.
template <typename Visit>
void ForEachCapturedObject(const tf::MetaGraphDef& meta_graph, const Visit& visit) {
  const tf::SavedObjectGraph& saved = meta_graph.object_graph_def();
  const NodesByName nodes = ByName(meta_graph.graph_def().node());
  for (const tf::NodeDef& node : meta_graph.graph_def().node()) {
    const auto function = saved.concrete_functions().find(Callee(node));
    if (function == saved.concrete_functions().end()) continue;
    const auto& bound = function->second.bound_inputs();
    const std::vector<absl::string_view> inputs = DataInputs(node);
    if (bound.size() > static_cast<int>(inputs.size())) continue;
    for (int i = 0; i < bound.size(); ++i) {
      if (bound[i] < 0 || bound[i] >= saved.nodes_size()) continue;
      visit(TraceBack({inputs[inputs.size() - bound.size() + i]}, nodes).node, bound[i]);
    }
  }
}

}  // namespace

VariableKeys KeysByRestoreOps(const tf::MetaGraphDef& meta_graph) {
  const tf::GraphDef& graph = meta_graph.graph_def();
  const NodesByName nodes = ByName(graph.node());
  const std::string& restore_op = meta_graph.saver_def().restore_op_name();
  const size_t slash = restore_op.rfind('/');
  const std::string scope = slash == std::string::npos ? "" : restore_op.substr(0, slash + 1);
  VariableKeys keys;
  std::vector<Assignment> assignments = Assignments(graph.node());
  for (const bool own : {true, false}) {
    for (const Assignment& a : assignments) {
      if (absl::StartsWith(a.assign, scope) == own) keys.emplace(a.target, a.key);
    }
  }
  absl::flat_hash_map<absl::string_view, const tf::FunctionDef*> functions;
  for (const tf::FunctionDef& f : graph.library().function()) functions.emplace(f.signature().name(), &f);
  for (const tf::NodeDef& node : graph.node()) {
    const auto function = functions.find(Callee(node));
    if (function != functions.end()) AddOfFunction(*function->second, node, nodes, &keys);
  }
  return keys;
}

VariableKeys KeysByObjects(const tf::MetaGraphDef& meta_graph, const tf::TrackableObjectGraph& objects) {
  const std::vector<int> match = MatchObjects(meta_graph.object_graph_def(), objects);
  VariableKeys keys;
  ForEachCapturedObject(meta_graph, [&](absl::string_view node, int object) {
    if (match[object] < 0) return;
    std::string key = KeyOfObject(objects.nodes(match[object]));
    if (!key.empty()) keys.emplace(node, VariableKey{std::move(key), std::nullopt});
  });
  return keys;
}

absl::flat_hash_map<std::string, int> ObjectsOfNodes(const tf::MetaGraphDef& meta_graph) {
  absl::flat_hash_map<std::string, int> objects;
  ForEachCapturedObject(meta_graph, [&](absl::string_view node, int object) {
    const tf::SavedObject& saved = meta_graph.object_graph_def().nodes(object);
    if (!saved.has_constant() && !saved.has_captured_tensor()) objects.emplace(node, object);
  });
  return objects;
}

}  // namespace moulin
