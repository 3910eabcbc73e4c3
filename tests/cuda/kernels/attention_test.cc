// Attention on the emulator against the reference.
#include "cuda/kernels/attention.h"

#include <limits>

#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

// Scores are sums of d products of numbers below 4, in float: an error of d * 16 * 2^-24 each, which is relative in
// their exponentials; weighted sums of numbers below 4 keep it. For 16-bit types the result's rounding is more than
// that.
double Tolerance(DType type, int64_t d) {
  if (type == DType::kFloat64) return 1e-12;
  const double rounding = type == DType::kFloat16 ? 1.0 / 1024 : type == DType::kBFloat16 ? 1.0 / 128 : 0;
  return rounding + static_cast<double>(d) * 4 * 16 / (1 << 24);
}

void ExpectAttention(const AttentionAttrs& attrs, DType type, const std::vector<Shape>& shapes) {
  std::vector<Tensor> operands;
  for (const Shape& shape : shapes) operands.push_back(RandomTensor(type, shape, operands.size() + 1));
  SCOPED_TRACE(testing::Message() << Name(type) << shapes[0].ToString() << shapes[1].ToString());
  ExpectOpMatches(OpKind::kAttention, attrs, operands, Tolerance(type, shapes[0][shapes[0].rank() - 1]));
}

TEST(AttentionKernel, EveryType) {
  for (const DType type : {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16}) {
    ExpectAttention({0.25, true}, type, {Shape{2, 5, 16}, Shape{2, 7, 16}, Shape{2, 7, 9}});
  }
}

TEST(AttentionKernel, ManyBlocksAndTails) {
  const DType type = DType::kFloat32;
  ExpectAttention({0.2, true}, type, {Shape{1, 35, 40}, Shape{1, 70, 40}, Shape{1, 70, 33}});
  ExpectAttention({0.5, true}, type, {Shape{3, 3}, Shape{64, 3}, Shape{64, 130}});  // two blocks of columns
  ExpectAttention({1, true}, type, {Shape{1, 1}, Shape{1, 1}, Shape{1, 1}});
}

TEST(AttentionKernel, KeysAlreadyTransposed) {
  ExpectAttention({0.25, false}, DType::kFloat32, {Shape{2, 5, 16}, Shape{2, 16, 37}, Shape{2, 37, 8}});
}

TEST(AttentionKernel, Masks) {
  const DType type = DType::kFloat32;
  for (const Shape& mask : {Shape{2, 1, 1, 6}, Shape{2, 2, 5, 6}, Shape{6}, Shape{1, 2, 5, 1}}) {
    ExpectAttention({0.25, true}, type, {Shape{2, 2, 5, 8}, Shape{2, 2, 6, 8}, Shape{2, 2, 6, 4}, mask});
  }
}

TEST(AttentionKernel, BatchesBroadcast) {
  const DType type = DType::kFloat32;
  ExpectAttention({0.25, true}, type, {Shape{2, 2, 5, 8}, Shape{1, 2, 6, 8}, Shape{6, 4}});
  ExpectAttention({0.25, true}, type, {Shape{5, 8}, Shape{2, 6, 8}, Shape{2, 1, 6, 4}});
  ExpectAttention({0.25, true}, type, {Shape{1, 8}, Shape{6, 8}, Shape{6, 4}, Shape{2, 3, 6}});  // the mask adds rows
}

TEST(AttentionKernel, MinusInfinityHidesKeys) {
  const float hidden = -std::numeric_limits<float>::infinity();
  Tensor mask = Tensor::Allocate(DType::kFloat32, Shape{2, 40}).value();
  for (int i = 0; i < 80; ++i)
    mask.mutable_values<float>()[i] = i < 35 ? hidden : 0.0f;  // row 0: all of the first keys
  const auto random = [](const Shape& shape) { return RandomTensor(DType::kFloat32, shape); };
  ExpectOpMatches(OpKind::kAttention, AttentionAttrs{0.25, true},
                  {random(Shape{2, 8}), random(Shape{40, 8}), random(Shape{40, 4}), mask},
                  Tolerance(DType::kFloat32, 8));
  for (int i = 0; i < 40; ++i) mask.mutable_values<float>()[i] = hidden;  // row 0: nothing left, NaN
  ExpectOpMatches(OpKind::kAttention, AttentionAttrs{0.25, true},
                  {random(Shape{2, 8}), random(Shape{40, 8}), random(Shape{40, 4}), mask},
                  Tolerance(DType::kFloat32, 8));
}

TEST(AttentionKernel, Empty) {
  ExpectAttention({1, true}, DType::kFloat32, {Shape{0, 5, 8}, Shape{0, 6, 8}, Shape{0, 6, 4}});
  ExpectAttention({1, true}, DType::kFloat32, {Shape{2, 0, 8}, Shape{2, 6, 8}, Shape{2, 6, 4}});
}

}  // namespace
}  // namespace moulin::cuda
