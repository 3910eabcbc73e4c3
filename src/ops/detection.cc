// Non-maximum suppression, hard and soft (Bodla et al. 2017), greedy as in TensorFlow's
// core/kernels/image/non_max_suppression_op.cc: candidates come from a queue by score, then index; one whose score was
// lowered by the boxes selected since it was queued goes back. Tests: tests/ops/detection_test.cc.
#include <algorithm>
#include <cmath>
#include <queue>

#include "kernels/box_overlap.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

std::vector<float> Floats(const Tensor& t) {
  std::vector<float> out(t.num_elements());
  DispatchFloating(t.dtype(), [&](auto tag) {
    const auto* values = static_cast<const decltype(tag)*>(t.data());
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(values[i]);
    return absl::OkStatus();
  }).IgnoreError();
  return out;
}

Status InferNms(InferContext& c) {
  const auto& attrs = c.attr<NonMaxSuppressionAttrs>();
  MOULIN_RETURN_IF_ERROR(MergeShapes(PartialShape{kUnknownDim, 4}, c.shape(0), "the boxes").status());
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 1, "the scores"));
  for (int i : {0, 1, 3, 4, 5}) {
    if (!IsFloating(c.dtype(i))) return UnsupportedType(c.dtype(i));
    if (i >= 3) MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(i), 0, "the thresholds of NonMaxSuppression"));
  }
  if (c.shape(0).has_rank()) {
    MOULIN_RETURN_IF_ERROR(MergeDims(c.shape(0).dim(0), KnownElements(c.shape(1)), "the scores").status());
  }
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> max_size, KnownInt(c, 2, "the output size"));
  if (max_size && *max_size < 0) return MakeError(ErrorCode::kValue, "the output size is negative: ", *max_size);
  const int64_t size = attrs.version >= 4 && attrs.pad_to_max_output_size && max_size ? *max_size : kUnknownDim;
  MOULIN_RETURN_IF_ERROR(AddOutput(c, DType::kInt32, PartialShape{size}));
  if (attrs.version >= 5) MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(1), PartialShape{size}));
  if (attrs.version >= 4) c.Add(DType::kInt32, PartialShape::OfRank(0));
  return absl::OkStatus();
}

struct NmsOptions {
  int64_t max_size;
  float overlap_threshold;
  float score_threshold;
  float sigma;  // of soft suppression; 0 for hard
};

struct Candidate {
  int32_t box;
  float score;
  int checked;  // the selected boxes up to this one have been held against it
  // Whether `other` comes first.
  bool operator<(const Candidate& other) const {
    return score < other.score || (score == other.score && box > other.box);
  }
};

struct Selection {
  std::vector<int32_t> boxes;
  std::vector<float> scores;
};

// Lowers the candidate's score by each selected box it was not held against yet; true where it is suppressed outright.
bool Suppress(const float* boxes, const Selection& selected, const NmsOptions& options, Candidate* candidate) {
  const bool soft = options.sigma > 0;
  const float scale = soft ? -0.5f / options.sigma : 0.0f;
  for (int j = static_cast<int>(selected.boxes.size()) - 1; j >= candidate->checked; --j) {
    const float overlap = BoxOverlap(boxes + candidate->box * int64_t{4}, boxes + selected.boxes[j] * int64_t{4});
    if (!soft && overlap > options.overlap_threshold) return true;
    if (soft) candidate->score *= std::exp(scale * overlap * overlap);
    if (candidate->score <= options.score_threshold) break;
  }
  candidate->checked = static_cast<int>(selected.boxes.size());
  return false;
}

Selection Select(const std::vector<float>& boxes, const std::vector<float>& scores, const NmsOptions& options) {
  std::priority_queue<Candidate> queue;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] > options.score_threshold) queue.push({static_cast<int32_t>(i), scores[i], 0});
  }
  Selection selected;
  while (static_cast<int64_t>(selected.boxes.size()) < options.max_size && !queue.empty()) {
    Candidate next = queue.top();
    queue.pop();
    const float original_score = next.score;
    if (Suppress(boxes.data(), selected, options, &next)) continue;
    if (next.score == original_score) {
      selected.boxes.push_back(next.box);
      selected.scores.push_back(next.score);
    } else if (next.score > options.score_threshold) {
      queue.push(next);
    }
  }
  return selected;
}

StatusOr<NmsOptions> ReadOptions(const KernelContext& c) {
  NmsOptions options;
  MOULIN_ASSIGN_OR_RETURN(const Ints max_size, IntValues(c.input(2)));
  options.max_size = max_size[0];
  options.overlap_threshold = Floats(c.input(3))[0];
  options.score_threshold = Floats(c.input(4))[0];
  options.sigma = Floats(c.input(5))[0];
  if (!(options.overlap_threshold >= 0 && options.overlap_threshold <= 1)) {
    return MakeError(ErrorCode::kValue, "the overlap threshold must be in [0, 1], got ", options.overlap_threshold);
  }
  if (!(options.sigma >= 0)) {
    return MakeError(ErrorCode::kValue, "the sigma of soft suppression must not be negative, got ", options.sigma);
  }
  return options;
}

Status NonMaxSuppression(const KernelContext& c) {
  const auto& attrs = c.attr<NonMaxSuppressionAttrs>();
  std::vector<TensorType> outputs;
  MOULIN_RETURN_IF_ERROR(InferFromInputs(c, InferNms, &outputs));
  MOULIN_ASSIGN_OR_RETURN(const NmsOptions options, ReadOptions(c));
  const Selection selected = Select(Floats(c.input(0)), Floats(c.input(1)), options);
  const int64_t count = static_cast<int64_t>(selected.boxes.size());
  const Shape shape{attrs.version >= 4 && attrs.pad_to_max_output_size ? options.max_size : count};
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, DType::kInt32, shape));
  std::copy(selected.boxes.begin(), selected.boxes.end(), c.output(0).mutable_values<int32_t>().begin());
  if (attrs.version >= 4) {
    const int last = attrs.version == 4 ? 1 : 2;
    MOULIN_RETURN_IF_ERROR(c.Allocate(last, DType::kInt32, Shape()));
    c.output(last).mutable_values<int32_t>()[0] = static_cast<int32_t>(count);
  }
  if (attrs.version < 5) return absl::OkStatus();
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, c.input(1).dtype(), shape));
  return DispatchFloating(c.input(1).dtype(), [&](auto tag) {
    using T = decltype(tag);
    auto* out = static_cast<T*>(c.output(1).mutable_data());
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(selected.scores[i]);
    return absl::OkStatus();
  });
}

constexpr OpDef kDetectionOps[] = {
    {OpKind::kNonMaxSuppression, 6, 6, InferNms, NonMaxSuppression, Input(2), /*dynamic_output=*/true},
};

}  // namespace

absl::Span<const OpDef> DetectionOps() { return kDetectionOps; }

}  // namespace moulin
