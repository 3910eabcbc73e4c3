// Reductions of rows, of columns and along any axes, of whatever a Source reads. For sources of kernels alone, among
// them those that are generated.
//
// A Source says how elements of x are had, kCount at a time, as numbers of type F:
//   void Read(int64_t start, int64_t at, int64_t end, F (&v)[kCount]) const
//       v = x[start + at, start + at + kCount), of which those from start + end on are not read; at is a multiple of
//       kCount, below end
#ifndef MOULIN_CUDA_KERNELS_FOLD_KERNELS_H_
#define MOULIN_CUDA_KERNELS_FOLD_KERNELS_H_

#include <cstdint>
#include <type_traits>

#include "cuda/codegen/device/map.h"
#include "cuda/kernels/fold_params.h"
#include "cuda/kernels/group_reduce.h"
#include "kernels/element.h"
#include "kernels/scalar_arithmetic.h"

namespace moulin::cuda {

// A tensor in memory as a Source: words of 16 bytes, or single elements.
template <typename T, int kElements = 16 / static_cast<int>(sizeof(T))>
struct MemorySource {
  static constexpr int kCount = kElements;
  using F = ComputeType<T>;
  __device__ void Read(int64_t start, int64_t at, int64_t end, F (&v)[kCount]) const {
    const T* const row = x + start;
    map::ReadSome<T, kCount>(row, at, end, map::IsAligned<T, kCount>(row), v);
  }
  const T* x;
};

template <typename A>
__device__ inline A Infinity() {
  return static_cast<A>(map::FloatOf(0x7f800000u));
}

// --- policies: Accumulator is what is carried, Held an element to be added

// Floats are summed in float, and multiplied in double, whose range intermediate products need. T is the result's type.
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

// --- walks

// The result itself, or a part of it.
template <typename Policy>
__device__ inline void Finish(const Policy& policy, void* y, int64_t o, int64_t part, typename Policy::Accumulator a,
                              const FoldParams& p) {
  if (p.parts == 1) return policy.Finish(y, o, a, p);
  static_cast<typename Policy::Accumulator*>(y)[o * p.parts + part] = a;
}

// Which result a thread's group works on, and which part of it.
struct FoldGroup {
  int64_t output, begin, end;
  int thread;  // in the group
  __device__ explicit FoldGroup(const FoldParams& p)
      : output(static_cast<int64_t>(blockIdx.x) * (static_cast<int>(blockDim.x) / p.threads) +
               static_cast<int>(threadIdx.x) / p.threads),
        begin(static_cast<int64_t>(blockIdx.y) * p.chunk),
        end(begin + p.chunk < p.size ? begin + p.chunk : p.size),
        thread(static_cast<int>(threadIdx.x) % p.threads) {
    if (output >= p.outputs) end = begin;  // still takes part in barriers
  }
};

template <typename Policy>
__device__ inline void FinishGroup(const Policy& policy, void* y, typename Policy::Accumulator a,
                                   const FoldGroup& group, const FoldParams& p) {
  using A = typename Policy::Accumulator;
  __shared__ A shared[kMaxWarps];
  a = ReduceGroup(a, p.threads, shared, [&](A x, A y_) { return policy.Combine(x, y_); });
  if (group.thread == 0 && group.output < p.outputs) Finish(policy, y, group.output, blockIdx.y, a, p);
}

// The body of a kernel over rows: in words, where rows and chunks (multiples of 16 elements) begin at such.
template <typename Policy, typename Source>
__device__ void FoldRowsOf(const Source& source, void* y, const FoldParams& p) {
  constexpr int kCount = Source::kCount;
  const Policy policy(p);
  const FoldGroup group(p);
  auto a = policy.Initial();
  for (int64_t r = group.begin + static_cast<int64_t>(group.thread) * kCount; r < group.end;
       r += static_cast<int64_t>(p.threads) * kCount) {
    typename Source::F v[kCount];
    source.Read(group.output * p.size, r, group.end, v);
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      if (r + k < group.end) a = policy.Add(a, v[k], r + k);
    }
  }
  FinishGroup(policy, y, a, group, p);
}

// The body of a kernel that finds elements by the maps, of a Source that reads single ones.
template <typename Policy, typename Source>
__device__ void FoldStridedOf(const Source& source, void* y, const FoldParams& p) {
  static_assert(Source::kCount == 1);
  const Policy policy(p);
  const FoldGroup group(p);
  auto a = policy.Initial();
  const int64_t base = group.begin < group.end ? p.kept(group.output) : 0;
  for (int64_t r = group.begin + group.thread; r < group.end; r += p.threads) {
    typename Source::F v[1];
    source.Read(base + p.reduced(r), 0, 1, v);
    a = policy.Add(a, v[0], r);
  }
  FinishGroup(policy, y, a, group, p);
}

// The body of a kernel over columns, of a Source that reads single elements. Neighbouring threads fold neighbouring
// columns; the strips of a column meet in `shared`, kMaxColumnThreads accumulators of shared memory.
template <typename Policy, typename Source>
__device__ void FoldColumnsOf(const Source& source, void* y, const FoldParams& p,
                              typename Policy::Accumulator* shared) {
  static_assert(Source::kCount == 1);
  using A = typename Policy::Accumulator;
  const Policy policy(p);
  const int64_t tiles = (p.inner + blockDim.x - 1) / blockDim.x;
  const int64_t outer = blockIdx.x / tiles, column = blockIdx.x % tiles * blockDim.x + threadIdx.x;
  const int64_t begin = blockIdx.y * p.chunk, end = begin + p.chunk < p.size ? begin + p.chunk : p.size;
  A a = policy.Initial();
  if (column < p.inner) {
    const int64_t first = outer * p.size * p.inner + column;
#pragma unroll 4
    for (int64_t r = begin + threadIdx.y; r < end; r += blockDim.y) {
      typename Source::F v[1];
      source.Read(first + r * p.inner, 0, 1, v);
      a = policy.Add(a, v[0], r);
    }
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

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_FOLD_KERNELS_H_
