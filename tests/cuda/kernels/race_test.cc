// One small case of each kernel whose threads work together. Under ThreadSanitizer, where every thread of a block is a
// thread of the machine, they show that barriers and warp functions order what they must; the sizes are such that each
// kernel passes its barriers more than once.
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

constexpr DType kFloat = DType::kFloat32;

Tensor Ints(std::vector<int64_t> values) {
  return Tensor::Of<int64_t>(Shape({static_cast<int64_t>(values.size())}), values);
}

// Sums of whole numbers are exact in any order.
Tensor Whole(const Shape& shape, uint64_t seed = 1) { return RandomIntegers(kFloat, shape, -4, 4, seed); }

TEST(Races, RowsAreReduced) {
  for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMax}) {
    ExpectOpMatches(OpKind::kReduce, ReduceAttrs{op, false}, {Whole(Shape{2, 700}), Ints({1})});
    ExpectOpMatches(OpKind::kReduce, ReduceAttrs{op, false}, {Whole(Shape{70, 9}), Ints({0})});
  }
  ExpectOpMatches(OpKind::kArgReduce, ArgReduceAttrs{}, {Whole(Shape{2, 700}), Tensor::Scalar<int64_t>(1)});
}

TEST(Races, RowsAreScanned) {
  ExpectOpMatches(OpKind::kScan, ScanAttrs{}, {Whole(Shape{2, 700}), Tensor::Scalar<int64_t>(1)});
}

TEST(Races, RowsAreNormalized) {
  // A division and an exponential, each within an ulp or two.
  ExpectOpMatches(OpKind::kSoftmax, SoftmaxAttrs{}, {Whole(Shape{2, 700})}, 1e-6);
  ExpectOpMatches(OpKind::kLayerNorm, LayerNormAttrs{1e-3},
                  {Whole(Shape{2, 700}), Whole(Shape{700}), Whole(Shape{700})}, 1e-4);
}

TEST(Races, ProductsAreTiled) {
  ExpectOpMatches(OpKind::kContract, ContractAttrs{}, {Whole(Shape{70, 40}), Whole(Shape{40, 66}, 2)});
}

TEST(Races, ConvolutionsAreTiled) {
  ConvAttrs attrs;
  attrs.strides = attrs.dilations = {1, 1};
  attrs.padding = Padding::kSame;
  ExpectOpMatches(OpKind::kConv, attrs, {Whole(Shape{1, 6, 6, 5}), Whole(Shape{3, 3, 5, 7}, 2)});
}

TEST(Races, AttentionKeepsARunningSoftmax) {
  // Scores are exact; the rest as of Softmax, and a sum of 70 products.
  ExpectOpMatches(OpKind::kAttention, AttentionAttrs{0.25, true},
                  {Whole(Shape{1, 3, 8}), Whole(Shape{1, 70, 8}, 2), Whole(Shape{1, 70, 4}, 3)}, 1e-5);
}

TEST(Races, MatricesAreTransposed) {
  ExpectOpMatches(OpKind::kTranspose, NoAttrs{}, {Whole(Shape{70, 40}), Ints({1, 0})});
}

TEST(Races, RowsAreSorted) {
  ExpectOpMatches(OpKind::kTopK, TopKAttrs{}, {RandomTensor(kFloat, Shape{1, 100}), Tensor::Scalar<int32_t>(9)});
}

TEST(Races, BoxesAreSuppressed) {
  ExpectOpMatches(OpKind::kNonMaxSuppression, NonMaxSuppressionAttrs{5, true},
                  {RandomTensor(kFloat, Shape{40, 4}), RandomTensor(kFloat, Shape{40}, 2), Tensor::Scalar<int32_t>(7),
                   Tensor::Scalar<float>(0.2f), Tensor::Scalar<float>(0), Tensor::Scalar<float>(0)},
                  0, Input(3) | Input(4) | Input(5));
}

}  // namespace
}  // namespace moulin::cuda
