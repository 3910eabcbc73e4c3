#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TransposeTest, PermutesAxes) {
  ExpectFloats(RunOne(OpKind::kTranspose, NoAttrs(), {Iota({2, 3}), Ints({1, 0})}), {3, 2}, {0, 3, 1, 4, 2, 5});
  ExpectFloats(RunOne(OpKind::kTranspose, NoAttrs(), {Iota({2, 1, 3}), Ints({2, 0, 1})}), {3, 2, 1},
               {0, 3, 1, 4, 2, 5});
}

TEST(TransposeTest, MovesElementsOfAnySize) {
  const Tensor bytes = Tensor::Of<uint8_t>({2, 2}, {1, 2, 3, 4});
  ExpectValues<uint8_t>(RunOne(OpKind::kTranspose, NoAttrs(), {bytes, Ints({1, 0})}), {2, 2}, {1, 3, 2, 4});
  const Tensor strings = Tensor::OfStrings({1, 2}, {"a", "b"});
  EXPECT_THAT(RunOne(OpKind::kTranspose, NoAttrs(), {strings, Ints({1, 0})}).strings(), ElementsAre("a", "b"));
  Tensor complex = Tensor::Allocate(DType::kComplex128, {2, 2}).value();
  for (int i = 0; i < 8; ++i) static_cast<double*>(complex.mutable_data())[i] = i;
  const Tensor y = RunOne(OpKind::kTranspose, NoAttrs(), {complex, Ints({1, 0})});
  const auto* values = static_cast<const double*>(y.data());
  EXPECT_THAT(std::vector<double>(values, values + 8), ElementsAre(0, 1, 4, 5, 2, 3, 6, 7));
}

TEST(TransposeTest, ChecksThePermutation) {
  const auto error = [](std::vector<int64_t> permutation) {
    return ErrorOf(OpKind::kTranspose, NoAttrs(), {Iota({2, 3}), Ints(permutation)});
  };
  EXPECT_THAT(error({0, 0}), HasSubstr("E_ATTR: a permutation holds axis 0 twice"));
  EXPECT_THAT(error({0, 2}), HasSubstr("E_ATTR"));
  EXPECT_THAT(error({0}), HasSubstr("E_SHAPE"));
}

TEST(ConcatTest, JoinsAlongAnAxis) {
  ExpectFloats(RunOne(OpKind::kConcat, NoAttrs(), {Int(1), Iota({2, 1}), Iota({2, 0}), Iota({2, 2})}), {2, 3},
               {0, 0, 1, 1, 2, 3});
  const Tensor y =
      RunOne(OpKind::kConcat, NoAttrs(), {Int(-1), Tensor::OfStrings({1}, {"a"}), Tensor::OfStrings({2}, {"b", "c"})});
  EXPECT_THAT(y.strings(), ElementsAre("a", "b", "c"));
}

TEST(ConcatTest, ChecksShapes) {
  EXPECT_THAT(ErrorOf(OpKind::kConcat, NoAttrs(), {Int(0), Iota({2, 1}), Iota({2, 2})}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kConcat, NoAttrs(), {Int(99), Iota({2, 1}), Iota({2, 1})}), HasSubstr("E_ATTR"));
  EXPECT_THAT(ErrorOf(OpKind::kConcat, NoAttrs(), {Int(0)}), HasSubstr("E_ARITY"));
}

TEST(ConcatTest, InfersWhatItCan) {
  const Operand a(DType::kFloat32, {kUnknownDim, 2});
  const Operand b(DType::kFloat32, {3, kUnknownDim});
  EXPECT_EQ(Inferred(OpKind::kConcat, NoAttrs(), {Int(1), a, b}), "f32[3,?]");
  EXPECT_EQ(Inferred(OpKind::kConcat, NoAttrs(), {{DType::kInt32, Shape()}, a, b}), "f32[?,?]");
}

Tensor PadWith(PadMode mode, const Tensor& x, std::vector<int64_t> paddings) {
  const Tensor table = Ints(paddings).Reshaped({x.shape().rank(), 2});
  return RunOne(OpKind::kPad, PadAttrs{mode}, {x, table, Tensor::Scalar<float>(7)});
}

TEST(PadTest, Modes) {
  ExpectFloats(PadWith(PadMode::kConstant, Iota({1, 2}), {0, 1, 1, 0}), {2, 3}, {7, 0, 1, 7, 7, 7});
  ExpectFloats(PadWith(PadMode::kReflect, Iota({3}), {2, 1}), {6}, {2, 1, 0, 1, 2, 1});
  ExpectFloats(PadWith(PadMode::kSymmetric, Iota({3}), {3, 2}), {8}, {2, 1, 0, 0, 1, 2, 2, 1});
}

TEST(PadTest, ChecksPaddings) {
  const auto error = [](PadMode mode, std::vector<int64_t> paddings) {
    return ErrorOf(OpKind::kPad, PadAttrs{mode}, {Iota({3}), Ints(paddings).Reshaped({1, 2}), Floats({}, {0})});
  };
  EXPECT_THAT(error(PadMode::kConstant, {-1, 0}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error(PadMode::kConstant, {INT64_MAX, 1}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error(PadMode::kConstant, {int64_t{1} << 40, 1}), HasSubstr("E_LIMIT"));
  EXPECT_THAT(error(PadMode::kReflect, {3, 0}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(error(PadMode::kSymmetric, {4, 0}), HasSubstr("E_SHAPE"));
}

TEST(BroadcastTest, RepeatsAxes) {
  ExpectFloats(RunOne(OpKind::kBroadcast, NoAttrs(), {Iota({2, 1}), Ints({2, 2, 3})}), {2, 2, 3},
               {0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1});
  EXPECT_THAT(ErrorOf(OpKind::kBroadcast, NoAttrs(), {Iota({2}), Ints({3})}),
              HasSubstr("E_SHAPE: cannot broadcast [2] to [3]"));
  EXPECT_THAT(ErrorOf(OpKind::kBroadcast, NoAttrs(), {Iota({1, 2}), Ints({2})}), HasSubstr("E_SHAPE"));
  EXPECT_THAT(ErrorOf(OpKind::kBroadcast, NoAttrs(), {Iota({}), Ints({int64_t{1} << 40})}), HasSubstr("E_LIMIT"));
}

TEST(BroadcastTest, UnknownSizesMayFit) {
  EXPECT_EQ(Inferred(OpKind::kBroadcast, NoAttrs(), {{DType::kFloat32, {kUnknownDim, 3}}, Ints({2, 1, 3})}),
            "f32[2,1,3]");
}

TEST(TileTest, Repeats) {
  ExpectFloats(RunOne(OpKind::kTile, NoAttrs(), {Iota({2}), Ints({2})}), {4}, {0, 1, 0, 1});
  ExpectFloats(RunOne(OpKind::kTile, NoAttrs(), {Iota({1, 2}), Ints({2, 0})}), {2, 0}, {});
  EXPECT_THAT(ErrorOf(OpKind::kTile, NoAttrs(), {Iota({2}), Ints({int64_t{1} << 40})}), HasSubstr("E_LIMIT"));
  EXPECT_THAT(ErrorOf(OpKind::kTile, NoAttrs(), {Iota({2}), Ints({INT64_MAX})}), HasSubstr("E_LIMIT"));
  EXPECT_THAT(ErrorOf(OpKind::kTile, NoAttrs(), {Iota({2}), Ints({-1})}), HasSubstr("E_SHAPE"));
}

TEST(ReverseTest, ReversesAxes) {
  ExpectFloats(RunOne(OpKind::kReverse, NoAttrs(), {Iota({2, 3}), Ints({-1})}), {2, 3}, {2, 1, 0, 5, 4, 3});
  ExpectFloats(RunOne(OpKind::kReverse, NoAttrs(), {Iota({2, 3}), Ints({1, 0})}), {2, 3}, {5, 4, 3, 2, 1, 0});
  EXPECT_THAT(ErrorOf(OpKind::kReverse, NoAttrs(), {Iota({2, 3}), Ints({1, -1})}), HasSubstr("E_ATTR"));
}

TEST(ReverseSequenceTest, ReversesPrefixes) {
  const ReverseSequenceAttrs attrs{1, 0};
  ExpectFloats(RunOne(OpKind::kReverseSequence, attrs, {Iota({2, 3}), Ints({2, 0})}), {2, 3}, {1, 0, 2, 3, 4, 5});
  const ReverseSequenceAttrs swapped{0, 1};
  ExpectFloats(RunOne(OpKind::kReverseSequence, swapped, {Iota({3, 2}), Ints({3, 2})}), {3, 2}, {4, 3, 2, 1, 0, 5});
  EXPECT_THAT(ErrorOf(OpKind::kReverseSequence, attrs, {Iota({2, 3}), Ints({4, 0})}), HasSubstr("E_VALUE"));
  EXPECT_THAT(ErrorOf(OpKind::kReverseSequence, attrs, {Iota({2, 3}), Ints({1})}), HasSubstr("E_SHAPE"));
}

TEST(RollTest, ShiftsCyclically) {
  ExpectFloats(RunOne(OpKind::kRoll, NoAttrs(), {Iota({5}), Int(2), Int(0)}), {5}, {3, 4, 0, 1, 2});
  ExpectFloats(RunOne(OpKind::kRoll, NoAttrs(), {Iota({5}), Ints({-6, -1}), Ints({0, 0})}), {5}, {2, 3, 4, 0, 1});
  ExpectFloats(RunOne(OpKind::kRoll, NoAttrs(), {Iota({2, 3}), Ints({1, 1}), Ints({0, -1})}), {2, 3},
               {5, 3, 4, 2, 0, 1});
}

}  // namespace
}  // namespace moulin::testing
