// Cuts a graph where shapes become known only when it runs.
//
// A stage is a graph all of whose shapes are known once those of its inputs are, and so has one plan a shape. What
// depends on a shape that the stage computes (the output of Where, a Reshape to computed sizes) is left to the next
// stage, which is shaped and planned when the values it hangs on are there.
#ifndef MOULIN_PLAN_STAGE_H_
#define MOULIN_PLAN_STAGE_H_

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "ir/graph.h"
#include "moulin/status.h"

namespace moulin {

struct StageSplit {
  // The part that can be planned now; its outputs are results of the whole and what `rest` reads. A node with graphs
  // within it (Case, While) that no device runs is a stage of its own, and needs no plan: its graphs are programs.
  std::shared_ptr<Graph> now;
  bool is_control = false;  // `now` is one such node
  // The remainder, or null where nothing remains. Its inputs are outputs of `now` and inputs of the whole.
  std::shared_ptr<Graph> rest;

  struct Source {
    enum class From { kStageInput, kStageOutput } from;
    int index;
  };
  std::vector<Source> rest_inputs;  // for each input of `rest`, where it comes from
  // For each output of the whole graph: an output of `now`, or (negative: ~i) output i of `rest`.
  std::vector<int> outputs;
};

// Splits `graph`, whose shapes have been inferred (passes/specialize.h) as far as they go. `control_steps` are those of
// its nodes with graphs within them that may be steps of a plan.
StatusOr<StageSplit> SplitStage(const Graph& graph, absl::Span<const NodeId> control_steps = {});

// The inputs of `graph` whose elements, not just their shapes, are read as shape operands: they become part of the key
// under which a specialised graph is cached.
std::vector<bool> InputsReadAsShapes(const Graph& graph);

}  // namespace moulin

#endif  // MOULIN_PLAN_STAGE_H_
