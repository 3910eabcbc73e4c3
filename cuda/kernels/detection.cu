// Non-maximum suppression by one block: again and again the best candidate that is left is found by all threads, by
// score and then index. Hard suppression then strikes out all candidates that overlap it too much. Soft suppression
// (Bodla et al. 2017) lowers scores, and only those that come up, as the reference (src/ops/detection.cc) does: a
// candidate whose score was out of date is brought up to date and put back; it is selected where that changed nothing.
// So products are formed in the same order. Compiled without fused multiply-adds, lest overlaps equal to the threshold
// differ. Tests: tests/cuda/kernels/detection_test.cc.
#include "cuda/kernels/detection.h"
#include "cuda/kernels/device_code.h"
#include "kernels/box_overlap.h"
#include "kernels/element.h"

namespace moulin::cuda {
namespace {

constexpr int kMaxWarps = kMaxSuppressionThreads / 32;

// A candidate's rank, larger for the better; never 0, which is no candidate.
__device__ uint64_t RankOf(float score, int64_t box) {
  const uint32_t bits = score == 0 ? 0 : element_internal::BitsOf(score);  // -0 equals 0
  const uint32_t ordered = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return static_cast<uint64_t>(ordered) << 32 | (0xffffffffu - static_cast<uint32_t>(box));
}
__device__ int64_t BoxOf(uint64_t rank) { return 0xffffffffu - static_cast<uint32_t>(rank); }

// The largest of all threads' ranks, in every thread. `warp_ranks` has kMaxWarps entries.
__device__ uint64_t MaxInBlock(uint64_t rank, uint64_t* warp_ranks) {
  for (int mask = 16; mask > 0; mask /= 2) {
    const uint64_t other = __shfl_xor_sync(0xffffffffu, rank, mask);
    if (other > rank) rank = other;
  }
  const int warps = static_cast<int>(blockDim.x) / 32;
  if (threadIdx.x % 32 == 0) warp_ranks[threadIdx.x / 32] = rank;
  __syncthreads();
  for (int w = 0; w < warps; ++w) {
    if (warp_ranks[w] > rank) rank = warp_ranks[w];
  }
  __syncthreads();
  return rank;
}

struct Selection {
  const float* boxes;
  float* scores;     // of the candidates, as far as they are up to date; NaN where there is none
  int32_t* checked;  // the selected boxes up to this one have been held against the candidate (soft)
  SuppressionParameters p;
  SuppressionOutputs out;
};

__device__ void StoreSelected(const SuppressionOutputs& out, RealType type, int64_t at, int32_t box, float score) {
  out.indices[at] = box;
  if (out.scores == nullptr) return;
  switch (type) {
    case RealType::kFloat64:
      static_cast<double*>(out.scores)[at] = score;
      break;
    case RealType::kFloat16:
      static_cast<Float16Bits*>(out.scores)[at] = Float16Bits::From(score);
      break;
    case RealType::kBFloat16:
      static_cast<BFloat16Bits*>(out.scores)[at] = BFloat16Bits::From(score);
      break;
    default:
      static_cast<float*>(out.scores)[at] = score;
  }
}

// The best candidate that the last selected box (-1: none) does not suppress; suppresses the others it overlaps.
__device__ uint64_t BestOfThread(const Selection& s, int64_t last) {
  uint64_t best = 0;
  for (int64_t i = threadIdx.x; i < s.p.num_boxes; i += blockDim.x) {
    const float score = s.scores[i];
    if (!(score > s.p.score_threshold)) continue;
    if (last >= 0 && (i == last || BoxOverlap(s.boxes + 4 * i, s.boxes + 4 * last) > s.p.overlap_threshold)) {
      s.scores[i] = nanf("");
      continue;
    }
    const uint64_t rank = RankOf(score, i);
    if (rank > best) best = rank;
  }
  return best;
}

__device__ int64_t SelectHard(const Selection& s, uint64_t* warp_ranks) {
  int64_t last = -1;
  for (int64_t count = 0; count < s.p.max_size; ++count) {
    const uint64_t best = MaxInBlock(BestOfThread(s, last), warp_ranks);
    if (best == 0) return count;
    last = BoxOf(best);
    // Nobody writes this score before the next round has passed a barrier.
    if (threadIdx.x == 0) StoreSelected(s.out, s.p.score_type, count, static_cast<int32_t>(last), s.scores[last]);
    __syncthreads();
  }
  return s.p.max_size;
}

// Brings a candidate up to date with the boxes selected since; whether its score stayed the same.
__device__ bool Update(const Selection& s, int64_t box, int64_t count) {
  const float scale = -0.5f / s.p.sigma;
  const float original = s.scores[box];
  float score = original;
  for (int64_t j = count - 1; j >= s.checked[box]; --j) {
    const float overlap = BoxOverlap(s.boxes + 4 * box, s.boxes + 4 * static_cast<int64_t>(s.out.indices[j]));
    score *= expf(scale * overlap * overlap);
    if (score <= s.p.score_threshold) break;
  }
  s.checked[box] = static_cast<int32_t>(count);
  s.scores[box] = score;
  return score == original;
}

__device__ int64_t SelectSoft(const Selection& s, uint64_t* warp_ranks, int32_t* is_selected) {
  int64_t count = 0;
  while (count < s.p.max_size) {
    const uint64_t best = MaxInBlock(BestOfThread(s, -1), warp_ranks);
    if (best == 0) return count;
    if (threadIdx.x == 0) {
      const int64_t box = BoxOf(best);
      *is_selected = Update(s, box, count);
      if (*is_selected) {
        StoreSelected(s.out, s.p.score_type, count, static_cast<int32_t>(box), s.scores[box]);
        s.scores[box] = nanf("");
      }
    }
    __syncthreads();
    if (*is_selected) ++count;
  }
  return count;
}

__global__ void __launch_bounds__(kMaxSuppressionThreads)
    Suppress(const float* boxes, const float* scores, float* candidates, int32_t* checked, SuppressionParameters p,
             SuppressionOutputs out) {
  __shared__ uint64_t warp_ranks[kMaxWarps];
  __shared__ int32_t is_selected;
  if (p.thresholds != nullptr) {
    p.overlap_threshold = p.thresholds[0];
    p.score_threshold = p.thresholds[1];
    p.sigma = p.thresholds[2];
  }
  for (int64_t i = threadIdx.x; i < p.num_boxes; i += blockDim.x) {
    candidates[i] = scores[i];
    checked[i] = 0;
  }
  __syncthreads();
  const Selection selection = {boxes, candidates, checked, p, out};
  const int64_t count =
      p.sigma > 0 ? SelectSoft(selection, warp_ranks, &is_selected) : SelectHard(selection, warp_ranks);
  for (int64_t i = count + threadIdx.x; i < p.max_size; i += blockDim.x) StoreSelected(out, p.score_type, i, 0, 0);
  if (threadIdx.x == 0 && out.count != nullptr) *out.count = static_cast<int32_t>(count);
}

}  // namespace

DeviceFunction<const float*, const float*, float*, int32_t*, SuppressionParameters, SuppressionOutputs>
SuppressFunction() {
  return CooperativeKernel("NonMaxSuppression", Suppress);
}

}  // namespace moulin::cuda
