// Expressions are evaluated a block of elements at a time, an instruction at a time (map_blocks.h): the cost of
// finding out what to do is paid once a block. Tests: tests/ops/map_eval_test.cc, tests/ops/map_test.cc.
#include "ops/map_eval.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/errors.h"
#include "base/half.h"
#include "base/status_macros.h"
#include "ops/axes.h"
#include "ops/map_blocks.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

constexpr int kBlock = 1024;

// One instruction, made ready: its register and how it is filled.
struct Step {
  const Instr* instr = nullptr;
  std::unique_ptr<char[]> buffer;  // kBlock elements; none where the elements are read in place
  const void* value = nullptr;     // the register, in `buffer` or in an input
  BlockFn fn = nullptr;            // null for leaves

  // Of inputs.
  const Tensor* input = nullptr;
  bool in_place = false;  // of out's shape, and stored as registers are
  bool repeated = false;  // one element for all; the register is filled once
  Shape::Dims strides;    // with which it is read as if broadcast to out's shape
};

template <typename T>
bool Contains(const void* values, int n, bool (*is_bad)(T)) {
  const auto* v = static_cast<const T*>(values);
  return std::any_of(v, v + n, is_bad);
}

// Whether a divisor is zero (or an exponent negative).
template <typename T>
bool HasBadOperand(ExprOp op, const void* values, int n) {
  if (op == ExprOp::kPow) return std::is_signed_v<T> && Contains<T>(values, n, [](T x) { return x < T(0); });
  return Contains<T>(values, n, [](T x) { return x == 0; });
}

bool HasBadOperand(const Instr& instr, const void* values, int n) {
  switch (RegisterType(instr.type)) {
    case DType::kInt8:
      return HasBadOperand<int8_t>(instr.op, values, n);
    case DType::kInt16:
      return HasBadOperand<int16_t>(instr.op, values, n);
    case DType::kInt32:
      return HasBadOperand<int32_t>(instr.op, values, n);
    case DType::kInt64:
      return HasBadOperand<int64_t>(instr.op, values, n);
    case DType::kUInt8:
      return HasBadOperand<uint8_t>(instr.op, values, n);
    case DType::kUInt16:
      return HasBadOperand<uint16_t>(instr.op, values, n);
    case DType::kUInt32:
      return HasBadOperand<uint32_t>(instr.op, values, n);
    case DType::kUInt64:
      return HasBadOperand<uint64_t>(instr.op, values, n);
    default:
      return false;
  }
}

Status CheckIntegerOperand(const Instr& instr, const void* values, int n) {
  switch (instr.op) {
    case ExprOp::kDiv:
    case ExprOp::kFloorDiv:
    case ExprOp::kFloorMod:
    case ExprOp::kTruncMod:
      if (!HasBadOperand(instr, values, n)) return absl::OkStatus();
      return MakeError(ErrorCode::kValue, "integer division by zero");
    case ExprOp::kPow:
      if (!HasBadOperand(instr, values, n)) return absl::OkStatus();
      return MakeError(ErrorCode::kValue, "an integer power needs an exponent of 0 or more, got a negative one");
    default:
      return absl::OkStatus();
  }
}

template <typename H>
void RoundAll(float* x, int n) {
  for (int i = 0; i < n; ++i) x[i] = static_cast<float>(H(x[i]));
}

// Brings registers of float16 and bfloat16 to values that the type has.
void RoundToType(DType type, void* values, int n) {
  if (type == DType::kFloat16) RoundAll<Half>(static_cast<float*>(values), n);
  if (type == DType::kBFloat16) RoundAll<BFloat16>(static_cast<float*>(values), n);
}

// y[i] = x[offset(i)], converted from storage to register.
template <typename Offset>
void Load(const Tensor& x, void* y, int n, const Offset& offset) {
  const auto load = [&](auto stored, auto held) {
    const auto* from = static_cast<const decltype(stored)*>(x.data());
    auto* to = static_cast<decltype(held)*>(y);
    for (int i = 0; i < n; ++i) to[i] = static_cast<decltype(held)>(from[offset(i)]);
  };
  if (x.dtype() == DType::kFloat16) return load(Half(), float());
  if (x.dtype() == DType::kBFloat16) return load(BFloat16(), float());
  if (x.dtype() == DType::kString) {
    for (int i = 0; i < n; ++i) static_cast<const std::string**>(y)[i] = &x.strings()[offset(i)];
    return;
  }
  switch (SizeOf(x.dtype())) {
    case 1:
      return load(uint8_t(), uint8_t());
    case 2:
      return load(uint16_t(), uint16_t());
    case 4:
      return load(uint32_t(), uint32_t());
    case 8:
      return load(uint64_t(), uint64_t());
    default:
      return load(Bytes16(), Bytes16());
  }
}

template <typename H>
void StoreAll(const float* x, H* y, int n) {
  for (int i = 0; i < n; ++i) y[i] = H(x[i]);
}

void Store(const void* x, int n, int64_t begin, Tensor* out) {
  switch (out->dtype()) {
    case DType::kFloat16:
      return StoreAll(static_cast<const float*>(x), static_cast<Half*>(out->mutable_data()) + begin, n);
    case DType::kBFloat16:
      return StoreAll(static_cast<const float*>(x), static_cast<BFloat16*>(out->mutable_data()) + begin, n);
    case DType::kString:
      for (int i = 0; i < n; ++i) {
        out->mutable_strings()[begin + i] = *static_cast<const std::string* const*>(x)[i];
      }
      return;
    default: {
      const size_t size = SizeOf(out->dtype());
      std::memcpy(static_cast<char*>(out->mutable_data()) + begin * size, x, n * size);
    }
  }
}

template <typename T>
void Fill(void* buffer, T value) {
  std::fill_n(static_cast<T*>(buffer), kBlock, value);
}

// Fills a register with a constant; false where its type has none.
bool FillConstant(const Instr& instr, void* buffer) {
  const ExprConstant& c = instr.value;
  switch (RegisterType(instr.type)) {
    case DType::kFloat32:
      Fill(buffer, static_cast<float>(c.real));
      break;
    case DType::kFloat64:
      Fill(buffer, c.real);
      break;
    case DType::kInt8:
      Fill(buffer, static_cast<int8_t>(c.integer));
      break;
    case DType::kInt16:
      Fill(buffer, static_cast<int16_t>(c.integer));
      break;
    case DType::kInt32:
      Fill(buffer, static_cast<int32_t>(c.integer));
      break;
    case DType::kInt64:
      Fill(buffer, c.integer);
      break;
    case DType::kUInt8:
      Fill(buffer, static_cast<uint8_t>(c.integer));
      break;
    case DType::kUInt16:
      Fill(buffer, static_cast<uint16_t>(c.integer));
      break;
    case DType::kUInt32:
      Fill(buffer, static_cast<uint32_t>(c.integer));
      break;
    case DType::kUInt64:
      Fill(buffer, static_cast<uint64_t>(c.integer));
      break;
    case DType::kBool:
      Fill(buffer, c.integer != 0);
      break;
    case DType::kComplex64:
      Fill(buffer, std::complex<float>(c.real, c.imag));
      break;
    case DType::kComplex128:
      Fill(buffer, std::complex<double>(c.real, c.imag));
      break;
    default:
      return false;
  }
  RoundToType(instr.type, buffer, kBlock);
  return true;
}

class Evaluator {
 public:
  Status Prepare(const Expr& expr, absl::Span<const Tensor> inputs, Tensor* out);
  Status Run(int64_t begin, int64_t end);

 private:
  Status PrepareStep(const Instr& instr, absl::Span<const Tensor> inputs, Step* step);
  Status PrepareInput(const Instr& instr, absl::Span<const Tensor> inputs, Step* step);
  Status PrepareOperation(const Instr& instr, Step* step);
  void LoadInput(int64_t begin, int n, Step* step);
  void ComputeOffsets(const Shape::Dims& strides, int64_t begin, int n);
  Status Compute(int n, Step* step);

  std::vector<Step> steps_;
  std::vector<int64_t> offsets_ = std::vector<int64_t>(kBlock);
  Tensor* out_ = nullptr;
};

Status Evaluator::Prepare(const Expr& expr, absl::Span<const Tensor> inputs, Tensor* out) {
  out_ = out;
  if (expr.empty()) return MakeError(ErrorCode::kInternal, "an empty expression");
  MOULIN_RETURN_IF_ERROR(CheckSameType(expr.result_type(), out->dtype(), "the result of an expression"));
  steps_.reserve(expr.size());
  for (const Instr& instr : expr.instrs()) {
    Step step;
    MOULIN_RETURN_IF_ERROR(PrepareStep(instr, inputs, &step));
    steps_.push_back(std::move(step));
  }
  return absl::OkStatus();
}

Status Evaluator::PrepareStep(const Instr& instr, absl::Span<const Tensor> inputs, Step* step) {
  step->instr = &instr;
  if (instr.op == ExprOp::kInput) return PrepareInput(instr, inputs, step);
  step->buffer = std::make_unique<char[]>(static_cast<size_t>(kBlock) * RegisterSize(instr.type));
  step->value = step->buffer.get();
  if (instr.op != ExprOp::kConstant) return PrepareOperation(instr, step);
  if (FillConstant(instr, step->buffer.get())) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, "an expression has no constants of type ", ShortName(instr.type));
}

Status Evaluator::PrepareInput(const Instr& instr, absl::Span<const Tensor> inputs, Step* step) {
  if (instr.input < 0 || instr.input >= static_cast<int>(inputs.size())) {
    return MakeError(ErrorCode::kInternal, "an expression reads input ", instr.input, " of ", inputs.size());
  }
  const Tensor& input = inputs[instr.input];
  MOULIN_RETURN_IF_ERROR(CheckSameType(instr.type, input.dtype(), "an input of an expression"));
  MOULIN_ASSIGN_OR_RETURN(const PartialShape both, BroadcastPartial(input.shape(), out_->shape()));
  if (both != PartialShape(out_->shape())) {
    return MakeError(ErrorCode::kShape, "an input of an expression: ", input.shape().ToString(),
                     " does not broadcast to ", out_->shape().ToString());
  }
  step->input = &input;
  const bool held_as_stored = RegisterType(instr.type) == instr.type || IsQuantized(instr.type);
  step->in_place = input.shape() == out_->shape() && held_as_stored && instr.type != DType::kString;
  if (step->in_place) return absl::OkStatus();
  step->buffer = std::make_unique<char[]>(static_cast<size_t>(kBlock) * RegisterSize(instr.type));
  step->value = step->buffer.get();
  step->strides = BroadcastStrides(input.shape(), out_->shape());
  step->repeated = input.num_elements() == 1;
  if (step->repeated) Load(input, step->buffer.get(), kBlock, [](int) { return 0; });
  return absl::OkStatus();
}

Status Evaluator::PrepareOperation(const Instr& instr, Step* step) {
  const DType operand = steps_[instr.args[instr.op == ExprOp::kSelect ? 1 : 0]].instr->type;
  const bool cast = instr.op == ExprOp::kCast || instr.op == ExprOp::kSaturatingCast;
  step->fn = cast ? FindCastBlock(RegisterType(operand), RegisterType(instr.type), instr.op == ExprOp::kSaturatingCast)
                  : FindBlock(instr.op, RegisterType(operand));
  if (step->fn != nullptr) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, Name(instr.op), " does not take ", ShortName(operand),
                   cast ? absl::StrCat(" to ", ShortName(instr.type)) : "");
}

// Where each of n elements of out from `begin` on is found in an input with these strides.
void Evaluator::ComputeOffsets(const Shape::Dims& strides, int64_t begin, int n) {
  const Shape& shape = out_->shape();
  const int last = shape.rank() - 1;
  Shape::Dims at(shape.rank(), 0);
  int64_t offset = 0;
  for (int axis = last; axis >= 0; --axis) {
    at[axis] = begin % shape.dim(axis);
    begin /= shape.dim(axis);
    offset += at[axis] * strides[axis];
  }
  for (int i = 0; i < n; ++i) {
    offsets_[i] = offset;
    offset += strides[last];
    for (int axis = last; ++at[axis] == shape.dim(axis) && axis > 0; --axis) {
      at[axis] = 0;
      offset += strides[axis - 1] - strides[axis] * shape.dim(axis);
    }
  }
}

void Evaluator::LoadInput(int64_t begin, int n, Step* step) {
  const Tensor& input = *step->input;
  if (step->in_place) {
    step->value = static_cast<const char*>(input.data()) + begin * SizeOf(input.dtype());
  } else if (input.shape() == out_->shape()) {
    Load(input, step->buffer.get(), n, [begin](int i) { return begin + i; });
  } else if (!step->repeated) {
    ComputeOffsets(step->strides, begin, n);
    Load(input, step->buffer.get(), n, [this](int i) { return offsets_[i]; });
  }
}

Status Evaluator::Compute(int n, Step* step) {
  const Instr& instr = *step->instr;
  const void* args[3] = {};
  for (int k = 0; k < NumOperands(instr.op); ++k) args[k] = steps_[instr.args[k]].value;
  if (NumOperands(instr.op) == 2) MOULIN_RETURN_IF_ERROR(CheckIntegerOperand(instr, args[1], n));
  step->fn(args, step->buffer.get(), n);
  RoundToType(instr.type, step->buffer.get(), n);
  return absl::OkStatus();
}

Status Evaluator::Run(int64_t begin, int64_t end) {
  for (; begin < end; begin += kBlock) {
    const int n = static_cast<int>(std::min<int64_t>(kBlock, end - begin));
    for (Step& step : steps_) {
      if (step.input != nullptr) LoadInput(begin, n, &step);
      if (step.fn != nullptr) MOULIN_RETURN_IF_ERROR(Compute(n, &step));
    }
    Store(steps_.back().value, n, begin, out_);
  }
  return absl::OkStatus();
}

}  // namespace

Status EvaluateExprRange(const Expr& expr, absl::Span<const Tensor> inputs, int64_t begin, int64_t end, Tensor* out) {
  Evaluator evaluator;
  MOULIN_RETURN_IF_ERROR(evaluator.Prepare(expr, inputs, out));
  return evaluator.Run(begin, end);
}

Status EvaluateExpr(const Expr& expr, absl::Span<const Tensor> inputs, Tensor* out) {
  return EvaluateExprRange(expr, inputs, 0, out->num_elements(), out);
}

Status CastElements(const Tensor& from, Tensor* to) {
  Expr cast;
  cast.Cast(cast.Input(0, from.dtype()), to->dtype());
  return EvaluateExpr(cast, {from}, to);
}

}  // namespace moulin
