// Scan. Covered by tests/cuda/kernels/scan_test.cc.
#include <utility>

#include "base/status_macros.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/scan.h"
#include "ops/axes.h"

namespace moulin::cuda {
namespace {

RunningOp RunningOpOf(ScanOp op) {
  switch (op) {
    case ScanOp::kSum:
      return RunningOp::kSum;
    case ScanOp::kProd:
      return RunningOp::kProd;
    default:
      return RunningOp::kLogSumExp;
  }
}

// Neighbouring lines are read together by neighbouring threads where they interleave; a block a line where they do not,
// or where they are too few to keep the device busy.
bool UsesBlocks(const ScanParams& p, int multiprocessors) {
  const int64_t lines = p.outer * p.inner;
  if (lines >= int64_t{1} << 31 || p.size < 32) return false;
  return p.inner == 1 || (lines < int64_t{32} * multiprocessors && p.size >= 256);
}

}  // namespace

StatusOr<KernelPtr> MakeScanKernel(const KernelRequest& request) {
  const auto& attrs = request.node.attr<ScanAttrs>();
  const ScanFunctions functions = ScanFunctionsFor(request.dtype(0));
  const std::vector<int64_t> axis = request.ints(1);
  if (!functions.lines || axis.size() != 1) return KernelPtr();
  const Shape shape = request.shape(0);
  MOULIN_ASSIGN_OR_RETURN(const int a, NormalizeAxis(axis[0], shape.rank()));
  const AxisView view(shape, a);
  const ScanParams p = {RunningOpOf(attrs.op), attrs.exclusive, attrs.reverse, view.outer, view.size, view.inner};
  const int64_t lines = p.outer * p.inner;
  const bool is_empty = shape.num_elements() == 0;
  const bool uses_blocks = UsesBlocks(p, request.context->multiprocessors);
  const LaunchDims dims =
      uses_blocks ? LaunchDims{dim3(static_cast<unsigned>(lines)), dim3(kScanThreads)} : DimsFor(lines, 128);
  const ScanFunction function = uses_blocks ? functions.blocks : functions.lines;
  auto enqueue = [=](const LaunchContext& c) -> Status {
    if (is_empty) return absl::OkStatus();
    return Launch(c, function, dims, c.input(0), c.output(), p);
  };
  return std::make_shared<SimpleKernel>(uses_blocks ? "cuda scan (blocks)" : "cuda scan (lines)", std::move(enqueue), 0,
                                        std::vector<int>{0});
}

}  // namespace moulin::cuda
