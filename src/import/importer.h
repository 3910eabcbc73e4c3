// The import of one graph, step by step. ImportGraph and SummarizeGraph are what others use.
#ifndef MOULIN_IMPORT_IMPORTER_H_
#define MOULIN_IMPORT_IMPORTER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "import/control_flow.h"
#include "import/flat_graph.h"
#include "import/import.h"
#include "import/lowering.h"
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

// What computes each output. Those that lie within a branch or a loop cannot be asked for: E_OUTPUT, but default
// outputs are left out.
StatusOr<std::vector<FlatRef>> ResolveOutputs(FlatGraph* graph, ControlFlow* control,
                                              std::vector<NamedFlatRef>* outputs);

// The placeholders among what is reached, in the order of the file.
std::vector<NamedFlatRef> DefaultInputs(const FlatGraph& graph, const Reach& reach);

// Lowers what is reached into `result`: the graph itself, or a region of it (then with an Importer of its own).
class Importer {
 public:
  Importer(FlatGraph* flat, ControlFlow* control, SourceReader* sources, Graph* result)
      : flat_(*flat), control_(*control), sources_(*sources), graph_(*result) {}

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
  using Values = std::vector<ValueId>;

  Status LowerNode(int node, absl::Span<const FlatRef> inputs);
  Status LowerSource(int node);
  Status LowerTableFile(int node, absl::Span<const FlatRef> inputs);
  // Makes a node that will be lowered when what `context` waits for is known (ops/deferred.h).
  Status Defer(int node, const OpLowering& row, const LoweringContext& context);
  // The values of the inputs; false where one is blocked.
  StatusOr<bool> InputValues(absl::Span<const FlatRef> inputs, Values* values) const;
  Status CheckTypes(int node, absl::Span<const ValueId> inputs) const;
  void SetOutputs(int node, absl::Span<const ValueId> outputs);
  void Report(int node, absl::string_view reason);
  Status UnsupportedError() const;
  bool IsBlocked(FlatRef ref) const;
  StatusOr<ValueId> ValueOf(FlatRef ref) const;

  // Choices and loops; in lower_control.cc. A structure that cannot be lowered has no values.
  Status LowerControl(int node, const ControlUse& use, absl::Span<const FlatRef> inputs);
  StatusOr<Values> LowerStructure(int node, const ControlStructure& structure, const Values& operands);
  StatusOr<Values> LowerChoice(const ControlStructure& choice, const Values& operands, GraphBuilder* builder);
  StatusOr<Values> LowerLoop(const ControlStructure& loop, const Values& operands, GraphBuilder* builder);
  // Lowers a region into this very graph, its arguments being these values.
  StatusOr<Values> LowerInline(const Region& region, absl::Span<const ValueId> args);
  // A region as a graph of its own; null where something in it is not supported, which has been reported.
  StatusOr<std::shared_ptr<Graph>> ImportRegion(const Region& region, absl::Span<const TensorType> args);
  // The results of `inner`, which has lowered `region`; nothing where one of them is not supported.
  StatusOr<Values> ResultsOf(const Region& region, Importer* inner);

  FlatGraph& flat_;
  ControlFlow& control_;
  SourceReader& sources_;
  Graph& graph_;
  absl::flat_hash_map<int, Lowered> lowered_;
  Values values_;
  absl::flat_hash_map<FlatRef, ValueId> given_;  // what comes from outside: inputs of the graph, arguments of a region
  absl::flat_hash_map<const ControlStructure*, Values> structures_;
  std::vector<UnsupportedNode> unsupported_;
};

}  // namespace moulin

#endif  // MOULIN_IMPORT_IMPORTER_H_
