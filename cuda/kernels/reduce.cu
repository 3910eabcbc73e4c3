// Three ways to walk over x (rows, columns, anything), and policies that say what is accumulated. Tested by
// tests/cuda/kernels/reduce_test.cc.
#include "cuda/kernels/reduce.h"

#if defined(__CUDACC__)
#pragma nv_diag_suppress 186  // scalar functions compare unsigned integers with 0, as they do signed ones
#endif

#include <type_traits>

#include "cuda/codegen/device/map.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/group_reduce.h"
#include "kernels/element.h"
#include "kernels/scalar_arithmetic.h"

namespace moulin::cuda {
namespace {

template <typename A>
__device__ inline A Infinity() {
  return static_cast<A>(__builtin_bit_cast(float, 0x7f800000u));
}

// --- policies: T is the element type, Accumulator what is carried

// Floats are summed in float, and multiplied in double, whose range intermediate products need.
template <typename T, FoldOp op>
struct FloatFold {
  using Element = T;
  using Held = ComputeType<T>;
  using Accumulator = std::conditional_t<op == FoldOp::kProd, double, Held>;

  __device__ explicit FloatFold(const FoldParams&) {}
  __device__ Accumulator Initial() const {
    if (op == FoldOp::kProd) return 1;
    if (op == FoldOp::kMax) return -Infinity<Accumulator>();
    return op == FoldOp::kMin ? Infinity<Accumulator>() : Accumulator(0);
  }
  __device__ Accumulator Add(Accumulator a, Held x, int64_t) const { return Combine(a, static_cast<Accumulator>(x)); }
  __device__ Accumulator Combine(Accumulator a, Accumulator b) const {
    if constexpr (op == FoldOp::kProd)
      return a * b;
    else if constexpr (op == FoldOp::kMax)
      return scalar::Max(a, b);
    else if constexpr (op == FoldOp::kMin)
      return scalar::Min(a, b);
    else
      return a + b;
  }
  __device__ void Finish(void* y, int64_t o, Accumulator a, const FoldParams& p) const {
    if (p.is_mean) a /= static_cast<Accumulator>(p.divisor);
    static_cast<T*>(y)[o] = Store<T>(static_cast<Held>(a));
  }
};

// Integers in 64 bits, which wrap; what is done is looked up at every element, as these are rare.
template <typename T>
struct IntegerFold {
  using Element = T;
  using Held = T;
  using Accumulator = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;

  __device__ explicit IntegerFold(const FoldParams& p) : op(p.op), is_truth(p.is_truth) {}
  __device__ Accumulator Initial() const {
    if (op == FoldOp::kProd) return 1;
    if (op == FoldOp::kMax) return std::is_signed_v<T> ? static_cast<Accumulator>(~uint64_t{0} << (kBits - 1)) : 0;
    if (op != FoldOp::kMin) return 0;
    return is_truth ? 1 : static_cast<Accumulator>(~uint64_t{0} >> (64 - kBits + std::is_signed_v<T>));
  }
  __device__ Accumulator Add(Accumulator a, Held x, int64_t) const {
    return Combine(a, is_truth ? static_cast<Accumulator>(x != 0) : static_cast<Accumulator>(x));
  }
  __device__ Accumulator Combine(Accumulator a, Accumulator b) const {
    if (op == FoldOp::kSum) return scalar::Add(a, b);
    if (op == FoldOp::kProd) return scalar::Mul(a, b);
    return op == FoldOp::kMax ? scalar::Max(a, b) : scalar::Min(a, b);
  }
  __device__ void Finish(void* y, int64_t o, Accumulator a, const FoldParams& p) const {
    if (p.is_mean) a = p.divisor == 0 ? 0 : a / static_cast<Accumulator>(p.divisor);
    static_cast<T*>(y)[o] = static_cast<T>(a);
  }

  static constexpr int kBits = static_cast<int>(sizeof(T)) * 8;
  FoldOp op;
  bool is_truth;
};

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

// The result itself, or a part of it.
template <typename Policy>
__device__ inline void Finish(const Policy& policy, void* y, int64_t o, int64_t part, typename Policy::Accumulator a,
                              const FoldParams& p) {
  if (p.parts == 1) return policy.Finish(y, o, a, p);
  static_cast<typename Policy::Accumulator*>(y)[o * p.parts + part] = a;
}

// Which result a thread's group works on, and which part of it.
struct Group {
  int64_t output, begin, end;
  int thread;  // in the group
  __device__ explicit Group(const FoldParams& p)
      : output(static_cast<int64_t>(blockIdx.x) * (static_cast<int>(blockDim.x) / p.threads) +
               static_cast<int>(threadIdx.x) / p.threads),
        begin(static_cast<int64_t>(blockIdx.y) * p.chunk),
        end(begin + p.chunk < p.size ? begin + p.chunk : p.size),
        thread(static_cast<int>(threadIdx.x) % p.threads) {
    if (output >= p.outputs) end = begin;  // still takes part in barriers
  }
};

template <typename Policy>
__device__ inline void FinishGroup(const Policy& policy, void* y, typename Policy::Accumulator a, const Group& group,
                                   const FoldParams& p) {
  using A = typename Policy::Accumulator;
  __shared__ A shared[kMaxWarps];
  a = ReduceGroup(a, p.threads, shared, [&](A x, A y_) { return policy.Combine(x, y_); });
  if (group.thread == 0 && group.output < p.outputs) Finish(policy, y, group.output, blockIdx.y, a, p);
}

// Words of 16 bytes where rows and chunks (multiples of 16 elements) begin at such.
template <typename Policy>
__global__ void __launch_bounds__(1024) FoldRows(const void* x, void* y, const __grid_constant__ FoldParams p) {
  using T = typename Policy::Element;
  constexpr int kCount = 16 / static_cast<int>(sizeof(T));
  const Policy policy(p);
  const Group group(p);
  const T* const row = static_cast<const T*>(x) + group.output * p.size;
  const bool words = map::IsAligned<T, kCount>(row);
  auto a = policy.Initial();
  for (int64_t r = group.begin + static_cast<int64_t>(group.thread) * kCount; r < group.end;
       r += static_cast<int64_t>(p.threads) * kCount) {
    map::Held<T> v[kCount];
    map::ReadSome<T, kCount>(row, r, group.end, words, v);
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      if (r + k < group.end) a = policy.Add(a, v[k], r + k);
    }
  }
  FinishGroup(policy, y, a, group, p);
}

template <typename Policy>
__global__ void __launch_bounds__(1024) FoldStrided(const void* x, void* y, const __grid_constant__ FoldParams p) {
  using T = typename Policy::Element;
  const Policy policy(p);
  const Group group(p);
  auto a = policy.Initial();
  const int64_t base = group.begin < group.end ? p.kept(group.output) : 0;
  for (int64_t r = group.begin + group.thread; r < group.end; r += p.threads) {
    a = policy.Add(a, Load(static_cast<const T*>(x)[base + p.reduced(r)]), r);
  }
  FinishGroup(policy, y, a, group, p);
}

// Neighbouring threads fold neighbouring columns; the strips of a column meet in shared memory.
template <typename Policy>
__global__ void __launch_bounds__(kMaxColumnThreads)
    FoldColumns(const void* x, void* y, const __grid_constant__ FoldParams p) {
  using T = typename Policy::Element;
  using A = typename Policy::Accumulator;
  __shared__ A shared[kMaxColumnThreads];
  const Policy policy(p);
  const int64_t tiles = (p.inner + blockDim.x - 1) / blockDim.x;
  const int64_t outer = blockIdx.x / tiles, column = blockIdx.x % tiles * blockDim.x + threadIdx.x;
  const int64_t begin = blockIdx.y * p.chunk, end = begin + p.chunk < p.size ? begin + p.chunk : p.size;
  A a = policy.Initial();
  if (column < p.inner) {
    const T* const first = static_cast<const T*>(x) + outer * p.size * p.inner + column;
#pragma unroll 4
    for (int64_t r = begin + threadIdx.y; r < end; r += blockDim.y) a = policy.Add(a, Load(first[r * p.inner]), r);
  }
  const int at = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
  shared[at] = a;
  __syncthreads();
  if (threadIdx.y != 0 || column >= p.inner) return;
  for (unsigned strip = 1; strip < blockDim.y; ++strip) {
    a = policy.Combine(a, shared[at + static_cast<int>(strip * blockDim.x)]);
  }
  Finish(policy, y, outer * p.inner + column, blockIdx.y, a, p);
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
