// Rows that fit are read once, into registers; means and variances are taken in two steps, so that they do not cancel.
// Tested by tests/cuda/kernels/normalize_test.cc.
#include "cuda/kernels/normalize.h"

#if defined(__CUDACC__)
#pragma nv_diag_suppress 186  // scalar functions compare unsigned integers with 0, as they do signed ones
#endif

#include <cmath>

#include "cuda/codegen/device/map.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/group_reduce.h"
#include "kernels/element.h"
#include "kernels/scalar_arithmetic.h"

namespace moulin::cuda {
namespace {

// The type that T is computed in.
template <typename T>
using Wide = ComputeType<T>;

template <typename T>
inline constexpr int kWordElements = 16 / static_cast<int>(sizeof(T));

template <typename F>
struct Sum {
  __device__ F operator()(F a, F b) const { return a + b; }
};
template <typename F>
struct Maximum {
  __device__ F operator()(F a, F b) const { return scalar::Max(a, b); }
};

template <typename F>
__device__ inline F MinusInfinity() {
  return static_cast<F>(__builtin_bit_cast(float, 0xff800000u));
}

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

// A row in the registers of its group: word w of a thread is elements [At(w), At(w) + kWordElements).
template <typename T, int kWords>
struct RowRegisters {
  static constexpr int kCount = kWordElements<T>;
  using F = Wide<T>;

  __device__ RowRegisters(const void* x, const RowPlace& place, const RowParams& p)
      : row(static_cast<const T*>(x) + place.row * p.size),
        size(static_cast<int>(p.size)),
        thread(place.thread),
        threads(p.threads),
        is_aligned(map::IsAligned<T, kCount>(row)) {
    if (!place.is_there) size = 0;
#pragma unroll
    for (int w = 0; w < kWords; ++w) {
      if (At(w) < size) map::ReadSome<T, kCount>(row, At(w), size, is_aligned, v[w]);
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
  __device__ void Write(void* y, const RowPlace& place, const RowParams& p) const {
    T* const to = static_cast<T*>(y) + place.row * p.size;
    const bool words = map::IsAligned<T, kCount>(to);
#pragma unroll
    for (int w = 0; w < kWords; ++w) {
      if (At(w) < size) map::WriteSome<T, kCount>(to, At(w), size, words, v[w]);
    }
  }

  const T* row;
  int size;
  int thread, threads;
  bool is_aligned;
  F v[kWords][kCount];
};

// A row in memory, read as often as asked for. As RowRegisters.
template <typename T>
struct RowMemory {
  using F = Wide<T>;

  __device__ RowMemory(const void* x, const RowPlace& place, const RowParams& p)
      : row(static_cast<const T*>(x) + place.row * p.size), place(place), size(place.is_there ? p.size : 0), p(p) {}

  template <typename Function>
  __device__ void ForEach(const Function& f) {
    for (int64_t i = place.thread; i < size; i += p.threads) {
      F value = Load(row[i]);
      f(&value, i);
    }
  }

  const T* row;
  const RowPlace& place;
  int64_t size;
  const RowParams& p;
};

// --- softmax

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
  F max = MinusInfinity<F>();
  row.ForEach([&](const F* x, int64_t) { max = scalar::Max(max, *x); });
  max = ReduceGroup(max, p.threads, shared, Maximum<F>());
  F sum = 0;
  row.ForEach([&](F* x, int64_t) {
    const F e = std::exp(*x - max);
    if (!p.is_log) *x = e;
    sum += e;
  });
  sum = ReduceGroup(sum, p.threads, shared, Sum<F>());
  return {max, p.is_log ? std::log(sum) : sum, F(1) / sum};
}

template <typename T, int kWords>
__global__ void __launch_bounds__(kMaxRowThreads) Softmax(const void* x, void* y, RowParams p) {
  using F = Wide<T>;
  const RowPlace place(p);
  RowRegisters<T, kWords> row(x, place, p);
  const SoftmaxRow<F> s = SoftmaxOf(row, p);
  row.ForEach([&](F* v, int64_t) { *v = p.is_log ? *v - s.max - s.sum : *v * s.inverse; });
  row.Write(y, place, p);
}

template <typename T>
__global__ void __launch_bounds__(kMaxRowThreads) SoftmaxLong(const void* x, void* y, RowParams p) {
  using F = Wide<T>;
  const RowPlace place(p);
  RowMemory<T> row(x, place, p);
  const SoftmaxRow<F> s = SoftmaxOf(row, p);
  T* const to = static_cast<T*>(y) + place.row * p.size;
  row.ForEach([&](const F* v, int64_t i) {
    to[i] = Store<T>(p.is_log ? *v - s.max - s.sum : std::exp(*v - s.max) * s.inverse);
  });
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
  const F mean = ReduceGroup(sum, p.threads, shared, Sum<F>()) / n;
  F squares = 0;
  row.ForEach([&](const F* x, int64_t) { squares += (*x - mean) * (*x - mean); });
  const F variance = ReduceGroup(squares, p.threads, shared, Sum<F>()) / n;
  return {mean, F(1) / std::sqrt(variance + static_cast<F>(p.epsilon))};
}

template <typename T, typename P>
struct LayerNormElement {
  using F = Wide<T>;
  Moments<F> moments;
  const void *scale, *offset;
  __device__ F operator()(F x, int64_t i) const {
    const F s = static_cast<F>(map::Read<P>(scale, i)), o = static_cast<F>(map::Read<P>(offset, i));
    return (x - moments.mean) * moments.factor * s + o;
  }
};

template <typename T, typename P, int kWords>
__global__ void __launch_bounds__(kMaxRowThreads)
    LayerNorm(const void* x, const void* scale, const void* offset, void* y, RowParams p) {
  using F = Wide<T>;
  const RowPlace place(p);
  RowRegisters<T, kWords> row(x, place, p);
  const LayerNormElement<T, P> element = {MomentsOf(row, p), scale, offset};
  row.ForEach([&](F* v, int64_t i) { *v = element(*v, i); });
  row.Write(y, place, p);
}

template <typename T, typename P>
__global__ void __launch_bounds__(kMaxRowThreads)
    LayerNormLong(const void* x, const void* scale, const void* offset, void* y, RowParams p) {
  using F = Wide<T>;
  const RowPlace place(p);
  RowMemory<T> row(x, place, p);
  const LayerNormElement<T, P> element = {MomentsOf(row, p), scale, offset};
  T* const to = static_cast<T*>(y) + place.row * p.size;
  row.ForEach([&](const F* v, int64_t i) { to[i] = Store<T>(element(*v, i)); });
}

// --- element by element

template <typename T, typename P>
__global__ void BatchNorm(const void* x, const void* scale, const void* offset, const void* mean, const void* variance,
                          void* y, BatchNormParams p) {
  using F = Wide<T>;
  const auto parameter = [](const void* values, int64_t i) { return static_cast<F>(map::Read<P>(values, i)); };
  for (int64_t i = GlobalThread(); i < p.elements; i += GlobalThreads()) {
    const int64_t c = i / p.inner % p.channels;
    const F factor = parameter(scale, c) / std::sqrt(parameter(variance, c) + static_cast<F>(p.epsilon));
    const F centred = map::Read<T>(x, i) - parameter(mean, c);
    static_cast<T*>(y)[i] = Store<T>(centred * factor + parameter(offset, c));
  }
}

// x[i] / (bias + alpha * the sum of x[j]^2 for |j - i| <= radius)^beta
template <typename T>
__global__ void LocalResponseNorm(const void* x, void* y, LocalResponseNormParams p) {
  using F = Wide<T>;
  for (int64_t i = GlobalThread(); i < p.elements; i += GlobalThreads()) {
    const int64_t at = i % p.channels;
    const int64_t before = at < p.radius ? at : p.radius;
    const int64_t after = p.channels - 1 - at < p.radius ? p.channels - 1 - at : p.radius;
    F sum = 0;
    for (int64_t j = i - before; j <= i + after; ++j) {
      const F v = map::Read<T>(x, j);
      sum += v * v;
    }
    const F base = static_cast<F>(p.bias) + static_cast<F>(p.alpha) * sum;
    static_cast<T*>(y)[i] = Store<T>(map::Read<T>(x, i) / std::pow(base, static_cast<F>(p.beta)));
  }
}

// --- instances

template <typename T>
RowFunctions<SoftmaxFunction> SoftmaxFunctions() {
  return {CooperativeKernel("moulin_softmax_short", &Softmax<T, 1>),
          CooperativeKernel("moulin_softmax", &Softmax<T, kRowWords>),
          CooperativeKernel("moulin_softmax_long", &SoftmaxLong<T>)};
}

template <typename T, typename P>
RowFunctions<LayerNormFunction> LayerNormFunctions() {
  return {CooperativeKernel("moulin_layer_norm_short", &LayerNorm<T, P, 1>),
          CooperativeKernel("moulin_layer_norm", &LayerNorm<T, P, kRowWords>),
          CooperativeKernel("moulin_layer_norm_long", &LayerNormLong<T, P>)};
}

template <typename T, typename P>
struct Types {};

// f(Types<T, P>()) for the types of a tensor and of its parameters; Result() where they are not covered.
template <typename Result, typename Function>
Result DispatchTypes(DType type, DType parameter, const Function& f) {
  const bool is_float = parameter == DType::kFloat32;
  switch (type) {
    case DType::kFloat32:
      return is_float ? f(Types<float, float>()) : Result();
    case DType::kFloat64:
      return parameter == type ? f(Types<double, double>()) : Result();
    case DType::kFloat16:
      if (is_float) return f(Types<Float16Bits, float>());
      return parameter == type ? f(Types<Float16Bits, Float16Bits>()) : Result();
    case DType::kBFloat16:
      if (is_float) return f(Types<BFloat16Bits, float>());
      return parameter == type ? f(Types<BFloat16Bits, BFloat16Bits>()) : Result();
    default:
      return Result();
  }
}

}  // namespace

RowFunctions<SoftmaxFunction> SoftmaxFunctionsFor(DType type) {
  using Result = RowFunctions<SoftmaxFunction>;
  return DispatchTypes<Result>(type, type, []<typename T, typename P>(Types<T, P>) { return SoftmaxFunctions<T>(); });
}

RowFunctions<LayerNormFunction> LayerNormFunctionsFor(DType type, DType parameter) {
  using Result = RowFunctions<LayerNormFunction>;
  return DispatchTypes<Result>(type, parameter,
                               []<typename T, typename P>(Types<T, P>) { return LayerNormFunctions<T, P>(); });
}

DeviceFunction<const void*, const void*, const void*, const void*, const void*, void*, BatchNormParams>
BatchNormFunction(DType type, DType parameter) {
  using Result =
      DeviceFunction<const void*, const void*, const void*, const void*, const void*, void*, BatchNormParams>;
  return DispatchTypes<Result>(type, parameter, []<typename T, typename P>(Types<T, P>) {
    return IndependentKernel("moulin_batch_norm", &BatchNorm<T, P>);
  });
}

DeviceFunction<const void*, void*, LocalResponseNormParams> LocalResponseNormFunction(DType type) {
  using Result = DeviceFunction<const void*, void*, LocalResponseNormParams>;
  return DispatchTypes<Result>(type, type, []<typename T, typename P>(Types<T, P>) {
    return IndependentKernel("moulin_local_response_norm", &LocalResponseNorm<T>);
  });
}

}  // namespace moulin::cuda
