// Pooling, dilation, patches. Covered by tests/cuda/kernels/window_test.cc.
#include <cfloat>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/vector.h"
#include "cuda/kernels/window.h"
#include "kernels/element.h"

namespace moulin::cuda {
namespace {

// The lowest finite value of T, in its compute type.
template <typename T>
__device__ inline ComputeType<T> Lowest() {
  if constexpr (std::is_same_v<T, Float16Bits>) {
    return -65504.0f;
  } else if constexpr (std::is_same_v<T, BFloat16Bits>) {
    return -0x1.fep127f;
  } else {
    return std::numeric_limits<T>::lowest();
  }
}

// A window of the result, and one channel (or the first of a vector).
struct Window {
  int64_t position;
  int64_t out;    // offset in y
  int64_t image;  // offset of the batch and channel in x
  int64_t batch;
  int64_t channel;
};

// The i-th in the order of y's memory, so that neighbouring threads write neighbours.
template <int kVector>
__device__ inline Window WindowOf(const WindowGeometry& g, int64_t i) {
  Window w;
  const int64_t positions = g.out.num_positions();
  if (g.out.channel_stride == 1) {
    const int64_t vectors = g.out.channels / kVector;
    w.channel = i % vectors * kVector;
    w.position = i / vectors % positions;
    w.batch = i / vectors / positions;
  } else {
    w.position = i % positions;
    w.channel = i / positions % g.out.channels;
    w.batch = i / positions / g.out.channels;
  }
  w.out = w.batch * g.out.batch_stride + WindowGeometry::Offset(g.out, w.position) + w.channel * g.out.channel_stride;
  w.image = w.batch * g.in.batch_stride + w.channel * g.in.channel_stride;
  return w;
}

template <int kVector>
__device__ inline int64_t NumWindows(const WindowGeometry& g) {
  return g.out.batch * g.out.num_positions() * (g.out.channels / kVector);
}

template <typename T, int kVector>
__global__ void __launch_bounds__(256) MaxPoolKernel(const void* x, void* y, WindowGeometry g) {
  using V = Vector<T, kVector>;
  for (int64_t i = GlobalThread(); i < NumWindows<kVector>(g); i += GlobalThreads()) {
    const Window w = WindowOf<kVector>(g, i);
    ComputeType<T> best[kVector];
    for (int c = 0; c < kVector; ++c) best[c] = Lowest<T>();
    g.ForEachTap(w.position, [&](int64_t, int64_t offset) {
      const V values = *reinterpret_cast<const V*>(static_cast<const T*>(x) + w.image + offset);
      for (int c = 0; c < kVector; ++c) {
        const ComputeType<T> value = Load(values.at[c]);
        if (value > best[c]) best[c] = value;
      }
    });
    V result;
    for (int c = 0; c < kVector; ++c) result.at[c] = Store<T>(best[c]);
    *reinterpret_cast<V*>(static_cast<T*>(y) + w.out) = result;
  }
}

template <typename T, int kVector>
__global__ void __launch_bounds__(256) AveragePoolKernel(const void* x, void* y, WindowGeometry g) {
  using V = Vector<T, kVector>;
  for (int64_t i = GlobalThread(); i < NumWindows<kVector>(g); i += GlobalThreads()) {
    const Window w = WindowOf<kVector>(g, i);
    ComputeType<T> sums[kVector] = {};
    int64_t count = 0;
    g.ForEachTap(w.position, [&](int64_t, int64_t offset) {
      const V values = *reinterpret_cast<const V*>(static_cast<const T*>(x) + w.image + offset);
      for (int c = 0; c < kVector; ++c) sums[c] += Load(values.at[c]);
      ++count;
    });
    V result;
    for (int c = 0; c < kVector; ++c) result.at[c] = Store<T>(sums[c] / static_cast<ComputeType<T>>(count));
    *reinterpret_cast<V*>(static_cast<T*>(y) + w.out) = result;
  }
}

template <typename T>
__global__ void __launch_bounds__(256)
    ArgmaxPoolKernel(const void* x, void* y, void* indices, WindowGeometry g, bool is_int64, bool include_batch) {
  const T* src = static_cast<const T*>(x);
  for (int64_t i = GlobalThread(); i < NumWindows<1>(g); i += GlobalThreads()) {
    const Window w = WindowOf<1>(g, i);
    int64_t best = -1;
    ComputeType<T> most = 0;
    g.ForEachTap(w.position, [&](int64_t, int64_t offset) {
      const ComputeType<T> value = Load(src[w.image + offset]);
      if (best < 0 || value > most) {
        best = w.image + offset;
        most = value;
      }
    });
    if (best < 0) best = w.image;  // a window in the padding alone; shape inference refuses those
    static_cast<T*>(y)[w.out] = src[best];
    const int64_t index = include_batch ? best : best - w.batch * g.in.batch_stride;
    if (is_int64) {
      static_cast<int64_t*>(indices)[w.out] = index;
    } else {
      static_cast<int32_t*>(indices)[w.out] = static_cast<int32_t>(index);
    }
  }
}

// Integers wrap, as in the reference.
template <typename C>
__device__ inline C AddWrapping(C a, C b) {
  if constexpr (std::is_integral_v<C>) {
    return static_cast<C>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  } else {
    return a + b;
  }
}

template <typename T>
__global__ void __launch_bounds__(256) DilationKernel(const void* x, const void* filter, void* y, WindowGeometry g) {
  for (int64_t i = GlobalThread(); i < NumWindows<1>(g); i += GlobalThreads()) {
    const Window w = WindowOf<1>(g, i);
    ComputeType<T> best = std::numeric_limits<ComputeType<T>>::lowest();
    g.ForEachTap(w.position, [&](int64_t tap, int64_t offset) {
      const ComputeType<T> value = Load(static_cast<const T*>(x)[w.image + offset]);
      const ComputeType<T> weight = Load(static_cast<const T*>(filter)[tap * g.out.channels + w.channel]);
      const ComputeType<T> sum = AddWrapping(value, weight);
      if (sum > best) best = sum;
    });
    static_cast<T*>(y)[w.out] = Store<T>(best);
  }
}

template <typename T>
__global__ void __launch_bounds__(256) PatchesKernel(const void* x, void* y, PatchesMap map, int64_t n) {
  for (int64_t i = GlobalThread(); i < n; i += GlobalThreads()) {
    const int64_t from = map(i);
    static_cast<T*>(y)[i] = from < 0 ? T{} : static_cast<const T*>(x)[from];
  }
}

// make(T(), vector of 16 bytes) for every real type.
template <typename Result, typename Make>
Result ForRealType(DType type, Make make) {
  switch (type) {
    case DType::kFloat32:
      return make(float());
    case DType::kFloat64:
      return make(double());
    case DType::kFloat16:
      return make(Float16Bits());
    case DType::kBFloat16:
      return make(BFloat16Bits());
    case DType::kInt8:
    case DType::kQInt8:
      return make(int8_t());
    case DType::kUInt8:
    case DType::kQUInt8:
      return make(uint8_t());
    case DType::kInt16:
    case DType::kQInt16:
      return make(int16_t());
    case DType::kUInt16:
    case DType::kQUInt16:
      return make(uint16_t());
    case DType::kInt32:
    case DType::kQInt32:
      return make(int32_t());
    case DType::kUInt32:
      return make(uint32_t());
    case DType::kInt64:
      return make(int64_t());
    case DType::kUInt64:
      return make(uint64_t());
    default:
      return {};
  }
}

using PoolFunction = DeviceFunction<const void*, void*, WindowGeometry>;

}  // namespace

int PoolVector(DType type) {
  if (type == DType::kFloat32) return 4;
  return type == DType::kFloat16 || type == DType::kBFloat16 ? 8 : 1;
}

PoolFunction MaxPoolFunction(DType type, int vector) {
  if (vector == 1) {
    return ForRealType<PoolFunction>(
        type, [](auto tag) { return IndependentKernel("max pool", MaxPoolKernel<decltype(tag), 1>); });
  }
  if (vector != PoolVector(type)) return {};
  if (type == DType::kFloat32) return IndependentKernel("max pool f32 x4", MaxPoolKernel<float, 4>);
  if (type == DType::kFloat16) return IndependentKernel("max pool f16 x8", MaxPoolKernel<Float16Bits, 8>);
  return IndependentKernel("max pool bf16 x8", MaxPoolKernel<BFloat16Bits, 8>);
}

PoolFunction AveragePoolFunction(DType type, int vector) {
  const bool is_vector = vector > 1;
  if (is_vector && vector != PoolVector(type)) return {};
  switch (type) {
    case DType::kFloat32:
      return is_vector ? IndependentKernel("average pool f32 x4", AveragePoolKernel<float, 4>)
                       : IndependentKernel("average pool f32", AveragePoolKernel<float, 1>);
    case DType::kFloat64:
      return IndependentKernel("average pool f64", AveragePoolKernel<double, 1>);
    case DType::kFloat16:
      return is_vector ? IndependentKernel("average pool f16 x8", AveragePoolKernel<Float16Bits, 8>)
                       : IndependentKernel("average pool f16", AveragePoolKernel<Float16Bits, 1>);
    case DType::kBFloat16:
      return is_vector ? IndependentKernel("average pool bf16 x8", AveragePoolKernel<BFloat16Bits, 8>)
                       : IndependentKernel("average pool bf16", AveragePoolKernel<BFloat16Bits, 1>);
    default:
      return {};
  }
}

DeviceFunction<const void*, void*, void*, WindowGeometry, bool, bool> ArgmaxPoolFunction(DType type) {
  return ForRealType<DeviceFunction<const void*, void*, void*, WindowGeometry, bool, bool>>(
      type, [](auto tag) { return IndependentKernel("argmax pool", ArgmaxPoolKernel<decltype(tag)>); });
}

DeviceFunction<const void*, const void*, void*, WindowGeometry> DilationFunction(DType type) {
  return ForRealType<DeviceFunction<const void*, const void*, void*, WindowGeometry>>(
      type, [](auto tag) { return IndependentKernel("dilation", DilationKernel<decltype(tag)>); });
}

DeviceFunction<const void*, void*, PatchesMap, int64_t> PatchesFunction(int element_size) {
  switch (element_size) {
    case 1:
      return IndependentKernel("patches", PatchesKernel<uint8_t>);
    case 2:
      return IndependentKernel("patches", PatchesKernel<uint16_t>);
    case 4:
      return IndependentKernel("patches", PatchesKernel<uint32_t>);
    case 8:
      return IndependentKernel("patches", PatchesKernel<uint64_t>);
    case 16:
      return IndependentKernel("patches", PatchesKernel<Vector<uint64_t, 2>>);
    default:
      return {};
  }
}

}  // namespace moulin::cuda
