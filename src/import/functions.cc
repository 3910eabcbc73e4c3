#include "import/functions.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

constexpr char kCalleeAttr[] = "f";

Status BadFunction(const Function& function, absl::string_view what) {
  return MakeError(ErrorCode::kFunction, "function \"", Printable(function.name()), "\": ", what);
}

// An entry of the stack of Prepare: a function, and the calls in its body.
struct Visit {
  int id;
  std::vector<int> callees;
  size_t next = 0;
};

}  // namespace

bool IsCallByAttr(absl::string_view op) {
  return op == "PartitionedCall" || op == "StatefulPartitionedCall" || op == "BatchFunction";
}

const google::protobuf::Map<std::string, tf::AttrValue>& CallAttrs(const tf::NodeDef& call) {
  if (!IsCallByAttr(call.op())) return call.attr();
  const auto it = call.attr().find(kCalleeAttr);
  return it == call.attr().end() ? call.attr() : it->second.func().attr();
}

Status FunctionLibrary::Init(const tf::GraphDef& graph, const Limits& limits) {
  limits_ = limits;
  const auto& library = graph.library();
  if (library.function_size() > limits.functions) {
    return MakeError(ErrorCode::kLimit, "expected at most ", limits.functions, " functions, got ",
                     library.function_size());
  }
  functions_.resize(library.function_size());
  for (int i = 0; i < library.function_size(); ++i) {
    functions_[i].def = &library.function(i);
    const std::string& name = functions_[i].name();
    if (name.empty()) return MakeError(ErrorCode::kFunction, "function ", i, " has an empty name");
    if (name.size() > limits.name_bytes) {
      return MakeError(ErrorCode::kName, "expected a function's name of at most ", limits.name_bytes, " bytes, got \"",
                       Printable(name), "\"");
    }
    const auto [it, is_new] = by_name_.emplace(name, i);
    if (!is_new) {
      return MakeError(ErrorCode::kDuplicate, "functions ", it->second, " and ", i, " have one name, \"",
                       Printable(name), "\"");
    }
  }
  return absl::OkStatus();
}

int FunctionLibrary::Find(absl::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? -1 : it->second;
}

StatusOr<int> FunctionLibrary::CalleeOf(const tf::NodeDef& node) const {
  if (!IsCallByAttr(node.op())) return functions_.empty() ? -1 : Find(node.op());
  const auto it = node.attr().find(kCalleeAttr);
  if (it == node.attr().end() || it->second.value_case() != tf::AttrValue::kFunc) {
    return MakeError(ErrorCode::kAttribute, "attribute \"", kCalleeAttr, "\": expected a function");
  }
  const std::string& name = it->second.func().name();
  const int id = Find(name);
  if (id < 0) return MakeError(ErrorCode::kFunction, "calls function \"", Printable(name), "\", which does not exist");
  return id;
}

std::vector<int> FunctionLibrary::FunctionsOf(const tf::NodeDef& node) const {
  if (functions_.empty()) return {};
  std::vector<int> found;
  const auto add = [&](const tf::NameAttrList& function) {
    const int id = Find(function.name());
    if (id >= 0) found.push_back(id);
  };
  for (const auto& [name, value] : node.attr()) {
    if (value.value_case() == tf::AttrValue::kFunc) add(value.func());
    for (const tf::NameAttrList& function : value.list().func()) add(function);
  }
  const int named = Find(node.op());
  if (named >= 0) found.push_back(named);
  std::sort(found.begin(), found.end());  // the order of a protocol buffer's map varies from run to run
  return found;
}

std::string FunctionLibrary::Chain(absl::Span<const int> ids) const {
  constexpr size_t kMostShown = 10;
  std::vector<std::string> names;
  for (size_t i = 0; i < ids.size() && i < kMostShown; ++i) names.push_back(Printable(functions_[ids[i]].name(), 80));
  std::string chain = absl::StrJoin(names, " -> ");
  if (ids.size() > kMostShown) absl::StrAppend(&chain, " -> ... (", ids.size(), " calls)");
  return chain;
}

Status FunctionLibrary::Prepare(int id) {
  if (functions_[id].is_prepared) return absl::OkStatus();
  std::vector<bool> is_open(functions_.size());
  std::vector<Visit> stack;
  const auto open = [&](int f) -> Status {
    Visit visit{f, {}};
    MOULIN_RETURN_IF_ERROR(Index(&functions_[f]));
    for (const auto& node : functions_[f].def->node_def()) {
      for (const int callee : FunctionsOf(node)) visit.callees.push_back(callee);
    }
    is_open[f] = true;
    stack.push_back(std::move(visit));
    return absl::OkStatus();
  };
  MOULIN_RETURN_IF_ERROR(open(id));
  while (!stack.empty()) {
    Visit& visit = stack.back();
    if (visit.next < visit.callees.size()) {
      const int callee = visit.callees[visit.next++];
      if (functions_[callee].is_prepared) continue;
      if (is_open[callee]) {
        std::vector<int> chain;
        for (const Visit& caller : stack) chain.push_back(caller.id);
        chain.erase(chain.begin(), std::find(chain.begin(), chain.end(), callee));
        chain.push_back(callee);
        return MakeError(ErrorCode::kRecursion, "a function calls itself: ", Chain(chain));
      }
      MOULIN_RETURN_IF_ERROR(open(callee));
      continue;
    }
    Function& function = functions_[visit.id];
    function.expanded_nodes = function.def->node_def_size();
    function.depth = 1;
    for (const int callee : visit.callees) {
      const Function& called = functions_[callee];
      function.depth = std::max(function.depth, called.depth + 1);
      if (__builtin_add_overflow(function.expanded_nodes, called.expanded_nodes, &function.expanded_nodes)) {
        function.expanded_nodes = std::numeric_limits<int64_t>::max();
      }
    }
    function.is_prepared = true;
    is_open[visit.id] = false;
    stack.pop_back();
  }
  if (functions_[id].depth <= limits_.function_depth) return absl::OkStatus();
  return MakeError(ErrorCode::kRecursion, "expected at most ", limits_.function_depth, " nested calls, got ",
                   functions_[id].depth, ": ", Chain(DeepestChain(id)));
}

std::vector<int> FunctionLibrary::DeepestChain(int id) const {
  std::vector<int> chain = {id};
  while (functions_[chain.back()].depth > 1) {
    const Function& function = functions_[chain.back()];
    int deepest = -1;
    for (const auto& node : function.def->node_def()) {
      for (const int callee : FunctionsOf(node)) {
        if (functions_[callee].depth == function.depth - 1) deepest = callee;
      }
    }
    if (deepest < 0) break;
    chain.push_back(deepest);
  }
  return chain;
}

Status FunctionLibrary::Index(Function* function) {
  if (!function->args.empty() || !function->nodes.empty()) return absl::OkStatus();
  const tf::FunctionDef& def = *function->def;
  function->signature = SignatureOf(def.signature());
  for (int i = 0; i < def.signature().input_arg_size(); ++i) {
    const std::string& name = def.signature().input_arg(i).name();
    if (name.empty()) return BadFunction(*function, absl::StrCat("argument ", i, " has an empty name"));
    if (!function->args.emplace(name, i).second) {
      return BadFunction(*function, absl::StrCat("two arguments are named \"", Printable(name), "\""));
    }
  }
  for (int i = 0; i < def.node_def_size(); ++i) {
    const std::string& name = def.node_def(i).name();
    if (name.empty()) return BadFunction(*function, absl::StrCat("node ", i, " has an empty name"));
    if (def.node_def(i).op().empty()) {
      return BadFunction(*function, absl::StrCat("node \"", Printable(name), "\" has an empty op"));
    }
    if (function->args.contains(name) || !function->nodes.emplace(name, i).second) {
      return BadFunction(*function, absl::StrCat("two nodes or arguments are named \"", Printable(name), "\""));
    }
  }
  return absl::OkStatus();
}

}  // namespace moulin
