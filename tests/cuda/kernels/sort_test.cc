#include "cuda/kernels/sort.h"

#include <cmath>
#include <limits>

#include "base/half.h"
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

void ExpectTopKMatches(const Tensor& x, int32_t k, DType index_type = DType::kInt32) {
  SCOPED_TRACE(testing::Message() << k << " of " << x.shape().ToString() << Name(x.dtype()));
  ExpectOpMatches(OpKind::kTopK, TopKAttrs{true, index_type}, {x, Tensor::Scalar<int32_t>(k)});
}

// Where each thread of a block is one of the machine, the sizes that only repeat what smaller ones do take too long.
#if defined(MOULIN_EMULATE_WITH_THREADS)
constexpr bool kIsSlow = true;
#else
constexpr bool kIsSlow = false;
#endif

std::vector<DType> Numbers() {
  if (kIsSlow) return {DType::kFloat32, DType::kInt64};
  std::vector<DType> types = RealTypes();
  std::erase(types, DType::kBool);
  types.insert(types.end(), {DType::kQInt8, DType::kQUInt8, DType::kQInt32});
  return types;
}

TEST(TopKKernel, ShortRowsOfEveryType) {
  for (const DType type : Numbers()) {
    for (const int32_t k : {1, 7, 37}) ExpectTopKMatches(RandomTensor(type, Shape{3, 37}), k);
    ExpectTopKMatches(RandomIntegers(type, Shape{2, 50}, 0, 4), 20);  // many ties
  }
}

TEST(TopKKernel, LongRowsOfEveryType) {
  for (const DType type : Numbers()) {
    ExpectTopKMatches(RandomTensor(type, Shape{kIsSlow ? 1 : 2, kSortTile + 1}), 5);
    if (kIsSlow) return;
    ExpectTopKMatches(RandomIntegers(type, Shape{1, 2500}, 0, 4), 1000);  // more ties than are wanted
  }
}

TEST(TopKKernel, AnySizeOfRowAndK) {
  for (const int64_t n : {1, 2, 3, 31, 64, 65, 1000, 2047, 2048}) {
    if (kIsSlow && n > 65) break;
    ExpectTopKMatches(RandomTensor(DType::kFloat32, Shape{2, n}), 1);
    ExpectTopKMatches(RandomTensor(DType::kFloat32, Shape{2, n}), static_cast<int32_t>(n));
  }
  for (const int32_t k : {2, 1, 513, 2047, 2048, 2049, 2500, 3001}) {
    if (kIsSlow && k != 2) break;
    ExpectTopKMatches(RandomTensor(DType::kFloat32, Shape{2, 3001}), k);
  }
}

// Runs of several tiles are merged over global memory; rows must not be mixed.
TEST(TopKKernel, SortsMoreThanATile) {
  for (const DType type : {DType::kInt32, DType::kFloat64, DType::kUInt8}) {
    if (kIsSlow && type != DType::kInt32) break;
    ExpectTopKMatches(RandomTensor(type, Shape{2, 2100}), 2100);
    if (kIsSlow) break;
    ExpectTopKMatches(RandomTensor(type, Shape{3, 5000}), 5000);
    ExpectTopKMatches(RandomTensor(type, Shape{2, 9001}), 8200);
  }
}

TEST(TopKKernel, SpecialFloats) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const std::vector<float> values = {nan, -0.0f, 1, -inf, 0.0f, inf, -nan, -1, 0.0f, -0.0f, inf, -inf, 1e-45f, -1e-45f};
  const int64_t n = static_cast<int64_t>(values.size());
  const Tensor x = Tensor::Of<float>(Shape{n}, values);
  for (int32_t k = 0; k <= n; ++k) ExpectTopKMatches(x, k);
  Tensor doubles = Tensor::Allocate(DType::kFloat64, Shape{n}).value();
  Tensor halves = Tensor::Allocate(DType::kFloat16, Shape{n}).value();
  Tensor bfloats = Tensor::Allocate(DType::kBFloat16, Shape{n}).value();
  for (int64_t i = 0; i < n; ++i) {
    doubles.mutable_values<double>()[i] = values[i];
    halves.mutable_values<Half>()[i] = Half(values[i]);
    bfloats.mutable_values<BFloat16>()[i] = BFloat16(values[i]);
  }
  for (const Tensor& t : {doubles, halves, bfloats}) ExpectTopKMatches(t, static_cast<int32_t>(n));
}

TEST(TopKKernel, SpecialFloatsInLongRows) {
  Tensor x = RandomIntegers(DType::kFloat32, Shape{4000}, -2, 3);
  for (int64_t i = 0; i < 4000; i += 3) x.mutable_values<float>()[i] = i % 2 == 0 ? std::nanf("") : -0.0f;
  for (const int32_t k : {10, 3000, 4000}) {
    if (!kIsSlow || k == 10) ExpectTopKMatches(x, k);
  }
  Tensor all_nan = Tensor::Allocate(DType::kFloat64, Shape{3000}).value();
  for (double& value : all_nan.mutable_values<double>()) value = std::nan("");
  ExpectTopKMatches(all_nan, kIsSlow ? 21 : 2100);
}

TEST(TopKKernel, ExtremeIntegers) {
  const Tensor x = Tensor::Of<int64_t>(
      Shape{5}, {std::numeric_limits<int64_t>::min(), -1, 0, 1, std::numeric_limits<int64_t>::max()});
  ExpectTopKMatches(x, 5);
  ExpectTopKMatches(Tensor::Of<uint64_t>(Shape{3}, {0, ~uint64_t{0}, uint64_t{1} << 63}), 3);
  ExpectTopKMatches(Tensor::Of<uint32_t>(Shape{3}, {0, ~uint32_t{0}, uint32_t{1} << 31}), 3);
}

TEST(TopKKernel, WideIndicesAndManyAxes) {
  ExpectTopKMatches(RandomTensor(DType::kFloat32, Shape{2, 1, 3, 1, 2, 1, 1, 9}), 4, DType::kInt64);
  ExpectTopKMatches(RandomTensor(DType::kFloat16, Shape{2, 2100}), 4, DType::kInt64);
}

TEST(TopKKernel, NothingToSort) {
  ExpectTopKMatches(RandomTensor(DType::kFloat32, Shape{0, 5}), 3);
  ExpectTopKMatches(RandomTensor(DType::kFloat32, Shape{3, 0}), 0);
  ExpectTopKMatches(RandomTensor(DType::kFloat32, Shape{3, 3000}), 0);
}

// TensorFlow leaves the order open then; the elements are the same.
TEST(TopKKernel, UnsortedResultsAreSorted) {
  const Tensor x = RandomTensor(DType::kFloat32, Shape{2, 100});
  const std::vector<Tensor> operands = {x, Tensor::Scalar<int32_t>(10)};
  const auto sorted = RunGraphReference(OneNodeGraph(OpKind::kTopK, TopKAttrs{true}, operands, Input(1)), {x});
  const auto got = RunOnEmulator(OneNodeGraph(OpKind::kTopK, TopKAttrs{false}, operands, Input(1)), {x});
  ASSERT_TRUE(sorted.ok() && got.ok()) << sorted.status() << got.status();
  for (int i = 0; i < 2; ++i) ExpectClose((*got)[i], (*sorted)[i], 0);
}

TEST(TopKKernel, WhatIsNotCoveredIsTheHosts) {
  const std::vector<Tensor> operands = {RandomTensor(DType::kFloat32, Shape{9}), Tensor::Scalar<int32_t>(2)};
  EXPECT_TRUE(HasKernel(OpKind::kTopK, TopKAttrs{true, DType::kInt64}, operands, Input(1)));
  EXPECT_FALSE(HasKernel(OpKind::kTopK, TopKAttrs{true, DType::kInt16}, operands, Input(1)));
}

}  // namespace
}  // namespace moulin::cuda
