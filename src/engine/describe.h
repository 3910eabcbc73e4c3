// What a loaded model looks like inside, for the command line and tests.
#ifndef MOULIN_ENGINE_DESCRIBE_H_
#define MOULIN_ENGINE_DESCRIBE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "ir/graph.h"
#include "moulin/model.h"
#include "moulin/status.h"

namespace moulin::internal {

// The optimised graph.
std::shared_ptr<const Graph> GraphOf(const Model& model);

// The passes, in the order they run.
std::vector<std::string> PassNames();

// How many steps of the plan for inputs of these shapes each kernel runs, by falling count. Stages whose shapes become
// known only when the model runs are not planned ahead and appear as "(planned when its shapes are known)" with the
// number of their nodes.
StatusOr<std::vector<std::pair<std::string, int>>> KernelCounts(const Model& model,
                                                                absl::Span<const InputShape> shapes);

// The plan for inputs of these shapes as text.
StatusOr<std::string> PlanText(const Model& model, absl::Span<const InputShape> shapes);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_DESCRIBE_H_
