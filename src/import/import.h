// From TensorFlow's GraphDef to the IR.
#ifndef MOULIN_IMPORT_IMPORT_H_
#define MOULIN_IMPORT_IMPORT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "ir/graph.h"
#include "moulin/status.h"
#include "proto/graph.pb.h"

namespace moulin {

// A tensor of the TensorFlow graph, and the name that the caller knows it by (a signature's key, or the tensor's name).
struct NamedTensorRef {
  std::string name;
  std::string tensor;  // "node:port"; ":0" may be left out
};

struct ImportOptions {
  // What is fed. Empty: every placeholder that the outputs need, in the order of the file. A tensor inside the graph
  // may be fed too; what lies behind it is then not imported.
  std::vector<NamedTensorRef> inputs;
  // What is asked for. Empty: the outputs of nodes that no other node reads (but for NoOp, Assert and their like).
  std::vector<NamedTensorRef> outputs;
  // Shapes that inputs will have, by name, where the file leaves them open: some ops need to know a rank at import.
  std::vector<std::pair<std::string, PartialShape>> input_shapes;
  Limits limits;
  // Gives the elements of a Const that a bundle keeps apart, and those of variables (VarHandleOp, VariableV2 and their
  // kin), whose readers then get this value; empty where the graph holds all.
  std::function<StatusOr<Tensor>(const tf::NodeDef& node)> external_constant;
  // Gives the content of a file that comes with the graph, by the name that the graph has for it; empty where none does.
  std::function<StatusOr<std::string>(const std::string& name)> read_asset;
};

struct UnsupportedNode {
  std::string name;
  std::string op;
  std::string reason;
};

// Imports what the outputs need; nothing else is judged. Nodes may be in any order. Takes the GraphDef to move its
// constants out. UNIMPLEMENTED lists every unsupported node (up to 50, then their number) and the outputs that would
// work without them. Other errors name the node.
StatusOr<std::shared_ptr<Graph>> ImportGraph(tf::GraphDef graph_def, const ImportOptions& options);

// What a GraphDef offers, for `moulin show`: the default inputs and outputs, and each op's count.
struct GraphSummary {
  std::vector<NamedTensorRef> inputs;
  std::vector<NamedTensorRef> outputs;
  std::vector<std::pair<std::string, int>> ops;  // by falling count, then name
  std::vector<UnsupportedNode> unsupported;      // among the nodes that the outputs need
};
StatusOr<GraphSummary> SummarizeGraph(const tf::GraphDef& graph_def, const Limits& limits);

}  // namespace moulin

#endif  // MOULIN_IMPORT_IMPORT_H_
