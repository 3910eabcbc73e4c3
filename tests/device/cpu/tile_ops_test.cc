// The vectorised functions against double libm, on every instruction set that this processor has.
#include "device/host/cpu/tile_ops.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace moulin::cpu {
namespace {

using Exact = double (*)(double);

struct FunctionCase {
  const char* name;
  ExprOp op;
  Exact exact;
  float low, high;
  double max_ulp;
};

double SigmoidExact(double x) { return 1 / (1 + std::exp(-x)); }
double SoftplusExact(double x) { return std::log1p(std::exp(x)); }
double EluExact(double x) { return x < 0 ? std::expm1(x) : x; }

// Every 1009th float of [low, high], by bit pattern, so that each binade is tried alike.
std::vector<float> FloatsBetween(float low, float high) {
  std::vector<float> all;
  for (uint64_t bits = 0; bits < 0x7f800000u; bits += 1009) {
    const float x = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (x >= low && x <= high) all.push_back(x);
    if (-x >= low && -x <= high) all.push_back(-x);
  }
  return all;
}

double UlpError(float actual, double exact) {
  const float rounded = static_cast<float>(exact);
  if (actual == rounded) return 0;
  if (!std::isfinite(actual) || !std::isfinite(rounded)) return std::numeric_limits<double>::infinity();
  const int exponent = std::max(std::ilogb(rounded == 0 ? std::numeric_limits<float>::min() : rounded), -126);
  return std::fabs(static_cast<double>(actual) - exact) / std::ldexp(1.0, exponent - 23);
}

class TileFunctionTest : public ::testing::TestWithParam<FunctionCase> {};

TEST_P(TileFunctionTest, IsCloseToLibm) {
  const FunctionCase& c = GetParam();
  const std::vector<float> x = FloatsBetween(c.low, c.high);
  std::vector<float> y(x.size());
  for (int level = 0; level < 3; ++level) {
    const TileOps* ops = TileOpsForLevel(level);
    if (ops == nullptr) continue;
    const void* args[3] = {x.data(), x.data(), x.data()};
    ops->find(c.op, DType::kFloat32)(args, y.data(), static_cast<int64_t>(x.size()));
    double worst = 0;
    float where = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double error = UlpError(y[i], c.exact(x[i]));
      if (error > worst) worst = error, where = x[i];
    }
    RecordProperty(std::string("max_ulp_") + ops->isa, std::to_string(worst));
    EXPECT_LE(worst, c.max_ulp) << ops->isa << " at " << where;
  }
}

// Denormals count as zero, and where they do TensorFlow gives log(2^-150) for them (and -inf for zero itself).
TEST(TileLogTest, DenormalsAreAsInTensorFlow) {
  const float x[] = {1e-40f, 1.4e-45f, 0.0f, -0.0f, -1e-40f, INFINITY};
  const float expected[] = {-103.972077f, -103.972077f, -INFINITY, -INFINITY, NAN, INFINITY};
  for (int level = 0; level < 3; ++level) {
    const TileOps* ops = TileOpsForLevel(level);
    if (ops == nullptr) continue;
    float y[6];
    const void* args[3] = {x, x, x};
    ops->find(ExprOp::kLog, DType::kFloat32)(args, y, 6);
    for (int i = 0; i < 6; ++i) {
      EXPECT_TRUE(y[i] == expected[i] || (std::isnan(y[i]) && std::isnan(expected[i]))) << x[i] << ": " << y[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, TileFunctionTest,
                         ::testing::Values(FunctionCase{"Exp", ExprOp::kExp, std::exp, -200, 200, 1},
                                           FunctionCase{"Expm1", ExprOp::kExpm1, std::expm1, -200, 88, 1.5},
                                           FunctionCase{"Log", ExprOp::kLog, std::log, FLT_MIN, 3e38f, 1},
                                           FunctionCase{"Log1p", ExprOp::kLog1p, std::log1p, -0.999f, 3e38f, 2.5},
                                           FunctionCase{"Tanh", ExprOp::kTanh, std::tanh, -1e30f, 1e30f, 1.5},
                                           FunctionCase{"Erf", ExprOp::kErf, std::erf, -1e30f, 1e30f, 1.5},
                                           FunctionCase{"Sigmoid", ExprOp::kSigmoid, SigmoidExact, -87, 1e30f, 2.5},
                                           FunctionCase{"Softplus", ExprOp::kSoftplus, SoftplusExact, -80, 80, 3},
                                           FunctionCase{"Elu", ExprOp::kElu, EluExact, -200, 1e30f, 1},
                                           FunctionCase{"Sqrt", ExprOp::kSqrt, std::sqrt, 0, 3e38f, 0.5},
                                           FunctionCase{"Floor", ExprOp::kFloor, std::floor, -1e30f, 1e30f, 0},
                                           FunctionCase{"Round", ExprOp::kRound, std::nearbyint, -1e30f, 1e30f, 0}),
                         [](const auto& info) { return info.param.name; });

TEST(TileFunctionTest, SpecialValues) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {inf, -inf, nan, 0.0f, -1.0f};
  struct Row {
    ExprOp op;
    std::vector<float> expected;
  };
  const std::vector<Row> rows = {{ExprOp::kExp, {inf, 0, nan, 1, std::exp(-1.0f)}},
                                 {ExprOp::kLog, {inf, nan, nan, -inf, nan}},
                                 {ExprOp::kTanh, {1, -1, nan, 0, std::tanh(-1.0f)}},
                                 {ExprOp::kErf, {1, -1, nan, 0, std::erf(-1.0f)}},
                                 {ExprOp::kSigmoid, {1, 0, nan, 0.5f, 1 / (1 + std::exp(1.0f))}},
                                 {ExprOp::kRelu, {inf, 0, nan, 0, 0}},
                                 {ExprOp::kLog1p, {inf, nan, nan, 0, -inf}},
                                 {ExprOp::kExpm1, {inf, -1, nan, 0, std::expm1(-1.0f)}}};
  for (const Row& row : rows) {
    for (int level = 0; level < 3; ++level) {
      const TileOps* ops = TileOpsForLevel(level);
      if (ops == nullptr) continue;
      std::vector<float> y(x.size());
      const void* args[3] = {x.data(), x.data(), x.data()};
      ops->find(row.op, DType::kFloat32)(args, y.data(), static_cast<int64_t>(x.size()));
      for (size_t i = 0; i < x.size(); ++i) {
        if (std::isnan(row.expected[i])) {
          EXPECT_TRUE(std::isnan(y[i])) << Name(row.op) << "(" << x[i] << ") = " << y[i];
        } else {
          EXPECT_FLOAT_EQ(y[i], row.expected[i]) << Name(row.op) << "(" << x[i] << ") " << ops->isa;
        }
      }
    }
  }
}

TEST(TileRowsTest, ReductionsAreRightAtEveryLength) {
  for (int level = 0; level < 3; ++level) {
    const TileOps* ops = TileOpsForLevel(level);
    if (ops == nullptr) continue;
    for (int n = 0; n < 200; ++n) {
      std::vector<float> x(n);
      for (int i = 0; i < n; ++i) x[i] = static_cast<float>((i * 37) % 101 - 50);  // sums are exact in float
      double sum = 0, squares = 0;
      float max = -std::numeric_limits<float>::infinity(), min = -max;
      for (float v : x) {
        sum += v;
        squares += (v - 2.0) * (v - 2.0);
        max = std::max(max, v);
        min = std::min(min, v);
      }
      EXPECT_EQ(ops->row_sum(x.data(), n), sum) << n;
      EXPECT_EQ(ops->row_sum_squared_differences(x.data(), 2, n), squares) << n;
      EXPECT_EQ(ops->row_max(x.data(), n), max) << n;
      EXPECT_EQ(ops->row_min(x.data(), n), min) << n;
    }
  }
}

TEST(TileRowsTest, SmallMatMulIsExactOnIntegers) {
  for (int level = 0; level < 3; ++level) {
    const TileOps* ops = TileOpsForLevel(level);
    if (ops == nullptr) continue;
    for (int m : {1, 3, 4, 9}) {
      for (int n : {1, 15, 16, 33, 50}) {
        for (int k : {0, 1, 7}) {
          std::vector<float> a(m * k), b(k * n), y(m * n, -1);
          for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 7) - 3;
          for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 5) - 2;
          ops->small_matmul(a.data(), b.data(), y.data(), m, n, k, k, n, n);
          for (int i = 0; i < m; ++i) {
            for (int j = 0; j < n; ++j) {
              float sum = 0;
              for (int p = 0; p < k; ++p) sum += a[i * k + p] * b[p * n + j];
              ASSERT_EQ(y[i * n + j], sum) << m << "x" << n << "x" << k << " at " << i << "," << j;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace moulin::cpu
