// Elementwise expressions, interpreted: for machines without NVRTC, where nothing can be generated.
#ifndef MOULIN_CUDA_KERNELS_MAP_INTERPRETER_H_
#define MOULIN_CUDA_KERNELS_MAP_INTERPRETER_H_

#include <cstdint>

#include "cuda/runtime/device_function.h"
#include "kernels/index_map.h"

namespace moulin::cuda {

// The operations of expressions (ir/expr.h) on real numbers; X(name).
// clang-format off
#define MOULIN_TAPE_FLOAT_OPS(X)                                                                                       \
  X(Sqrt) X(Rsqrt) X(Exp) X(Expm1) X(Log) X(Log1p) X(Sin) X(Cos) X(Tan) X(Asin) X(Acos) X(Atan) X(Sinh) X(Cosh)        \
  X(Tanh) X(Asinh) X(Acosh) X(Atanh) X(Erf) X(Erfc) X(Sigmoid) X(Softplus) X(Floor) X(Ceil) X(Elu) X(Atan2)            \
  X(NextAfter) X(Xdivy) X(Xlogy) X(Xlog1py)
#define MOULIN_TAPE_SPECIAL_OPS(X)                                                                                     \
  X(Erfinv) X(Ndtri) X(Lgamma) X(Digamma) X(BesselI0e) X(BesselI1e) X(Zeta) X(Polygamma) X(Igamma) X(Igammac) X(Betainc)
#define MOULIN_TAPE_COMMON_OPS(X)                                                                                      \
  X(Neg) X(Abs) X(Sign) X(Reciprocal) X(Round) X(Relu) X(Add) X(Sub) X(Mul) X(Div) X(FloorDiv) X(FloorMod) X(TruncMod) \
  X(DivNoNan) X(MulNoNan) X(Pow) X(Max) X(Min)
#define MOULIN_TAPE_BIT_OPS(X) X(BitNot) X(BitAnd) X(BitOr) X(BitXor) X(ShiftLeft) X(ShiftRight) X(PopCount)
#define MOULIN_TAPE_TESTS(X)                                                                                           \
  X(Equal) X(NotEqual) X(Less) X(LessEqual) X(Greater) X(GreaterEqual) X(IsNan) X(IsInf) X(IsFinite)
#define MOULIN_TAPE_OTHER_OPS(X) X(Input) X(Constant) X(Cast) X(SaturatingCast) X(Select) X(Not) X(And) X(Or)
#define MOULIN_TAPE_OPS(X)                                                                                             \
  MOULIN_TAPE_FLOAT_OPS(X) MOULIN_TAPE_SPECIAL_OPS(X) MOULIN_TAPE_COMMON_OPS(X) MOULIN_TAPE_BIT_OPS(X)                 \
  MOULIN_TAPE_TESTS(X) MOULIN_TAPE_OTHER_OPS(X)
// clang-format on

enum class TapeOp : uint8_t {
#define MOULIN_ENUMERATOR(name) k##name,
  MOULIN_TAPE_OPS(MOULIN_ENUMERATOR)
#undef MOULIN_ENUMERATOR
};

enum class TapeType : uint8_t {
  kFloat32,
  kFloat64,
  kFloat16,
  kBFloat16,
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
};

inline constexpr int kMaxTapeInstrs = 96;
inline constexpr int kMaxTapeInputs = 8;
inline constexpr int kMaxTapeSlots = 32;

// A slot holds 64 bits: of a float (also for the 16-bit floats), of a double, or of an integer extended by its sign.
struct TapeInstr {
  TapeOp op;
  TapeType type;     // of the result
  TapeType operand;  // of the operands; of the second and third of Select
  uint8_t result;    // slot
  uint8_t args[3];   // slots; of Input, args[0] is which of the tape's inputs
  uint64_t value;    // of Constant, as a slot holds it
};

struct TapeInput {
  TapeType type;
  bool is_same;    // of the output's shape; else `map` gives the place of an element
  StridedMap map;  // unused where is_same
};

// An expression made ready, as a kernel's parameter; the last instruction is the result.
struct MapTape {
  int num_instrs = 0;
  int num_inputs = 0;
  TapeInput inputs[kMaxTapeInputs];
  TapeInstr instrs[kMaxTapeInstrs];
};

struct TapePointers {
  const void* inputs[kMaxTapeInputs];
};

// (tape, inputs, output, number of elements): a thread an element.
DeviceFunction<MapTape, TapePointers, void*, int64_t> MapInterpreterFunction();

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_MAP_INTERPRETER_H_
