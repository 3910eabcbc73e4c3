#include <limits>

#include "gtest/gtest.h"
#include "tests/device/cpu/kernel_test.h"

namespace moulin::testing {
namespace {

TEST(PoolKernelTest, AgreesWithReference) {
  std::mt19937 random(1);
  int tested = 0;
  for (int i = 0; i < 120; ++i) {
    PoolAttrs attrs;
    attrs.op = RandomInt(&random, 0, 1) ? PoolOp::kMax : PoolOp::kAverage;
    attrs.channels_last = RandomInt(&random, 0, 3) != 0;
    attrs.padding = static_cast<Padding>(RandomInt(&random, 0, 2));
    const int spatial = static_cast<int>(RandomInt(&random, 1, 3));
    const int64_t channels = RandomInt(&random, 1, 40);
    Shape x({RandomInt(&random, 1, 3)});
    if (!attrs.channels_last) x.push_back(channels);
    for (int k = 0; k < spatial; ++k) {
      attrs.window.push_back(RandomInt(&random, 1, 4));
      attrs.strides.push_back(RandomInt(&random, 1, 3));
      x.push_back(RandomInt(&random, 3, 12));
      if (attrs.padding == Padding::kExplicit) {
        attrs.pad_before.push_back(RandomInt(&random, 0, attrs.window[k] - 1));
        attrs.pad_after.push_back(RandomInt(&random, 0, attrs.window[k] - 1));
      }
    }
    if (attrs.channels_last) x.push_back(channels);
    SCOPED_TRACE(absl::StrCat("case ", i, ": x ", x.ToString(), " ", AttrsToString(attrs)));
    const Ran ran = RunBoth(OpKind::kPool, attrs, {Given(RandomFloats(x, &random))});
    if (ran.status.code() == absl::StatusCode::kInvalidArgument) continue;  // the window does not fit
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    ++tested;
    // An average of up to 64 elements below 1, summed in any order.
    ExpectNear(ran.expected[0], ran.actual[0], 0,
               attrs.op == PoolOp::kMax ? 0 : 64 * std::numeric_limits<float>::epsilon());
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(tested, 80);
}

}  // namespace
}  // namespace moulin::testing
