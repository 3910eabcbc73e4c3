// Softmax, LayerNorm, BatchNorm, LocalResponseNorm. Covered by tests/cuda/kernels/normalize_test.cc.
#include <algorithm>
#include <bit>
#include <utility>

#include "base/math.h"
#include "base/status_macros.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/normalize.h"
#include "ops/axes.h"

namespace moulin::cuda {
namespace {

constexpr int kThreads = 256;  // of a block, where a row does not need more

struct RowPlan {
  RowParams params;
  enum Which { kShort, kMiddle, kLong } which = kShort;
  LaunchDims dims;
};

// A row's threads hold one word each, up to a block's threads, else several; a row that does not fit is read again.
// Where there are rows enough to keep the device busy, a warp with several words each is better than more warps with
// one: warps of one row wait for each other.
RowPlan PlanRows(const Shape& x, DType type, int multiprocessors) {
  RowPlan plan;
  RowParams& p = plan.params;
  p.size = x.rank() > 0 ? x[x.rank() - 1] : 1;
  p.rows = p.size > 0 ? x.num_elements() / p.size : 0;
  const int64_t words = std::max<int64_t>(CeilDiv(p.size * static_cast<int64_t>(SizeOf(type)), 16), 1);
  const auto threads = [&](int64_t wanted) {
    return static_cast<int>(std::bit_ceil(static_cast<uint64_t>(std::min<int64_t>(wanted, kMaxRowThreads))));
  };
  constexpr int kWarpThreads = 32;
  const bool is_busy = p.rows >= int64_t{16} * multiprocessors;
  if (is_busy && words > kWarpThreads && words <= kWarpThreads * kRowWords) {
    plan.which = RowPlan::kMiddle;
    p.threads = kWarpThreads;
  } else if (words <= kThreads) {
    plan.which = RowPlan::kShort;
    p.threads = threads(words);
  } else {
    plan.which = words <= int64_t{kMaxRowThreads} * kRowWords ? RowPlan::kMiddle : RowPlan::kLong;
    p.threads = threads(CeilDiv(words, kRowWords));
  }
  const int block = std::max(kThreads, p.threads);
  plan.dims = {dim3(static_cast<unsigned>(CeilDiv(p.rows, block / p.threads))), dim3(static_cast<unsigned>(block)), 0};
  return plan;
}

template <typename Function>
Function Choose(const RowFunctions<Function>& functions, RowPlan::Which which) {
  if (which == RowPlan::kShort) return functions.short_rows;
  return which == RowPlan::kMiddle ? functions.rows : functions.long_rows;
}

KernelPtr Make(const char* name, SimpleKernel::EnqueueFn enqueue, bool is_empty, bool is_in_place = true) {
  if (is_empty) enqueue = [](const LaunchContext&) { return absl::OkStatus(); };
  return std::make_shared<SimpleKernel>(name, std::move(enqueue), 0,
                                        is_in_place ? std::vector<int>{0} : std::vector<int>{});
}

bool HasSameType(const KernelRequest& request, int first, int last) {
  for (int i = first + 1; i <= last; ++i) {
    if (request.dtype(i) != request.dtype(first)) return false;
  }
  return true;
}

}  // namespace

StatusOr<KernelPtr> MakeSoftmaxKernel(const KernelRequest& request) {
  RowPlan plan = PlanRows(request.shape(0), request.dtype(0), request.context->multiprocessors);
  plan.params.is_log = request.node.attr<SoftmaxAttrs>().log;
  const SoftmaxFunction function = Choose(SoftmaxFunctionsFor(request.dtype(0)), plan.which);
  if (!function) return KernelPtr();
  auto enqueue = [function, plan](const LaunchContext& c) {
    return Launch(c, function, plan.dims, c.input(0), c.output(), plan.params);
  };
  return Make("cuda softmax", std::move(enqueue), plan.params.rows == 0);
}

StatusOr<KernelPtr> MakeLayerNormKernel(const KernelRequest& request) {
  RowPlan plan = PlanRows(request.shape(0), request.dtype(0), request.context->multiprocessors);
  plan.params.epsilon = request.node.attr<LayerNormAttrs>().epsilon;
  const LayerNormFunction function = Choose(LayerNormFunctionsFor(request.dtype(0), request.dtype(1)), plan.which);
  if (!function || !HasSameType(request, 1, 2)) return KernelPtr();
  auto enqueue = [function, plan](const LaunchContext& c) {
    return Launch(c, function, plan.dims, c.input(0), c.input(1), c.input(2), c.output(), plan.params);
  };
  return Make("cuda layer norm", std::move(enqueue), plan.params.rows == 0);
}

StatusOr<KernelPtr> MakeBatchNormKernel(const KernelRequest& request) {
  const auto& attrs = request.node.attr<BatchNormAttrs>();
  const Shape x = request.shape(0);
  const AxisView view(x, attrs.channels_last ? x.rank() - 1 : 1);
  const BatchNormParams p = {x.num_elements(), view.size, view.inner, attrs.epsilon};
  const auto function = BatchNormFunction(request.dtype(0), request.dtype(1));
  if (!function || !HasSameType(request, 1, 4)) return KernelPtr();
  auto enqueue = [function, p](const LaunchContext& c) {
    return Launch(c, function, DimsFor(p.elements), c.input(0), c.input(1), c.input(2), c.input(3), c.input(4),
                  c.output(), p);
  };
  return Make("cuda batch norm", std::move(enqueue), p.elements == 0);
}

StatusOr<KernelPtr> MakeLocalResponseNormKernel(const KernelRequest& request) {
  const auto& attrs = request.node.attr<LocalResponseNormAttrs>();
  const Shape x = request.shape(0);
  const LocalResponseNormParams p = {x.num_elements(), x[x.rank() - 1], attrs.radius,
                                     attrs.bias,       attrs.alpha,     attrs.beta};
  const auto function = LocalResponseNormFunction(request.dtype(0));
  if (!function) return KernelPtr();
  auto enqueue = [function, p](const LaunchContext& c) {
    return Launch(c, function, DimsFor(p.elements), c.input(0), c.output(), p);
  };
  return Make("cuda local response norm", std::move(enqueue), p.elements == 0, /*is_in_place=*/false);
}

}  // namespace moulin::cuda
