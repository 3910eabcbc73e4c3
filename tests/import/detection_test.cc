#include "import/one_op.h"

namespace moulin::testing {
namespace {

TEST(NonMaxSuppressionTest, VersionsAddThresholds) {
  const Tensor boxes = Floats({3, 4}, {0, 0, 1, 1, 0, 0, 1, 0.9f, 2, 2, 3, 3}),
               scores = Floats({3}, {0.9f, 0.8f, 0.1f});
  const Tensor most = Int32s({}, {3}), overlap = Floats({}, {0.5f}), least = Floats({}, {0.2f});
  ExpectElements<int32_t>(OneOp("NonMaxSuppression").Fed(boxes).Fed(scores).Constant(most).Run(), 0, {2}, {0, 2});
  OneOp v3("NonMaxSuppressionV3");
  ExpectElements<int32_t>(v3.Fed(boxes).Fed(scores).Constant(most).Constant(overlap).Constant(least).Run(), 0, {1},
                          {0});
}

}  // namespace
}  // namespace moulin::testing
