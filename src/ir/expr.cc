#include "ir/expr.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

struct OpRow {
  const char* name;
  int operands;
};

constexpr OpRow kRows[] = {
#define MOULIN_ROW(name, operands) {#name, operands},
    MOULIN_EXPR_OPS(MOULIN_ROW)
#undef MOULIN_ROW
};

bool IsComparison(ExprOp op) {
  switch (op) {
    case ExprOp::kEqual:
    case ExprOp::kNotEqual:
    case ExprOp::kLess:
    case ExprOp::kLessEqual:
    case ExprOp::kGreater:
    case ExprOp::kGreaterEqual:
    case ExprOp::kIsNan:
    case ExprOp::kIsInf:
    case ExprOp::kIsFinite:
      return true;
    default:
      return false;
  }
}

DType PartOf(DType complex) { return complex == DType::kComplex128 ? DType::kFloat64 : DType::kFloat32; }

bool IsFree(ExprOp op) { return op == ExprOp::kCast || op == ExprOp::kSaturatingCast; }  // states its own type

// The type of operand `i` that `op` wants when its main operand has type `t`.
DType WantedType(ExprOp op, int i, DType t) { return op == ExprOp::kSelect && i == 0 ? DType::kBool : t; }

int MainOperand(ExprOp op) { return op == ExprOp::kSelect ? 1 : 0; }

Instr Renumbered(Instr instr, absl::Span<const int> new_index) {
  for (int k = 0; k < NumOperands(instr.op); ++k) instr.args[k] = static_cast<int16_t>(new_index[instr.args[k]]);
  return instr;
}

std::string ConstantText(const Instr& instr) {
  const ExprConstant& c = instr.value;
  if (IsComplex(instr.type)) return absl::StrCat(c.real, c.imag < 0 ? "" : "+", c.imag, "i");
  return IsFloating(instr.type) ? absl::StrCat(c.real) : absl::StrCat(c.integer);
}

}  // namespace

absl::string_view Name(ExprOp op) { return kRows[static_cast<int>(op)].name; }
int NumOperands(ExprOp op) { return kRows[static_cast<int>(op)].operands; }

DType ResultType(ExprOp op, DType operand) {
  if (IsComparison(op)) return DType::kBool;
  switch (op) {
    case ExprOp::kPopCount:
      return DType::kUInt8;
    case ExprOp::kComplex:
      return operand == DType::kFloat64 ? DType::kComplex128 : DType::kComplex64;
    case ExprOp::kReal:
    case ExprOp::kImag:
    case ExprOp::kAngle:
    case ExprOp::kComplexAbs:
      return PartOf(operand);
    default:
      return operand;
  }
}

int Expr::Append(const Instr& instr) {
  instrs_.push_back(instr);
  return size() - 1;
}

int Expr::Input(int input, DType type) {
  for (int i = 0; i < size(); ++i) {
    if (instrs_[i].op == ExprOp::kInput && instrs_[i].input == input) return i;
  }
  Instr instr;
  instr.op = ExprOp::kInput;
  instr.type = type;
  instr.input = static_cast<int16_t>(input);
  return Append(instr);
}

int Expr::Constant(DType type, double value) {
  Instr instr;
  instr.op = ExprOp::kConstant;
  instr.type = type;
  if (IsFloating(type) || IsComplex(type)) {
    instr.value.real = value;
  } else {
    instr.value.integer = static_cast<int64_t>(value);
  }
  return Append(instr);
}

int Expr::IntConstant(DType type, int64_t value) {
  Instr instr;
  instr.op = ExprOp::kConstant;
  instr.type = type;
  instr.value.integer = value;
  return Append(instr);
}

int Expr::Cast(int a, DType to) {
  if (instrs_[a].type == to) return a;
  Instr instr;
  instr.op = ExprOp::kCast;
  instr.type = to;
  instr.args[0] = static_cast<int16_t>(a);
  return Append(instr);
}

int Expr::Unary(ExprOp op, int a) { return Ternary(op, a, -1, -1); }
int Expr::Binary(ExprOp op, int a, int b) { return Ternary(op, a, b, -1); }

int Expr::Ternary(ExprOp op, int a, int b, int c) {
  Instr instr;
  instr.op = op;
  const int args[] = {a, b, c};
  std::copy(std::begin(args), std::end(args), instr.args);
  instr.type = ResultType(op, instrs_[args[MainOperand(op)]].type);
  return Append(instr);
}

int Expr::AppendExpr(const Expr& other, absl::Span<const int> inputs) {
  std::vector<int> new_index(other.size());
  for (int i = 0; i < other.size(); ++i) {
    const Instr& instr = other[i];
    new_index[i] = instr.op == ExprOp::kInput ? inputs[instr.input] : Append(Renumbered(instr, new_index));
  }
  return new_index.empty() ? -1 : new_index.back();
}

int Expr::AppendRenumbered(const Expr& other, absl::Span<const int> inputs) {
  std::vector<int> leaves(inputs.size(), -1);
  for (const Instr& instr : other.instrs()) {
    if (instr.op == ExprOp::kInput) leaves[instr.input] = Input(inputs[instr.input], instr.type);
  }
  return AppendExpr(other, leaves);
}

int Expr::num_inputs() const {
  int n = 0;
  for (const Instr& instr : instrs_) {
    if (instr.op == ExprOp::kInput) n = std::max(n, instr.input + 1);
  }
  return n;
}

void Expr::SetResult(int result) {
  std::vector<bool> needed(size());
  needed[result] = true;
  for (int i = result; i >= 0; --i) {
    if (!needed[i]) continue;
    for (int k = 0; k < NumOperands(instrs_[i].op); ++k) needed[instrs_[i].args[k]] = true;
  }
  Expr out;
  std::vector<int> new_index(size(), -1);
  for (int i = 0; i <= result; ++i) {
    if (!needed[i]) continue;
    const Instr instr = Renumbered(instrs_[i], new_index);
    const auto same = std::find(out.instrs_.begin(), out.instrs_.end(), instr);
    // The result must stay last, so it is not merged with an equal earlier instruction.
    new_index[i] =
        same != out.instrs_.end() && i != result ? static_cast<int>(same - out.instrs_.begin()) : out.Append(instr);
  }
  *this = std::move(out);
}

Status Expr::Verify(int num_inputs) const {
  if (instrs_.empty()) return MakeError(ErrorCode::kInternal, "empty expression");
  for (int i = 0; i < size(); ++i) {
    const Instr& instr = instrs_[i];
    const auto fail = [&](absl::string_view what) {
      return MakeError(ErrorCode::kInternal, "expression ", ToString(), ", instruction ", i, " (", Name(instr.op),
                       "): ", what);
    };
    if (instr.type == DType::kInvalid) return fail("has no type");
    if (instr.op == ExprOp::kInput && (instr.input < 0 || instr.input >= num_inputs)) return fail("no such input");
    const int operands = NumOperands(instr.op);
    for (int k = 0; k < operands; ++k) {
      if (instr.args[k] < 0 || instr.args[k] >= i) return fail("operand out of range");
    }
    if (operands == 0 || IsFree(instr.op)) continue;
    const DType main = instrs_[instr.args[MainOperand(instr.op)]].type;
    for (int k = 0; k < operands; ++k) {
      if (instrs_[instr.args[k]].type != WantedType(instr.op, k, main)) return fail("operands of different types");
    }
    if (instr.type != ResultType(instr.op, main)) return fail("wrong result type");
  }
  return absl::OkStatus();
}

std::string Expr::ToString() const {
  // Nested where an instruction is read once, %letters where it is read more often.
  std::vector<int> readers(size());
  for (const Instr& instr : instrs_) {
    for (int k = 0; k < NumOperands(instr.op); ++k) ++readers[std::max<int>(instr.args[k], 0)];
  }
  std::vector<std::string> text(size());
  std::string shared;
  for (int i = 0; i < size(); ++i) {
    const Instr& instr = instrs_[i];
    if (instr.op == ExprOp::kInput) {
      text[i] = absl::StrCat("$", instr.input);
      continue;
    }
    if (instr.op == ExprOp::kConstant) {
      text[i] = ConstantText(instr);
      continue;
    }
    std::string call = absl::StrCat(Name(instr.op), "(");
    for (int k = 0; k < NumOperands(instr.op); ++k) {
      absl::StrAppend(&call, k > 0 ? ", " : "", instr.args[k] < 0 ? "?" : text[instr.args[k]]);
    }
    absl::StrAppend(&call, ")");
    if (IsFree(instr.op)) absl::StrAppend(&call, ":", ShortName(instr.type));
    if (readers[i] > 1) {
      absl::StrAppend(&shared, "t", i, " = ", call, "; ");
      text[i] = absl::StrCat("t", i);
    } else {
      text[i] = std::move(call);
    }
  }
  return instrs_.empty() ? "" : absl::StrCat(shared, text.back());
}

}  // namespace moulin
