// The inputs and outputs of a graph: those asked for, and those it has by default.
#include <algorithm>
#include <iterator>

#include "absl/container/flat_hash_set.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "import/importer.h"
#include "import/sources.h"
#include "import/tensor_names.h"

namespace moulin {
namespace {

// The version of GraphDef that TensorFlow 2.21 writes.
constexpr int kNewestKnownVersion = 2474;

// Ops that compute nothing for a caller, though nobody reads their outputs.
constexpr absl::string_view kNeverOutputs[] = {
    "Assign",      "AssignAdd",  "AssignSub",           "AssignVariableOp",   "Const",       "HashTable",
    "HashTableV2", "HostConst",  "LookupTableExportV2", "MergeV2Checkpoints", "Placeholder", "PlaceholderV2",
    "Print",       "Restore",    "RestoreV2",           "ShardedFilename",    "VarHandleOp", "VarIsInitializedOp",
    "Variable",    "VariableV2",
};

bool IsNeverOutput(absl::string_view op) {
  return std::find(std::begin(kNeverOutputs), std::end(kNeverOutputs), op) != std::end(kNeverOutputs);
}

// "node" for the first output, as callers write it; "node:port" for others.
std::string ShortTensorName(const FlatGraph& graph, FlatRef ref) {
  return ref.port == 0 ? graph.name(ref.node) : graph.tensor_name(ref);
}

Status CheckOutput(const FlatGraph& graph, FlatRef ref, absl::string_view text) {
  const absl::string_view op = graph.def(ref.node).op();
  // This and what else is wrong with the node comes up when it is lowered.
  if (IsForbidden(op)) return absl::OkStatus();
  const StatusOr<int> count = graph.NumOutputs(ref.node);
  if (count.ok() && *count >= 0 && ref.port >= *count) {
    return MakeError(ErrorCode::kOutput, "\"", Printable(text), "\" is asked for, but op ", op, " has ", *count,
                     " outputs here");
  }
  if (IsPlaceholder(op) && !graph.IsFed(ref)) {
    return MakeError(ErrorCode::kOutput, "\"", Printable(text), "\" is asked for, but it is a placeholder");
  }
  return absl::OkStatus();
}

// The nodes that some other node reads an output of.
std::vector<bool> ReadNodes(const FlatGraph& graph) {
  std::vector<bool> is_read(graph.num_graph_nodes());
  for (int i = 0; i < graph.num_graph_nodes(); ++i) {
    for (const std::string& input : graph.def(i).input()) {
      if (IsControl(input)) continue;
      const StatusOr<TensorReference> name = ParseTensorName(input);
      const int node = name.ok() ? graph.FindNode(name->node) : -1;
      if (node >= 0 && node != i) is_read[node] = true;
    }
  }
  return is_read;
}

}  // namespace

Status CheckVersions(const tf::GraphDef& graph_def) {
  const int needed = graph_def.versions().min_consumer();
  if (needed <= kNewestKnownVersion) return absl::OkStatus();
  return MakeError(ErrorCode::kUnsupported, "the graph needs a reader of version ", needed, "; the newest known is ",
                   kNewestKnownVersion);
}

StatusOr<std::vector<NamedFlatRef>> FindInputs(absl::Span<const NamedTensorRef> inputs, FlatGraph* graph) {
  std::vector<NamedFlatRef> found;
  absl::flat_hash_set<absl::string_view> names;
  for (const NamedTensorRef& input : inputs) {
    MOULIN_ASSIGN_OR_RETURN(const FlatRef ref, graph->FindTensor(input.tensor, ErrorCode::kName));
    if (!names.insert(input.name).second) {
      return MakeError(ErrorCode::kDuplicate, "two inputs are named \"", Printable(input.name), "\"");
    }
    if (graph->IsFed(ref)) {
      return MakeError(ErrorCode::kDuplicate, "tensor \"", Printable(input.tensor), "\" is fed by two inputs");
    }
    graph->Feed(ref);
    found.push_back({input.name, ref});
  }
  return found;
}

StatusOr<std::vector<NamedFlatRef>> FindOutputs(absl::Span<const NamedTensorRef> outputs, const FlatGraph& graph) {
  std::vector<NamedFlatRef> found;
  absl::flat_hash_set<absl::string_view> names;
  for (const NamedTensorRef& output : outputs) {
    MOULIN_ASSIGN_OR_RETURN(const FlatRef ref, graph.FindTensor(output.tensor, ErrorCode::kOutput));
    MOULIN_RETURN_IF_ERROR(CheckOutput(graph, ref, output.tensor));
    if (!names.insert(output.name).second) {
      return MakeError(ErrorCode::kDuplicate, "two outputs are named \"", Printable(output.name), "\"");
    }
    found.push_back({output.name, ref});
  }
  return found;
}

StatusOr<std::vector<NamedFlatRef>> DefaultOutputs(const FlatGraph& graph) {
  std::vector<NamedFlatRef> outputs;
  const std::vector<bool> is_read = ReadNodes(graph);
  for (int node = 0; node < graph.num_graph_nodes(); ++node) {
    if (is_read[node] || IsNeverOutput(graph.def(node).op())) continue;
    const StatusOr<int> count = graph.NumOutputs(node);
    const int known = count.ok() && *count >= 0 ? *count : 1;
    for (int port = 0; port < known; ++port) {
      outputs.push_back({ShortTensorName(graph, {node, port}), {node, port}, /*is_default=*/true});
    }
  }
  if (outputs.empty()) return MakeError(ErrorCode::kOutput, "the graph computes nothing that could be asked for");
  return outputs;
}

StatusOr<std::vector<FlatRef>> ResolveOutputs(FlatGraph* graph, ControlFlow* control,
                                              std::vector<NamedFlatRef>* outputs) {
  std::vector<FlatRef> resolved;
  std::vector<NamedFlatRef> kept;
  for (NamedFlatRef& output : *outputs) {
    MOULIN_ASSIGN_OR_RETURN(const FlatRef target, graph->Resolve(output.ref));
    MOULIN_ASSIGN_OR_RETURN(const bool is_inside, control->IsInside(target));
    if (is_inside) {
      if (output.is_default) continue;
      return graph->At(MakeError(ErrorCode::kOutput, "\"", Printable(output.name),
                                 "\" is asked for, which lies within a branch or a loop"),
                       target.node);
    }
    resolved.push_back(target);
    kept.push_back(std::move(output));
  }
  *outputs = std::move(kept);
  return resolved;
}

std::vector<NamedFlatRef> DefaultInputs(const FlatGraph& graph, const Reach& reach) {
  std::vector<int> placeholders;
  for (const Reach::Entry& entry : reach.order) {
    if (IsPlaceholder(graph.def(entry.node).op())) placeholders.push_back(entry.node);
  }
  std::sort(placeholders.begin(), placeholders.end());
  std::vector<NamedFlatRef> inputs;
  for (const int node : placeholders) inputs.push_back({graph.name(node), {node, 0}});
  return inputs;
}

}  // namespace moulin
