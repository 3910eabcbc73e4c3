// The order of the passes, and what surrounds each: timing, verification, switching off.
#include "passes/pipeline.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "passes/pass.h"

namespace moulin {
namespace {

// fuse_epilogues runs on both sides of fuse_maps: before, so that in conv1 + bias1 + (conv2 + bias2) each convolution
// takes its own bias; after, for what became one Map by fusing (x * sigmoid(x) behind a convolution). The passes behind
// reduce_precision tidy up after quantize and it: weights are cast once, casts become part of the elementwise work
// beside them or of the products before them. The last ones are for the devices that ask for them.
constexpr Pass kPasses[] = {
    {"infer_shapes", InferShapes, true},
    {"fold_constants", FoldConstants, true},
    {"dead_code", EliminateDeadCode, true},
    {"lower_deferred", LowerDeferred, true},
    {"simplify_control_flow", SimplifyControlFlow, false},
    {"resolve_lists", ResolveLists, false},
    {"lower_deferred", LowerDeferred, true},
    {"infer_shapes", InferShapes, false},
    {"fold_constants", FoldConstants, false},
    {"simplify", SimplifyViews, false},
    {"common_subexpressions", MergeCommonSubexpressions, false},
    {"merge_choices", MergeChoices, false},
    {"fold_batch_norm", FoldBatchNorm, false},
    {"recognize_softmax", RecognizeSoftmax, false},
    {"recognize_layer_norm", RecognizeLayerNorm, false},
    {"recognize_attention", RecognizeAttention, false},
    {"fuse_epilogues", FuseEpilogues, false},
    {"fuse_maps", FuseMaps, false},
    {"fuse_epilogues", FuseEpilogues, false},
    {"quantize", Quantize, false},
    {"reduce_precision", ReducePrecision, false},
    {"fold_constants", FoldConstants, false},
    {"common_subexpressions", MergeCommonSubexpressions, false},
    {"fuse_maps", FuseMaps, false},
    {"fuse_epilogues", FuseEpilogues, false},
    {"fuse_prologues", FusePrologues, false},
    {"bound_results", BoundResults, false},
};

Status CheckDisabledNames(absl::Span<const Pass> passes, const PassOptions& options) {
  for (const std::string& name : options.disabled) {
    const auto is_named = [&](const Pass& pass) { return name == pass.name; };
    if (std::any_of(passes.begin(), passes.end(), is_named)) continue;
    std::vector<std::string> names;
    for (const Pass& pass : passes) {
      if (names.empty() || std::find(names.begin(), names.end(), pass.name) == names.end()) names.push_back(pass.name);
    }
    return MakeError(ErrorCode::kOption, "no pass \"", Printable(name), "\" to switch off; expected one of ",
                     absl::StrJoin(names, ", "));
  }
  return absl::OkStatus();
}

StatusOr<bool> RunVerified(const Pass& pass, Graph* graph, const PassOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(const bool changed, pass.run(graph, options));
  if (!changed) return false;
  if (const Status status = VerifyGraph(*graph); !status.ok()) {
    return MakeError(ErrorCode::kInternal, "pass \"", pass.name, "\" broke the graph: ", status.message());
  }
  if (options.after) options.after(pass.name, *graph);
  return true;
}

}  // namespace

absl::Span<const Pass> AllPasses() { return kPasses; }

Status RunPassList(absl::Span<const Pass> passes, Graph* graph, const PassOptions& options,
                   std::vector<PassTiming>* timings) {
  MOULIN_RETURN_IF_ERROR(CheckDisabledNames(passes, options));
  for (const Pass& pass : passes) {
    if (options.only_required && !pass.required) continue;
    if (options.disabled.contains(pass.name)) continue;
    const auto start = std::chrono::steady_clock::now();
    MOULIN_ASSIGN_OR_RETURN(const bool changed, RunVerified(pass, graph, options));
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (timings != nullptr) timings->push_back({pass.name, elapsed.count(), changed});
  }
  return absl::OkStatus();
}

Status RunPasses(Graph* graph, const PassOptions& options, std::vector<PassTiming>* timings) {
  return RunPassList(AllPasses(), graph, options, timings);
}

}  // namespace moulin
