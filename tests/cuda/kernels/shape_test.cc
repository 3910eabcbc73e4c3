// Tensors made from shapes and scalars, and constants on the device.
#include "base/half.h"
#include "cuda/constants.h"
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

TEST(ShapeKernelTest, SizesAreConstants) {
  const Tensor x = RandomTensor(DType::kFloat32, {2, 0, 5});
  for (DType type : {DType::kInt32, DType::kInt64}) {
    ExpectOpMatches(OpKind::kShapeOf, ShapeOfAttrs{type}, {x});
    ExpectOpMatches(OpKind::kSizeOfTensor, ShapeOfAttrs{type}, {x});
  }
  ExpectOpMatches(OpKind::kRankOf, NoAttrs(), {x});
  ExpectOpMatches(OpKind::kShapeOf, ShapeOfAttrs(), {Tensor::Scalar<float>(1)});
  const Tensor a = Tensor::Of<int32_t>({3}, {4, 1, 5}), b = Tensor::Of<int32_t>({2}, {6, 1});
  ExpectOpMatches(OpKind::kBroadcastShapes, NoAttrs(), {a, b}, 0, Input(0) | Input(1));
  EXPECT_FALSE(HasKernel(OpKind::kBroadcastShapes, NoAttrs(), {a, b}));
}

template <typename T>
void CheckRange(T start, T limit, T delta) {
  const auto scalar = [](T value) { return Tensor::Of<T>(Shape(), {value}); };
  ExpectOpMatches(OpKind::kRange, NoAttrs(), {scalar(start), scalar(limit), scalar(delta)});
}

TEST(ShapeKernelTest, Range) {
  CheckRange<int32_t>(0, 1000, 1);
  CheckRange<int32_t>(5, -20, -3);
  CheckRange<int64_t>(int64_t{1} << 40, (int64_t{1} << 40) + 100, 7);
  CheckRange<float>(0.1f, 50.0f, 0.1f);
  CheckRange<double>(-1, 1, 1e-3);
  CheckRange<Half>(Half(0.0f), Half(10.0f), Half(0.1f));
  CheckRange<BFloat16>(BFloat16(1.0f), BFloat16(-10.0f), BFloat16(-0.3f));
  CheckRange<int32_t>(3, 3, 1);
}

template <typename T>
void CheckLinSpace(T start, T stop, int32_t count) {
  const auto scalar = [](T value) { return Tensor::Of<T>(Shape(), {value}); };
  ExpectOpMatches(OpKind::kLinSpace, NoAttrs(), {scalar(start), scalar(stop), Tensor::Scalar<int32_t>(count)});
}

TEST(ShapeKernelTest, LinSpace) {
  CheckLinSpace<float>(0, 1, 301);
  CheckLinSpace<float>(2, -7, 1);
  for (int32_t count : {7, 11, 50, 99}) CheckLinSpace<float>(0.3f, 1.9f, count);  // the steps miss the last
  CheckLinSpace<double>(-3, 5, 10);
  CheckLinSpace<Half>(Half(0.0f), Half(1.0f), 17);
  CheckLinSpace<BFloat16>(BFloat16(5.0f), BFloat16(1.0f), 9);
}

int packings = 0;
StatusOr<Tensor> CountedPacking(const Tensor& source) {
  ++packings;
  return source.Clone();
}

TEST(ConstantStoreTest, PacksATensorOnce) {
  const std::shared_ptr<ConstantStore> store = NewCudaContext(emulator::SyncCudaApi())->constants;
  const Tensor x = RandomTensor(DType::kFloat32, {4, 6});
  packings = 0;
  const std::shared_ptr<const DeviceConstant> first = store->GetPacked(x, CountedPacking).value();
  EXPECT_EQ(store->GetPacked(x, CountedPacking).value(), first);
  EXPECT_EQ(packings, 1);
  ASSERT_TRUE(store->GetPacked(x.Reinterpreted(DType::kFloat32, {6, 4}), CountedPacking).ok());
  EXPECT_EQ(packings, 2);  // the same elements, but another shape
}

TEST(ConstantStoreTest, SharesEqualBytesAndFreesThem) {
  const int64_t before = emulator::NumDeviceBlocks();
  {
    const std::shared_ptr<ConstantStore> store = NewCudaContext(emulator::SyncCudaApi())->constants;
    const Tensor x = RandomTensor(DType::kFloat32, {100}), y = RandomTensor(DType::kFloat32, {100}, 2);
    std::shared_ptr<const DeviceConstant> a = store->Get(x);
    std::shared_ptr<const DeviceConstant> b = store->Get(x.Clone().value());
    std::shared_ptr<const DeviceConstant> c = store->Get(y);
    EXPECT_EQ(a, b);
    EXPECT_NE(a, c);
    EXPECT_EQ(store->bytes(), 0);  // nothing is uploaded before it is asked for
    const StatusOr<const void*> address = a->Address();
    ASSERT_TRUE(address.ok());
    EXPECT_EQ(std::memcmp(*address, x.data(), 400), 0);
    EXPECT_EQ(a->Address().value(), *address);
    EXPECT_EQ(store->bytes(), 400);
    ASSERT_TRUE(c->Address().ok());
    EXPECT_EQ(store->bytes(), 800);
    a.reset();
    EXPECT_EQ(store->bytes(), 800);
    b.reset();
    EXPECT_EQ(store->bytes(), 400);
    b = store->Get(x);  // anew
    EXPECT_EQ(store->bytes(), 400);
    EXPECT_EQ(store->Get(Tensor::Allocate(DType::kFloat32, {0}).value())->Address().value(), nullptr);
  }
  EXPECT_EQ(emulator::NumDeviceBlocks(), before);
}

}  // namespace
}  // namespace moulin::cuda
