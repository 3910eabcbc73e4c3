// Convolutions and products of 8-bit tensors with what follows them: QuantizedConv2DWithBiasAndReluAndRequantize and
// its many relatives, whose names say what they do. TensorFlow's x86 builds hand them to oneDNN: ranges are symmetric
// (only the larger of |min| and |max| counts), a bias of real numbers is rounded to the product's steps, results are
// rounded once, halves to even. Products are computed as doubles, which hold them exactly. Tests:
// tests/cases/quantized_cases.py.
#include "import/quantized_fused.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "import/lowering_util.h"
#include "import/quantized_range.h"

namespace moulin {
namespace {

constexpr double kLowest32 = -2147483648.0, kHighest32 = 2147483647.0;

// What an op's name says, and where its operands are.
struct Fused {
  bool has_bias, has_relu, requantizes, dequantizes, is_matmul, is_depthwise;
  int first_range;   // min and max of operand 0, then of operand 1
  int first_frozen;  // min and max of the result

  explicit Fused(absl::string_view op)
      : has_bias(absl::StrContains(op, "WithBias")),
        has_relu(absl::StrContains(op, "Relu")),
        requantizes(absl::EndsWith(op, "AndRequantize")),
        dequantizes(absl::EndsWith(op, "AndDequantize")),
        is_matmul(absl::StartsWith(op, "QuantizedMatMul")),
        is_depthwise(absl::StartsWith(op, "QuantizedDepthwise")),
        first_range(has_bias ? 3 : 2),
        first_frozen(first_range + 4) {}
  int num_inputs() const { return first_frozen + (requantizes || dequantizes ? 2 : 0); }
};

Term AsDouble(LoweringContext& c, int i) { return Term(c.b, c.b.Cast(c.input(i), kDouble)); }

// The larger end of a symmetric range, for each channel where the range has more than one.
Term Limit(LoweringContext& c, int min) {
  return AsDouble(c, min).Apply(ExprOp::kAbs).Max(AsDouble(c, min + 1).Apply(ExprOp::kAbs));
}

double StepsOf(DType type) { return type == DType::kQInt8 ? 127 : 255; }

bool CheckOperands(LoweringContext& c, const Fused& f) {
  if (c.num_inputs() != f.num_inputs()) {
    c.b.Fail(MakeError(ErrorCode::kArity, "expected ", f.num_inputs(), " inputs, got ", c.num_inputs()));
    return false;
  }
  // In MIN_FIRST the lowest value need not stand for 0; where it does, the modes are the same.
  const bool is_min_first = f.is_matmul && c.String("input_quant_mode", "MIN_FIRST") == "MIN_FIRST";
  const Tensor* lowest = c.b.constant(c.input(f.first_range));
  if (is_min_first && (lowest == nullptr || lowest->dtype() != DType::kFloat32 || lowest->num_elements() != 1 ||
                       lowest->values<float>()[0] != 0)) {
    c.Unsupported("input_quant_mode MIN_FIRST of a range that does not begin with a constant 0");
    return false;
  }
  const bool is_8_bit = c.dtype(0) == DType::kQInt8 || c.dtype(0) == DType::kQUInt8;
  if (is_8_bit && c.dtype(1) == DType::kQInt8) return true;
  c.Unsupported(absl::StrCat("operands of types ", Name(c.dtype(0)), " and ", Name(c.dtype(1))));
  return false;
}

bool ReadWindow(LoweringContext& c, ConvAttrs* attrs) {
  return ReadSpatialList(c, "strides", 2, true, false, &attrs->strides) &&
         ReadSpatialList(c, "dilations", 2, true, true, &attrs->dilations) &&
         ReadPadding(c, 2, true, &attrs->padding, &attrs->pad_before, &attrs->pad_after);
}

// The sums of products of the integers; kNoId where it failed.
ValueId Products(LoweringContext& c, const Fused& f) {
  GraphBuilder& b = c.b;
  const Term x = AsDouble(c, 0), y = AsDouble(c, 1);
  if (f.is_matmul) {
    ContractAttrs attrs;
    attrs.transpose_a = c.Bool("transpose_a", false);
    attrs.transpose_b = c.Bool("transpose_b", false);
    return b.Add(OpKind::kContract, std::move(attrs), {x, y});
  }
  ConvAttrs attrs;
  if (!ReadWindow(c, &attrs)) return kNoId;
  if (!f.is_depthwise) return b.Add(OpKind::kConv, std::move(attrs), {x, y});
  if (!RankIsOneOf(c, 1, {4})) return kNoId;
  if (!c.shape(1).IsFullyKnown()) {
    c.NotYet("the shape of the filter is not known");
    return kNoId;
  }
  const PartialShape& w = c.shape(1);
  attrs.groups = std::max<int64_t>(w.dim(2), 1);
  const ValueId filter = b.Reshape(y, b.Ints({w.dim(0), w.dim(1), 1, w.dim(2) * w.dim(3)}));
  return b.Add(OpKind::kConv, std::move(attrs), {x, filter});
}

// Products and bias in steps, and what a step is worth.
struct Sums {
  Term value, step;
};

Sums AddBias(LoweringContext& c, const Fused& f, Term products) {
  const Term step = Limit(c, f.first_range) / StepsOf(c.dtype(0)) * (Limit(c, f.first_range + 2) / StepsOf(c.dtype(1)));
  if (!f.has_bias) return {products, step};
  Term bias = AsDouble(c, 2);
  if (!IsQuantized(c.dtype(2))) bias = bias / step;
  return {products + bias.Apply(ExprOp::kRound), step};
}

// The result in 8 bits, by the frozen range.
void GiveRequantized(LoweringContext& c, const Fused& f, const Sums& sums) {
  const DType type = c.Type("out_type", c.Type("Toutput", DType::kQUInt8));
  if (type != DType::kQInt8 && type != DType::kQUInt8) return c.Unsupported(absl::StrCat("a result of ", Name(type)));
  const Term step = Limit(c, f.first_frozen) / StepsOf(type);
  Term real = sums.value * sums.step;
  if (f.has_relu) real = real.Max(0);
  const bool is_signed = type == DType::kQInt8;
  const Term steps = (real / step).Apply(ExprOp::kRound).Max(is_signed ? -128 : 0).Min(is_signed ? 127 : 255);
  c.Outputs({steps.Cast(type), c.input(f.first_frozen), c.input(f.first_frozen + 1)});
}

// The result in 32 bits, with the range that follows from the operands'.
void GiveProducts(LoweringContext& c, const Fused& f, Sums sums) {
  if (f.has_relu) sums.value = sums.value.Max(0);
  const DType type = c.Type("out_type", c.Type("Toutput", DType::kQInt32));
  const Term highest = (sums.step * kHighest32).Cast(DType::kFloat32);
  c.Outputs({sums.value.Max(kLowest32).Min(kHighest32).Cast(type), -highest, highest});
}

}  // namespace

void LowerQuantizedProduct(LoweringContext& c) {
  const Fused f(c.op());
  if (!CheckOperands(c, f)) return;
  const ValueId products = Products(c, f);
  if (products == kNoId) return;
  const Sums sums = AddBias(c, f, {c.b, products});
  if (f.requantizes) return GiveRequantized(c, f, sums);
  if (f.dequantizes) return c.Output((sums.value * sums.step).Cast(c.Type("Toutput", DType::kFloat32)));
  GiveProducts(c, f, sums);
}

namespace {

constexpr OpLowering kQuantizedFusedLowerings[] = {
    {"QuantizedConv2DAndRelu", 6, 6, LowerQuantizedProduct},
    {"QuantizedConv2DAndReluAndRequantize", 8, 8, LowerQuantizedProduct},
    {"QuantizedConv2DAndRequantize", 8, 8, LowerQuantizedProduct},
    {"QuantizedConv2DWithBias", 7, 7, LowerQuantizedProduct},
    {"QuantizedConv2DWithBiasAndRelu", 7, 7, LowerQuantizedProduct},
    {"QuantizedConv2DWithBiasAndReluAndRequantize", 9, 9, LowerQuantizedProduct},
    {"QuantizedConv2DWithBiasAndRequantize", 9, 9, LowerQuantizedProduct},
    {"QuantizedDepthwiseConv2D", 6, 6, LowerQuantizedProduct},
    {"QuantizedDepthwiseConv2DWithBias", 7, 7, LowerQuantizedProduct},
    {"QuantizedDepthwiseConv2DWithBiasAndRelu", 7, 7, LowerQuantizedProduct},
    {"QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize", 9, 9, LowerQuantizedProduct},
    {"QuantizedMatMulWithBias", 7, 7, LowerQuantizedProduct},
    {"QuantizedMatMulWithBiasAndDequantize", 9, 9, LowerQuantizedProduct},
    {"QuantizedMatMulWithBiasAndRelu", 7, 7, LowerQuantizedProduct},
    {"QuantizedMatMulWithBiasAndReluAndRequantize", 9, 9, LowerQuantizedProduct},
    {"QuantizedMatMulWithBiasAndRequantize", 9, 9, LowerQuantizedProduct},
};

}  // namespace

absl::Span<const OpLowering> QuantizedFusedLowerings() { return kQuantizedFusedLowerings; }

}  // namespace moulin
