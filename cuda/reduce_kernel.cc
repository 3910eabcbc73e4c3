// Reduce and ArgReduce: which axes are folded, in which walk, and into how many parts. Covered by
// tests/cuda/kernels/reduce_test.cc.
#include <algorithm>
#include <bit>
#include <optional>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/reduce.h"
#include "ops/axes.h"

namespace moulin::cuda {
namespace {

// Neighbouring axes that are all kept or all reduced are one.
struct Run {
  bool is_reduced;
  int64_t size;
};

std::vector<Run> RunsOf(const Shape& x, const std::vector<bool>& is_reduced) {
  std::vector<Run> runs;
  for (int i = 0; i < x.rank(); ++i) {
    if (x[i] == 1) continue;
    if (!runs.empty() && runs.back().is_reduced == is_reduced[i]) {
      runs.back().size *= x[i];
    } else {
      runs.push_back({is_reduced[i], x[i]});
    }
  }
  return runs;
}

enum class Walk { kRows, kColumns, kStrided };

// [kept, reduced] are rows; [reduced, kept] and [kept, reduced, kept] columns.
Walk WalkOf(const std::vector<Run>& runs) {
  const size_t n = runs.size();
  if (n == 0 || (n <= 2 && runs.back().is_reduced)) return Walk::kRows;
  return n <= 2 || (n == 3 && runs[1].is_reduced) ? Walk::kColumns : Walk::kStrided;
}

// Nothing where there are more runs than maps hold.
bool SetMaps(const std::vector<Run>& runs, FoldParams* p) {
  if (runs.size() > 2 * kMaxMapRank) return false;
  std::vector<int64_t> strides(runs.size(), 1);
  for (size_t i = runs.size(); i-- > 1;) strides[i - 1] = strides[i] * runs[i].size;
  for (size_t i = 0; i < runs.size(); ++i) {
    (runs[i].is_reduced ? p->reduced : p->kept).Push(runs[i].size, strides[i]);
  }
  return true;
}

// A launch of a walk: its dims but for the parts.
struct Geometry {
  int64_t blocks = 1;  // for all results
  dim3 block = dim3(256);
  int64_t strips = 1;  // threads that share one part's elements
};

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// As many threads a result as leave each 16 elements, but no more than a block.
Geometry GroupGeometry(FoldParams* p) {
  constexpr int kThreads = 256;
  const auto wanted = static_cast<uint64_t>(std::clamp<int64_t>(CeilDiv(p->size, 16), 1, kThreads));
  p->threads = static_cast<int>(std::bit_ceil(wanted));
  return {CeilDiv(p->outputs, kThreads / p->threads), dim3(kThreads), p->threads};
}

Geometry ColumnGeometry(const FoldParams& p) {
  constexpr unsigned kThreads = 256;
  const auto strips = static_cast<unsigned>(std::bit_floor(static_cast<uint64_t>(std::clamp<int64_t>(p.size, 1, 8))));
  const dim3 block(kThreads / strips, strips);
  return {p.outputs / p.inner * CeilDiv(p.inner, block.x), block, strips};
}

// Enough blocks to fill the device, where the results alone are too few and each is long enough to be split.
void SetParts(const Geometry& geometry, int multiprocessors, FoldParams* p) {
  constexpr int64_t kMinElementsAThread = 32;
  constexpr int64_t kMaxParts = 1024;
  const int64_t wanted = CeilDiv(int64_t{4} * multiprocessors, geometry.blocks);
  const int64_t most = p->size / (geometry.strips * kMinElementsAThread);
  const int64_t parts = std::clamp<int64_t>(std::min(wanted, most), 1, kMaxParts);
  p->chunk = CeilDiv(CeilDiv(p->size, parts), 16) * 16;  // parts of rows begin at whole words
  p->parts = std::max<int64_t>(CeilDiv(p->size, std::max<int64_t>(p->chunk, 1)), 1);
}

StatusOr<KernelPtr> MakeFold(const KernelRequest& request, const std::vector<bool>& is_reduced, FoldParams p) {
  const FoldFunctions functions = FoldFunctionsFor(request.dtype(0), p.op);
  if (!functions.rows) return KernelPtr();
  const Shape x = request.shape(0);
  const std::vector<Run> runs = RunsOf(x, is_reduced);
  p.outputs = request.output_shape().num_elements();
  p.size = 1;
  for (int i = 0; i < x.rank(); ++i) p.size *= is_reduced[i] ? x[i] : 1;
  const Walk walk = WalkOf(runs);
  if (walk == Walk::kStrided && !SetMaps(runs, &p)) return KernelPtr();
  if (walk == Walk::kColumns) p.inner = runs.back().size;
  if (p.outputs == 0) {
    return std::make_shared<SimpleKernel>("cuda reduce (nothing)",
                                          [](const LaunchContext&) { return absl::OkStatus(); });
  }
  const Geometry geometry = walk == Walk::kColumns ? ColumnGeometry(p) : GroupGeometry(&p);
  SetParts(geometry, request.context->multiprocessors, &p);
  const FoldFunction function = walk == Walk::kRows      ? functions.rows
                                : walk == Walk::kColumns ? functions.columns
                                                         : functions.strided;
  LaunchDims dims{dim3(static_cast<unsigned>(geometry.blocks), static_cast<unsigned>(p.parts)), geometry.block, 0};
  if (p.parts == 1) {
    return std::make_shared<SimpleKernel>("cuda reduce", [function, dims, p](const LaunchContext& c) {
      return Launch(c, function, dims, c.input(0), c.output(), p);
    });
  }
  const FoldFunction combine = functions.parts;
  auto enqueue = [function, dims, p, combine](const LaunchContext& c) -> Status {
    MOULIN_RETURN_IF_ERROR(Launch(c, function, dims, c.input(0), c.workspace, p));
    return Launch(c, combine, DimsFor(p.outputs * kWarpThreads), c.workspace, c.output(), p);
  };
  return std::make_shared<SimpleKernel>("cuda reduce (in parts)", std::move(enqueue),
                                        p.outputs * p.parts * functions.accumulator_bytes);
}

FoldOp FoldOpOf(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
    case ReduceOp::kMean:
      return FoldOp::kSum;
    case ReduceOp::kProd:
      return FoldOp::kProd;
    case ReduceOp::kMax:
    case ReduceOp::kAny:
      return FoldOp::kMax;
    default:
      return FoldOp::kMin;
  }
}

}  // namespace

StatusOr<KernelPtr> MakeReduceKernel(const KernelRequest& request) {
  const ReduceOp op = request.node.attr<ReduceAttrs>().op;
  const Shape x = request.shape(0);
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int> axes, NormalizeAxes(request.ints(1), x.rank()));
  std::vector<bool> is_reduced(x.rank());
  for (const int axis : axes) is_reduced[axis] = true;
  FoldParams p;
  p.op = FoldOpOf(op);
  p.is_mean = op == ReduceOp::kMean;
  p.is_truth = request.dtype(0) == DType::kBool;
  p.divisor = 1;
  for (const int axis : axes) p.divisor *= x[axis];
  return MakeFold(request, is_reduced, p);
}

StatusOr<KernelPtr> MakeArgReduceKernel(const KernelRequest& request) {
  const auto& attrs = request.node.attr<ArgReduceAttrs>();
  const Shape x = request.shape(0);
  const std::vector<int64_t> axis = request.ints(1);
  if (axis.size() != 1) return KernelPtr();
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis[0], x.rank()));
  std::vector<bool> is_reduced(x.rank());
  is_reduced[a] = true;
  FoldParams p;
  p.op = attrs.is_max ? FoldOp::kArgMax : FoldOp::kArgMin;
  p.index_bytes = static_cast<int>(SizeOf(attrs.index_type));
  return MakeFold(request, is_reduced, p);
}

}  // namespace moulin::cuda
