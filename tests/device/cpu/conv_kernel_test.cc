#include <limits>

#include "gtest/gtest.h"
#include "tests/device/cpu/kernel_test.h"
#include "tests/support/int8_epilogue.h"

namespace moulin::testing {
namespace {

struct ConvCase {
  Shape x, filter;
  ConvAttrs attrs;
};

// A random convolution, small enough for the reference, of every rank, padding and grouping.
ConvCase RandomConv(std::mt19937* random, bool may_be_channels_first = true) {
  ConvCase c;
  const int spatial = static_cast<int>(RandomInt(random, 1, 3));
  const bool depthwise = RandomInt(random, 0, 3) == 0;
  c.attrs.groups = depthwise ? RandomInt(random, 2, 20) : RandomInt(random, 0, 2) == 0 ? 2 : 1;
  const int64_t per_group = depthwise ? 1 : RandomInt(random, 1, 20);
  const int64_t filters = c.attrs.groups * RandomInt(random, 1, depthwise ? 2 : 24);
  c.attrs.channels_last = RandomInt(random, 0, 3) != 0 || !may_be_channels_first;
  c.attrs.padding = static_cast<Padding>(RandomInt(random, 0, 2));
  const bool dilated = RandomInt(random, 0, 3) == 0;
  Shape::Dims image;
  for (int i = 0; i < spatial; ++i) {
    const int64_t window = RandomInt(random, 1, 4);
    c.filter.push_back(window);
    c.attrs.dilations.push_back(dilated ? RandomInt(random, 1, 3) : 1);
    c.attrs.strides.push_back(dilated ? 1 : RandomInt(random, 1, 3));
    image.push_back((window - 1) * c.attrs.dilations[i] + RandomInt(random, 1, 9));
    if (c.attrs.padding == Padding::kExplicit) {
      c.attrs.pad_before.push_back(RandomInt(random, 0, window - 1));
      c.attrs.pad_after.push_back(RandomInt(random, 0, window - 1));
    }
  }
  c.filter.push_back(per_group);
  c.filter.push_back(filters);
  c.x = Shape({RandomInt(random, 1, 3)});
  if (!c.attrs.channels_last) c.x.push_back(per_group * c.attrs.groups);
  for (int64_t size : image) c.x.push_back(size);
  if (c.attrs.channels_last) c.x.push_back(per_group * c.attrs.groups);
  return c;
}

// Summing k products in any order errs by at most about k * epsilon * sum |x||w|. The reference sums in double, so the
// whole of it is allowed once; that sum is the same convolution of magnitudes. `gain` bounds the slope of the epilogue.
std::vector<double> Tolerance(OpKind kind, ConvAttrs attrs, std::vector<Operand> operands, int64_t k, double gain,
                              double absolute) {
  attrs.epilogue = Expr();
  for (Operand& operand : operands) {
    if (operand.value.dtype() == DType::kFloat32) operand.value = Magnitudes(operand.value);
  }
  const Ran magnitudes = RunBoth(kind, attrs, operands);
  std::vector<double> tolerance;
  for (float sum : magnitudes.expected[0].values<float>()) {
    tolerance.push_back(gain * (k + 2) * kEpsilon * sum + absolute);
  }
  return tolerance;
}

int64_t Taps(const Shape& filter) {
  int64_t taps = 1;
  for (int i = 0; i + 1 < filter.rank(); ++i) taps *= filter[i];
  return taps;
}

TEST(ConvKernelTest, AgreesWithReference) {
  std::mt19937 random(1);
  int tested = 0;
  for (int i = 0; i < 150; ++i) {
    const ConvCase c = RandomConv(&random);
    const bool constant = RandomInt(&random, 0, 4) != 0;
    const std::vector<Operand> operands = {Given(RandomFloats(c.x, &random)),
                                           {RandomFloats(c.filter, &random), constant}};
    SCOPED_TRACE(
        absl::StrCat("case ", i, ": x ", c.x.ToString(), " filter ", c.filter.ToString(), " ", AttrsToString(c.attrs)));
    const Ran ran = RunBoth(OpKind::kConv, c.attrs, operands);
    if (ran.status.code() == absl::StatusCode::kInvalidArgument) continue;  // the window does not fit
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    ++tested;
    EXPECT_NE(ran.kernel, "reference");
    ExpectNear(ran.expected[0], ran.actual[0], Tolerance(OpKind::kConv, c.attrs, operands, Taps(c.filter), 1, 0));
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(tested, 100);
}

TEST(ConvTransposeKernelTest, AgreesWithReference) {
  std::mt19937 random(2);
  int tested = 0;
  for (int i = 0; i < 60; ++i) {
    ConvCase c = RandomConv(&random);
    c.attrs.groups = 1;
    if (c.attrs.padding == Padding::kExplicit) c.attrs.padding = Padding::kSame;
    c.attrs.pad_before.clear();
    c.attrs.pad_after.clear();
    // The image of the convolution becomes the output: its own shape is made from the convolution's.
    const int spatial = c.filter.rank() - 2;
    const int64_t filters = RandomInt(&random, 1, 17), channels = RandomInt(&random, 1, 17);
    Shape filter = c.filter, image = c.x;
    filter.set_dim(spatial, filters);
    filter.set_dim(spatial + 1, channels);
    image.set_dim(c.attrs.channels_last ? spatial + 1 : 1, filters);
    const Ran forward =
        RunBoth(OpKind::kConv, c.attrs, {Given(RandomFloats(image, &random)), Given(RandomFloats(filter, &random))});
    if (!forward.status.ok()) continue;
    ++tested;
    std::vector<int32_t> size(image.dims().begin(), image.dims().end());
    const std::vector<Operand> operands = {Constant(Tensor::Of<int32_t>(Shape({image.rank()}), size)),
                                           Constant(RandomFloats(filter, &random)),
                                           Given(RandomFloats(forward.expected[0].shape(), &random))};
    SCOPED_TRACE(absl::StrCat("case ", i, ": image ", image.ToString(), " filter ", filter.ToString(), " ",
                              AttrsToString(c.attrs)));
    const Ran ran = RunBoth(OpKind::kConvTranspose, c.attrs, operands);
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    EXPECT_NE(ran.kernel, "reference");
    ExpectNear(ran.expected[0], ran.actual[0],
               Tolerance(OpKind::kConvTranspose, c.attrs, operands, Taps(filter) * channels, 1, 0));
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(tested, 30);
}

// ---- epilogues: bias, residual, activations, alone and together ----

struct EpilogueCase {
  const char* name;
  double gain;  // the largest slope
  bool fused;   // whether oneDNN takes it
  Expr (*make)();
};

Expr BiasRelu() {
  Expr e;
  const int x = e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  e.Unary(ExprOp::kRelu, x);
  return e;
}
Expr BiasResidualRelu() {
  Expr e;
  int x = e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  x = e.Binary(ExprOp::kAdd, e.Input(2, DType::kFloat32), x);
  e.Unary(ExprOp::kRelu, x);
  return e;
}
Expr BiasRelu6() {
  Expr e;
  int x = e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  x = e.Binary(ExprOp::kMax, x, e.Constant(DType::kFloat32, 0));
  e.Binary(ExprOp::kMin, x, e.Constant(DType::kFloat32, 6));
  return e;
}
Expr BiasSwish() {
  Expr e;
  const int x = e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  e.Binary(ExprOp::kMul, x, e.Unary(ExprOp::kSigmoid, x));
  return e;
}
Expr LeakyRelu() {
  Expr e;
  const int x = e.Input(0, DType::kFloat32);
  e.Binary(ExprOp::kMax, x, e.Binary(ExprOp::kMul, x, e.Constant(DType::kFloat32, 0.2)));
  return e;
}
Expr ResidualTimesBias() {
  Expr e;
  const int x = e.Binary(ExprOp::kSub, e.Input(0, DType::kFloat32), e.Input(2, DType::kFloat32));
  e.Binary(ExprOp::kMul, x, e.Input(1, DType::kFloat32));
  return e;
}
Expr SinOfSum() {
  Expr e;
  const int x = e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  e.Unary(ExprOp::kSin, e.Binary(ExprOp::kMul, x, e.Input(2, DType::kFloat32)));
  return e;
}
Expr IsPositive() {
  Expr e;
  e.Binary(ExprOp::kGreater, e.Input(0, DType::kFloat32), e.Constant(DType::kFloat32, 1e6));
  return e;
}

class ConvEpilogueTest : public ::testing::TestWithParam<EpilogueCase> {};

TEST_P(ConvEpilogueTest, AgreesWithReference) {
  std::mt19937 random(3);
  for (int i = 0; i < 12; ++i) {
    ConvCase c = RandomConv(&random, /*may_be_channels_first=*/false);
    c.attrs.padding = Padding::kSame;
    c.attrs.pad_before.clear();
    c.attrs.pad_after.clear();
    std::vector<Operand> operands = {Given(RandomFloats(c.x, &random)), Constant(RandomFloats(c.filter, &random))};
    const Ran plain = RunBoth(OpKind::kConv, c.attrs, operands);
    ASSERT_TRUE(plain.status.ok()) << plain.status;
    const std::vector<double> tolerance =
        Tolerance(OpKind::kConv, c.attrs, operands, Taps(c.filter), GetParam().gain, 1e-6);
    c.attrs.epilogue = GetParam().make();
    const int inputs = c.attrs.epilogue.num_inputs();
    const int64_t filters = c.filter[c.filter.rank() - 1];
    if (inputs > 1) operands.push_back(Constant(RandomFloats(Shape({filters}), &random)));
    if (inputs > 2) operands.push_back(Given(RandomFloats(plain.expected[0].shape(), &random)));
    SCOPED_TRACE(
        absl::StrCat("case ", i, ": x ", c.x.ToString(), " filter ", c.filter.ToString(), " ", AttrsToString(c.attrs)));
    const Ran ran = RunBoth(OpKind::kConv, c.attrs, operands);
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    EXPECT_NE(ran.kernel, "reference");
    EXPECT_TRUE(!GetParam().fused || ran.kernel.find("map") == std::string::npos) << ran.kernel;
    if (ran.expected[0].dtype() == DType::kBool) {
      ExpectSameBytes(ran.expected[0], ran.actual[0]);
    } else {
      ExpectNear(ran.expected[0], ran.actual[0], tolerance);
    }
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Epilogues, ConvEpilogueTest,
                         ::testing::Values(EpilogueCase{"BiasRelu", 1, true, BiasRelu},
                                           EpilogueCase{"BiasResidualRelu", 1, true, BiasResidualRelu},
                                           EpilogueCase{"BiasRelu6", 1, true, BiasRelu6},
                                           EpilogueCase{"BiasSwish", 1.1, true, BiasSwish},
                                           EpilogueCase{"LeakyRelu", 1, true, LeakyRelu},
                                           EpilogueCase{"ResidualTimesBias", 1, true, ResidualTimesBias},
                                           EpilogueCase{"SinOfSum", 1, false, SinOfSum},
                                           EpilogueCase{"IsPositive", 1, false, IsPositive}),
                         [](const auto& info) { return info.param.name; });

// A squeeze-and-excite gate: an operand that spreads over the image.
TEST(ConvKernelTest, MultipliesByOneValueAChannelOfEachImage) {
  std::mt19937 random(4);
  ConvAttrs attrs;
  attrs.strides = {1, 1};
  attrs.dilations = {1, 1};
  Expr e;
  e.Binary(ExprOp::kMul, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  attrs.epilogue = e;
  const std::vector<Operand> operands = {Given(RandomFloats({2, 7, 5, 16}, &random)),
                                         Constant(RandomFloats({1, 1, 16, 32}, &random)),
                                         Given(RandomFloats({2, 1, 1, 32}, &random))};
  const Ran ran = RunBoth(OpKind::kConv, attrs, operands);
  ASSERT_TRUE(ran.status.ok()) << ran.status;
  ExpectNear(ran.expected[0], ran.actual[0], 0, 16 * 18 * kEpsilon);
}

// Not through a fused relu: see epilogue.h.
TEST(ConvKernelTest, NanInTheInputReachesTheOutput) {
  std::mt19937 random(5);
  ConvAttrs attrs;
  attrs.strides = {1, 1};
  attrs.dilations = {1, 1};
  Tensor x = RandomFloats({1, 4, 4, 8}, &random);
  x.mutable_values<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  const Ran ran = RunBoth(OpKind::kConv, attrs, {Given(x), Constant(RandomFloats({1, 1, 8, 16}, &random))});
  ASSERT_TRUE(ran.status.ok()) << ran.status;
  ExpectNear(ran.expected[0], ran.actual[0], std::vector<double>(ran.expected[0].num_elements(), 8 * 10 * kEpsilon));
}

// Sums of int8 are exact, so every bit is the reference's; by oneDNN where the processor has VNNI.
TEST(ConvKernelTest, Int8SumsAreExact) {
  std::mt19937 random(8);
  for (int i = 0; i < 40; ++i) {
    ConvCase c = RandomConv(&random);
    c.attrs.product_type = DType::kInt32;
    std::vector<Operand> operands = {Given(RandomInt8s(c.x, &random)), Constant(RandomInt8s(c.filter, &random))};
    if (i % 3 > 0) {
      c.attrs.epilogue = Int8Epilogue(/*has_residual=*/false, i % 3 == 2 ? std::optional(0.37) : std::nullopt);
      Shape channels({c.filter[c.filter.rank() - 1]});
      for (int k = 2; k < c.filter.rank() && !c.attrs.channels_last; ++k) channels.push_back(1);
      operands.push_back(Constant(RandomFloats(channels, &random, 0.0001f, 0.01f)));
    }
    const Ran ran = RunBoth(OpKind::kConv, c.attrs, operands);
    ASSERT_TRUE(ran.status.ok()) << ran.status;
    EXPECT_TRUE(HasEqualBytes(ran.actual[0], ran.expected[0])) << ran.kernel << " " << c.x.ToString();
  }
}

}  // namespace
}  // namespace moulin::testing
