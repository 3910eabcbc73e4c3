// Covered by tests/cuda/codegen/.
#include "cuda/codegen/expr_writer.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/half.h"
#include "cuda/codegen/fingerprint.h"
#include "ops/axes.h"
#include "ops/map_blocks.h"

namespace moulin::cuda {
namespace {

constexpr int kWordBytes = 16;
// The loop adds the grid's size to an index without overflow.
constexpr int64_t kMaxElementsBy32Bits = int64_t{1} << 30;

bool IsSpecial(ExprOp op) {
  switch (op) {
    case ExprOp::kErfinv:
    case ExprOp::kNdtri:
    case ExprOp::kLgamma:
    case ExprOp::kDigamma:
    case ExprOp::kBesselI0e:
    case ExprOp::kBesselI1e:
    case ExprOp::kZeta:
    case ExprOp::kPolygamma:
    case ExprOp::kIgamma:
    case ExprOp::kIgammac:
    case ExprOp::kBetainc:
      return true;
    default:
      return false;
  }
}

// Whether the result, computed in float from float16 (bfloat16) operands, is one of the type's numbers already.
bool IsExactInHalf(ExprOp op) {
  switch (op) {
    case ExprOp::kInput:
    case ExprOp::kConstant:  // rounded when printed
    case ExprOp::kNeg:
    case ExprOp::kAbs:
    case ExprOp::kSign:
    case ExprOp::kFloor:
    case ExprOp::kCeil:
    case ExprOp::kRound:
    case ExprOp::kRelu:
    case ExprOp::kMax:
    case ExprOp::kMin:
    case ExprOp::kSelect:
      return true;
    default:
      return false;
  }
}

bool IsCast(ExprOp op) { return op == ExprOp::kCast || op == ExprOp::kSaturatingCast; }

bool IsCovered(const Expr& expr, const Instr& instr) {
  if (TypeName(instr.type) == nullptr) return false;
  if (NumOperands(instr.op) == 0) return true;
  const DType operand = expr[instr.args[instr.op == ExprOp::kSelect ? 1 : 0]].type;
  if (TypeName(operand) == nullptr) return false;
  return IsCast(instr.op) || FindBlock(instr.op, RegisterType(operand)) != nullptr;
}

std::string ConstantText(const Instr& instr) {
  const ExprConstant& c = instr.value;
  const auto real = [&](float x) {
    return absl::StrCat("map::FloatOf(0x", absl::Hex(std::bit_cast<uint32_t>(x)), "u)");
  };
  switch (RegisterType(instr.type)) {
    case DType::kFloat32:
      if (instr.type == DType::kFloat16) return real(static_cast<float>(Half(static_cast<float>(c.real))));
      if (instr.type == DType::kBFloat16) return real(static_cast<float>(BFloat16(static_cast<float>(c.real))));
      return real(static_cast<float>(c.real));
    case DType::kFloat64:
      return absl::StrCat("map::DoubleOf(0x", absl::Hex(std::bit_cast<uint64_t>(c.real)), "ull)");
    case DType::kBool:
      return c.integer != 0 ? "true" : "false";
    default:
      return absl::StrCat("static_cast<", TypeName(instr.type), ">(0x", absl::Hex(static_cast<uint64_t>(c.integer)),
                          "ull)");
  }
}

// The right side of an instruction that has operands; those are the variables t<index>.
std::string OperationText(const Instr& instr) {
  const auto arg = [&](int k) { return absl::StrCat("t", instr.args[k]); };
  std::string text;
  if (instr.op == ExprOp::kSelect) {
    text = absl::StrCat(arg(0), " ? ", arg(1), " : ", arg(2));
  } else {
    text = absl::StrCat("scalar::", Name(instr.op));
    if (IsCast(instr.op)) absl::StrAppend(&text, "<", HeldName(instr.type), ">");
    for (int k = 0; k < NumOperands(instr.op); ++k) absl::StrAppend(&text, k == 0 ? "(" : ", ", arg(k));
    absl::StrAppend(&text, ")");
  }
  if (!IsHalf(instr.type) || IsExactInHalf(instr.op)) return text;
  return absl::StrCat("map::RoundTo", instr.type == DType::kFloat16 ? "Float16(" : "BFloat16(", text, ")");
}

std::vector<OperandAxis> CollapsedAxes(const Shape& shape, const Shape& output) {
  const Shape::Dims strides = BroadcastStrides(shape, output);
  std::vector<OperandAxis> axes;
  for (int i = 0; i < output.rank(); ++i) {
    if (output[i] == 1) continue;
    if (!axes.empty() && axes.back().stride == strides[i] * output[i]) {
      axes.back() = {axes.back().size * output[i], strides[i]};
    } else {
      axes.push_back({output[i], strides[i]});
    }
  }
  return axes;
}

}  // namespace

const char* TypeName(DType type) {
  switch (type) {
    case DType::kFloat32:
      return "float";
    case DType::kFloat64:
      return "double";
    case DType::kFloat16:
      return "Float16Bits";
    case DType::kBFloat16:
      return "BFloat16Bits";
    case DType::kBool:
      return "bool";
    case DType::kInt8:
    case DType::kQInt8:
      return "int8_t";
    case DType::kUInt8:
    case DType::kQUInt8:
      return "uint8_t";
    case DType::kInt16:
    case DType::kQInt16:
      return "int16_t";
    case DType::kUInt16:
    case DType::kQUInt16:
      return "uint16_t";
    case DType::kInt32:
    case DType::kQInt32:
      return "int32_t";
    case DType::kUInt32:
      return "uint32_t";
    case DType::kInt64:
      return "int64_t";
    case DType::kUInt64:
      return "uint64_t";
    default:
      return nullptr;
  }
}

const char* HeldName(DType type) { return IsHalf(type) ? "float" : TypeName(type); }

bool IsCovered(const Expr& expr) {
  return !expr.empty() && std::all_of(expr.instrs().begin(), expr.instrs().end(),
                                      [&](const Instr& instr) { return IsCovered(expr, instr); });
}

ExprWriter::ExprWriter(const MapProblem& problem, int max_count)
    : expr_(problem.expr), elements_(problem.output.num_elements()) {
  FindOperands(problem);
  ChooseCount(max_count);
  for (ExprOperand& operand : operands_) operand.access = AccessOf(operand);
}

void ExprWriter::FindOperands(const MapProblem& problem) {
  for (const Instr& instr : expr_.instrs()) {
    if (instr.op != ExprOp::kInput) continue;
    const auto same = [&](const ExprOperand& operand) { return operand.input == instr.input; };
    if (std::any_of(operands_.begin(), operands_.end(), same)) continue;
    operands_.push_back({instr.input, instr.type, CollapsedAxes(problem.inputs[instr.input], problem.output)});
  }
  std::sort(operands_.begin(), operands_.end(), [](const auto& a, const auto& b) { return a.input < b.input; });
}

void ExprWriter::ChooseCount(int max_count) {
  size_t bytes = SizeOf(expr_.result_type());
  for (const ExprOperand& operand : operands_) bytes = std::max(bytes, SizeOf(operand.type));
  count_ = kWordBytes / static_cast<int>(bytes);
  // What takes long to compute is bound by that, not by memory; and unrolling it takes long to compile.
  const bool is_special =
      std::any_of(expr_.instrs().begin(), expr_.instrs().end(), [](const Instr& i) { return IsSpecial(i.op); });
  if (is_special) count_ = 1;
  while (count_ > 2 && count_ * expr_.size() > 256) count_ /= 2;
  count_ = std::min(count_, max_count);
}

OperandAccess ExprWriter::AccessOf(const ExprOperand& operand) const {
  if (operand.axes.empty()) return elements_ == 1 ? OperandAccess::kSame : OperandAccess::kOne;
  const OperandAxis& inner = operand.axes.back();
  if (operand.axes.size() == 1) return inner.stride == 0 ? OperandAccess::kOne : OperandAccess::kSame;
  if (inner.size % count_ != 0) return OperandAccess::kAny;
  return inner.stride == 0 ? OperandAccess::kOneARow : OperandAccess::kRow;
}

void ExprWriter::WriteHead(const char* header) {
  Line("// ", expr_.ToString());
  Line("#include \"", header, "\"");
  for (const Instr& instr : expr_.instrs()) {
    if (!IsSpecial(instr.op)) continue;
    Line("#include \"kernels/scalar_special.h\"");
    break;
  }
  Line("\nusing namespace moulin;\n\nnamespace {");
  Line("using Index = ", elements_ < kMaxElementsBy32Bits ? "uint32_t" : "uint64_t", ";");
  for (const ExprOperand& operand : operands_) {
    if (operand.has_offset()) WriteOffset(operand);
  }
  WriteCompute();
}

// The place of an operand's element, given that of the output's.
void ExprWriter::WriteOffset(const ExprOperand& operand) {
  std::vector<std::string> terms;
  int64_t inner = 1;
  for (size_t i = operand.axes.size(); i-- > 0;) {
    const OperandAxis& axis = operand.axes[i];
    std::string at = inner == 1 ? "i" : absl::StrCat("i / ", inner, "u");
    if (i > 0) absl::StrAppend(&at, " % ", axis.size, "u");
    if (axis.stride != 0) terms.push_back(axis.stride == 1 ? at : absl::StrCat(at, " * ", axis.stride, "u"));
    inner *= axis.size;
  }
  Line("__device__ inline Index ", Of("Offset", operand), "(Index i) { return ", absl::StrJoin(terms, " + "), "; }");
}

void ExprWriter::WriteCompute() {
  const auto parameter = [](std::string* out, const ExprOperand& operand) {
    absl::StrAppend(out, HeldName(operand.type), " x", operand.input);
  };
  Line("__device__ inline ", HeldName(expr_.result_type()), " Compute(", absl::StrJoin(operands_, ", ", parameter),
       ") {");
  for (int i = 0; i < expr_.size(); ++i) {
    const Instr& instr = expr_[i];
    const std::string value = instr.op == ExprOp::kInput      ? absl::StrCat("x", instr.input)
                              : instr.op == ExprOp::kConstant ? ConstantText(instr)
                                                              : OperationText(instr);
    Line("  const ", HeldName(instr.type), " t", i, " = ", value, ";");
  }
  Line("  return t", expr_.size() - 1, ";\n}");
}

void ExprWriter::WriteRead(const ExprOperand& operand) {
  const std::string x = Of("x", operand), v = Of("v", operand), offset = Of("Offset", operand);
  const std::string held = HeldName(operand.type);
  if (operand.is_array()) Line("    ", held, " ", v, "[", count_, "];");
  switch (operand.access) {
    case OperandAccess::kOne:  // before the loop
      break;
    case OperandAccess::kSame:
      Line("    map::ReadSome", Template(operand.type), "(", x, ", first, size, words, ", v, ");");
      break;
    case OperandAccess::kRow:
      Line("    const Index ", Of("o", operand), " = ", offset, "(first);");
      Line("    map::ReadSome", Template(operand.type), "(", x, ", ", Of("o", operand), ", ", Of("o", operand), " + ",
           count_, "u, words, ", v, ");");
      break;
    case OperandAccess::kOneARow:
      Line("    const ", held, " ", v, " = map::Read<", TypeName(operand.type), ">(", x, ", ", offset, "(first));");
      break;
    case OperandAccess::kAny:
      Line("#pragma unroll");
      Line("    for (int k = 0; k < ", count_, "; ++k) {");
      Line("      ", v, "[k] = map::Read<", TypeName(operand.type), ">(", x, ", ", offset,
           "(first + k < size ? first + k : size - 1u));");
      Line("    }");
      break;
  }
}

void ExprWriter::WriteReads() {
  for (const ExprOperand& operand : operands_) WriteRead(operand);
}

void ExprWriter::WriteOnes() {
  for (const ExprOperand& operand : operands_) {
    if (operand.access != OperandAccess::kOne) continue;
    Line("  const ", HeldName(operand.type), " ", Of("v", operand), " = map::Read<", TypeName(operand.type), ">(",
         Of("x", operand), ", 0);");
  }
}

void ExprWriter::WriteComputeAll() {
  const auto argument = [](std::string* out, const ExprOperand& operand) {
    absl::StrAppend(out, "v", operand.input, operand.is_array() ? "[k]" : "");
  };
  Line("#pragma unroll");
  Line("    for (int k = 0; k < ", count_, "; ++k) r[k] = Compute(", absl::StrJoin(operands_, ", ", argument), ");");
}

std::string ExprWriter::WordsText(std::string first) const {
  for (const ExprOperand& operand : operands_) {
    if (!operand.has_words()) continue;
    absl::StrAppend(&first, " && map::IsAligned", Template(operand.type), "(", Of("x", operand), ")");
  }
  return first;
}

std::string ExprWriter::Parameters() const {
  return absl::StrJoin(operands_, "", [](std::string* out, const ExprOperand& operand) {
    absl::StrAppend(out, "const void* x", operand.input, ", ");
  });
}

KernelText ExprWriter::Finish(const char* prefix) {
  KernelText source;
  source.name = absl::StrCat(prefix, absl::Hex(Fingerprint(text_), absl::kZeroPad16));
  text_.replace(text_.find(kNamePlace), sizeof(kNamePlace) - 1, source.name);
  source.text = std::move(text_);
  return source;
}

}  // namespace moulin::cuda
