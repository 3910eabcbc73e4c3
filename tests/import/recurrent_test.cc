#include <cmath>

#include "import/one_op.h"

namespace moulin::testing {
namespace {

// One unit whose weights are all 1, no bias but that for forgetting.
Tensor Ones(const Shape& shape) {
  Tensor t = Tensor::Allocate(DType::kFloat32, shape).value();
  for (float& x : t.mutable_values<float>()) x = 1;
  return t;
}

TEST(LstmBlockCellTest, OneStep) {
  OneOp op("LSTMBlockCell");
  op.Fed(Floats({1, 1}, {0.5f})).Fed(Floats({1, 1}, {0.25f})).Fed(Floats({1, 1}, {-0.25f}));
  op.Constant(Ones({2, 4}))
      .Constant(Ones({1}))
      .Constant(Ones({1}))
      .Constant(Ones({1}))
      .Constant(Floats({4}, {0, 0, 0, 0}));
  const auto y = op.Run();
  const float i = Sigmoid(0.25f), f = Sigmoid(1.25f), ci = std::tanh(0.25f);
  const float cs = ci * i + 0.25f * f;
  const float o = i, co = std::tanh(cs);
  const float expected[] = {i, cs, f, o, ci, co, o * co};
  for (int k = 0; k < 7; ++k) ExpectFloats(y, k, {1, 1}, {expected[k]});
}

TEST(GruBlockCellTest, OneStep) {
  OneOp op("GRUBlockCell");
  op.Fed(Floats({1, 1}, {0.5f})).Fed(Floats({1, 1}, {-0.25f}));
  op.Constant(Ones({2, 2})).Constant(Ones({2, 1})).Constant(Floats({2}, {0, 0})).Constant(Floats({1}, {0}));
  const auto y = op.Run();
  const float r = Sigmoid(0.25f), c = std::tanh(0.5f - 0.25f * r);
  ExpectFloats(y, 0, {1, 1}, {r});
  ExpectFloats(y, 2, {1, 1}, {c});
  ExpectFloats(y, 3, {1, 1}, {r * -0.25f + (1 - r) * c});
}

TEST(BlockLstmTest, StepsBeyondTheLengthAreZero) {
  OneOp op("BlockLSTMV2");
  op.Constant(Tensor::Scalar<int64_t>(1)).Fed(Floats({2, 1, 1}, {0.5f, 1}));
  op.Fed(Floats({1, 1}, {0})).Fed(Floats({1, 1}, {0})).Constant(Ones({2, 4}));
  op.Constant(Ones({1})).Constant(Ones({1})).Constant(Ones({1})).Constant(Floats({4}, {0, 0, 0, 0}));
  const auto y = op.Run();
  const float gate = Sigmoid(0.5f), cs = gate * std::tanh(0.5f);
  ExpectFloats(y, 1, {2, 1, 1}, {cs, 0});
  ExpectFloats(y, 6, {2, 1, 1}, {gate * std::tanh(cs), 0});
}

}  // namespace
}  // namespace moulin::testing
