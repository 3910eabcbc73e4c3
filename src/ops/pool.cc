// Pooling over spatial windows. Tests: tests/ops/pool_test.cc.
#include <limits>

#include "ops/op_util.h"
#include "ops/type_dispatch.h"
#include "ops/window_util.h"

namespace moulin {
namespace {

WindowAttrs PoolWindows(const PoolAttrs& attrs) {
  return {attrs.window,  attrs.strides,    SpatialDims(attrs.strides.size(), 1),
          attrs.padding, attrs.pad_before, attrs.pad_after};
}

// A window that lies in the padding alone would have no elements to pool.
Status CheckPadding(const PoolAttrs& attrs) {
  for (size_t i = 0; attrs.padding == Padding::kExplicit && i < attrs.window.size(); ++i) {
    if (attrs.pad_before[i] >= attrs.window[i] || attrs.pad_after[i] >= attrs.window[i]) {
      return MakeError(ErrorCode::kAttribute, "paddings ", attrs.pad_before[i], " and ", attrs.pad_after[i],
                       " must be below the window's ", attrs.window[i], " on spatial axis ", i);
    }
  }
  return absl::OkStatus();
}

StatusOr<PartialShape> PooledShape(const InferContext& c) {
  const auto& attrs = c.attr<PoolAttrs>();
  const WindowAttrs w = PoolWindows(attrs);
  MOULIN_RETURN_IF_ERROR(CheckWindowAttrs(w));
  MOULIN_RETURN_IF_ERROR(CheckPadding(attrs));
  MOULIN_ASSIGN_OR_RETURN(ImageShape image, ImageShape::Of(c.shape(0), static_cast<int>(w.strides.size()),
                                                           attrs.channels_last, "the image"));
  MOULIN_ASSIGN_OR_RETURN(image.spatial, WindowOutputSizes(w, image.spatial));
  return image.ToShape(attrs.channels_last);
}

Status InferPool(InferContext& c) {
  const bool is_max = c.attr<PoolAttrs>().op == PoolOp::kMax;
  if (!IsFloating(c.dtype(0)) && !(is_max && IsInteger(c.dtype(0)))) return UnsupportedType(c.dtype(0));
  MOULIN_ASSIGN_OR_RETURN(const PartialShape out, PooledShape(c));
  return AddOutput(c, c.dtype(0), out);
}

// f(window of the result, offset of its element, offset of its image and channel) for every element of the result.
template <typename F>
void ForEachWindow(const WindowGeometry& g, F f) {
  for (int64_t n = 0; n < g.out.batch; ++n) {
    for (int64_t p = 0; p < g.out.num_positions(); ++p) {
      const int64_t out = n * g.out.batch_stride + WindowGeometry::Offset(g.out, p);
      for (int64_t c = 0; c < g.out.channels; ++c) {
        f(p, out + c * g.out.channel_stride, n * g.in.batch_stride + c * g.in.channel_stride);
      }
    }
  }
}

// The lowest finite value of T, in its arithmetic type.
template <typename T>
ArithmeticOf<T> LowestSum() {
  if constexpr (std::is_same_v<T, Half>) return -65504.0f;
  if constexpr (std::is_same_v<T, BFloat16>) return -0x1.fep127f;
  return std::numeric_limits<ArithmeticOf<T>>::lowest();
}

// NaN never wins, and -inf does not beat the lowest finite number: both as in TensorFlow.
template <typename T>
void MaxPool(const WindowGeometry& g, const T* x, T* y) {
  using U = ArithmeticOf<T>;
  ForEachWindow(g, [&](int64_t p, int64_t out, int64_t image) {
    U best = LowestSum<T>();
    g.ForEachTap(p, [&](int64_t, int64_t offset) {
      const U value = static_cast<U>(x[image + offset]);
      if (value > best) best = value;
    });
    y[out] = static_cast<T>(best);
  });
}

template <typename T>
void AveragePool(const WindowGeometry& g, const T* x, T* y) {
  using U = ArithmeticOf<T>;
  ForEachWindow(g, [&](int64_t p, int64_t out, int64_t image) {
    double sum = 0;
    int64_t count = 0;
    g.ForEachTap(p, [&](int64_t, int64_t offset) {
      sum += static_cast<double>(static_cast<U>(x[image + offset]));
      ++count;
    });
    y[out] = static_cast<T>(static_cast<U>(sum / static_cast<double>(count)));
  });
}

Status Pool(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferPool));
  const auto& attrs = c.attr<PoolAttrs>();
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0);
  const WindowGeometry g = MakeGeometry(PoolWindows(attrs), x.shape(), y.shape(), attrs.channels_last);
  if (attrs.op == PoolOp::kAverage) {
    return DispatchFloating(x.dtype(), [&](auto tag) {
      using T = decltype(tag);
      AveragePool(g, static_cast<const T*>(x.data()), static_cast<T*>(y.mutable_data()));
      return absl::OkStatus();
    });
  }
  return DispatchReal(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    MaxPool(g, static_cast<const T*>(x.data()), static_cast<T*>(y.mutable_data()));
    return absl::OkStatus();
  });
}

// --- MaxPoolWithArgmax ---

Status InferMaxPoolWithArgmax(InferContext& c) {
  const DType index_type = c.attr<PoolAttrs>().index_type;
  if (index_type != DType::kInt32 && index_type != DType::kInt64) return UnsupportedType(index_type);
  if (!IsFloating(c.dtype(0)) && !IsInteger(c.dtype(0))) return UnsupportedType(c.dtype(0));
  MOULIN_ASSIGN_OR_RETURN(const PartialShape out, PooledShape(c));
  MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(0), out));
  return AddOutput(c, index_type, out);
}

// The first of equals wins; a NaN in the first tap stays, one elsewhere never wins (as in TensorFlow).
template <typename T, typename Index>
void ArgmaxPool(const WindowGeometry& g, bool include_batch, const T* x, T* y, Index* index) {
  using U = ArithmeticOf<T>;
  ForEachWindow(g, [&](int64_t p, int64_t out, int64_t image) {
    int64_t best = -1;
    g.ForEachTap(p, [&](int64_t, int64_t offset) {
      const int64_t at = image + offset;
      if (best < 0 || static_cast<U>(x[at]) > static_cast<U>(x[best])) best = at;
    });
    y[out] = x[best];
    index[out] = static_cast<Index>(include_batch ? best : best % g.in.batch_stride);
  });
}

Status MaxPoolWithArgmax(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferMaxPoolWithArgmax));
  const auto& attrs = c.attr<PoolAttrs>();
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0);
  Tensor& index = c.output(1);
  const WindowGeometry g = MakeGeometry(PoolWindows(attrs), x.shape(), y.shape(), attrs.channels_last);
  return DispatchReal(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const auto run = [&](auto* indices) {
      ArgmaxPool(g, attrs.include_batch_in_index, static_cast<const T*>(x.data()), static_cast<T*>(y.mutable_data()),
                 indices);
    };
    if (attrs.index_type == DType::kInt32) {
      run(static_cast<int32_t*>(index.mutable_data()));
    } else {
      run(static_cast<int64_t*>(index.mutable_data()));
    }
    return absl::OkStatus();
  });
}

constexpr OpDef kPoolOps[] = {
    {OpKind::kPool, 1, 1, InferPool, Pool},
    {OpKind::kMaxPoolWithArgmax, 1, 1, InferMaxPoolWithArgmax, MaxPoolWithArgmax},
};

}  // namespace

absl::Span<const OpDef> PoolOps() { return kPoolOps; }

}  // namespace moulin
