// The ops that give a graph its values: placeholders, constants and variables.
#ifndef MOULIN_IMPORT_SOURCES_H_
#define MOULIN_IMPORT_SOURCES_H_

#include "absl/container/flat_hash_map.h"
#include "import/flat_graph.h"
#include "import/import.h"
#include "import/table_file.h"
#include "ir/graph.h"
#include "moulin/status.h"

namespace moulin {

bool IsPlaceholder(absl::string_view op);  // Placeholder, PlaceholderV2; not PlaceholderWithDefault
bool IsConstant(absl::string_view op);
bool IsVariable(absl::string_view op);  // VarHandleOp, VariableV2 and its kin
// Ops that read files or run code of the caller's; refused.
bool IsForbidden(absl::string_view op);

// The type that a tensor given from outside has: of a placeholder what it declares, else what the node's attributes
// say, with the shape of `_output_shapes` where the file has it. E_DTYPE where the type cannot be told or given.
StatusOr<TensorType> FedType(const FlatGraph& graph, FlatRef ref);

// Makes tensors of Const nodes and of variables. Each node is decoded once, however often its
// function is called or its region imported.
class SourceReader {
 public:
  SourceReader(const ImportOptions& options, tf::GraphDef* graph_def) : options_(options), graph_def_(*graph_def) {}

  // E_ATTR without a value, E_DTYPE where the attribute and the tensor differ, E_UNSUPPORTED for a variable whose value
  // nobody gives; and the errors of TensorFromProto. Moves the elements out of the GraphDef where it can.
  StatusOr<Tensor> Read(const FlatGraph& graph, int node);

  // What `filler` fills `table` with from a file. E_UNSUPPORTED where no files come with the graph; the errors of
  // ImportOptions::read_asset and ReadTableFile, naming the file.
  StatusOr<TableContent> ReadTable(const tf::NodeDef& table, const tf::NodeDef& filler, const std::string& file) const;

 private:
  StatusOr<Tensor> ReadConstant(const FlatGraph& graph, int node);

  const ImportOptions& options_;
  tf::GraphDef& graph_def_;
  absl::flat_hash_map<const tf::NodeDef*, Tensor> read_;
};

}  // namespace moulin

#endif  // MOULIN_IMPORT_SOURCES_H_
