// Translates expressions to oneDNN post-ops. Covered by tests/device/cpu/epilogue_test.cc.
#include "device/host/cpu/epilogue.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace moulin::cpu {
namespace {

using dnnl::algorithm;

// The value of an operation in double; nothing for those that no activation is made of.
std::optional<double> Apply(ExprOp op, double a, double b, double c) {
  switch (op) {
    case ExprOp::kCast:
      return a;
    case ExprOp::kNeg:
      return -a;
    case ExprOp::kAbs:
      return std::fabs(a);
    case ExprOp::kReciprocal:
      return 1 / a;
    case ExprOp::kSqrt:
      return std::sqrt(a);
    case ExprOp::kExp:
      return std::exp(a);
    case ExprOp::kExpm1:
      return std::expm1(a);
    case ExprOp::kLog:
      return std::log(a);
    case ExprOp::kLog1p:
      return std::log1p(a);
    case ExprOp::kTanh:
      return std::tanh(a);
    case ExprOp::kErf:
      return std::erf(a);
    case ExprOp::kErfc:
      return std::erfc(a);
    case ExprOp::kSigmoid:
      return 1 / (1 + std::exp(-a));
    case ExprOp::kSoftplus:
      return std::max(a, 0.0) + std::log1p(std::exp(-std::fabs(a)));
    case ExprOp::kRelu:
      return std::max(a, 0.0);
    case ExprOp::kElu:
      return a < 0 ? std::expm1(a) : a;
    case ExprOp::kAdd:
      return a + b;
    case ExprOp::kSub:
      return a - b;
    case ExprOp::kMul:
      return a * b;
    case ExprOp::kDiv:
      return a / b;
    case ExprOp::kPow:
      return std::pow(a, b);
    case ExprOp::kMax:
      return std::max(a, b);
    case ExprOp::kMin:
      return std::min(a, b);
    case ExprOp::kLess:
      return a < b;
    case ExprOp::kLessEqual:
      return a <= b;
    case ExprOp::kGreater:
      return a > b;
    case ExprOp::kGreaterEqual:
      return a >= b;
    case ExprOp::kSelect:
      return a != 0 ? b : c;
    default:
      return std::nullopt;
  }
}

// The part of an expression between one value and another, as a function of one variable.
class Univariate {
 public:
  // Nothing where instruction `result` depends on more than instruction `variable` and constants.
  static std::optional<Univariate> Of(const Expr& expr, int variable, int result) {
    Univariate f(expr, variable, result);
    f.needed_.assign(expr.size(), false);
    f.needed_[result] = true;
    for (int i = result; i > variable; --i) {
      if (!f.needed_[i]) continue;
      if (expr[i].op == ExprOp::kInput) return std::nullopt;
      for (int k = 0; k < NumOperands(expr[i].op); ++k) f.needed_[expr[i].args[k]] = true;
    }
    if (!f.needed_[variable]) return std::nullopt;
    for (int i = 0; i < variable; ++i) {
      if (f.needed_[i] && expr[i].op != ExprOp::kConstant) return std::nullopt;
    }
    return f;
  }

  std::optional<double> operator()(double x) const {
    std::vector<double> values(result_ + 1, 0.0);
    for (int i = 0; i <= result_; ++i) {
      if (!needed_[i]) continue;
      const Instr& instr = expr_[i];
      if (i == variable_) {
        values[i] = x;
      } else if (instr.op == ExprOp::kConstant) {
        values[i] = instr.type == DType::kFloat32 ? static_cast<double>(static_cast<float>(instr.value.real))
                                                  : instr.value.real;
      } else {
        if (instr.type != DType::kFloat32 && instr.type != DType::kBool) return std::nullopt;
        const int n = NumOperands(instr.op);
        const auto arg = [&](int k) { return k < n ? values[instr.args[k]] : 0.0; };
        const std::optional<double> value = Apply(instr.op, arg(0), arg(1), arg(2));
        if (!value.has_value()) return std::nullopt;
        values[i] = *value;
      }
    }
    return values[result_];
  }

  // Points that tell activations apart: a grid, large values, and both sides of each constant and its negative.
  std::vector<double> Probes() const {
    std::vector<double> probes;
    for (double x = -12; x <= 12; x += 0.37) probes.push_back(x);
    for (double x : {1e-4, 1e-2, 20.0, 50.0}) probes.insert(probes.end(), {x, -x});
    for (int i = 0; i <= result_; ++i) {
      if (!needed_[i] || expr_[i].op != ExprOp::kConstant) continue;
      const double c = expr_[i].value.real;
      if (std::fabs(c) > 1e4) continue;
      for (double x : {c, c * 0.999 - 1e-3, c * 1.001 + 1e-3, c / 2, c * 2}) probes.insert(probes.end(), {x, -x});
    }
    return probes;
  }

 private:
  Univariate(const Expr& expr, int variable, int result) : expr_(expr), variable_(variable), result_(result) {}

  const Expr& expr_;
  int variable_;
  int result_;
  std::vector<bool> needed_;
};

double Gelu(double x) { return 0.5 * x * (1 + std::erf(x * M_SQRT1_2)); }
double GeluTanh(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }
double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

using Function = double (*)(double x, double alpha, double beta);

// What oneDNN's eltwise algorithms compute.
struct Activation {
  algorithm name;
  float alpha;
  float beta;
  Function f;
};

// Activations without parameters, then those whose parameters show in the values at a few points.
std::vector<Activation> Candidates(const Univariate& f) {
  std::vector<Activation> all = {
      {algorithm::eltwise_relu, 0, 0, [](double x, double, double) { return std::max(x, 0.0); }},
      {algorithm::eltwise_logistic, 0, 0, [](double x, double, double) { return Sigmoid(x); }},
      {algorithm::eltwise_tanh, 0, 0, [](double x, double, double) { return std::tanh(x); }},
      {algorithm::eltwise_elu, 1, 0, [](double x, double, double) { return x < 0 ? std::expm1(x) : x; }},
      {algorithm::eltwise_swish, 1, 0, [](double x, double, double) { return x * Sigmoid(x); }},
      {algorithm::eltwise_gelu_erf, 0, 0, [](double x, double, double) { return Gelu(x); }},
      {algorithm::eltwise_gelu_tanh, 0, 0, [](double x, double, double) { return GeluTanh(x); }},
      {algorithm::eltwise_hardswish, 1.0f / 6, 0.5f,
       [](double x, double, double) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {algorithm::eltwise_hardsigmoid, 1.0f / 6, 0.5f,
       [](double x, double, double) { return std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {algorithm::eltwise_hardsigmoid, 0.2f, 0.5f,
       [](double x, double, double) { return std::clamp(x * 0.2 + 0.5, 0.0, 1.0); }},
      {algorithm::eltwise_square, 0, 0, [](double x, double, double) { return x * x; }},
      {algorithm::eltwise_abs, 0, 0, [](double x, double, double) { return std::fabs(x); }},
      {algorithm::eltwise_exp, 0, 0, [](double x, double, double) { return std::exp(x); }},
  };
  const auto at = [&](double x) { return f(x).value_or(std::numeric_limits<double>::quiet_NaN()); };
  const auto add = [&](algorithm name, double alpha, double beta, Function function) {
    if (std::isfinite(alpha) && std::isfinite(beta)) {
      all.push_back({name, static_cast<float>(alpha), static_cast<float>(beta), function});
    }
  };
  add(algorithm::eltwise_relu, -at(-1), 0, [](double x, double a, double) { return x > 0 ? x : a * x; });
  add(algorithm::eltwise_clip_v2, at(-1e30), at(1e30),
      [](double x, double a, double b) { return std::clamp(x, a, std::max(a, b)); });
  add(algorithm::eltwise_linear, at(1) - at(0), at(0), [](double x, double a, double b) { return a * x + b; });
  return all;
}

bool Agrees(const Univariate& f, const Activation& activation) {
  for (double x : f.Probes()) {
    const std::optional<double> value = f(x);
    if (!value.has_value() || !std::isfinite(*value)) return false;
    const double expected = activation.f(x, activation.alpha, activation.beta);
    // Constants of the expression are rounded to float, so the values differ by a few float epsilons.
    if (std::fabs(*value - expected) > 2e-6 * std::fabs(expected) + 2e-7 * std::min(1.0, std::fabs(x))) return false;
  }
  return true;
}

std::optional<PostOp> Identify(const Univariate& f) {
  if (!f(0.5).has_value()) return std::nullopt;
  for (const Activation& activation : Candidates(f)) {
    if (Agrees(f, activation)) {
      return PostOp{PostOp::Kind::kEltwise, activation.name, activation.alpha, activation.beta, 0};
    }
  }
  return std::nullopt;
}

std::optional<algorithm> BinaryAlgorithm(ExprOp op) {
  switch (op) {
    case ExprOp::kAdd:
      return algorithm::binary_add;
    case ExprOp::kSub:
      return algorithm::binary_sub;
    case ExprOp::kMul:
      return algorithm::binary_mul;
    case ExprOp::kDiv:
      return algorithm::binary_div;
    case ExprOp::kMax:
      return algorithm::binary_max;
    case ExprOp::kMin:
      return algorithm::binary_min;
    default:
      return std::nullopt;
  }
}

bool Commutes(ExprOp op) {
  return op == ExprOp::kAdd || op == ExprOp::kMul || op == ExprOp::kMax || op == ExprOp::kMin;
}

// Takes the expression apart from its result back to input 0.
class Translator {
 public:
  explicit Translator(const Expr& expr) : expr_(expr) {}

  std::optional<std::vector<PostOp>> Translate() {
    int i = expr_.size() - 1;
    while (!IsProduct(i)) {
      if (expr_[i].type != DType::kFloat32) return std::nullopt;
      i = StepBack(i);
      if (i < 0) return std::nullopt;
    }
    if (expr_[i].type != DType::kFloat32) return std::nullopt;
    std::reverse(post_ops_.begin(), post_ops_.end());
    return std::move(post_ops_);
  }

 private:
  bool IsProduct(int i) const { return expr_[i].op == ExprOp::kInput && expr_[i].input == 0; }

  // Explains value i by one post-op on an earlier value, which is returned; -1 where it cannot.
  int StepBack(int i) {
    const int before_binary = StepBackBinary(i);
    if (before_binary >= 0) return before_binary;
    for (int j = 0; j < i; ++j) {
      if (expr_[j].op == ExprOp::kConstant || expr_[j].type != DType::kFloat32) continue;
      const std::optional<Univariate> f = Univariate::Of(expr_, j, i);
      if (!f.has_value()) continue;
      if (const std::optional<PostOp> found = Identify(*f)) {
        post_ops_.push_back(*found);
        return j;
      }
    }
    return -1;
  }

  int StepBackBinary(int i) {
    const Instr& instr = expr_[i];
    const std::optional<algorithm> name = BinaryAlgorithm(instr.op);
    if (!name.has_value()) return -1;
    for (int side = 1; side >= (Commutes(instr.op) ? 0 : 1); --side) {
      const Instr& operand = expr_[instr.args[side]];
      if (operand.op != ExprOp::kInput || operand.input == 0) continue;
      post_ops_.push_back({PostOp::Kind::kBinary, *name, 0, 0, operand.input});
      return instr.args[1 - side];
    }
    return -1;
  }

  const Expr& expr_;
  std::vector<PostOp> post_ops_;
};

}  // namespace

std::optional<std::vector<PostOp>> ToPostOps(const Expr& epilogue) { return Translator(epilogue).Translate(); }

Spread SpreadOf(const Shape& operand, const Shape& product, int channel_axis) {
  if (operand.num_elements() == 1) return Spread::kScalar;
  if (operand.num_elements() == product.num_elements()) return Spread::kFull;
  const int axis = channel_axis - (product.rank() - operand.rank());
  if (axis >= 0 && operand[axis] == operand.num_elements() && operand[axis] == product[channel_axis]) {
    return Spread::kChannel;
  }
  return Spread::kOther;
}

}  // namespace moulin::cpu
