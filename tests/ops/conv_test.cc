// Convolutions against a direct sum in double that shares no code with the kernels.
#include <cmath>

#include "base/half.h"
#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

ConvAttrs Attrs(SpatialDims strides, SpatialDims dilations, Padding padding, int64_t groups = 1) {
  ConvAttrs attrs;
  attrs.strides = std::move(strides);
  attrs.dilations = std::move(dilations);
  attrs.padding = padding;
  attrs.groups = groups;
  return attrs;
}

// Small integers, so that sums are exact.
Tensor Pattern(const Shape& shape, int seed) {
  Tensor t = Tensor::Allocate(DType::kFloat32, shape).value();
  for (int64_t i = 0; i < t.num_elements(); ++i) {
    t.mutable_values<float>()[i] = static_cast<float>((i * 7 + seed * 5 + i / 3) % 9 - 4);
  }
  return t;
}

// y[n, oy, ox, f] of an NHWC convolution with one padding in front of both axes.
double DirectConv(const Tensor& x, const Tensor& filter, int64_t stride, int64_t dilation, int64_t pad, int64_t groups,
                  int64_t n, int64_t oy, int64_t ox, int64_t f) {
  const Shape& xs = x.shape();
  const Shape& fs = filter.shape();
  const int64_t per_group = fs[3] / groups;
  double sum = 0;
  for (int64_t ky = 0; ky < fs[0]; ++ky) {
    for (int64_t kx = 0; kx < fs[1]; ++kx) {
      const int64_t y = oy * stride + ky * dilation - pad, x0 = ox * stride + kx * dilation - pad;
      if (y < 0 || y >= xs[1] || x0 < 0 || x0 >= xs[2]) continue;
      for (int64_t c = 0; c < fs[2]; ++c) {
        const int64_t channel = f / per_group * fs[2] + c;
        sum += x.values<float>()[((n * xs[1] + y) * xs[2] + x0) * xs[3] + channel] *
               filter.values<float>()[((ky * fs[1] + kx) * fs[2] + c) * fs[3] + f];
      }
    }
  }
  return sum;
}

void ExpectDirectConv(const Tensor& y, const Tensor& x, const Tensor& filter, int64_t stride, int64_t dilation,
                      int64_t pad, int64_t groups) {
  const Shape& s = y.shape();
  for (int64_t i = 0; i < y.num_elements(); ++i) {
    const int64_t f = i % s[3], ox = i / s[3] % s[2], oy = i / (s[3] * s[2]) % s[1], n = i / (s[3] * s[2] * s[1]);
    ASSERT_EQ(y.values<float>()[i], DirectConv(x, filter, stride, dilation, pad, groups, n, oy, ox, f)) << i;
  }
}

TEST(ConvTest, MatchesTheDirectSum) {
  const Tensor x = Pattern({2, 7, 6, 4}, 1);
  const Tensor filter = Pattern({3, 3, 4, 5}, 2);
  const Tensor valid = RunOne(OpKind::kConv, Attrs({2, 2}, {1, 1}, Padding::kValid), {x, filter});
  EXPECT_EQ(valid.shape(), (Shape{2, 3, 2, 5}));
  ExpectDirectConv(valid, x, filter, 2, 1, 0, 1);
  const Tensor same = RunOne(OpKind::kConv, Attrs({1, 1}, {2, 2}, Padding::kSame), {x, filter});
  EXPECT_EQ(same.shape(), (Shape{2, 7, 6, 5}));
  ExpectDirectConv(same, x, filter, 1, 2, 2, 1);
}

TEST(ConvTest, Groups) {
  const Tensor x = Pattern({1, 4, 4, 4}, 3);
  const Tensor filter = Pattern({2, 2, 2, 6}, 4);
  const Tensor y = RunOne(OpKind::kConv, Attrs({1, 1}, {1, 1}, Padding::kValid, 2), {x, filter});
  ExpectDirectConv(y, x, filter, 1, 1, 0, 2);
}

TEST(ConvTest, ExplicitPadding) {
  const Tensor x = Pattern({1, 3, 3, 1}, 5);
  const Tensor filter = Pattern({2, 2, 1, 1}, 6);
  ConvAttrs attrs = Attrs({1, 1}, {1, 1}, Padding::kExplicit);
  attrs.pad_before = {1, 1};
  attrs.pad_after = {0, 0};
  const Tensor y = RunOne(OpKind::kConv, attrs, {x, filter});
  EXPECT_EQ(y.shape(), (Shape{1, 3, 3, 1}));
  ExpectDirectConv(y, x, filter, 1, 1, 1, 1);
}

TEST(ConvTest, SamePaddingPutsTheOddElementBehind) {
  // Window 2 at stride 1 pads one element, behind.
  const Tensor y =
      RunOne(OpKind::kConv, Attrs({1}, {1}, Padding::kSame), {Iota({1, 3, 1}), Floats({2, 1, 1}, {1, 10})});
  ExpectFloats(y, {1, 3, 1}, {10, 21, 2});
}

TEST(ConvTest, ChannelsFirst) {
  ConvAttrs attrs = Attrs({1}, {1}, Padding::kValid);
  attrs.channels_last = false;
  // Two channels: 0 1 2 and 3 4 5.
  const Tensor y = RunOne(OpKind::kConv, attrs, {Iota({1, 2, 3}), Floats({2, 2, 1}, {1, 10, 100, 1000})});
  ExpectFloats(y, {1, 1, 2}, {0 + 30 + 100 + 4000, 1 + 40 + 200 + 5000});
}

TEST(ConvTest, ThreeAxesAndIntegers) {
  const Tensor x = Tensor::Of<int32_t>({1, 2, 1, 2, 1}, {1, 2, 3, 4});
  const Tensor filter = Tensor::Of<int32_t>({2, 1, 2, 1, 1}, {1, 10, 100, 1000});
  ExpectValues<int32_t>(RunOne(OpKind::kConv, Attrs({1, 1, 1}, {1, 1, 1}, Padding::kValid), {x, filter}),
                        {1, 1, 1, 1, 1}, {1 + 20 + 300 + 4000});
}

TEST(ConvTest, HalfSumsAreRoundedOnce) {
  Tensor x = Tensor::Allocate(DType::kFloat16, {1, 4, 1}).value();
  Tensor filter = Tensor::Allocate(DType::kFloat16, {4, 1, 1}).value();
  const float values[] = {2048, 1, 1, 1};
  for (int i = 0; i < 4; ++i) {
    x.mutable_values<Half>()[i] = Half(values[i]);
    filter.mutable_values<Half>()[i] = Half(1.0f);
  }
  const Tensor y = RunOne(OpKind::kConv, Attrs({1}, {1}, Padding::kValid), {x, filter});
  EXPECT_EQ(static_cast<float>(y.values<Half>()[0]), 2052);  // 2051 to even; step by step it would stay 2048
}

TEST(ConvTest, Int8SumsInInt32) {
  const auto int8s = [](const Tensor& t) {
    Tensor result = Tensor::Allocate(DType::kInt8, t.shape()).value();
    for (int64_t i = 0; i < t.num_elements(); ++i) {
      result.mutable_values<int8_t>()[i] = static_cast<int8_t>(31 * t.values<float>()[i] - 3);
    }
    return result;
  };
  const auto floats = [](const Tensor& t) {
    Tensor result = Tensor::Allocate(DType::kFloat32, t.shape()).value();
    for (int64_t i = 0; i < t.num_elements(); ++i) result.mutable_values<float>()[i] = t.values<int8_t>()[i];
    return result;
  };
  const Tensor x = int8s(Pattern({2, 5, 6, 4}, 1)), filter = int8s(Pattern({3, 3, 2, 6}, 2));
  ConvAttrs attrs = Attrs({1, 1}, {1, 1}, Padding::kSame, 2);
  attrs.product_type = DType::kInt32;
  const Tensor y = (*RunOp(OpKind::kConv, attrs, {x, filter}))[0];
  ASSERT_EQ(y.dtype(), DType::kInt32);
  Tensor as_floats = Tensor::Allocate(DType::kFloat32, y.shape()).value();
  for (int64_t i = 0; i < y.num_elements(); ++i) {
    as_floats.mutable_values<float>()[i] = static_cast<float>(y.values<int32_t>()[i]);
  }
  ExpectDirectConv(as_floats, floats(x), floats(filter), 1, 1, 1, 2);
  attrs.product_type = DType::kInvalid;  // no convolution of int8 modulo 2^8
  EXPECT_THAT(RunOp(OpKind::kConv, attrs, {x, filter}).status().message(), HasSubstr("E_DTYPE"));
}

TEST(ConvTest, Epilogue) {
  ConvAttrs attrs = Attrs({1}, {1}, Padding::kValid);
  const int product = attrs.epilogue.Input(0, DType::kFloat32);
  const int bias = attrs.epilogue.Input(1, DType::kFloat32);
  attrs.epilogue.Unary(ExprOp::kRelu, attrs.epilogue.Binary(ExprOp::kAdd, product, bias));
  const Tensor y = RunOne(OpKind::kConv, attrs, {Iota({1, 2, 1}), Floats({1, 1, 2}, {1, -1}), Floats({2}, {0.5, 0.5})});
  ExpectFloats(y, {1, 2, 2}, {0.5, 0.5, 1.5, 0});
}

TEST(ConvTest, ChecksAttributesAndShapes) {
  const Tensor x = Iota({1, 4, 4, 2});
  const auto error = [&](ConvAttrs attrs, const Shape& filter) {
    return ErrorOf(OpKind::kConv, attrs, {x, Iota(filter)});
  };
  EXPECT_THAT(error(Attrs({0, 1}, {1, 1}, Padding::kValid), {1, 1, 2, 1}), HasSubstr("E_ATTR: strides"));
  EXPECT_THAT(error(Attrs({1, 1}, {0, 1}, Padding::kValid), {1, 1, 2, 1}), HasSubstr("E_ATTR: dilations"));
  EXPECT_THAT(error(Attrs({1, 1}, {1}, Padding::kValid), {1, 1, 2, 1}), HasSubstr("E_ATTR: dilations"));
  EXPECT_THAT(error(Attrs({1, 1}, {1, 1}, Padding::kValid), {0, 1, 2, 1}), HasSubstr("E_ATTR: the window"));
  EXPECT_THAT(error(Attrs({1, 1}, {1, 1}, Padding::kValid), {1, 1, 3, 1}), HasSubstr("E_SHAPE: the filter expects"));
  EXPECT_THAT(error(Attrs({1, 1}, {1, 1}, Padding::kValid, 2), {1, 1, 1, 3}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error(Attrs({1, 1}, {1, 1}, Padding::kValid), {6, 1, 2, 1}), HasSubstr("E_SHAPE: a window of extent 6"));
  EXPECT_THAT(error(Attrs({1, 1}, {1, 1}, Padding::kValid), {1, 2, 1}), HasSubstr("E_SHAPE: the filter"));
  ConvAttrs negative = Attrs({1, 1}, {1, 1}, Padding::kExplicit);
  negative.pad_before = {-1, 0};
  negative.pad_after = {0, 0};
  EXPECT_THAT(error(negative, {1, 1, 2, 1}), HasSubstr("E_ATTR: paddings"));
}

TEST(ConvTest, InfersUnknownSizes) {
  const Operand x(DType::kFloat32, {kUnknownDim, kUnknownDim, 5, 2});
  const Operand filter(DType::kFloat32, {3, 3, 2, 8});
  EXPECT_EQ(Inferred(OpKind::kConv, Attrs({2, 2}, {1, 1}, Padding::kSame), {x, filter}), "f32[?,?,3,8]");
}

// Of the transposed convolution, <y, T x> = <C y, x> for all x, y: checked with the forward one.
void ExpectAdjoint(const ConvAttrs& attrs, const Shape& image, const Tensor& filter) {
  const Tensor y = Pattern(image, 7);
  const Tensor forward = RunOne(OpKind::kConv, attrs, {y, filter});
  const Tensor x = Pattern(forward.shape(), 8);
  const Tensor size = Ints({image.dims().begin(), image.dims().end()});
  const Tensor back = RunOne(OpKind::kConvTranspose, attrs, {size, filter, x});
  ASSERT_EQ(back.shape(), image);
  double a = 0, b = 0;
  for (int64_t i = 0; i < x.num_elements(); ++i) a += forward.values<float>()[i] * x.values<float>()[i];
  for (int64_t i = 0; i < y.num_elements(); ++i) b += back.values<float>()[i] * y.values<float>()[i];
  EXPECT_EQ(a, b);
}

TEST(ConvTransposeTest, IsTheAdjointOfConv) {
  ExpectAdjoint(Attrs({2, 2}, {1, 1}, Padding::kSame), {2, 5, 6, 4}, Pattern({3, 3, 4, 3}, 9));
  ExpectAdjoint(Attrs({2, 1}, {1, 2}, Padding::kValid), {1, 7, 7, 2}, Pattern({2, 3, 2, 3}, 10));
  ExpectAdjoint(Attrs({1, 1}, {1, 1}, Padding::kSame, 4), {1, 4, 4, 4}, Pattern({3, 3, 1, 8}, 11));
  ConvAttrs first = Attrs({2, 2, 2}, {1, 1, 1}, Padding::kSame);
  first.channels_last = false;
  ExpectAdjoint(first, {1, 3, 4, 4, 5}, Pattern({2, 2, 2, 3, 2}, 12));
}

TEST(ConvTransposeTest, SpreadsAnElement) {
  const Tensor y = RunOne(OpKind::kConvTranspose, Attrs({2}, {1}, Padding::kValid),
                          {Ints({1, 5, 1}), Floats({3, 1, 1}, {1, 2, 3}), Floats({1, 2, 1}, {1, 10})});
  ExpectFloats(y, {1, 5, 1}, {1, 2, 13, 20, 30});
}

TEST(ConvTransposeTest, ChecksTheOutputSize) {
  EXPECT_THAT(ErrorOf(OpKind::kConvTranspose, Attrs({2}, {1}, Padding::kValid),
                      {Ints({1, 9, 1}), Iota({3, 1, 1}), Iota({1, 2, 1})}),
              HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kConvTranspose, Attrs({2}, {1}, Padding::kValid),
                      {Ints({1, -5, 1}), Iota({3, 1, 1}), Iota({1, 2, 1})}),
              HasSubstr("E_SHAPE"));
}

TEST(DilationTest, TakesTheMaximumOfSums) {
  const Tensor y = RunOne(OpKind::kDilation, Attrs({1, 1}, {1, 1}, Padding::kSame),
                          {Floats({1, 2, 2, 1}, {1, 5, 3, 2}), Floats({2, 2, 1}, {0, -1, -2, 10})});
  ExpectFloats(y, {1, 2, 2, 1}, {12, 5, 3, 2});
}

TEST(PatchesTest, TakesWindowsWithZeroPadding) {
  PatchesAttrs attrs{{2, 2}, {1, 1}, {1, 1}, Padding::kSame};
  const Tensor y = RunOne(OpKind::kPatches, attrs, {Floats({1, 2, 2, 1}, {1, 2, 3, 4})});
  ExpectFloats(y, {1, 2, 2, 4}, {1, 2, 3, 4, 2, 0, 4, 0, 3, 4, 0, 0, 4, 0, 0, 0});
}

TEST(PatchesTest, ChannelsGoInnermost) {
  PatchesAttrs attrs{{1, 2}, {1, 1}, {1, 2}, Padding::kValid};
  ExpectFloats(RunOne(OpKind::kPatches, attrs, {Iota({1, 1, 3, 2})}), {1, 1, 1, 4}, {0, 1, 4, 5});
}

}  // namespace
}  // namespace moulin::testing
