// Convolutions. Covered by tests/cuda/kernels/conv_test.cc.
//
// A convolution is a product of matrices whose rows are the positions of the result (of all images) and whose terms
// are the taps and channels that a position reads (implicit GEMM: the matrix of windows is never stored). A group is a
// product of its own.
#include "cuda/kernels/conv.h"
#include "cuda/kernels/gemm_tile.h"
#include "cuda/kernels/vector.h"

namespace moulin::cuda {
namespace {

// A position of an image.
struct Place {
  int64_t batch;
  int64_t at[3];
};

__device__ inline Place PlaceOf(const ImageLayout& image, int64_t row) {
  Place place;
  for (int d = 2; d >= 0; --d) {
    place.at[d] = row % image.sizes[d];
    row /= image.sizes[d];
  }
  place.batch = row;
  return place;
}

__device__ inline int64_t OffsetOf(const ImageLayout& image, const Place& place) {
  return place.batch * image.batch_stride + place.at[0] * image.strides[0] + place.at[1] * image.strides[1] +
         place.at[2] * image.strides[2];
}

// A tap of the window, and a channel in the group.
struct Term {
  int tap[3];
  int channel;
};

__device__ inline Term TermOf(const WindowGeometry& g, int k, int channels) {
  const int taps1 = static_cast<int>(g.taps[1]), taps2 = static_cast<int>(g.taps[2]);
  const int tap = k / channels;
  return {{tap / taps2 / taps1, tap / taps2 % taps1, tap % taps2}, k - tap * channels};
}

// What both directions share.
template <typename T>
struct ConvSource {
  struct Row {
    int64_t base;      // of the batch and the group's first channel, in x
    int64_t begin[3];  // of the window
  };
  using Column = const T*;
  const T* x;
  const T* filter;
  const ConvParams& p;
  int channels;  // a group, of x
  int filters;   // a group, of y
};

template <typename T>
struct ForwardSource : ConvSource<T> {
  using Base = ConvSource<T>;
  using Base::channels;
  using Base::filter;
  using Base::filters;
  using Base::p;
  using Base::x;
  using Row = typename Base::Row;
  using Column = typename Base::Column;

  __device__ Row a_row(int64_t group, int64_t row) const {
    const Place place = PlaceOf(p.g.out, row);
    Row result;
    result.base = place.batch * p.g.in.batch_stride + group * channels * p.g.in.channel_stride;
    for (int d = 0; d < 3; ++d) result.begin[d] = place.at[d] * p.g.stride[d] - p.g.pad_before[d];
    return result;
  }
  __device__ Column b_column(int64_t group, int64_t column) const { return filter + group * filters + column; }
  __device__ T a(const Row& row, int64_t k) const {
    const Term term = TermOf(p.g, static_cast<int>(k), channels);
    int64_t offset = row.base + term.channel * p.g.in.channel_stride;
    for (int d = 0; d < 3; ++d) {
      const int64_t at = row.begin[d] + term.tap[d] * p.g.dilation[d];
      if (at < 0 || at >= p.g.in.sizes[d]) return T{};
      offset += at * p.g.in.strides[d];
    }
    return x[offset];
  }
  __device__ T b(Column column, int64_t k) const { return column[k * p.groups * filters]; }
  __device__ int64_t y(int64_t group, int64_t row, int64_t column) const {
    return OffsetOf(p.g.out, PlaceOf(p.g.out, row)) + (group * filters + column) * p.g.out.channel_stride;
  }
  __device__ int64_t bias(int64_t group, int64_t column) const { return group * filters + column; }
  __device__ bool a_is_row_major() const { return p.g.in.channel_stride == 1; }
  __device__ bool b_is_row_major() const { return true; }
};

// y is the image g.in, x the one of the windows, g.out. An element of y gathers from the windows that it lies in.
template <typename T>
struct TransposedSource : ConvSource<T> {
  using Base = ConvSource<T>;
  using Base::channels;
  using Base::filter;
  using Base::filters;
  using Base::p;
  using Base::x;
  using Row = typename Base::Row;
  using Column = typename Base::Column;

  __device__ Row a_row(int64_t group, int64_t row) const {
    const Place place = PlaceOf(p.g.in, row);
    Row result;
    result.base = place.batch * p.g.out.batch_stride + group * channels * p.g.out.channel_stride;
    for (int d = 0; d < 3; ++d) result.begin[d] = place.at[d] + p.g.pad_before[d];
    return result;
  }
  // The filter is [taps, filters, groups * channels]: a column is one of its filters.
  __device__ Column b_column(int64_t group, int64_t column) const {
    return filter + column * p.groups * channels + group * channels;
  }
  __device__ T a(const Row& row, int64_t k) const {
    const Term term = TermOf(p.g, static_cast<int>(k), channels);
    int64_t offset = row.base + term.channel * p.g.out.channel_stride;
    for (int d = 0; d < 3; ++d) {
      const int64_t scaled = row.begin[d] - term.tap[d] * p.g.dilation[d];
      const int64_t at = scaled / p.g.stride[d];
      if (scaled < 0 || at * p.g.stride[d] != scaled || at >= p.g.out.sizes[d]) return T{};
      offset += at * p.g.out.strides[d];
    }
    return x[offset];
  }
  __device__ T b(Column column, int64_t k) const {
    const int tap = static_cast<int>(k) / channels, channel = static_cast<int>(k) - tap * channels;
    return column[tap * int64_t{filters} * p.groups * channels + channel];
  }
  __device__ int64_t y(int64_t group, int64_t row, int64_t column) const {
    return OffsetOf(p.g.in, PlaceOf(p.g.in, row)) + (group * filters + column) * p.g.in.channel_stride;
  }
  __device__ int64_t bias(int64_t group, int64_t column) const { return group * filters + column; }
  __device__ bool a_is_row_major() const { return p.g.out.channel_stride == 1; }
  __device__ bool b_is_row_major() const { return false; }
};

template <typename T, typename R, template <typename> typename Source>
__device__ inline void Convolve(const ConvParams& p, const ImageLayout& from, const ImageLayout& to, const void* x,
                                const void* filter, void* y, const FusedEpilogue& epilogue) {
  Source<T> source{{static_cast<const T*>(x), static_cast<const T*>(filter), p,
                    static_cast<int>(from.channels / p.groups), static_cast<int>(to.channels / p.groups)}};
  const GemmSizes sizes{p.groups, to.batch * to.num_positions(), source.filters, p.g.num_taps() * source.channels};
  ComputeGemmTiles<T>(source, sizes, epilogue, static_cast<R*>(y));
}

// R: the type of the result.
template <typename T, typename R = T>
__global__ void __launch_bounds__(kGemmThreads)
    ConvForwardKernel(const void* x, const void* filter, void* y, ConvParams p, FusedEpilogue epilogue) {
  Convolve<T, R, ForwardSource>(p, p.g.in, p.g.out, x, filter, y, epilogue);
}

template <typename T>
__global__ void __launch_bounds__(kGemmThreads)
    ConvTransposedKernel(const void* x, const void* filter, void* y, ConvParams p, FusedEpilogue epilogue) {
  Convolve<T, T, TransposedSource>(p, p.g.out, p.g.in, x, filter, y, epilogue);
}

// A thread an element of y, neighbours in memory being neighbours in the grid.
template <typename T, typename R = T>
__global__ void __launch_bounds__(256)
    ConvDirectKernel(const void* x, const void* filter, void* y, ConvParams p, FusedEpilogue epilogue) {
  const WindowGeometry& g = p.g;
  const int64_t positions = g.out.num_positions(), elements = g.out.batch * positions * g.out.channels;
  const int64_t channels = g.in.channels / p.groups, filters = g.out.channels / p.groups;
  for (int64_t i = GlobalThread(); i < elements; i += GlobalThreads()) {
    const bool channels_last = g.out.channel_stride == 1;
    const int64_t k = channels_last ? i % g.out.channels : i / positions % g.out.channels;
    const int64_t position = channels_last ? i / g.out.channels % positions : i % positions;
    const int64_t batch = i / positions / g.out.channels;
    const T* image =
        static_cast<const T*>(x) + batch * g.in.batch_stride + k / filters * channels * g.in.channel_stride;
    const T* weights = static_cast<const T*>(filter) + k;
    SumType<T> sum = 0;
    g.ForEachTap(position, [&](int64_t tap, int64_t offset) {
      for (int64_t c = 0; c < channels; ++c) {
        sum += static_cast<SumType<T>>(Load(image[offset + c * g.in.channel_stride])) *
               static_cast<SumType<T>>(Load(weights[(tap * channels + c) * g.out.channels]));
      }
    });
    const int64_t at = batch * g.out.batch_stride + WindowGeometry::Offset(g.out, position) + k * g.out.channel_stride;
    static_cast<R*>(y)[at] = Finish<R>(epilogue, sum, k, at);
  }
}

// Adds one row of taps (along the innermost axis) to the sums of neighbouring positions.
template <typename T, int kVector>
__device__ inline void AddTapRow(const WindowGeometry& g, const T* row, const T* filter, int64_t begin, int64_t valid,
                                 float (&sums)[kDepthwiseWidth][kVector]) {
  using V = Vector<T, kVector>;
  for (int64_t tap = 0; tap < g.taps[2]; ++tap) {
    const V weights = *reinterpret_cast<const V*>(filter + tap * g.in.channels);
    for (int i = 0; i < kDepthwiseWidth; ++i) {
      const int64_t at = begin + i * g.stride[2] + tap * g.dilation[2];
      if (i >= valid || at < 0 || at >= g.in.sizes[2]) continue;
      const V values = *reinterpret_cast<const V*>(row + at * g.in.strides[2]);
      for (int c = 0; c < kVector; ++c) sums[i][c] += Load(values.at[c]) * Load(weights.at[c]);
    }
  }
}

template <typename T, int kVector>
__global__ void __launch_bounds__(256)
    DepthwiseKernel(const void* x, const void* filter, void* y, ConvParams p, FusedEpilogue epilogue) {
  using V = Vector<T, kVector>;
  const WindowGeometry& g = p.g;
  const int64_t vectors = g.in.channels / kVector;
  const int64_t width = (g.out.sizes[2] + kDepthwiseWidth - 1) / kDepthwiseWidth;
  const int64_t threads = g.out.batch * g.out.sizes[0] * g.out.sizes[1] * width * vectors;
  for (int64_t i = GlobalThread(); i < threads; i += GlobalThreads()) {
    const int64_t channel = i % vectors * kVector;
    int64_t rest = i / vectors;
    const int64_t o2 = rest % width * kDepthwiseWidth;
    rest /= width;
    const int64_t o1 = rest % g.out.sizes[1];
    rest /= g.out.sizes[1];
    const int64_t o0 = rest % g.out.sizes[0], batch = rest / g.out.sizes[0];
    const int64_t valid = g.out.sizes[2] - o2 < kDepthwiseWidth ? g.out.sizes[2] - o2 : kDepthwiseWidth;
    float sums[kDepthwiseWidth][kVector] = {};
    const T* image = static_cast<const T*>(x) + batch * g.in.batch_stride + channel;
    const T* weights = static_cast<const T*>(filter) + channel;
    for (int64_t tap0 = 0; tap0 < g.taps[0]; ++tap0) {
      const int64_t at0 = o0 * g.stride[0] - g.pad_before[0] + tap0 * g.dilation[0];
      if (at0 < 0 || at0 >= g.in.sizes[0]) continue;
      for (int64_t tap1 = 0; tap1 < g.taps[1]; ++tap1) {
        const int64_t at1 = o1 * g.stride[1] - g.pad_before[1] + tap1 * g.dilation[1];
        if (at1 < 0 || at1 >= g.in.sizes[1]) continue;
        AddTapRow<T, kVector>(g, image + at0 * g.in.strides[0] + at1 * g.in.strides[1],
                              weights + (tap0 * g.taps[1] + tap1) * g.taps[2] * g.in.channels,
                              o2 * g.stride[2] - g.pad_before[2], valid, sums);
      }
    }
    const int64_t out = batch * g.out.batch_stride + o0 * g.out.strides[0] + o1 * g.out.strides[1] + channel;
    for (int j = 0; j < kDepthwiseWidth; ++j) {
      if (j >= valid) break;
      const int64_t at = out + (o2 + j) * g.out.strides[2];
      V result;
      for (int c = 0; c < kVector; ++c) result.at[c] = Finish<T>(epilogue, sums[j][c], channel + c, at + c);
      *reinterpret_cast<V*>(static_cast<T*>(y) + at) = result;
    }
  }
}

}  // namespace

ConvFunction ConvForwardFunction(DType type) {
  switch (type) {
    case DType::kFloat32:
      return CooperativeKernel("conv f32", ConvForwardKernel<float>);
    case DType::kFloat64:
      return CooperativeKernel("conv f64", ConvForwardKernel<double>);
    case DType::kFloat16:
      return CooperativeKernel("conv f16", ConvForwardKernel<Float16Bits>);
    case DType::kBFloat16:
      return CooperativeKernel("conv bf16", ConvForwardKernel<BFloat16Bits>);
    case DType::kInt32:
      return CooperativeKernel("conv i32", ConvForwardKernel<uint32_t>);
    case DType::kInt8:
      return CooperativeKernel("conv i8", ConvForwardKernel<int8_t, int32_t>);
    default:
      return {};
  }
}

ConvFunction ConvDirectFunction(DType type) {
  switch (type) {
    case DType::kFloat32:
      return IndependentKernel("direct conv f32", ConvDirectKernel<float>);
    case DType::kFloat64:
      return IndependentKernel("direct conv f64", ConvDirectKernel<double>);
    case DType::kFloat16:
      return IndependentKernel("direct conv f16", ConvDirectKernel<Float16Bits>);
    case DType::kBFloat16:
      return IndependentKernel("direct conv bf16", ConvDirectKernel<BFloat16Bits>);
    case DType::kInt32:
      return IndependentKernel("direct conv i32", ConvDirectKernel<uint32_t>);
    case DType::kInt8:
      return IndependentKernel("direct conv i8", ConvDirectKernel<int8_t, int32_t>);
    default:
      return {};
  }
}

ConvFunction ConvTransposedFunction(DType type) {
  switch (type) {
    case DType::kFloat32:
      return CooperativeKernel("transposed conv f32", ConvTransposedKernel<float>);
    case DType::kFloat64:
      return CooperativeKernel("transposed conv f64", ConvTransposedKernel<double>);
    case DType::kFloat16:
      return CooperativeKernel("transposed conv f16", ConvTransposedKernel<Float16Bits>);
    case DType::kBFloat16:
      return CooperativeKernel("transposed conv bf16", ConvTransposedKernel<BFloat16Bits>);
    case DType::kInt32:
      return CooperativeKernel("transposed conv i32", ConvTransposedKernel<uint32_t>);
    default:
      return {};
  }
}

ConvFunction DepthwiseFunction(DType type, int vector) {
  switch (type) {
    case DType::kFloat32:
      if (vector == 4) return IndependentKernel("depthwise f32 x4", DepthwiseKernel<float, 4>);
      if (vector == 1) return IndependentKernel("depthwise f32", DepthwiseKernel<float, 1>);
      return {};
    case DType::kFloat16:
      if (vector == 8) return IndependentKernel("depthwise f16 x8", DepthwiseKernel<Float16Bits, 8>);
      if (vector == 1) return IndependentKernel("depthwise f16", DepthwiseKernel<Float16Bits, 1>);
      return {};
    case DType::kBFloat16:
      if (vector == 8) return IndependentKernel("depthwise bf16 x8", DepthwiseKernel<BFloat16Bits, 8>);
      if (vector == 1) return IndependentKernel("depthwise bf16", DepthwiseKernel<BFloat16Bits, 1>);
      return {};
    default:
      return {};
  }
}

}  // namespace moulin::cuda
