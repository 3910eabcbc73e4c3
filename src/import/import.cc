#include "import/import.h"

#include "absl/container/flat_hash_set.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "import/importer.h"
#include "import/old_tensor_arrays.h"

namespace moulin {
StatusOr<std::shared_ptr<Graph>> ImportGraph(tf::GraphDef graph_def, const ImportOptions& options) {
  MOULIN_RETURN_IF_ERROR(CheckVersions(graph_def));
  BeginFlowsWithArrays(&graph_def);
  FlatGraph flat;
  MOULIN_RETURN_IF_ERROR(flat.Init(graph_def, options.limits));
  MOULIN_ASSIGN_OR_RETURN(std::vector<NamedFlatRef> inputs, FindInputs(options.inputs, &flat));
  MOULIN_ASSIGN_OR_RETURN(std::vector<NamedFlatRef> outputs,
                          options.outputs.empty() ? DefaultOutputs(flat) : FindOutputs(options.outputs, flat));
  ControlFlow control(&flat);
  MOULIN_ASSIGN_OR_RETURN(const std::vector<FlatRef> resolved, ResolveOutputs(&flat, &control, &outputs));
  MOULIN_ASSIGN_OR_RETURN(const Reach reach, WalkBack(resolved, &flat, &control));
  if (options.inputs.empty()) {
    inputs = DefaultInputs(flat, reach);
    for (const NamedFlatRef& input : inputs) flat.Feed(input.ref);
  }
  auto graph = std::make_shared<Graph>();
  SourceReader sources(options, &graph_def);
  Importer importer(&flat, &control, &sources, graph.get());
  MOULIN_RETURN_IF_ERROR(importer.AddInputs(inputs, options.input_shapes));
  MOULIN_RETURN_IF_ERROR(importer.Lower(reach));
  MOULIN_RETURN_IF_ERROR(importer.Finish(outputs, resolved));
  MOULIN_RETURN_IF_ERROR(graph->Compact());
  return graph;
}

}  // namespace moulin
