// Covered by tests/cuda/libraries/epilogue_test.cc.
#include "cuda/epilogue.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "moulin/tensor.h"
#include "ops/map_eval.h"

namespace moulin::cuda {
namespace {

// The part of `expr` from instruction `from`, which becomes input 0, to the result, computed in float32: its values
// are then those of the formula, whatever `type` rounds to. Nothing where it depends on more than that and constants.
std::optional<Expr> FunctionOf(const Expr& expr, int from, DType type) {
  Expr function;
  std::vector<int> moved(expr.size(), -1);
  for (int i = 0; i < expr.size(); ++i) {
    if (i == from) {
      moved[i] = function.Input(0, DType::kFloat32);
      continue;
    }
    Instr instr = expr[i];
    if (instr.type != type && instr.type != DType::kBool) return std::nullopt;
    if (i < from && instr.op != ExprOp::kConstant) continue;
    if (instr.op == ExprOp::kInput) continue;  // not to be read by what follows
    if (instr.type == type) instr.type = DType::kFloat32;
    bool is_known = true;
    for (int k = 0; k < NumOperands(instr.op); ++k) {
      is_known = is_known && moved[instr.args[k]] >= 0;
      instr.args[k] = static_cast<int16_t>(moved[instr.args[k]]);
    }
    if (is_known) moved[i] = function.Append(instr);
  }
  if (moved.back() < 0) return std::nullopt;
  function.SetResult(moved.back());
  if (function.num_inputs() != 1 || function.result_type() != DType::kFloat32) return std::nullopt;
  return function;
}

// Points that tell activations apart: a grid, small and large values, and both sides of each constant.
std::vector<float> Probes(const Expr& function) {
  std::vector<float> probes = {0.0f};
  for (float x = -12; x <= 12; x += 0.37f) probes.push_back(x);
  for (float x : {1e-4f, 1e-2f, 20.0f, 50.0f}) probes.insert(probes.end(), {x, -x});
  for (const Instr& instr : function.instrs()) {
    const float c = static_cast<float>(instr.value.real);
    if (instr.op != ExprOp::kConstant || !(std::fabs(c) <= 1e3f)) continue;
    for (float x : {c, c * 0.999f - 1e-3f, c * 1.001f + 1e-3f, c / 2, c * 2}) probes.insert(probes.end(), {x, -x});
  }
  return probes;
}

double Expected(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kRelu6:
      return std::clamp(x, 0.0, 6.0);
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kElu:
      return x < 0 ? std::expm1(x) : x;
    case Activation::kGeluErf:
      return 0.5 * x * (1 + std::erf(x * M_SQRT1_2));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kSwish:
      return x / (1 + std::exp(-x));
  }
  return x;
}

// How far constants of the type may be from those of the formula, over the argument: a few roundings.
double Tolerance(DType type) {
  if (type == DType::kFloat16) return 1e-3;
  return type == DType::kBFloat16 ? 4e-3 : 2e-6;
}

// The activation that is nearest to the function everywhere, where one is near enough.
std::optional<Activation> Identify(const Expr& function, DType type) {
  const std::vector<float> probes = Probes(function);
  const Shape shape{static_cast<int64_t>(probes.size())};
  const Tensor x = Tensor::Of<float>(shape, probes);
  StatusOr<Tensor> y = Tensor::Allocate(DType::kFloat32, shape);
  if (!y.ok() || !EvaluateExpr(function, {x}, &*y).ok()) return std::nullopt;
  std::optional<Activation> best;
  double least = Tolerance(type);
  for (int i = 0; i <= static_cast<int>(Activation::kSwish); ++i) {
    const Activation activation = static_cast<Activation>(i);
    double error = 0;
    for (size_t k = 0; k < probes.size(); ++k) {
      const double expected = Expected(activation, probes[k]), found = y->values<float>()[k];
      const double off = std::fabs(found - expected) / (std::fabs(probes[k]) + 0.05);
      error = std::isnan(off) ? HUGE_VAL : std::max(error, off);
    }
    if (error <= least) {
      best = activation;
      least = error;
    }
  }
  return best;
}

// Takes the sum at instruction `i` apart: input 0 once, at most one bias and one residual.
class SumOfInputs {
 public:
  SumOfInputs(const Expr& expr, absl::Span<const Shape> operands, int channel_axis, RecognisedEpilogue* found)
      : expr_(expr), operands_(operands), channel_axis_(channel_axis), found_(found) {}

  bool TakeApart(int i) { return Visit(i) && has_product_; }

 private:
  bool Visit(int i) {
    const Instr& instr = expr_[i];
    if (instr.op == ExprOp::kAdd) return Visit(instr.args[0]) && Visit(instr.args[1]);
    if (instr.op != ExprOp::kInput) return false;
    if (instr.input == 0) return !std::exchange(has_product_, true);
    return VisitOperand(instr.input);
  }

  bool VisitOperand(int input) {
    const Shape& product = operands_[0];
    const Shape& operand = operands_[input];
    // Where one filter's bias is also all of the result, either will do.
    if (IsBias(operand, product) && found_->bias_input < 0) {
      found_->bias_input = input;
      return found_->fused.bias = true;
    }
    if (operand == product && found_->residual_input < 0) {
      found_->residual_input = input;
      return found_->fused.residual = true;
    }
    return false;
  }

  // One value a channel, at the place of the channels.
  bool IsBias(const Shape& operand, const Shape& product) const {
    const int axis = channel_axis_ - (product.rank() - operand.rank());
    return axis >= 0 && operand[axis] == product[channel_axis_] && operand.num_elements() == operand[axis];
  }

  const Expr& expr_;
  const absl::Span<const Shape> operands_;
  const int channel_axis_;
  RecognisedEpilogue* found_;
  bool has_product_ = false;
};

// The epilogue of an int8 product without the scaling around it: a function of float32.
class Int8Core {
 public:
  explicit Int8Core(const Expr& expr) : expr_(expr) {}

  // False where there is no such scaling.
  bool TakeApart() {
    const int result = TakeResult();
    if (result < 0) return false;
    moved_.assign(expr_.size(), -1);
    for (int i = 0; i <= result; ++i) {
      if (!Move(i)) return false;
    }
    if (moved_[result] < 0 || factors_input < 0) return false;
    core.SetResult(moved_[result]);
    return true;
  }

  Expr core;
  Int8Scaling scaling;
  int factors_input = -1;
  float steps = 0;
  std::vector<int> half_inputs;

 private:
  const Instr& Arg(const Instr& instr, int k) const { return expr_[instr.args[k]]; }
  static bool IsProduct(const Instr& instr) { return instr.op == ExprOp::kInput && instr.input == 0; }

  // The instruction that the result is made of, by a cast to float16 or in steps of int8; -1 for other results.
  int TakeResult() {
    const Instr& last = expr_[expr_.size() - 1];
    scaling.result = last.type;
    if (last.type == DType::kFloat32) return expr_.size() - 1;
    if (last.type == DType::kFloat16 && last.op == ExprOp::kCast) return last.args[0];
    if (last.type != DType::kInt8 || last.op != ExprOp::kSaturatingCast) return -1;
    const Instr& rounded = Arg(last, 0);
    if (rounded.op != ExprOp::kRound || Arg(rounded, 0).op != ExprOp::kMul) return -1;
    const Instr& scaled = Arg(rounded, 0);
    const int constant = Arg(scaled, 0).op == ExprOp::kConstant ? 0 : 1;
    if (Arg(scaled, constant).op != ExprOp::kConstant) return -1;
    steps = static_cast<float>(Arg(scaled, constant).value.real);
    return scaled.args[1 - constant];
  }

  // The product with its factors becomes input 0.
  bool MoveScaledProduct(int i) {
    const Instr& instr = expr_[i];
    for (int side = 0; side < 2; ++side) {
      const Instr& cast = Arg(instr, side);
      const Instr& factors = Arg(instr, 1 - side);
      if (cast.op != ExprOp::kCast || !IsProduct(Arg(cast, 0)) || factors.op != ExprOp::kInput) continue;
      if (factors_input >= 0) return false;
      factors_input = factors.input;
      moved_[i] = core.Input(0, DType::kFloat32);
      return true;
    }
    return true;
  }

  bool Move(int i) {
    Instr instr = expr_[i];
    if (instr.op == ExprOp::kInput) {
      if (instr.input > 0 && instr.type == DType::kFloat32) moved_[i] = core.Input(instr.input, instr.type);
      return true;
    }
    if (instr.op == ExprOp::kCast && Arg(instr, 0).op == ExprOp::kInput) {
      if (Arg(instr, 0).type != DType::kFloat16 || instr.type != DType::kFloat32) return true;
      half_inputs.push_back(Arg(instr, 0).input);
      moved_[i] = core.Input(Arg(instr, 0).input, DType::kFloat32);
      return true;
    }
    if (instr.op == ExprOp::kMul) {
      if (!MoveScaledProduct(i)) return false;
      if (moved_[i] >= 0) return true;
    }
    for (int k = 0; k < NumOperands(instr.op); ++k) {
      if (moved_[instr.args[k]] < 0) return true;  // of the scaling, or of what was not understood
      instr.args[k] = static_cast<int16_t>(moved_[instr.args[k]]);
    }
    moved_[i] = core.Append(instr);
    return true;
  }

  const Expr& expr_;
  std::vector<int> moved_;
};

}  // namespace

std::optional<RecognisedEpilogue> RecogniseEpilogue(const Expr& epilogue, DType type, absl::Span<const Shape> operands,
                                                    int channel_axis) {
  if (epilogue.empty()) return RecognisedEpilogue();
  if (!IsFloating(type) || epilogue.result_type() != type) return std::nullopt;
  // The activation is applied to the last value of which the result is a function of one variable.
  for (int i = 0; i < epilogue.size(); ++i) {
    RecognisedEpilogue found;
    if (epilogue[i].op != ExprOp::kInput && epilogue[i].op != ExprOp::kAdd) continue;
    if (!SumOfInputs(epilogue, operands, channel_axis, &found).TakeApart(i)) continue;
    const std::optional<Expr> function = FunctionOf(epilogue, i, type);
    if (!function.has_value()) continue;
    const std::optional<Activation> activation = Identify(*function, type);
    if (!activation.has_value()) continue;
    found.fused.activation = *activation;
    if (*activation != Activation::kNone) {
      found.activation.Input(0, type);
      for (int k = 1; k < function->size(); ++k) {
        Instr instr = (*function)[k];
        if (instr.op == ExprOp::kInput) return std::nullopt;
        if (instr.type == DType::kFloat32) instr.type = type;
        found.activation.Append(instr);
      }
    }
    return found;
  }
  return std::nullopt;
}

std::optional<RecognisedEpilogue> RecogniseInt8Epilogue(const Expr& epilogue, absl::Span<const TensorType> operands,
                                                        int channel_axis) {
  if (epilogue.empty()) return std::nullopt;
  Int8Core parts(epilogue);
  if (!parts.TakeApart()) return std::nullopt;
  std::vector<Shape> shapes;
  for (const TensorType& type : operands) shapes.push_back(type.shape.ToShape());
  const int axis = channel_axis - (shapes[0].rank() - shapes[parts.factors_input].rank());
  if (axis < 0 || shapes[parts.factors_input][axis] != shapes[parts.factors_input].num_elements()) return std::nullopt;
  if (shapes[parts.factors_input][axis] != shapes[0][channel_axis]) return std::nullopt;
  std::optional<RecognisedEpilogue> found = RecogniseEpilogue(parts.core, DType::kFloat32, shapes, channel_axis);
  if (!found.has_value()) return std::nullopt;
  for (const int input : parts.half_inputs) {
    if (input != found->residual_input) return std::nullopt;
    parts.scaling.residual = DType::kFloat16;
  }
  found->fused.scaling = parts.scaling;
  found->factors_input = parts.factors_input;
  found->steps = parts.steps;
  return found;
}

Expr Remainder(const RecognisedEpilogue& recognised, const LibraryEpilogue& done, DType type) {
  Expr rest;
  if (done == recognised.fused) return rest;
  int value = rest.Input(0, type);
  if (recognised.fused.bias && !done.bias) {
    value = rest.Binary(ExprOp::kAdd, value, rest.Input(recognised.bias_input, type));
  }
  if (recognised.fused.residual && !done.residual) {
    value = rest.Binary(ExprOp::kAdd, value, rest.Input(recognised.residual_input, type));
  }
  if (!recognised.activation.empty()) value = rest.AppendExpr(recognised.activation, {value});
  rest.SetResult(value);
  return rest;
}

}  // namespace moulin::cuda
