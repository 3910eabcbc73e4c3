// A block scans a line tile by tile: each thread a few neighbouring elements, then the threads' totals by shuffles
// (Hillis and Steele, "Data parallel algorithms", 1986), first in warps, then among them. Tested by
// tests/cuda/kernels/scan_test.cc.
#include <type_traits>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/group_reduce.h"
#include "cuda/kernels/scan.h"
#include "kernels/element.h"

namespace moulin::cuda {
namespace {

constexpr int kItems = 4;  // neighbouring elements of a thread
constexpr int kWarps = kScanThreads / kWarp;

// Only sizes of integers matter: sums and products wrap alike with and without sign.
template <typename T>
using AccumulatorOf = std::conditional_t<std::is_floating_point_v<ComputeType<T>>, double, uint64_t>;

// log(exp(x) + exp(y)).
__device__ inline double LogAddExp(double x, double y) {
  const double high = x > y ? x : y, low = x > y ? y : x;
  if (x != x || y != y) return x + y;
  if (low == static_cast<double>(__builtin_bit_cast(float, 0xff800000u))) return high;
  return high + log1p(exp(low - high));
}

template <typename A>
__device__ inline A Identity(RunningOp op) {
  if constexpr (std::is_floating_point_v<A>) {
    if (op == RunningOp::kLogSumExp) return static_cast<double>(__builtin_bit_cast(float, 0xff800000u));
  }
  return op == RunningOp::kProd ? A(1) : A(0);
}

template <typename A>
__device__ inline A Combine(RunningOp op, A x, A y) {
  if constexpr (std::is_floating_point_v<A>) {
    if (op == RunningOp::kLogSumExp) return LogAddExp(x, y);
  }
  return op == RunningOp::kProd ? x * y : x + y;
}

// Where the elements of a line lie: step i, which may walk backwards.
struct Line {
  int64_t first, stride;
  __device__ Line(const ScanParams& p, int64_t number)
      : first(number / p.inner * p.size * p.inner + number % p.inner), stride(p.inner) {
    if (p.is_reverse) {
      first += (p.size - 1) * stride;
      stride = -stride;
    }
  }
  __device__ int64_t operator()(int64_t i) const { return first + i * stride; }
};

template <typename T>
__global__ void ScanLines(const void* x, void* y, ScanParams p) {
  using A = AccumulatorOf<T>;
  for (int64_t number = GlobalThread(); number < p.outer * p.inner; number += GlobalThreads()) {
    const Line line(p, number);
    A running = Identity<A>(p.op);
    for (int64_t i = 0; i < p.size; ++i) {
      const A next = Combine(p.op, running, static_cast<A>(Load(static_cast<const T*>(x)[line(i)])));
      static_cast<T*>(y)[line(i)] = Store<T>(static_cast<ComputeType<T>>(p.is_exclusive ? running : next));
      running = next;
    }
  }
}

// The combination of the values of all threads of the block before this one; *total is that of all. `shared` holds a
// value a warp.
template <typename A>
__device__ inline A ScanBlock(RunningOp op, A value, A* shared, A* total) {
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int delta = 1; delta < kWarp; delta *= 2) {
    const A before = __shfl_up_sync(0xffffffffu, value, static_cast<unsigned>(delta));
    if (lane >= delta) value = Combine(op, before, value);
  }
  __syncthreads();  // what was there before has been read
  if (lane == kWarp - 1) shared[warp] = value;
  __syncthreads();
  A before_warp = Identity<A>(op);
  *total = before_warp;
  for (int w = 0; w < kWarps; ++w) {
    if (w == warp) before_warp = *total;
    *total = Combine(op, *total, shared[w]);
  }
  const A before_thread = __shfl_up_sync(0xffffffffu, value, 1u);
  return lane == 0 ? before_warp : Combine(op, before_warp, before_thread);
}

template <typename T>
__global__ void __launch_bounds__(kScanThreads) ScanBlocks(const void* x, void* y, ScanParams p) {
  using A = AccumulatorOf<T>;
  __shared__ A shared[kWarps];
  const Line line(p, blockIdx.x);
  A carry = Identity<A>(p.op);  // of the tiles before
  for (int64_t tile = 0; tile < p.size; tile += int64_t{kScanThreads} * kItems) {
    const int64_t first = tile + static_cast<int64_t>(threadIdx.x) * kItems;
    A items[kItems];
    A sum = Identity<A>(p.op);
    for (int k = 0; k < kItems; ++k) {
      const bool is_there = first + k < p.size;
      items[k] = is_there ? static_cast<A>(Load(static_cast<const T*>(x)[line(first + k)])) : Identity<A>(p.op);
      sum = Combine(p.op, sum, items[k]);
    }
    A total;
    A running = Combine(p.op, carry, ScanBlock(p.op, sum, shared, &total));
    for (int k = 0; k < kItems; ++k) {
      const A next = Combine(p.op, running, items[k]);
      if (first + k < p.size) {
        static_cast<T*>(y)[line(first + k)] = Store<T>(static_cast<ComputeType<T>>(p.is_exclusive ? running : next));
      }
      running = next;
    }
    carry = Combine(p.op, carry, total);
  }
}

template <typename T>
ScanFunctions Functions() {
  return {IndependentKernel("moulin_scan_lines", &ScanLines<T>),
          CooperativeKernel("moulin_scan_blocks", &ScanBlocks<T>)};
}

}  // namespace

ScanFunctions ScanFunctionsFor(DType type) {
  switch (type) {
    case DType::kFloat32:
      return Functions<float>();
    case DType::kFloat64:
      return Functions<double>();
    case DType::kFloat16:
      return Functions<Float16Bits>();
    case DType::kBFloat16:
      return Functions<BFloat16Bits>();
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kQInt8:
    case DType::kQUInt8:
      return Functions<uint8_t>();
    case DType::kInt16:
    case DType::kUInt16:
    case DType::kQInt16:
    case DType::kQUInt16:
      return Functions<uint16_t>();
    case DType::kInt32:
    case DType::kUInt32:
    case DType::kQInt32:
      return Functions<uint32_t>();
    case DType::kInt64:
    case DType::kUInt64:
      return Functions<uint64_t>();
    default:
      return {};
  }
}

}  // namespace moulin::cuda
