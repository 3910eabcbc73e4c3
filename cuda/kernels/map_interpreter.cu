// One thread an element, one switch an instruction. Numbers are held in three classes (float, double, integers of 64
// bits that are wrapped to their width after each instruction), so that there are few instances of each operation.
// Tested by tests/cuda/kernels/map_test.cc.
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/map_interpreter.h"

#if defined(__CUDACC__)
#pragma nv_diag_suppress 186  // scalar functions compare unsigned integers with 0, as they do signed ones
#endif
#include "kernels/element.h"
#include "kernels/scalar_arithmetic.h"
#include "kernels/scalar_cast.h"
#include "kernels/scalar_special.h"

namespace moulin::cuda {
namespace {

__device__ inline float AsFloat(uint64_t slot) { return __builtin_bit_cast(float, static_cast<uint32_t>(slot)); }
__device__ inline double AsDouble(uint64_t slot) { return __builtin_bit_cast(double, slot); }
__device__ inline uint64_t Slot(float x) { return __builtin_bit_cast(uint32_t, x); }
__device__ inline uint64_t Slot(double x) { return __builtin_bit_cast(uint64_t, x); }
template <typename Integer>
__device__ inline uint64_t Slot(Integer x) {
  return static_cast<uint64_t>(static_cast<int64_t>(x));
}

__device__ inline bool IsFloat(TapeType type) {
  return type == TapeType::kFloat32 || type == TapeType::kFloat16 || type == TapeType::kBFloat16;
}
__device__ inline bool IsSigned(TapeType type) { return type >= TapeType::kInt8 && type <= TapeType::kInt64; }

__device__ inline int Bits(TapeType type) {
  if (type >= TapeType::kUInt8) return 8 << (static_cast<int>(type) - static_cast<int>(TapeType::kUInt8));
  if (type >= TapeType::kInt8) return 8 << (static_cast<int>(type) - static_cast<int>(TapeType::kInt8));
  return 8;
}

// Brings a result to a number that its type has: 16-bit floats are rounded, integers wrap.
__device__ uint64_t Narrow(uint64_t slot, TapeType type) {
  if (type == TapeType::kFloat16) return Slot(Float16Bits::From(AsFloat(slot)).ToFloat());
  if (type == TapeType::kBFloat16) return Slot(BFloat16Bits::From(AsFloat(slot)).ToFloat());
  if (type < TapeType::kInt8) return slot;
  const int unused = 64 - Bits(type);
  if (IsSigned(type)) return Slot(static_cast<int64_t>(slot << unused) >> unused);
  return slot << unused >> unused;
}

__device__ uint64_t ReadElement(const void* x, TapeType type, int64_t i) {
  switch (type) {
    case TapeType::kFloat32:
    case TapeType::kUInt32:
      return static_cast<const uint32_t*>(x)[i];
    case TapeType::kFloat16:
      return Slot(static_cast<const Float16Bits*>(x)[i].ToFloat());
    case TapeType::kBFloat16:
      return Slot(static_cast<const BFloat16Bits*>(x)[i].ToFloat());
    case TapeType::kBool:
      return static_cast<const uint8_t*>(x)[i] != 0;
    case TapeType::kInt8:
      return Slot(static_cast<const int8_t*>(x)[i]);
    case TapeType::kUInt8:
      return static_cast<const uint8_t*>(x)[i];
    case TapeType::kInt16:
      return Slot(static_cast<const int16_t*>(x)[i]);
    case TapeType::kUInt16:
      return static_cast<const uint16_t*>(x)[i];
    case TapeType::kInt32:
      return Slot(static_cast<const int32_t*>(x)[i]);
    default:
      return static_cast<const uint64_t*>(x)[i];
  }
}

__device__ void WriteElement(void* y, TapeType type, int64_t i, uint64_t slot) {
  switch (type) {
    case TapeType::kFloat16:
      static_cast<Float16Bits*>(y)[i] = Float16Bits::From(AsFloat(slot));
      return;
    case TapeType::kBFloat16:
      static_cast<BFloat16Bits*>(y)[i] = BFloat16Bits::From(AsFloat(slot));
      return;
    case TapeType::kBool:
    case TapeType::kInt8:
    case TapeType::kUInt8:
      static_cast<uint8_t*>(y)[i] = static_cast<uint8_t>(slot);
      return;
    case TapeType::kInt16:
    case TapeType::kUInt16:
      static_cast<uint16_t*>(y)[i] = static_cast<uint16_t>(slot);
      return;
    case TapeType::kFloat32:
    case TapeType::kInt32:
    case TapeType::kUInt32:
      static_cast<uint32_t*>(y)[i] = static_cast<uint32_t>(slot);
      return;
    default:
      static_cast<uint64_t*>(y)[i] = slot;
  }
}

// Calls f with the three arguments where scalar functions take one, two or three.
template <typename T, typename R>
__device__ inline R Apply(R (*f)(T), T a, T, T) {
  return f(a);
}
template <typename T, typename R>
__device__ inline R Apply(R (*f)(T, T), T a, T b, T) {
  return f(a, b);
}
template <typename T, typename R>
__device__ inline R Apply(R (*f)(T, T, T), T a, T b, T c) {
  return f(a, b, c);
}

__device__ __noinline__ double SpecialOp(TapeOp op, double a, double b, double c) {
  switch (op) {
#define MOULIN_CASE(name) \
  case TapeOp::k##name:   \
    return Apply(&scalar::special::name, a, b, c);
    MOULIN_TAPE_SPECIAL_OPS(MOULIN_CASE)
#undef MOULIN_CASE
    default:
      return 0;
  }
}

template <typename T>
__device__ T FloatOp(TapeOp op, T a, T b, T c) {
  switch (op) {
#define MOULIN_CASE(name) \
  case TapeOp::k##name:   \
    return Apply(&scalar::name<T>, a, b, c);
    MOULIN_TAPE_FLOAT_OPS(MOULIN_CASE)
    MOULIN_TAPE_COMMON_OPS(MOULIN_CASE)
#undef MOULIN_CASE
    default:
      return static_cast<T>(SpecialOp(op, a, b, c));
  }
}

// T: int64_t or uint64_t; `bits` is the width of the type.
template <typename T>
__device__ T IntegerOp(TapeOp op, T a, T b, int bits) {
  const int distance = scalar::ShiftDistance(b) < bits - 1 ? scalar::ShiftDistance(b) : bits - 1;
  switch (op) {
#define MOULIN_CASE(name) \
  case TapeOp::k##name:   \
    return Apply(&scalar::name<T>, a, b, T{0});
    MOULIN_TAPE_COMMON_OPS(MOULIN_CASE)
    MOULIN_CASE(BitNot)
    MOULIN_CASE(BitAnd)
    MOULIN_CASE(BitOr)
    MOULIN_CASE(BitXor)
#undef MOULIN_CASE
    case TapeOp::kShiftLeft:
      return static_cast<T>(static_cast<uint64_t>(a) << distance);
    case TapeOp::kShiftRight:
      return static_cast<T>(a >> distance);
    case TapeOp::kPopCount:
      return static_cast<T>(scalar::PopCount(static_cast<uint64_t>(a) << (64 - bits)));
    default:
      return 0;
  }
}

template <typename T>
__device__ bool TestOp(TapeOp op, T a, T b) {
  switch (op) {
#define MOULIN_CASE(name) \
  case TapeOp::k##name:   \
    return Apply(&scalar::name<T>, a, b, T{0});
    MOULIN_TAPE_TESTS(MOULIN_CASE)
#undef MOULIN_CASE
    default:
      return false;
  }
}

template <typename From>
__device__ uint64_t CastOp(From x, TapeType to, bool saturating) {
  switch (to) {
#define MOULIN_CASE(type, T) \
  case TapeType::type:       \
    return Slot(saturating ? scalar::SaturatingCast<T>(x) : scalar::Cast<T>(x));
    MOULIN_CASE(kFloat64, double)
    MOULIN_CASE(kBool, bool)
    MOULIN_CASE(kInt8, int8_t)
    MOULIN_CASE(kInt16, int16_t)
    MOULIN_CASE(kInt32, int32_t)
    MOULIN_CASE(kInt64, int64_t)
    MOULIN_CASE(kUInt8, uint8_t)
    MOULIN_CASE(kUInt16, uint16_t)
    MOULIN_CASE(kUInt32, uint32_t)
    MOULIN_CASE(kUInt64, uint64_t)
#undef MOULIN_CASE
    default:
      return Slot(scalar::Cast<float>(x));
  }
}

// Any operation on operands of type T, the one that holds them.
template <typename T>
__device__ uint64_t ComputeAs(const TapeInstr& instr, T a, T b, T c) {
  if (instr.op == TapeOp::kCast || instr.op == TapeOp::kSaturatingCast) {
    return CastOp(a, instr.type, instr.op == TapeOp::kSaturatingCast);
  }
  if (instr.type == TapeType::kBool) return TestOp(instr.op, a, b);
  if constexpr (std::is_floating_point_v<T>)
    return Slot(FloatOp(instr.op, a, b, c));
  else
    return Slot(IntegerOp(instr.op, a, b, Bits(instr.operand)));
}

__device__ uint64_t Compute(const TapeInstr& instr, uint64_t a, uint64_t b, uint64_t c) {
  switch (instr.op) {
    case TapeOp::kSelect:
      return a != 0 ? b : c;
    case TapeOp::kNot:
      return a ^ 1;
    case TapeOp::kAnd:
      return a & b;
    case TapeOp::kOr:
      return a | b;
    default:
      break;
  }
  if (IsFloat(instr.operand)) return ComputeAs(instr, AsFloat(a), AsFloat(b), AsFloat(c));
  if (instr.operand == TapeType::kFloat64) return ComputeAs(instr, AsDouble(a), AsDouble(b), AsDouble(c));
  if (IsSigned(instr.operand)) {
    return ComputeAs(instr, static_cast<int64_t>(a), static_cast<int64_t>(b), static_cast<int64_t>(c));
  }
  return ComputeAs(instr, a, b, c);
}

__global__ void InterpretMap(const __grid_constant__ MapTape tape, TapePointers x, void* y, int64_t n) {
  uint64_t slots[kMaxTapeSlots];
  for (int64_t i = GlobalThread(); i < n; i += GlobalThreads()) {
    uint64_t value = 0;
    for (int k = 0; k < tape.num_instrs; ++k) {
      const TapeInstr& instr = tape.instrs[k];
      if (instr.op == TapeOp::kInput) {
        const TapeInput& input = tape.inputs[instr.args[0]];
        value = ReadElement(x.inputs[instr.args[0]], input.type, input.is_same ? i : input.map(i));
      } else if (instr.op == TapeOp::kConstant) {
        value = instr.value;
      } else {
        value = Narrow(Compute(instr, slots[instr.args[0]], slots[instr.args[1]], slots[instr.args[2]]), instr.type);
      }
      slots[instr.result] = value;
    }
    WriteElement(y, tape.instrs[tape.num_instrs - 1].type, i, value);
  }
}

}  // namespace

DeviceFunction<MapTape, TapePointers, void*, int64_t> MapInterpreterFunction() {
  return IndependentKernel("moulin_interpret_map", &InterpretMap);
}

}  // namespace moulin::cuda
