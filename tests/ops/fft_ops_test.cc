// Transforms over as many axes as there are lengths, which TensorFlow documents and has no kernels for on the CPU: they
// are held against those over one to three axes, which tests/cases/host_cases.py holds against TensorFlow.
#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;
using Complexes = std::vector<std::complex<double>>;

Tensor Signal(const Shape& shape) {
  Complexes values(shape.num_elements());
  for (size_t i = 0; i < values.size(); ++i) values[i] = {static_cast<double>(i * i % 7), static_cast<double>(i % 5)};
  return ComplexTensor(shape, values);
}

Tensor Int32s(std::vector<int32_t> values) { return Vector<int32_t>(std::move(values)); }

Complexes Transformed(const char* op, DType type, const std::vector<Tensor>& operands) {
  const Tensor y = RunOne(OpKind::kHostOp, HostAttrs(op, {type}), operands);
  if (type == DType::kFloat64) return {y.values<double>().begin(), y.values<double>().end()};
  const auto* values = static_cast<const std::complex<double>*>(y.data());
  return {values, values + y.num_elements()};
}

void ExpectNear(const Complexes& a, const Complexes& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_LT(std::abs(a[i] - b[i]), 1e-9) << i;
}

TEST(FftNdTest, IsTheTransformOfTheLastAxes) {
  const Tensor x = Signal({2, 3, 4});
  ExpectNear(Transformed("FFTND", DType::kComplex128, {x, Int32s({3, 4}), Int32s({1, 2})}),
             Transformed("FFT2D", DType::kComplex128, {x}));
  ExpectNear(Transformed("IFFTND", DType::kComplex128, {x, Int32s({2, 3, 4}), Int32s({-3, -2, -1})}),
             Transformed("IFFT3D", DType::kComplex128, {x}));
  ExpectNear(Transformed("IRFFTND", DType::kFloat64, {x, Int32s({3, 5}), Int32s({-2, -1})}),
             Transformed("IRFFT2D", DType::kFloat64, {x, Int32s({3, 5})}));
}

TEST(FftNdTest, OfRealSignals) {
  const Tensor x = Tensor::Of<double>({2, 4}, {1, 2, 3, 4, -1, 0, 5, 7});
  ExpectNear(Transformed("RFFTND", DType::kComplex128, {x, Int32s({2, 4}), Int32s({0, 1})}),
             Transformed("RFFT2D", DType::kComplex128, {x, Int32s({2, 4})}));
}

TEST(FftNdTest, CutsWhatIsTooLongAndFillsWithZeros) {
  const Tensor x = ComplexTensor({3}, {{1, 0}, {2, 0}, {4, 0}});
  ExpectNear(Transformed("FFTND", DType::kComplex128, {x, Int32s({2}), Int32s({0})}), {{3, 0}, {-1, 0}});
  ExpectNear(Transformed("FFTND", DType::kComplex128, {x, Int32s({4}), Int32s({0})}),
             Transformed("FFT", DType::kComplex128, {ComplexTensor({4}, {{1, 0}, {2, 0}, {4, 0}, {0, 0}})}));
}

// One axis grows by as much as the other shrinks: what lies between must not hold both.
TEST(FftNdTest, IsNeverLargerThanOperandAndResult) {
  const int32_t n = 100000;
  const Complexes y = Transformed("FFTND", DType::kComplex128, {Signal({1, n}), Int32s({n, 1}), Int32s({0, 1})});
  EXPECT_EQ(y.size(), n);
}

TEST(FftNdTest, BadOperandsAreErrors) {
  const HostOpAttrs attrs = HostAttrs("FFTND", {DType::kComplex128});
  const Tensor x = Signal({2, 3});
  const auto error = [&](std::vector<int32_t> lengths, std::vector<int32_t> axes) {
    return ErrorOf(OpKind::kHostOp, attrs, {x, Int32s(std::move(lengths)), Int32s(std::move(axes))});
  };
  EXPECT_THAT(error({2, 3}, {1, 0}), HasSubstr("expected the last 2 axes"));
  EXPECT_THAT(error({2}, {0}), HasSubstr("expected the last 1 axes"));
  EXPECT_THAT(error({2, 3}, {1}), HasSubstr("expected as many axes"));
  EXPECT_THAT(error({2, 3}, {0, 7}), HasSubstr("axis"));
  EXPECT_THAT(error({}, {}), HasSubstr("1 to 254"));
  EXPECT_THAT(error({2, -3}, {0, 1}), HasSubstr("must not be negative"));
  EXPECT_THAT(error({1, 2, 3}, {0, 1, 2}), HasSubstr("the operand"));
}

}  // namespace
}  // namespace moulin::testing
