// The reference's arithmetic is the kernels' own (kernels/resize.h), so results are the same bits; that the arithmetic
// is TensorFlow's is for tests/ops/image_test.cc and the golden cases.
#include "cuda/kernels/image.h"

#include <cmath>

#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

Tensor Size(int32_t h, int32_t w) { return Tensor::Of<int32_t>(Shape{2}, {h, w}); }

// Pixels of any type but bool.
Tensor Image(DType type, const Shape& shape) {
  return IsFloating(type) ? RandomTensor(type, shape) : RandomIntegers(type, shape, 0, 100);
}

struct Corners {
  bool align, half_pixel;
};
constexpr Corners kCorners[] = {{false, false}, {true, false}, {false, true}};
constexpr ResizeMethod kMethods[] = {ResizeMethod::kNearest, ResizeMethod::kBilinear, ResizeMethod::kBicubic,
                                     ResizeMethod::kArea};

void ExpectResizeMatches(const ResizeAttrs& attrs, const Tensor& image, int32_t h, int32_t w) {
  SCOPED_TRACE(AttrsToString(attrs) + " of " + image.shape().ToString() + std::string(Name(image.dtype())));
  ExpectOpMatches(OpKind::kResize, attrs, {image, Size(h, w)});
}

TEST(ResizeKernel, EveryMethodAndCornerUpAndDown) {
  for (const ResizeMethod method : kMethods) {
    for (const Corners corners : kCorners) {
      const ResizeAttrs attrs{method, corners.align, corners.half_pixel};
      const Tensor image = Image(DType::kFloat32, Shape{2, 5, 7, 3});
      for (const auto& [h, w] : {std::pair(11, 13), std::pair(3, 2), std::pair(5, 7), std::pair(1, 1)}) {
        ExpectResizeMatches(attrs, image, h, w);
      }
    }
  }
}

TEST(ResizeKernel, EveryTypeOfImage) {
  for (const DType type : RealTypes()) {
    for (const ResizeMethod method : kMethods) {
      if (type == DType::kBool && method != ResizeMethod::kNearest) continue;
      const Tensor image = type == DType::kBool ? RandomTensor(type, Shape{1, 4, 3, 2}) : Image(type, {1, 4, 3, 2});
      ExpectResizeMatches(ResizeAttrs{method, false, method != ResizeMethod::kArea}, image, 6, 5);
    }
  }
}

TEST(ResizeKernel, EveryTypeOfResult) {
  for (const DType type : {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16}) {
    for (const DType image : {DType::kUInt8, DType::kFloat16}) {
      ExpectResizeMatches(ResizeAttrs{ResizeMethod::kBilinear, false, true, type}, Image(image, Shape{1, 4, 3, 2}), 7,
                          5);
    }
  }
}

TEST(ResizeKernel, ComplexNumbersMoveToo) {
  Tensor image = Tensor::Allocate(DType::kComplex128, Shape{1, 2, 2, 1}).value();
  for (int i = 0; i < 4; ++i) image.mutable_values<std::complex<double>>()[i] = {i + 0.5, -1.0 * i};
  ExpectResizeMatches(ResizeAttrs{ResizeMethod::kNearest}, image, 3, 5);
}

TEST(ResizeKernel, SinglePixelsAndNoImages) {
  for (const ResizeMethod method : kMethods) {
    ExpectResizeMatches(ResizeAttrs{method, true}, Image(DType::kFloat32, Shape{1, 1, 1, 1}), 4, 4);
    ExpectResizeMatches(ResizeAttrs{method}, Image(DType::kFloat32, Shape{0, 3, 3, 2}), 4, 4);
    ExpectResizeMatches(ResizeAttrs{method}, Image(DType::kInt32, Shape{2, 3, 3, 0}), 4, 4);
  }
}

TEST(ResizeKernel, ManyBlocks) {
  ExpectResizeMatches(ResizeAttrs{ResizeMethod::kBilinear}, Image(DType::kUInt8, Shape{1, 33, 21, 3}), 67, 41);
}

Tensor Boxes() {
  // Inside, flipped, beyond the edges, without area, and no number.
  return Tensor::Of<float>(Shape{6, 4}, {0,    0,    1,   1,    0.1f, 0.2f, 0.7f, 0.9f, 0.9f, 0.8f, 0.1f,          0,
                                         -0.5, -0.3, 1.4, 1.2f, 0.5f, 0.5f, 0.5f, 0.5f, 0,    0,    std::nanf(""), 1});
}
Tensor BoxImages() { return Tensor::Of<int32_t>(Shape{6}, {0, 1, 1, 0, 1, 0}); }

TEST(CropAndResizeKernel, EveryTypeAndMethod) {
  for (const DType type : RealTypes()) {
    if (type == DType::kBool) continue;
    SCOPED_TRACE(Name(type));
    for (const bool nearest : {false, true}) {
      for (const int32_t side : {1, 4}) {
        ExpectOpMatches(OpKind::kCropAndResize, CropAndResizeAttrs{nearest, -7.25},
                        {Image(type, Shape{2, 6, 5, 2}), Boxes(), BoxImages(), Size(side, 3)});
      }
    }
  }
}

TEST(CropAndResizeKernel, NoBoxes) {
  ExpectOpMatches(OpKind::kCropAndResize, CropAndResizeAttrs(),
                  {Image(DType::kFloat32, Shape{2, 6, 5, 2}), Tensor::Of<float>(Shape{0, 4}, {}),
                   Tensor::Of<int32_t>(Shape{0}, {}), Size(2, 3)});
}

// The reference refuses such a box; a GPU cannot.
TEST(CropAndResizeKernel, ABoxOfNoImageIsExtrapolated) {
  const std::vector<Tensor> operands = {Tensor::Of<float>(Shape{1, 2, 2, 1}, {1, 2, 3, 4}),
                                        Tensor::Of<float>(Shape{3, 4}, {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}),
                                        Tensor::Of<int32_t>(Shape{3}, {0, 1, -2147483647 - 1}), Size(1, 1)};
  const Graph graph = OneNodeGraph(OpKind::kCropAndResize, CropAndResizeAttrs{false, 9}, operands, Input(3));
  const auto got = RunOnEmulator(graph, {operands[0], operands[1], operands[2]});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT((*got)[0].values<float>(), ::testing::ElementsAre(2.5f, 9, 9));
}

}  // namespace
}  // namespace moulin::cuda
