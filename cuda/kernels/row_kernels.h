// Softmax and layer normalisation of rows in registers, of whatever a Source reads. For sources of kernels alone, among
// them those that are generated. Rows are read once; means and variances are taken in two steps, so that they do not
// cancel.
//
// A Source says how elements of x are had, kCount at a time, as numbers of type F:
//   template <typename I> void ReadRow(int64_t start, I at, I size, F (&v)[kCount]) const
//       v = x[start + at, start + at + kCount), of which those from start + size on are not read; at is a multiple of
//       kCount, below size
#ifndef MOULIN_CUDA_KERNELS_ROW_KERNELS_H_
#define MOULIN_CUDA_KERNELS_ROW_KERNELS_H_

#include <cmath>
#include <cstdint>

#include "cuda/codegen/device/map.h"
#include "cuda/kernels/group_reduce.h"
#include "cuda/kernels/row_params.h"
#include "kernels/element.h"
#include "kernels/scalar_arithmetic.h"

namespace moulin::cuda {

// A tensor in memory as a Source: words of 16 bytes, or single elements.
template <typename T, int kElements = 16 / static_cast<int>(sizeof(T))>
struct MemorySource {
  static constexpr int kCount = kElements;
  using F = ComputeType<T>;
  template <typename I>
  __device__ void ReadRow(int64_t start, I at, I size, F (&v)[kCount]) const {
    const T* const row = x + start;
    map::ReadSome<T, kCount>(row, at, size, map::IsAligned<T, kCount>(row), v);
  }
  const T* x;
};

// The row of a thread's group.
struct RowPlace {
  int64_t row;
  int thread;  // in the group
  bool is_there;
  __device__ explicit RowPlace(const RowParams& p)
      : row(static_cast<int64_t>(blockIdx.x) * (static_cast<int>(blockDim.x) / p.threads) +
            static_cast<int>(threadIdx.x) / p.threads),
        thread(static_cast<int>(threadIdx.x) % p.threads),
        is_there(row < p.rows) {}
};

// A row in the registers of its group: word w of a thread is elements [At(w), At(w) + kCount).
template <typename Source, int kWords>
struct RowRegisters {
  static constexpr int kCount = Source::kCount;
  using F = typename Source::F;

  __device__ RowRegisters(const Source& source, const RowPlace& place, const RowParams& p)
      : size(place.is_there ? static_cast<int>(p.size) : 0), thread(place.thread), threads(p.threads) {
#pragma unroll
    for (int w = 0; w < kWords; ++w) {
      if (At(w) < size) source.ReadRow(place.row * p.size, At(w), size, v[w]);
    }
  }
  __device__ int At(int w) const { return (w * threads + thread) * kCount; }

  // f(&element, its place in the row) for the thread's elements.
  template <typename Function>
  __device__ void ForEach(const Function& f) {
#pragma unroll
    for (int w = 0; w < kWords; ++w) {
#pragma unroll
      for (int k = 0; k < kCount; ++k) {
        if (At(w) + k < size) f(&v[w][k], At(w) + k);
      }
    }
  }
  // To y, whose elements are T.
  template <typename T>
  __device__ void Write(void* y, const RowPlace& place, const RowParams& p) const {
    T* const to = static_cast<T*>(y) + place.row * p.size;
    const bool words = map::IsAligned<T, kCount>(to);
#pragma unroll
    for (int w = 0; w < kWords; ++w) {
      if (At(w) < size) map::WriteSome<T, kCount>(to, At(w), size, words, v[w]);
    }
  }

  int size;
  int thread, threads;
  F v[kWords][kCount];
};

// --- softmax

template <typename F>
struct SumOf {
  __device__ F operator()(F a, F b) const { return a + b; }
};
template <typename F>
struct MaximumOf {
  __device__ F operator()(F a, F b) const { return scalar::Max(a, b); }
};

template <typename F>
struct SoftmaxRow {
  F max;
  F sum;      // or its logarithm, where that is wanted
  F inverse;  // of the sum
};

// The maximum of a row, and the sum of exp(x - max). Where the row can hold them, and the logarithm is not wanted, it
// then holds these in place of x.
template <typename Row>
__device__ SoftmaxRow<typename Row::F> SoftmaxOf(Row& row, const RowParams& p) {
  using F = typename Row::F;
  __shared__ F shared[kMaxWarps];
  F max = static_cast<F>(map::FloatOf(0xff800000u));
  row.ForEach([&](const F* x, int64_t) { max = scalar::Max(max, *x); });
  max = ReduceGroup(max, p.threads, shared, MaximumOf<F>());
  F sum = 0;
  row.ForEach([&](F* x, int64_t) {
    const F e = std::exp(*x - max);
    if (!p.is_log) *x = e;
    sum += e;
  });
  sum = ReduceGroup(sum, p.threads, shared, SumOf<F>());
  return {max, p.is_log ? std::log(sum) : sum, F(1) / sum};
}

// The body of a kernel.
template <typename T, int kWords, typename Source>
__device__ void SoftmaxOfRows(const Source& source, void* y, const RowParams& p) {
  using F = typename Source::F;
  const RowPlace place(p);
  RowRegisters<Source, kWords> row(source, place, p);
  const SoftmaxRow<F> s = SoftmaxOf(row, p);
  row.ForEach([&](F* v, int64_t) { *v = p.is_log ? *v - s.max - s.sum : *v * s.inverse; });
  row.template Write<T>(y, place, p);
}

// --- layer norm

template <typename F>
struct Moments {
  F mean, factor;  // factor: 1 / the standard deviation
};

template <typename Row>
__device__ Moments<typename Row::F> MomentsOf(Row& row, const RowParams& p) {
  using F = typename Row::F;
  __shared__ F shared[kMaxWarps];
  const F n = static_cast<F>(p.size);
  F sum = 0;
  row.ForEach([&](const F* x, int64_t) { sum += *x; });
  const F mean = ReduceGroup(sum, p.threads, shared, SumOf<F>()) / n;
  F squares = 0;
  row.ForEach([&](const F* x, int64_t) { squares += (*x - mean) * (*x - mean); });
  const F variance = ReduceGroup(squares, p.threads, shared, SumOf<F>()) / n;
  return {mean, F(1) / std::sqrt(variance + static_cast<F>(p.epsilon))};
}

// P is the type of the parameters.
template <typename F, typename P>
struct LayerNormElement {
  Moments<F> moments;
  const void *scale, *offset;
  __device__ F operator()(F x, int64_t i) const {
    const F s = static_cast<F>(map::Read<P>(scale, i)), o = static_cast<F>(map::Read<P>(offset, i));
    return (x - moments.mean) * moments.factor * s + o;
  }
};

// The body of a kernel.
template <typename T, typename P, int kWords, typename Source>
__device__ void LayerNormOfRows(const Source& source, const void* scale, const void* offset, void* y,
                                const RowParams& p) {
  using F = typename Source::F;
  const RowPlace place(p);
  RowRegisters<Source, kWords> row(source, place, p);
  const LayerNormElement<F, P> element = {MomentsOf(row, p), scale, offset};
  row.ForEach([&](F* v, int64_t i) { *v = element(*v, i); });
  row.template Write<T>(y, place, p);
}

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_ROW_KERNELS_H_
