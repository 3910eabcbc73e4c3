// Matrix products: MatMul, the batched forms, those of sparse matrices (made dense first). Einsum is in einsum.cc.
#include "import/einsum.h"
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

// The type of the result where it is not that of the operands; they are then converted first.
std::pair<ValueId, ValueId> InResultType(LoweringContext& c, DType result) {
  return {c.b.Cast(c.input(0), result), c.b.Cast(c.input(1), result)};
}

void LowerMatMul(LoweringContext& c) {
  if (c.shape(0).has_rank() && !RankIsOneOf(c, 0, {2})) return;
  if (c.shape(1).has_rank() && !RankIsOneOf(c, 1, {2})) return;
  ContractAttrs attrs;
  attrs.transpose_a = c.Bool("transpose_a", false);
  attrs.transpose_b = c.Bool("transpose_b", false);
  c.Output(c.b.Add(OpKind::kContract, std::move(attrs), {c.input(0), c.input(1)}));
}

// SparseMatMul is of dense tensors with many zeros; bfloat16 operands give a float.
void LowerSparseMatMul(LoweringContext& c) {
  ContractAttrs attrs;
  attrs.transpose_a = c.Bool("transpose_a", false);
  attrs.transpose_b = c.Bool("transpose_b", false);
  const auto [x, y] = InResultType(c, DType::kFloat32);
  c.Output(c.b.Add(OpKind::kContract, std::move(attrs), {x, y}));
}

void LowerFusedMatMul(LoweringContext& c) {
  ContractAttrs attrs;
  attrs.transpose_a = c.Bool("transpose_a", false);
  attrs.transpose_b = c.Bool("transpose_b", false);
  const ValueId x = c.b.Add(OpKind::kContract, std::move(attrs), {c.input(0), c.input(1)});
  c.Output(ApplyFusedOps(c, x, 2, 1));
}

void LowerBatchMatMul(LoweringContext& c) {
  ContractAttrs attrs;
  attrs.transpose_a = attrs.conjugate_a = c.Bool("adj_x", false);
  attrs.transpose_b = attrs.conjugate_b = c.Bool("adj_y", false);
  if (!IsComplex(c.dtype(0))) attrs.conjugate_a = attrs.conjugate_b = false;
  const auto [x, y] = InResultType(c, c.Type("Tout", c.dtype(0)));
  c.Output(c.b.Add(OpKind::kContract, std::move(attrs), {x, y}));
}

// (indices, values, shape, dense)
void LowerSparseTensorDenseMatMul(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const bool adjoint_a = c.Bool("adjoint_a", false), adjoint_b = c.Bool("adjoint_b", false);
  const bool is_complex = IsComplex(c.dtype(1));
  ContractAttrs attrs;
  attrs.transpose_a = adjoint_a;
  attrs.conjugate_a = adjoint_a && is_complex;
  attrs.transpose_b = adjoint_b;
  attrs.conjugate_b = adjoint_b && is_complex;
  const ValueId dense = b.Add(OpKind::kScatterNd, ScatterAttrs{}, {c.input(0), c.input(1), c.input(2)});
  c.Output(b.Add(OpKind::kContract, std::move(attrs), {dense, c.input(3)}));
}

constexpr OpLowering kMatmulLowerings[] = {
    {"MatMul", 2, 2, LowerMatMul},
    {"BatchMatMul", 2, 2, LowerBatchMatMul},
    {"BatchMatMulV2", 2, 2, LowerBatchMatMul},
    {"BatchMatMulV3", 2, 2, LowerBatchMatMul},
    {"_FusedMatMul", 2, kAnyNumber, LowerFusedMatMul},
    {"SparseMatMul", 2, 2, LowerSparseMatMul},
    {"SparseTensorDenseMatMul", 4, 4, LowerSparseTensorDenseMatMul},
    {"Einsum", 1, 2, LowerEinsum},
    {"XlaEinsum", 2, 2, LowerEinsum},
};

}  // namespace

absl::Span<const OpLowering> MatmulLowerings() { return kMatmulLowerings; }

}  // namespace moulin
