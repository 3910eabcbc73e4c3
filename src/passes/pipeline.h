// The part of RunPasses that tests need too: a pipeline of any passes.
#ifndef MOULIN_PASSES_PIPELINE_H_
#define MOULIN_PASSES_PIPELINE_H_

#include <vector>

#include "absl/types/span.h"
#include "passes/pass.h"

namespace moulin {

// RunPasses is this over AllPasses().
Status RunPassList(absl::Span<const Pass> passes, Graph* graph, const PassOptions& options,
                   std::vector<PassTiming>* timings);

}  // namespace moulin

#endif  // MOULIN_PASSES_PIPELINE_H_
