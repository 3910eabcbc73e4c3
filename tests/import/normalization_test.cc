#include <cmath>

#include "import/one_op.h"

namespace moulin::testing {
namespace {

OneOp BatchNorm(const std::string& training) {
  OneOp op("FusedBatchNormV3");
  op.Fed(Floats({1, 1, 2, 1}, {1, 3})).Constant(Floats({1}, {2})).Constant(Floats({1}, {1}));
  op.Attr("epsilon", "f: 0").Attr("is_training", training);
  return op;
}

TEST(FusedBatchNormTest, InferenceUsesTheGivenStatistics) {
  OneOp op = BatchNorm("b: false");
  const auto y = op.Constant(Floats({1}, {2})).Constant(Floats({1}, {4})).Run();
  ExpectFloats(y, 0, {1, 1, 2, 1}, {0, 2});
  ExpectFloats(y, 1, {1}, {2});
  ExpectFloats(y, 2, {1}, {4});
}

TEST(FusedBatchNormTest, TrainingUsesTheBatchAndGivesTheUnbiasedVariance) {
  OneOp op = BatchNorm("b: true");
  const auto y = op.Constant(Floats({0}, {})).Constant(Floats({0}, {})).Run();
  ExpectFloats(y, 0, {1, 1, 2, 1}, {-1, 3});
  ExpectFloats(y, 1, {1}, {2});
  ExpectFloats(y, 2, {1}, {2});
  ExpectFloats(y, 4, {1}, {1});
}

TEST(FusedBatchNormTest, RefusesAnEpsilonThatIsNoNumber) {
  OneOp op = BatchNorm("b: false");
  ExpectError(op.Constant(Floats({1}, {2})).Constant(Floats({1}, {4})).Attr("epsilon", "f: nan").Run(), "E_ATTR",
              "epsilon");
}

TEST(FusedBatchNormTest, RefusesAScaleOfAnotherLength) {
  OneOp op("FusedBatchNorm");
  op.Fed(Floats({1, 1, 1, 2}, {1, 3})).Constant(Floats({1}, {2})).Constant(Floats({2}, {1, 1}));
  op.Constant(Floats({0}, {})).Constant(Floats({0}, {}));
  ExpectError(op.Run(), "E_SHAPE", "2 channels");
}

TEST(CrossEntropyTest, DenseAndSparseLabelsAgree) {
  const Tensor logits = Floats({1, 3}, {1, 2, 3});
  const auto dense = OneOp("SoftmaxCrossEntropyWithLogits").Fed(logits).Fed(Floats({1, 3}, {0, 1, 0})).Run();
  const auto sparse = OneOp("SparseSoftmaxCrossEntropyWithLogits").Fed(logits).Fed(Int32s({1}, {1})).Run();
  const double sum = std::exp(1.0) + std::exp(2.0) + std::exp(3.0);
  const auto p = [&](double x) { return static_cast<float>(std::exp(x) / sum); };
  for (const auto& y : {dense, sparse}) {
    ExpectFloats(y, 0, {1}, {static_cast<float>(std::log(sum) - 2)});
    ExpectFloats(y, 1, {1, 3}, {p(1), p(2) - 1, p(3)});
  }
}

}  // namespace
}  // namespace moulin::testing
