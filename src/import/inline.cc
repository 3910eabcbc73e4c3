// The part of FlatGraph that opens calls: scopes, and the names within a function's body.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "import/flat_graph.h"
#include "import/tensor_names.h"

namespace moulin {
namespace {

using AttrMap = google::protobuf::Map<std::string, tf::AttrValue>;

bool HasPlaceholder(const AttrMap& attrs) {
  return std::any_of(attrs.begin(), attrs.end(), [](const auto& attr) {
    const tf::AttrValue& value = attr.second;
    if (value.value_case() == tf::AttrValue::kPlaceholder) return true;
    if (value.value_case() != tf::AttrValue::kFunc) return false;
    return std::any_of(value.func().attr().begin(), value.func().attr().end(),
                       [](const auto& inner) { return inner.second.value_case() == tf::AttrValue::kPlaceholder; });
  });
}

// Replaces placeholders by the caller's attributes; one that the caller does not give goes away.
void Substitute(const AttrMap& given, AttrMap* attrs) {
  std::vector<std::string> missing;
  for (auto& [name, value] : *attrs) {
    if (value.value_case() == tf::AttrValue::kFunc) {
      if (HasPlaceholder(value.func().attr())) Substitute(given, value.mutable_func()->mutable_attr());
      continue;
    }
    if (value.value_case() != tf::AttrValue::kPlaceholder) continue;
    const auto it = given.find(value.placeholder());
    if (it == given.end()) {
      missing.push_back(name);
    } else {
      value = tf::AttrValue(it->second);
    }
  }
  for (const std::string& name : missing) attrs->erase(name);
}

int NumDataInputs(const tf::NodeDef& node) {
  int count = 0;
  while (count < node.input_size() && !IsControl(node.input(count))) ++count;
  return count;
}

// Where each argument starts among the tensors that all of them stand for, and at the end their number.
std::vector<int> Offsets(absl::Span<const ArgSpec> args, absl::Span<const TensorSpec> tensors) {
  std::vector<int> offsets(args.size() + 1);
  for (const TensorSpec& tensor : tensors) ++offsets[tensor.arg + 1];
  for (int i = 0; i < args.size(); ++i) offsets[i + 1] += offsets[i];
  return offsets;
}

bool IsList(const ArgSpec& arg) { return !arg.number_attr.empty() || !arg.type_list_attr.empty(); }

Status BadBody(const Function& function, absl::string_view what) {
  return MakeError(ErrorCode::kFunction, "function \"", Printable(function.name()), "\": ", what);
}

}  // namespace

const tf::NodeDef* FlatGraph::Substituted(const tf::NodeDef& def, const AttrMap& attrs) {
  if (!HasPlaceholder(def.attr())) return &def;
  substituted_.push_back(def);
  Substitute(attrs, substituted_.back().mutable_attr());
  return &substituted_.back();
}

StatusOr<int> FlatGraph::AddScope(int call, int function_id, const AttrMap& attrs) {
  MOULIN_RETURN_IF_ERROR(library_.Prepare(function_id));
  const Function& function = library_.function(function_id);
  if (nodes_[call].scope == 0) {  // counted with all calls in it, before anything is expanded
    if (function.expanded_nodes > limits_.nodes - expanded_nodes_) {
      return MakeError(ErrorCode::kLimit, "inlining function \"", Printable(function.name()), "\" makes more than ",
                       limits_.nodes, " nodes");
    }
    expanded_nodes_ += function.expanded_nodes;
  }
  Scope scope;
  scope.call = call;
  scope.function = function_id;
  scope.first_node = num_nodes();
  MOULIN_ASSIGN_OR_RETURN(scope.returns,
                          ExpandArgs(function.signature.outputs, function.signature.attrs, attrs, limits_));
  scope.outputs.assign(scope.returns.size(), FlatRef{kUnresolved, 0});
  const int id = static_cast<int>(scopes_.size());
  for (const tf::NodeDef& node : function.def->node_def()) nodes_.push_back({Substituted(node, attrs), id});
  scopes_.push_back(std::move(scope));
  return id;
}

StatusOr<int> FlatGraph::OpenScope(int call, int function_id) {
  const AttrMap& attrs = CallAttrs(def(call));
  MOULIN_ASSIGN_OR_RETURN(const int id, AddScope(call, function_id, attrs));
  const Function& function = library_.function(function_id);
  const OpSignature& signature = function.signature;
  MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorSpec> args,
                          ExpandArgs(signature.inputs, signature.attrs, attrs, limits_));
  if (args.size() != NumDataInputs(def(call))) {
    return MakeError(ErrorCode::kFunction, "function \"", Printable(function.name()), "\" takes ", args.size(),
                     " inputs, got ", NumDataInputs(def(call)));
  }
  scopes_[id].arg_offsets = Offsets(signature.inputs, args);
  nodes_[call].opened = id;
  return id;
}

StatusOr<Region> FlatGraph::OpenRegion(int node, const tf::NameAttrList& function) {
  const int function_id = library_.Find(function.name());
  if (function_id < 0) {
    return MakeError(ErrorCode::kFunction, "names function \"", Printable(function.name()), "\", which does not exist");
  }
  MOULIN_ASSIGN_OR_RETURN(const int id, AddScope(node, function_id, function.attr()));
  const OpSignature& signature = library_.function(function_id).signature;
  MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorSpec> args,
                          ExpandArgs(signature.inputs, signature.attrs, function.attr(), limits_));
  AddArguments(id, args);
  Region region;
  region.name = absl::StrCat(name(node), "/", function.name());
  region.num_args = static_cast<int>(args.size());
  for (int i = 0; i < region.num_args; ++i) region.bindings.push_back({FlatRef{scopes_[id].first_arg + i, 0}, i});
  for (int i = 0; i < static_cast<int>(scopes_[id].returns.size()); ++i) {
    MOULIN_ASSIGN_OR_RETURN(FlatRef result, ParseReturn(id, i));
    MOULIN_ASSIGN_OR_RETURN(result, Resolve(result));
    region.results.push_back(result);
  }
  return region;
}

// A node for each argument, so that what reads it has something to refer to.
void FlatGraph::AddArguments(int scope, absl::Span<const TensorSpec> args) {
  const OpSignature& signature = library_.function(scopes_[scope].function).signature;
  scopes_[scope].arg_offsets = Offsets(signature.inputs, args);
  scopes_[scope].first_arg = num_nodes();
  for (const TensorSpec& arg : args) {
    tf::NodeDef& node = substituted_.emplace_back();
    node.set_name(signature.inputs[arg.arg].name);
    node.set_op("_Arg");
    nodes_.push_back({&node, scope});
  }
}

StatusOr<FlatRef> FlatGraph::ParseReturn(int scope, int port) const {
  const Scope& s = scopes_[scope];
  const Function& function = library_.function(s.function);
  const TensorSpec& result = s.returns[port];
  const ArgSpec& arg = function.signature.outputs[result.arg];
  const auto it = function.def->ret().find(arg.name);
  if (it == function.def->ret().end()) {
    return BadBody(function, absl::StrCat("nothing is returned for output \"", Printable(arg.name), "\""));
  }
  if (!IsList(arg)) return ParseInBody(scope, it->second);
  return ParseInBody(scope, absl::StrCat(it->second, ":", result.index));
}

StatusOr<FlatRef> FlatGraph::ParseInBody(int scope, absl::string_view text) const {
  while (scope != 0) {
    const Scope& s = scopes_[scope];
    const Function& function = library_.function(s.function);
    const StatusOr<TensorReference> name = ParseBodyTensorName(text);
    if (!name.ok()) return BadBody(function, absl::StrCat("malformed reference \"", Printable(text), "\""));
    if (const auto arg = function.args.find(name->node); arg != function.args.end()) {
      const int input = s.arg_offsets[arg->second] + name->port;
      if (!name->output.empty() || name->port < 0 || input >= s.arg_offsets[arg->second + 1]) {
        return BadBody(function, absl::StrCat("no argument \"", Printable(text), "\""));
      }
      if (s.first_arg >= 0) return FlatRef{s.first_arg + input, 0};
      const FlatNode& call = nodes_[s.call];
      text = call.def->input(input);
      scope = call.scope;
      continue;
    }
    const auto node = function.nodes.find(name->node);
    if (node == function.nodes.end()) {
      return BadBody(function, absl::StrCat("reference \"", Printable(text), "\" to nothing in it"));
    }
    const int id = s.first_node + node->second;
    MOULIN_ASSIGN_OR_RETURN(const int port, OutputPort(def(id), name->output, name->port));
    return FlatRef{id, port};
  }
  return ParseInScope(scope, text);
}

StatusOr<int> FlatGraph::OutputPort(const tf::NodeDef& node, absl::string_view output, int index) const {
  MOULIN_ASSIGN_OR_RETURN(const int callee, library_.CalleeOf(node));
  const bool is_named_call = callee >= 0 && node.op() == library_.function(callee).name();
  OpSignature called;
  if (is_named_call) called = SignatureOf(library_.function(callee).def->signature());
  const OpSignature* signature = is_named_call ? &called : FindSignature(node.op());
  // An op that the table lacks has no lowering; any port will do to report it.
  if (output.empty() || signature == nullptr) return index;
  MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorSpec> tensors,
                          ExpandArgs(signature->outputs, signature->attrs, node.attr(), limits_));
  for (int port = 0; port < tensors.size(); ++port) {
    if (tensors[port].index == index && signature->outputs[tensors[port].arg].name == output) return port;
  }
  return MakeError(ErrorCode::kFunction, "no output \"", Printable(output), ":", index, "\" of node \"",
                   Printable(node.name()), "\" (op ", Printable(node.op()), ")");
}

StatusOr<int> FlatGraph::NumOutputs(int node) const {
  MOULIN_ASSIGN_OR_RETURN(const int callee, library_.CalleeOf(def(node)));
  if (callee >= 0) {
    const OpSignature signature = SignatureOf(library_.function(callee).def->signature());
    MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorSpec> tensors,
                            ExpandArgs(signature.outputs, signature.attrs, CallAttrs(def(node)), limits_));
    return static_cast<int>(tensors.size());
  }
  const OpSignature* signature = FindSignature(def(node).op());
  if (signature == nullptr) return -1;
  MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorSpec> tensors,
                          ExpandArgs(signature->outputs, signature->attrs, def(node).attr(), limits_));
  return static_cast<int>(tensors.size());
}

std::vector<std::pair<FlatRef, FlatRef>> FlatGraph::CallOutputs() const {
  std::vector<std::pair<FlatRef, FlatRef>> outputs;
  for (const Scope& scope : scopes_) {
    for (int port = 0; port < scope.outputs.size(); ++port) {
      if (scope.outputs[port].node >= 0) outputs.push_back({FlatRef{scope.call, port}, scope.outputs[port]});
    }
  }
  return outputs;
}

}  // namespace moulin
