// The loops of tile_ops.h. Included by one file an instruction set, which sets the compiler's target first and defines
// MOULIN_TILE_NAMESPACE; everything lies in an unnamed namespace, so that no copy compiled for a newer processor can be
// picked by the linker for an older one. Standard headers are included before the target is set.
//
// The transcendental functions of float are our own: range reduction, then polynomials fitted by weighted least squares
// (Lawson's iteration) for the least relative error. They vectorise, being free of branches. Largest errors, measured
// against double over the whole range (tests/device/cpu/tile_ops_test.cc): exp 0.96 ULP,
// expm1 1.5, log 0.79, log1p 2.4, tanh 1.3, erf 1.2, sigmoid 2.1, softplus 2.6, elu 0.9.

namespace moulin::cpu::MOULIN_TILE_NAMESPACE {
namespace {

constexpr float kInf = __builtin_inff();
constexpr float kNan = __builtin_nanf("");

inline float FloatOfBits(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof(x));
  return x;
}
inline uint32_t BitsOf(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof(bits));
  return bits;
}

// exp(r) - 1 - r for |r| <= log(2) / 2.
inline float ExpTail(float r) {
  float p = 0x1.9f02d0p-13f;
  p = p * r + 0x1.6d945cp-10f;
  p = p * r + 0x1.111280p-7f;
  p = p * r + 0x1.555486p-5f;
  p = p * r + 0x1.555554p-3f;
  p = p * r + 0.5f;
  return p * r * r;
}

// exp(x) = 2^n exp(r): n to nearest by adding and taking away 1.5 * 2^23, r with log(2) in two parts. 2^n is applied as
// two factors, so that results reach from the denormals up to the largest float.
inline float Exp(float x) {
  const float clamped = x < -104.0f ? -104.0f : (x > 89.0f ? 89.0f : x);
  const float shifted = clamped * 0x1.715476p+0f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (clamped - n * 0x1.62e400p-1f) - n * 0x1.7f7d1cp-20f;
  const float p = 1.0f + (r + ExpTail(r));
  const int32_t whole = static_cast<int32_t>(n);
  const int32_t half = whole >> 1;
  const float low = FloatOfBits(static_cast<uint32_t>(half + 127) << 23);
  const float high = FloatOfBits(static_cast<uint32_t>(whole - half + 127) << 23);
  const float y = p * low * high;
  return x != x ? x : y;
}

// 2^n (exp(r) - 1) + (2^n - 1), which keeps the digits near 0; far from it the 1 no longer matters.
inline float Expm1(float x) {
  const float clamped = x < -25.0f ? -25.0f : (x > 25.0f ? 25.0f : x);
  const float shifted = clamped * 0x1.715476p+0f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (clamped - n * 0x1.62e400p-1f) - n * 0x1.7f7d1cp-20f;
  const float scale = FloatOfBits(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23);
  const float near = scale * (r + ExpTail(r)) + (scale - 1.0f);
  const float far = Exp(x);
  return x > 25.0f ? far : (x != x ? x : near);
}

// log(x) = e log(2) + log(1 + f), 1 + f in [sqrt(1/2), sqrt(2)).
inline float Log(float x) {
  const bool tiny = x < 0x1p-126f;
  const float scaled = tiny ? x * 0x1p23f : x;
  const int32_t bits = static_cast<int32_t>(BitsOf(scaled));
  const int32_t e = (bits - 0x3f3504f3) >> 23;
  const float m = FloatOfBits(static_cast<uint32_t>(bits - e * (1 << 23)));
  const float exponent = static_cast<float>(e) - (tiny ? 23.0f : 0.0f);
  const float f = m - 1.0f;
  float p = 0x1.14573ep-4f;
  p = p * f - 0x1.de3bf8p-4f;
  p = p * f + 0x1.e6f08cp-4f;
  p = p * f - 0x1.fc220ep-4f;
  p = p * f + 0x1.233766p-3f;
  p = p * f - 0x1.555c4ep-3f;
  p = p * f + 0x1.99a4b6p-3f;
  p = p * f - 0x1.000006p-2f;
  p = p * f + 0x1.555548p-2f;
  const float square = f * f;
  const float tail = f * square * p - 0.5f * square + exponent * 0x1.7f7d1cp-20f;
  const float y = (f + tail) + exponent * 0x1.62e400p-1f;
  const float special = x == 0.0f ? -kInf : (x < 0.0f ? kNan : x);
  return (x > 0.0f && x < kInf) ? y : special;
}

// log(1 + x) by Kahan's correction of the rounded sum.
inline float Log1p(float x) {
  const float u = 1.0f + x;
  const float y = Log(u);
  const float corrected = y * (x / (u - 1.0f));
  const float near = u == 1.0f ? x : corrected;
  return (x < kInf && u > 0.0f) ? near : y;
}

inline float Tanh(float x) {
  const float a = __builtin_fabsf(x);
  const bool small = a < 0.625f;
  const float s = small ? x * x : 0.0f;
  float p = 0x1.0df3f4p-9f;
  p = p * s - 0x1.08f31ep-7f;
  p = p * s + 0x1.62eee4p-6f;
  p = p * s - 0x1.b9e042p-5f;
  p = p * s + 0x1.11101ep-3f;
  p = p * s - 0x1.555552p-2f;
  const float near = x + x * (s * p);
  const float far = __builtin_copysignf(1.0f - 2.0f / (Exp(2.0f * (a > 20.0f ? 20.0f : a)) + 1.0f), x);
  const float y = small ? near : far;
  return x != x ? x : y;
}

inline float Sigmoid(float x) {
  const float e = Exp(-__builtin_fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

inline float Erf(float x) {
  const float a = __builtin_fabsf(x);
  const bool small = a < 0.875f;
  const float s = small ? x * x : 0.0f;
  float p = -0x1.3f4f66p-11f;
  p = p * s + 0x1.4876c6p-8f;
  p = p * s - 0x1.b6bee2p-6f;
  p = p * s + 0x1.ce1dd2p-4f;
  p = p * s - 0x1.8126fap-2f;
  p = p * s + 0x1.06eba6p-3f;
  const float near = x + x * p;
  // 1 - exp(-g(a)), g fitted to -log(erfc(a)); erf is 1 in float above 3.92.
  const float t = a > 4.0f ? 4.0f : a;
  float g = 0x1.4fd804p-16f;
  g = g * t - 0x1.baafdap-12f;
  g = g * t + 0x1.0d8394p-8f;
  g = g * t - 0x1.991228p-6f;
  g = g * t + 0x1.ba926cp-4f;
  g = g * t + 0x1.4460eep-1f;
  g = g * t + 0x1.212162p+0f;
  g = g * t - 0x1.44043ap-13f;
  const float far = __builtin_copysignf(1.0f - Exp(-g), x);
  const float y = small ? near : far;
  return x != x ? x : y;
}

inline float Softplus(float x) {
  const float e = Exp(-__builtin_fabsf(x));
  return (x > 0.0f ? x : 0.0f) + Log1p(e);
}

inline float RoundToHalf(float x) { return static_cast<float>(static_cast<_Float16>(x)); }

inline uint16_t ToBFloat16(float x) {
  const uint32_t u = BitsOf(x);
  const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  return static_cast<uint16_t>(x != x ? ((u >> 16) | 0x40u) : rounded);
}
inline float RoundToBFloat16(float x) { return FloatOfBits(static_cast<uint32_t>(ToBFloat16(x)) << 16); }
inline float FromBFloat16(uint16_t bits) { return FloatOfBits(static_cast<uint32_t>(bits) << 16); }

// ---- loops ----

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
template <typename T> struct WrapOf { using Type = T; };
template <> struct WrapOf<int32_t> { using Type = uint32_t; };
template <> struct WrapOf<int64_t> { using Type = uint64_t; };
template <typename T> using Wrap = typename WrapOf<T>::Type;

template <typename T> T Add(T a, T b) { return static_cast<T>(static_cast<Wrap<T>>(a) + static_cast<Wrap<T>>(b)); }
template <typename T> T Sub(T a, T b) { return static_cast<T>(static_cast<Wrap<T>>(a) - static_cast<Wrap<T>>(b)); }
template <typename T> T Mul(T a, T b) { return static_cast<T>(static_cast<Wrap<T>>(a) * static_cast<Wrap<T>>(b)); }
template <typename T> T Neg(T a) { return static_cast<T>(-static_cast<Wrap<T>>(a)); }
template <typename T> T Div(T a, T b) { return a / b; }
template <typename T> T DivNoNan(T a, T b) { return b == 0 ? T(0) : a / b; }
template <typename T> T MulNoNan(T a, T b) { return b == 0 ? T(0) : a * b; }
template <typename T> T Max(T a, T b) { return (a > b || a != a) ? a : b; }
template <typename T> T Min(T a, T b) { return (a < b || a != a) ? a : b; }
template <typename T> T Relu(T a) { return a < 0 ? T(0) : a; }
template <typename T> T Abs(T a) { return a < 0 ? Neg(a) : a; }
template <> float Abs(float a) { return __builtin_fabsf(a); }
template <> double Abs(double a) { return __builtin_fabs(a); }
template <typename T> T Sign(T a) { return a > 0 ? T(1) : (a < 0 ? T(-1) : a); }
template <typename T> uint8_t Equal(T a, T b) { return a == b; }
template <typename T> uint8_t NotEqual(T a, T b) { return a != b; }
template <typename T> uint8_t Less(T a, T b) { return a < b; }
template <typename T> uint8_t LessEqual(T a, T b) { return a <= b; }
template <typename T> uint8_t Greater(T a, T b) { return a > b; }
template <typename T> uint8_t GreaterEqual(T a, T b) { return a >= b; }
template <typename T> T BitAnd(T a, T b) { return a & b; }
template <typename T> T BitOr(T a, T b) { return a | b; }
template <typename T> T BitXor(T a, T b) { return a ^ b; }
template <typename T> T BitNot(T a) { return ~a; }
template <typename T> uint8_t IsNan(T a) { return a != a; }
template <typename T> uint8_t IsInf(T a) { return Abs(a) == static_cast<T>(kInf); }
template <typename T> uint8_t IsFinite(T a) { return Abs(a) < static_cast<T>(kInf); }
inline uint8_t LogicalNot(uint8_t a) { return a == 0; }
inline uint8_t LogicalAnd(uint8_t a, uint8_t b) { return a & b; }
inline uint8_t LogicalOr(uint8_t a, uint8_t b) { return a | b; }
inline uint8_t BoolEqual(uint8_t a, uint8_t b) { return (a != 0) == (b != 0); }
inline uint8_t BoolNotEqual(uint8_t a, uint8_t b) { return (a != 0) != (b != 0); }
template <typename T> T Reciprocal(T a) { return T(1) / a; }
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
    case ExprOp::kAdd: return Loop2<T, T, Add<T>>;
    case ExprOp::kSub: return Loop2<T, T, Sub<T>>;
    case ExprOp::kMul: return Loop2<T, T, Mul<T>>;
    case ExprOp::kMax: return Loop2<T, T, Max<T>>;
    case ExprOp::kMin: return Loop2<T, T, Min<T>>;
    case ExprOp::kNeg: return Loop1<T, T, Neg<T>>;
    case ExprOp::kAbs: return Loop1<T, T, Abs<T>>;
    case ExprOp::kSign: return Loop1<T, T, Sign<T>>;
    case ExprOp::kRelu: return Loop1<T, T, Relu<T>>;
    case ExprOp::kEqual: return Loop2<T, uint8_t, Equal<T>>;
    case ExprOp::kNotEqual: return Loop2<T, uint8_t, NotEqual<T>>;
    case ExprOp::kLess: return Loop2<T, uint8_t, Less<T>>;
    case ExprOp::kLessEqual: return Loop2<T, uint8_t, LessEqual<T>>;
    case ExprOp::kGreater: return Loop2<T, uint8_t, Greater<T>>;
    case ExprOp::kGreaterEqual: return Loop2<T, uint8_t, GreaterEqual<T>>;
    case ExprOp::kSelect: return SelectLoop<T>;
    default: return nullptr;
  }
}

template <typename T>
TileFn FindBits(ExprOp op) {
  switch (op) {
    case ExprOp::kBitAnd: return Loop2<T, T, BitAnd<T>>;
    case ExprOp::kBitOr: return Loop2<T, T, BitOr<T>>;
    case ExprOp::kBitXor: return Loop2<T, T, BitXor<T>>;
    case ExprOp::kBitNot: return Loop1<T, T, BitNot<T>>;
    default: return FindArithmetic<T>(op);
  }
}

TileFn FindFloat(ExprOp op) {
  switch (op) {
    case ExprOp::kDiv: return Loop2<float, float, Div<float>>;
    case ExprOp::kDivNoNan: return Loop2<float, float, DivNoNan<float>>;
    case ExprOp::kMulNoNan: return Loop2<float, float, MulNoNan<float>>;
    case ExprOp::kReciprocal: return Loop1<float, float, Reciprocal<float>>;
    case ExprOp::kSqrt: return Loop1<float, float, Sqrt>;
    case ExprOp::kRsqrt: return Loop1<float, float, Rsqrt>;
    case ExprOp::kExp: return Loop1<float, float, Exp>;
    case ExprOp::kExpm1: return Loop1<float, float, Expm1>;
    case ExprOp::kLog: return Loop1<float, float, Log>;
    case ExprOp::kLog1p: return Loop1<float, float, Log1p>;
    case ExprOp::kTanh: return Loop1<float, float, Tanh>;
    case ExprOp::kErf: return Loop1<float, float, Erf>;
    case ExprOp::kSigmoid: return Loop1<float, float, Sigmoid>;
    case ExprOp::kSoftplus: return Loop1<float, float, Softplus>;
    case ExprOp::kElu: return Loop1<float, float, Elu>;
    case ExprOp::kFloor: return Loop1<float, float, Floor>;
    case ExprOp::kCeil: return Loop1<float, float, Ceil>;
    case ExprOp::kRound: return Loop1<float, float, Round>;
    case ExprOp::kSin: return Loop1<float, float, SinF>;
    case ExprOp::kCos: return Loop1<float, float, CosF>;
    case ExprOp::kPow: return Loop2<float, float, PowF>;
    case ExprOp::kIsNan: return Loop1<float, uint8_t, IsNan<float>>;
    case ExprOp::kIsInf: return Loop1<float, uint8_t, IsInf<float>>;
    case ExprOp::kIsFinite: return Loop1<float, uint8_t, IsFinite<float>>;
    default: return FindArithmetic<float>(op);
  }
}

TileFn FindDouble(ExprOp op) {
  switch (op) {
    case ExprOp::kDiv: return Loop2<double, double, Div<double>>;
    case ExprOp::kDivNoNan: return Loop2<double, double, DivNoNan<double>>;
    case ExprOp::kMulNoNan: return Loop2<double, double, MulNoNan<double>>;
    case ExprOp::kReciprocal: return Loop1<double, double, Reciprocal<double>>;
    case ExprOp::kSqrt: return Loop1<double, double, SqrtD>;
    case ExprOp::kRsqrt: return Loop1<double, double, RsqrtD>;
    case ExprOp::kExp: return Loop1<double, double, ExpD>;
    case ExprOp::kLog: return Loop1<double, double, LogD>;
    case ExprOp::kTanh: return Loop1<double, double, TanhD>;
    case ExprOp::kFloor: return Loop1<double, double, FloorD>;
    case ExprOp::kCeil: return Loop1<double, double, CeilD>;
    case ExprOp::kRound: return Loop1<double, double, RoundD>;
    case ExprOp::kPow: return Loop2<double, double, PowD>;
    case ExprOp::kIsNan: return Loop1<double, uint8_t, IsNan<double>>;
    case ExprOp::kIsInf: return Loop1<double, uint8_t, IsInf<double>>;
    case ExprOp::kIsFinite: return Loop1<double, uint8_t, IsFinite<double>>;
    default: return FindArithmetic<double>(op);
  }
}

TileFn FindBool(ExprOp op) {
  switch (op) {
    case ExprOp::kNot: return Loop1<uint8_t, uint8_t, LogicalNot>;
    case ExprOp::kAnd: return Loop2<uint8_t, uint8_t, LogicalAnd>;
    case ExprOp::kOr: return Loop2<uint8_t, uint8_t, LogicalOr>;
    case ExprOp::kEqual: return Loop2<uint8_t, uint8_t, BoolEqual>;
    case ExprOp::kNotEqual: return Loop2<uint8_t, uint8_t, BoolNotEqual>;
    case ExprOp::kSelect: return SelectLoop<uint8_t>;
    default: return nullptr;
  }
}

TileFn Find(ExprOp op, DType type) {
  switch (type) {
    case DType::kFloat32: return FindFloat(op);
    case DType::kFloat64: return FindDouble(op);
    case DType::kInt32: return FindBits<int32_t>(op);
    case DType::kInt64: return FindBits<int64_t>(op);
    case DType::kBool: return FindBool(op);
    default: return nullptr;
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
inline float HalfToFloat(_Float16 x) { return static_cast<float>(x); }
inline _Float16 FloatToHalf(float x) { return static_cast<_Float16>(x); }

template <typename From>
TileFn FindCastFrom(DType to) {
  switch (to) {
    case DType::kFloat32: return Loop1<From, float, CastOne<From, float>>;
    case DType::kFloat64: return Loop1<From, double, CastOne<From, double>>;
    case DType::kInt32: return Loop1<From, int32_t, CastOne<From, int32_t>>;
    case DType::kInt64: return Loop1<From, int64_t, CastOne<From, int64_t>>;
    case DType::kBool: return Loop1<From, uint8_t, CastToBool<From>>;
    default: return nullptr;
  }
}

// Towards the narrow integer types only from integers: what a float beyond their range becomes is the reference's rule.
TileFn FindCast(DType from, DType to) {
  if (to == DType::kFloat16) return from == DType::kFloat32 ? Loop1<float, _Float16, FloatToHalf> : nullptr;
  if (to == DType::kBFloat16) return from == DType::kFloat32 ? Loop1<float, uint16_t, ToBFloat16> : nullptr;
  switch (from) {
    case DType::kFloat32: return FindCastFrom<float>(to);
    case DType::kFloat64: return FindCastFrom<double>(to);
    case DType::kInt32: return FindCastFrom<int32_t>(to);
    case DType::kInt64: return FindCastFrom<int64_t>(to);
    case DType::kUInt8: return FindCastFrom<uint8_t>(to);
    case DType::kInt8: return FindCastFrom<int8_t>(to);
    case DType::kBool: return FindCastFrom<uint8_t>(to);
    case DType::kFloat16: return to == DType::kFloat32 ? Loop1<_Float16, float, HalfToFloat> : nullptr;
    case DType::kBFloat16: return to == DType::kFloat32 ? Loop1<uint16_t, float, FromBFloat16> : nullptr;
    default: return nullptr;
  }
}

// ---- rows ----

// Vectors are passed between inlined functions only, so their calling convention does not matter.
#pragma GCC diagnostic ignored "-Wpsabi"

// Sixteen floats; the compiler splits it into what the processor has.
typedef float V16 __attribute__((vector_size(64), aligned(4), may_alias));
inline V16 Load(const float* p) { return *reinterpret_cast<const V16*>(p); }
inline void Store(float* p, V16 v) { *reinterpret_cast<V16*>(p) = v; }
inline V16 Splat(float x) { return V16{x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }

// Folds sixteen lanes by halves: a fixed order.
template <float (*kFold)(float, float)>
float FoldLanes(const float* lanes) {
  float t[16];
  for (int k = 0; k < 16; ++k) t[k] = lanes[k];
  for (int width = 8; width > 0; width /= 2) {
    for (int k = 0; k < width; ++k) t[k] = kFold(t[k], t[k + width]);
  }
  return t[0];
}

template <float (*kFold)(float, float)>
float RowFold(const float* x, float init, int64_t n) {
  float lanes[16];
  for (int k = 0; k < 16; ++k) lanes[k] = init;
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int k = 0; k < 16; ++k) lanes[k] = kFold(lanes[k], x[i + k]);
  }
  for (int k = 0; i < n; ++i, ++k) lanes[k] = kFold(lanes[k], x[i]);
  return FoldLanes<kFold>(lanes);
}

float RowMax(const float* x, int64_t n) { return RowFold<Max<float>>(x, -kInf, n); }
float RowMin(const float* x, int64_t n) { return RowFold<Min<float>>(x, kInf, n); }
float RowProd(const float* x, int64_t n) { return RowFold<Mul<float>>(x, 1.0f, n); }

// Sums in four vectors at a time, as one alone would wait for each addition.
float RowSum(const float* x, int64_t n) {
  V16 s0 = Splat(0), s1 = s0, s2 = s0, s3 = s0;
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    s0 += Load(x + i);
    s1 += Load(x + i + 16);
    s2 += Load(x + i + 32);
    s3 += Load(x + i + 48);
  }
  for (; i + 16 <= n; i += 16) s0 += Load(x + i);
  float lanes[16];
  Store(lanes, (s0 + s1) + (s2 + s3));
  for (int k = 0; i < n; ++i, ++k) lanes[k] += x[i];
  return FoldLanes<Add<float>>(lanes);
}

float RowSumSquaredDifferences(const float* x, float mean, int64_t n) {
  const V16 m = Splat(mean);
  V16 s0 = Splat(0), s1 = s0;
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    const V16 a = Load(x + i) - m;
    const V16 b = Load(x + i + 16) - m;
    s0 += a * a;
    s1 += b * b;
  }
  float lanes[16];
  Store(lanes, s0 + s1);
  for (int k = 0; i < n; ++i, k = (k + 1) % 16) lanes[k] += (x[i] - mean) * (x[i] - mean);
  return FoldLanes<Add<float>>(lanes);
}

float RowExpSum(const float* x, float max, float* y, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = Exp(x[i] - max);
  return RowSum(y, n);
}

void RowScale(const float* x, float factor, float* y, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * factor;
}

void RowSubtract(const float* x, float subtrahend, float* y, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] - subtrahend;
}

void RowNormalize(const float* x, float mean, float inverse_deviation, const float* scale, const float* offset,
                  float* y, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * inverse_deviation * scale[i] + offset[i];
}

template <float (*kFold)(float, float)>
void Accumulate(const float* x, float* y, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = kFold(y[i], x[i]);
}

void RowBilinear(const float* const* rows, float x_weight, float y_weight, float* y, int64_t n) {
  const float *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const float top = a[i] + (b[i] - a[i]) * x_weight;
    const float bottom = c[i] + (d[i] - c[i]) * x_weight;
    y[i] = top + (bottom - top) * y_weight;
  }
}

// As many accumulators as the registers hold, each of them a chain of its own.
#ifdef __AVX512F__
constexpr int kMatMulRows = 6;
#else
constexpr int kMatMulRows = 2;
#endif

// kRows x (16 kVectors) elements of the product stay in registers while k runs.
template <int kRows, int kVectors>
inline void MatMulBlock(const float* a, const float* b, float* y, int64_t k, int64_t lda, int64_t ldb, int64_t ldy) {
  V16 sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Splat(0);
  }
  for (int64_t p = 0; p < k; ++p) {
    V16 row[kVectors];
    for (int v = 0; v < kVectors; ++v) row[v] = Load(b + p * ldb + 16 * v);
    for (int r = 0; r < kRows; ++r) {
      const V16 x = Splat(a[r * lda + p]);
      for (int v = 0; v < kVectors; ++v) sum[r][v] += x * row[v];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) Store(y + r * ldy + 16 * v, sum[r][v]);
  }
}

// All rows of 16 kVectors columns, so that this part of b stays in the first-level cache.
template <int kVectors>
void MatMulColumns(const float* a, const float* b, float* y, int64_t m, int64_t k, int64_t lda, int64_t ldb,
                   int64_t ldy) {
  int64_t i = 0;
  for (; i + kMatMulRows <= m; i += kMatMulRows) {
    MatMulBlock<kMatMulRows, kVectors>(a + i * lda, b, y + i * ldy, k, lda, ldb, ldy);
  }
  for (; i + 2 <= m; i += 2) MatMulBlock<2, kVectors>(a + i * lda, b, y + i * ldy, k, lda, ldb, ldy);
  for (; i < m; ++i) MatMulBlock<1, kVectors>(a + i * lda, b, y + i * ldy, k, lda, ldb, ldy);
}

// The last columns, fewer than 16.
void MatMulLastColumns(const float* a, const float* b, float* y, int64_t m, int64_t width, int64_t k, int64_t lda,
                       int64_t ldb, int64_t ldy) {
  for (int64_t i = 0; i < m; ++i) {
    float sum[16] = {};
    for (int64_t p = 0; p < k; ++p) {
      const float x = a[i * lda + p];
      for (int64_t c = 0; c < width; ++c) sum[c] += x * b[p * ldb + c];
    }
    for (int64_t c = 0; c < width; ++c) y[i * ldy + c] = sum[c];
  }
}

void SmallMatMul(const float* a, const float* b, float* y, int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb,
                 int64_t ldy) {
  int64_t j = 0;
  for (; j + 32 <= n; j += 32) MatMulColumns<2>(a, b + j, y + j, m, k, lda, ldb, ldy);
  for (; j + 16 <= n; j += 16) MatMulColumns<1>(a, b + j, y + j, m, k, lda, ldb, ldy);
  if (j < n) MatMulLastColumns(a, b + j, y + j, m, n - j, k, lda, ldb, ldy);
}

// Sixteen columns at a time: the reads run along rows, the writes fill whole cache lines.
void Transpose(const float* x, float* y, int64_t rows, int64_t columns, int64_t ldx, int64_t ldy) {
  for (int64_t r0 = 0; r0 < rows; r0 += 16) {
    const int64_t r1 = r0 + 16 < rows ? r0 + 16 : rows;
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t r = r0; r < r1; ++r) y[c * ldy + r] = x[r * ldx + c];
    }
  }
}

constexpr TileOps MakeTileOps(const char* isa) {
  TileOps ops{};
  ops.isa = isa;
  ops.find = Find;
  ops.find_cast = FindCast;
  ops.round_to_half = Loop1<float, float, RoundToHalf>;
  ops.round_to_bfloat16 = Loop1<float, float, RoundToBFloat16>;
  ops.square = Loop1<float, float, Square>;
  ops.cube = Loop1<float, float, Cube>;
  ops.row_max = RowMax;
  ops.row_min = RowMin;
  ops.row_sum = RowSum;
  ops.row_prod = RowProd;
  ops.row_sum_squared_differences = RowSumSquaredDifferences;
  ops.row_exp_sum = RowExpSum;
  ops.row_scale = RowScale;
  ops.row_subtract = RowSubtract;
  ops.row_normalize = RowNormalize;
  ops.accumulate_sum = Accumulate<Add<float>>;
  ops.accumulate_prod = Accumulate<Mul<float>>;
  ops.accumulate_max = Accumulate<Max<float>>;
  ops.accumulate_min = Accumulate<Min<float>>;
  ops.row_bilinear = RowBilinear;
  ops.small_matmul = SmallMatMul;
  ops.transpose = Transpose;
  return ops;
}

}  // namespace
}  // namespace moulin::cpu::MOULIN_TILE_NAMESPACE
