#include "engine/init_op.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "base/errors.h"

namespace moulin::internal {
namespace {

constexpr char kInitSignature[] = "__saved_model_init_op";  // the signature's key, and that of its one output
constexpr const char* kInitCollections[] = {"saved_model_main_op", "legacy_init_op"};

Status CheckNode(const tf::GraphDef& graph, absl::string_view tensor, absl::string_view where) {
  const absl::string_view node = tensor.substr(0, tensor.find(':'));
  const bool is_there =
      std::any_of(graph.node().begin(), graph.node().end(), [&](const tf::NodeDef& n) { return n.name() == node; });
  if (is_there) return absl::OkStatus();
  return MakeError(ErrorCode::kOutput, where, " names the initialiser \"", Printable(tensor),
                   "\", which is not in the graph");
}

}  // namespace

Status CheckInitOp(const tf::MetaGraphDef& meta_graph) {
  const auto signature = meta_graph.signature_def().find(kInitSignature);
  if (signature != meta_graph.signature_def().end()) {
    const auto output = signature->second.outputs().find(kInitSignature);
    if (output == signature->second.outputs().end()) {
      return MakeError(ErrorCode::kOutput, "signature \"", kInitSignature, "\" has no output \"", kInitSignature, "\"");
    }
    return CheckNode(meta_graph.graph_def(), output->second.name(), "signature \"__saved_model_init_op\"");
  }
  for (const char* name : kInitCollections) {
    const auto collection = meta_graph.collection_def().find(name);
    if (collection == meta_graph.collection_def().end()) continue;
    const auto& ops = collection->second.node_list().value();
    if (ops.size() != 1) {
      return MakeError(ErrorCode::kOutput, "collection \"", name, "\": expected one initialiser, found ", ops.size());
    }
    return CheckNode(meta_graph.graph_def(), ops[0], absl::StrCat("collection \"", name, "\""));
  }
  return absl::OkStatus();
}

}  // namespace moulin::internal
