// Where a resource variable was, its value now flows: a handle's readers become Identity, and the types of the
// arguments and attributes that it passes on the way change with it.
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/freeze.h"
#include "formats/tensor_proto.h"
#include "import/functions.h"
#include "import/sources.h"

namespace moulin::internal {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<tf::NodeDef>;
using Values = absl::flat_hash_map<std::string, tf::DataType>;  // tensors that were handles, and now are values

absl::string_view NodeOf(absl::string_view input) {
  if (absl::StartsWith(input, "^")) input.remove_prefix(1);
  return input.substr(0, input.find(':'));
}

bool IsTable(absl::string_view op) {
  return absl::StartsWith(op, "HashTable") || absl::StartsWith(op, "MutableHashTable") ||
         absl::StartsWith(op, "MutableDenseHashTable") || absl::StartsWith(op, "AnonymousHashTable") ||
         absl::StartsWith(op, "AnonymousMutable");
}

// The nodes that the outputs need, in the order of the graph.
StatusOr<Nodes> Prune(const tf::GraphDef& graph, const std::vector<std::string>& outputs) {
  absl::flat_hash_map<absl::string_view, const tf::NodeDef*> by_name;
  for (const tf::NodeDef& node : graph.node()) by_name.emplace(node.name(), &node);
  absl::flat_hash_set<absl::string_view> kept;
  std::vector<absl::string_view> to_visit;
  for (const std::string& output : outputs) {
    if (!by_name.contains(NodeOf(output))) {
      return MakeError(ErrorCode::kOutput, "the graph has no node \"", Printable(NodeOf(output)), "\"");
    }
    to_visit.push_back(NodeOf(output));
  }
  while (!to_visit.empty()) {
    const absl::string_view name = to_visit.back();
    to_visit.pop_back();
    const auto it = by_name.find(name);
    if (it == by_name.end()) return MakeError(ErrorCode::kInput, "no node \"", Printable(name), "\", which is read");
    if (!kept.insert(name).second) continue;
    for (const std::string& input : it->second->input()) to_visit.push_back(NodeOf(input));
  }
  Nodes nodes;
  for (const tf::NodeDef& node : graph.node()) {
    if (kept.contains(node.name())) *nodes.Add() = node;
  }
  return nodes;
}

class Freezer {
 public:
  Freezer(Nodes nodes, const tf::GraphDef& graph) : nodes_(std::move(nodes)) {
    for (const tf::FunctionDef& f : graph.library().function()) functions_.emplace(f.signature().name(), f);
  }

  Status Run(const std::function<StatusOr<Tensor>(const tf::NodeDef&)>& value) {
    Values values;
    for (tf::NodeDef& node : nodes_) {
      if (IsTable(node.op())) {
        return AtNode(MakeError(ErrorCode::kUnsupported, "a table's content cannot be frozen"), node.name(), node.op());
      }
      if (!IsVariable(node.op())) continue;
      const StatusOr<Tensor> tensor = value(node);
      if (!tensor.ok()) return AtNode(tensor.status(), node.name(), node.op());
      const bool is_handle = node.op() == "VarHandleOp";
      MakeConstant(*tensor, &node);
      if (is_handle) values.emplace(node.name(), DTypeToProto(tensor->dtype()));
    }
    MOULIN_RETURN_IF_ERROR(Rewrite(&nodes_, std::move(values), false));
    while (!pending_.empty()) {
      const std::string name = std::move(pending_.front());
      pending_.pop_front();
      MOULIN_RETURN_IF_ERROR(RewriteFunction(name));
    }
    return absl::OkStatus();
  }

  // The nodes and the functions that they reach.
  tf::GraphDef Take() {
    tf::GraphDef graph;
    absl::flat_hash_set<std::string> reached;
    std::vector<std::string> to_visit;
    Visit(nodes_, &to_visit);
    while (!to_visit.empty()) {
      const std::string name = std::move(to_visit.back());
      to_visit.pop_back();
      const auto it = functions_.find(name);
      if (it == functions_.end() || !reached.insert(name).second) continue;
      Visit(it->second.node_def(), &to_visit);
      *graph.mutable_library()->add_function() = it->second;
    }
    *graph.mutable_node() = std::move(nodes_);
    return graph;
  }

 private:
  static void MakeConstant(const Tensor& tensor, tf::NodeDef* node) {
    node->set_op("Const");
    node->clear_attr();
    (*node->mutable_attr())["dtype"].set_type(DTypeToProto(tensor.dtype()));
    TensorToProto(tensor, (*node->mutable_attr())["value"].mutable_tensor());
  }

  static void Visit(const Nodes& nodes, std::vector<std::string>* names) {
    for (const tf::NodeDef& node : nodes) {
      for (const auto& [key, attr] : node.attr()) {
        if (attr.value_case() == tf::AttrValue::kFunc) names->push_back(attr.func().name());
        for (const tf::NameAttrList& f : attr.list().func()) names->push_back(f.name());
      }
    }
  }

  // Changes readers until nothing is left to change: nodes come in any order.
  Status Rewrite(Nodes* nodes, Values values, bool in_function, Values* all = nullptr) {
    absl::flat_hash_set<std::pair<const tf::NodeDef*, int>> done;
    for (bool changed = true; changed;) {
      changed = false;
      for (tf::NodeDef& node : *nodes) {
        for (int i = 0; i < node.input_size(); ++i) {
          std::string input = node.input(i);
          if (!in_function && absl::EndsWith(input, ":0")) input.resize(input.size() - 2);
          const auto it = values.find(input);
          if (it == values.end() || !done.emplace(&node, i).second) continue;
          changed = true;
          const tf::DataType type = it->second;
          MOULIN_RETURN_IF_ERROR(RewriteReader(i, type, in_function, &node, &values));
        }
      }
    }
    if (all != nullptr) *all = std::move(values);
    return absl::OkStatus();
  }

  Status RewriteReader(int input, tf::DataType type, bool in_function, tf::NodeDef* node, Values* values) {
    const std::string& op = node->op();
    const auto output = [&](int port) {
      if (in_function) return absl::StrCat(node->name(), ":output:", port);
      return port == 0 ? node->name() : absl::StrCat(node->name(), ":", port);
    };
    auto& attrs = *node->mutable_attr();
    if (op == "ReadVariableOp") {
      node->set_op("Identity");
      attrs.erase("dtype");
      attrs["T"].set_type(type);
      if (in_function) renamed_.insert(absl::StrCat(node->name(), ":value:0"));
      return absl::OkStatus();
    }
    if ((op == "ResourceGather" && attrs["batch_dims"].i() == 0) || op == "ResourceGatherNd") {
      node->set_op(op == "ResourceGather" ? "Gather" : "GatherNd");
      attrs.erase("batch_dims");
      attrs.erase("dtype");
      attrs["Tparams"].set_type(type);
      return absl::OkStatus();
    }
    if (op == "VariableShape") {
      node->set_op("Shape");
      attrs["T"].set_type(type);
      return absl::OkStatus();
    }
    if (op == "Identity") {
      attrs["T"].set_type(type);
      values->emplace(output(0), type);
      return absl::OkStatus();
    }
    if (IsCallByAttr(op)) {
      const int listed = attrs["Tin"].list().type_size();  // behind them, what a BatchFunction captures
      const bool is_captured = op == "BatchFunction" && input >= listed;
      MOULIN_RETURN_IF_ERROR(is_captured ? SetType("Tcaptured", input - listed, type, node)
                                         : SetType("Tin", input, type, node));
      return PassTo(attrs["f"].func().name(), input, type, false);
    }
    if (op == "While" || op == "StatelessWhile") {
      MOULIN_RETURN_IF_ERROR(SetType("T", input, type, node));
      MOULIN_RETURN_IF_ERROR(PassTo(attrs["cond"].func().name(), input, type, false));
      values->emplace(output(input), type);
      return PassTo(attrs["body"].func().name(), input, type, true);
    }
    if ((op == "If" || op == "StatelessIf") && input > 0) {
      MOULIN_RETURN_IF_ERROR(SetType("Tin", input - 1, type, node));
      MOULIN_RETURN_IF_ERROR(PassTo(attrs["then_branch"].func().name(), input - 1, type, false));
      return PassTo(attrs["else_branch"].func().name(), input - 1, type, false);
    }
    return AtNode(MakeError(ErrorCode::kUnsupported, "a variable that is not just read cannot be frozen"), node->name(),
                  op);
  }

  // The type of one input of a call, which is no resource any more.
  static Status SetType(const char* attr, int index, tf::DataType type, tf::NodeDef* node) {
    const auto it = node->mutable_attr()->find(attr);
    if (it == node->mutable_attr()->end() || index >= it->second.list().type_size()) {
      return AtNode(MakeError(ErrorCode::kAttribute, "attribute \"", attr, "\" has too few types"), node->name(),
                    node->op());
    }
    it->second.mutable_list()->set_type(index, type);
    node->mutable_attr()->erase("_read_only_resource_inputs");
    return absl::OkStatus();
  }

  // From now on the function's argument is a value (and, of a loop's body, the result at the same place).
  Status PassTo(const std::string& name, int argument, tf::DataType type, bool is_result) {
    const auto it = functions_.find(name);
    if (it == functions_.end() || argument >= it->second.signature().input_arg_size()) {
      return MakeError(ErrorCode::kFunction, "no function \"", Printable(name), "\" with an argument ", argument);
    }
    tf::OpDef& signature = *it->second.mutable_signature();
    if (is_result && argument < signature.output_arg_size()) signature.mutable_output_arg(argument)->set_type(type);
    tf::OpDef::ArgDef& arg = *signature.mutable_input_arg(argument);
    if (arg.type() == type) return absl::OkStatus();  // by another call
    arg.set_type(type);
    arg.clear_handle_data();
    it->second.mutable_arg_attr()->erase(argument);
    it->second.mutable_resource_arg_unique_id()->erase(argument);
    arguments_[name].emplace(arg.name(), type);
    pending_.push_back(name);
    return absl::OkStatus();
  }

  Status RewriteFunction(const std::string& name) {
    tf::FunctionDef& function = functions_.at(name);
    renamed_.clear();
    Values values;
    MOULIN_RETURN_IF_ERROR(
        Rewrite(function.mutable_node_def(), std::exchange(arguments_[name], {}), /*in_function=*/true, &values));
    // ReadVariableOp calls its output "value", Identity "output".
    const auto rename = [&](std::string* ref) {
      if (!renamed_.contains(*ref)) return;
      *ref = absl::StrCat(NodeOf(*ref), ":output:0");
    };
    for (tf::NodeDef& node : *function.mutable_node_def()) {
      for (std::string& input : *node.mutable_input()) rename(&input);
    }
    for (auto& [key, ref] : *function.mutable_ret()) rename(&ref);
    return absl::OkStatus();
  }

  Nodes nodes_;
  absl::flat_hash_map<std::string, tf::FunctionDef> functions_;
  absl::flat_hash_map<std::string, Values> arguments_;  // of functions in pending_
  std::deque<std::string> pending_;
  absl::flat_hash_set<std::string> renamed_;
};

}  // namespace

StatusOr<tf::GraphDef> FreezeGraph(const tf::GraphDef& graph, const std::vector<std::string>& outputs,
                                   const std::function<StatusOr<Tensor>(const tf::NodeDef&)>& value) {
  if (outputs.empty()) return MakeError(ErrorCode::kOutput, "no outputs are named");
  MOULIN_ASSIGN_OR_RETURN(Nodes nodes, Prune(graph, outputs));
  Freezer freezer(std::move(nodes), graph);
  MOULIN_RETURN_IF_ERROR(freezer.Run(value));
  tf::GraphDef frozen = freezer.Take();
  *frozen.mutable_versions() = graph.versions();
  return frozen;
}

}  // namespace moulin::internal
