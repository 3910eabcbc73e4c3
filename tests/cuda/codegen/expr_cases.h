// Maps that together hold every operation on every real type, and every form of broadcasting.
#ifndef MOULIN_TESTS_CUDA_CODEGEN_EXPR_CASES_H_
#define MOULIN_TESTS_CUDA_CODEGEN_EXPR_CASES_H_

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/half.h"
#include "kernel_testing.h"
#include "ops/map_blocks.h"

namespace moulin::cuda {

struct ExprCase {
  std::string name;
  Expr expr;
  std::vector<Tensor> inputs;
};

inline constexpr int kNumExprOps = 0
#define MOULIN_COUNT(name, operands) +1
    MOULIN_EXPR_OPS(MOULIN_COUNT)
#undef MOULIN_COUNT
    ;

// The operations, other than leaves and casts, whose operands have this type.
inline std::vector<ExprOp> OpsOn(DType type) {
  std::vector<ExprOp> ops;
  for (int i = 0; i < kNumExprOps; ++i) {
    const ExprOp op = static_cast<ExprOp>(i);
    const bool is_plain = NumOperands(op) > 0 && op != ExprOp::kCast && op != ExprOp::kSaturatingCast;
    if (is_plain && op != ExprOp::kComplex && FindBlock(op, RegisterType(type)) != nullptr) ops.push_back(op);
  }
  return ops;
}

// value[k[i]] for a selector k, given as input `input`.
inline void AppendChoice(Expr* expr, int input, const std::vector<int>& values) {
  const int k = expr->Input(input, DType::kInt32);
  int result = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    const int is_it = expr->Binary(ExprOp::kEqual, k, expr->Constant(DType::kInt32, static_cast<double>(i)));
    result = expr->Ternary(ExprOp::kSelect, is_it, values[i], result);
  }
  expr->SetResult(result);
}

// 0, 1... as the selector that gives each of `count` values a row of the result.
inline Tensor Selector(int count) {
  Tensor k = Tensor::Allocate(DType::kInt32, Shape{count, 1}).value();
  for (int i = 0; i < count; ++i) k.mutable_values<int32_t>()[i] = i;
  return k;
}

// Numbers of which many are at the edges of the type.
inline Tensor EdgeTensor(DType type, int64_t n, uint64_t seed) {
  Tensor t = RandomTensor(type, Shape{n}, seed);
  if (!IsFloating(type)) return t;
  const double edges[] = {0.0,  -0.0, 1.0,  -1.0,  0.5,  -0.5,   1.5,   2.5,     1e-7,         1e-30,
                          20.0, -3.0, 90.0, -90.0, 1e30, -1e300, 65504, 65520.0, 2147483648.0, -9.3e18};
  std::vector<double> values(std::begin(edges), std::end(edges));
  values.push_back(std::numeric_limits<double>::infinity());
  values.push_back(-std::numeric_limits<double>::infinity());
  values.push_back(std::numeric_limits<double>::quiet_NaN());
  for (int64_t i = 0; i < n; i += 2) {
    const double x = values[static_cast<size_t>(i / 2 * (seed % 7 + 1)) % values.size()];
    if (type == DType::kFloat32) t.mutable_values<float>()[i] = static_cast<float>(x);
    if (type == DType::kFloat64) t.mutable_values<double>()[i] = x;
    if (type == DType::kFloat16) t.mutable_values<Half>()[i] = Half(x);
    if (type == DType::kBFloat16) t.mutable_values<BFloat16>()[i] = BFloat16(static_cast<float>(x));
  }
  return t;
}

// Inputs 0 and 1 of this type; integers of the second are positive, for the reference refuses to divide by zero.
inline std::vector<Tensor> OperandsOf(DType type, int64_t n) {
  const bool is_integer = IsInteger(type);
  return {EdgeTensor(type, n, 1), is_integer ? RandomIntegers(type, Shape{n}, 1, 7) : EdgeTensor(type, n, 2),
          EdgeTensor(type, n, 3)};
}

// One case for the `ops`, which have results of one type: a row of the result each.
inline ExprCase CaseOf(DType type, const std::vector<ExprOp>& ops, int64_t n) {
  ExprCase c;
  c.name = std::string(Name(type));
  std::vector<int> values;
  const int operands[] = {c.expr.Input(0, type), c.expr.Input(1, type), c.expr.Input(2, type)};
  for (const ExprOp op : ops) {
    absl::StrAppend(&c.name, " ", Name(op));
    int args[3] = {-1, -1, -1};
    for (int k = 0; k < NumOperands(op); ++k) args[k] = operands[k];
    if (op == ExprOp::kSelect) args[0] = c.expr.Binary(ExprOp::kEqual, operands[0], operands[2]);
    values.push_back(c.expr.Ternary(op, args[0], args[1], args[2]));
  }
  AppendChoice(&c.expr, 3, values);
  c.inputs = OperandsOf(type, n);
  c.inputs.push_back(Selector(static_cast<int>(ops.size())));
  return c;
}

// Every operation on the type, few to a case.
inline void AppendOpCases(DType type, std::vector<ExprCase>* cases) {
  constexpr int kOpsACase = 16;
  std::vector<ExprOp> ops = OpsOn(type);
  std::stable_sort(ops.begin(), ops.end(),
                   [&](ExprOp a, ExprOp b) { return ResultType(a, type) < ResultType(b, type); });
  std::vector<ExprOp> some;
  for (size_t i = 0; i < ops.size(); ++i) {
    some.push_back(ops[i]);
    const bool is_last = i + 1 == ops.size() || ResultType(ops[i + 1], type) != ResultType(ops[i], type);
    if (!is_last && static_cast<int>(some.size()) < kOpsACase) continue;
    cases->push_back(CaseOf(type, some, 96));
    some.clear();
  }
}

// Casts of both kinds from some types to one. Input 0 is the selector.
inline ExprCase CastCase(absl::Span<const DType> from, DType to) {
  ExprCase c;
  c.name = absl::StrCat("casts to ", Name(to), " from");
  std::vector<int> values;
  c.inputs.push_back(Selector(2 * static_cast<int>(from.size())));
  for (const DType type : from) {
    absl::StrAppend(&c.name, " ", Name(type));
    const int x = c.expr.Input(static_cast<int>(c.inputs.size()), type);
    c.inputs.push_back(EdgeTensor(type, 100, c.inputs.size()));
    for (const ExprOp op : {ExprOp::kCast, ExprOp::kSaturatingCast}) {
      Instr instr;
      instr.op = op;
      instr.type = to;
      instr.args[0] = static_cast<int16_t>(x);
      values.push_back(c.expr.Append(instr));
    }
  }
  AppendChoice(&c.expr, 0, values);
  return c;
}

// Results that are operands: what is out of the type's range must not live on in a wider register.
inline ExprCase ChainCase(DType type) {
  ExprCase c;
  c.name = absl::StrCat("chain of ", Name(type));
  c.inputs = OperandsOf(type, 100);
  Expr& e = c.expr;
  const int x = e.Input(0, type), y = e.Input(1, type), z = e.Input(2, type);
  const int product = e.Binary(ExprOp::kMul, x, z);
  const int quotient = e.Binary(ExprOp::kFloorDiv, e.Binary(ExprOp::kAdd, product, z), y);
  const int high = e.Binary(ExprOp::kMax, e.Binary(ExprOp::kSub, quotient, product), e.Unary(ExprOp::kNeg, x));
  e.Cast(e.Cast(high, DType::kFloat64), DType::kFloat32);
  return c;
}

inline std::vector<ExprCase> AllOpCases() {
  std::vector<ExprCase> cases;
  const std::vector<DType> types = RealTypes();
  for (const DType type : types) AppendOpCases(type, &cases);
  for (const DType type : types) {
    if (type != DType::kBool) cases.push_back(ChainCase(type));
  }
  for (const DType to : types) {
    cases.push_back(CastCase(absl::MakeConstSpan(types).subspan(0, 7), to));
    cases.push_back(CastCase(absl::MakeConstSpan(types).subspan(7), to));
  }
  return cases;
}

// a * b + c with the operands of these shapes, and (for float16 and the like) a rounding after each step.
inline ExprCase BroadcastCase(DType type, const std::vector<Shape>& shapes) {
  ExprCase c;
  c.name = std::string(Name(type));
  for (size_t i = 0; i < shapes.size(); ++i) {
    absl::StrAppend(&c.name, " ", shapes[i].ToString());
    c.inputs.push_back(RandomTensor(type, shapes[i], i + 1));
    const int x = c.expr.Input(static_cast<int>(i), type);
    if (i > 0) c.expr.Binary(i == 1 ? ExprOp::kMul : ExprOp::kAdd, i == 1 ? 0 : c.expr.size() - 2, x);
  }
  return c;
}

// Conditions from one input, values from others: types of different sizes in one kernel.
inline ExprCase MixedCase(DType type, const Shape& condition, const Shape& values) {
  ExprCase c;
  c.name = absl::StrCat("select ", Name(type), " ", condition.ToString(), " ", values.ToString());
  c.inputs = {RandomTensor(DType::kBool, condition, 1), RandomTensor(type, values, 2),
              RandomTensor(DType::kInt8, values, 3)};
  const int truth = c.expr.Input(0, DType::kBool), x = c.expr.Input(1, type);
  c.expr.Ternary(ExprOp::kSelect, truth, x, c.expr.Cast(c.expr.Input(2, DType::kInt8), type));
  return c;
}

inline std::vector<ExprCase> AllBroadcastCases() {
  std::vector<ExprCase> cases;
  const std::vector<std::vector<Shape>> forms = {
      {Shape{4096}, Shape{4096}},                                      // whole words
      {Shape{1021}, Shape{1021}, Shape{1021}},                         // a tail
      {Shape{3}, Shape{3}},                                            // less than a word
      {Shape{}, Shape{}},                                              // one element
      {Shape{5, 7}, Shape{}},                                          // a scalar
      {Shape{1, 1}, Shape{6, 9}},                                      // a scalar of rank 2, first
      {Shape{2, 3, 3, 32}, Shape{32}},                                 // channels, in words
      {Shape{2, 3, 3, 13}, Shape{13}, Shape{}},                        // channels, not in words
      {Shape{2, 5, 5, 16}, Shape{2, 1, 1, 16}, Shape{16}},             // squeeze and excite
      {Shape{4, 16}, Shape{4, 1}},                                     // one a row, rows in words
      {Shape{4, 15}, Shape{4, 1}, Shape{15}},                          // one a row, rows not in words
      {Shape{2, 8, 3, 3}, Shape{8, 1, 1}, Shape{1, 8, 1, 1}},          // channels first
      {Shape{7, 1}, Shape{1, 5}},                                      // an outer product
      {Shape{3, 1, 16}, Shape{1, 4, 1}, Shape{3, 4, 16}},              // three ways
      {Shape{2, 1, 3, 1, 2, 1, 3, 1}, Shape{1, 2, 1, 2, 1, 2, 1, 2}},  // rank 8, nothing to join
      {Shape{0, 4}, Shape{4}},                                         // nothing
      {Shape{1, 1, 1}, Shape{1}},                                      // one element, ones all over
  };
  for (const DType type : {DType::kFloat32, DType::kFloat16, DType::kFloat64, DType::kInt8}) {
    for (const std::vector<Shape>& shapes : forms) cases.push_back(BroadcastCase(type, shapes));
  }
  for (const DType type : {DType::kBFloat16, DType::kInt64, DType::kUInt16}) {
    cases.push_back(BroadcastCase(type, forms[1]));
    cases.push_back(BroadcastCase(type, forms[8]));
  }
  cases.push_back(MixedCase(DType::kFloat32, Shape{4, 8, 16}, Shape{4, 8, 16}));
  cases.push_back(MixedCase(DType::kFloat64, Shape{4, 1, 16}, Shape{4, 8, 16}));
  cases.push_back(MixedCase(DType::kFloat16, Shape{4, 8, 1}, Shape{4, 8, 17}));
  cases.push_back(MixedCase(DType::kInt32, Shape{1}, Shape{3000}));
  return cases;
}

inline Graph GraphOf(const ExprCase& c) { return OneNodeGraph(OpKind::kMap, MapAttrs{c.expr}, c.inputs, 0); }

}  // namespace moulin::cuda

#endif  // MOULIN_TESTS_CUDA_CODEGEN_EXPR_CASES_H_
