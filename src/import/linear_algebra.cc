// Factorisations, solves, inverses and determinants of the innermost matrices. All are one primitive, told by the name
// that TensorFlow gives the op (without the prefix and suffix of its older and newer spellings).
#include "absl/strings/strip.h"
#include "import/lowering.h"

namespace moulin {
namespace {

std::vector<ValueId> Add(LoweringContext& c, absl::string_view op) {
  LinearAlgebraAttrs attrs;
  attrs.op = std::string(op);
  attrs.adjoint = c.Bool("adjoint", false);
  attrs.lower = c.Bool("lower", true);
  attrs.full = c.Bool("full_matrices", false);
  return c.b.AddMulti(OpKind::kLinearAlgebra, std::move(attrs), c.inputs());
}

// Ops whose name is the primitive's. BatchX is an old spelling of X.
void LowerByName(LoweringContext& c) { c.Outputs(Add(c, absl::StripPrefix(c.op(), "Batch"))); }

// Values with vectors that an attribute may leave out: they are then empty tensors.
void LowerWithOptionalVectors(LoweringContext& c, absl::string_view attr) {
  std::vector<ValueId> outputs = Add(c, absl::StripPrefix(c.op(), "Batch"));
  if (!c.b.ok()) return;
  if (!c.Bool(attr, true)) {
    StatusOr<Tensor> empty = Tensor::Allocate(c.dtype(0), Shape{0});
    if (!empty.ok()) return c.b.Fail(empty.status());
    for (size_t i = 1; i < outputs.size(); ++i) outputs[i] = c.b.Constant(*empty);
  }
  c.Outputs(outputs);
}

void LowerSvd(LoweringContext& c) { LowerWithOptionalVectors(c, "compute_uv"); }
void LowerSelfAdjointEig(LoweringContext& c) { LowerWithOptionalVectors(c, "compute_v"); }

// The first form: one result [..., n + 1, n], the values over the vectors.
void LowerSelfAdjointEigV1(LoweringContext& c) {
  const std::vector<ValueId> outputs = Add(c, "SelfAdjointEigV2");
  if (!c.b.ok()) return;
  c.Output(c.b.Concat({c.b.ExpandDims(outputs[0], -2), outputs[1]}, -2));
}

// -> factors, permutation.
void LowerLu(LoweringContext& c) {
  const std::vector<ValueId> outputs = Add(c, "Lu");
  if (!c.b.ok()) return;
  c.Output(outputs[0]);
  c.Output(c.b.Cast(outputs[1], c.Type("output_idx_type", DType::kInt32)));
}

constexpr OpLowering kLinearAlgebraLowerings[] = {
    {"BatchSelfAdjointEigV2", 1, 1, LowerSelfAdjointEig},
    {"BatchSvd", 1, 1, LowerSvd},
    {"Cholesky", 1, 1, LowerByName},
    {"BatchCholesky", 1, 1, LowerByName},
    {"MatrixInverse", 1, 1, LowerByName},
    {"BatchMatrixInverse", 1, 1, LowerByName},
    {"MatrixSolve", 2, 2, LowerByName},
    {"BatchMatrixSolve", 2, 2, LowerByName},
    {"MatrixTriangularSolve", 2, 2, LowerByName},
    {"BatchMatrixTriangularSolve", 2, 2, LowerByName},
    {"MatrixDeterminant", 1, 1, LowerByName},
    {"BatchMatrixDeterminant", 1, 1, LowerByName},
    {"LogMatrixDeterminant", 1, 1, LowerByName},
    {"Qr", 1, 1, LowerByName},
    {"Lu", 1, 1, LowerLu},
    {"Svd", 1, 1, LowerSvd},
    {"SelfAdjointEig", 1, 1, LowerSelfAdjointEigV1},
    {"BatchSelfAdjointEig", 1, 1, LowerSelfAdjointEigV1},
    {"SelfAdjointEigV2", 1, 1, LowerSelfAdjointEig},
};

}  // namespace

absl::Span<const OpLowering> LinearAlgebraLowerings() { return kLinearAlgebraLowerings; }

}  // namespace moulin
