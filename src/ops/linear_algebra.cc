// Factorisations and solvers of the innermost matrices. Tests: tests/ops/linear_algebra_test.cc.
#include "ops/linear_algebra.h"

#include <algorithm>
#include <complex>

#include "absl/strings/string_view.h"
#include "ops/axes.h"
#include "ops/map_eval.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

using InferMatrices = Status (*)(InferContext&, const PartialShape& batch, int64_t rows, int64_t cols);

Status CheckSquare(int64_t rows, int64_t cols) {
  if (rows < 0 || cols < 0 || rows == cols) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, "expected square matrices, got ", rows, " by ", cols);
}

Status AddMatrices(InferContext& c, PartialShape batch, int64_t rows, int64_t cols) {
  batch.push_back(rows);
  batch.push_back(cols);
  return AddOutput(c, c.dtype(0), batch);
}

Status AddVectors(InferContext& c, DType type, PartialShape batch, int64_t size) {
  batch.push_back(size);
  return AddOutput(c, type, batch);
}

int64_t Smaller(int64_t a, int64_t b) { return a < 0 || b < 0 ? kUnknownDim : std::min(a, b); }

Status InferSquare(InferContext& c, const PartialShape& batch, int64_t rows, int64_t cols) {
  MOULIN_RETURN_IF_ERROR(CheckSquare(rows, cols));
  MOULIN_ASSIGN_OR_RETURN(const int64_t size, MergeDims(rows, cols, "a square matrix"));
  return AddMatrices(c, batch, size, size);
}

// (matrix, right-hand sides); the axes before the matrices broadcast for a triangular solve alone, as in TensorFlow.
Status InferSolve(InferContext& c, const PartialShape& batch, int64_t rows, int64_t cols) {
  MOULIN_RETURN_IF_ERROR(CheckSquare(rows, cols));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(1), "the right-hand side"));
  const PartialShape& rhs = c.shape(1);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(rhs, 2, "the right-hand side"));
  if (!rhs.has_rank()) return AddOutput(c, c.dtype(0), PartialShape::UnknownRank());
  MOULIN_ASSIGN_OR_RETURN(const int64_t size, MergeDims(rows, rhs.dim(rhs.rank() - 2), "the right-hand side's rows"));
  const PartialShape rhs_batch = SubShape(rhs, 0, rhs.rank() - 2);
  const bool broadcasts = c.attr<LinearAlgebraAttrs>().op == "MatrixTriangularSolve";
  MOULIN_ASSIGN_OR_RETURN(const PartialShape out_batch, broadcasts
                                                            ? BroadcastPartial(batch, rhs_batch)
                                                            : MergeShapes(batch, rhs_batch, "the right-hand side"));
  return AddMatrices(c, out_batch, size, rhs.dim(rhs.rank() - 1));
}

Status InferDeterminant(InferContext& c, const PartialShape& batch, int64_t rows, int64_t cols) {
  MOULIN_RETURN_IF_ERROR(CheckSquare(rows, cols));
  if (c.attr<LinearAlgebraAttrs>().op == "LogMatrixDeterminant") c.Add(c.dtype(0), batch);  // the sign
  return AddOutput(c, c.dtype(0), batch);
}

Status InferSvd(InferContext& c, const PartialShape& batch, int64_t rows, int64_t cols) {
  const auto& attrs = c.attr<LinearAlgebraAttrs>();
  const int64_t rank = Smaller(rows, cols);
  MOULIN_RETURN_IF_ERROR(AddVectors(c, c.dtype(0), batch, rank));
  if (!attrs.vectors) {
    c.Add(c.dtype(0), PartialShape({0}));
    c.Add(c.dtype(0), PartialShape({0}));
    return absl::OkStatus();
  }
  MOULIN_RETURN_IF_ERROR(AddMatrices(c, batch, rows, attrs.full ? rows : rank));
  return AddMatrices(c, batch, cols, attrs.full ? cols : rank);
}

Status InferQr(InferContext& c, const PartialShape& batch, int64_t rows, int64_t cols) {
  const int64_t rank = c.attr<LinearAlgebraAttrs>().full ? rows : Smaller(rows, cols);
  MOULIN_RETURN_IF_ERROR(AddMatrices(c, batch, rows, rank));
  return AddMatrices(c, batch, rank, cols);
}

Status InferEigen(InferContext& c, const PartialShape& batch, int64_t rows, int64_t cols) {
  MOULIN_RETURN_IF_ERROR(CheckSquare(rows, cols));
  MOULIN_RETURN_IF_ERROR(AddVectors(c, c.dtype(0), batch, rows));
  if (c.attr<LinearAlgebraAttrs>().vectors) return AddMatrices(c, batch, rows, cols);
  c.Add(c.dtype(0), PartialShape({0}));
  return absl::OkStatus();
}

Status InferLu(InferContext& c, const PartialShape& batch, int64_t rows, int64_t cols) {
  MOULIN_RETURN_IF_ERROR(InferSquare(c, batch, rows, cols));
  return AddVectors(c, c.attr<LinearAlgebraAttrs>().index_type, batch, rows);
}

struct Routine {
  absl::string_view op;
  int inputs;
  int outputs;
  InferMatrices infer;
};

constexpr Routine kRoutines[] = {
    {"Cholesky", 1, 1, InferSquare},
    {"MatrixInverse", 1, 1, InferSquare},
    {"MatrixSolve", 2, 1, InferSolve},
    {"MatrixTriangularSolve", 2, 1, InferSolve},
    {"MatrixDeterminant", 1, 1, InferDeterminant},
    {"LogMatrixDeterminant", 1, 2, InferDeterminant},
    {"Svd", 1, 3, InferSvd},
    {"Qr", 1, 2, InferQr},
    {"SelfAdjointEigV2", 1, 2, InferEigen},
    {"Lu", 1, 2, InferLu},
};

StatusOr<const Routine*> FindRoutine(absl::string_view op) {
  for (const Routine& routine : kRoutines) {
    if (routine.op == op) return &routine;
  }
  return MakeError(ErrorCode::kAttribute, "unknown linear algebra routine \"", Printable(op), "\"");
}

Status InferLinearAlgebra(InferContext& c) {
  const auto& attrs = c.attr<LinearAlgebraAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const Routine* routine, FindRoutine(attrs.op));
  if (c.num_inputs() != routine->inputs) {
    return MakeError(ErrorCode::kArity, attrs.op, ": expected ", routine->inputs, " inputs, got ", c.num_inputs());
  }
  const DType type = c.dtype(0);
  if (!IsFloating(type) && !IsComplex(type)) {
    return MakeError(ErrorCode::kDType, attrs.op, ": expected a floating or complex type, got ", ShortName(type));
  }
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 2, "the matrices"));
  if (!x.has_rank()) {
    const bool permutation = attrs.op == "Lu";
    for (int i = 0; i < routine->outputs; ++i) {
      c.Add(permutation && i == 1 ? attrs.index_type : type, PartialShape::UnknownRank());
    }
    return absl::OkStatus();
  }
  return routine->infer(c, SubShape(x, 0, x.rank() - 2), x.dim(x.rank() - 2), x.dim(x.rank() - 1));
}

Status SolveMatrices(const KernelContext& c) {
  return IsComplex(c.input(0).dtype()) ? SolveMatricesOf<std::complex<double>>(c) : SolveMatricesOf<double>(c);
}

// The type that single precision is computed in.
DType Widened(DType type) { return IsFloating(type) ? DType::kFloat64 : IsComplex(type) ? DType::kComplex128 : type; }

// Single precision is computed in double: better results, and half the instances of Eigen's templates to compile.
Status SolveWidened(const KernelContext& c) {
  std::vector<Tensor> inputs, outputs;
  for (const Tensor& input : c.inputs) {
    MOULIN_ASSIGN_OR_RETURN(Tensor wide, Tensor::Allocate(Widened(input.dtype()), input.shape()));
    MOULIN_RETURN_IF_ERROR(CastElements(input, &wide));
    inputs.push_back(std::move(wide));
  }
  for (const Tensor& output : c.outputs) {
    MOULIN_ASSIGN_OR_RETURN(Tensor wide, Tensor::Allocate(Widened(output.dtype()), output.shape()));
    outputs.push_back(std::move(wide));
  }
  MOULIN_RETURN_IF_ERROR(SolveMatrices(KernelContext{c.attrs, inputs, absl::MakeSpan(outputs), c.limits}));
  for (size_t i = 0; i < outputs.size(); ++i) MOULIN_RETURN_IF_ERROR(CastElements(outputs[i], &c.outputs[i]));
  return absl::OkStatus();
}

Status RunLinearAlgebra(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferLinearAlgebra));
  const DType type = c.input(0).dtype();
  return type == Widened(type) ? SolveMatrices(c) : SolveWidened(c);
}

constexpr OpDef kLinearAlgebraOps[] = {{OpKind::kLinearAlgebra, 1, 2, InferLinearAlgebra, RunLinearAlgebra}};

}  // namespace

absl::Span<const OpDef> LinearAlgebraOps() { return kLinearAlgebraOps; }

}  // namespace moulin
