// Bands and diagonals against the reference.
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

const DType kSizes[] = {DType::kUInt8, DType::kFloat16, DType::kFloat32, DType::kInt64, DType::kComplex128};

class MatrixTest : public ::testing::TestWithParam<DType> {
 protected:
  Tensor X(const Shape& shape, uint64_t seed = 1) const { return RandomTensor(GetParam(), shape, seed); }
};
INSTANTIATE_TEST_SUITE_P(Sizes, MatrixTest, ::testing::ValuesIn(kSizes),
                         [](const auto& info) { return std::string(Name(info.param)); });

Tensor Int(int32_t value) { return Tensor::Scalar<int32_t>(value); }

TEST_P(MatrixTest, BandPart) {
  for (int64_t lower : {-1, 0, 2}) {
    for (int64_t upper : {-1, 0, 3}) {
      const Tensor below = Tensor::Scalar<int64_t>(lower), above = Tensor::Scalar<int64_t>(upper);
      ExpectOpMatches(OpKind::kMatrixBandPart, NoAttrs(), {X({3, 20, 17}), below, above});
      ExpectOpMatches(OpKind::kMatrixBandPart, NoAttrs(), {X({4, 9}), below, above}, 0, Input(1) | Input(2));
    }
  }
}

TEST_P(MatrixTest, Diagonals) {
  for (bool super_left : {true, false}) {
    for (bool sub_left : {true, false}) {
      const MatrixDiagAttrs attrs{super_left, sub_left};
      for (const auto& [lower, upper] : std::vector<std::pair<int32_t, int32_t>>{{0, 0}, {-2, 3}, {1, 4}, {-3, -1}}) {
        for (const Shape& x : {Shape{2, 5, 7}, Shape{6, 6}}) {
          const Tensor k = Tensor::Of<int32_t>({2}, {lower, upper});
          ExpectOpMatches(OpKind::kMatrixDiagPart, attrs, {X(x), k, X({}, 5)});
          const int64_t rows = x[x.rank() - 2], cols = x[x.rank() - 1];
          const int64_t length = std::min(rows + std::min(upper, 0), cols - std::max(lower, 0));
          Shape packed = x.rank() == 3 ? Shape{2} : Shape{};
          if (upper > lower) packed.push_back(upper - lower + 1);
          packed.push_back(length);
          const Tensor diagonals = X(packed, 3);
          ExpectOpMatches(OpKind::kMatrixSetDiag, attrs, {X(x), diagonals, k});
          ExpectOpMatches(OpKind::kMatrixDiag, attrs,
                          {diagonals, k, Int(static_cast<int32_t>(rows)), Int(static_cast<int32_t>(cols)), X({}, 5)});
        }
      }
    }
  }
}

TEST_P(MatrixTest, DiagonalsOfTensors) {
  ExpectOpMatches(OpKind::kDiag, NoAttrs(), {X({300})});
  ExpectOpMatches(OpKind::kDiag, NoAttrs(), {X({3, 4})});
  ExpectOpMatches(OpKind::kDiagPart, NoAttrs(), {X({7, 7})});
  ExpectOpMatches(OpKind::kDiagPart, NoAttrs(), {X({3, 4, 3, 4})});
  ExpectOpMatches(OpKind::kDiag, NoAttrs(), {X({0})});
}

}  // namespace
}  // namespace moulin::cuda
