// Passes over the graph: each in a file of its own, named, timed, verified after, and switchable off by name.
#ifndef MOULIN_PASSES_PASS_H_
#define MOULIN_PASSES_PASS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "base/limits.h"
#include "ir/graph.h"
#include "moulin/status.h"

namespace moulin {

struct PassOptions {
  Limits limits;
  absl::flat_hash_set<std::string> disabled;
  // For the reference: only what the meaning needs (shape inference, constant folding, dead code).
  bool only_required = false;
  // What the device asks for: see DeviceInfo.
  bool bound_results = false;
  bool fuse_prologues = false;
  // Nobody but the graph has its constants: a pass may change the elements of one that it alone reads.
  bool owns_constants = false;
  // Called after each pass that changed the graph.
  std::function<void(const char* pass, const Graph& graph)> after;
};

// True where the graph changed. A pass keeps the meaning, as run by the reference, and the names of what it keeps; it
// must do nothing on its own result, for the pipeline runs again once shapes are known.
using PassFn = StatusOr<bool> (*)(Graph* graph, const PassOptions& options);

struct Pass {
  const char* name;
  PassFn run;
  bool required;  // needed for the meaning, not only for speed
};

// In the order they run.
absl::Span<const Pass> AllPasses();

struct PassTiming {
  std::string name;
  double seconds = 0;
  bool changed = false;
};

// Runs the pipeline, verifying the graph after each pass that changed it; INTERNAL, naming the pass, where it broke it.
// INVALID_ARGUMENT for a name in options.disabled that no pass has.
Status RunPasses(Graph* graph, const PassOptions& options, std::vector<PassTiming>* timings = nullptr);

// The passes, each documented in its file.
StatusOr<bool> InferShapes(Graph* graph, const PassOptions& options);                // infer_shapes.cc
StatusOr<bool> FoldConstants(Graph* graph, const PassOptions& options);              // fold_constants.cc
StatusOr<bool> EliminateDeadCode(Graph* graph, const PassOptions& options);          // dead_code.cc
StatusOr<bool> LowerDeferred(Graph* graph, const PassOptions& options);              // lower_deferred.cc
StatusOr<bool> SimplifyControlFlow(Graph* graph, const PassOptions& options);        // control_flow.cc
StatusOr<bool> ResolveLists(Graph* graph, const PassOptions& options);               // resolve_lists.cc
StatusOr<bool> SimplifyViews(Graph* graph, const PassOptions& options);              // simplify.cc: no-op data movement
StatusOr<bool> MergeCommonSubexpressions(Graph* graph, const PassOptions& options);  // common_subexpressions.cc
StatusOr<bool> MergeChoices(Graph* graph, const PassOptions& options);               // merge_choices.cc
StatusOr<bool> FoldBatchNorm(Graph* graph, const PassOptions& options);              // fold_batch_norm.cc
StatusOr<bool> RecognizeSoftmax(Graph* graph, const PassOptions& options);           // recognize_softmax.cc
StatusOr<bool> RecognizeLayerNorm(Graph* graph, const PassOptions& options);         // recognize_layer_norm.cc
StatusOr<bool> RecognizeAttention(Graph* graph, const PassOptions& options);         // recognize_attention.cc
StatusOr<bool> FuseMaps(Graph* graph, const PassOptions& options);                   // fuse_maps.cc
StatusOr<bool> FuseEpilogues(Graph* graph, const PassOptions& options);              // fuse_epilogues.cc
StatusOr<bool> Quantize(Graph* graph, const PassOptions& options);                   // quantize.cc
StatusOr<bool> ReducePrecision(Graph* graph, const PassOptions& options);            // reduce_precision.cc
StatusOr<bool> FusePrologues(Graph* graph, const PassOptions& options);              // fuse_prologues.cc
StatusOr<bool> BoundResults(Graph* graph, const PassOptions& options);               // bound_results.cc

}  // namespace moulin

#endif  // MOULIN_PASSES_PASS_H_
