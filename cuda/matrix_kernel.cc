// Bands and diagonals of matrices, for every type of fixed size. Covered by tests/cuda/kernels/matrix_test.cc.
#include <algorithm>
#include <memory>
#include <optional>

#include "base/status_macros.h"
#include "cuda/index_type.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/matrix.h"
#include "cuda/strided_copy.h"

namespace moulin::cuda {
namespace {

KernelPtr Kernel(SimpleKernel::EnqueueFn enqueue, std::vector<int> in_place = {}) {
  return std::make_shared<SimpleKernel>("cuda matrix", std::move(enqueue), 0, std::move(in_place));
}

KernelPtr BandPart(const KernelRequest& request) {
  const Shape x = request.shape(0);
  const std::optional<IndexType> index_type = IndexTypeOf(request.dtype(1));
  if (!index_type.has_value() || request.dtype(1) != request.dtype(2)) return nullptr;
  BandPartParams p;
  p.index_type = *index_type;
  p.elements = x.num_elements();
  p.rows = Divisor(x[x.rank() - 2]);
  p.cols = Divisor(x[x.rank() - 1]);
  const int64_t bytes = request.output_element_bytes();
  const auto enqueue = [p, bytes](const LaunchContext& c) {
    return Launch(c, BandPartFunction(bytes), DimsFor(p.elements), c.input(0), c.input(1), c.input(2), c.output(), p);
  };
  return Kernel(enqueue, {0});
}

// The diagonals k of matrices of shape `matrices`; nothing where k is no constant.
std::optional<BandLayout> BandOf(const KernelRequest& request, int k_input, const Shape& matrices) {
  const std::vector<int64_t> k = request.ints(k_input);
  if (k.empty()) return std::nullopt;
  const auto& attrs = request.node.attr<MatrixDiagAttrs>();
  BandLayout band;
  band.lower = k.front();
  band.upper = k.back();
  const int64_t rows = matrices[matrices.rank() - 2], cols = matrices[matrices.rank() - 1];
  band.rows = Divisor(rows);
  band.cols = Divisor(cols);
  band.count = Divisor(band.upper - band.lower + 1);
  band.length = Divisor(
      std::max<int64_t>(1, std::min(rows + std::min<int64_t>(band.upper, 0), cols - std::max<int64_t>(band.lower, 0))));
  band.superdiagonals_left = attrs.superdiagonals_left;
  band.subdiagonals_left = attrs.subdiagonals_left;
  return band;
}

// (diagonals, k, rows, cols, padding)
KernelPtr MatrixDiag(const KernelRequest& request) {
  const Shape y = request.output_shape();
  const std::optional<BandLayout> band = BandOf(request, 1, y);
  if (!band.has_value()) return nullptr;
  return Kernel([band = *band, n = y.num_elements(), bytes = request.output_element_bytes()](const LaunchContext& c) {
    return Launch(c, SetDiagonalsFunction(bytes), DimsFor(n), c.input(0), nullptr, c.input(4), c.output(), n, band);
  });
}

// (x, diagonals, k)
KernelPtr MatrixSetDiag(const KernelRequest& request) {
  const Shape y = request.output_shape();
  const std::optional<BandLayout> band = BandOf(request, 2, y);
  if (!band.has_value()) return nullptr;
  const auto enqueue = [band = *band, n = y.num_elements(),
                        bytes = request.output_element_bytes()](const LaunchContext& c) {
    return Launch(c, SetDiagonalsFunction(bytes), DimsFor(n), c.input(1), c.input(0), nullptr, c.output(), n, band);
  };
  return Kernel(enqueue, {0});
}

// (x, k, padding)
KernelPtr MatrixDiagPart(const KernelRequest& request) {
  const std::optional<BandLayout> band = BandOf(request, 1, request.shape(0));
  if (!band.has_value()) return nullptr;
  const int64_t n = request.output_shape().num_elements();
  return Kernel([band = *band, n, bytes = request.output_element_bytes()](const LaunchContext& c) {
    return Launch(c, DiagonalsFunction(bytes), DimsFor(n), c.input(0), c.input(2), c.output(), n, band);
  });
}

// The n elements of a diagonal lie n + 1 apart.
KernelPtr Diag(const KernelRequest& request) {
  const int64_t n = request.shape(0).num_elements(), bytes = request.output_element_bytes();
  const std::optional<StridedCopy> copy = StridedCopy::Make({{n, 1, n + 1}}, 0, 0, bytes);
  return Kernel([copy = *copy, y_bytes = static_cast<size_t>(n * n * bytes)](const LaunchContext& c) -> Status {
    MOULIN_RETURN_IF_ERROR(ToStatus(*c.api, c.api->MemsetAsync(c.output(), 0, y_bytes, c.stream), "zeroing a result"));
    return copy.Enqueue(c, c.input(0), c.output());
  });
}

KernelPtr DiagPart(const KernelRequest& request) {
  const int64_t n = request.output_shape().num_elements();
  const std::optional<StridedCopy> copy = StridedCopy::Make({{n, n + 1, 1}}, 0, 0, request.output_element_bytes());
  return Kernel([copy = *copy](const LaunchContext& c) { return copy.Enqueue(c, c.input(0), c.output()); });
}

}  // namespace

StatusOr<KernelPtr> MakeMatrixKernel(const KernelRequest& request) {
  if (request.output_element_bytes() == 0) return KernelPtr();
  if (request.output_shape().num_elements() == 0) return NothingToDo();
  switch (request.node.kind) {
    case OpKind::kMatrixBandPart:
      return BandPart(request);
    case OpKind::kMatrixDiag:
      return MatrixDiag(request);
    case OpKind::kMatrixDiagPart:
      return MatrixDiagPart(request);
    case OpKind::kMatrixSetDiag:
      return MatrixSetDiag(request);
    case OpKind::kDiag:
      return Diag(request);
    case OpKind::kDiagPart:
      return DiagPart(request);
    default:
      return KernelPtr();
  }
}

}  // namespace moulin::cuda
