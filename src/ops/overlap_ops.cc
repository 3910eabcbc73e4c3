// Non-maximum suppression by overlaps that are given instead of computed from boxes. Tests: tests/cases/misc_cases.py.
#include <algorithm>
#include <numeric>

#include "ops/axes.h"
#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

StatusOr<float> OnlyFloat(const Tensor& x, absl::string_view what) {
  if (x.dtype() == DType::kFloat32 && x.num_elements() == 1) return x.values<float>()[0];
  return MakeError(ErrorCode::kShape, what, " must be one float32, got ", x.shape().ToString());
}

// The best of what is left, again and again, which does not overlap too much with one that was taken.
Ints Select(const Tensor& overlaps, const Tensor& scores, int64_t most, float overlap_threshold,
            float score_threshold) {
  const int64_t n = scores.num_elements();
  Ints candidates;
  for (int64_t i = 0; i < n; ++i) {
    if (scores.values<float>()[i] > score_threshold) candidates.push_back(i);
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](int64_t a, int64_t b) { return scores.values<float>()[a] > scores.values<float>()[b]; });
  Ints taken;
  for (const int64_t i : candidates) {
    if (static_cast<int64_t>(taken.size()) >= most) break;
    const float* row = &overlaps.values<float>()[i * n];
    const bool is_covered =
        std::any_of(taken.begin(), taken.end(), [&](int64_t k) { return row[k] > overlap_threshold; });
    if (!is_covered) taken.push_back(i);
  }
  return taken;
}

// (overlaps [n, n], scores [n], most results, overlap threshold, score threshold)
Status Suppress(const KernelContext& c) {
  const Tensor &overlaps = c.input(0), &scores = c.input(1);
  const bool fits = overlaps.dtype() == DType::kFloat32 && scores.dtype() == DType::kFloat32 &&
                    scores.shape().rank() == 1 &&
                    overlaps.shape() == Shape{scores.shape().dim(0), scores.shape().dim(0)};
  if (!fits) {
    return MakeError(ErrorCode::kShape, "expected float32 overlaps [n,n] and scores [n], got ",
                     overlaps.shape().ToString(), " and ", scores.shape().ToString());
  }
  MOULIN_ASSIGN_OR_RETURN(const Ints most, IntValues(c.input(2)));
  if (most.size() != 1 || most[0] < 0) {
    return MakeError(ErrorCode::kValue, "max_output_size must be one number, 0 or more, got ", c.input(2).ToString());
  }
  MOULIN_ASSIGN_OR_RETURN(const float overlap, OnlyFloat(c.input(3), "overlap_threshold"));
  MOULIN_ASSIGN_OR_RETURN(const float score, OnlyFloat(c.input(4), "score_threshold"));
  const Ints taken = Select(overlaps, scores, most[0], overlap, score);
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, DType::kInt32, Shape{static_cast<int64_t>(taken.size())}));
  return StoreInts(taken, &c.output(0));
}

Status InferSuppress(InferContext& c) { return AddOutput(c, DType::kInt32, PartialShape{kUnknownDim}); }

constexpr HostOp kOverlapKernels[] = {
    {"NonMaxSuppressionWithOverlaps", 5, 5, InferSuppress, Suppress},
};

}  // namespace

absl::Span<const HostOp> OverlapKernels() { return kOverlapKernels; }

}  // namespace moulin
