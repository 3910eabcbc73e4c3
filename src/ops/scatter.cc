// ScatterNd and TensorScatter. Tests: tests/ops/gather_test.cc.
#include "ops/scatter.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "kernels/scalar_arithmetic.h"
#include "ops/axes.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// E_SHAPE unless updates are indices.shape[:-1] + x.shape[k:], as far as that is known.
Status CheckUpdates(const PartialShape& x, const PartialShape& indices, const PartialShape& updates) {
  if (!indices.has_rank() || !x.has_rank()) return absl::OkStatus();
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(indices, 1, "scatter indices"));
  const int64_t depth = indices.dim(indices.rank() - 1);
  if (depth < 0) return absl::OkStatus();
  if (depth > x.rank()) {
    return MakeError(ErrorCode::kShape, "indices of ", depth, " coordinates into a shape of ", x.rank(), " axes");
  }
  const PartialShape expected =
      ConcatShapes(SubShape(indices, 0, indices.rank() - 1), SubShape(x, static_cast<int>(depth), x.rank()));
  return MergeShapes(expected, updates, "scatter updates").status();
}

template <typename T, typename U = ArithmeticOf<T>>
T Combine(ScatterOp op, T old, T update) {
  const U a = static_cast<U>(old), b = static_cast<U>(update);
  switch (op) {
    case ScatterOp::kAdd:
      return static_cast<T>(scalar::Add(a, b));  // wraps
    case ScatterOp::kSub:
      return static_cast<T>(scalar::Sub(a, b));
    case ScatterOp::kMin:
      return b < a ? update : old;
    case ScatterOp::kMax:
      return a < b ? update : old;
    case ScatterOp::kUpdate:
      return update;
  }
  return update;
}

template <typename T>
Status CombineAll(ScatterOp op, const std::vector<int64_t>& offsets, int64_t inner, const Tensor& updates, Tensor& y) {
  const auto* src = static_cast<const T*>(updates.data());
  auto* dst = static_cast<T*>(y.mutable_data());
  for (size_t i = 0; i < offsets.size(); ++i) {
    for (int64_t k = 0; k < inner; ++k) {
      T& element = dst[offsets[i] + k];
      element = Combine(op, element, src[static_cast<int64_t>(i) * inner + k]);
    }
  }
  return absl::OkStatus();
}

// Sums of complex numbers; they have no order.
template <typename T>
Status CombineComplex(ScatterOp op, const std::vector<int64_t>& offsets, int64_t inner, const Tensor& updates,
                      Tensor& y) {
  if (op == ScatterOp::kMin || op == ScatterOp::kMax) return UnsupportedType(y.dtype());
  // A complex number is a pair of reals, added one by one.
  std::vector<int64_t> doubled = offsets;
  for (int64_t& offset : doubled) offset *= 2;
  return CombineAll<typename T::value_type>(op, doubled, 2 * inner, updates, y);
}

Status CombineBool(ScatterOp op, const std::vector<int64_t>& offsets, int64_t inner, const Tensor& updates, Tensor& y) {
  const auto src = updates.values<bool>();
  const auto dst = y.mutable_values<bool>();
  for (size_t i = 0; i < offsets.size(); ++i) {
    for (int64_t k = 0; k < inner; ++k) {
      bool& element = dst[offsets[i] + k];
      const bool update = src[static_cast<int64_t>(i) * inner + k];
      if (op == ScatterOp::kSub) return UnsupportedType(y.dtype());
      element = op == ScatterOp::kUpdate ? update : op == ScatterOp::kMin ? element && update : element || update;
    }
  }
  return absl::OkStatus();
}

// String tensors: an update replaces; added strings are joined.
Status CombineStrings(ScatterOp op, const std::vector<int64_t>& offsets, int64_t inner, const Tensor& updates,
                      Tensor& y) {
  if (op != ScatterOp::kUpdate && op != ScatterOp::kAdd) return UnsupportedType(y.dtype());
  for (size_t i = 0; i < offsets.size(); ++i) {
    for (int64_t k = 0; k < inner; ++k) {
      std::string& element = y.mutable_strings()[offsets[i] + k];
      const std::string& update = updates.strings()[static_cast<int64_t>(i) * inner + k];
      element = op == ScatterOp::kAdd ? element + update : update;
    }
  }
  return absl::OkStatus();
}

Status Scatter(ScatterOp op, const Tensor& indices, const Tensor& updates, Tensor& y) {
  const int depth = static_cast<int>(indices.shape().dim(indices.shape().rank() - 1));
  const int64_t inner = DimProduct(y.shape().dims(), depth, y.shape().rank());
  std::vector<int64_t> offsets;
  MOULIN_RETURN_IF_ERROR(FlattenIndices(indices, y.shape().dims().subspan(0, depth), inner, &offsets));
  if (y.dtype() == DType::kString) return CombineStrings(op, offsets, inner, updates, y);
  if (y.dtype() == DType::kBool) return CombineBool(op, offsets, inner, updates, y);
  if (IsComplex(y.dtype())) {
    return DispatchComplex(y.dtype(),
                           [&](auto tag) { return CombineComplex<decltype(tag)>(op, offsets, inner, updates, y); });
  }
  return DispatchReal(y.dtype(), [&](auto tag) { return CombineAll<decltype(tag)>(op, offsets, inner, updates, y); });
}

}  // namespace

Status FlattenIndices(const Tensor& indices, absl::Span<const int64_t> sizes, int64_t inner,
                      std::vector<int64_t>* offsets) {
  MOULIN_ASSIGN_OR_RETURN(const Ints flat, IntValues(indices));
  const int64_t depth = static_cast<int64_t>(sizes.size());
  const int64_t n = DimProduct(indices.shape().dims(), 0, indices.shape().rank() - 1);
  offsets->resize(n);
  for (int64_t i = 0; i < n; ++i) {
    const absl::Span<const int64_t> entry = absl::MakeConstSpan(flat).subspan(i * depth, depth);
    int64_t offset = 0;
    for (int64_t d = 0; d < depth; ++d) {
      if (entry[d] < 0 || entry[d] >= sizes[d]) {
        return MakeError(ErrorCode::kValue, "index ", i, " = [", absl::StrJoin(entry, ","),
                         "] is out of bounds for sizes [", absl::StrJoin(sizes, ","), "]");
      }
      offset = offset * sizes[d] + entry[d];
    }
    (*offsets)[i] = offset * inner;
  }
  return absl::OkStatus();
}

Status InferScatterNd(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckIndexType(c.dtype(0), "scatter indices"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> shape, KnownInts(c, 2));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(2), 1, "the shape of ScatterNd"));
  PartialShape out;
  if (shape) {
    MOULIN_ASSIGN_OR_RETURN(out, Shape::Make(*shape));
  } else if (const int64_t rank = KnownElements(c.shape(2)); rank >= 0 && rank <= 254) {
    out = PartialShape::OfRank(static_cast<int>(rank));
  }
  MOULIN_RETURN_IF_ERROR(CheckUpdates(out, c.shape(0), c.shape(1)));
  return AddOutput(c, c.dtype(1), out);
}

Status ScatterNd(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferScatterNd));
  return Scatter(c.attr<ScatterAttrs>().op, c.input(0), c.input(1), c.output(0));
}

Status InferTensorScatter(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckIndexType(c.dtype(1), "scatter indices"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(2), "scatter updates"));
  MOULIN_RETURN_IF_ERROR(CheckUpdates(c.shape(0), c.shape(1), c.shape(2)));
  c.Add(c.dtype(0), c.shape(0));
  return absl::OkStatus();
}

Status TensorScatter(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferTensorScatter));
  CopyElements(c.input(0), 0, c.output(0), 0, c.input(0).num_elements());
  return Scatter(c.attr<ScatterAttrs>().op, c.input(1), c.input(2), c.output(0));
}

}  // namespace moulin
