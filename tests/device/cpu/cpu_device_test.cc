#include "device/host/cpu/cpu_device.h"

#include <thread>

#include "gtest/gtest.h"
#include "tests/device/cpu/kernel_test.h"

namespace moulin::testing {
namespace {

struct DenseGraph {
  Graph graph;
  NodeId node;
};

// x [m, k] times a constant [k, n].
DenseGraph Dense(int64_t m, const Tensor& weights) {
  DenseGraph d;
  const ValueId x = d.graph.AddInput("x", {DType::kFloat32, Shape({m, weights.shape()[0]})});
  const ValueId w = d.graph.AddConstant(weights);
  d.node =
      d.graph.AddNode(OpKind::kContract, ContractAttrs{}, {x, w}, {{DType::kFloat32, Shape({m, weights.shape()[1]})}});
  return d;
}

TEST(CpuDeviceTest, DescribesItself) {
  const auto device = NewCpuDevice({.threads = 3});
  EXPECT_EQ(device->info().name, "cpu");
  EXPECT_NE(device->info().description.find("3 threads, oneDNN "), std::string::npos) << device->info().description;
}

TEST(CpuDeviceTest, WeightsArePackedOnceAndFreedWithTheLastKernel) {
  const auto device = NewCpuDevice({.threads = 2});
  std::mt19937 random(1);
  const Tensor weights = RandomFloats({130, 70}, &random);
  const DenseGraph one = Dense(8, weights), other = Dense(8, weights);
  auto first = device->Prepare(one.graph, one.graph.node(one.node)).value();
  const int64_t bytes = device->constant_bytes();
  auto second = device->Prepare(other.graph, other.graph.node(other.node)).value();
  EXPECT_EQ(device->constant_bytes(), bytes);
  first.reset();
  EXPECT_EQ(device->constant_bytes(), bytes);
  second.reset();
  EXPECT_EQ(device->constant_bytes(), 0);
}

// Streams of several models share kernels and the pool: results must not depend on what else runs.
TEST(CpuDeviceTest, KernelsRunFromManyThreadsGiveTheSameBits) {
  std::mt19937 random(2);
  ConvAttrs conv;
  conv.strides = {1, 1};
  conv.dilations = {1, 1};
  conv.padding = Padding::kSame;
  PreparedNode convolution, product, mean;
  ASSERT_TRUE(
      PrepareNode(OpKind::kConv, conv,
                  {Given(RandomFloats({1, 30, 30, 16}, &random)), Constant(RandomFloats({3, 3, 16, 32}, &random))},
                  &convolution)
          .ok());
  ASSERT_TRUE(PrepareNode(OpKind::kContract, ContractAttrs{},
                          {Given(RandomFloats({64, 200}, &random)), Constant(RandomFloats({200, 90}, &random))},
                          &product)
                  .ok());
  ASSERT_TRUE(PrepareNode(OpKind::kReduce, ReduceAttrs{ReduceOp::kMean},
                          {Given(RandomFloats({300000}, &random)), Constant(Tensor::Of<int32_t>({1}, {0}))}, &mean)
                  .ok());
  for (const PreparedNode* p : {&convolution, &product, &mean}) {
    std::vector<Tensor> alone;
    ASSERT_TRUE(RunKernel(*p, -1, &alone).ok());
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) {
          std::vector<Tensor> outputs;
          ASSERT_TRUE(RunKernel(*p, -1, &outputs).ok());
          ExpectSameBytes(alone[0], outputs[0]);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace moulin::testing
