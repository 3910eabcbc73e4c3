// Rows that fit are read once, into registers (row_kernels.h), others as often as they are needed. Tested by
// tests/cuda/kernels/normalize_test.cc.
#include "cuda/kernels/normalize.h"

#if defined(__CUDACC__)
#pragma nv_diag_suppress 186  // scalar functions compare unsigned integers with 0, as they do signed ones
#endif

#include <cmath>

#include "cuda/codegen/device/map.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/row_kernels.h"
#include "kernels/element.h"
#include "kernels/scalar_arithmetic.h"

namespace moulin::cuda {
namespace {

// The type that T is computed in.
template <typename T>
using Wide = ComputeType<T>;

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

template <typename T, int kWords>
__global__ void __launch_bounds__(kMaxRowThreads) Softmax(const void* x, void* y, RowParams p) {
  SoftmaxOfRows<T, kWords>(MemorySource<T>{static_cast<const T*>(x)}, y, p);
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

template <typename T, typename P, int kWords>
__global__ void __launch_bounds__(kMaxRowThreads)
    LayerNorm(const void* x, const void* scale, const void* offset, void* y, RowParams p) {
  LayerNormOfRows<T, P, kWords>(MemorySource<T>{static_cast<const T*>(x)}, scale, offset, y, p);
}

template <typename T, typename P>
__global__ void __launch_bounds__(kMaxRowThreads)
    LayerNormLong(const void* x, const void* scale, const void* offset, void* y, RowParams p) {
  using F = Wide<T>;
  const RowPlace place(p);
  RowMemory<T> row(x, place, p);
  const LayerNormElement<F, P> element = {MomentsOf(row, p), scale, offset};
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
