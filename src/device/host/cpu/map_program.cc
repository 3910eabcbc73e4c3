// Compiles expressions to tapes of tile loops and runs them. Covered by tests/device/cpu/map_kernel_test.cc.
#include "device/host/cpu/map_program.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

#include "base/half.h"
#include "base/math.h"

namespace moulin::cpu {
namespace {

constexpr int64_t kSlotBytes = MapProgram::kTileElements * 8;
// Rows at least this long are walked one at a time; shorter ones are put together into tiles.
constexpr int64_t kLongRow = 256;
// Below this much work a second thread costs more (waking it takes microseconds) than it saves.
constexpr double kMinPartNs = 8000;

// The type that elements have in tiles: half types are computed in float, rounded after each operation.
DType TileType(DType type) { return IsHalf(type) ? DType::kFloat32 : type; }

template <typename T>
void FillAs(void* tile, const void* value, int64_t count) {
  T v;
  std::memcpy(&v, value, sizeof(T));
  std::fill_n(static_cast<T*>(tile), count, v);
}

void Fill(void* tile, const void* value, int64_t element_bytes, int64_t count) {
  switch (element_bytes) {
    case 1:
      return FillAs<uint8_t>(tile, value, count);
    case 2:
      return FillAs<uint16_t>(tile, value, count);
    case 4:
      return FillAs<uint32_t>(tile, value, count);
    default:
      return FillAs<uint64_t>(tile, value, count);
  }
}

template <typename T>
void StoreConstant(T value, char* bytes) {
  std::memcpy(bytes, &value, sizeof(T));
}

// The bytes of a constant of the tile type; false for types that tiles do not hold.
bool ConstantBytes(const Instr& instr, char* bytes) {
  switch (instr.type) {
    case DType::kFloat32:
      return StoreConstant(static_cast<float>(instr.value.real), bytes), true;
    case DType::kFloat16:
      return StoreConstant(static_cast<float>(Half(instr.value.real)), bytes), true;
    case DType::kBFloat16:
      return StoreConstant(static_cast<float>(BFloat16(static_cast<float>(instr.value.real))), bytes), true;
    case DType::kFloat64:
      return StoreConstant(instr.value.real, bytes), true;
    case DType::kInt32:
      return StoreConstant(static_cast<int32_t>(instr.value.integer), bytes), true;
    case DType::kInt64:
      return StoreConstant(instr.value.integer, bytes), true;
    case DType::kBool:
      return StoreConstant(static_cast<uint8_t>(instr.value.integer != 0), bytes), true;
    default:
      return false;
  }
}

// Rough time of one element in a loop, in nanoseconds; decides only how many threads share the work.
double CostNs(ExprOp op) {
  switch (op) {
    case ExprOp::kExp:
    case ExprOp::kExpm1:
    case ExprOp::kLog:
    case ExprOp::kLog1p:
    case ExprOp::kTanh:
    case ExprOp::kErf:
    case ExprOp::kSigmoid:
    case ExprOp::kSoftplus:
    case ExprOp::kElu:
      return 0.8;
    case ExprOp::kSin:
    case ExprOp::kCos:
    case ExprOp::kPow:
      return 10;
    default:
      return 0.1;
  }
}

// One scratch block a thread, grown to the largest program it has run.
char* ScratchOfThread(size_t bytes) {
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  thread_local std::unique_ptr<char, Free> block;
  thread_local size_t block_bytes = 0;
  if (block_bytes < bytes) {
    block.reset(static_cast<char*>(std::aligned_alloc(64, bytes)));
    block_bytes = bytes;
  }
  return block.get();
}

}  // namespace

// Turns instructions into steps, giving each value a slot that is used again when its last reader is past.
class MapProgram::Compiler {
 public:
  Compiler(const Expr& expr, const TileOps& tiles, MapProgram* program) : expr_(expr), tiles_(tiles), p_(*program) {}

  bool Compile() {
    const int n = expr_.size();
    if (n == 0) return false;
    FindLastUses();
    slots_.assign(n, -1);
    p_.output_slot_ = p_.num_slots_++;
    for (int i = 0; i < n; ++i) {
      if (last_use_[i] < 0 && i != n - 1) continue;
      if (!CompileInstr(i)) return false;
      ReleaseArgs(i);
    }
    return EmitResult(n - 1);
  }

 private:
  void FindLastUses() {
    last_use_.assign(expr_.size(), -1);
    for (int i = expr_.size() - 1; i >= 0; --i) {
      if (i != expr_.size() - 1 && last_use_[i] < 0) continue;  // dead
      for (int k = 0; k < NumOperands(expr_[i].op); ++k) {
        int& last = last_use_[expr_[i].args[k]];
        last = std::max(last, i);
      }
    }
  }

  int NewSlot() {
    if (free_slots_.empty()) return p_.num_slots_++;
    const int slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }

  // The slot for the value of instruction i: the output itself for the last one.
  int SlotForResult(int i) {
    const bool is_output = i == expr_.size() - 1 && !IsHalf(expr_[i].type);
    return is_output ? p_.output_slot_ : NewSlot();
  }

  void ReleaseArgs(int i) {
    for (int k = 0; k < NumOperands(expr_[i].op); ++k) {
      const int arg = expr_[i].args[k];
      const bool is_scratch = expr_[arg].op != ExprOp::kInput && expr_[arg].op != ExprOp::kConstant;
      if (last_use_[arg] == i && is_scratch &&
          std::find(free_slots_.begin(), free_slots_.end(), slots_[arg]) == free_slots_.end()) {
        free_slots_.push_back(slots_[arg]);
      }
    }
  }

  void Emit(TileFn fn, int a, int b, int c, int out) { p_.steps_.push_back({fn, {a, b, c}, out}); }

  bool CompileInstr(int i) {
    const Instr& instr = expr_[i];
    switch (instr.op) {
      case ExprOp::kInput:
        return CompileInput(i);
      case ExprOp::kConstant:
        return CompileConstant(i);
      case ExprOp::kCast:
        return CompileCast(i);
      default:
        return CompileOp(i);
    }
  }

  bool CompileInput(int i) {
    const Instr& instr = expr_[i];
    const auto known = input_slots_.find(instr.input);
    if (known != input_slots_.end()) {
      slots_[i] = known->second;
      return true;
    }
    const int64_t bytes = static_cast<int64_t>(SizeOf(instr.type));
    if (bytes == 0 || bytes > 8) return false;
    Load load{instr.input, p_.num_slots_++, bytes, Access::kDirect, {}};
    slots_[i] = load.slot;
    p_.loads_.push_back(load);
    if (IsHalf(instr.type)) {
      slots_[i] = p_.num_slots_++;
      Emit(tiles_.find_cast(instr.type, DType::kFloat32), load.slot, load.slot, load.slot, slots_[i]);
    }
    input_slots_[instr.input] = slots_[i];
    return true;
  }

  bool CompileConstant(int i) {
    ConstantSlot constant{p_.num_slots_++, static_cast<int64_t>(SizeOf(TileType(expr_[i].type))), {}};
    slots_[i] = constant.slot;
    if (!ConstantBytes(expr_[i], constant.value)) return false;
    p_.constants_.push_back(constant);
    return true;
  }

  // Through float32 into the half types where that rounds once.
  bool CompileCast(int i) {
    const DType from = expr_[expr_[i].args[0]].type;
    const DType to = expr_[i].type;
    const int arg = slots_[expr_[i].args[0]];
    const bool rounds_once =
        TileType(from) == DType::kFloat32 || from == DType::kBool || from == DType::kUInt8 || from == DType::kInt8;
    if (IsHalf(to) && !rounds_once) return false;
    TileFn fn = tiles_.find_cast(TileType(from), TileType(to));
    if (fn == nullptr) return false;
    slots_[i] = SlotForResult(i);
    Emit(fn, arg, arg, arg, slots_[i]);
    EmitRounding(i);
    p_.element_cost_ns_ += 0.1;
    return true;
  }

  bool CompileOp(int i) {
    const Instr& instr = expr_[i];
    const int operands = NumOperands(instr.op);
    const DType operand = TileType(expr_[instr.args[operands == 3 ? 1 : 0]].type);
    TileFn fn = FindOp(instr, operand);
    if (fn == nullptr) return false;
    int args[3];
    for (int k = 0; k < 3; ++k) args[k] = slots_[instr.args[std::min(k, operands - 1)]];
    slots_[i] = SlotForResult(i);
    Emit(fn, args[0], args[1], args[2], slots_[i]);
    EmitRounding(i);
    p_.element_cost_ns_ += CostNs(instr.op);
    return true;
  }

  TileFn FindOp(const Instr& instr, DType operand) const {
    if (instr.op == ExprOp::kPow && operand == DType::kFloat32 && expr_[instr.args[1]].op == ExprOp::kConstant) {
      const double exponent = expr_[instr.args[1]].value.real;
      if (exponent == 2) return tiles_.square;
      if (exponent == 3) return tiles_.cube;
    }
    if (instr.op == ExprOp::kSaturatingCast) {
      return operand == DType::kFloat32 && instr.type == DType::kInt8 ? tiles_.saturate_to_int8 : nullptr;
    }
    if (instr.op == ExprOp::kBetainc) return nullptr;
    return tiles_.find(instr.op, operand);
  }

  void EmitRounding(int i) {
    if (!IsHalf(expr_[i].type)) return;
    TileFn round = expr_[i].type == DType::kFloat16 ? tiles_.round_to_half : tiles_.round_to_bfloat16;
    Emit(round, slots_[i], slots_[i], slots_[i], slots_[i]);
  }

  // Copies the result out where it is not computed in place: inputs, constants, and half types.
  bool EmitResult(int i) {
    const DType type = expr_[i].type;
    p_.output_bytes_ = static_cast<int64_t>(SizeOf(type));
    if (slots_[i] == p_.output_slot_) return true;
    TileFn copy = tiles_.find_cast(TileType(type), type);
    if (copy == nullptr) return false;
    Emit(copy, slots_[i], slots_[i], slots_[i], p_.output_slot_);
    return true;
  }

  const Expr& expr_;
  const TileOps& tiles_;
  MapProgram& p_;
  std::vector<int> last_use_;
  std::vector<int> slots_;
  std::vector<int> free_slots_;
  std::map<int, int> input_slots_;
};

namespace {

// Strides of a row-major tensor of `shape` when broadcast to `output`, 0 along broadcast axes.
std::vector<int64_t> BroadcastStrides(const Shape& shape, const Shape& output) {
  std::vector<int64_t> strides(output.rank(), 0);
  int64_t stride = 1;
  const int skipped = output.rank() - shape.rank();
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i + skipped] = shape[i] == 1 ? 0 : stride;
    stride *= shape[i];
  }
  return strides;
}

// Joins axis i with axis i + 1 where every tensor steps through both as through one; drops axes of size 1.
void Collapse(std::vector<int64_t>* dims, absl::Span<std::vector<int64_t>* const> strides) {
  for (int i = static_cast<int>(dims->size()) - 1; i >= 0; --i) {
    if ((*dims)[i] != 1) continue;
    dims->erase(dims->begin() + i);
    for (auto* s : strides) s->erase(s->begin() + i);
  }
  for (int i = static_cast<int>(dims->size()) - 2; i >= 0; --i) {
    const bool joins = std::all_of(strides.begin(), strides.end(),
                                   [&](const auto* s) { return (*s)[i] == (*s)[i + 1] * (*dims)[i + 1]; });
    if (!joins) continue;
    (*dims)[i] *= (*dims)[i + 1];
    dims->erase(dims->begin() + i + 1);
    for (auto* s : strides) {
      (*s)[i] = (*s)[i + 1];
      s->erase(s->begin() + i + 1);
    }
  }
  if (dims->empty()) {
    dims->push_back(1);
    for (auto* s : strides) s->push_back(0);
  }
}

bool AllZero(absl::Span<const int64_t> strides) {
  return std::all_of(strides.begin(), strides.end(), [](int64_t s) { return s == 0; });
}

bool IsNatural(absl::Span<const int64_t> dims, absl::Span<const int64_t> strides) {
  int64_t natural = 1;
  for (int i = static_cast<int>(dims.size()) - 1; i >= 0; --i) {
    if (strides[i] != natural) return false;
    natural *= dims[i];
  }
  return true;
}

}  // namespace

std::optional<MapProgram> MapProgram::Compile(const Expr& expr, absl::Span<const Shape> input_shapes,
                                              const Shape& output, const TileOps& tiles) {
  MapProgram p;
  if (!Compiler(expr, tiles, &p).Compile()) return std::nullopt;
  p.dims_.assign(output.dims().begin(), output.dims().end());
  std::vector<std::vector<int64_t>*> strides;
  for (Load& load : p.loads_) {
    load.strides = BroadcastStrides(input_shapes[load.input], output);
    strides.push_back(&load.strides);
    p.element_cost_ns_ += 0.1;
  }
  Collapse(&p.dims_, strides);
  p.columns_ = p.dims_.back();
  for (size_t i = 0; i + 1 < p.dims_.size(); ++i) p.rows_ *= p.dims_[i];
  const bool by_rows = p.columns_ >= kLongRow || p.dims_.size() == 1;
  p.rows_per_tile_ = by_rows ? 0 : std::max<int64_t>(1, kTileElements / std::max<int64_t>(p.columns_, 1));
  const int64_t tiles_per_row = CeilDiv(p.columns_, kTileElements);
  p.num_units_ = by_rows ? p.rows_ * tiles_per_row : CeilDiv(p.rows_, p.rows_per_tile_);
  if (output.num_elements() == 0) p.num_units_ = 0;
  for (Load& load : p.loads_) {
    const bool inner_only = AllZero(absl::MakeConstSpan(load.strides).first(load.strides.size() - 1));
    if (AllZero(load.strides)) {
      load.access = Access::kConstant;
    } else if (by_rows) {
      load.access = load.strides.back() == 1 ? Access::kDirect : Access::kSpread;
    } else if (IsNatural(p.dims_, load.strides)) {
      load.access = Access::kDirect;
    } else {
      load.access = inner_only ? Access::kRepeated : Access::kGathered;
    }
  }
  return p;
}

struct MapProgram::State {
  char* scratch;
  std::vector<const void*>& pointers;  // one a slot
  void* tile(int slot) const { return scratch + slot * kSlotBytes; }
};

void MapProgram::Run(absl::Span<const void* const> inputs, void* output, ThreadPool& pool) const {
  const int64_t unit = rows_per_tile_ > 0 ? rows_per_tile_ * columns_ : std::min(columns_, kTileElements);
  const double unit_ns = std::max(1.0, static_cast<double>(unit) * element_cost_ns_);
  const int64_t grain = std::max<int64_t>(1, static_cast<int64_t>(kMinPartNs / unit_ns));
  pool.ParallelFor(num_units_, grain, [&](int64_t begin, int64_t end) { RunUnits(begin, end, inputs, output); });
}

void MapProgram::Prepare(State& state, absl::Span<const void* const> inputs) const {
  for (int i = 0; i < num_slots_; ++i) state.pointers[i] = state.tile(i);
  const int64_t used = std::min(kTileElements, rows_ * columns_);
  for (const ConstantSlot& c : constants_) Fill(state.tile(c.slot), c.value, c.element_bytes, used);
  for (const Load& load : loads_) {
    if (load.access == Access::kConstant) Fill(state.tile(load.slot), inputs[load.input], load.element_bytes, used);
    if (load.access == Access::kRepeated) FillRepeated(load, inputs[load.input], state.tile(load.slot));
  }
}

void MapProgram::FillRepeated(const Load& load, const void* input, void* tile) const {
  const int64_t row_bytes = columns_ * load.element_bytes;
  const int64_t rows = std::min(rows_per_tile_, rows_);
  for (int64_t r = 0; r < rows; ++r) std::memcpy(static_cast<char*>(tile) + r * row_bytes, input, row_bytes);
}

int64_t MapProgram::OffsetOf(const Load& load, int64_t row) const {
  int64_t offset = 0;
  for (int i = static_cast<int>(dims_.size()) - 2; i >= 0; --i) {
    offset += (row % dims_[i]) * load.strides[i];
    row /= dims_[i];
  }
  return offset;
}

void MapProgram::Gather(const Load& load, const char* input, int64_t row, int64_t rows, char* tile) const {
  const int64_t bytes = load.element_bytes;
  for (int64_t r = 0; r < rows; ++r, tile += columns_ * bytes) {
    const char* source = input + OffsetOf(load, row + r) * bytes;
    if (load.strides.back() == 0) {
      Fill(tile, source, bytes, columns_);
    } else {
      std::memcpy(tile, source, columns_ * bytes);
    }
  }
}

void MapProgram::LoadTile(State& state, int64_t row, int64_t rows, int64_t column, bool new_row,
                          absl::Span<const void* const> inputs) const {
  for (const Load& load : loads_) {
    const char* input = static_cast<const char*>(inputs[load.input]);
    switch (load.access) {
      case Access::kDirect: {
        const int64_t offset = rows_per_tile_ > 0 ? row * columns_ : OffsetOf(load, row) + column;
        state.pointers[load.slot] = input + offset * load.element_bytes;
        break;
      }
      case Access::kSpread:
        if (new_row) {
          Fill(state.tile(load.slot), input + OffsetOf(load, row) * load.element_bytes, load.element_bytes,
               std::min(columns_ - column, kTileElements));
        }
        break;
      case Access::kGathered:
        Gather(load, input, row, rows, static_cast<char*>(state.tile(load.slot)));
        break;
      case Access::kConstant:
      case Access::kRepeated:
        break;
    }
  }
}

void MapProgram::RunUnits(int64_t begin, int64_t end, absl::Span<const void* const> inputs, void* output) const {
  thread_local std::vector<const void*> pointers;
  pointers.resize(std::max<size_t>(pointers.size(), num_slots_));
  State state{ScratchOfThread(num_slots_ * kSlotBytes), pointers};
  Prepare(state, inputs);
  const int64_t tiles_per_row = CeilDiv(columns_, kTileElements);
  for (int64_t unit = begin; unit < end; ++unit) {
    int64_t row, rows, column = 0, count;
    if (rows_per_tile_ > 0) {
      row = unit * rows_per_tile_;
      rows = std::min(rows_per_tile_, rows_ - row);
      count = rows * columns_;
    } else {
      row = unit / tiles_per_row;
      rows = 1;
      column = unit % tiles_per_row * kTileElements;
      count = std::min(kTileElements, columns_ - column);
    }
    LoadTile(state, row, rows, column, unit == begin || column == 0, inputs);
    state.pointers[output_slot_] = static_cast<char*>(output) + (row * columns_ + column) * output_bytes_;
    for (const Step& step : steps_) {
      const void* args[3] = {pointers[step.args[0]], pointers[step.args[1]], pointers[step.args[2]]};
      step.fn(args, const_cast<void*>(pointers[step.out]), count);
    }
  }
}

}  // namespace moulin::cpu
