// Host kernels of matrices that have a few diagonals only. Tests: tests/cases/matrix_cases.py.
#include <algorithm>

#include "ops/axes.h"
#include "ops/host_op.h"
#include "ops/matrix_view.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

Status NotInvertible() { return MakeError(ErrorCode::kValue, "the matrix is not invertible"); }

// Checks (bands [...,`bands`,m], right-hand sides [...,m,k]) -> [...,m,k]; any number of bands where `bands` < 0.
Status InferBands(InferContext& c, int matrix, int rhs, int64_t bands, bool broadcasts) {
  const PartialShape &a = c.shape(matrix), &b = c.shape(rhs);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(a, 2, "the diagonals"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(b, 2, "the right-hand side"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(matrix), c.dtype(rhs), "the right-hand side"));
  if (!a.has_rank() || !b.has_rank()) return AddOutput(c, c.dtype(rhs), PartialShape());
  const int64_t found = a.dim(a.rank() - 2);
  if (bands >= 0) MOULIN_RETURN_IF_ERROR(MergeDims(found, bands, "the number of diagonals").status());
  MOULIN_RETURN_IF_ERROR(MergeDims(a.dim(a.rank() - 1), b.dim(b.rank() - 2), "the right-hand side's rows").status());
  if (bands < 0 && (found == 0 || (found > a.dim(a.rank() - 1) && a.dim(a.rank() - 1) >= 0))) {
    return MakeError(ErrorCode::kShape, "expected at least 1 and at most ", a.dim(a.rank() - 1), " bands, got ", found);
  }
  const PartialShape a_batch = SubShape(a, 0, a.rank() - 2), b_batch = SubShape(b, 0, b.rank() - 2);
  MOULIN_ASSIGN_OR_RETURN(PartialShape out, broadcasts ? BroadcastPartial(a_batch, b_batch)
                                                       : MergeShapes(a_batch, b_batch, "the right-hand side"));
  out.push_back(b.dim(b.rank() - 2));
  out.push_back(b.dim(b.rank() - 1));
  return AddOutput(c, c.dtype(rhs), out);
}

// --- Three diagonals ---

Status InferTridiagonalSolve(InferContext& c) { return InferBands(c, 0, 1, 3, false); }

// Elimination from the top; a row may change places with the next, so a second diagonal above fills up.
template <typename W>
Status SolveTridiagonal(const WideMatrix<W>& bands, bool pivoting, WideMatrix<W>* x) {
  const int64_t n = bands.cols();
  WideMatrix<W> u = WideMatrix<W>::Zero(n, 3);  // the diagonal and the two above
  for (int64_t i = 0; i < n; ++i) {
    u(i, 0) = bands(1, i);
    if (i + 1 < n) u(i, 1) = bands(0, i);
  }
  for (int64_t i = 0; i + 1 < n; ++i) {
    W below = bands(2, i + 1);
    if (pivoting && std::abs(below) > std::abs(u(i, 0))) {
      std::swap(below, u(i, 0));
      std::swap(u(i, 1), u(i + 1, 0));
      std::swap(u(i, 2), u(i + 1, 1));
      x->row(i).swap(x->row(i + 1));
    }
    if (u(i, 0) == W(0)) return NotInvertible();
    const W factor = below / u(i, 0);
    u(i + 1, 0) -= factor * u(i, 1);
    u(i + 1, 1) -= factor * u(i, 2);
    x->row(i + 1) -= factor * x->row(i);
  }
  for (int64_t i = n - 1; i >= 0; --i) {
    if (u(i, 0) == W(0)) return NotInvertible();
    if (i + 1 < n) x->row(i) -= u(i, 1) * x->row(i + 1);
    if (i + 2 < n) x->row(i) -= u(i, 2) * x->row(i + 2);
    x->row(i) /= u(i, 0);
  }
  return absl::OkStatus();
}

Status TridiagonalSolve(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferTridiagonalSolve));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  if (IntAttr(attrs, "perturb_singular", 0) != 0) {
    return MakeError(ErrorCode::kUnsupported, "perturb_singular=True, which TensorFlow has for GPUs only");
  }
  const bool pivoting = IntAttr(attrs, "partial_pivoting", 1) != 0;
  const Tensor& b = c.input(1);
  const int64_t size = MatrixRows(b) * MatrixCols(b);
  if (size == 0) return absl::OkStatus();
  return DispatchMatrix(b.dtype(), [&](auto tag) -> Status {
    using W = decltype(tag);
    for (int64_t i = 0; i < b.num_elements() / size; ++i) {
      WideMatrix<W> x = LoadMatrix<W>(b, i);
      MOULIN_RETURN_IF_ERROR(SolveTridiagonal<W>(LoadMatrix<W>(c.input(0), i), pivoting, &x));
      StoreMatrix(x, c.output(0), i * size);
    }
    return absl::OkStatus();
  });
}

// (superdiagonal, diagonal, subdiagonal, each [...,1,m]; right-hand sides)
Status InferTridiagonalMatMul(InferContext& c) {
  for (int i = 0; i < 3; ++i) {
    MOULIN_RETURN_IF_ERROR(InferBands(c, i, 3, 1, false));
    if (i < 2) c.outputs->clear();
  }
  return absl::OkStatus();
}

Status TridiagonalMatMul(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferTridiagonalMatMul));
  const Tensor& b = c.input(3);
  const int64_t rows = MatrixRows(b), size = rows * MatrixCols(b);
  if (size == 0) return absl::OkStatus();
  return DispatchMatrix(b.dtype(), [&](auto tag) -> Status {
    using W = decltype(tag);
    for (int64_t i = 0; i < b.num_elements() / size; ++i) {
      const WideMatrix<W> x = LoadMatrix<W>(b, i);
      const WideMatrix<W> above = LoadMatrix<W>(c.input(0), i), on = LoadMatrix<W>(c.input(1), i),
                          below = LoadMatrix<W>(c.input(2), i);
      WideMatrix<W> y(x.rows(), x.cols());
      for (int64_t r = 0; r < rows; ++r) {
        y.row(r) = on(0, r) * x.row(r);
        if (r > 0) y.row(r) += below(0, r) * x.row(r - 1);
        if (r + 1 < rows) y.row(r) += above(0, r) * x.row(r + 1);
      }
      StoreMatrix(y, c.output(0), i * size);
    }
    return absl::OkStatus();
  });
}

// --- A triangle's bands ---

Status InferBandedSolve(InferContext& c) { return InferBands(c, 0, 1, -1, true); }

// Element (i, i - d) of a lower triangle lies at (d, i) of its bands, element (i, i + d) of an upper one at
// (bands - 1 - d, i).
template <typename W>
Status SolveBanded(const WideMatrix<W>& bands, bool lower, bool adjoint, WideMatrix<W>* x) {
  const int64_t n = bands.cols(), count = bands.rows();
  const auto element = [&](int64_t i, int64_t d) { return lower ? bands(d, i) : bands(count - 1 - d, i); };
  const bool forward = lower != adjoint;
  for (int64_t step = 0; step < n; ++step) {
    const int64_t i = forward ? step : n - 1 - step;
    for (int64_t d = 1; d < count; ++d) {
      const int64_t other = forward ? i - d : i + d;
      if (other < 0 || other >= n) break;
      W factor = adjoint ? element(other, d) : element(i, d);
      if constexpr (kIsComplexElement<W>) factor = adjoint ? std::conj(factor) : factor;
      x->row(i) -= factor * x->row(other);
    }
    W pivot = element(i, 0);
    if (pivot == W(0)) return NotInvertible();
    if constexpr (kIsComplexElement<W>) pivot = adjoint ? std::conj(pivot) : pivot;
    x->row(i) /= pivot;
  }
  return absl::OkStatus();
}

// The number of the operand's matrix that goes with a matrix of the result.
int64_t SourceOf(const Shape& operand, const Shape& result, int64_t number) {
  const Shape batch = SubShape(result, 0, result.rank() - 2);
  const Shape::Dims strides = BroadcastStrides(SubShape(operand, 0, operand.rank() - 2), batch);
  int64_t source = 0;
  for (int axis = batch.rank() - 1; axis >= 0; --axis) {
    source += number % batch.dim(axis) * strides[axis];
    number /= batch.dim(axis);
  }
  return source;
}

Status BandedTriangularSolve(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferBandedSolve));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const bool lower = IntAttr(attrs, "lower", 1) != 0, adjoint = IntAttr(attrs, "adjoint", 0) != 0;
  Tensor& y = c.output(0);
  if (y.num_elements() == 0) return absl::OkStatus();
  const int64_t size = MatrixRows(y) * MatrixCols(y);
  return DispatchMatrix(y.dtype(), [&](auto tag) -> Status {
    using W = decltype(tag);
    for (int64_t i = 0; i < y.num_elements() / size; ++i) {
      const WideMatrix<W> bands = LoadMatrix<W>(c.input(0), SourceOf(c.input(0).shape(), y.shape(), i));
      WideMatrix<W> x = LoadMatrix<W>(c.input(1), SourceOf(c.input(1).shape(), y.shape(), i));
      MOULIN_RETURN_IF_ERROR(SolveBanded<W>(bands, lower, adjoint, &x));
      StoreMatrix(x, y, i * size);
    }
    return absl::OkStatus();
  });
}

constexpr HostOp kMatrixBandKernels[] = {
    {"BandedTriangularSolve", 2, 2, InferBandedSolve, BandedTriangularSolve},
    {"TridiagonalMatMul", 4, 4, InferTridiagonalMatMul, TridiagonalMatMul},
    {"TridiagonalSolve", 2, 2, InferTridiagonalSolve, TridiagonalSolve},
};

}  // namespace

absl::Span<const HostOp> MatrixBandKernels() { return kMatrixBandKernels; }

}  // namespace moulin
