// Sizes that are none, and results without elements. That the values are those of TensorFlow is in
// tests/cases/quantized_cases.py.
#include <limits>

#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

const HostOpAttrs kQuantizedResize = HostAttrs("QuantizedResizeBilinear", {DType::kFloat32});

std::vector<Tensor> ImageAndSize(const Shape& shape, std::vector<float> values, std::vector<int64_t> size) {
  return {Floats(shape, std::move(values)), Ints(std::move(size)), Floats({}, {0}), Floats({}, {1})};
}

TEST(QuantizedResizeTest, ResultsWithoutElementsTakeNoMemory) {
  constexpr int64_t kSide = std::numeric_limits<int32_t>::max();
  const Tensor y = RunOne(OpKind::kHostOp, kQuantizedResize, ImageAndSize({0, 2, 2, 1}, {}, {kSide, kSide}));
  EXPECT_EQ(y.shape(), Shape({0, kSide, kSide, 1}));
}

TEST(QuantizedResizeTest, BadSizesAreErrors) {
  const auto error = [](std::vector<int64_t> size) {
    return ErrorOf(OpKind::kHostOp, kQuantizedResize, ImageAndSize({1, 1, 1, 1}, {5}, std::move(size)));
  };
  EXPECT_THAT(error({0, 2}), HasSubstr("expected sizes from 1 to 2^31-1, got 0"));
  EXPECT_THAT(error({2, int64_t{1} << 31}), HasSubstr("got 2147483648"));
  EXPECT_THAT(error({2}), HasSubstr("must be [h, w], got 1 entries"));
}

}  // namespace
}  // namespace moulin::testing
