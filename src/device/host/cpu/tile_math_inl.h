// Part of tile_ops_inl.h: functions of one float.
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

// log(x) = e log(2) + log(1 + f), 1 + f in [sqrt(1/2), sqrt(2)). The bits of x tell what it is, for denormals count as
// zero here; where they do, the C library, and TensorFlow with it, gives log(2^-150) for each of them.
inline float Log(float x) {
  const uint32_t bits = BitsOf(x);
  const int32_t e = static_cast<int32_t>(bits - 0x3f3504f3u) >> 23;
  const float m = FloatOfBits(bits - (static_cast<uint32_t>(e) << 23));
  const float exponent = static_cast<float>(e);
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
  const float tiny = (bits << 1) == 0 ? -kInf : -103.972077f;
  const float special = (bits & 0x7fffffffu) < 0x00800000u ? tiny : x;
  const float other = bits > 0x80000000u ? kNan : special;
  return bits - 0x00800000u < 0x7f000000u ? y : other;
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

}  // namespace
}  // namespace moulin::cpu::MOULIN_TILE_NAMESPACE
