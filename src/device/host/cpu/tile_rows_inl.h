// Part of tile_ops_inl.h: reductions and transformations of float rows, and a small matrix product.

namespace moulin::cpu::MOULIN_TILE_NAMESPACE {
namespace {

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

}  // namespace
}  // namespace moulin::cpu::MOULIN_TILE_NAMESPACE
