#include <numeric>

#include "gtest/gtest.h"
#include "tests/device/cpu/kernel_test.h"

namespace moulin::testing {
namespace {

// Elements that are all different (in as far as the type can tell), of 1 to 16 bytes.
Tensor Counting(DType type, const Shape& shape) {
  Tensor t = Tensor::Allocate(type, shape).value();
  uint8_t* bytes = static_cast<uint8_t*>(t.mutable_data());
  for (int64_t i = 0; i < t.byte_size(); ++i) bytes[i] = static_cast<uint8_t>((i * 2654435761u) >> 13);
  return t;
}

constexpr DType kTypes[] = {DType::kFloat32, DType::kUInt8, DType::kFloat16, DType::kInt64, DType::kComplex128};

Tensor Ints(const std::vector<int64_t>& values) {
  return Tensor::Of<int64_t>(Shape({static_cast<int64_t>(values.size())}), values);
}

Shape RandomShape(std::mt19937* random, int min_rank, int max_rank) {
  Shape shape;
  const int64_t rank = RandomInt(random, min_rank, max_rank);
  for (int64_t i = 0; i < rank; ++i) shape.push_back(RandomInt(random, 1, RandomInt(random, 0, 3) == 0 ? 70 : 6));
  return shape;
}

void ExpectExact(OpKind kind, Attrs attrs, const std::vector<Operand>& operands, const char* kernel = "cpu copy") {
  SCOPED_TRACE(absl::StrCat(Name(kind), " of ", operands[0].value.ToString(0), " ", AttrsToString(attrs)));
  const Ran ran = RunBoth(kind, std::move(attrs), operands);
  ASSERT_TRUE(ran.status.ok()) << ran.status;
  EXPECT_EQ(ran.kernel, kernel);
  for (size_t i = 0; i < ran.expected.size(); ++i) ExpectSameBytes(ran.expected[i], ran.actual[i]);
}

TEST(MovementKernelTest, Transposes) {
  std::mt19937 random(1);
  for (DType type : kTypes) {
    for (int i = 0; i < 40; ++i) {
      const Shape x = RandomShape(&random, 0, 5);
      std::vector<int64_t> permutation(x.rank());
      std::iota(permutation.begin(), permutation.end(), 0);
      std::shuffle(permutation.begin(), permutation.end(), random);
      ExpectExact(OpKind::kTranspose, NoAttrs{}, {Given(Counting(type, x)), Constant(Ints(permutation))});
    }
  }
}

TEST(MovementKernelTest, LargeTransposesUseEveryThread) {
  ExpectExact(OpKind::kTranspose, NoAttrs{},
              {Given(Counting(DType::kFloat32, {2, 300, 257})), Constant(Ints({0, 2, 1}))});
  ExpectExact(OpKind::kTranspose, NoAttrs{},
              {Given(Counting(DType::kFloat32, {1, 128, 12, 64})), Constant(Ints({0, 2, 1, 3}))});
  ExpectExact(OpKind::kTranspose, NoAttrs{},
              {Given(Counting(DType::kFloat32, {3, 56, 56, 33})), Constant(Ints({0, 3, 1, 2}))});
}

TEST(MovementKernelTest, Slices) {
  std::mt19937 random(2);
  for (DType type : kTypes) {
    for (int i = 0; i < 30; ++i) {
      const Shape x = RandomShape(&random, 1, 4);
      std::vector<int64_t> begin, size, end, strides;
      for (int64_t dim : x.dims()) {
        begin.push_back(RandomInt(&random, 0, dim - 1));
        size.push_back(RandomInt(&random, 0, 4) == 0 ? -1 : RandomInt(&random, 0, dim - begin.back()));
        end.push_back(RandomInt(&random, -dim - 1, dim + 1));
        strides.push_back(RandomInt(&random, 0, 1) ? RandomInt(&random, 1, 3) : -RandomInt(&random, 1, 3));
      }
      ExpectExact(OpKind::kSlice, NoAttrs{}, {Given(Counting(type, x)), Constant(Ints(begin)), Constant(Ints(size))});
      StridedSliceAttrs attrs;
      attrs.begin_mask = static_cast<uint64_t>(RandomInt(&random, 0, 15));
      attrs.end_mask = static_cast<uint64_t>(RandomInt(&random, 0, 15));
      attrs.shrink_axis_mask = static_cast<uint64_t>(RandomInt(&random, 0, 1));
      if (attrs.shrink_axis_mask != 0) strides[0] = 1;  // an index has no direction
      ExpectExact(OpKind::kStridedSlice, attrs,
                  {Given(Counting(type, x)), Constant(Ints(begin)), Constant(Ints(end)), Constant(Ints(strides))});
    }
  }
}

TEST(MovementKernelTest, BroadcastsTilesAndReverses) {
  std::mt19937 random(3);
  for (DType type : kTypes) {
    for (int i = 0; i < 30; ++i) {
      const Shape x = RandomShape(&random, 1, 4);
      Shape narrow = x;
      std::vector<int64_t> multiples, axes, to = {2};
      for (int a = 0; a < x.rank(); ++a) {
        if (RandomInt(&random, 0, 1)) narrow.set_dim(a, 1);
        multiples.push_back(RandomInt(&random, 0, 3));
        if (RandomInt(&random, 0, 1)) axes.push_back(a);
        to.push_back(x[a]);
      }
      ExpectExact(OpKind::kBroadcast, NoAttrs{}, {Given(Counting(type, narrow)), Constant(Ints(to))});
      ExpectExact(OpKind::kTile, NoAttrs{}, {Given(Counting(type, x)), Constant(Ints(multiples))});
      ExpectExact(OpKind::kReverse, NoAttrs{}, {Given(Counting(type, x)), Constant(Ints(axes))});
    }
  }
}

TEST(MovementKernelTest, ConcatenatesSplitsAndPads) {
  std::mt19937 random(4);
  for (DType type : kTypes) {
    for (int i = 0; i < 30; ++i) {
      const Shape x = RandomShape(&random, 1, 4);
      const int axis = static_cast<int>(RandomInt(&random, 0, x.rank() - 1));
      std::vector<Operand> parts = {
          Constant(Tensor::Of<int64_t>({}, {RandomInt(&random, 0, 1) ? axis : axis - x.rank()}))};
      std::vector<int64_t> sizes, paddings;
      int64_t sum = 0;
      for (int k = 0; k < 3; ++k) {
        Shape part = x;
        sizes.push_back(RandomInt(&random, 0, 5));
        sum += sizes.back();
        part.set_dim(axis, sizes.back());
        parts.push_back(Given(Counting(type, part)));
      }
      ExpectExact(OpKind::kConcat, NoAttrs{}, parts);
      Shape whole = x;
      whole.set_dim(axis, sum);
      ExpectExact(OpKind::kSplit, NoAttrs{}, {Given(Counting(type, whole)), parts[0], Constant(Ints(sizes))});
      for (int a = 0; a < 2 * x.rank(); ++a) paddings.push_back(RandomInt(&random, 0, 3));
      const Tensor pairs = Ints(paddings).Reshaped({x.rank(), 2});
      ExpectExact(OpKind::kPad, PadAttrs{PadMode::kConstant},
                  {Given(Counting(type, x)), Constant(pairs), Given(Counting(type, {}))});
    }
  }
}

TEST(MovementKernelTest, MovesBlocksBetweenDepthAndSpace) {
  for (DType type : kTypes) {
    for (bool channels_last : {true, false}) {
      const Shape image = channels_last ? Shape{2, 6, 9, 5} : Shape{2, 5, 6, 9};
      const Shape deep = channels_last ? Shape{2, 3, 4, 27} : Shape{2, 27, 3, 4};
      ExpectExact(OpKind::kSpaceToDepth, BlockAttrs{3, channels_last}, {Given(Counting(type, image))});
      ExpectExact(OpKind::kDepthToSpace, BlockAttrs{3, channels_last}, {Given(Counting(type, deep))});
    }
  }
}

TEST(GatherKernelTest, GathersRowsAndRefusesIndicesOutside) {
  std::mt19937 random(5);
  for (DType type : kTypes) {
    for (int i = 0; i < 20; ++i) {
      const Shape x = RandomShape(&random, 1, 4);
      const int axis = static_cast<int>(RandomInt(&random, 0, x.rank() - 1));
      Tensor indices = Tensor::Allocate(DType::kInt64, RandomShape(&random, 0, 2)).value();
      for (int64_t& index : indices.mutable_values<int64_t>()) index = RandomInt(&random, 0, x[axis] - 1);
      ExpectExact(OpKind::kGather, GatherAttrs{},
                  {Given(Counting(type, x)), Given(indices), Constant(Tensor::Of<int32_t>({}, {axis}))}, "cpu gather");
    }
  }
  PreparedNode p;
  const std::vector<Operand> operands = {Given(Counting(DType::kFloat32, {4, 3})),
                                         Given(Tensor::Of<int32_t>({2}, {1, 4})),
                                         Constant(Tensor::Of<int32_t>({}, {0}))};
  ASSERT_TRUE(PrepareNode(OpKind::kGather, GatherAttrs{}, operands, &p).ok());
  std::vector<Tensor> outputs;
  const Status status = RunKernel(p, -1, &outputs);
  EXPECT_NE(std::string(status.message()).find("E_VALUE"), std::string::npos) << status;
}

}  // namespace
}  // namespace moulin::testing
