// Softmax, LayerNorm, BatchNorm, LocalResponseNorm.
//
// Tolerances: the arithmetic is float's (double's for doubles) where the reference's is double. An element of a softmax
// has the error of exp (2^-22 relative, and 8 * 2^-24 from its argument of up to 8) and that of the sum (each thread
// adds at most 32 terms, then a tree: 2^-19 relative); all results are at most 1. Normalised rows have up to 4 of these
// roundings of numbers of magnitude 8, over a deviation above 1. Results of 16 bits are rounded once more.
#include "cuda/kernels/normalize.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

const DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16};

double ToleranceOf(DType type) {
  switch (type) {
    case DType::kFloat64:
      return 1e-13;
    case DType::kFloat16:
      return 0x1p-10;
    case DType::kBFloat16:
      return 0x1p-7;
    default:
      return 4e-6;
  }
}

// Less than a word; a group of few threads; words and none; a block; several words a thread; longer than registers
// hold.
const Shape kRows[] = {{1},       {3, 2},    {2, 3, 7}, {40, 16},  {7, 64},    {5, 129}, {3, 1000},
                       {2, 1001}, {2, 2049}, {2, 4096}, {2, 8189}, {2, 17000}, {0, 5},   {5, 0}};

TEST(SoftmaxKernel, EveryTypeAndSize) {
  for (const DType type : kTypes) {
    for (const Shape& shape : kRows) {
      for (const bool log : {false, true}) {
        SCOPED_TRACE(absl::StrCat(Name(type), " ", shape.ToString(), log ? " log" : ""));
        ExpectOpMatches(OpKind::kSoftmax, SoftmaxAttrs{log}, {RandomTensor(type, shape)}, ToleranceOf(type));
      }
    }
  }
}

TEST(SoftmaxKernel, Extremes) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::Of<float>(Shape{6, 3}, {1e30f, 1e30f, -1e30f,                //
                                                   -kInfinity, 0, 1,                    //
                                                   -kInfinity, -kInfinity, -kInfinity,  //
                                                   kInfinity, 0, 1,                     //
                                                   kNan, 0, 1,                          //
                                                   0, 1, kNan});
  for (const bool log : {false, true}) {
    ExpectOpMatches(OpKind::kSoftmax, SoftmaxAttrs{log}, {x}, 1e-6);
  }
}

TEST(LayerNormKernel, EveryTypeAndSize) {
  for (const DType type : kTypes) {
    for (const Shape& shape : kRows) {
      const int64_t n = shape[shape.rank() - 1];
      for (const DType parameter : {type, DType::kFloat32}) {
        if (type == DType::kFloat64 && parameter != type) continue;
        SCOPED_TRACE(absl::StrCat(Name(type), " ", shape.ToString(), " ", Name(parameter)));
        // Two elements a row, or one, would have a deviation near 0.
        ExpectOpMatches(
            OpKind::kLayerNorm, LayerNormAttrs{n < 3 ? 1.0 : 1e-3},
            {RandomTensor(type, shape), RandomTensor(parameter, Shape{n}, 2), RandomTensor(parameter, Shape{n}, 3)},
            ToleranceOf(type) * 4);
      }
    }
  }
}

// Rows enough to keep a small device busy: a warp a row, with several words a thread.
TEST(RowKernels, ManyRows) {
  EmulatorOptions options;
  options.context = EmulatedContext();
  options.context->multiprocessors = 2;
  for (const DType type : kTypes) {
    for (const int64_t n : {150, 512}) {
      SCOPED_TRACE(absl::StrCat(Name(type), " ", n));
      const Tensor x = RandomTensor(type, Shape{45, n});
      ExpectOpMatches(OpKind::kSoftmax, SoftmaxAttrs{}, {x}, ToleranceOf(type), 0, options);
      ExpectOpMatches(OpKind::kLayerNorm, LayerNormAttrs{},
                      {x, RandomTensor(type, Shape{n}, 2), RandomTensor(type, Shape{n}, 3)}, ToleranceOf(type) * 4, 0,
                      options);
    }
  }
}

// A variance taken as the mean of squares less the square of the mean would be lost.
TEST(LayerNormKernel, DoesNotCancel) {
  Tensor x = RandomTensor(DType::kFloat32, Shape{3, 700});
  for (float& v : x.mutable_values<float>()) v = 4000 + std::round(v * 4);  // exact; their sum is too
  ExpectOpMatches(OpKind::kLayerNorm, LayerNormAttrs{1e-3},
                  {x, RandomTensor(DType::kFloat32, Shape{700}, 2), RandomTensor(DType::kFloat32, Shape{700}, 3)},
                  4e-4);  // the mean is rounded to 2^-13, of a deviation of 9
}

// Positive variances.
Tensor Variances(DType type, int64_t n) { return RandomIntegers(type, Shape{n}, 1, 9, 5); }

TEST(BatchNormKernel, EveryTypeAndLayout) {
  for (const DType type : kTypes) {
    for (const bool channels_last : {true, false}) {
      for (const Shape& shape : {Shape{2, 5, 5, 7}, Shape{3, 8, 16}, Shape{4, 3}, Shape{600, 9}, Shape{0, 3, 3, 2}}) {
        const int64_t n = shape[channels_last ? shape.rank() - 1 : 1];
        for (const DType parameter : {type, DType::kFloat32}) {
          if (type == DType::kFloat64 && parameter != type) continue;
          SCOPED_TRACE(absl::StrCat(Name(type), " ", shape.ToString(), " ", Name(parameter), " ", channels_last));
          ExpectOpMatches(
              OpKind::kBatchNorm, BatchNormAttrs{1e-3, channels_last},
              {RandomTensor(type, shape), RandomTensor(parameter, Shape{n}, 2), RandomTensor(parameter, Shape{n}, 3),
               RandomTensor(parameter, Shape{n}, 4), Variances(parameter, n)},
              ToleranceOf(type) * 2);
        }
      }
    }
  }
}

TEST(LocalResponseNormKernel, EveryTypeAndRadius) {
  for (const DType type : kTypes) {
    for (const int64_t radius : {0, 1, 5, 100}) {
      for (const Shape& shape : {Shape{2, 3, 3, 7}, Shape{1, 1, 2, 400}, Shape{2, 0, 3, 4}}) {
        SCOPED_TRACE(absl::StrCat(Name(type), " ", shape.ToString(), " ", radius));
        ExpectOpMatches(OpKind::kLocalResponseNorm, LocalResponseNormAttrs{radius, 1.5, 0.7, 0.75},
                        {RandomTensor(type, shape)}, ToleranceOf(type));
      }
    }
  }
}

TEST(NormalizeKernels, OtherTypesAreTheHosts) {
  // Parameters of another type than x and float32 are no node that shape inference takes, and no kernel either.
  EXPECT_TRUE(HasKernel(OpKind::kSoftmax, SoftmaxAttrs{}, {RandomTensor(DType::kFloat16, Shape{2, 3})}));
  EXPECT_FALSE(LayerNormFunctionsFor(DType::kFloat64, DType::kFloat32).rows);
  EXPECT_FALSE(LayerNormFunctionsFor(DType::kInt32, DType::kInt32).rows);
  EXPECT_FALSE(BatchNormFunction(DType::kFloat16, DType::kBFloat16));
}

}  // namespace
}  // namespace moulin::cuda
