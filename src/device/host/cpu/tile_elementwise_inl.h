// Part of tile_ops_inl.h: the loops of elementwise ops and casts, and the tables that find them.

namespace moulin::cpu::MOULIN_TILE_NAMESPACE {
namespace {

template <typename T, typename R, R (*kApply)(T)>
void Loop1(const void* const* args, void* out, int64_t n) {
  const T* a = static_cast<const T*>(args[0]);
  R* y = static_cast<R*>(out);
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) y[k] = kApply(a[k]);
}

template <typename T, typename R, R (*kApply)(T, T)>
void Loop2(const void* const* args, void* out, int64_t n) {
  const T* a = static_cast<const T*>(args[0]);
  const T* b = static_cast<const T*>(args[1]);
  R* y = static_cast<R*>(out);
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) y[k] = kApply(a[k], b[k]);
}

template <typename T>
void SelectLoop(const void* const* args, void* out, int64_t n) {
  const uint8_t* c = static_cast<const uint8_t*>(args[0]);
  const T* a = static_cast<const T*>(args[1]);
  const T* b = static_cast<const T*>(args[2]);
  T* y = static_cast<T*>(out);
#pragma GCC ivdep
  for (int64_t k = 0; k < n; ++k) {
    const T x = a[k];
    const T z = b[k];
    y[k] = c[k] ? x : z;
  }
}

// Wrapping integer arithmetic, as TensorFlow's has in effect.
template <typename T>
struct WrapOf {
  using Type = T;
};
template <>
struct WrapOf<int32_t> {
  using Type = uint32_t;
};
template <>
struct WrapOf<int64_t> {
  using Type = uint64_t;
};
template <typename T>
using Wrap = typename WrapOf<T>::Type;

template <typename T>
T Add(T a, T b) {
  return static_cast<T>(static_cast<Wrap<T>>(a) + static_cast<Wrap<T>>(b));
}
template <typename T>
T Sub(T a, T b) {
  return static_cast<T>(static_cast<Wrap<T>>(a) - static_cast<Wrap<T>>(b));
}
template <typename T>
T Mul(T a, T b) {
  return static_cast<T>(static_cast<Wrap<T>>(a) * static_cast<Wrap<T>>(b));
}
template <typename T>
T Neg(T a) {
  return static_cast<T>(-static_cast<Wrap<T>>(a));
}
template <typename T>
T Div(T a, T b) {
  return a / b;
}
template <typename T>
T DivNoNan(T a, T b) {
  return b == 0 ? T(0) : a / b;
}
template <typename T>
T MulNoNan(T a, T b) {
  return b == 0 ? T(0) : a * b;
}
template <typename T>
T Max(T a, T b) {
  return (a > b || a != a) ? a : b;
}
template <typename T>
T Min(T a, T b) {
  return (a < b || a != a) ? a : b;
}
template <typename T>
T Relu(T a) {
  return a < 0 ? T(0) : a;
}
template <typename T>
T Abs(T a) {
  return a < 0 ? Neg(a) : a;
}
template <>
float Abs(float a) {
  return __builtin_fabsf(a);
}
template <>
double Abs(double a) {
  return __builtin_fabs(a);
}
template <typename T>
T Sign(T a) {
  return a > 0 ? T(1) : (a < 0 ? T(-1) : a);
}
template <typename T>
uint8_t Equal(T a, T b) {
  return a == b;
}
template <typename T>
uint8_t NotEqual(T a, T b) {
  return a != b;
}
template <typename T>
uint8_t Less(T a, T b) {
  return a < b;
}
template <typename T>
uint8_t LessEqual(T a, T b) {
  return a <= b;
}
template <typename T>
uint8_t Greater(T a, T b) {
  return a > b;
}
template <typename T>
uint8_t GreaterEqual(T a, T b) {
  return a >= b;
}
template <typename T>
T BitAnd(T a, T b) {
  return a & b;
}
template <typename T>
T BitOr(T a, T b) {
  return a | b;
}
template <typename T>
T BitXor(T a, T b) {
  return a ^ b;
}
template <typename T>
T BitNot(T a) {
  return ~a;
}
template <typename T>
uint8_t IsNan(T a) {
  return a != a;
}
template <typename T>
uint8_t IsInf(T a) {
  return Abs(a) == static_cast<T>(kInf);
}
template <typename T>
uint8_t IsFinite(T a) {
  return Abs(a) < static_cast<T>(kInf);
}
inline uint8_t LogicalNot(uint8_t a) { return a == 0; }
inline uint8_t LogicalAnd(uint8_t a, uint8_t b) { return a & b; }
inline uint8_t LogicalOr(uint8_t a, uint8_t b) { return a | b; }
inline uint8_t BoolEqual(uint8_t a, uint8_t b) { return (a != 0) == (b != 0); }
inline uint8_t BoolNotEqual(uint8_t a, uint8_t b) { return (a != 0) != (b != 0); }
template <typename T>
T Reciprocal(T a) {
  return T(1) / a;
}
inline float Sqrt(float a) { return __builtin_sqrtf(a); }
inline double SqrtD(double a) { return __builtin_sqrt(a); }
inline float Rsqrt(float a) { return 1.0f / __builtin_sqrtf(a); }
inline double RsqrtD(double a) { return 1.0 / __builtin_sqrt(a); }
inline float Floor(float a) { return __builtin_floorf(a); }
inline double FloorD(double a) { return __builtin_floor(a); }
inline float Ceil(float a) { return __builtin_ceilf(a); }
inline double CeilD(double a) { return __builtin_ceil(a); }
inline float Round(float a) { return __builtin_rintf(a); }
inline double RoundD(double a) { return __builtin_rint(a); }
inline float Elu(float a) {
  const float e = Expm1(a < 0 ? a : 0.0f);
  return a < 0 ? e : a;
}
inline float Square(float a) { return a * a; }
inline float Cube(float a) { return a * a * a; }
inline float SinF(float a) { return __builtin_sinf(a); }
inline float CosF(float a) { return __builtin_cosf(a); }
inline float PowF(float a, float b) { return __builtin_powf(a, b); }
inline double ExpD(double a) { return __builtin_exp(a); }
inline double LogD(double a) { return __builtin_log(a); }
inline double TanhD(double a) { return __builtin_tanh(a); }
inline double PowD(double a, double b) { return __builtin_pow(a, b); }

template <typename T>
TileFn FindArithmetic(ExprOp op) {
  switch (op) {
    case ExprOp::kAdd:
      return Loop2<T, T, Add<T>>;
    case ExprOp::kSub:
      return Loop2<T, T, Sub<T>>;
    case ExprOp::kMul:
      return Loop2<T, T, Mul<T>>;
    case ExprOp::kMax:
      return Loop2<T, T, Max<T>>;
    case ExprOp::kMin:
      return Loop2<T, T, Min<T>>;
    case ExprOp::kNeg:
      return Loop1<T, T, Neg<T>>;
    case ExprOp::kAbs:
      return Loop1<T, T, Abs<T>>;
    case ExprOp::kSign:
      return Loop1<T, T, Sign<T>>;
    case ExprOp::kRelu:
      return Loop1<T, T, Relu<T>>;
    case ExprOp::kEqual:
      return Loop2<T, uint8_t, Equal<T>>;
    case ExprOp::kNotEqual:
      return Loop2<T, uint8_t, NotEqual<T>>;
    case ExprOp::kLess:
      return Loop2<T, uint8_t, Less<T>>;
    case ExprOp::kLessEqual:
      return Loop2<T, uint8_t, LessEqual<T>>;
    case ExprOp::kGreater:
      return Loop2<T, uint8_t, Greater<T>>;
    case ExprOp::kGreaterEqual:
      return Loop2<T, uint8_t, GreaterEqual<T>>;
    case ExprOp::kSelect:
      return SelectLoop<T>;
    default:
      return nullptr;
  }
}

template <typename T>
TileFn FindBits(ExprOp op) {
  switch (op) {
    case ExprOp::kBitAnd:
      return Loop2<T, T, BitAnd<T>>;
    case ExprOp::kBitOr:
      return Loop2<T, T, BitOr<T>>;
    case ExprOp::kBitXor:
      return Loop2<T, T, BitXor<T>>;
    case ExprOp::kBitNot:
      return Loop1<T, T, BitNot<T>>;
    default:
      return FindArithmetic<T>(op);
  }
}

TileFn FindFloat(ExprOp op) {
  switch (op) {
    case ExprOp::kDiv:
      return Loop2<float, float, Div<float>>;
    case ExprOp::kDivNoNan:
      return Loop2<float, float, DivNoNan<float>>;
    case ExprOp::kMulNoNan:
      return Loop2<float, float, MulNoNan<float>>;
    case ExprOp::kReciprocal:
      return Loop1<float, float, Reciprocal<float>>;
    case ExprOp::kSqrt:
      return Loop1<float, float, Sqrt>;
    case ExprOp::kRsqrt:
      return Loop1<float, float, Rsqrt>;
    case ExprOp::kExp:
      return Loop1<float, float, Exp>;
    case ExprOp::kExpm1:
      return Loop1<float, float, Expm1>;
    case ExprOp::kLog:
      return Loop1<float, float, Log>;
    case ExprOp::kLog1p:
      return Loop1<float, float, Log1p>;
    case ExprOp::kTanh:
      return Loop1<float, float, Tanh>;
    case ExprOp::kErf:
      return Loop1<float, float, Erf>;
    case ExprOp::kSigmoid:
      return Loop1<float, float, Sigmoid>;
    case ExprOp::kSoftplus:
      return Loop1<float, float, Softplus>;
    case ExprOp::kElu:
      return Loop1<float, float, Elu>;
    case ExprOp::kFloor:
      return Loop1<float, float, Floor>;
    case ExprOp::kCeil:
      return Loop1<float, float, Ceil>;
    case ExprOp::kRound:
      return Loop1<float, float, Round>;
    case ExprOp::kSin:
      return Loop1<float, float, SinF>;
    case ExprOp::kCos:
      return Loop1<float, float, CosF>;
    case ExprOp::kPow:
      return Loop2<float, float, PowF>;
    case ExprOp::kIsNan:
      return Loop1<float, uint8_t, IsNan<float>>;
    case ExprOp::kIsInf:
      return Loop1<float, uint8_t, IsInf<float>>;
    case ExprOp::kIsFinite:
      return Loop1<float, uint8_t, IsFinite<float>>;
    default:
      return FindArithmetic<float>(op);
  }
}

TileFn FindDouble(ExprOp op) {
  switch (op) {
    case ExprOp::kDiv:
      return Loop2<double, double, Div<double>>;
    case ExprOp::kDivNoNan:
      return Loop2<double, double, DivNoNan<double>>;
    case ExprOp::kMulNoNan:
      return Loop2<double, double, MulNoNan<double>>;
    case ExprOp::kReciprocal:
      return Loop1<double, double, Reciprocal<double>>;
    case ExprOp::kSqrt:
      return Loop1<double, double, SqrtD>;
    case ExprOp::kRsqrt:
      return Loop1<double, double, RsqrtD>;
    case ExprOp::kExp:
      return Loop1<double, double, ExpD>;
    case ExprOp::kLog:
      return Loop1<double, double, LogD>;
    case ExprOp::kTanh:
      return Loop1<double, double, TanhD>;
    case ExprOp::kFloor:
      return Loop1<double, double, FloorD>;
    case ExprOp::kCeil:
      return Loop1<double, double, CeilD>;
    case ExprOp::kRound:
      return Loop1<double, double, RoundD>;
    case ExprOp::kPow:
      return Loop2<double, double, PowD>;
    case ExprOp::kIsNan:
      return Loop1<double, uint8_t, IsNan<double>>;
    case ExprOp::kIsInf:
      return Loop1<double, uint8_t, IsInf<double>>;
    case ExprOp::kIsFinite:
      return Loop1<double, uint8_t, IsFinite<double>>;
    default:
      return FindArithmetic<double>(op);
  }
}

TileFn FindBool(ExprOp op) {
  switch (op) {
    case ExprOp::kNot:
      return Loop1<uint8_t, uint8_t, LogicalNot>;
    case ExprOp::kAnd:
      return Loop2<uint8_t, uint8_t, LogicalAnd>;
    case ExprOp::kOr:
      return Loop2<uint8_t, uint8_t, LogicalOr>;
    case ExprOp::kEqual:
      return Loop2<uint8_t, uint8_t, BoolEqual>;
    case ExprOp::kNotEqual:
      return Loop2<uint8_t, uint8_t, BoolNotEqual>;
    case ExprOp::kSelect:
      return SelectLoop<uint8_t>;
    default:
      return nullptr;
  }
}

TileFn Find(ExprOp op, DType type) {
  switch (type) {
    case DType::kFloat32:
      return FindFloat(op);
    case DType::kFloat64:
      return FindDouble(op);
    case DType::kInt32:
      return FindBits<int32_t>(op);
    case DType::kInt64:
      return FindBits<int64_t>(op);
    case DType::kBool:
      return FindBool(op);
    default:
      return nullptr;
  }
}

template <typename From, typename To>
To CastOne(From x) {
  return static_cast<To>(x);
}
template <typename From>
uint8_t CastToBool(From x) {
  return x != 0;
}
inline int8_t SaturateToInt8(float x) {
  const float within = x < -128.0f ? -128.0f : (x > 127.0f ? 127.0f : x);
  return static_cast<int8_t>(static_cast<int32_t>(x == x ? within : 0.0f));
}
inline float HalfToFloat(_Float16 x) { return static_cast<float>(x); }
inline _Float16 FloatToHalf(float x) { return static_cast<_Float16>(x); }

template <typename From>
TileFn FindCastFrom(DType to) {
  switch (to) {
    case DType::kFloat32:
      return Loop1<From, float, CastOne<From, float>>;
    case DType::kFloat64:
      return Loop1<From, double, CastOne<From, double>>;
    case DType::kInt32:
      return Loop1<From, int32_t, CastOne<From, int32_t>>;
    case DType::kInt64:
      return Loop1<From, int64_t, CastOne<From, int64_t>>;
    case DType::kBool:
      return Loop1<From, uint8_t, CastToBool<From>>;
    default:
      return nullptr;
  }
}

// Towards the narrow integer types only from integers: what a float beyond their range becomes is the reference's rule.
TileFn FindCast(DType from, DType to) {
  if (to == DType::kFloat16) return from == DType::kFloat32 ? Loop1<float, _Float16, FloatToHalf> : nullptr;
  if (to == DType::kBFloat16) return from == DType::kFloat32 ? Loop1<float, uint16_t, ToBFloat16> : nullptr;
  switch (from) {
    case DType::kFloat32:
      return FindCastFrom<float>(to);
    case DType::kFloat64:
      return FindCastFrom<double>(to);
    case DType::kInt32:
      return FindCastFrom<int32_t>(to);
    case DType::kInt64:
      return FindCastFrom<int64_t>(to);
    case DType::kUInt8:
      return FindCastFrom<uint8_t>(to);
    case DType::kInt8:
      return FindCastFrom<int8_t>(to);
    case DType::kBool:
      return FindCastFrom<uint8_t>(to);
    case DType::kFloat16:
      return to == DType::kFloat32 ? Loop1<_Float16, float, HalfToFloat> : nullptr;
    case DType::kBFloat16:
      return to == DType::kFloat32 ? Loop1<uint16_t, float, FromBFloat16> : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace
}  // namespace moulin::cpu::MOULIN_TILE_NAMESPACE
