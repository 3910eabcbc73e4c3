// The innermost matrices of tensors, copied to and from Eigen's matrices of double precision: for host kernels that
// work on one matrix at a time.
#ifndef MOULIN_OPS_MATRIX_VIEW_H_
#define MOULIN_OPS_MATRIX_VIEW_H_

#include <Eigen/Core>
#include <complex>

#include "ops/element.h"
#include "ops/op_def.h"

namespace moulin {

template <typename W>
using WideMatrix = Eigen::Matrix<W, Eigen::Dynamic, Eigen::Dynamic>;

// f(double()) or f(std::complex<double>()): what matrices of the type are computed in. E_DTYPE for other types.
template <typename F>
Status DispatchMatrix(DType type, F f) {
  if (type == DType::kFloat32 || type == DType::kFloat64) return f(double());
  if (IsComplex(type)) return f(std::complex<double>());
  return UnsupportedType(type);
}

inline int64_t MatrixRows(const Tensor& t) { return t.shape().dim(t.shape().rank() - 2); }
inline int64_t MatrixCols(const Tensor& t) { return t.shape().dim(t.shape().rank() - 1); }

// Rows and columns from element `begin` of a tensor, in row-major order.
template <typename W>
WideMatrix<W> LoadMatrix(const Tensor& t, int64_t begin, int64_t rows, int64_t cols) {
  WideMatrix<W> m(rows, cols);
  const auto load = [&](auto tag) {
    using T = decltype(tag);
    const T* data = static_cast<const T*>(t.data()) + begin;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = 0; k < cols; ++k) {
        if constexpr (!kIsComplexElement<T> || kIsComplexElement<W>) m(r, k) = static_cast<W>(data[r * cols + k]);
      }
    }
  };
  if (t.dtype() == DType::kFloat32) load(float());
  if (t.dtype() == DType::kFloat64) load(double());
  if (t.dtype() == DType::kComplex64) load(std::complex<float>());
  if (t.dtype() == DType::kComplex128) load(std::complex<double>());
  return m;
}

template <typename W>
WideMatrix<W> LoadMatrix(const Tensor& t, int64_t number) {
  const int64_t rows = MatrixRows(t), cols = MatrixCols(t);
  return LoadMatrix<W>(t, number * rows * cols, rows, cols);
}

// Writes a matrix (or an expression of one) from element `begin` on.
template <typename Derived>
void StoreMatrix(const Eigen::MatrixBase<Derived>& m, Tensor& t, int64_t begin) {
  const auto store = [&](auto tag) {
    using T = decltype(tag);
    T* data = static_cast<T*>(t.mutable_data()) + begin;
    for (int64_t r = 0; r < m.rows(); ++r) {
      for (int64_t k = 0; k < m.cols(); ++k) {
        if constexpr (kIsComplexElement<T> || !kIsComplexElement<typename Derived::Scalar>) {
          data[r * m.cols() + k] = static_cast<T>(m(r, k));
        }
      }
    }
  };
  if (t.dtype() == DType::kFloat32) store(float());
  if (t.dtype() == DType::kFloat64) store(double());
  if (t.dtype() == DType::kComplex64) store(std::complex<float>());
  if (t.dtype() == DType::kComplex128) store(std::complex<double>());
}

}  // namespace moulin

#endif  // MOULIN_OPS_MATRIX_VIEW_H_
