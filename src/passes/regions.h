// Graphs within nodes, as the passes over control flow handle them.
#ifndef MOULIN_PASSES_REGIONS_H_
#define MOULIN_PASSES_REGIONS_H_

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "ir/graph.h"
#include "ops/graph_builder.h"

namespace moulin {

// Adds the nodes of `region` for these arguments; its results, or nothing where the builder has failed.
std::vector<ValueId> InlineRegion(const Graph& region, absl::Span<const ValueId> args, GraphBuilder* builder);

// Which of its inputs the outputs of `region` that are `wanted` depend on.
std::vector<bool> InputsRead(const Graph& region, const std::vector<bool>& wanted);

// `region` without the inputs and outputs that are not kept. Inputs that have a constant read it from then on; others
// that are not kept must not be read.
std::shared_ptr<const Graph> Narrowed(const Graph& region, const std::vector<bool>& keep_inputs,
                                      const std::vector<Tensor>& constants, const std::vector<bool>& keep_outputs);

}  // namespace moulin

#endif  // MOULIN_PASSES_REGIONS_H_
