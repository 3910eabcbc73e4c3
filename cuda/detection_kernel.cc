// NonMaxSuppression whose result is padded to a constant size, as passes/bound_results.cc makes them.
#include <algorithm>
#include <array>
#include <utility>

#include "base/status_macros.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/detection.h"
#include "cuda/real_type.h"
#include "ops/type_dispatch.h"

namespace moulin::cuda {
namespace {

// The value of a scalar constant of a floating type.
std::optional<float> ConstantFloat(const KernelRequest& request, int input) {
  const Tensor* tensor = request.constant(input);
  if (tensor == nullptr) return std::nullopt;
  float value = 0;
  const Status status = DispatchFloating(tensor->dtype(), [&](auto tag) {
    value = static_cast<float>(*static_cast<const decltype(tag)*>(tensor->data()));
    return absl::OkStatus();
  });
  return status.ok() ? std::optional<float>(value) : std::nullopt;
}

// Operands as floats: as they are, or converted to a place in the workspace.
struct FloatOperand {
  int input = 0;
  int64_t elements = 0;
  int64_t offset = -1;  // bytes in the workspace; -1: used where it is
  DeviceFunction<const void*, float*, int64_t> convert;

  StatusOr<const float*> Prepare(const LaunchContext& context) const {
    if (offset < 0) return context.input<float>(input);
    auto* floats = reinterpret_cast<float*>(static_cast<unsigned char*>(context.workspace) + offset);
    if (elements == 0) return floats;
    MOULIN_RETURN_IF_ERROR(Launch(context, convert, DimsFor(elements), context.input(input), floats, elements));
    return floats;
  }
};

// How a node is run.
struct SuppressionPlan {
  SuppressionParameters parameters;
  FloatOperand boxes, scores;
  std::array<FloatOperand, 3> thresholds;  // where they are not all constants
  bool thresholds_on_device = false;
  int64_t candidates_offset = 0, checked_offset = 0;
  int64_t workspace_bytes = 0;
  int scores_output = -1, count_output = -1;

  int64_t Reserve(int64_t bytes) {
    const int64_t offset = workspace_bytes;
    workspace_bytes += (bytes + 15) / 16 * 16;
    return offset;
  }
  FloatOperand Operand(const KernelRequest& request, int input, RealType type) {
    FloatOperand operand;
    operand.input = input;
    operand.elements = request.shape(input).num_elements();
    operand.convert = ToFloatFunction(type);
    if (type != RealType::kFloat32) operand.offset = Reserve(operand.elements * sizeof(float));
    return operand;
  }
  Status Enqueue(const LaunchContext& context) const;
};

Status SuppressionPlan::Enqueue(const LaunchContext& context) const {
  auto* workspace = static_cast<unsigned char*>(context.workspace);
  MOULIN_ASSIGN_OR_RETURN(const float* box_floats, boxes.Prepare(context));
  MOULIN_ASSIGN_OR_RETURN(const float* score_floats, scores.Prepare(context));
  SuppressionParameters p = parameters;
  if (thresholds_on_device) {
    for (const FloatOperand& threshold : thresholds) MOULIN_RETURN_IF_ERROR(threshold.Prepare(context).status());
    p.thresholds = reinterpret_cast<const float*>(workspace + thresholds[0].offset);
  }
  SuppressionOutputs out;
  out.indices = context.output<int32_t>(0);
  if (scores_output >= 0) out.scores = context.output(scores_output);
  if (count_output >= 0) out.count = context.output<int32_t>(count_output);
  int threads = 32;
  while (threads < kMaxSuppressionThreads && threads < p.num_boxes) threads *= 2;
  return Launch(context, SuppressFunction(), {dim3(1), dim3(static_cast<unsigned>(threads)), 0}, box_floats,
                score_floats, reinterpret_cast<float*>(workspace + candidates_offset),
                reinterpret_cast<int32_t*>(workspace + checked_offset), p, out);
}

// Fills in the thresholds; false where the node is to be refused, which the host does with a message.
bool ReadThresholds(const KernelRequest& request, SuppressionPlan* plan) {
  const auto overlap = ConstantFloat(request, 3), score = ConstantFloat(request, 4), sigma = ConstantFloat(request, 5);
  if (overlap && !(*overlap >= 0 && *overlap <= 1)) return false;
  if (sigma && !(*sigma >= 0)) return false;
  if (overlap && score && sigma) {
    plan->parameters.overlap_threshold = *overlap;
    plan->parameters.score_threshold = *score;
    plan->parameters.sigma = *sigma;
    return true;
  }
  plan->thresholds_on_device = true;
  const int64_t offset = plan->Reserve(3 * sizeof(float));
  for (int i = 0; i < 3; ++i) {
    const std::optional<RealType> type = RealTypeOf(request.dtype(3 + i));
    if (!type) return false;
    plan->thresholds[i] = {3 + i, 1, offset + i * static_cast<int64_t>(sizeof(float)), ToFloatFunction(*type)};
  }
  return true;
}

}  // namespace

// Thresholds that are no constants are not checked: an overlap threshold above 1 suppresses nothing, a NaN neither, and
// a sigma that is not positive is none.
StatusOr<KernelPtr> MakeNonMaxSuppressionKernel(const KernelRequest& request) {
  const auto& attrs = request.node.attr<NonMaxSuppressionAttrs>();
  if (attrs.version < 4 || !attrs.pad_to_max_output_size || request.constant(2) == nullptr) return nullptr;
  const std::optional<RealType> box_type = RealTypeOf(request.dtype(0)), score_type = RealTypeOf(request.dtype(1));
  const int64_t num_boxes = request.shape(1).num_elements();
  if (!box_type || !score_type || num_boxes > int64_t{0x7fffffff}) return nullptr;
  SuppressionPlan plan;
  plan.parameters.num_boxes = num_boxes;
  plan.parameters.max_size = request.output_shape(0).num_elements();
  plan.parameters.score_type = *score_type;
  plan.scores_output = attrs.version >= 5 ? 1 : -1;
  plan.count_output = attrs.version >= 5 ? 2 : 1;
  if (!ReadThresholds(request, &plan)) return nullptr;
  plan.boxes = plan.Operand(request, 0, *box_type);
  plan.scores = plan.Operand(request, 1, *score_type);
  plan.candidates_offset = plan.Reserve(num_boxes * sizeof(float));
  plan.checked_offset = plan.Reserve(num_boxes * sizeof(int32_t));
  return std::make_shared<SimpleKernel>(
      "non_max_suppression", [=](const LaunchContext& context) { return plan.Enqueue(context); }, plan.workspace_bytes);
}

}  // namespace moulin::cuda
