// Data movement: every result is the reference's, element for element, for every size of element.
#include <cstring>
#include <vector>

#include "cuda/kernels/divisor.h"
#include "cuda/strided_copy.h"
#include "gtest/gtest-spi.h"
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

Tensor Ints(std::vector<int64_t> values) {
  return Tensor::Of<int64_t>(Shape{static_cast<int64_t>(values.size())}, values);
}
Tensor Int32s(std::vector<int32_t> values) {
  return Tensor::Of<int32_t>(Shape{static_cast<int64_t>(values.size())}, values);
}
Tensor Int(int64_t value) { return Tensor::Scalar<int64_t>(value); }
Tensor Pairs(std::vector<int64_t> values) {
  return Tensor::Of<int64_t>(Shape{static_cast<int64_t>(values.size() / 2), 2}, values);
}

// One type of each element size: 1, 2, 4, 8 and 16 bytes.
const DType kSizes[] = {DType::kUInt8, DType::kFloat16, DType::kFloat32, DType::kInt64, DType::kComplex128};

TEST(DivisorTest, DividesAsTheMachineDoes) {
  const int64_t edge = (int64_t{1} << 31) - 1;
  for (int64_t d : {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{7}, int64_t{10}, int64_t{641}, int64_t{65537},
                    (int64_t{1} << 30) - 1, int64_t{1} << 30, (int64_t{1} << 30) + 1, edge, edge + 1, edge * 5}) {
    const Divisor divisor(d);
    for (int64_t base : {int64_t{0}, d, 2 * d, 3 * d, edge, edge + 1, edge / 2, int64_t{1} << 40}) {
      for (int64_t n = std::max<int64_t>(base - 3, 0); n <= base + 3; ++n) {
        EXPECT_EQ(divisor.Quotient(n), n / d) << n << " / " << d;
        int64_t rest = n;
        EXPECT_EQ(divisor.Split(&rest), n % d);
        EXPECT_EQ(rest, n / d);
      }
    }
  }
}

TEST(StridedCopyTest, WidensRowsAndFindsTranspositions) {
  // [6, 8] of float: one run of 192 bytes.
  std::optional<StridedCopy> copy = StridedCopy::Make({{6, 8, 8}, {8, 1, 1}}, 0, 0, 4);
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(copy->unit_bytes(), 16);
  EXPECT_STREQ(copy->algorithm(), "copy");
  // An offset of one element leaves units of 4 bytes.
  EXPECT_EQ(StridedCopy::Make({{6, 8, 8}, {8, 1, 1}}, 1, 0, 4)->unit_bytes(), 4);
  EXPECT_EQ(StridedCopy::Make({{6, 9, 8}, {8, 1, 1}}, 2, 0, 2)->unit_bytes(), 2);
  EXPECT_EQ(StridedCopy::Make({{6, 12, 8}, {8, 1, 1}}, 4, 0, 2)->unit_bytes(), 8);
  EXPECT_STREQ(PermutedCopy({2, 30, 40}, {0, 2, 1}, 4)->algorithm(), "transpose");
  EXPECT_STREQ(PermutedCopy({30, 40, 16}, {1, 0, 2}, 4)->algorithm(), "copy");
  EXPECT_EQ(PermutedCopy({30, 40, 16}, {1, 0, 2}, 4)->unit_bytes(), 16);
  EXPECT_STREQ(PermutedCopy({100, 3}, {1, 0}, 4)->algorithm(), "copy");
}

class MovementTest : public ::testing::TestWithParam<DType> {
 protected:
  Tensor X(const Shape& shape, uint64_t seed = 1) const { return RandomTensor(GetParam(), shape, seed); }
};
INSTANTIATE_TEST_SUITE_P(Sizes, MovementTest, ::testing::ValuesIn(kSizes),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_P(MovementTest, Transpose) {
  const auto check = [&](const Shape& x, std::vector<int64_t> permutation) {
    SCOPED_TRACE(x.ToString());
    ExpectOpMatches(OpKind::kTranspose, NoAttrs(), {X(x), Ints(permutation)});
  };
  check({33, 65}, {1, 0});              // tiles with edges
  check({64, 32}, {1, 0});              // tiles without
  check({3, 40, 17}, {0, 2, 1});        // a batch of matrices
  check({2, 9, 10, 11}, {0, 3, 1, 2});  // NHWC to NCHW
  check({2, 11, 9, 10}, {0, 2, 3, 1});
  check({5, 4, 3, 2}, {3, 1, 0, 2});
  check({7, 6, 16}, {1, 0, 2});  // rows of 16
  check({300, 3}, {1, 0});
  check({1, 5, 1, 4}, {2, 3, 0, 1});
  check({2, 2, 2, 2, 2, 2, 2, 2}, {7, 2, 5, 0, 3, 6, 1, 4});
  check({4, 0, 3}, {2, 0, 1});
  check({5}, {0});
  check({}, {});
}

TEST_P(MovementTest, Slice) {
  const auto check = [&](const Shape& x, std::vector<int64_t> begin, std::vector<int64_t> size) {
    SCOPED_TRACE(x.ToString());
    ExpectOpMatches(OpKind::kSlice, NoAttrs(), {X(x), Ints(begin), Ints(size)});
  };
  check({10, 16}, {2, 0}, {5, 16});
  check({10, 16}, {2, 3}, {5, -1});
  check({10, 16}, {2, 8}, {5, 8});
  check({4, 5, 6}, {1, 2, 3}, {2, 3, 2});
  check({4, 5, 6}, {4, 0, 0}, {0, 5, 6});
  check({2, 3, 2, 3, 2, 3, 2, 3}, {1, 0, 1, 0, 0, 1, 0, 1}, {1, 2, 1, 3, 2, 2, 2, 2});
}

TEST_P(MovementTest, StridedSlice) {
  const auto check = [&](const Shape& x, std::vector<int64_t> begin, std::vector<int64_t> end,
                         std::vector<int64_t> strides, StridedSliceAttrs attrs = StridedSliceAttrs()) {
    SCOPED_TRACE(x.ToString());
    ExpectOpMatches(OpKind::kStridedSlice, attrs, {X(x), Ints(begin), Ints(end), Ints(strides)});
  };
  check({10, 16}, {1, 0}, {9, 16}, {2, 1});
  check({10, 16}, {9, 15}, {0, 0}, {-3, -2});
  StridedSliceAttrs shrink;
  shrink.shrink_axis_mask = 2;
  shrink.new_axis_mask = 1;
  shrink.end_mask = 4;
  check({6, 7, 8}, {0, 2, 1}, {0, 3, 0}, {1, 1, 2}, shrink);
  check({5, 4}, {3, 0}, {3, 4}, {1, 1});
}

TEST_P(MovementTest, StridedSliceUpdate) {
  const auto check = [&](const Shape& x, const Shape& value, std::vector<int64_t> begin, std::vector<int64_t> end,
                         std::vector<int64_t> strides, StridedSliceAttrs attrs = StridedSliceAttrs()) {
    SCOPED_TRACE(x.ToString());
    ExpectOpMatches(OpKind::kStridedSliceUpdate, attrs, {X(x), Ints(begin), Ints(end), Ints(strides), X(value, 2)});
  };
  check({10, 16}, {4, 16}, {1, 0}, {9, 16}, {2, 1});
  check({10, 16}, {16}, {1, 0}, {9, 16}, {2, 1});  // broadcast
  check({10, 16}, {}, {8, 14}, {1, 2}, {-3, -4});
  StridedSliceAttrs shrink;
  shrink.shrink_axis_mask = 1;
  check({6, 7, 8}, {3, 8}, {2, 1, 0}, {3, 4, 8}, {1, 1, 1}, shrink);
  check({6, 7}, {0, 7}, {2, 0}, {2, 7}, {1, 1});
  check({10, 16}, {10, 12}, {0, 1}, {10, 13}, {1, 1});  // rows as long as units, at a place that is not
}

TEST_P(MovementTest, ConcatAndSplit) {
  const auto check = [&](int64_t axis, std::vector<Shape> shapes) {
    std::vector<Tensor> operands = {Int(axis)};
    Shape whole = shapes[0];
    std::vector<int64_t> sizes;
    const int a = static_cast<int>(axis < 0 ? axis + whole.rank() : axis);
    int64_t sum = 0;
    for (size_t i = 0; i < shapes.size(); ++i) {
      operands.push_back(X(shapes[i], i + 1));
      sizes.push_back(shapes[i][a]);
      sum += shapes[i][a];
    }
    whole.set_dim(a, sum);
    SCOPED_TRACE(whole.ToString());
    ExpectOpMatches(OpKind::kConcat, NoAttrs(), operands);
    ExpectOpMatches(OpKind::kSplit, NoAttrs(), {X(whole), Int(axis), Ints(sizes)});
  };
  check(0, {{2, 3}, {4, 3}});
  check(1, {{5, 16}, {5, 32}, {5, 16}});
  check(-1, {{5, 1}, {5, 2}, {5, 0}, {5, 7}});
  check(1, {{2, 3, 5}, {2, 1, 5}, {2, 2, 5}});
  check(0, std::vector<Shape>(70, Shape{3}));  // more pieces than a launch takes
  check(1, std::vector<Shape>(33, Shape{4, 1}));
  check(0, {{0, 3}, {0, 3}});
}

TEST_P(MovementTest, Pad) {
  for (PadMode mode : {PadMode::kConstant, PadMode::kReflect, PadMode::kSymmetric}) {
    const auto check = [&](const Shape& x, std::vector<int64_t> paddings) {
      SCOPED_TRACE(x.ToString());
      std::vector<Tensor> operands = {X(x), Pairs(paddings)};
      ExpectOpMatches(OpKind::kPad, PadAttrs{mode}, operands);
      operands.push_back(X({}, 9));
      if (mode == PadMode::kConstant) ExpectOpMatches(OpKind::kPad, PadAttrs{mode}, operands);
    };
    check({2, 7, 8, 16}, {0, 0, 3, 3, 2, 4, 0, 0});
    check({2, 7, 8, 3}, {0, 0, 3, 3, 2, 4, 0, 0});
    check({5, 6}, {1, 2, 3, 4});
    check({5, 16}, {1, 2, 8, 0});
    check({300}, {17, 5});
    check({4, 4, 4}, {0, 0, 2, 1, 0, 0});
    check({2, 3, 2, 3, 2, 3, 2, 3}, {1, 0, 0, 2, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 2, 2});
  }
  ExpectOpMatches(OpKind::kPad, PadAttrs(), {X({0, 3}), Pairs({1, 1, 0, 2}), X({}, 9)});
  ExpectOpMatches(OpKind::kPad, PadAttrs(), {X({}), Tensor::Allocate(DType::kInt32, {0, 2}).value()});
}

TEST_P(MovementTest, Repetition) {
  ExpectOpMatches(OpKind::kBroadcast, NoAttrs(), {X({5, 1, 16}), Ints({2, 5, 3, 16})});
  ExpectOpMatches(OpKind::kBroadcast, NoAttrs(), {X({3, 1}), Ints({3, 301})});
  ExpectOpMatches(OpKind::kBroadcast, NoAttrs(), {X({}), Ints({4, 5})});
  ExpectOpMatches(OpKind::kBroadcast, NoAttrs(), {X({1, 2}), Ints({0, 2})});
  ExpectOpMatches(OpKind::kTile, NoAttrs(), {X({2, 3}), Int32s({3, 2})});
  ExpectOpMatches(OpKind::kTile, NoAttrs(), {X({4, 16}), Int32s({1, 5})});
  ExpectOpMatches(OpKind::kTile, NoAttrs(), {X({2, 3, 4, 5}), Int32s({2, 1, 3, 2})});
  ExpectOpMatches(OpKind::kTile, NoAttrs(), {X({2, 3}), Int32s({0, 2})});
}

TEST_P(MovementTest, ReversalAndRolling) {
  ExpectOpMatches(OpKind::kReverse, NoAttrs(), {X({4, 5, 16}), Ints({0})});
  ExpectOpMatches(OpKind::kReverse, NoAttrs(), {X({4, 5, 6}), Ints({-1, 0})});
  ExpectOpMatches(OpKind::kReverse, NoAttrs(), {X({4, 5}), Ints({})});
  const InputMask constants = Input(1) | Input(2);
  ExpectOpMatches(OpKind::kRoll, NoAttrs(), {X({7, 16}), Ints({3}), Ints({0})}, 0, constants);
  ExpectOpMatches(OpKind::kRoll, NoAttrs(), {X({7, 5, 3}), Ints({-2, 9, 1}), Ints({2, 0, 2})}, 0, constants);
  ExpectOpMatches(OpKind::kRoll, NoAttrs(), {X({300}), Int(17), Int(0)}, 0, constants);
  // Shifts that are only known when it runs are left to the host.
  EXPECT_FALSE(HasKernel(OpKind::kRoll, NoAttrs(), {X({7, 16}), Ints({3}), Ints({0})}));
}

TEST_P(MovementTest, ReverseSequence) {
  ExpectOpMatches(OpKind::kReverseSequence, ReverseSequenceAttrs{1, 0}, {X({4, 6, 3}), Ints({0, 6, 1, 5})});
  ExpectOpMatches(OpKind::kReverseSequence, ReverseSequenceAttrs{0, 1}, {X({6, 4, 16}), Int32s({3, 6, 2, 5})});
  ExpectOpMatches(OpKind::kReverseSequence, ReverseSequenceAttrs{2, 0}, {X({3, 5, 7}), Int32s({3, 7, 2})});
}

TEST_P(MovementTest, SpaceAndBatch) {
  ExpectOpMatches(OpKind::kSpaceToBatch, NoAttrs(), {X({2, 6, 7, 3}), Ints({2, 3}), Pairs({1, 1, 0, 2})});
  ExpectOpMatches(OpKind::kSpaceToBatch, NoAttrs(), {X({1, 4, 8}), Ints({2}), Pairs({0, 0})});
  ExpectOpMatches(OpKind::kBatchToSpace, NoAttrs(), {X({12, 4, 3, 5}), Ints({2, 3}), Pairs({1, 1, 0, 2})});
  ExpectOpMatches(OpKind::kBatchToSpace, NoAttrs(), {X({4, 3, 8}), Ints({2}), Pairs({0, 1})});
}

TEST_P(MovementTest, SpaceAndDepth) {
  for (bool channels_last : {true, false}) {
    const BlockAttrs attrs{2, channels_last};
    ExpectOpMatches(OpKind::kSpaceToDepth, attrs, {channels_last ? X({2, 4, 6, 5}) : X({2, 5, 4, 6})});
    ExpectOpMatches(OpKind::kDepthToSpace, attrs, {channels_last ? X({2, 3, 5, 12}) : X({2, 12, 3, 5})});
  }
}

// Hostile lengths must not lead out of the tensor (guard bytes and the sanitizers watch); inside they count as clamped.
TEST(ReverseSequenceTest, LengthsOutOfRangeAreClamped) {
  const Tensor x = RandomTensor(DType::kFloat32, {3, 5});
  const Tensor hostile = Tensor::Of<int64_t>({3}, {-7, int64_t{1} << 62, 2});
  const Graph graph = OneNodeGraph(OpKind::kReverseSequence, ReverseSequenceAttrs{1, 0}, {x, hostile}, 0);
  const StatusOr<std::vector<Tensor>> got = RunOnEmulator(graph, {x, hostile});
  ASSERT_TRUE(got.ok()) << got.status();
  const StatusOr<std::vector<Tensor>> clamped = RunGraphReference(graph, {x, Tensor::Of<int64_t>({3}, {0, 5, 2})});
  ASSERT_TRUE(clamped.ok());
  ExpectClose((*got)[0], (*clamped)[0], 0);
}

TEST(MovementKernelTest, StringsAreLeftToTheHost) {
  const Tensor x = Tensor::OfStrings({2, 2}, {"a", "b", "c", "d"});
  EXPECT_FALSE(HasKernel(OpKind::kTranspose, NoAttrs(), {x, Ints({1, 0})}));
}

// Grids smaller than the work: each block takes several tiles, each thread several units.
TEST(MovementKernelTest, FewerBlocksThanWork) {
  const Tensor x = RandomTensor(DType::kInt32, {3, 70, 50});
  for (bool tiled : {true, false}) {
    TransposeParams p;
    p.a_size = 50;
    p.b_size = 70;
    p.a_y_stride = 70;
    p.b_x_stride = 50;
    p.a_tiles = Divisor(2);
    p.b_tiles = Divisor(3);
    p.tiles = 3 * 2 * 3;
    p.rest.Push(3, 3500, 3500);
    StridedCopyParams copy = p.rest;
    copy.Push(50, 1, 70);
    copy.Push(70, 50, 1);
    const CudaApi& api = emulator::SyncCudaApi();
    void *from = nullptr, *to = nullptr;
    api.Malloc(&from, 42000);
    api.Malloc(&to, 42000);
    std::memcpy(from, x.data(), 42000);
    LaunchContext c;
    c.api = &api;
    const Status status =
        tiled ? Launch(c, TransposeFunction(4), {dim3(4), dim3(kTransposeTile, kTransposeRows)}, from, to, p)
              : Launch(c, StridedCopyFunction(4), {dim3(3), dim3(64)}, from, to, copy);
    ASSERT_TRUE(status.ok()) << status;
    for (int64_t i = 0; i < 10500; ++i) {
      const int64_t batch = i / 3500, a = i % 3500 / 70, b = i % 70;
      ASSERT_EQ(static_cast<int32_t*>(to)[i], x.values<int32_t>()[batch * 3500 + b * 50 + a]) << i;
    }
    api.Free(from);
    api.Free(to);
  }
}

// The harness itself: an operator with a planted bug must fail ExpectClose.
TEST(KernelTestingTest, ADifferenceIsFound) {
  Tensor x = RandomTensor(DType::kFloat32, {4, 4});
  Tensor y = x.Clone().value();
  y.mutable_values<float>()[5] += 1e-3f;
  EXPECT_NONFATAL_FAILURE(ExpectClose(x, y, 1e-5), "1 of 16 elements are wrong");
  ExpectClose(x, y, 1e-2);
}

}  // namespace
}  // namespace moulin::cuda
