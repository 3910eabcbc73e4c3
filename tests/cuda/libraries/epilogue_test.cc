#include "cuda/epilogue.h"

#include <cmath>

#include "gtest/gtest.h"

namespace moulin::cuda {
namespace {

const Shape kProduct{2, 4, 4, 8};

// An activation of $0 (with $1 added first, if `operand` has axes).
using Build = std::function<int(Expr*, int)>;

std::optional<RecognisedEpilogue> Recognise(const Build& build, DType type = DType::kFloat32, int channel_axis = 3,
                                            const Shape& operand = Shape{8}) {
  Expr e;
  const int sum = e.Binary(ExprOp::kAdd, e.Input(0, type), e.Input(1, type));
  e.SetResult(build(&e, sum));
  return RecogniseEpilogue(e, type, {kProduct, operand}, channel_axis);
}

struct Spelling {
  Activation activation;
  Build build;
};

std::vector<Spelling> Spellings(DType type) {
  const auto constant = [type](Expr* e, double value) { return e->Constant(type, value); };
  const auto erf_gelu = [constant](Expr* e, int x) {
    const int erf = e->Unary(ExprOp::kErf, e->Binary(ExprOp::kMul, x, constant(e, M_SQRT1_2)));
    return e->Binary(ExprOp::kMul, e->Binary(ExprOp::kMul, constant(e, 0.5), x),
                     e->Binary(ExprOp::kAdd, constant(e, 1), erf));
  };
  const auto tanh_gelu = [constant](Expr* e, int x) {
    const int cube = e->Binary(ExprOp::kPow, x, constant(e, 3));
    const int inner = e->Binary(ExprOp::kAdd, x, e->Binary(ExprOp::kMul, constant(e, 0.044715), cube));
    const int tanh = e->Unary(ExprOp::kTanh, e->Binary(ExprOp::kMul, constant(e, std::sqrt(2 / M_PI)), inner));
    return e->Binary(ExprOp::kMul, e->Binary(ExprOp::kMul, x, constant(e, 0.5)),
                     e->Binary(ExprOp::kAdd, tanh, constant(e, 1)));
  };
  return {
      {Activation::kNone, [](Expr*, int x) { return x; }},
      {Activation::kRelu, [](Expr* e, int x) { return e->Unary(ExprOp::kRelu, x); }},
      {Activation::kRelu, [=](Expr* e, int x) { return e->Binary(ExprOp::kMax, constant(e, 0), x); }},
      {Activation::kRelu6,
       [=](Expr* e, int x) {
         return e->Binary(ExprOp::kMin, e->Binary(ExprOp::kMax, x, constant(e, 0)), constant(e, 6));
       }},
      {Activation::kSigmoid, [](Expr* e, int x) { return e->Unary(ExprOp::kSigmoid, x); }},
      {Activation::kTanh, [](Expr* e, int x) { return e->Unary(ExprOp::kTanh, x); }},
      {Activation::kElu, [](Expr* e, int x) { return e->Unary(ExprOp::kElu, x); }},
      {Activation::kSwish, [](Expr* e, int x) { return e->Binary(ExprOp::kMul, e->Unary(ExprOp::kSigmoid, x), x); }},
      {Activation::kGeluErf, erf_gelu},
      {Activation::kGeluTanh, tanh_gelu},
  };
}

TEST(Epilogue, ActivationsInAllSpellingsAndTypes) {
  for (const DType type : {DType::kFloat32, DType::kFloat16, DType::kBFloat16}) {
    for (const Spelling& spelling : Spellings(type)) {
      const auto found = Recognise(spelling.build, type);
      ASSERT_TRUE(found.has_value()) << static_cast<int>(spelling.activation);
      // The two forms of gelu are nearer to each other than bfloat16 can tell; either will do there.
      if (type != DType::kBFloat16 || spelling.activation < Activation::kGeluErf) {
        EXPECT_EQ(found->fused.activation, spelling.activation);
      }
      EXPECT_TRUE(found->fused.bias);
      EXPECT_EQ(found->bias_input, 1);
      EXPECT_FALSE(found->fused.residual);
    }
  }
}

TEST(Epilogue, WhatIsNoActivationOfOurs) {
  const auto scaled = [](Expr* e, int x) { return e->Binary(ExprOp::kMul, x, e->Constant(DType::kFloat32, 2)); };
  EXPECT_FALSE(Recognise(scaled).has_value());
  const auto leaky = [](Expr* e, int x) {
    return e->Binary(ExprOp::kMax, x, e->Binary(ExprOp::kMul, x, e->Constant(DType::kFloat32, 0.1)));
  };
  EXPECT_FALSE(Recognise(leaky).has_value());
  const auto clipped = [](Expr* e, int x) {  // at 5, not 6
    return e->Binary(ExprOp::kMin, e->Unary(ExprOp::kRelu, x), e->Constant(DType::kFloat32, 5));
  };
  EXPECT_FALSE(Recognise(clipped).has_value());
  const auto twice = [](Expr* e, int x) { return e->Binary(ExprOp::kMul, x, e->Input(1, DType::kFloat32)); };
  EXPECT_FALSE(Recognise(twice).has_value());
  const auto cast = [](Expr* e, int x) { return e->Cast(x, DType::kFloat16); };
  EXPECT_FALSE(Recognise(cast).has_value());
}

TEST(Epilogue, BiasAndResidualByTheirShapes) {
  const auto relu = [](Expr* e, int x) { return e->Unary(ExprOp::kRelu, x); };
  EXPECT_TRUE(Recognise(relu, DType::kFloat32, 3, Shape{1, 1, 1, 8})->fused.bias);
  EXPECT_TRUE(Recognise(relu, DType::kFloat32, 3, kProduct)->fused.residual);
  EXPECT_TRUE(Recognise(relu, DType::kFloat32, 1, Shape{4, 1, 1})->fused.bias);
  EXPECT_FALSE(Recognise(relu, DType::kFloat32, 1, Shape{8}).has_value());
  EXPECT_FALSE(Recognise(relu, DType::kFloat32, 3, Shape{4, 1}).has_value());
  EXPECT_FALSE(Recognise(relu, DType::kFloat32, 3, Shape{}).has_value());
}

TEST(Epilogue, BothInAnyOrder) {
  for (const bool bias_first : {false, true}) {
    Expr e;
    const DType type = DType::kFloat32;
    const int first = e.Binary(ExprOp::kAdd, e.Input(bias_first ? 1 : 2, type), e.Input(0, type));
    e.Unary(ExprOp::kRelu, e.Binary(ExprOp::kAdd, first, e.Input(bias_first ? 2 : 1, type)));
    const auto found = RecogniseEpilogue(e, type, {kProduct, Shape{8}, kProduct}, 3);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->fused, (LibraryEpilogue{true, true, Activation::kRelu}));
    EXPECT_EQ(found->bias_input, 1);
    EXPECT_EQ(found->residual_input, 2);
    EXPECT_EQ(Remainder(*found, found->fused, type).size(), 0);
    EXPECT_EQ(Remainder(*found, {true, false, Activation::kNone}, type).ToString(), "Relu(Add($0, $2))");
    EXPECT_EQ(Remainder(*found, {}, type).ToString(), "Relu(Add(Add($0, $1), $2))");
  }
}

TEST(Epilogue, ResidualBehindTheActivationIsNotOurs) {
  Expr e;
  const DType type = DType::kFloat32;
  e.Binary(ExprOp::kAdd, e.Unary(ExprOp::kRelu, e.Input(0, type)), e.Input(1, type));
  EXPECT_FALSE(RecogniseEpilogue(e, type, {kProduct, kProduct}, 3).has_value());
}

// --- behind int8 products ---

struct Int8Spelling {
  DType residual = DType::kInvalid;  // none
  DType result = DType::kFloat32;
  bool has_bias = true;
};

Expr SpellInt8(const Int8Spelling& spelling) {
  Expr e;
  const DType type = DType::kFloat32;
  int value = e.Binary(ExprOp::kMul, e.Input(1, type), e.Cast(e.Input(0, DType::kInt32), type));
  if (spelling.has_bias) value = e.Binary(ExprOp::kAdd, value, e.Input(2, type));
  if (spelling.residual != DType::kInvalid) {
    value = e.Binary(ExprOp::kAdd, e.Cast(e.Input(3, spelling.residual), type), value);
    value = e.Unary(ExprOp::kRelu, value);
  }
  if (spelling.result == DType::kFloat16) value = e.Cast(value, DType::kFloat16);
  if (spelling.result == DType::kInt8) {
    Instr narrow;
    narrow.op = ExprOp::kSaturatingCast;
    narrow.type = DType::kInt8;
    narrow.args[0] =
        static_cast<int16_t>(e.Unary(ExprOp::kRound, e.Binary(ExprOp::kMul, value, e.Constant(type, 2.5))));
    value = e.Append(narrow);
  }
  e.SetResult(value);
  return e;
}

std::optional<RecognisedEpilogue> RecogniseInt8(const Expr& e, DType residual, const Shape& factors = Shape{8}) {
  const std::vector<TensorType> types = {
      {DType::kInt32, kProduct}, {DType::kFloat32, factors}, {DType::kFloat32, Shape{8}}, {residual, kProduct}};
  return RecogniseInt8Epilogue(e, types, 3);
}

TEST(Int8Epilogue, ScalingBiasResidualAndResult) {
  for (const DType result : {DType::kFloat32, DType::kFloat16, DType::kInt8}) {
    for (const DType residual : {DType::kInvalid, DType::kFloat32, DType::kFloat16}) {
      for (const bool has_bias : {false, true}) {
        const auto found = RecogniseInt8(SpellInt8({residual, result, has_bias}), residual);
        ASSERT_TRUE(found.has_value()) << Name(result) << " " << Name(residual) << has_bias;
        const bool has_residual = residual != DType::kInvalid;
        EXPECT_EQ(found->fused.bias, has_bias);
        EXPECT_EQ(found->fused.residual, has_residual);
        EXPECT_EQ(found->fused.activation, has_residual ? Activation::kRelu : Activation::kNone);
        ASSERT_TRUE(found->fused.scaling.has_value());
        EXPECT_EQ(found->fused.scaling->result, result);
        EXPECT_EQ(found->fused.scaling->residual, has_residual ? residual : DType::kFloat32);
        EXPECT_EQ(found->factors_input, 1);
        EXPECT_EQ(found->steps, result == DType::kInt8 ? 2.5f : 0.0f);
      }
    }
  }
}

TEST(Int8Epilogue, WhatIsNoneOfOurs) {
  const DType type = DType::kFloat32;
  EXPECT_FALSE(RecogniseInt8(SpellInt8({}), type, Shape{}).has_value());         // one factor for all
  EXPECT_FALSE(RecogniseInt8(SpellInt8({}), type, Shape{4, 1, 1}).has_value());  // or along another axis
  Expr unscaled;
  unscaled.Cast(unscaled.Input(0, DType::kInt32), type);
  EXPECT_FALSE(RecogniseInt8(unscaled, type).has_value());
  Expr truncated = SpellInt8({});
  truncated.Cast(truncated.size() - 1, DType::kInt8);
  EXPECT_FALSE(RecogniseInt8(truncated, type).has_value());
  EXPECT_FALSE(RecogniseInt8(Expr(), type).has_value());
}

}  // namespace
}  // namespace moulin::cuda
