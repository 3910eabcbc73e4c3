// The text of a kernel: a function that computes one element from the inputs' elements, and a loop around it that reads
// and writes as many elements at a time as fill 16 bytes of the widest operand. Covered by
// tests/cuda/codegen/map_source_test.cc.
#include "cuda/codegen/map_source.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/half.h"
#include "cuda/codegen/fingerprint.h"
#include "ops/axes.h"
#include "ops/map_blocks.h"

namespace moulin::cuda {
namespace {

constexpr int kWordBytes = 16;
constexpr int64_t kMaxElementsBy32Bits = int64_t{1}
                                         << 30;  // the loop adds the grid's size to an index without overflow
constexpr char kNamePlace[] = "MOULIN_NAME";

// The element type as device/map.h knows it; null for those that are not covered.
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

bool IsHalf(DType type) { return type == DType::kFloat16 || type == DType::kBFloat16; }

// The type of a variable that holds an element.
const char* HeldName(DType type) { return IsHalf(type) ? "float" : TypeName(type); }

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

bool IsCovered(const Expr& expr) {
  return !expr.empty() && std::all_of(expr.instrs().begin(), expr.instrs().end(),
                                      [&](const Instr& instr) { return IsCovered(expr, instr); });
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

// An axis of an operand, seen as part of the output: axes along which its elements lie evenly are one.
struct Axis {
  int64_t size;
  int64_t stride;  // in elements of the operand
};

std::vector<Axis> CollapsedAxes(const Shape& shape, const Shape& output) {
  const Shape::Dims strides = BroadcastStrides(shape, output);
  std::vector<Axis> axes;
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

// How the elements of an operand are found that a thread needs for elements [first, first + count) of the output.
enum class Access {
  kSame,     // at [first, first + count)
  kOne,      // one element for the whole output
  kRow,      // next to each other, from an offset on
  kOneARow,  // one element for all of them, at an offset
  kAny,      // each at an offset of its own
};

struct Operand {
  int input;  // of the expression
  DType type;
  std::vector<Axis> axes;
  Access access = Access::kAny;

  bool has_offset() const { return access == Access::kRow || access == Access::kOneARow || access == Access::kAny; }
  bool is_array() const { return access != Access::kOne && access != Access::kOneARow; }
  // Whether it is read in words.
  bool has_words() const { return access == Access::kSame || access == Access::kRow; }
};

class Writer {
 public:
  explicit Writer(const MapProblem& problem) : expr_(problem.expr), elements_(problem.output.num_elements()) {
    FindOperands(problem);
    ChooseCount();
    for (Operand& operand : operands_) operand.access = AccessOf(operand);
  }
  MapSource Write();

 private:
  void FindOperands(const MapProblem& problem);
  void ChooseCount();
  Access AccessOf(const Operand& operand) const;

  void WriteHead();
  void WriteOffset(const Operand& operand);
  void WriteCompute();
  void WriteKernel();
  void WriteRead(const Operand& operand);
  template <typename... Parts>
  void Line(const Parts&... parts) {
    absl::StrAppend(&text_, parts..., "\n");
  }
  // "x0", "v0": what belongs to an operand, by its input's number.
  static std::string Of(const char* what, const Operand& operand) { return absl::StrCat(what, operand.input); }
  std::string Template(DType type) const { return absl::StrCat("<", TypeName(type), ", ", count_, ">"); }

  const Expr& expr_;
  const int64_t elements_;
  std::vector<Operand> operands_;
  int count_ = 1;  // elements that a thread takes at a time
  std::string text_;
};

void Writer::FindOperands(const MapProblem& problem) {
  for (const Instr& instr : expr_.instrs()) {
    if (instr.op != ExprOp::kInput) continue;
    const auto same = [&](const Operand& operand) { return operand.input == instr.input; };
    if (std::any_of(operands_.begin(), operands_.end(), same)) continue;
    operands_.push_back({instr.input, instr.type, CollapsedAxes(problem.inputs[instr.input], problem.output)});
  }
  std::sort(operands_.begin(), operands_.end(), [](const auto& a, const auto& b) { return a.input < b.input; });
}

void Writer::ChooseCount() {
  size_t bytes = SizeOf(expr_.result_type());
  for (const Operand& operand : operands_) bytes = std::max(bytes, SizeOf(operand.type));
  count_ = kWordBytes / static_cast<int>(bytes);
  // What takes long to compute is bound by that, not by memory; and unrolling it takes long to compile.
  const bool is_special =
      std::any_of(expr_.instrs().begin(), expr_.instrs().end(), [](const Instr& i) { return IsSpecial(i.op); });
  if (is_special) count_ = 1;
  while (count_ > 2 && count_ * expr_.size() > 256) count_ /= 2;
}

Access Writer::AccessOf(const Operand& operand) const {
  if (operand.axes.empty()) return elements_ == 1 ? Access::kSame : Access::kOne;
  const Axis& inner = operand.axes.back();
  if (operand.axes.size() == 1) return inner.stride == 0 ? Access::kOne : Access::kSame;
  if (inner.size % count_ != 0) return Access::kAny;
  return inner.stride == 0 ? Access::kOneARow : Access::kRow;
}

void Writer::WriteHead() {
  Line("// ", expr_.ToString());
  Line("#include \"cuda/codegen/device/map.h\"");
  for (const Instr& instr : expr_.instrs()) {
    if (!IsSpecial(instr.op)) continue;
    Line("#include \"kernels/scalar_special.h\"");
    break;
  }
  Line("\nusing namespace moulin;\n\nnamespace {");
  Line("using Index = ", elements_ < kMaxElementsBy32Bits ? "uint32_t" : "uint64_t", ";");
}

// The place of an operand's element, given that of the output's.
void Writer::WriteOffset(const Operand& operand) {
  std::vector<std::string> terms;
  int64_t inner = 1;
  for (size_t i = operand.axes.size(); i-- > 0;) {
    const Axis& axis = operand.axes[i];
    std::string at = inner == 1 ? "i" : absl::StrCat("i / ", inner, "u");
    if (i > 0) absl::StrAppend(&at, " % ", axis.size, "u");
    if (axis.stride != 0) terms.push_back(axis.stride == 1 ? at : absl::StrCat(at, " * ", axis.stride, "u"));
    inner *= axis.size;
  }
  Line("__device__ inline Index ", Of("Offset", operand), "(Index i) { return ", absl::StrJoin(terms, " + "), "; }");
}

void Writer::WriteCompute() {
  const auto parameter = [](std::string* out, const Operand& operand) {
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
  Line("  return t", expr_.size() - 1, ";\n}\n}  // namespace\n");
}

void Writer::WriteRead(const Operand& operand) {
  const std::string x = Of("x", operand), v = Of("v", operand), offset = Of("Offset", operand);
  const std::string held = HeldName(operand.type);
  if (operand.is_array()) Line("    ", held, " ", v, "[", count_, "];");
  switch (operand.access) {
    case Access::kOne:  // before the loop
      break;
    case Access::kSame:
      Line("    map::ReadSome", Template(operand.type), "(", x, ", first, size, words, ", v, ");");
      break;
    case Access::kRow:
      Line("    const Index ", Of("o", operand), " = ", offset, "(first);");
      Line("    map::ReadSome", Template(operand.type), "(", x, ", ", Of("o", operand), ", ", Of("o", operand), " + ",
           count_, "u, words, ", v, ");");
      break;
    case Access::kOneARow:
      Line("    const ", held, " ", v, " = map::Read<", TypeName(operand.type), ">(", x, ", ", offset, "(first));");
      break;
    case Access::kAny:
      Line("#pragma unroll");
      Line("    for (int k = 0; k < ", count_, "; ++k) {");
      Line("      ", v, "[k] = map::Read<", TypeName(operand.type), ">(", x, ", ", offset,
           "(first + k < size ? first + k : size - 1u));");
      Line("    }");
      break;
  }
}

void Writer::WriteKernel() {
  const DType result = expr_.result_type();
  const auto parameter = [](std::string* out, const Operand& operand) {
    absl::StrAppend(out, "const void* x", operand.input, ", ");
  };
  const auto argument = [](std::string* out, const Operand& operand) {
    absl::StrAppend(out, "v", operand.input, operand.is_array() ? "[k]" : "");
  };
  Line("extern \"C\" __global__ void __launch_bounds__(256) ", kNamePlace, "(", absl::StrJoin(operands_, "", parameter),
       "void* y, long long n) {");
  Line("  const Index size = static_cast<Index>(n);");
  std::string words = absl::StrCat("map::IsAligned", Template(result), "(y)");
  for (const Operand& operand : operands_) {
    if (operand.has_words()) {
      absl::StrAppend(&words, " && map::IsAligned", Template(operand.type), "(", Of("x", operand), ")");
    }
  }
  Line("  const bool words = ", words, ";");
  for (const Operand& operand : operands_) {
    if (operand.access != Access::kOne) continue;
    Line("  const ", HeldName(operand.type), " ", Of("v", operand), " = map::Read<", TypeName(operand.type), ">(",
         Of("x", operand), ", 0);");
  }
  Line("  const Index step = static_cast<Index>(gridDim.x) * blockDim.x * ", count_, "u;");
  Line("  Index first = (static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x) * ", count_, "u;");
  Line("  for (; first < size; first += step) {");
  for (const Operand& operand : operands_) WriteRead(operand);
  Line("    ", HeldName(result), " r[", count_, "];");
  Line("#pragma unroll");
  Line("    for (int k = 0; k < ", count_, "; ++k) r[k] = Compute(", absl::StrJoin(operands_, ", ", argument), ");");
  Line("    map::WriteSome", Template(result), "(y, first, size, words, r);");
  Line("  }\n}");
}

MapSource Writer::Write() {
  WriteHead();
  for (const Operand& operand : operands_) {
    if (operand.has_offset()) WriteOffset(operand);
  }
  WriteCompute();
  WriteKernel();
  MapSource result;
  result.source.name = absl::StrCat("moulin_map_", absl::Hex(Fingerprint(text_), absl::kZeroPad16));
  text_.replace(text_.find(kNamePlace), sizeof(kNamePlace) - 1, result.source.name);
  result.source.text = std::move(text_);
  for (const Operand& operand : operands_) {
    result.inputs.push_back(operand.input);
    result.is_in_place.push_back(operand.access == Access::kSame &&
                                 SizeOf(operand.type) == SizeOf(expr_.result_type()));
  }
  result.elements_a_thread = count_;
  return result;
}

}  // namespace

std::optional<MapSource> MakeMapSource(const MapProblem& problem) {
  if (!IsCovered(problem.expr)) return std::nullopt;
  return Writer(problem).Write();
}

}  // namespace moulin::cuda
