// Pooling, dilation and patches on the emulator against the reference.
#include "cuda/kernels/window.h"

#include <limits>

#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

std::vector<DType> Numbers() {
  std::vector<DType> types = RealTypes();
  std::erase(types, DType::kBool);
  return types;
}

PoolAttrs Pool(PoolOp op, SpatialDims window, SpatialDims strides, Padding padding = Padding::kSame) {
  PoolAttrs attrs;
  attrs.op = op;
  attrs.window = std::move(window);
  attrs.strides = std::move(strides);
  attrs.padding = padding;
  return attrs;
}

void ExpectPool(const PoolAttrs& attrs, const Tensor& x, double tolerance = 0) {
  SCOPED_TRACE(testing::Message() << Name(x.dtype()) << x.shape().ToString());
  ExpectOpMatches(OpKind::kPool, attrs, {x}, tolerance);
}

TEST(PoolKernel, MaxOfEveryType) {
  for (const DType type : Numbers()) {
    for (const int64_t channels : {3, 8}) {
      ExpectPool(Pool(PoolOp::kMax, {3, 2}, {2, 2}), RandomTensor(type, Shape{2, 5, 6, channels}));
    }
  }
}

TEST(PoolKernel, AverageOfEveryType) {
  for (const DType type : {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16}) {
    for (const int64_t channels : {3, 8}) {
      // Whole numbers: sums are exact, the quotient is rounded once in float and once to the type.
      const double tolerance = type == DType::kBFloat16 ? 8e-3 : type == DType::kFloat16 ? 1e-3 : 1e-6;
      ExpectPool(Pool(PoolOp::kAverage, {3, 3}, {1, 2}), RandomIntegers(type, Shape{2, 5, 6, channels}, -8, 8),
                 tolerance);
    }
  }
}

TEST(PoolKernel, AxesLayoutsPaddings) {
  const auto x = [](const Shape& shape) { return RandomTensor(DType::kFloat32, shape); };
  ExpectPool(Pool(PoolOp::kMax, {3}, {2}), x(Shape{2, 9, 4}));
  ExpectPool(Pool(PoolOp::kMax, {2, 3, 2}, {1, 2, 2}, Padding::kValid), x(Shape{1, 3, 6, 5, 2}));
  PoolAttrs attrs = Pool(PoolOp::kMax, {3, 3}, {2, 1}, Padding::kExplicit);
  attrs.pad_before = {1, 2};
  attrs.pad_after = {0, 1};
  ExpectPool(attrs, x(Shape{1, 6, 5, 8}));
  attrs.channels_last = false;
  ExpectPool(attrs, x(Shape{2, 8, 6, 5}));
  ExpectPool(Pool(PoolOp::kMax, {2, 2}, {2, 2}), x(Shape{0, 4, 4, 8}));
}

TEST(PoolKernel, NanAndInfinityNeverWin) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::Of<float>(Shape{1, 6, 1}, {nan, 1, -inf, -inf, nan, nan});
  ExpectPool(Pool(PoolOp::kMax, {2}, {2}), x);
}

TEST(ArgmaxPoolKernel, EveryType) {
  for (const DType type : Numbers()) {
    for (const DType index : {DType::kInt32, DType::kInt64}) {
      PoolAttrs attrs = Pool(PoolOp::kMax, {2, 3}, {2, 1});
      attrs.index_type = index;
      attrs.include_batch_in_index = index == DType::kInt32;
      // Few values: equal ones in a window, of which the first wins.
      ExpectOpMatches(OpKind::kMaxPoolWithArgmax, attrs, {RandomIntegers(type, Shape{2, 5, 4, 3}, 0, 3)});
    }
  }
}

TEST(ArgmaxPoolKernel, Nan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  ExpectOpMatches(OpKind::kMaxPoolWithArgmax, Pool(PoolOp::kMax, {2}, {2}),
                  {Tensor::Of<float>(Shape{1, 4, 1}, {nan, 1, 2, nan})});
}

ConvAttrs Windows(SpatialDims strides, SpatialDims dilations, Padding padding = Padding::kSame) {
  ConvAttrs attrs;
  attrs.strides = std::move(strides);
  attrs.dilations = std::move(dilations);
  attrs.padding = padding;
  return attrs;
}

TEST(DilationKernel, EveryType) {
  for (const DType type : Numbers()) {
    SCOPED_TRACE(Name(type));
    ExpectOpMatches(OpKind::kDilation, Windows({1, 2}, {2, 1}),
                    {RandomTensor(type, Shape{2, 5, 6, 3}), RandomTensor(type, Shape{2, 3, 3}, 2)});
  }
}

TEST(PatchesKernel, EverySizeOfElement) {
  for (const DType type : {DType::kUInt8, DType::kFloat16, DType::kFloat32, DType::kInt64, DType::kComplex128}) {
    PatchesAttrs attrs;
    attrs.window = {3, 2};
    attrs.strides = {2, 1};
    attrs.dilations = {1, 2};
    attrs.padding = Padding::kSame;
    if (type == DType::kComplex128) {
      EXPECT_TRUE(PatchesFunction(16));
      continue;
    }
    ExpectOpMatches(OpKind::kPatches, attrs, {RandomTensor(type, Shape{2, 5, 4, 3})});
  }
}

}  // namespace
}  // namespace moulin::cuda
