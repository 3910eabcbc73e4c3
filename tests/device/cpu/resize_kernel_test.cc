#include <limits>

#include "gtest/gtest.h"
#include "tests/device/cpu/kernel_test.h"

namespace moulin::testing {
namespace {

// The arithmetic is the reference's, but the compiler may fuse a multiplication with an addition.
TEST(ResizeKernelTest, AgreesWithReference) {
  std::mt19937 random(1);
  for (int i = 0; i < 80; ++i) {
    ResizeAttrs attrs;
    attrs.method = RandomInt(&random, 0, 1) ? ResizeMethod::kBilinear : ResizeMethod::kNearest;
    attrs.align_corners = RandomInt(&random, 0, 2) == 0;
    attrs.half_pixel_centers = !attrs.align_corners && RandomInt(&random, 0, 1);
    const Shape x(
        {RandomInt(&random, 1, 2), RandomInt(&random, 1, 20), RandomInt(&random, 1, 20), RandomInt(&random, 1, 40)});
    const Tensor size = Tensor::Of<int32_t>(
        {2}, {static_cast<int32_t>(RandomInt(&random, 1, 30)), static_cast<int32_t>(RandomInt(&random, 1, 30))});
    SCOPED_TRACE(absl::StrCat(x.ToString(), " to ", size.ToString(), " ", AttrsToString(attrs)));
    const Ran ran = RunBoth(OpKind::kResize, attrs, {Given(RandomFloats(x, &random)), Constant(size)});
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    EXPECT_NE(ran.kernel, "reference");
    ExpectNear(ran.expected[0], ran.actual[0], 0,
               attrs.method == ResizeMethod::kNearest ? 0 : 8 * std::numeric_limits<float>::epsilon());
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace moulin::testing
