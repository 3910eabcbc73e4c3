#include "cuda/map_tape.h"

#include <algorithm>
#include <bit>

#include "base/half.h"
#include "ops/map_blocks.h"
#include "ops/op_util.h"

namespace moulin::cuda {
namespace {

std::optional<TapeOp> TapeOpOf(ExprOp op) {
  switch (op) {
#define MOULIN_CASE(name) \
  case ExprOp::k##name:   \
    return TapeOp::k##name;
    MOULIN_TAPE_OPS(MOULIN_CASE)
#undef MOULIN_CASE
    default:
      return std::nullopt;
  }
}

std::optional<TapeType> TapeTypeOf(DType type) {
  switch (type) {
    case DType::kFloat16:
      return TapeType::kFloat16;
    case DType::kBFloat16:
      return TapeType::kBFloat16;
    default:
      break;
  }
  switch (RegisterType(type)) {
    case DType::kFloat32:
      return TapeType::kFloat32;
    case DType::kFloat64:
      return TapeType::kFloat64;
    case DType::kBool:
      return TapeType::kBool;
    case DType::kInt8:
      return TapeType::kInt8;
    case DType::kInt16:
      return TapeType::kInt16;
    case DType::kInt32:
      return TapeType::kInt32;
    case DType::kInt64:
      return TapeType::kInt64;
    case DType::kUInt8:
      return TapeType::kUInt8;
    case DType::kUInt16:
      return TapeType::kUInt16;
    case DType::kUInt32:
      return TapeType::kUInt32;
    case DType::kUInt64:
      return TapeType::kUInt64;
    default:
      return std::nullopt;
  }
}

uint64_t SlotOfFloat(float x) { return std::bit_cast<uint32_t>(x); }

// An integer as its type holds it, extended to 64 bits.
uint64_t SlotOfInteger(DType type, int64_t value) {
  const int unused = 64 - 8 * static_cast<int>(SizeOf(type));
  if (IsSignedInteger(type)) return static_cast<uint64_t>(static_cast<int64_t>(uint64_t(value) << unused) >> unused);
  return static_cast<uint64_t>(value) << unused >> unused;
}

uint64_t SlotOf(const Instr& constant) {
  const float real = static_cast<float>(constant.value.real);
  switch (constant.type) {
    case DType::kFloat32:
      return SlotOfFloat(real);
    case DType::kFloat16:
      return SlotOfFloat(static_cast<float>(Half(real)));
    case DType::kBFloat16:
      return SlotOfFloat(static_cast<float>(BFloat16(real)));
    case DType::kFloat64:
      return std::bit_cast<uint64_t>(constant.value.real);
    case DType::kBool:
      return constant.value.integer != 0;
    default:
      return SlotOfInteger(constant.type, constant.value.integer);
  }
}

// Builds a tape; slots are given back after the last instruction that reads them.
class TapeBuilder {
 public:
  explicit TapeBuilder(const MapProblem& problem) : problem_(problem), expr_(problem.expr), slots_(expr_.size()) {
    for (int slot = kMaxTapeSlots - 1; slot >= 0; --slot) free_.push_back(slot);
    last_reader_.resize(static_cast<size_t>(expr_.size()), -1);
    for (int i = 0; i < expr_.size(); ++i) {
      for (int k = 0; k < NumOperands(expr_[i].op); ++k) last_reader_[expr_[i].args[k]] = i;
    }
  }

  std::optional<PreparedTape> Build() {
    if (expr_.empty() || expr_.size() > kMaxTapeInstrs) return std::nullopt;
    for (int i = 0; i < expr_.size(); ++i) {
      if (!Add(i)) return std::nullopt;
    }
    return std::move(result_);
  }

 private:
  bool Add(int i);
  bool SetOperands(int i, TapeInstr* out);
  bool SetInput(const Instr& instr, TapeInstr* out);

  const MapProblem& problem_;
  const Expr& expr_;
  std::vector<int> slots_;  // by instruction
  std::vector<int> free_;
  std::vector<int> last_reader_;  // by instruction
  PreparedTape result_;
};

bool TapeBuilder::Add(int i) {
  const Instr& instr = expr_[i];
  const std::optional<TapeOp> op = TapeOpOf(instr.op);
  const std::optional<TapeType> type = TapeTypeOf(instr.type);
  if (!op || !type) return false;
  TapeInstr out = {};
  out.op = *op;
  out.type = *type;
  if (instr.op == ExprOp::kInput && !SetInput(instr, &out)) return false;
  if (instr.op == ExprOp::kConstant) out.value = SlotOf(instr);
  if (NumOperands(instr.op) > 0 && !SetOperands(i, &out)) return false;
  if (free_.empty()) return false;
  slots_[i] = free_.back();
  free_.pop_back();
  out.result = static_cast<uint8_t>(slots_[i]);
  if (last_reader_[i] < 0) free_.push_back(slots_[i]);  // nobody reads it
  result_.tape.instrs[result_.tape.num_instrs++] = out;
  return true;
}

bool TapeBuilder::SetOperands(int i, TapeInstr* out) {
  const Instr& instr = expr_[i];
  const DType main = expr_[instr.args[instr.op == ExprOp::kSelect ? 1 : 0]].type;
  const std::optional<TapeType> operand = TapeTypeOf(main);
  const bool is_cast = instr.op == ExprOp::kCast || instr.op == ExprOp::kSaturatingCast;
  if (!operand || (!is_cast && FindBlock(instr.op, RegisterType(main)) == nullptr)) return false;
  out->operand = *operand;
  std::vector<int> freed;
  for (int k = 0; k < NumOperands(instr.op); ++k) {
    out->args[k] = static_cast<uint8_t>(slots_[instr.args[k]]);
    const bool is_last = last_reader_[instr.args[k]] == i;
    if (is_last && std::find(freed.begin(), freed.end(), instr.args[k]) == freed.end()) freed.push_back(instr.args[k]);
  }
  for (const int arg : freed) free_.push_back(slots_[arg]);
  return true;
}

bool TapeBuilder::SetInput(const Instr& instr, TapeInstr* out) {
  MapTape& tape = result_.tape;
  if (tape.num_inputs == kMaxTapeInputs) return false;
  const Shape& shape = problem_.inputs[instr.input];
  const StatusOr<StridedMap> map = BroadcastMap(shape, problem_.output);
  const bool is_same = shape.num_elements() == problem_.output.num_elements();
  if (!map.ok() && !is_same) return false;
  TapeInput& input = tape.inputs[tape.num_inputs];
  input.type = out->type;
  input.is_same = is_same;
  if (!is_same) input.map = *map;
  out->args[0] = static_cast<uint8_t>(tape.num_inputs++);
  result_.inputs.push_back(instr.input);
  return true;
}

}  // namespace

std::optional<PreparedTape> MakeMapTape(const MapProblem& problem) { return TapeBuilder(problem).Build(); }

}  // namespace moulin::cuda
