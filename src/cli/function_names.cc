#include "cli/function_names.h"

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "import/functions.h"
#include "import/op_signature.h"

namespace moulin::cli {
namespace {

using FunctionIndex = absl::flat_hash_map<absl::string_view, int>;

constexpr char kPrefix[] = "__inference_";

// What a process has counted before the first function: itself, and the suffix of the names that it shares.
constexpr int kCountedBefore = 2;

// The functions that one node refers to.
absl::flat_hash_set<std::string> References(const tf::NodeDef& node, const FunctionIndex& functions,
                                            const absl::flat_hash_map<std::string, std::string>& gradients) {
  if (functions.contains(node.op())) return {node.op()};
  const auto gradient = node.attr().find("_gradient_op_type");
  if (gradient != node.attr().end() && !IsCallByAttr(node.op()) && gradients.contains(gradient->second.s())) {
    return {gradients.at(gradient->second.s())};
  }
  absl::flat_hash_set<std::string> names;
  for (const auto& [key, attr] : node.attr()) {
    if (attr.value_case() == tf::AttrValue::kFunc) names.insert(attr.func().name());
    for (const tf::NameAttrList& f : attr.list().func()) names.insert(f.name());
  }
  return names;
}

// The order in which TensorFlow loads: depth first, the last one that has become ready. Empty for a circle.
std::vector<int> LoadingOrder(const tf::FunctionDefLibrary& library) {
  FunctionIndex index;
  for (int i = 0; i < library.function_size(); ++i) index.emplace(library.function(i).signature().name(), i);
  absl::flat_hash_map<std::string, std::string> gradients;
  for (const tf::RegisteredGradient& g : library.registered_gradients()) {
    if (!g.registered_op_type().empty()) gradients[g.registered_op_type()] = g.gradient_func();
  }
  std::vector<std::vector<int>> readers(library.function_size());
  std::vector<int> waits_for(library.function_size(), 0);
  for (int i = 0; i < library.function_size(); ++i) {
    absl::flat_hash_set<std::string> names;
    for (const tf::NodeDef& node : library.function(i).node_def()) names.merge(References(node, index, gradients));
    for (const std::string& name : names) {
      ++waits_for[i];
      if (const auto it = index.find(name); it != index.end()) readers[it->second].push_back(i);
    }
  }
  std::vector<int> ready;
  for (int i = 0; i < library.function_size(); ++i) {
    if (waits_for[i] == 0) ready.push_back(i);
  }
  std::vector<int> order;
  while (!ready.empty()) {
    order.push_back(ready.back());
    ready.pop_back();
    for (const int reader : readers[order.back()]) {
      if (--waits_for[reader] == 0) ready.push_back(reader);
    }
  }
  if (order.size() != readers.size()) order.clear();
  return order;
}

int NumOutputs(const tf::NodeDef& node) {
  const OpSignature* signature = FindSignature(node.op());
  if (signature == nullptr) return 1;  // as most have
  const auto outputs = ExpandArgs(signature->outputs, signature->attrs, node.attr(), Limits());
  return outputs.ok() ? static_cast<int>(outputs->size()) : 1;
}

// What loading a function counts before its name: its graph and its tensors.
int CountOf(const tf::FunctionDef& function) {
  int count = 1 + function.signature().input_arg_size();
  for (const tf::NodeDef& node : function.node_def()) {
    count += NumOutputs(node);
    // Tables without a name are given one of their own.
    const auto named = node.attr().find("use_node_name_sharing");
    count += node.op() == "HashTableV2" && (named == node.attr().end() || !named->second.b());
  }
  return count;
}

// "__inference_NAME_123" was made from "NAME".
absl::string_view OriginalName(absl::string_view name) {
  absl::string_view inner = name;
  const size_t underscore = name.rfind('_');
  if (!absl::ConsumePrefix(&inner, kPrefix) || underscore == absl::string_view::npos) return name;
  const absl::string_view number = name.substr(underscore + 1);
  for (const char c : number) {
    if (!absl::ascii_isdigit(c)) return name;
  }
  if (number.empty() || inner.size() <= number.size()) return name;
  return inner.substr(0, inner.size() - number.size() - 1);
}

}  // namespace

std::optional<absl::flat_hash_map<std::string, std::string>> LoadedFunctionNames(
    const tf::FunctionDefLibrary& library) {
  const std::vector<int> order = LoadingOrder(library);
  if (order.empty() && library.function_size() > 0) return std::nullopt;
  int64_t counted = kCountedBefore;
  for (const tf::RegisteredGradient& g : library.registered_gradients()) counted += !g.registered_op_type().empty();
  absl::flat_hash_map<std::string, std::string> names;
  for (const int i : order) {
    const tf::FunctionDef& function = library.function(i);
    const std::string& name = function.signature().name();
    counted += CountOf(function);
    names.emplace(name, absl::StrCat(kPrefix, OriginalName(name), "_", counted++));
  }
  return names;
}

}  // namespace moulin::cli
