// Functions of whole matrices by Eigen: exponential, logarithm and square root, eigenvalues of matrices that need not
// be symmetric (in no order, as in TensorFlow), least squares. All are computed with complex doubles, whatever the
// type: results are at least as good, and Eigen's templates, which are slow to compile, have one instance. Tests:
// tests/ops/matrix_function_ops_test.cc.
#include <Eigen/Dense>
#include <cmath>
#include <complex>
#include <limits>
#include <unsupported/Eigen/MatrixFunctions>

#include "ops/axes.h"
#include "ops/host_op.h"
#include "ops/map_eval.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

using Complex = std::complex<double>;
using Matrix = Eigen::MatrixXcd;  // by columns, for which alone the templates are compiled
using RowMajor = Eigen::Matrix<Complex, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Status CheckLinearType(DType type) {
  const bool is_real = type == DType::kFloat32 || type == DType::kFloat64 || type == DType::kFloat16;
  return is_real || IsComplex(type) ? absl::OkStatus() : UnsupportedType(type);
}

// A tensor as complex doubles.
StatusOr<Tensor> Widened(const Tensor& x) {
  MOULIN_ASSIGN_OR_RETURN(Tensor wide, Tensor::Allocate(DType::kComplex128, x.shape()));
  MOULIN_RETURN_IF_ERROR(CastElements(x, &wide));
  return wide;
}

// The innermost matrices of a tensor of complex doubles; without elements there are none.
class Matrices {
 public:
  explicit Matrices(const Tensor& t) : data_(const_cast<Complex*>(static_cast<const Complex*>(t.data()))) {
    const Shape& shape = t.shape();
    rows_ = shape.dim(shape.rank() - 2);
    cols_ = shape.dim(shape.rank() - 1);
    count_ = t.num_elements() == 0 ? 0 : t.num_elements() / (rows_ * cols_);
  }
  int64_t count() const { return count_; }
  Eigen::Map<RowMajor> operator[](int64_t i) const { return {data_ + i * rows_ * cols_, rows_, cols_}; }

 private:
  Complex* data_;
  int64_t rows_, cols_, count_;
};

// --- Functions of square matrices ---

Status InferSquare(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckLinearType(c.dtype(0)));
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 2, "the matrices"));
  if (x.has_rank()) {
    MOULIN_RETURN_IF_ERROR(MergeDims(x.dim(x.rank() - 2), x.dim(x.rank() - 1), "a square matrix").status());
  }
  return AddOutput(c, c.dtype(0), x);
}

Matrix Exponential(const Matrix& x) { return x.exp(); }
Matrix SquareRoot(const Matrix& x) { return x.sqrt(); }

Matrix NoValues(const Matrix& x) {
  return Matrix::Constant(x.rows(), x.cols(), std::numeric_limits<double>::quiet_NaN());
}

// log x = 2^k log x^(1/2^k). Eigen takes roots of larger matrices until they are near 1, and would take them for ever
// where an eigenvalue is 0 or a root is not finite. So they are taken here, as often as any number has exponents.
Matrix Logarithm(const Matrix& x) {
  constexpr int kMostRoots = 1100;
  if (x.rows() <= 2) return x.log();
  const Eigen::ComplexSchur<Matrix> schur(x);
  Matrix t = schur.matrixT();
  const auto one = Matrix::Identity(x.rows(), x.cols());
  // Eigen's limit is 0.26 in the largest sum of a column, which the square root of their number bounds.
  const double near = 0.25 / std::sqrt(static_cast<double>(x.rows()));
  int roots = 0;
  for (; !((t - one).norm() < near); ++roots) {
    if (roots == kMostRoots || !t.allFinite() || (t.diagonal().array() == Complex(0)).any()) return NoValues(x);
    Matrix root = Matrix::Zero(x.rows(), x.cols());
    Eigen::matrix_sqrt_triangular(t, root);
    t = root;
  }
  const Matrix log = t.log();
  return std::ldexp(1.0, roots) * (schur.matrixU() * log * schur.matrixU().adjoint());
}

template <Matrix (*kFunction)(const Matrix&)>
Status Apply(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSquare));
  MOULIN_ASSIGN_OR_RETURN(const Tensor x, Widened(c.input(0)));
  MOULIN_ASSIGN_OR_RETURN(const Tensor y, Tensor::Allocate(DType::kComplex128, x.shape()));
  const Matrices from(x), to(y);
  for (int64_t i = 0; i < from.count(); ++i) {
    const Matrix matrix = from[i];
    to[i] = matrix.allFinite() ? kFunction(matrix) : NoValues(matrix);
  }
  return CastElements(y, &c.output(0));
}

// --- Eigenvalues ---

// -> values [..., n], vectors [..., n, n] (empty where compute_v is false), both complex.
Status InferEig(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckLinearType(c.dtype(0)));
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 2, "the matrices"));
  const std::vector<DType>& types = c.attr<HostOpAttrs>().output_types;
  if (types.size() != 2 || !IsComplex(types[0]) || types[1] != types[0]) {
    return MakeError(ErrorCode::kDType, "Tout should be complex64 or complex128");
  }
  const bool with_vectors = IntAttr(c.attr<HostOpAttrs>(), "compute_v", 1) != 0;
  if (!x.has_rank()) {
    c.Add(types[0], PartialShape());
    c.Add(types[0], with_vectors ? PartialShape() : PartialShape{0});
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const int64_t size, MergeDims(x.dim(x.rank() - 2), x.dim(x.rank() - 1), "a square matrix"));
  PartialShape values = SubShape(x, 0, x.rank() - 2);
  values.push_back(size);
  c.Add(types[0], values);
  c.Add(types[0], with_vectors ? x : PartialShape{0});
  return absl::OkStatus();
}

Status Eig(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferEig));
  MOULIN_ASSIGN_OR_RETURN(const Tensor x, Widened(c.input(0)));
  MOULIN_ASSIGN_OR_RETURN(Tensor values, Tensor::Allocate(DType::kComplex128, c.output(0).shape()));
  MOULIN_ASSIGN_OR_RETURN(const Tensor vectors, Tensor::Allocate(DType::kComplex128, x.shape()));
  const bool with_vectors = IntAttr(c.attr<HostOpAttrs>(), "compute_v", 1) != 0;
  const Matrices from(x), to(vectors);
  auto* value = static_cast<Complex*>(values.mutable_data());
  for (int64_t i = 0; i < from.count(); ++i) {
    if (!from[i].allFinite()) return MakeError(ErrorCode::kValue, "a matrix has elements that are not finite");
    const Eigen::ComplexEigenSolver<Matrix> solver(Matrix(from[i]), with_vectors);
    if (solver.info() != Eigen::Success) return MakeError(ErrorCode::kValue, "the eigenvalues did not converge");
    for (const Complex& v : solver.eigenvalues()) *value++ = v;
    if (with_vectors) to[i] = solver.eigenvectors();
  }
  MOULIN_RETURN_IF_ERROR(CastElements(values, &c.output(0)));
  return with_vectors ? CastElements(vectors, &c.output(1)) : absl::OkStatus();
}

// --- Least squares ---

// (matrices [..., m, n], right-hand sides [..., m, k], regulariser) -> [..., n, k]
Status InferSolveLs(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckLinearType(c.dtype(0)));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(1), "the right-hand side"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat64, c.dtype(2), "l2_regularizer"));
  const PartialShape &a = c.shape(0), &b = c.shape(1);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(a, 2, "the matrices"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(b, 2, "the right-hand side"));
  if (!a.has_rank() || !b.has_rank()) return AddOutput(c, c.dtype(0), PartialShape());
  MOULIN_RETURN_IF_ERROR(MergeDims(a.dim(a.rank() - 2), b.dim(b.rank() - 2), "the right-hand side's rows").status());
  MOULIN_ASSIGN_OR_RETURN(
      PartialShape y, MergeShapes(SubShape(a, 0, a.rank() - 2), SubShape(b, 0, b.rank() - 2), "the right-hand side"));
  y.push_back(a.dim(a.rank() - 1));
  y.push_back(b.dim(b.rank() - 1));
  return AddOutput(c, c.dtype(0), y);
}

// By the normal equations, on the side that has fewer of them.
StatusOr<Matrix> SolveNormal(const Matrix& a, const Matrix& b, double regularizer) {
  const bool is_tall = a.rows() >= a.cols();
  Matrix gram = is_tall ? Matrix(a.adjoint() * a) : Matrix(a * a.adjoint());
  gram += Complex(regularizer) * Matrix::Identity(gram.rows(), gram.cols());
  const Eigen::LLT<Matrix> llt(gram);
  if (llt.info() != Eigen::Success) {
    return MakeError(ErrorCode::kValue, "the matrix is rank deficient; try fast=False, or a regulariser above 0");
  }
  if (is_tall) return Matrix(llt.solve(a.adjoint() * b));
  return Matrix(a.adjoint() * llt.solve(b));
}

Status SolveLs(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSolveLs));
  if (c.input(2).num_elements() != 1) return MakeError(ErrorCode::kShape, "l2_regularizer should be a scalar");
  const double regularizer = c.input(2).values<double>()[0];
  if (regularizer < 0) return MakeError(ErrorCode::kValue, "l2_regularizer should be at least 0, got ", regularizer);
  MOULIN_ASSIGN_OR_RETURN(const Tensor a, Widened(c.input(0)));
  MOULIN_ASSIGN_OR_RETURN(const Tensor b, Widened(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const Tensor y, Tensor::Allocate(DType::kComplex128, c.output(0).shape()));
  const bool is_fast = IntAttr(c.attr<HostOpAttrs>(), "fast", 1) != 0;
  const Matrices left(a), right(b), to(y);
  if (left.count() == 0 || right.count() == 0) return CastElements(y, &c.output(0));
  for (int64_t i = 0; i < to.count(); ++i) {
    if (is_fast) {
      MOULIN_ASSIGN_OR_RETURN(const Matrix solution, SolveNormal(left[i], right[i], regularizer));
      to[i] = solution;
    } else {
      to[i] = Eigen::CompleteOrthogonalDecomposition<Matrix>(Matrix(left[i])).solve(Matrix(right[i]));
    }
  }
  return CastElements(y, &c.output(0));
}

constexpr HostOp kMatrixFunctionKernels[] = {
    {"BatchMatrixSolveLs", 3, 3, InferSolveLs, SolveLs},
    {"Eig", 1, 1, InferEig, Eig},
    {"MatrixExponential", 1, 1, InferSquare, Apply<Exponential>},
    {"MatrixLogarithm", 1, 1, InferSquare, Apply<Logarithm>},
    {"MatrixSolveLs", 3, 3, InferSolveLs, SolveLs},
    {"MatrixSquareRoot", 1, 1, InferSquare, Apply<SquareRoot>},
};

}  // namespace

absl::Span<const HostOp> MatrixFunctionKernels() { return kMatrixFunctionKernels; }

}  // namespace moulin
