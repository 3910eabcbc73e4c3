// Convolutions on the emulator against the reference. Operands are small whole numbers, so that sums are exact in every
// type and results must be equal to the bit; what rounds is compared within the bound of its rounding.
#include "cuda/kernels/conv.h"

#include "kernel_testing.h"
#include "tests/support/int8_epilogue.h"

namespace moulin::cuda {
namespace {

Tensor Small(DType type, const Shape& shape, uint64_t seed = 1) { return RandomIntegers(type, shape, -2, 3, seed); }

ConvAttrs Attrs(SpatialDims strides, SpatialDims dilations, Padding padding = Padding::kSame, int64_t groups = 1) {
  ConvAttrs attrs;
  attrs.strides = std::move(strides);
  attrs.dilations = std::move(dilations);
  attrs.padding = padding;
  attrs.groups = groups;
  return attrs;
}

// Max(Add($0, $1), 0)
Expr BiasRelu(DType type) {
  Expr e;
  e.Unary(ExprOp::kRelu, e.Binary(ExprOp::kAdd, e.Input(0, type), e.Input(1, type)));
  return e;
}

constexpr DType kFloats[] = {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64};

void ExpectConv(const ConvAttrs& attrs, const Tensor& x, const Tensor& filter) {
  SCOPED_TRACE(testing::Message() << Name(x.dtype()) << x.shape().ToString() << filter.shape().ToString());
  ExpectOpMatches(OpKind::kConv, attrs, {x, filter});
}

TEST(ConvKernel, EveryType) {
  for (const DType type : {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16, DType::kInt32}) {
    ExpectConv(Attrs({1, 1}, {1, 1}), Small(type, Shape{2, 5, 6, 3}), Small(type, Shape{3, 3, 3, 7}));
  }
}

TEST(ConvKernel, StridesDilationsPaddings) {
  const DType type = DType::kFloat32;
  const Tensor x = Small(type, Shape{1, 9, 11, 2}), filter = Small(type, Shape{3, 2, 2, 5});
  ExpectConv(Attrs({2, 3}, {1, 1}), x, filter);
  ExpectConv(Attrs({1, 1}, {2, 3}), x, filter);
  ExpectConv(Attrs({2, 2}, {2, 1}, Padding::kValid), x, filter);
  ConvAttrs attrs = Attrs({2, 1}, {1, 2}, Padding::kExplicit);
  attrs.pad_before = {0, 2};
  attrs.pad_after = {3, 1};
  ExpectConv(attrs, x, filter);
}

TEST(ConvKernel, OneAndThreeSpatialAxes) {
  ExpectConv(Attrs({2}, {1}), Small(DType::kFloat32, Shape{2, 13, 4}), Small(DType::kFloat32, Shape{5, 4, 3}));
  ExpectConv(Attrs({1, 2, 1}, {1, 1, 2}), Small(DType::kFloat16, Shape{1, 3, 4, 5, 2}),
             Small(DType::kFloat16, Shape{2, 3, 2, 2, 3}));
}

TEST(ConvKernel, Groups) {
  ExpectConv(Attrs({1, 1}, {1, 1}, Padding::kSame, 3), Small(DType::kFloat32, Shape{2, 4, 4, 6}),
             Small(DType::kFloat32, Shape{3, 3, 2, 12}));
  // Depthwise with a multiplier: a group of one channel and two filters.
  ExpectConv(Attrs({1, 1}, {1, 1}, Padding::kSame, 5), Small(DType::kFloat32, Shape{1, 4, 4, 5}),
             Small(DType::kFloat32, Shape{3, 3, 1, 10}));
}

// Groups of few filters are a kernel of their own, in every type and layout; of more than that, tiles.
TEST(ConvKernel, GroupsOfFewFiltersAndOfMany) {
  for (const DType type : {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16, DType::kInt32}) {
    for (const int64_t filters : {2, 9}) {
      ConvAttrs attrs = Attrs({2, 1}, {1, 2}, Padding::kSame, 3);
      ExpectConv(attrs, Small(type, Shape{2, 5, 6, 6}), Small(type, Shape{3, 2, 2, 3 * filters}));
      attrs.channels_last = false;
      ExpectConv(attrs, Small(type, Shape{2, 6, 5, 7}), Small(type, Shape{3, 2, 2, 3 * filters}));
    }
  }
}

TEST(ConvKernel, ChannelsFirst) {
  for (const int64_t groups : {1, 2}) {
    ConvAttrs attrs = Attrs({2, 1}, {1, 1}, Padding::kSame, groups);
    attrs.channels_last = false;
    ExpectConv(attrs, Small(DType::kFloat32, Shape{2, 4, 7, 5}), Small(DType::kFloat32, Shape{3, 3, 4 / groups, 6}));
  }
}

TEST(ConvKernel, ManyTilesAndTails) {
  ExpectConv(Attrs({1, 1}, {1, 1}), Small(DType::kFloat32, Shape{1, 13, 11, 20}),
             Small(DType::kFloat32, Shape{1, 1, 20, 70}));
}

TEST(ConvKernel, Depthwise) {
  for (const DType type : kFloats) {
    for (const int64_t channels : {1, 5, 8, 16}) {  // of which 8 and 16 are vectors
      ExpectConv(Attrs({1, 1}, {1, 1}, Padding::kSame, channels), Small(type, Shape{2, 5, 7, channels}),
                 Small(type, Shape{3, 3, 1, channels}));
    }
  }
  ExpectConv(Attrs({2, 2}, {1, 1}, Padding::kSame, 8), Small(DType::kFloat16, Shape{1, 7, 10, 8}),
             Small(DType::kFloat16, Shape{3, 3, 1, 8}));
  ExpectConv(Attrs({1, 1}, {2, 2}, Padding::kValid, 4), Small(DType::kFloat32, Shape{1, 9, 8, 4}),
             Small(DType::kFloat32, Shape{3, 2, 1, 4}));
  ExpectConv(Attrs({2}, {1}, Padding::kSame, 4), Small(DType::kFloat32, Shape{2, 9, 4}),
             Small(DType::kFloat32, Shape{4, 1, 4}));
}

TEST(ConvKernel, EpilogueInTheKernel) {
  for (const DType type : kFloats) {
    ConvAttrs attrs = Attrs({1, 1}, {1, 1});
    attrs.epilogue = BiasRelu(type);
    ExpectOpMatches(OpKind::kConv, attrs,
                    {Small(type, Shape{1, 5, 5, 3}), Small(type, Shape{1, 1, 3, 7}), Small(type, Shape{7}, 2)});
    attrs.groups = 8;
    ExpectOpMatches(OpKind::kConv, attrs,
                    {Small(type, Shape{1, 5, 5, 8}), Small(type, Shape{3, 1, 1, 8}), Small(type, Shape{8}, 2)});
  }
}

TEST(ConvKernel, BiasOfChannelsFirst) {
  ConvAttrs attrs = Attrs({1, 1}, {1, 1});
  attrs.channels_last = false;
  attrs.epilogue = BiasRelu(DType::kFloat32);
  ExpectOpMatches(OpKind::kConv, attrs,
                  {Small(DType::kFloat32, Shape{2, 3, 4, 5}), Small(DType::kFloat32, Shape{3, 3, 3, 6}),
                   Small(DType::kFloat32, Shape{6, 1, 1}, 2)});
}

TEST(ConvKernel, ResidualAndRelu6) {
  for (const DType type : {DType::kFloat32, DType::kFloat16}) {
    ConvAttrs attrs = Attrs({1, 1}, {1, 1});
    Expr e;
    const int sum =
        e.Binary(ExprOp::kAdd, e.Input(2, type), e.Binary(ExprOp::kAdd, e.Input(0, type), e.Input(1, type)));
    e.Binary(ExprOp::kMin, e.Binary(ExprOp::kMax, sum, e.Constant(type, 0)), e.Constant(type, 6));
    attrs.epilogue = e;
    ExpectOpMatches(OpKind::kConv, attrs,
                    {Small(type, Shape{1, 4, 4, 3}), Small(type, Shape{3, 3, 3, 8}), Small(type, Shape{8}, 2),
                     Small(type, Shape{1, 4, 4, 8}, 3)});
  }
}

// An expression that no kernel has inside runs behind, also where the result is of another type.
TEST(ConvKernel, EpilogueBehindTheKernel) {
  ConvAttrs attrs = Attrs({1, 1}, {1, 1});
  Expr e;
  const int scaled = e.Binary(ExprOp::kMul, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  e.Cast(e.Binary(ExprOp::kSub, scaled, e.Constant(DType::kFloat32, 3)), DType::kFloat16);
  attrs.epilogue = e;
  ExpectOpMatches(OpKind::kConv, attrs,
                  {Small(DType::kFloat32, Shape{1, 4, 5, 2}), Small(DType::kFloat32, Shape{3, 3, 2, 3}),
                   Small(DType::kFloat32, Shape{3}, 2)});
}

TEST(ConvKernel, EmptyImages) {
  ExpectConv(Attrs({1, 1}, {1, 1}), Small(DType::kFloat32, Shape{0, 4, 4, 3}),
             Small(DType::kFloat32, Shape{3, 3, 3, 2}));
  ExpectConv(Attrs({1, 1}, {1, 1}), Small(DType::kFloat32, Shape{1, 4, 4, 0}),
             Small(DType::kFloat32, Shape{3, 3, 0, 2}));
}

void ExpectTransposed(const ConvAttrs& attrs, const Shape& y, const Tensor& x, const Tensor& filter) {
  SCOPED_TRACE(testing::Message() << Name(x.dtype()) << x.shape().ToString() << " to " << y.ToString());
  std::vector<int32_t> sizes(y.dims().begin(), y.dims().end());
  ExpectOpMatches(OpKind::kConvTranspose, attrs, {Tensor::Of<int32_t>(Shape{y.rank()}, sizes), filter, x});
}

TEST(ConvTransposeKernel, EveryType) {
  for (const DType type : {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16, DType::kInt32}) {
    ExpectTransposed(Attrs({2, 2}, {1, 1}), Shape{2, 6, 7, 3}, Small(type, Shape{2, 3, 4, 5}),
                     Small(type, Shape{3, 3, 3, 5}));
  }
}

TEST(ConvTransposeKernel, StridesDilationsGroupsLayouts) {
  const DType type = DType::kFloat32;
  ExpectTransposed(Attrs({3, 1}, {1, 2}, Padding::kValid), Shape{1, 8, 7, 2}, Small(type, Shape{1, 3, 5, 4}),
                   Small(type, Shape{2, 2, 2, 4}));
  ExpectTransposed(Attrs({1, 1}, {1, 1}, Padding::kSame, 2), Shape{1, 4, 5, 6}, Small(type, Shape{1, 4, 5, 4}),
                   Small(type, Shape{3, 3, 3, 4}));
  ConvAttrs attrs = Attrs({2, 2}, {1, 1});
  attrs.channels_last = false;
  ExpectTransposed(attrs, Shape{1, 3, 6, 6}, Small(type, Shape{1, 5, 3, 3}), Small(type, Shape{4, 4, 3, 5}));
  ExpectTransposed(Attrs({2}, {1}), Shape{2, 7, 3}, Small(type, Shape{2, 4, 2}), Small(type, Shape{3, 3, 2}));
}

TEST(ConvTransposeKernel, Epilogue) {
  ConvAttrs attrs = Attrs({2, 2}, {1, 1});
  attrs.epilogue = BiasRelu(DType::kFloat32);
  ExpectOpMatches(OpKind::kConvTranspose, attrs,
                  {Tensor::Of<int32_t>(Shape{4}, {1, 6, 6, 3}), Small(DType::kFloat32, Shape{3, 3, 3, 5}),
                   Small(DType::kFloat32, Shape{1, 3, 3, 5}), Small(DType::kFloat32, Shape{3}, 2)});
}

TEST(ConvKernel, Int8SumsInInt32) {
  const auto int8s = [](const Shape& shape, uint64_t seed) { return RandomTensor(DType::kInt8, shape, seed); };
  for (const int64_t groups : {1, 4}) {
    ConvAttrs attrs = Attrs({2, 1}, {1, 2}, Padding::kSame, groups);
    attrs.product_type = DType::kInt32;
    const Tensor x = int8s(Shape{2, 5, 6, 16}, 1), filter = int8s(Shape{3, 2, 16 / groups, 12}, 2);
    ExpectOpMatches(OpKind::kConv, attrs, {x, filter});
    attrs.epilogue = Int8Epilogue(/*has_residual=*/true, /*steps=*/0.25);
    ExpectOpMatches(
        OpKind::kConv, attrs,
        {x, filter, RandomTensor(DType::kFloat32, Shape{12}, 3), RandomTensor(DType::kFloat32, Shape{2, 3, 6, 12}, 4)});
  }
}

}  // namespace
}  // namespace moulin::cuda
