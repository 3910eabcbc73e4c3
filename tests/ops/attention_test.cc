#include <cmath>

#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

Tensor Wave(const Shape& shape, float step) {
  Tensor t = Tensor::Allocate(DType::kFloat32, shape).value();
  for (int64_t i = 0; i < t.num_elements(); ++i) t.mutable_values<float>()[i] = std::sin(step * static_cast<float>(i));
  return t;
}

// The same from Contract, Map and Softmax.
Tensor Composed(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor* mask, double scale, bool transpose_k) {
  ContractAttrs scores{false, transpose_k};
  Expr& e = scores.epilogue;
  const int scaled = e.Binary(ExprOp::kMul, e.Input(0, DType::kFloat32), e.Constant(DType::kFloat32, scale));
  if (mask != nullptr) e.Binary(ExprOp::kAdd, scaled, e.Input(1, DType::kFloat32));
  std::vector<Tensor> inputs = {q, k};
  if (mask != nullptr) inputs.push_back(*mask);
  const Tensor weights = RunOne(OpKind::kSoftmax, SoftmaxAttrs{}, {RunOne(OpKind::kContract, scores, inputs)});
  return RunOne(OpKind::kContract, ContractAttrs{}, {weights, v});
}

TEST(Attention, AgreesWithItsParts) {
  const Tensor q = Wave({2, 3, 4, 5}, 0.7f), k = Wave({2, 3, 6, 5}, 1.1f), v = Wave({2, 3, 6, 2}, 1.7f);
  const Tensor kt = Wave({2, 1, 5, 6}, 0.3f), mask = Wave({2, 1, 1, 6}, 2.3f);
  for (bool transposed : {true, false}) {
    for (bool masked : {false, true}) {
      std::vector<Tensor> inputs = {q, transposed ? k : kt, v};
      if (masked) inputs.push_back(mask);
      const Tensor y = RunOne(OpKind::kAttention, AttentionAttrs{0.4, transposed}, inputs);
      const Tensor expected = Composed(q, inputs[1], v, masked ? &mask : nullptr, 0.4, transposed);
      ASSERT_EQ(y.shape(), Shape({2, 3, 4, 2}));
      EXPECT_THAT(Values<float>(y), Pointwise(FloatNear(1e-6f), Values<float>(expected)));
    }
  }
}

TEST(Attention, Infers) {
  const auto infer = [](PartialShape q, PartialShape k, PartialShape v) {
    return Inferred(OpKind::kAttention, AttentionAttrs{},
                    {{DType::kFloat32, q}, {DType::kFloat32, k}, {DType::kFloat32, v}});
  };
  EXPECT_EQ(infer({-1, 4, 5}, {-1, 6, 5}, {-1, 6, 2}), "f32[?,4,2]");
  EXPECT_EQ(infer({4, 5}, {6, 5}, PartialShape::UnknownRank()), "f32<unknown rank>");
  EXPECT_THAT(infer({4, 5}, {6, 4}, {6, 2}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(infer({4, 5}, {6, 5}, {7, 2}), HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::testing
