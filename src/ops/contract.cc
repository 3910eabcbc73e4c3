// Batched matrix product. Tests: tests/ops/contract_test.cc.
#include <algorithm>
#include <vector>

#include "kernels/scalar_arithmetic.h"
#include "ops/axes.h"
#include "ops/element.h"
#include "ops/epilogue.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

// Rows and columns of an operand as it is multiplied, after its transposition.
struct MatrixDims {
  int64_t rows;
  int64_t cols;
  MatrixDims(const PartialShape& shape, bool transpose)
      : rows(shape.dim(shape.rank() - (transpose ? 1 : 2))), cols(shape.dim(shape.rank() - (transpose ? 2 : 1))) {}
};

StatusOr<PartialShape> ProductShape(const PartialShape& a, const PartialShape& b, const ContractAttrs& attrs) {
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(a, 2, "the left matrix"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(b, 2, "the right matrix"));
  if (!a.has_rank() || !b.has_rank()) return PartialShape::UnknownRank();
  const MatrixDims left(a, attrs.transpose_a);
  const MatrixDims right(b, attrs.transpose_b);
  if (left.cols >= 0 && right.rows >= 0 && left.cols != right.rows) {
    return MakeError(ErrorCode::kShape, "matrices ", a.ToString(), attrs.transpose_a ? " (transposed)" : "", " and ",
                     b.ToString(), attrs.transpose_b ? " (transposed)" : "", " do not fit: expected ", left.cols,
                     " rows on the right, got ", right.rows);
  }
  MOULIN_ASSIGN_OR_RETURN(PartialShape out,
                          BroadcastPartial(SubShape(a, 0, a.rank() - 2), SubShape(b, 0, b.rank() - 2)));
  out.push_back(left.rows);
  out.push_back(right.cols);
  return out;
}

Status InferContract(InferContext& c) {
  const auto& attrs = c.attr<ContractAttrs>();
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(1), "the right matrix"));
  MOULIN_ASSIGN_OR_RETURN(const DType sums, InferProductType(c.dtype(0), attrs.product_type));
  if (!IsFloating(c.dtype(0)) && !IsComplex(c.dtype(0)) && !IsInteger(c.dtype(0))) {
    return MakeError(ErrorCode::kDType, "a matrix product needs a numeric type, got ", ShortName(c.dtype(0)));
  }
  MOULIN_ASSIGN_OR_RETURN(const PartialShape out, ProductShape(c.shape(0), c.shape(1), attrs));
  MOULIN_ASSIGN_OR_RETURN(const DType type, InferEpilogue(c, attrs.epilogue, 2, {sums, out}));
  return AddOutput(c, type, out);
}

// An operand as wide numbers, the matrices row-major as they are multiplied.
template <typename T>
std::vector<Wide<T>> WidenMatrices(const Tensor& x, bool transpose, bool conjugate) {
  const Shape& shape = x.shape();
  const int64_t rows = shape.dim(shape.rank() - 2), cols = shape.dim(shape.rank() - 1);
  const auto* from = static_cast<const T*>(x.data());
  std::vector<Wide<T>> wide(x.num_elements());
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    const int64_t col = i % cols, row = i / cols % rows, matrix = i / cols / rows * rows * cols;
    Wide<T> value = Widen(from[i]);
    if constexpr (kIsComplexElement<T>) {
      if (conjugate) value = std::conj(value);
    }
    wide[matrix + (transpose ? col * rows + row : row * cols + col)] = value;
  }
  return wide;
}

// y[i, j] += a[i, k] b[k, j]; integers wrap.
template <typename W>
void MultiplyMatrices(const W* a, const W* b, int64_t m, int64_t k, int64_t n, W* y) {
  std::fill_n(y, m * n, W(0));
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t l = 0; l < k; ++l) {
      const W left = a[i * k + l];
      for (int64_t j = 0; j < n; ++j) {
        if constexpr (std::is_integral_v<W>) {
          y[i * n + j] = scalar::Add(y[i * n + j], scalar::Mul(left, b[l * n + j]));
        } else {
          y[i * n + j] += left * b[l * n + j];
        }
      }
    }
  }
}

// Which matrix of an operand each matrix of the product is made from.
std::vector<int64_t> MatrixOfBatch(const Shape& operand, const Shape& batch) {
  const Shape::Dims strides = BroadcastStrides(SubShape(operand, 0, operand.rank() - 2), batch);
  std::vector<int64_t> matrices(batch.num_elements(), 0);
  for (int64_t i = 0; i < static_cast<int64_t>(matrices.size()); ++i) {
    int64_t rest = i;
    for (int axis = batch.rank() - 1; axis >= 0; --axis) {
      matrices[i] += rest % batch.dim(axis) * strides[axis];
      rest /= batch.dim(axis);
    }
  }
  return matrices;
}

// Operands of type T, a result of type R.
template <typename T, typename R>
void Multiply(const Tensor& a, const Tensor& b, const ContractAttrs& attrs, Tensor* y) {
  const Shape& shape = y->shape();
  const int64_t m = shape.dim(shape.rank() - 2), n = shape.dim(shape.rank() - 1);
  const int64_t k = a.shape().dim(a.shape().rank() - (attrs.transpose_a ? 2 : 1));
  const Shape batch = SubShape(shape, 0, shape.rank() - 2);
  const auto left = WidenMatrices<T>(a, attrs.transpose_a, attrs.conjugate_a);
  const auto right = WidenMatrices<T>(b, attrs.transpose_b, attrs.conjugate_b);
  const std::vector<int64_t> a_matrix = MatrixOfBatch(a.shape(), batch), b_matrix = MatrixOfBatch(b.shape(), batch);
  std::vector<Wide<T>> product(m * n);
  auto* out = static_cast<R*>(y->mutable_data());
  for (int64_t i = 0; i < static_cast<int64_t>(a_matrix.size()); ++i) {
    MultiplyMatrices(left.data() + a_matrix[i] * m * k, right.data() + b_matrix[i] * k * n, m, k, n, product.data());
    std::transform(product.begin(), product.end(), out + i * m * n, Narrow<R>);
  }
}

Status RunContract(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferContract));
  const auto& attrs = c.attr<ContractAttrs>();
  const DType operands = c.input(0).dtype(), sums = ProductTypeOf(attrs, operands);
  Tensor product = c.output(0);
  if (!attrs.epilogue.empty()) {
    MOULIN_ASSIGN_OR_RETURN(product, Tensor::Allocate(sums, c.output(0).shape()));
  }
  if (sums != operands) {
    Multiply<int8_t, int32_t>(c.input(0), c.input(1), attrs, &product);
  } else {
    MOULIN_RETURN_IF_ERROR(DispatchNumber(operands, "a matrix product", [&](auto tag) {
      Multiply<decltype(tag), decltype(tag)>(c.input(0), c.input(1), attrs, &product);
      return absl::OkStatus();
    }));
  }
  return attrs.epilogue.empty() ? absl::OkStatus() : RunEpilogue(c, attrs.epilogue, 2, product);
}

constexpr OpDef kContractOps[] = {{OpKind::kContract, 2, kAnyNumber, InferContract, RunContract}};

}  // namespace

absl::Span<const OpDef> ContractOps() { return kContractOps; }

}  // namespace moulin
