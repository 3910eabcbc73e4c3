#include <cmath>
#include <limits>

#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

// Boxes 0 and 1 overlap by 1/3, 2 lies apart, 3 is box 0 with its corners swapped.
Tensor Boxes() { return Floats({4, 4}, {0, 0, 1, 2, 0, 1, 1, 3, 5, 5, 6, 6, 1, 2, 0, 0}); }

StatusOr<std::vector<Tensor>> Nms(NonMaxSuppressionAttrs attrs, std::vector<float> scores, int32_t max_size,
                                  float overlap, float score, float sigma = 0) {
  const Tensor inputs[] = {Boxes(),
                           Floats({static_cast<int64_t>(scores.size())}, scores),
                           Tensor::Scalar<int32_t>(max_size),
                           Floats({}, {overlap}),
                           Floats({}, {score}),
                           Floats({}, {sigma})};
  return RunOp(OpKind::kNonMaxSuppression, attrs, {std::begin(inputs), std::end(inputs)});
}

void ExpectIndices(const StatusOr<std::vector<Tensor>>& outputs, const std::vector<int32_t>& indices) {
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ExpectValues<int32_t>(outputs->front(), {static_cast<int64_t>(indices.size())}, indices);
}

constexpr float kAnyScore = -std::numeric_limits<float>::infinity();

TEST(NonMaxSuppressionTest, DropsOverlappingBoxes) {
  ExpectIndices(Nms({3}, {0.5f, 0.9f, 0.7f, 0.1f}, 10, 0.3f, kAnyScore), {1, 2});
  ExpectIndices(Nms({3}, {0.5f, 0.9f, 0.7f, 0.1f}, 10, 0.4f, kAnyScore), {1, 2, 0});
  ExpectIndices(Nms({3}, {0.5f, 0.9f, 0.7f, 0.1f}, 1, 0.4f, kAnyScore), {1});
  ExpectIndices(Nms({3}, {0.5f, 0.9f, 0.7f, 0.1f}, 0, 0.4f, kAnyScore), {});
}

TEST(NonMaxSuppressionTest, ScoresBelowTheThresholdAndNanAreOut) {
  ExpectIndices(Nms({3}, {0.5f, 0.9f, std::nanf(""), 0.1f}, 10, 1, 0.3f), {1, 0});
}

TEST(NonMaxSuppressionTest, TiesGoByIndex) {
  ExpectIndices(Nms({3}, {0.5f, 0.5f, 0.5f, 0.5f}, 10, 0.4f, kAnyScore), {0, 1, 2});
}

TEST(NonMaxSuppressionTest, PadsToTheMaximum) {
  const auto outputs = Nms({4, true}, {0.5f, 0.9f, 0.7f, 0.1f}, 4, 0.3f, kAnyScore);
  ExpectIndices(outputs, {1, 2, 0, 0});
  ExpectValues<int32_t>((*outputs)[1], {}, {2});
}

TEST(NonMaxSuppressionTest, SoftSuppressionLowersScores) {
  // Box 1 loses exp(-0.5 / sigma * (1/3)^2), box 3 exp(-0.5 / sigma) for box 0 and again for box 1.
  const auto outputs = Nms({5}, {0.9f, 0.8f, 0.7f, 0.6f}, 10, 1, 0, 0.5f);
  ExpectIndices(outputs, {0, 1, 2, 3});
  const auto scores = (*outputs)[1].values<float>();
  EXPECT_FLOAT_EQ(scores[0], 0.9f);
  EXPECT_NEAR(scores[1], 0.8 * std::exp(-1.0 / 9), 1e-6);
  EXPECT_FLOAT_EQ(scores[2], 0.7f);
  EXPECT_NEAR(scores[3], 0.6 * std::exp(-1.0) * std::exp(-1.0 / 9), 1e-6);
  ExpectValues<int32_t>((*outputs)[2], {}, {4});
}

TEST(NonMaxSuppressionTest, ChecksThresholds) {
  EXPECT_THAT(Nms({3}, {1, 1, 1, 1}, -1, 0.5f, 0).status().message(), HasSubstr("E_VALUE"));
  EXPECT_THAT(Nms({3}, {1, 1, 1, 1}, 1, 1.5f, 0).status().message(), HasSubstr("E_VALUE: the overlap threshold"));
  EXPECT_THAT(Nms({5}, {1, 1, 1, 1}, 1, 0.5f, 0, -1).status().message(), HasSubstr("E_VALUE: the sigma"));
  EXPECT_THAT(Nms({3}, {1, 1, 1}, 1, 0.5f, 0).status().message(), HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::testing
