// Choices and loops that the device runs by itself, against those that the host drives.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "cuda/control_kernel.h"
#include "device/fake_device.h"
#include "engine/describe.h"

namespace moulin::cuda {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

const TensorType kNumber = {DType::kInt32, Shape()};
const TensorType kVector = {DType::kFloat32, Shape({3})};
using Values = std::vector<ValueId>;

Tensor Floats(std::vector<float> values) { return Tensor::Of<float>(Shape({3}), values); }

// A graph that takes values of these types.
template <typename Make>
std::shared_ptr<Graph> RegionOf(const std::vector<TensorType>& types, Make make) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  Values in;
  for (const TensorType& type : types) in.push_back(graph->AddInput("x" + std::to_string(in.size()), type));
  int outputs = 0;
  for (const ValueId v : make(b, in)) graph->AddOutput("y" + std::to_string(outputs++), v);
  EXPECT_TRUE(b.ok()) << b.status();
  return graph;
}

// A model's graph: x0 is a number, x1 a vector.
template <typename Make>
std::shared_ptr<Graph> ModelOf(Make make) {
  return RegionOf({kNumber, kVector}, make);
}

ValueId Number(GraphBuilder& b, int n) { return b.Scalar(DType::kInt32, n); }

// Variables 0 and 1 count: there is another iteration as long as the first is below the second.
std::shared_ptr<Graph> Below(const std::vector<TensorType>& types) {
  return RegionOf(types, [](GraphBuilder& b, const Values& v) { return Values{b.Binary(ExprOp::kLess, v[0], v[1])}; });
}

ValueId Increment(GraphBuilder& b, ValueId v) { return b.Binary(ExprOp::kAdd, v, Number(b, 1)); }

class ControlTest : public FakeDeviceTest {
 protected:
  void TearDown() override {
    on_device_ = nullptr;
    from_host_ = nullptr;
    device_ = nullptr;
    host_ = nullptr;
    FakeDeviceTest::TearDown();
  }
  void Load(const std::shared_ptr<Graph>& graph, const ModelOptions& options = {.instances = 1}) {
    device_ = EngineOn(NewFakeDevice());
    host_ = EngineOn(NewHostDrivenDevice());
    on_device_ = LoadGraph(*device_, graph, "m", options);
    from_host_ = LoadGraph(*host_, graph, "m", options);
  }
  // The kernels of the model, the results of which the device comes to by itself.
  void ExpectOnDevice(const std::string& kernel) {
    const auto counts = internal::KernelCounts(*on_device_, {});
    ASSERT_TRUE(counts.ok()) << counts.status();
    EXPECT_THAT(*counts, Contains(Key(kernel)));
    EXPECT_THAT(*counts, Not(Contains(Key(HasSubstr("host")))));
    EXPECT_THAT(*counts, Not(Contains(Key("(planned when its shapes are known)"))));
  }
  // Runs both, whose results must have the same bits; gives the device's.
  NamedTensors Run(const NamedTensors& inputs) {
    const auto expected = from_host_->Run(inputs);
    const auto result = on_device_->Run(inputs);
    EXPECT_TRUE(expected.ok()) << expected.status();
    EXPECT_TRUE(result.ok()) << result.status();
    if (!expected.ok() || !result.ok()) return {};
    for (size_t i = 0; i < result->size(); ++i) {
      const Tensor& a = (*result)[i].second;
      const Tensor& b = (*expected)[i].second;
      EXPECT_EQ(a.shape(), b.shape());
      EXPECT_EQ(std::memcmp(a.data(), b.data(), a.byte_size()), 0) << a.ToString() << " and " << b.ToString();
    }
    return *result;
  }

  std::unique_ptr<Engine> device_, host_;
  std::shared_ptr<Model> on_device_, from_host_;
};

// (n, x) -> what n iterations make of x, negated, and their number; `body` takes and gives (i, n, x).
template <typename Body>
std::shared_ptr<Graph> LoopGraph(Body body) {
  const std::vector<TensorType> types = {kNumber, kNumber, kVector};
  return ModelOf([&](GraphBuilder& b, const Values& in) {
    b.SetOrigin("loop", "While");
    const Values out =
        b.AddMulti(OpKind::kWhile, WhileAttrs{Below(types), RegionOf(types, body)}, {Number(b, 0), in[0], in[1]});
    return Values{b.Unary(ExprOp::kNeg, out[2]), out[0]};
  });
}

std::shared_ptr<Graph> DoublingGraph() {
  return LoopGraph([](GraphBuilder& b, const Values& v) {
    return Values{Increment(b, v[0]), v[1], b.Binary(ExprOp::kAdd, v[2], v[2])};
  });
}

NamedTensors Inputs(int32_t n, std::vector<float> x) {
  return {{"x0", Tensor::Scalar(n)}, {"x1", Floats(std::move(x))}};
}

TEST_F(ControlTest, ALoopRunsAnyNumberOfTimesInOneLaunch) {
  Load(DoublingGraph());
  ExpectOnDevice("cuda while");
  ASSERT_TRUE(on_device_->Run(Inputs(2, {1, 2, 3})).ok());
  for (const int32_t n : {0, 1, 2, 9, -5}) {
    const fake_cuda::CounterValues before = fake_cuda::Counters();
    const auto alone = on_device_->Run(Inputs(n, {1, 2, 3}));
    const fake_cuda::CounterValues after = fake_cuda::Counters();
    EXPECT_EQ(after.graph_launches, before.graph_launches + 1);
    EXPECT_EQ(after.launches, before.launches);
    EXPECT_EQ(after.mallocs, before.mallocs);
    EXPECT_EQ(after.host_allocs, before.host_allocs);
    const NamedTensors result = Run(Inputs(n, {1, 2, 3}));
    const float factor = n <= 0 ? 1.0f : static_cast<float>(1 << n);
    EXPECT_THAT(result[0].second.values<float>(), ElementsAre(-factor, -2 * factor, -3 * factor)) << n;
    EXPECT_THAT(result[1].second.values<int32_t>(), ElementsAre(std::max(n, 0)));
  }
}

// New values must not be written over old ones that are still to be read.
TEST_F(ControlTest, VariablesChangePlaces) {
  const std::vector<TensorType> types = {kNumber, kNumber, kVector, kVector, kVector};
  const auto body = RegionOf(types, [](GraphBuilder& b, const Values& v) {
    return Values{Increment(b, v[0]), v[1], v[3], v[4], b.Binary(ExprOp::kAdd, v[2], v[3])};
  });
  const auto graph = ModelOf([&](GraphBuilder& b, const Values& in) {
    const ValueId y = b.Unary(ExprOp::kNeg, in[1]), z = b.Unary(ExprOp::kExp, in[1]);
    const Values out = b.AddMulti(OpKind::kWhile, WhileAttrs{Below(types), body}, {Number(b, 0), in[0], in[1], y, z});
    return Values{out[2], out[3], out[4]};
  });
  Load(graph);
  ExpectOnDevice("cuda while");
  for (const int32_t n : {0, 1, 2, 3, 10}) Run(Inputs(n, {0, 1, 2}));
  const NamedTensors result = Run(Inputs(2, {1, 2, 3}));  // (x, -x, e^x), (-x, e^x, 0), (e^x, 0, e^x - x)
  EXPECT_THAT(result[1].second.values<float>(), ElementsAre(0, 0, 0));
}

TEST_F(ControlTest, LoopsWithinLoops) {
  // Adds 1 to x for each j below i, for each i below n.
  const auto graph = LoopGraph([](GraphBuilder& b, const Values& v) {
    const std::vector<TensorType> types = {kNumber, kNumber, kVector};
    const auto body = RegionOf(types, [](GraphBuilder& b, const Values& v) {
      return Values{Increment(b, v[0]), v[1], b.Binary(ExprOp::kAdd, v[2], b.Scalar(DType::kFloat32, 1))};
    });
    const Values out = b.AddMulti(OpKind::kWhile, WhileAttrs{Below(types), body}, {Number(b, 0), v[0], v[2]});
    return Values{Increment(b, v[0]), v[1], out[2]};
  });
  Load(graph);
  ExpectOnDevice("cuda while");
  for (const int32_t n : {0, 1, 2, 6}) {
    const float sum = static_cast<float>(n * (n - 1) / 2);
    EXPECT_THAT(Run(Inputs(n, {0, 1, 2}))[0].second.values<float>(), ElementsAre(-sum, -sum - 1, -sum - 2));
  }
}

// What each branch gives; the last one takes what no branch is there for.
std::vector<std::shared_ptr<const Graph>> Branches() {
  return {RegionOf({kVector}, [](GraphBuilder& b, const Values& v) { return Values{b.Unary(ExprOp::kNeg, v[0])}; }),
          RegionOf({kVector}, [](GraphBuilder&, const Values& v) { return v; }),
          RegionOf({kVector}, [](GraphBuilder& b, const Values&) {
            return Values{b.Constant(Floats({7, 8, 9}))};
          })};
}

TEST_F(ControlTest, AChoice) {
  const auto graph = ModelOf([&](GraphBuilder& b, const Values& in) {
    const ValueId x = b.Binary(ExprOp::kAdd, in[1], in[1]);
    return Values{b.Unary(ExprOp::kNeg, b.AddMulti(OpKind::kCase, CaseAttrs{Branches()}, {in[0], x})[0])};
  });
  Load(graph);
  ExpectOnDevice("cuda switch");
  for (const int32_t n : {0, 1, 2, 3, -1, 1 << 30}) {
    const std::vector<float> expected = n == 0   ? std::vector<float>{2, 4, 6}
                                        : n == 1 ? std::vector<float>{-2, -4, -6}
                                                 : std::vector<float>{-7, -8, -9};
    EXPECT_THAT(Run(Inputs(n, {1, 2, 3}))[0].second.values<float>(), ElementsAreArray(expected)) << n;
  }
}

TEST_F(ControlTest, AChoiceInEachIteration) {
  Load(LoopGraph([](GraphBuilder& b, const Values& v) {
    const ValueId chosen = b.AddMulti(OpKind::kCase, CaseAttrs{Branches()}, {v[0], v[2]})[0];
    return Values{Increment(b, v[0]), v[1], b.Binary(ExprOp::kAdd, chosen, v[2])};
  }));
  ExpectOnDevice("cuda switch");
  ExpectOnDevice("cuda while");
  for (const int32_t n : {0, 1, 2, 3, 4}) Run(Inputs(n, {1, 2, 3}));
  EXPECT_THAT(Run(Inputs(3, {1, 2, 3}))[0].second.values<float>(), ElementsAre(-7, -8, -9));
}

TEST_F(ControlTest, WeightsWithinALoopAreUploaded) {
  const Tensor weights = Tensor::Of<float>(Shape({3, 3}), {0, 1, 0, 0, 0, 1, 1, 0, 0});
  Load(LoopGraph([&](GraphBuilder& b, const Values& v) {
    const ValueId row = b.Reshape(v[2], b.Ints({1, 3}));
    const ValueId product = b.Add(OpKind::kContract, ContractAttrs(), {row, b.Constant(weights)});
    return Values{Increment(b, v[0]), v[1], b.Reshape(product, b.Ints({3}))};
  }));
  ExpectOnDevice("cuda while");
  EXPECT_THAT(Run(Inputs(1, {1, 2, 3}))[0].second.values<float>(), ElementsAre(-3, -1, -2));
  EXPECT_THAT(Run(Inputs(3, {1, 2, 3}))[0].second.values<float>(), ElementsAre(-1, -2, -3));
}

TEST_F(ControlTest, InstancesLoopAtOnce) {
  Load(DoublingGraph(), {.instances = 3});
  std::vector<Future> futures;
  for (int32_t n = 0; n < 12; ++n) {
    futures.push_back(*on_device_->Submit({.inputs = Inputs(n, {1, 1, 1})}));
  }
  for (int32_t n = 0; n < 12; ++n) EXPECT_EQ(FirstValue(futures[n].Get()), -static_cast<float>(1 << n));
}

// --- what ends a loop ---

constexpr int32_t kForever = 2'000'000'000;

TEST_F(ControlTest, ADeadlineEndsALoop) {
  Load(DoublingGraph());
  ASSERT_TRUE(on_device_->Run(Inputs(1, {1, 2, 3})).ok());
  Request request;
  request.inputs = Inputs(kForever, {1, 2, 3});
  request.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  EXPECT_EQ(on_device_->Submit(request)->Get().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(FirstValue(on_device_->Run(Inputs(1, {1, 2, 3}))), -2);
}

TEST_F(ControlTest, ACancellationEndsALoop) {
  Load(DoublingGraph());
  ASSERT_TRUE(on_device_->Run(Inputs(1, {1, 2, 3})).ok());
  const Future future = *on_device_->Submit({.inputs = Inputs(kForever, {1, 2, 3})});
  const int64_t kernels = fake_cuda::Counters().kernels_run;
  while (fake_cuda::Counters().kernels_run < kernels + 20) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_FALSE(future.ready());
  EXPECT_TRUE(future.Cancel());
  EXPECT_EQ(future.Get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(FirstValue(on_device_->Run(Inputs(1, {1, 2, 3}))), -2);
}

TEST_F(ControlTest, ALostDeviceEndsALoop) {
  Restart({.fault_at_work = 500});
  device_ = EngineOn(NewFakeDevice());
  const auto model = LoadGraph(*device_, DoublingGraph(), "m", {.instances = 1});
  EXPECT_THAT(Message(model->Run(Inputs(kForever, {1, 2, 3})).status()), HasSubstr("E_DEVICE"));
}

// Of the run outside of a graph, or as one is captured.
TEST_F(ControlTest, ALaunchThatFailsFailsOneRequest) {
  bool has_failed = false;
  for (int64_t launch = 1; launch < 20; ++launch) {
    device_ = nullptr;
    Restart({.fail_launch = launch});
    device_ = EngineOn(NewFakeDevice());
    const auto model = LoadGraph(*device_, DoublingGraph(), "m", {.instances = 1});
    const auto result = model->Run(Inputs(2, {1, 2, 3}));
    if (result.ok()) continue;
    has_failed = true;
    EXPECT_THAT(Message(result.status()), HasSubstr("E_DEVICE"));
    EXPECT_EQ(FirstValue(model->Run(Inputs(2, {1, 2, 3}))), -4);  // the next one is none the worse for it
  }
  EXPECT_TRUE(has_failed);
}

// --- what is left to the host ---

void ExpectDrivenFromHost(const Model& model) {
  const auto counts = internal::KernelCounts(model, {});
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_THAT(*counts, Contains(Pair(HasSubstr("driven from the host"), 1)));
}

TEST_F(ControlTest, ALoopWithAPartOfTheHostIsDrivenFromThere) {
  Load(LoopGraph([](GraphBuilder& b, const Values& v) {
    const ValueId text = b.Add(OpKind::kHostOp, HostOpAttrs{"AsString", {DType::kString}}, {v[0]});
    const ValueId size =
        b.Cast(b.Add(OpKind::kHostOp, HostOpAttrs{"StringLength", {DType::kInt32}}, {text}), DType::kFloat32);
    return Values{Increment(b, v[0]), v[1], b.Binary(ExprOp::kAdd, v[2], size)};
  }));
  ExpectDrivenFromHost(*on_device_);
  Run(Inputs(3, {1, 2, 3}));
}

TEST_F(ControlTest, AVariableThatGrowsIsLeftToTheHost) {
  const std::vector<TensorType> types = {kNumber, kNumber, {DType::kFloat32, {kUnknownDim}}};
  const auto body = RegionOf(types, [](GraphBuilder& b, const Values& v) {
    return Values{Increment(b, v[0]), v[1], b.Concat({v[2], v[2]}, 0)};
  });
  const auto graph = ModelOf([&](GraphBuilder& b, const Values& in) {
    return Values{b.AddMulti(OpKind::kWhile, WhileAttrs{Below(types), body}, {Number(b, 0), in[0], in[1]})[2]};
  });
  Load(graph);
  ExpectDrivenFromHost(*on_device_);
  EXPECT_EQ(Run(Inputs(2, {1, 2, 3}))[0].second.shape(), Shape({12}));
}

TEST_F(ControlTest, InAPartOfTheGpuTheHostDrives) {
  device_ = EngineOn(NewFakeDevice());
  const auto model = LoadGraph(*device_, DoublingGraph(), "m", {.multiprocessors = 8});
  ExpectDrivenFromHost(*model);
  EXPECT_EQ(FirstValue(model->Run(Inputs(3, {1, 2, 3}))), -8);
}

TEST_F(ControlTest, APlanShowsWhatALoopRuns) {
  Load(DoublingGraph());
  const auto text = internal::PlanText(*on_device_, {});
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("While \"loop\" <cuda while>"));
  EXPECT_THAT(*text, HasSubstr("While \"loop\" runs\nplan"));
  EXPECT_THAT(*text, HasSubstr("b0 device input 0"));
}

}  // namespace
}  // namespace moulin::cuda
