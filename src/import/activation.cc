// Activations and biases.
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

// min(max(x, 0), 6)
int Relu6(Expr& e, int x) {
  const DType type = e[x].type;
  return e.Binary(ExprOp::kMin, e.Unary(ExprOp::kRelu, x), e.Constant(type, 6));
}

// x / (1 + |x|)
int Softsign(Expr& e, int x) {
  const DType type = e[x].type;
  return e.Binary(ExprOp::kDiv, x, e.Binary(ExprOp::kAdd, e.Constant(type, 1), e.Unary(ExprOp::kAbs, x)));
}

// scale * x for x >= 0, else scale * alpha * (exp(x) - 1), with the constants of "Self-normalizing neural networks".
int Selu(Expr& e, int x) {
  constexpr double kScale = 1.0507009873554804934193349852946;
  constexpr double kScaleAlpha = 1.7580993408473768599402175208123;
  const DType type = e[x].type;
  const int below = e.Binary(ExprOp::kMul, e.Constant(type, kScaleAlpha), e.Unary(ExprOp::kExpm1, x));
  const int above = e.Binary(ExprOp::kMul, e.Constant(type, kScale), x);
  return e.Ternary(ExprOp::kSelect, e.Binary(ExprOp::kLess, x, e.Constant(type, 0)), below, above);
}

// x where x > 0, else alpha * x; right for any alpha.
void LowerLeakyRelu(LoweringContext& c) {
  const float alpha = c.Float("alpha", 0.2f);
  const DType type = c.dtype(0);
  Expr e;
  const int x = e.Input(0, type);
  const int is_positive = e.Binary(ExprOp::kGreater, x, e.Constant(type, 0));
  e.Ternary(ExprOp::kSelect, is_positive, x, e.Binary(ExprOp::kMul, x, e.Constant(type, alpha)));
  c.Output(c.b.Map(std::move(e), {c.input(0)}));
}

// --- Biases: [channels], added along the channel axis ---

void AddBias(LoweringContext& c, bool channels_last) {
  const PartialShape& x = c.shape(0);
  const PartialShape& bias = c.shape(1);
  if (bias.has_rank() && bias.rank() != 1) {
    c.b.Fail(MakeError(ErrorCode::kShape, "expected a bias of rank 1, got ", bias.ToString()));
    return;
  }
  if (x.has_rank() && x.rank() < 2) {
    c.b.Fail(MakeError(ErrorCode::kShape, "expected an input of rank 2 or more, got ", x.ToString()));
    return;
  }
  if (!channels_last && !x.has_rank()) {
    c.NotYet("a channel axis that is not the last needs an input of known rank");
    return;
  }
  const int64_t channels = !x.has_rank() ? kUnknownDim : x.dim(channels_last ? x.rank() - 1 : 1);
  if (channels != kUnknownDim && bias.has_rank() && bias.dim(0) != kUnknownDim && bias.dim(0) != channels) {
    c.b.Fail(MakeError(ErrorCode::kShape, "expected a bias of ", channels, " channels, got ", bias.dim(0)));
    return;
  }
  ValueId y = c.input(1);
  if (!channels_last && x.rank() > 2) {
    std::vector<int64_t> shape(x.rank() - 1, 1);
    shape[0] = -1;
    y = c.b.Reshape(y, c.b.Ints(shape));
  }
  c.Output(c.b.Binary(ExprOp::kAdd, c.input(0), y));
}

void LowerBiasAdd(LoweringContext& c) {
  const std::string format = c.String("data_format", "NHWC");
  if (format != "NHWC" && format != "NCHW") {
    c.BadAttr("data_format", absl::StrCat("expected NHWC or NCHW, got \"", Printable(format), "\""));
    return;
  }
  AddBias(c, format == "NHWC");
}

void LowerBiasAddV1(LoweringContext& c) { AddBias(c, /*channels_last=*/true); }

constexpr OpLowering kActivationLowerings[] = {
    {"BiasAdd", 2, 2, LowerBiasAdd},           {"BiasAddV1", 2, 2, LowerBiasAddV1},
    {"Elu", 1, 1, LowerUnary<ExprOp::kElu>},   {"LeakyRelu", 1, 1, LowerLeakyRelu},
    {"Relu", 1, 1, LowerUnary<ExprOp::kRelu>}, {"Relu6", 1, 1, LowerBuilt<Relu6>},
    {"Selu", 1, 1, LowerBuilt<Selu>},          {"Softplus", 1, 1, LowerUnary<ExprOp::kSoftplus>},
    {"Softsign", 1, 1, LowerBuilt<Softsign>},
};

}  // namespace

absl::Span<const OpLowering> ActivationLowerings() { return kActivationLowerings; }

}  // namespace moulin
