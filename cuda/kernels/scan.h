// Running sums, products and log-sum-exps.
#ifndef MOULIN_CUDA_KERNELS_SCAN_H_
#define MOULIN_CUDA_KERNELS_SCAN_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"
#include "moulin/dtype.h"

namespace moulin::cuda {

enum class RunningOp : uint8_t { kSum, kProd, kLogSumExp };

// Along the middle axis of [outer, size, inner]; each line of it is scanned by itself. y may be x.
struct ScanParams {
  RunningOp op = RunningOp::kSum;
  bool is_exclusive = false;
  bool is_reverse = false;
  int64_t outer = 1, size = 1, inner = 1;
};

// (x, y, params)
using ScanFunction = DeviceFunction<const void*, void*, ScanParams>;

inline constexpr int kScanThreads = 256;

struct ScanFunctions {
  ScanFunction lines;   // a thread a line, which it walks along
  ScanFunction blocks;  // a block of kScanThreads a line
};

// Floats are accumulated in double, integers in 64 bits, which wrap. None for types that are not covered; kLogSumExp is
// for floats.
ScanFunctions ScanFunctionsFor(DType type);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_SCAN_H_
