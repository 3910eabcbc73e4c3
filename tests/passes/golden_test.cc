// Text dumps of two small graphs after each pass that changed them, held against tests/golden/passes/*.txt. Run with
// MOULIN_UPDATE_GOLDEN=1 to write the files anew, and review the difference.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "passes/specialize.h"
#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

class GoldenTest : public PassTest {
 protected:
  void ExpectGolden(const std::string& name, absl::Span<const InputFact> facts) {
    ASSERT_TRUE(b_.ok()) << b_.status();
    std::string found = absl::StrCat("== imported\n", GraphToString(graph_));
    options_.after = [&](const char* pass, const Graph& graph) {
      absl::StrAppend(&found, "\n== ", pass, "\n", GraphToString(graph));
    };
    const auto special = Specialize(graph_, facts, options_);
    ASSERT_TRUE(special.ok()) << special.status();
    // Tests run in the root of the source tree.
    const std::string path = absl::StrCat("tests/golden/passes/", name, ".txt");
    if (std::getenv("MOULIN_UPDATE_GOLDEN") != nullptr) {
      std::ofstream file(path);
      file << found;
      ASSERT_TRUE(file.good()) << path;
      return;
    }
    std::ifstream file(path);
    ASSERT_TRUE(file.good()) << path << " is missing";
    std::stringstream expected;
    expected << file.rdbuf();
    EXPECT_EQ(expected.str(), found);
  }
};

// A padded convolution with batch normalisation, swish, a residual sum, pooling by a mean, and a flattened product.
TEST_F(GoldenTest, SmallConvNet) {
  const ValueId x = Input("image", {kUnknownDim, 4, 4, 2});
  b_.SetOrigin("pad", "Pad");
  const ValueId paddings = graph_.AddConstant(Tensor::Of<int64_t>(Shape({4, 2}), {0, 0, 1, 1, 1, 1, 0, 0}));
  ValueId v = b_.Add(OpKind::kPad, PadAttrs{}, {x, paddings, b_.Scalar(DType::kFloat32, 0)});
  ConvAttrs conv;
  conv.strides = {1, 1};
  conv.dilations = {1, 1};
  b_.SetOrigin("conv", "Conv2D");
  v = b_.Add(OpKind::kConv, conv, {v, Constant(Shape({3, 3, 2, 2}))});
  b_.SetOrigin("bn", "FusedBatchNormV3");
  const ValueId variance = graph_.AddConstant(Tensor::Of<float>(Shape({2}), {1, 2}));
  v = b_.Add(OpKind::kBatchNorm, BatchNormAttrs{},
             {v, Constant(Shape({2}), 2), Constant(Shape({2}), 3), Constant(Shape({2}), 4), variance});
  b_.SetOrigin("swish", "Mul");
  v = b_.Binary(ExprOp::kMul, v, b_.Unary(ExprOp::kSigmoid, v));
  b_.SetOrigin("residual", "AddV2");
  v = b_.Binary(ExprOp::kAdd, v, x);
  b_.SetOrigin("mean", "Mean");
  v = b_.Reduce(ReduceOp::kMean, v, {1, 2}, /*keep_dims=*/true);
  b_.SetOrigin("flatten", "Reshape");
  const ValueId batch = b_.Add(OpKind::kSlice, NoAttrs{}, {b_.ShapeOf(v), b_.Ints({0}), b_.Ints({1})});
  v = b_.Reshape(v, b_.Concat({batch, b_.Ints({2})}, 0));
  b_.SetOrigin("dense", "MatMul");
  v = b_.Add(OpKind::kContract, ContractAttrs{}, {v, Constant(Shape({2, 10}))});
  b_.SetOrigin("bias", "BiasAdd");
  Output(b_.Binary(ExprOp::kAdd, v, Constant(Shape({10}), 5)), "logits");
  ExpectGolden("small_conv_net", {{Shape({2, 4, 4, 2})}});
}

// One head of masked attention with a residual sum, a layer norm and GELU.
TEST_F(GoldenTest, SmallTransformer) {
  const ValueId x = Input("tokens", {kUnknownDim, 3, 8});
  const ValueId keep = Input("keep", {kUnknownDim, 1, 3});
  const auto scalar = [&](double value) { return b_.Scalar(DType::kFloat32, value); };
  const auto project = [&](ValueId v, uint32_t seed) {
    return b_.Add(OpKind::kContract, ContractAttrs{}, {v, Constant(Shape({8, 8}), seed)});
  };
  b_.SetOrigin("scores", "BatchMatMulV2");
  ValueId v = b_.Add(OpKind::kContract, ContractAttrs{}, {project(x, 1), b_.Transpose(project(x, 2), {0, 2, 1})});
  v = b_.Binary(ExprOp::kDiv, v, scalar(2));
  b_.SetOrigin("mask", "AddV2");
  v = b_.Binary(ExprOp::kAdd, v, b_.Binary(ExprOp::kMul, b_.Binary(ExprOp::kSub, scalar(1), keep), scalar(-10000)));
  b_.SetOrigin("softmax", "Softmax");
  const ValueId e = b_.Unary(ExprOp::kExp, b_.Binary(ExprOp::kSub, v, b_.Reduce(ReduceOp::kMax, v, {2}, true)));
  v = b_.Binary(ExprOp::kDiv, e, b_.Reduce(ReduceOp::kSum, e, {2}, true));
  b_.SetOrigin("context", "BatchMatMulV2");
  v = b_.Binary(ExprOp::kAdd, b_.Add(OpKind::kContract, ContractAttrs{}, {v, project(x, 3)}), x);
  b_.SetOrigin("norm", "AddV2");
  const ValueId mean = b_.Reduce(ReduceOp::kMean, v, {2}, true);
  const ValueId d = b_.Binary(ExprOp::kSub, v, mean);
  const ValueId variance = b_.Reduce(ReduceOp::kMean, b_.Binary(ExprOp::kMul, d, d), {2}, true);
  const ValueId root = b_.Unary(ExprOp::kRsqrt, b_.Binary(ExprOp::kAdd, variance, scalar(1e-3)));
  const ValueId factor = b_.Binary(ExprOp::kMul, root, Constant(Shape({8}), 4));
  v = b_.Binary(ExprOp::kAdd, b_.Binary(ExprOp::kMul, v, factor),
                b_.Binary(ExprOp::kSub, Constant(Shape({8}), 5), b_.Binary(ExprOp::kMul, mean, factor)));
  b_.SetOrigin("gelu", "Mul");
  v = b_.Binary(ExprOp::kAdd, project(v, 6), Constant(Shape({8}), 7));
  const ValueId erf = b_.Unary(ExprOp::kErf, b_.Binary(ExprOp::kMul, v, scalar(0.70710678)));
  Output(b_.Binary(ExprOp::kMul, b_.Binary(ExprOp::kMul, v, scalar(0.5)), b_.Binary(ExprOp::kAdd, erf, scalar(1))));
  ExpectGolden("small_transformer", {{Shape({2, 3, 8})}, {Shape({2, 1, 3})}});
}

}  // namespace
}  // namespace moulin::testing
