// Instances of fold_kernels.h for tensors in memory, and the policy of arg reductions. Tested by
// tests/cuda/kernels/reduce_test.cc.
#include "cuda/kernels/reduce.h"

#if defined(__CUDACC__)
#pragma nv_diag_suppress 186  // scalar functions compare unsigned integers with 0, as they do signed ones
#endif

#include <type_traits>

#include "cuda/codegen/device/map.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/fold_kernels.h"
#include "cuda/kernels/group_reduce.h"
#include "kernels/element.h"
#include "kernels/scalar_arithmetic.h"

namespace moulin::cuda {
namespace {

// The first of the largest (smallest); NaNs lose, and where all lose the place is 0.
template <typename T>
struct ArgFold {
  using Element = T;
  using Held = ComputeType<T>;
  struct alignas(16) Accumulator {
    Held value;
    int64_t index;
  };

  __device__ explicit ArgFold(const FoldParams& p) : is_max(p.op == FoldOp::kArgMax) {}
  __device__ Held Worst() const {
    if constexpr (std::is_floating_point_v<Held>)
      return is_max ? -Infinity<Held>() : Infinity<Held>();
    else
      return is_max ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
  }
  __device__ Accumulator Initial() const { return {Worst(), 0}; }
  __device__ bool IsBetter(Held a, Held b) const { return is_max ? a > b : a < b; }
  __device__ Accumulator Add(Accumulator a, Held x, int64_t r) const {
    return IsBetter(x, a.value) ? Accumulator{x, r} : a;
  }
  // Accumulators never hold NaN. One that no element has beaten has place 0, the lowest, and so needs no mark: it wins
  // a tie only against elements that do not beat it either.
  __device__ Accumulator Combine(Accumulator a, Accumulator b) const {
    if (IsBetter(b.value, a.value)) return b;
    if (IsBetter(a.value, b.value)) return a;
    return b.index < a.index ? b : a;
  }
  __device__ void Finish(void* y, int64_t o, Accumulator a, const FoldParams& p) const {
    switch (p.index_bytes) {
      case 1:
        static_cast<uint8_t*>(y)[o] = static_cast<uint8_t>(a.index);
        return;
      case 2:
        static_cast<uint16_t*>(y)[o] = static_cast<uint16_t>(a.index);
        return;
      case 4:
        static_cast<uint32_t*>(y)[o] = static_cast<uint32_t>(a.index);
        return;
      default:
        static_cast<int64_t*>(y)[o] = a.index;
    }
  }

  bool is_max;
};

// --- walks

template <typename Policy>
__global__ void __launch_bounds__(1024) FoldRows(const void* x, void* y, const __grid_constant__ FoldParams p) {
  using T = typename Policy::Element;
  FoldRowsOf<Policy>(MemorySource<T>{static_cast<const T*>(x)}, y, p);
}

template <typename Policy>
__global__ void __launch_bounds__(1024) FoldStrided(const void* x, void* y, const __grid_constant__ FoldParams p) {
  using T = typename Policy::Element;
  FoldStridedOf<Policy>(MemorySource<T, 1>{static_cast<const T*>(x)}, y, p);
}

template <typename Policy>
__global__ void __launch_bounds__(kMaxColumnThreads)
    FoldColumns(const void* x, void* y, const __grid_constant__ FoldParams p) {
  using T = typename Policy::Element;
  __shared__ typename Policy::Accumulator shared[kMaxColumnThreads];
  FoldColumnsOf<Policy>(MemorySource<T, 1>{static_cast<const T*>(x)}, y, p, shared);
}

template <typename Policy>
__global__ void __launch_bounds__(256) FoldParts(const void* x, void* y, const __grid_constant__ FoldParams p) {
  using A = typename Policy::Accumulator;
  const Policy policy(p);
  const int64_t o = GlobalThread() / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  A a = policy.Initial();
  if (o < p.outputs) {
    const A* const parts = static_cast<const A*>(x) + o * p.parts;
    for (int64_t part = lane; part < p.parts; part += kWarp) a = policy.Combine(a, parts[part]);
  }
  a = ReduceGroup(a, kWarp, static_cast<A*>(nullptr), [&](A left, A right) { return policy.Combine(left, right); });
  if (lane == 0 && o < p.outputs) policy.Finish(y, o, a, p);
}

// --- instances

template <typename Policy>
FoldFunctions Functions() {
  FoldFunctions f;
  f.rows = CooperativeKernel("moulin_fold_rows", &FoldRows<Policy>);
  f.strided = CooperativeKernel("moulin_fold_strided", &FoldStrided<Policy>);
  f.columns = CooperativeKernel("moulin_fold_columns", &FoldColumns<Policy>);
  f.parts = CooperativeKernel("moulin_fold_parts", &FoldParts<Policy>);
  f.accumulator_bytes = static_cast<int>(sizeof(typename Policy::Accumulator));
  return f;
}

bool IsArg(FoldOp op) { return op == FoldOp::kArgMax || op == FoldOp::kArgMin; }

template <typename T>
FoldFunctions FloatFunctions(FoldOp op) {
  switch (op) {
    case FoldOp::kSum:
      return Functions<FloatFold<T, FoldOp::kSum>>();
    case FoldOp::kProd:
      return Functions<FloatFold<T, FoldOp::kProd>>();
    case FoldOp::kMax:
      return Functions<FloatFold<T, FoldOp::kMax>>();
    case FoldOp::kMin:
      return Functions<FloatFold<T, FoldOp::kMin>>();
    default:
      return Functions<ArgFold<T>>();
  }
}

template <typename T>
FoldFunctions IntegerFunctions(FoldOp op) {
  return IsArg(op) ? Functions<ArgFold<T>>() : Functions<IntegerFold<T>>();
}

}  // namespace

FoldFunctions FoldFunctionsFor(DType type, FoldOp op) {
  switch (type) {
    case DType::kFloat32:
      return FloatFunctions<float>(op);
    case DType::kFloat64:
      return FloatFunctions<double>(op);
    case DType::kFloat16:
      return FloatFunctions<Float16Bits>(op);
    case DType::kBFloat16:
      return FloatFunctions<BFloat16Bits>(op);
    case DType::kInt8:
    case DType::kQInt8:
      return IntegerFunctions<int8_t>(op);
    case DType::kBool:
    case DType::kUInt8:
    case DType::kQUInt8:
      return IntegerFunctions<uint8_t>(op);
    case DType::kInt16:
    case DType::kQInt16:
      return IntegerFunctions<int16_t>(op);
    case DType::kUInt16:
    case DType::kQUInt16:
      return IntegerFunctions<uint16_t>(op);
    case DType::kInt32:
    case DType::kQInt32:
      return IntegerFunctions<int32_t>(op);
    case DType::kUInt32:
      return IntegerFunctions<uint32_t>(op);
    case DType::kInt64:
      return IntegerFunctions<int64_t>(op);
    case DType::kUInt64:
      return IntegerFunctions<uint64_t>(op);
    default:
      return {};
  }
}

}  // namespace moulin::cuda
