// Products of matrices on the emulator against the reference: see conv_test.cc on exactness.
#include "cuda/kernels/contract.h"

#include "kernel_testing.h"
#include "tests/support/int8_epilogue.h"

namespace moulin::cuda {
namespace {

Tensor Small(DType type, const Shape& shape, uint64_t seed = 1) {
  return IsFloating(type) ? RandomIntegers(type, shape, -2, 3, seed) : RandomTensor(type, shape, seed);
}

ContractAttrs Attrs(bool transpose_a = false, bool transpose_b = false) {
  ContractAttrs attrs;
  attrs.transpose_a = transpose_a;
  attrs.transpose_b = transpose_b;
  return attrs;
}

void ExpectProduct(const ContractAttrs& attrs, DType type, const Shape& a, const Shape& b) {
  SCOPED_TRACE(testing::Message() << Name(type) << a.ToString() << b.ToString());
  ExpectOpMatches(OpKind::kContract, attrs, {Small(type, a), Small(type, b, 2)});
}

TEST(ContractKernel, EveryType) {
  for (const DType type : RealTypes()) {
    if (type == DType::kBool) continue;
    ExpectProduct(Attrs(), type, Shape{10, 19}, Shape{19, 6});
    ExpectProduct(Attrs(), type, Shape{3, 19}, Shape{19, 6});
  }
}

TEST(ContractKernel, Transposed) {
  for (const int64_t m : {2, 33}) {
    ExpectProduct(Attrs(true, false), DType::kFloat32, Shape{21, m}, Shape{21, 37});
    ExpectProduct(Attrs(false, true), DType::kFloat32, Shape{m, 21}, Shape{37, 21});
    ExpectProduct(Attrs(true, true), DType::kFloat32, Shape{21, m}, Shape{37, 21});
  }
}

TEST(ContractKernel, ManyTilesAndTails) {
  ExpectProduct(Attrs(), DType::kFloat32, Shape{130, 33}, Shape{33, 67});
  ExpectProduct(Attrs(), DType::kFloat16, Shape{64, 16}, Shape{16, 64});
  ExpectProduct(Attrs(), DType::kFloat32, Shape{1, 300}, Shape{300, 70});
}

TEST(ContractKernel, Batches) {
  const DType type = DType::kFloat32;
  ExpectProduct(Attrs(), type, Shape{3, 9, 5}, Shape{3, 5, 4});
  ExpectProduct(Attrs(), type, Shape{3, 9, 5}, Shape{5, 4});  // one b: more rows
  ExpectProduct(Attrs(true, false), type, Shape{3, 5, 9}, Shape{5, 4});
  ExpectProduct(Attrs(), type, Shape{9, 5}, Shape{3, 5, 4});           // one a
  ExpectProduct(Attrs(), type, Shape{2, 1, 9, 5}, Shape{1, 3, 5, 4});  // both broadcast
  ExpectProduct(Attrs(), type, Shape{2, 3, 9, 5}, Shape{3, 5, 4});
  ExpectProduct(Attrs(), type, Shape{2, 1, 2, 1, 2, 1, 9, 5}, Shape{1, 2, 1, 2, 1, 2, 5, 4});
}

TEST(ContractKernel, Empty) {
  const DType type = DType::kFloat32;
  ExpectProduct(Attrs(), type, Shape{3, 0}, Shape{0, 4});  // zeros
  ExpectProduct(Attrs(), type, Shape{30, 0}, Shape{0, 4});
  ExpectProduct(Attrs(), type, Shape{0, 5}, Shape{5, 4});
  ExpectProduct(Attrs(), type, Shape{3, 5}, Shape{5, 0});
  ExpectProduct(Attrs(), type, Shape{0, 3, 5}, Shape{0, 5, 4});
}

// Bias, then residual, then each activation. The product is exact; the activations of float32 differ by a few roundings
// of functions that are accurate to 2 units in the last place, of the 16-bit types by three of theirs: the reference
// rounds the product, the sum and the result.
TEST(ContractKernel, Activations) {
  const ExprOp unary[] = {ExprOp::kRelu, ExprOp::kSigmoid, ExprOp::kTanh, ExprOp::kElu};
  for (const DType type : {DType::kFloat32, DType::kFloat16}) {
    const double tolerance = type == DType::kFloat32 ? 1e-6 : 3e-3;
    for (const ExprOp op : unary) {
      ContractAttrs attrs = Attrs();
      Expr e;
      const int sum =
          e.Binary(ExprOp::kAdd, e.Binary(ExprOp::kAdd, e.Input(0, type), e.Input(1, type)), e.Input(2, type));
      e.Unary(op, sum);
      attrs.epilogue = e;
      for (const int64_t m : {3, 11}) {
        ExpectOpMatches(OpKind::kContract, attrs,
                        {Small(type, Shape{m, 9}), Small(type, Shape{9, 5}, 2), Small(type, Shape{5}, 3),
                         Small(type, Shape{m, 5}, 4)},
                        tolerance);
      }
    }
  }
}

TEST(ContractKernel, SwishAndGelu) {
  const DType type = DType::kFloat32;
  for (const bool is_gelu : {false, true}) {
    ContractAttrs attrs = Attrs();
    Expr e;
    const int sum = e.Binary(ExprOp::kAdd, e.Input(0, type), e.Input(1, type));
    if (is_gelu) {
      const int erf = e.Unary(ExprOp::kErf, e.Binary(ExprOp::kMul, sum, e.Constant(type, M_SQRT1_2)));
      const int half = e.Binary(ExprOp::kMul, sum, e.Constant(type, 0.5));
      e.Binary(ExprOp::kMul, half, e.Binary(ExprOp::kAdd, erf, e.Constant(type, 1)));
    } else {
      e.Binary(ExprOp::kMul, sum, e.Unary(ExprOp::kSigmoid, sum));
    }
    attrs.epilogue = e;
    ExpectOpMatches(OpKind::kContract, attrs,
                    {Small(type, Shape{11, 9}), Small(type, Shape{9, 5}, 2), Small(type, Shape{5}, 3)}, 4e-6);
  }
}

TEST(ContractKernel, EpilogueOfIntegersRunsBehind) {
  ContractAttrs attrs = Attrs();
  Expr e;
  e.Cast(e.Binary(ExprOp::kAdd, e.Input(0, DType::kInt32), e.Input(1, DType::kInt32)), DType::kFloat32);
  attrs.epilogue = e;
  ExpectOpMatches(
      OpKind::kContract, attrs,
      {RandomIntegers(DType::kInt32, Shape{7, 9}, -50, 50), RandomIntegers(DType::kInt32, Shape{9, 5}, -50, 50),
       RandomIntegers(DType::kInt32, Shape{7, 1}, -50, 50)});
}

TEST(ContractKernel, Int8SumsInInt32) {
  ContractAttrs attrs = Attrs(false, true);
  attrs.product_type = DType::kInt32;
  const auto int8s = [](const Shape& shape, uint64_t seed) { return RandomTensor(DType::kInt8, shape, seed); };
  for (const int64_t m : {2, 70}) {
    ExpectOpMatches(OpKind::kContract, attrs, {int8s(Shape{m, 300}, 1), int8s(Shape{9, 300}, 2)});
  }
  ExpectOpMatches(OpKind::kContract, attrs, {int8s(Shape{3, 7, 32}, 1), int8s(Shape{9, 32}, 2)});
  attrs.epilogue = Int8Epilogue(/*has_residual=*/true, /*steps=*/0.25);
  ExpectOpMatches(OpKind::kContract, attrs,
                  {int8s(Shape{7, 32}, 1), int8s(Shape{9, 32}, 2), RandomTensor(DType::kFloat32, Shape{9}, 3),
                   RandomTensor(DType::kFloat32, Shape{7, 9}, 4)});
}

TEST(ContractKernel, ComplexIsTheHosts) { EXPECT_FALSE(ContractFunction(DType::kComplex64, DType::kComplex64)); }

}  // namespace
}  // namespace moulin::cuda
