// Scan. The accumulators are the reference's (double), in another order: what differs is one rounding to the type.
#include "cuda/kernels/scan.h"

#include "absl/strings/str_cat.h"
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

double ToleranceOf(DType type) {
  switch (type) {
    case DType::kFloat32:
      return 0x1p-23;
    case DType::kFloat64:
      return 1e-12;  // 5000 additions of 2^-53 each
    case DType::kFloat16:
      return 0x1p-10;
    case DType::kBFloat16:
      return 0x1p-7;
    default:
      return 0;
  }
}

// Walked by threads, by blocks, by blocks of several tiles; interleaved lines.
const std::pair<Shape, int64_t> kForms[] = {{Shape{5, 7}, 1},      {Shape{7, 5}, 0},      {Shape{3, 40}, 1},
                                            {Shape{2, 1024}, -1},  {Shape{2, 1025}, 1},   {Shape{5000}, 0},
                                            {Shape{2, 300, 3}, 1}, {Shape{2, 20, 70}, 1}, {Shape{1}, 0},
                                            {Shape{0, 3}, 0},      {Shape{3, 0}, 0}};

void ExpectScans(const ScanAttrs& attrs, const Tensor& x, int64_t axis) {
  SCOPED_TRACE(absl::StrCat(Name(x.dtype()), " ", x.shape().ToString(), " axis ", axis, " op ",
                            static_cast<int>(attrs.op), attrs.exclusive ? " exclusive" : "",
                            attrs.reverse ? " reverse" : ""));
  ExpectOpMatches(OpKind::kScan, attrs, {x, Tensor::Scalar<int64_t>(axis)}, ToleranceOf(x.dtype()));
}

TEST(ScanKernel, SumsOfEveryFormAndType) {
  for (const DType type : RealTypes()) {
    if (type == DType::kBool) continue;
    for (const auto& [shape, axis] : kForms) {
      for (const bool exclusive : {false, true}) {
        for (const bool reverse : {false, true}) {
          ExpectScans({ScanOp::kSum, exclusive, reverse}, RandomTensor(type, shape), axis);
        }
      }
    }
  }
}

TEST(ScanKernel, Products) {
  for (const DType type : RealTypes()) {
    if (type == DType::kBool) continue;
    for (const auto& [shape, axis] : kForms) {
      // Powers of two: exact until they overflow, the same way in both.
      const Tensor x = IsFloating(type) ? RandomIntegers(type, shape, 1, 3) : RandomTensor(type, shape);
      ExpectScans({ScanOp::kProd, axis == 0, axis == 1}, x, axis);
    }
    ExpectScans({ScanOp::kProd, true, false}, RandomTensor(type, Shape{4, 6}), 1);
  }
}

TEST(ScanKernel, LogSumExps) {
  for (const DType type : {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16}) {
    for (const auto& [shape, axis] : kForms) {
      ExpectScans({ScanOp::kLogSumExp, false, false}, RandomTensor(type, shape), axis);
      ExpectScans({ScanOp::kLogSumExp, true, true}, RandomTensor(type, shape), axis);
    }
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Tensor x = RandomTensor(DType::kFloat32, Shape{3, 100});
  for (int i = 0; i < 60; ++i) x.mutable_values<float>()[i] = -kInfinity;
  x.mutable_values<float>()[250] = std::numeric_limits<float>::quiet_NaN();
  x.mutable_values<float>()[150] = kInfinity;
  ExpectScans({ScanOp::kLogSumExp, false, false}, x, 1);
}

TEST(ScanKernel, ComplexIsTheHosts) {
  EXPECT_FALSE(
      HasKernel(OpKind::kScan, ScanAttrs{}, {RandomTensor(DType::kComplex128, Shape{3}), Tensor::Scalar<int64_t>(0)}));
}

}  // namespace
}  // namespace moulin::cuda
