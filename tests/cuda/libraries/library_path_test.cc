// Kernels that call a library: packing of weights, order of operands, epilogues inside and behind, on a library that
// computes what it is asked for on the host.
#include <cmath>

#include "cuda/product_kernel.h"
#include "kernel_testing.h"
#include "libraries/reference_library.h"

namespace moulin::cuda {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Tensor Small(DType type, const Shape& shape, uint64_t seed = 1) { return RandomIntegers(type, shape, -2, 3, seed); }

class LibraryPathTest : public ::testing::Test {
 protected:
  // The synchronous stand-in's streams do everything at once.
  static Status RunNow(cudaStream_t, std::function<void()> work) {
    work();
    return absl::OkStatus();
  }

  void UseLibrary(TakesEpilogue takes) {
    library_ = std::make_shared<ReferenceLibrary>(RunNow, std::move(takes));
    options_.context = EmulatedContext();
    options_.context->libraries = {library_};
  }
  void SetUp() override {
    UseLibrary([](const LibraryEpilogue&) { return true; });
  }

  // That the node's result is the reference's, and that the library computed it.
  void Expect(OpKind kind, const Attrs& attrs, const std::vector<Tensor>& operands, InputMask constants = Input(1),
              double tolerance = 0) {
    const size_t before = library_->problems().size();
    ExpectOpMatches(kind, attrs, operands, tolerance, constants, options_);
    EXPECT_GT(library_->problems().size(), before) << "the library was not asked";
  }

  std::shared_ptr<ReferenceLibrary> library_;
  EmulatorOptions options_;
};

ConvAttrs Conv(SpatialDims strides, SpatialDims dilations, Padding padding = Padding::kSame, int64_t groups = 1) {
  ConvAttrs attrs;
  attrs.strides = std::move(strides);
  attrs.dilations = std::move(dilations);
  attrs.padding = padding;
  attrs.groups = groups;
  return attrs;
}

// relu($0 + $1 [+ $2])
Expr BiasResidualRelu(DType type, bool residual) {
  Expr e;
  int sum = e.Binary(ExprOp::kAdd, e.Input(0, type), e.Input(1, type));
  if (residual) sum = e.Binary(ExprOp::kAdd, sum, e.Input(2, type));
  e.Unary(ExprOp::kRelu, sum);
  return e;
}

TEST_F(LibraryPathTest, Convolutions) {
  for (const DType type : {DType::kFloat32, DType::kFloat16, DType::kBFloat16}) {
    Expect(OpKind::kConv, Conv({1, 2}, {1, 1}), {Small(type, Shape{2, 5, 6, 3}), Small(type, Shape{3, 2, 3, 4})});
  }
  const DType type = DType::kFloat32;
  Expect(OpKind::kConv, Conv({1, 1}, {2, 1}, Padding::kValid, 2),
         {Small(type, Shape{1, 7, 6, 4}), Small(type, Shape{3, 2, 2, 6})});
  Expect(OpKind::kConv, Conv({2}, {1}), {Small(type, Shape{2, 9, 3}), Small(type, Shape{4, 3, 5})});
  Expect(OpKind::kConv, Conv({1, 1, 2}, {1, 1, 1}),
         {Small(type, Shape{1, 3, 4, 5, 2}), Small(type, Shape{2, 3, 3, 2, 4})});
  ConvAttrs uneven = Conv({2, 1}, {1, 1}, Padding::kExplicit);
  uneven.pad_before = {0, 2};
  uneven.pad_after = {1, 0};
  Expect(OpKind::kConv, uneven, {Small(type, Shape{1, 6, 5, 3}), Small(type, Shape{3, 3, 3, 2})});
}

TEST_F(LibraryPathTest, TransposedConvolutions) {
  for (const int64_t groups : {1, 2}) {
    Expect(OpKind::kConvTranspose, Conv({2, 1}, {1, 1}, Padding::kSame, groups),
           {Tensor::Of<int32_t>(Shape{4}, {2, 7, 5, 6}), Small(DType::kFloat32, Shape{3, 2, 6 / groups, 4}),
            Small(DType::kFloat32, Shape{2, 4, 5, 4})});
  }
}

TEST_F(LibraryPathTest, EpilogueInside) {
  const DType type = DType::kFloat32;
  ConvAttrs attrs = Conv({1, 1}, {1, 1});
  attrs.epilogue = BiasResidualRelu(type, true);
  const std::vector<Tensor> operands = {Small(type, Shape{1, 4, 5, 3}), Small(type, Shape{3, 3, 3, 4}),
                                        Small(type, Shape{4}, 2), Small(type, Shape{1, 4, 5, 4}, 3)};
  Expect(OpKind::kConv, attrs, operands);
  EXPECT_THAT(library_->problems(), ::testing::Each(HasSubstr("bias+residual+relu")));
}

TEST_F(LibraryPathTest, PartsOfAnEpilogueBehind) {
  const DType type = DType::kFloat32;
  ConvAttrs attrs = Conv({1, 1}, {1, 1});
  attrs.epilogue = BiasResidualRelu(type, true);
  const std::vector<Tensor> operands = {Small(type, Shape{1, 4, 5, 3}), Small(type, Shape{3, 3, 3, 4}),
                                        Small(type, Shape{4}, 2), Small(type, Shape{1, 4, 5, 4}, 3)};
  UseLibrary([](const LibraryEpilogue& e) { return !e.residual && e.activation == Activation::kNone; });
  Expect(OpKind::kConv, attrs, operands);
  EXPECT_THAT(library_->problems(), ::testing::Each(HasSubstr("bias+none")));
  UseLibrary([](const LibraryEpilogue& e) { return e == LibraryEpilogue(); });
  Expect(OpKind::kConv, attrs, operands);
  EXPECT_THAT(library_->problems(), ::testing::Each(HasSubstr(" none")));
}

// The product is of another type than the result, so it needs memory of its own.
TEST_F(LibraryPathTest, EpilogueOfAnotherTypeBehind) {
  ConvAttrs attrs = Conv({1, 1}, {1, 1});
  Expr e;
  e.Cast(e.Binary(ExprOp::kMul, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32)), DType::kFloat16);
  attrs.epilogue = e;
  Expect(OpKind::kConv, attrs,
         {Small(DType::kFloat32, Shape{1, 4, 5, 3}), Small(DType::kFloat32, Shape{3, 3, 3, 4}),
          Small(DType::kFloat32, Shape{4}, 2)});
}

// relu($0 * factors + bias [+ residual]), in steps of int8 or as it is; the residual may be of float16.
Expr ScaledEpilogue(DType residual, DType result) {
  Expr e;
  const DType type = DType::kFloat32;
  int value = e.Binary(ExprOp::kMul, e.Cast(e.Input(0, DType::kInt32), type), e.Input(1, type));
  value = e.Binary(ExprOp::kAdd, value, e.Input(2, type));
  if (residual != DType::kInvalid) value = e.Binary(ExprOp::kAdd, value, e.Cast(e.Input(3, residual), type));
  value = e.Unary(ExprOp::kRelu, value);
  if (result != DType::kInt8) {
    e.Cast(value, result);
    return e;
  }
  Instr narrow;
  narrow.op = ExprOp::kSaturatingCast;
  narrow.type = DType::kInt8;
  narrow.args[0] = static_cast<int16_t>(e.Unary(ExprOp::kRound, e.Binary(ExprOp::kMul, value, e.Constant(type, 0.37))));
  e.Append(narrow);
  return e;
}

TEST_F(LibraryPathTest, Int8WithItsScalingInside) {
  const auto int8s = [](const Shape& shape, uint64_t seed) { return RandomTensor(DType::kInt8, shape, seed); };
  const auto floats = [](const Shape& shape, uint64_t seed) { return RandomTensor(DType::kFloat32, shape, seed); };
  for (const DType result : {DType::kFloat32, DType::kFloat16, DType::kInt8}) {
    for (const DType residual : {DType::kInvalid, DType::kFloat32, DType::kFloat16}) {
      ConvAttrs conv = Conv({1, 1}, {1, 1});
      conv.product_type = DType::kInt32;
      conv.epilogue = ScaledEpilogue(residual, result);
      std::vector<Tensor> operands = {int8s(Shape{1, 4, 5, 16}, 1), int8s(Shape{3, 3, 16, 4}, 2), floats(Shape{4}, 3),
                                      floats(Shape{4}, 4)};
      if (residual != DType::kInvalid) operands.push_back(RandomTensor(residual, Shape{1, 4, 5, 4}, 5));
      Expect(OpKind::kConv, conv, operands);
      ContractAttrs product;
      product.transpose_b = true;
      product.product_type = DType::kInt32;
      product.epilogue = conv.epilogue;
      operands[0] = int8s(Shape{7, 32}, 1);
      operands[1] = int8s(Shape{4, 32}, 2);
      if (residual != DType::kInvalid) operands[4] = RandomTensor(residual, Shape{7, 4}, 5);
      Expect(OpKind::kContract, product, operands);
    }
  }
  EXPECT_THAT(library_->problems(), ::testing::Each(HasSubstr(" scaled ")));
  EXPECT_THAT(library_->problems(), ::testing::Contains(HasSubstr("bias+residual+relu scaled f16 to i8")));
}

// A library that has the sums alone, and no library: the same bits.
TEST_F(LibraryPathTest, Int8SumsWithTheScalingBehind) {
  ConvAttrs conv = Conv({1, 1}, {1, 1});
  conv.product_type = DType::kInt32;
  const std::vector<Tensor> operands = {
      RandomTensor(DType::kInt8, Shape{1, 4, 5, 16}, 1), RandomTensor(DType::kInt8, Shape{3, 3, 16, 4}, 2),
      RandomTensor(DType::kFloat32, Shape{4}, 3), RandomTensor(DType::kFloat32, Shape{4}, 4)};
  Expect(OpKind::kConv, conv, {operands[0], operands[1]});
  conv.epilogue = ScaledEpilogue(DType::kInvalid, DType::kInt8);
  UseLibrary([](const LibraryEpilogue& e) { return e == LibraryEpilogue(); });
  Expect(OpKind::kConv, conv, operands);
  EXPECT_THAT(library_->problems(), ::testing::Each(HasSubstr("conv i8")));
  UseLibrary([](const LibraryEpilogue&) { return false; });
  ExpectOpMatches(OpKind::kConv, conv, operands, 0, Input(1), options_);
}

TEST_F(LibraryPathTest, WhatALibraryIsNotAskedFor) {
  const DType type = DType::kFloat32;
  const std::vector<Tensor> operands = {Small(type, Shape{1, 3, 4, 5}), Small(type, Shape{3, 3, 5, 4})};
  ExpectOpMatches(OpKind::kConv, Conv({1, 1}, {1, 1}), operands, 0, 0, options_);  // the filter is no constant
  ConvAttrs channels_first = Conv({1, 1}, {1, 1});
  channels_first.channels_last = false;
  ExpectOpMatches(OpKind::kConv, channels_first, {Small(type, Shape{1, 3, 4, 5}), Small(type, Shape{3, 3, 3, 4})}, 0,
                  Input(1), options_);
  EXPECT_THAT(library_->problems(), IsEmpty());
}

TEST_F(LibraryPathTest, Products) {
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      ContractAttrs attrs;
      attrs.transpose_a = transpose_a;
      attrs.transpose_b = transpose_b;
      const auto matrix = [](std::vector<int64_t> batch, int64_t rows, int64_t columns, bool transposed) {
        batch.insert(batch.end(), {transposed ? columns : rows, transposed ? rows : columns});
        return Small(DType::kFloat32, Shape(absl::MakeConstSpan(batch)));
      };
      const std::vector<std::vector<int64_t>> batches[] = {
          {{}, {}}, {{3}, {3}}, {{3}, {}}, {{}, {3}}, {{2, 3}, {2, 3}}};
      for (const auto& batch : batches) {
        Expect(OpKind::kContract, attrs, {matrix(batch[0], 4, 5, transpose_a), matrix(batch[1], 5, 6, transpose_b)}, 0);
      }
    }
  }
}

TEST_F(LibraryPathTest, ProductWithEpilogue) {
  const DType type = DType::kFloat32;
  ContractAttrs attrs;
  attrs.epilogue = BiasResidualRelu(type, true);
  for (const Shape& a : {Shape{4, 5}, Shape{2, 2, 5}}) {  // the batch becomes rows
    Shape y = a;
    y.set_dim(a.rank() - 1, 6);
    Expect(OpKind::kContract, attrs,
           {Small(type, a), Small(type, Shape{5, 6}), Small(type, Shape{6}, 2), Small(type, y, 3)}, 0);
  }
}

TEST_F(LibraryPathTest, Attention) {
  const DType type = DType::kFloat32;
  // Scores of 8 products below 16 and values below 4, in float: see attention_test.cc.
  const double tolerance = 3e-5;
  const auto random = [&](const Shape& shape, uint64_t seed) { return RandomTensor(type, shape, seed); };
  std::vector<Tensor> operands = {random(Shape{2, 3, 5, 8}, 1), random(Shape{2, 3, 6, 8}, 2),
                                  random(Shape{2, 3, 6, 4}, 3)};
  Expect(OpKind::kAttention, AttentionAttrs{0.25, true}, operands, 0, tolerance);
  for (const Shape& mask : {Shape{2, 1, 1, 6}, Shape{2, 3, 5, 6}, Shape{3, 1, 6}, Shape{5, 6}, Shape{6}}) {
    operands.resize(3);
    operands.push_back(random(mask, 4));
    Expect(OpKind::kAttention, AttentionAttrs{0.25, true}, operands, 0, tolerance);
  }
}

TEST_F(LibraryPathTest, WeightsAreSharedByNodes) {
  const Tensor filter = Small(DType::kFloat32, Shape{3, 3, 2, 4});
  std::vector<Tensor> operands = {Small(DType::kFloat32, Shape{1, 4, 4, 2}), filter};
  const Graph graph = OneNodeGraph(OpKind::kConv, Conv({1, 1}, {1, 1}), operands, Input(1));
  const KernelRequest request{graph, graph.node(0), options_.context};
  const auto first = MakeConvKernel(request), second = MakeConvKernel(request);
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE(RunOnEmulator(graph, {operands[0]}, options_).ok());
  const int64_t bytes = options_.context->constants->bytes();
  ASSERT_TRUE(RunOnEmulator(graph, {operands[0]}, options_).ok());
  EXPECT_EQ(options_.context->constants->bytes(), bytes);
}

}  // namespace
}  // namespace moulin::cuda
