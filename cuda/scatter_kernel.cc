// ScatterNd, TensorScatter and SegmentReduce. Covered by tests/cuda/kernels/scatter_test.cc.
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "base/half.h"
#include "base/status_macros.h"
#include "cuda/index_type.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/scatter.h"
#include "ops/op_util.h"

namespace moulin::cuda {
namespace {

constexpr int64_t kMostRows = std::numeric_limits<int32_t>::max();  // links are int32

// Works out and links the destinations of the rows, in the workspace.
Status EnqueueLinks(const LaunchContext& c, const void* indices, const DestinationParams& p) {
  const ScatterLinks links = ScatterLinks::At(c.workspace, p.rows);
  MOULIN_RETURN_IF_ERROR(Launch(c, DestinationFunction(), DimsFor(p.rows), indices, links, p));
  return Launch(c, LinkFunction(), DimsFor(p.rows), links, p.rows);
}

// --- ScatterNd (indices, updates, shape) and TensorScatter (x, indices, updates)

struct ScatterPlan {
  DestinationParams destination;
  ScatterParams scatter;
  DType type;
  int64_t y_bytes;
  int indices, updates;  // operands
  bool onto_zeros;
};

Status EnqueueScatter(const ScatterPlan& plan, const LaunchContext& c) {
  const auto bytes = static_cast<size_t>(plan.y_bytes);
  if (plan.onto_zeros) {
    MOULIN_RETURN_IF_ERROR(ToStatus(*c.api, c.api->MemsetAsync(c.output(), 0, bytes, c.stream), "zeroing a result"));
  } else if (c.input(0) != c.output()) {
    MOULIN_RETURN_IF_ERROR(
        ToStatus(*c.api, c.api->MemcpyAsync(c.output(), c.input(0), bytes, cudaMemcpyDeviceToDevice, c.stream),
                 "copying an operand"));
  }
  if (plan.scatter.elements == 0) return absl::OkStatus();
  MOULIN_RETURN_IF_ERROR(EnqueueLinks(c, c.input(plan.indices), plan.destination));
  return Launch(c, ScatterFunction(plan.type), DimsFor(plan.scatter.elements), c.input(plan.updates), c.output(),
                ScatterLinks::At(c.workspace, plan.destination.rows), plan.scatter);
}

// bool is combined as the reference does: sums and maxima as "or", minima as "and"; there is no difference.
std::optional<std::pair<DType, ScatterOp>> Combination(DType type, ScatterOp op) {
  if (type != DType::kBool) return std::make_pair(type, op);
  if (op == ScatterOp::kSub) return std::nullopt;
  return std::make_pair(DType::kUInt8, op == ScatterOp::kAdd ? ScatterOp::kMax : op);
}

// --- SegmentReduce (x, ids, number of segments)

// The bits of what a segment without rows holds: the neutral element, but 0 for the extrema over sorted ids.
template <typename T>
uint64_t EmptyBits(const SegmentReduceAttrs& attrs, T one, T lowest, T highest) {
  T value = {};
  if (attrs.op == SegmentOp::kProd) value = one;
  if (!attrs.sorted && attrs.op == SegmentOp::kMax) value = lowest;
  if (!attrs.sorted && attrs.op == SegmentOp::kMin) value = highest;
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(value));
  return bits;
}
template <typename T>
uint64_t EmptyBits(const SegmentReduceAttrs& attrs) {
  return EmptyBits<T>(attrs, T(1), std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max());
}

std::optional<uint64_t> EmptySegment(DType type, const SegmentReduceAttrs& attrs) {
  switch (type) {
    case DType::kFloat32:
      return EmptyBits<float>(attrs);
    case DType::kFloat64:
      return EmptyBits<double>(attrs);
    case DType::kFloat16:
      return EmptyBits<Half>(attrs, Half(1.0f), Half(-65504.0f), Half(65504.0f));
    case DType::kBFloat16: {
      const float highest = std::bit_cast<float>(0x7f7f0000u);
      return EmptyBits<BFloat16>(attrs, BFloat16(1.0f), BFloat16(-highest), BFloat16(highest));
    }
    case DType::kInt8:
      return EmptyBits<int8_t>(attrs);
    case DType::kUInt8:
      return EmptyBits<uint8_t>(attrs);
    case DType::kInt16:
      return EmptyBits<int16_t>(attrs);
    case DType::kUInt16:
      return EmptyBits<uint16_t>(attrs);
    case DType::kInt32:
      return EmptyBits<int32_t>(attrs);
    case DType::kUInt32:
      return EmptyBits<uint32_t>(attrs);
    case DType::kInt64:
      return EmptyBits<int64_t>(attrs);
    case DType::kUInt64:
      return EmptyBits<uint64_t>(attrs);
    default:
      return std::nullopt;
  }
}

struct SegmentPlan {
  DestinationParams destination;
  SegmentParams segment;
  DType type;
  int64_t y_elements;
  uint64_t empty;  // bits
};

Status EnqueueSegments(const SegmentPlan& plan, const LaunchContext& c) {
  MOULIN_RETURN_IF_ERROR(Launch(c, FillFunction(static_cast<int64_t>(SizeOf(plan.type))), DimsFor(plan.y_elements),
                                c.output(), plan.y_elements, plan.empty));
  if (plan.segment.elements == 0) return absl::OkStatus();
  MOULIN_RETURN_IF_ERROR(EnqueueLinks(c, c.input(1), plan.destination));
  return Launch(c, SegmentFunction(plan.type), DimsFor(plan.segment.elements), c.input(0), c.output(),
                ScatterLinks::At(c.workspace, plan.destination.rows), plan.segment);
}

}  // namespace

StatusOr<KernelPtr> MakeScatterKernel(const KernelRequest& request) {
  const bool is_nd = request.node.kind == OpKind::kScatterNd;
  ScatterPlan plan;
  plan.indices = is_nd ? 0 : 1;
  plan.updates = is_nd ? 1 : 2;
  plan.onto_zeros = is_nd;
  const Shape y = request.output_shape(), indices = request.shape(plan.indices);
  if (y.num_elements() == 0) return NothingToDo();
  const std::optional<IndexType> index_type = IndexTypeOf(request.dtype(plan.indices));
  const auto combination = Combination(request.output_dtype(), request.node.attr<ScatterAttrs>().op);
  const int64_t depth = indices[indices.rank() - 1];
  if (!index_type.has_value() || !combination.has_value() || depth > kMaxMapRank) return KernelPtr();
  plan.type = combination->first;
  plan.scatter.op = combination->second;
  if (!ScatterFunction(plan.type)) return KernelPtr();
  plan.y_bytes = y.num_elements() * static_cast<int64_t>(SizeOf(request.output_dtype()));
  plan.destination.index_type = *index_type;
  plan.destination.depth = static_cast<int>(depth);
  plan.destination.rows = DimProduct(indices.dims(), 0, indices.rank() - 1);
  for (int d = 0; d < plan.destination.depth; ++d) plan.destination.sizes[d] = y[d];
  if (plan.destination.rows > kMostRows) return KernelPtr();
  const int64_t inner = DimProduct(y.dims(), plan.destination.depth, y.rank());
  plan.scatter.elements = plan.destination.rows * inner;
  plan.scatter.inner = Divisor(inner);
  return std::make_shared<SimpleKernel>(
      "cuda scatter", [plan](const LaunchContext& c) { return EnqueueScatter(plan, c); },
      ScatterLinks::WorkspaceBytes(plan.destination.rows), is_nd ? std::vector<int>() : std::vector<int>{0});
}

StatusOr<KernelPtr> MakeSegmentReduceKernel(const KernelRequest& request) {
  const auto& attrs = request.node.attr<SegmentReduceAttrs>();
  const Shape y = request.output_shape(), ids = request.shape(1);
  if (y.num_elements() == 0) return NothingToDo();
  const std::optional<IndexType> index_type = IndexTypeOf(request.dtype(1));
  const std::optional<uint64_t> empty = EmptySegment(request.dtype(0), attrs);
  if (!index_type.has_value() || !empty.has_value() || ids.num_elements() > kMostRows) return KernelPtr();
  SegmentPlan plan;
  plan.type = request.dtype(0);
  plan.empty = *empty;
  plan.y_elements = y.num_elements();
  plan.destination.index_type = *index_type;
  plan.destination.depth = 1;
  plan.destination.rows = ids.num_elements();
  plan.destination.sizes[0] = y[0];
  const int64_t inner = y.num_elements() / y[0];
  plan.segment.op = attrs.op;
  plan.segment.elements = plan.destination.rows * inner;
  plan.segment.inner = Divisor(inner);
  return std::make_shared<SimpleKernel>(
      "cuda segment reduce", [plan](const LaunchContext& c) { return EnqueueSegments(plan, c); },
      ScatterLinks::WorkspaceBytes(plan.destination.rows));
}

}  // namespace moulin::cuda
