#include <cmath>
#include <limits>

#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

void ExpectNear(const Tensor& t, const std::vector<float>& expected) {
  EXPECT_THAT(Values<float>(t), Pointwise(FloatNear(1e-6f), expected));
}

TEST(BatchNorm, BothLayouts) {
  const Tensor scale = Floats({2}, {2, 3}), offset = Floats({2}, {1, -1});
  const Tensor mean = Floats({2}, {1, 2}), variance = Floats({2}, {3.75f, 0.75f});
  const std::vector<float> last = {1 + 2 * (0 - 1) / 2.0f, -1 + 3 * (1 - 2) / 1.0f, 1 + 2 * (2 - 1) / 2.0f,
                                   -1 + 3 * (3 - 2) / 1.0f};
  ExpectNear(RunOne(OpKind::kBatchNorm, BatchNormAttrs{0.25, true}, {Iota({1, 2, 2}), scale, offset, mean, variance}),
             last);
  const std::vector<float> first = {0, 1, -1, 2};  // channel 0 holds 0 and 1, channel 1 holds 2 and 3
  ExpectNear(RunOne(OpKind::kBatchNorm, BatchNormAttrs{0.25, false}, {Iota({1, 2, 2}), scale, offset, mean, variance}),
             first);
}

TEST(BatchNorm, ChecksChannels) {
  const std::vector<Operand> operands = {{DType::kFloat32, {2, -1, 3}},
                                         {DType::kFloat32, {3}},
                                         {DType::kFloat32, {3}},
                                         {DType::kFloat32, {3}},
                                         {DType::kFloat32, {4}}};
  EXPECT_THAT(Inferred(OpKind::kBatchNorm, BatchNormAttrs{}, operands), HasSubstr("E_SHAPE"));
  const std::vector<Operand> half = {{DType::kFloat16, {2, -1, 3}},
                                     {DType::kFloat32, {3}},
                                     {DType::kFloat32, {3}},
                                     {DType::kFloat32, {3}},
                                     {DType::kFloat32, {3}}};
  EXPECT_EQ(Inferred(OpKind::kBatchNorm, BatchNormAttrs{}, half), "f16[2,?,3]");
}

TEST(LayerNorm, InnermostAxis) {
  const Tensor y = RunOne(OpKind::kLayerNorm, LayerNormAttrs{0},
                          {Floats({2, 2}, {1, 3, -10, 10}), Floats({2}, {1, 2}), Floats({2}, {0, 5})});
  ExpectNear(y, {-1, 7, -1, 7});
}

TEST(Softmax, RowsAndLargeNumbers) {
  const Tensor x = Floats({2, 2}, {1000, 1000, 0, std::log(3.0f)});
  ExpectNear(RunOne(OpKind::kSoftmax, SoftmaxAttrs{}, {x}), {0.5f, 0.5f, 0.25f, 0.75f});
  ExpectNear(RunOne(OpKind::kSoftmax, SoftmaxAttrs{true}, {x}),
             {std::log(0.5f), std::log(0.5f), std::log(0.25f), std::log(0.75f)});
  EXPECT_EQ(RunOne(OpKind::kSoftmax, SoftmaxAttrs{}, {Floats({2, 0}, {})}).shape(), Shape({2, 0}));
}

TEST(LocalResponseNorm, AgreesWithItsDefinition) {
  const Tensor x = Floats({1, 1, 1, 4}, {1, -2, 3, 4});
  const Tensor y = RunOne(OpKind::kLocalResponseNorm, LocalResponseNormAttrs{1, 2, 0.5, 0.75}, {x});
  const float squares[] = {5, 14, 29, 25};
  std::vector<float> expected;
  for (int i = 0; i < 4; ++i) expected.push_back(x.values<float>()[i] / std::pow(2 + 0.5f * squares[i], 0.75f));
  ExpectNear(y, expected);
  EXPECT_THAT(ErrorOf(OpKind::kLocalResponseNorm, LocalResponseNormAttrs{}, {Floats({2}, {1, 2})}),
              HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::testing
