// The kernels of LinearAlgebra, templates over the element type; instantiated in linear_algebra_*.cc.
//
// The algorithms (Householder QR, partial pivoting, Jacobi's singular values) are the ones that TensorFlow uses on the
// CPU (the last for matrices below 16 columns), so that signs of singular vectors and the like agree with it.
#ifndef MOULIN_OPS_LINEAR_ALGEBRA_KERNELS_H_
#define MOULIN_OPS_LINEAR_ALGEBRA_KERNELS_H_

#include <Eigen/Dense>
#include <complex>
#include <limits>

#include "absl/strings/string_view.h"
#include "ops/axes.h"
#include "ops/linear_algebra.h"
#include "ops/op_util.h"

namespace moulin {
namespace internal {

template <typename T>
struct Linear {
  using Real = typename Eigen::NumTraits<T>::Real;
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using InMap = Eigen::Map<const Matrix>;
  using OutMap = Eigen::Map<Matrix>;

  static Matrix Adjoint(const InMap& a, bool adjoint) {
    if (adjoint) return a.adjoint();
    return a;
  }

  static Status CheckInvertible(const Eigen::PartialPivLU<Matrix>& lu) {
    const Real smallest = lu.matrixLU().diagonal().cwiseAbs().minCoeff();
    if (smallest > Real(0)) return absl::OkStatus();
    return MakeError(ErrorCode::kValue, "the matrix is not invertible: its smallest pivot is ", smallest);
  }

  // NaN where the matrix is not positive definite, as TensorFlow has it.
  static Status Cholesky(const InMap& a, OutMap y) {
    const Eigen::LLT<Matrix, Eigen::Lower> llt(a);
    const Matrix factor = llt.info() == Eigen::Success
                              ? Matrix(llt.matrixL())
                              : Matrix::Constant(a.rows(), a.cols(), T(std::numeric_limits<Real>::quiet_NaN()));
    y = factor.template triangularView<Eigen::Lower>();
    return absl::OkStatus();
  }

  static Status Inverse(const InMap& a, bool adjoint, OutMap y) {
    const Eigen::PartialPivLU<Matrix> lu(Adjoint(a, adjoint));
    MOULIN_RETURN_IF_ERROR(CheckInvertible(lu));
    y = lu.inverse();
    return absl::OkStatus();
  }

  static Status Solve(const InMap& a, const InMap& b, bool adjoint, OutMap y) {
    const Eigen::PartialPivLU<Matrix> lu(Adjoint(a, adjoint));
    MOULIN_RETURN_IF_ERROR(CheckInvertible(lu));
    y = lu.solve(b);
    return absl::OkStatus();
  }

  // A zero on the diagonal gives infinities, as in TensorFlow.
  static Status TriangularSolve(const InMap& a, const InMap& b, const LinearAlgebraAttrs& attrs, OutMap y) {
    const Matrix m = Adjoint(a, attrs.adjoint);
    if (attrs.lower != attrs.adjoint) {
      y = m.template triangularView<Eigen::Lower>().solve(b);
    } else {
      y = m.template triangularView<Eigen::Upper>().solve(b);
    }
    return absl::OkStatus();
  }

  // det a = *sign * exp(*log): the sign of 0 is 0.
  static void LogDeterminant(const InMap& a, T* sign, T* log) {
    const Eigen::PartialPivLU<Matrix> lu(a);
    *sign = static_cast<T>(lu.permutationP().determinant());
    Real sum(0);
    for (Eigen::Index i = 0; i < a.rows(); ++i) {
      const T pivot = lu.matrixLU()(i, i);
      const Real magnitude = std::abs(pivot);
      sum += std::log(magnitude);
      *sign = magnitude == Real(0) ? T(0) : *sign * (pivot / magnitude);
    }
    *log = static_cast<T>(sum);
  }

  static Status Svd(const InMap& a, bool full, OutMap s, OutMap* u, OutMap* v) {
    using ColumnMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
    unsigned options = 0;
    if (u != nullptr)
      options = full ? Eigen::ComputeFullU | Eigen::ComputeFullV : Eigen::ComputeThinU | Eigen::ComputeThinV;
    if (!a.allFinite()) {  // whose rotations would compare NaN and leave what looks like values
      for (OutMap* y : {&s, u, v}) {
        if (y != nullptr) y->fill(T(std::numeric_limits<Real>::quiet_NaN()));
      }
      return absl::OkStatus();
    }
    const Eigen::JacobiSVD<ColumnMajor> svd(a, options);
    s = svd.singularValues().template cast<T>().transpose();
    if (u != nullptr) {
      *u = svd.matrixU();
      *v = svd.matrixV();
    }
    return absl::OkStatus();
  }

  static void Qr(const InMap& a, OutMap q, OutMap r) {
    const Eigen::HouseholderQR<Matrix> qr(a);
    q = qr.householderQ() * Matrix::Identity(q.rows(), q.cols());
    r = qr.matrixQR().topRows(r.rows()).template triangularView<Eigen::Upper>();
  }

  static Status SelfAdjointEigen(const InMap& a, OutMap values, OutMap* vectors) {
    const Eigen::SelfAdjointEigenSolver<Matrix> solver(
        a, vectors != nullptr ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
    if (solver.info() != Eigen::Success) return MakeError(ErrorCode::kValue, "the eigenvalues did not converge");
    values = solver.eigenvalues().template cast<T>().transpose();
    if (vectors != nullptr) *vectors = solver.eigenvectors();
    return absl::OkStatus();
  }

  // Row i of the factors' product is row permutation[i] of a.
  static Status Lu(const InMap& a, OutMap factors, int64_t* permutation) {
    const Eigen::PartialPivLU<Matrix> lu(a);
    MOULIN_RETURN_IF_ERROR(CheckInvertible(lu));
    factors = lu.matrixLU();
    const auto destination = lu.permutationP().indices();
    for (Eigen::Index i = 0; i < a.rows(); ++i) permutation[destination(i)] = i;
    return absl::OkStatus();
  }
};

// The matrices of an operand or a result, by number; a vector counts as a matrix of one row.
template <typename T>
class Matrices {
 public:
  using Map = typename Linear<T>::OutMap;
  using ConstMap = typename Linear<T>::InMap;

  Matrices(const Tensor& t, int innermost_axes) : data_(const_cast<T*>(static_cast<const T*>(t.data()))) {
    const Shape& shape = t.shape();
    cols_ = innermost_axes >= 1 ? shape.dim(shape.rank() - 1) : 1;
    rows_ = innermost_axes == 2 ? shape.dim(shape.rank() - 2) : 1;
  }
  Map At(int64_t i) const { return Map(data_ + i * rows_ * cols_, rows_, cols_); }
  ConstMap ConstAt(int64_t i) const { return ConstMap(data_ + i * rows_ * cols_, rows_, cols_); }
  T* Element(int64_t i) const { return data_ + i; }

 private:
  T* data_;
  int64_t rows_, cols_;
};

// For each matrix of the result, the matrix of the operand that it is made from.
inline int64_t SourceMatrix(const Shape& operand, const Shape& result, int64_t matrix) {
  const Shape batch = SubShape(result, 0, result.rank() - 2);
  const Shape::Dims strides = BroadcastStrides(SubShape(operand, 0, operand.rank() - 2), batch);
  int64_t source = 0;
  for (int axis = batch.rank() - 1; axis >= 0; --axis) {
    source += matrix % batch.dim(axis) * strides[axis];
    matrix /= batch.dim(axis);
  }
  return source;
}

template <typename T>
Status SolveAll(const KernelContext& c) {
  const auto& attrs = c.attr<LinearAlgebraAttrs>();
  const Shape& result = c.output(0).shape();
  const Matrices<T> a(c.input(0), 2), b(c.input(1), 2), y(c.output(0), 2);
  if (result.num_elements() == 0) return absl::OkStatus();
  const int64_t size = result.dim(result.rank() - 2) * result.dim(result.rank() - 1);
  for (int64_t i = 0; i < result.num_elements() / size; ++i) {
    const auto left = a.ConstAt(SourceMatrix(c.input(0).shape(), result, i));
    const auto right = b.ConstAt(SourceMatrix(c.input(1).shape(), result, i));
    MOULIN_RETURN_IF_ERROR(attrs.op == "MatrixSolve" ? Linear<T>::Solve(left, right, attrs.adjoint, y.At(i))
                                                     : Linear<T>::TriangularSolve(left, right, attrs, y.At(i)));
  }
  return absl::OkStatus();
}

template <typename T>
Status Factorise(const KernelContext& c, int64_t i) {
  using L = Linear<T>;
  const auto& attrs = c.attr<LinearAlgebraAttrs>();
  const absl::string_view op = attrs.op;
  const auto a = Matrices<T>(c.input(0), 2).ConstAt(i);
  const auto matrix = [&](int output) { return Matrices<T>(c.output(output), 2).At(i); };
  const auto vector = [&](int output) { return Matrices<T>(c.output(output), 1).At(i); };
  const auto scalar = [&](int output) { return Matrices<T>(c.output(output), 0).Element(i); };
  if (op == "Cholesky") return L::Cholesky(a, matrix(0));
  if (op == "MatrixInverse") return L::Inverse(a, attrs.adjoint, matrix(0));
  if (op == "MatrixDeterminant") {
    *scalar(0) = Eigen::PartialPivLU<typename L::Matrix>(a).determinant();
  } else if (op == "LogMatrixDeterminant") {
    L::LogDeterminant(a, scalar(0), scalar(1));
  } else if (op == "Svd") {
    if (!attrs.vectors) return L::Svd(a, attrs.full, vector(0), nullptr, nullptr);
    auto u = matrix(1), v = matrix(2);
    return L::Svd(a, attrs.full, vector(0), &u, &v);
  } else if (op == "Qr") {
    L::Qr(a, matrix(0), matrix(1));
  } else if (op == "SelfAdjointEigV2") {
    if (!attrs.vectors) return L::SelfAdjointEigen(a, vector(0), nullptr);
    auto vectors = matrix(1);
    return L::SelfAdjointEigen(a, vector(0), &vectors);
  }
  return absl::OkStatus();
}

template <typename T>
Status LuAll(const KernelContext& c) {
  const Matrices<T> a(c.input(0), 2), factors(c.output(0), 2);
  std::vector<int64_t> permutation(c.output(1).num_elements());
  const int64_t n = c.input(0).shape().dim(c.input(0).shape().rank() - 1);
  for (int64_t i = 0; i < static_cast<int64_t>(permutation.size()) / std::max<int64_t>(n, 1); ++i) {
    MOULIN_RETURN_IF_ERROR(Linear<T>::Lu(a.ConstAt(i), factors.At(i), permutation.data() + i * n));
  }
  return StoreInts(permutation, &c.output(1));
}

// What a factorisation of empty matrices gives: determinants are 1, square orthogonal factors the identity.
template <typename T>
void FillEmpty(const KernelContext& c) {
  const auto& attrs = c.attr<LinearAlgebraAttrs>();
  if (attrs.op == "MatrixDeterminant" || attrs.op == "LogMatrixDeterminant") {
    std::fill_n(static_cast<T*>(c.output(0).mutable_data()), c.output(0).num_elements(), T(1));
  }
  for (int i = 0; i < static_cast<int>(c.outputs.size()); ++i) {
    const bool orthogonal = (attrs.op == "Qr" && i == 0) || (attrs.op == "Svd" && i > 0 && attrs.vectors);
    const Shape& shape = c.output(i).shape();
    if (!orthogonal || c.output(i).num_elements() == 0) continue;
    const int64_t size = shape.dim(shape.rank() - 1) * shape.dim(shape.rank() - 2);
    for (int64_t m = 0; m < shape.num_elements() / size; ++m) Matrices<T>(c.output(i), 2).At(m).setIdentity();
  }
}

}  // namespace internal

template <typename T>
Status SolveMatricesOf(const KernelContext& c) {
  const auto& attrs = c.attr<LinearAlgebraAttrs>();
  if (attrs.op == "MatrixSolve" || attrs.op == "MatrixTriangularSolve") return internal::SolveAll<T>(c);
  if (attrs.op == "Lu") return internal::LuAll<T>(c);
  const Shape& x = c.input(0).shape();
  if (x.num_elements() == 0) {
    internal::FillEmpty<T>(c);
    return absl::OkStatus();
  }
  const int64_t matrices = x.num_elements() / (x.dim(x.rank() - 1) * x.dim(x.rank() - 2));
  for (int64_t i = 0; i < matrices; ++i) MOULIN_RETURN_IF_ERROR(internal::Factorise<T>(c, i));
  return absl::OkStatus();
}

}  // namespace moulin

#endif  // MOULIN_OPS_LINEAR_ALGEBRA_KERNELS_H_
