// Host kernels of functions of matrices (exponential, logarithm, square root), general eigenvalues and least squares.
// Tests: tests/cases/matrix_cases.py.
#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <unsupported/Eigen/MatrixFunctions>

#include "ops/axes.h"
#include "ops/host_op.h"
#include "ops/matrix_view.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

// E_SHAPE unless input `i` has square matrices.
Status CheckSquare(const InferContext& c, int i) {
  const PartialShape& x = c.shape(i);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 2, "the matrices"));
  if (!x.has_rank()) return absl::OkStatus();
  return MergeDims(x.dim(x.rank() - 2), x.dim(x.rank() - 1), "square matrices").status();
}

Status InferSquare(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSquare(c, 0));
  return AddOutput(c, c.dtype(0), c.shape(0));
}

Status CheckFinite(bool finite) {
  if (finite) return absl::OkStatus();
  return MakeError(ErrorCode::kValue, "the matrix has an element that is not finite");
}

Status Function(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSquare));
  const Tensor& x = c.input(0);
  if (x.num_elements() == 0) return absl::OkStatus();
  const std::string& op = c.attr<HostOpAttrs>().op;
  if (op == "MatrixLogarithm" && !IsComplex(x.dtype())) return UnsupportedType(x.dtype());
  const int64_t n = MatrixRows(x);
  return DispatchMatrix(x.dtype(), [&](auto tag) -> Status {
    using W = decltype(tag);
    for (int64_t i = 0; i < x.num_elements() / (n * n); ++i) {
      const WideMatrix<W> a = LoadMatrix<W>(x, i);
      MOULIN_RETURN_IF_ERROR(CheckFinite(a.allFinite()));
      WideMatrix<W> y;
      if (op == "MatrixExponential") {
        y = a.exp();
      } else if (op == "MatrixSquareRoot") {
        y = a.sqrt();
      } else if constexpr (kIsComplexElement<W>) {
        y = a.log();
      }
      StoreMatrix(y, c.output(0), i * n * n);
    }
    return absl::OkStatus();
  });
}

// --- Eigenvalues ---

DType ComplexOf(DType type) {
  return type == DType::kFloat64 || type == DType::kComplex128 ? DType::kComplex128 : DType::kComplex64;
}

Status InferEig(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSquare(c, 0));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const DType type = ComplexOf(c.dtype(0));
  for (const DType wanted : attrs.output_types) MOULIN_RETURN_IF_ERROR(CheckSameType(type, wanted, "the eigenvalues"));
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(AddOutput(c, type, x.has_rank() ? SubShape(x, 0, x.rank() - 1) : PartialShape()));
  return AddOutput(c, type, IntAttr(attrs, "compute_v", 1) != 0 ? x : PartialShape{0});
}

Status Eig(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferEig));
  const Tensor& x = c.input(0);
  const bool vectors = IntAttr(c.attr<HostOpAttrs>(), "compute_v", 1) != 0;
  if (x.num_elements() == 0) return absl::OkStatus();
  const int64_t n = MatrixRows(x);
  return DispatchMatrix(x.dtype(), [&](auto) -> Status {
    using W = std::complex<double>;
    for (int64_t i = 0; i < x.num_elements() / (n * n); ++i) {
      const WideMatrix<W> a = LoadMatrix<W>(x, i);
      MOULIN_RETURN_IF_ERROR(CheckFinite(a.allFinite()));
      const Eigen::ComplexEigenSolver<WideMatrix<W>> solver(a, vectors);
      if (solver.info() != Eigen::Success) {
        return MakeError(ErrorCode::kValue, "the eigenvalues of matrix ", i, " did not converge");
      }
      StoreMatrix(solver.eigenvalues(), c.output(0), i * n);
      if (vectors) StoreMatrix(solver.eigenvectors(), c.output(1), i * n * n);
    }
    return absl::OkStatus();
  });
}

// The old form: eigenvalues as the first row of a matrix, eigenvectors below.
Status InferSelfAdjointEig(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSquare(c, 0));
  PartialShape shape = c.shape(0);
  if (shape.has_rank() && shape.dim(shape.rank() - 2) >= 0) {
    shape.set_dim(shape.rank() - 2, shape.dim(shape.rank() - 2) + 1);
  }
  return AddOutput(c, c.dtype(0), shape);
}

Status SelfAdjointEig(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSelfAdjointEig));
  const Tensor& x = c.input(0);
  if (x.dtype() != DType::kFloat32 && x.dtype() != DType::kFloat64) return UnsupportedType(x.dtype());
  if (x.num_elements() == 0) return absl::OkStatus();
  const int64_t n = MatrixRows(x);
  for (int64_t i = 0; i < x.num_elements() / (n * n); ++i) {
    const Eigen::SelfAdjointEigenSolver<WideMatrix<double>> solver(LoadMatrix<double>(x, i));
    if (solver.info() != Eigen::Success) {
      return MakeError(ErrorCode::kValue, "the eigenvalues of matrix ", i, " did not converge");
    }
    const int64_t begin = i * (n + 1) * n;
    StoreMatrix(solver.eigenvalues(), c.output(0), begin);
    StoreMatrix(solver.eigenvectors(), c.output(0), begin + n);
  }
  return absl::OkStatus();
}

// --- Least squares ---

// (matrix [...,m,n], right-hand sides [...,m,k], regulariser) -> [...,n,k]
Status InferSolveLs(InferContext& c) {
  const PartialShape &a = c.shape(0), &b = c.shape(1);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(a, 2, "the matrices"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(b, 2, "the right-hand side"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(1), "the right-hand side"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat64, c.dtype(2), "l2_regularizer"));
  if (!a.has_rank() || !b.has_rank()) return AddOutput(c, c.dtype(0), PartialShape());
  MOULIN_RETURN_IF_ERROR(MergeDims(a.dim(a.rank() - 2), b.dim(b.rank() - 2), "the right-hand side's rows").status());
  MOULIN_ASSIGN_OR_RETURN(
      PartialShape out, MergeShapes(SubShape(a, 0, a.rank() - 2), SubShape(b, 0, b.rank() - 2), "the right-hand side"));
  out.push_back(a.dim(a.rank() - 1));
  out.push_back(b.dim(b.rank() - 1));
  return AddOutput(c, c.dtype(0), out);
}

// By the normal equations where `fast`, else by an orthogonal decomposition, which takes no regulariser.
template <typename W>
Status SolveLsOf(const WideMatrix<W>& a, const WideMatrix<W>& b, double l2, bool fast, WideMatrix<W>* y) {
  if (!fast) {
    *y = a.completeOrthogonalDecomposition().solve(b);
    return absl::OkStatus();
  }
  const bool tall = a.rows() >= a.cols();
  WideMatrix<W> gramian = tall ? WideMatrix<W>(a.adjoint() * a) : WideMatrix<W>(a * a.adjoint());
  if (l2 > 0) gramian += W(l2) * WideMatrix<W>::Identity(gramian.rows(), gramian.cols());
  const Eigen::LLT<WideMatrix<W>> llt(gramian);
  if (llt.info() != Eigen::Success) {
    return MakeError(ErrorCode::kValue, "the matrix lacks full rank; fast=False or a larger l2_regularizer helps");
  }
  *y = tall ? WideMatrix<W>(llt.solve(a.adjoint() * b)) : WideMatrix<W>(a.adjoint() * llt.solve(b));
  return absl::OkStatus();
}

Status SolveLs(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSolveLs));
  if (c.input(2).num_elements() != 1) return MakeError(ErrorCode::kShape, "l2_regularizer must be a scalar");
  const double l2 = c.input(2).values<double>()[0];
  if (!(l2 >= 0)) return MakeError(ErrorCode::kValue, "l2_regularizer must not be negative, got ", l2);
  const bool fast = IntAttr(c.attr<HostOpAttrs>(), "fast", 1) != 0;
  const Tensor &a = c.input(0), &b = c.input(1);
  const int64_t size = MatrixCols(a) * MatrixCols(b);
  if (size == 0 || MatrixRows(a) == 0) return absl::OkStatus();
  return DispatchMatrix(a.dtype(), [&](auto tag) -> Status {
    using W = decltype(tag);
    for (int64_t i = 0; i < c.output(0).num_elements() / size; ++i) {
      const WideMatrix<W> left = LoadMatrix<W>(a, i), right = LoadMatrix<W>(b, i);
      MOULIN_RETURN_IF_ERROR(CheckFinite(left.allFinite()));
      WideMatrix<W> y;
      MOULIN_RETURN_IF_ERROR(SolveLsOf<W>(left, right, l2, fast, &y));
      StoreMatrix(y, c.output(0), i * size);
    }
    return absl::OkStatus();
  });
}

constexpr HostKernel kKernels[] = {
    {"BatchMatrixSolveLs", 3, 3, InferSolveLs, SolveLs},
    {"BatchSelfAdjointEig", 1, 1, InferSelfAdjointEig, SelfAdjointEig},
    {"Eig", 1, 1, InferEig, Eig},
    {"MatrixExponential", 1, 1, InferSquare, Function},
    {"MatrixLogarithm", 1, 1, InferSquare, Function},
    {"MatrixSolveLs", 3, 3, InferSolveLs, SolveLs},
    {"MatrixSquareRoot", 1, 1, InferSquare, Function},
    {"SelfAdjointEig", 1, 1, InferSelfAdjointEig, SelfAdjointEig},
};

}  // namespace

absl::Span<const HostKernel> MatrixFunctionKernels() { return kKernels; }

}  // namespace moulin
