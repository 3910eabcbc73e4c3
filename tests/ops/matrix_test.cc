#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

Tensor K(std::vector<int32_t> k) { return k.size() == 1 ? Tensor::Scalar<int32_t>(k[0]) : Vector<int32_t>(k); }
Tensor Size(int32_t n) { return Tensor::Scalar<int32_t>(n); }
Tensor Zero() { return Tensor::Scalar<float>(0); }

TEST(MatrixBandPart, KeepsABand) {
  const Tensor ones = Floats({3, 3}, std::vector<float>(9, 1));
  ExpectFloats(RunOne(OpKind::kMatrixBandPart, NoAttrs{}, {ones, Int(1), Int(0)}), {3, 3}, {1, 0, 0, 1, 1, 0, 0, 1, 1});
  ExpectFloats(RunOne(OpKind::kMatrixBandPart, NoAttrs{}, {ones, Int(0), Int(-1)}), {3, 3},
               {1, 1, 1, 0, 1, 1, 0, 0, 1});
  EXPECT_THAT(ErrorOf(OpKind::kMatrixBandPart, NoAttrs{}, {ones, Int(4), Int(0)}), HasSubstr("E_VALUE"));
}

// The examples of TensorFlow's documentation of MatrixDiagPartV3.
TEST(MatrixDiagPart, Alignments) {
  const Tensor x = Floats({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6});
  const auto run = [&](bool super_left, bool sub_left, std::vector<int32_t> k) {
    return RunOne(OpKind::kMatrixDiagPart, MatrixDiagAttrs{super_left, sub_left}, {x, K(std::move(k)), Zero()});
  };
  ExpectFloats(run(false, true, {0}), {3}, {1, 6, 7});
  ExpectFloats(run(false, true, {1}), {3}, {2, 7, 6});
  // RIGHT_LEFT and LEFT_RIGHT for diagonals -1 to 2.
  ExpectFloats(run(false, true, {-1, 2}), {4, 3}, {0, 3, 8, 2, 7, 6, 1, 6, 7, 5, 8, 0});
  ExpectFloats(run(true, false, {-1, 2}), {4, 3}, {3, 8, 0, 2, 7, 6, 1, 6, 7, 0, 5, 8});
  EXPECT_THAT(ErrorOf(OpKind::kMatrixDiagPart, MatrixDiagAttrs{}, {x, K({4}), Zero()}), HasSubstr("E_VALUE"));
  EXPECT_THAT(ErrorOf(OpKind::kMatrixDiagPart, MatrixDiagAttrs{}, {x, K({1, 0}), Zero()}), HasSubstr("E_VALUE"));
  EXPECT_THAT(ErrorOf(OpKind::kMatrixDiagPart, MatrixDiagAttrs{}, {x, Int(INT64_MIN), Zero()}), HasSubstr("E_VALUE"));
}

TEST(MatrixDiag, SizesAndPadding) {
  const Tensor d = Floats({2}, {1, 2});
  const auto run = [&](std::vector<int32_t> k, int rows, int cols) {
    return RunOne(OpKind::kMatrixDiag, MatrixDiagAttrs{},
                  {d, K(std::move(k)), Size(rows), Size(cols), Tensor::Scalar<float>(9)});
  };
  ExpectFloats(run({0}, -1, -1), {2, 2}, {1, 9, 9, 2});
  ExpectFloats(run({1}, -1, -1), {3, 3}, {9, 1, 9, 9, 9, 2, 9, 9, 9});
  ExpectFloats(run({-1}, -1, 2), {3, 2}, {9, 9, 1, 9, 9, 2});
  EXPECT_THAT(ErrorOf(OpKind::kMatrixDiag, MatrixDiagAttrs{}, {d, K({0}), Size(3), Size(3), Zero()}),
              HasSubstr("E_VALUE"));
}

// Taking the band apart and putting it together again keeps the band of the matrix, for every band and alignment.
TEST(MatrixDiag, SetDiagUndoesDiagPart) {
  const Tensor x = Iota({2, 3, 4});
  const Tensor zeros = Floats({2, 3, 4}, std::vector<float>(24, 0));
  for (int lower = -2; lower <= 3; ++lower) {
    for (int upper = lower; upper <= 3; ++upper) {
      for (int align = 0; align < 4; ++align) {
        const MatrixDiagAttrs attrs{(align & 1) != 0, (align & 2) != 0};
        const Tensor k = lower == upper ? K({lower}) : K({lower, upper});
        const Tensor parts = RunOne(OpKind::kMatrixDiagPart, attrs, {x, k, Zero()});
        const Tensor set = RunOne(OpKind::kMatrixSetDiag, attrs, {zeros, parts, k});
        ASSERT_EQ(set.shape(), x.shape());
        for (int64_t i = 0; i < 24; ++i) {
          const int64_t d = i % 4 - i / 4 % 3;
          EXPECT_EQ(set.values<float>()[i], d >= lower && d <= upper ? static_cast<float>(i) : 0);
        }
        if (lower > 0 || upper < 0) continue;  // MatrixDiag would give a smaller matrix
        const Tensor made = RunOne(OpKind::kMatrixDiag, attrs, {parts, k, Size(3), Size(4), Zero()});
        EXPECT_EQ(Values<float>(made), Values<float>(set));
      }
    }
  }
}

TEST(Diag, AndBack) {
  const Tensor x = Floats({2, 1}, {3, 4});
  const Tensor y = RunOne(OpKind::kDiag, NoAttrs{}, {x});
  ExpectFloats(y, {2, 1, 2, 1}, {3, 0, 0, 4});
  ExpectFloats(RunOne(OpKind::kDiagPart, NoAttrs{}, {y}), {2, 1}, {3, 4});
  EXPECT_THAT(ErrorOf(OpKind::kDiagPart, NoAttrs{}, {Floats({2, 1}, {1, 2})}), HasSubstr("E_SHAPE"));
}

TEST(MatrixInfer, UnknownSizes) {
  const Operand padding(DType::kFloat32, PartialShape::OfRank(0));
  EXPECT_EQ(Inferred(OpKind::kMatrixDiagPart, MatrixDiagAttrs{}, {{DType::kFloat32, {-1, 3, -1}}, K({-1, 1}), padding}),
            "f32[?,3,?]");
  EXPECT_EQ(Inferred(OpKind::kMatrixDiagPart, MatrixDiagAttrs{},
                     {{DType::kFloat32, {3, 3}}, {DType::kInt32, PartialShape::OfRank(0)}, padding}),
            "f32<unknown rank>");
  EXPECT_EQ(Inferred(OpKind::kMatrixDiag, MatrixDiagAttrs{},
                     {{DType::kFloat32, {5, -1}}, K({0}), Size(-1), Size(-1), padding}),
            "f32[5,?,?]");
}

}  // namespace
}  // namespace moulin::testing
