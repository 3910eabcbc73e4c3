// The import of one graph, step by step. ImportGraph and SummarizeGraph are what others use.
#ifndef MOULIN_IMPORT_IMPORTER_H_
#define MOULIN_IMPORT_IMPORTER_H_

#include <memory>
#include <string>
#include <vector>

#include "import/flat_graph.h"
#include "import/import.h"
#include "import/reach.h"
#include "import/sources.h"

namespace moulin {

// A tensor that is asked for or fed.
struct NamedFlatRef {
  std::string name;
  FlatRef ref;
  bool is_default = false;  // nobody asked for it by name; left out where its op gives no such output here
};

// The graph's versions: E_UNSUPPORTED where it asks for a newer reader.
Status CheckVersions(const tf::GraphDef& graph_def);

// What options.inputs says, found in the graph and marked as fed. E_NAME, E_DUP, E_PORT.
StatusOr<std::vector<NamedFlatRef>> FindInputs(absl::Span<const NamedTensorRef> inputs, FlatGraph* graph);

// What options.outputs says, not yet resolved. E_OUTPUT for what cannot be asked for, with the closest names; E_DUP.
StatusOr<std::vector<NamedFlatRef>> FindOutputs(absl::Span<const NamedTensorRef> outputs, const FlatGraph& graph);

// The outputs of nodes whose outputs no other node reads, in the order of the file. E_OUTPUT where there is none.
StatusOr<std::vector<NamedFlatRef>> DefaultOutputs(const FlatGraph& graph);

// The placeholders among what is reached, in the order of the file.
std::vector<NamedFlatRef> DefaultInputs(const FlatGraph& graph, const Reach& reach);

// Lowers what is reached into `result`.
class Importer {
 public:
  Importer(FlatGraph* flat, SourceReader* sources, Graph* result) : flat_(*flat), sources_(*sources), graph_(*result) {}

  // `shapes` narrows the shapes that the graph declares, by the inputs' names. E_SHAPE where they contradict.
  Status AddInputs(absl::Span<const NamedFlatRef> inputs,
                   absl::Span<const std::pair<std::string, PartialShape>> shapes);
  // Lowers in the order of `reach`; stops at the first error other than a missing lowering.
  Status Lower(const Reach& reach);
  // Names the outputs. E_UNSUPPORTED where any node could not be lowered.
  Status Finish(absl::Span<const NamedFlatRef> outputs, absl::Span<const FlatRef> resolved);

  const std::vector<UnsupportedNode>& unsupported() const { return unsupported_; }

 private:
  // What a node became: values_[first, first + count).
  struct Lowered {
    int64_t first = 0;
    int count = 0;
    bool is_blocked = true;  // it, or something before it, is not supported
  };

  Status LowerNode(int node, absl::Span<const FlatRef> inputs);
  Status LowerSource(int node);
  // The values of the inputs; false where one is blocked.
  StatusOr<bool> InputValues(absl::Span<const FlatRef> inputs, std::vector<ValueId>* values) const;
  Status CheckTypes(int node, absl::Span<const ValueId> inputs) const;
  void SetOutputs(int node, absl::Span<const ValueId> outputs);
  void Report(int node, absl::string_view reason);
  Status UnsupportedError() const;
  bool IsBlocked(FlatRef ref) const { return !flat_.IsFed(ref) && lowered_[ref.node].is_blocked; }
  StatusOr<ValueId> ValueOf(FlatRef ref) const;

  FlatGraph& flat_;
  SourceReader& sources_;
  Graph& graph_;
  std::vector<Lowered> lowered_;
  std::vector<ValueId> values_;
  absl::flat_hash_map<FlatRef, ValueId> fed_values_;
  std::vector<UnsupportedNode> unsupported_;
};

}  // namespace moulin

#endif  // MOULIN_IMPORT_IMPORTER_H_
