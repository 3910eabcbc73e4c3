// Plans run on the host: values, lanes, errors, reuse of an execution.
#include "device/host/execution.h"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "device/host/host_device.h"
#include "device/host/host_kernel.h"
#include "gmock/gmock.h"
#include "ops/graph_builder.h"
#include "plan/plan.h"
#include "plan/verify.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A kernel on vectors of floats that the tests choose.
class FunctionKernel : public HostKernel {
 public:
  using Function = std::function<Status(absl::Span<const Tensor>, absl::Span<Tensor>)>;
  explicit FunctionKernel(Function function) : function_(std::move(function)) {}
  std::string name() const override { return "function"; }
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void*) const override {
    return function_(inputs, outputs);
  }

 private:
  const Function function_;
};

// Runs each node by the function that goes with its name, others by the reference.
class TestDevice : public HostDevice {
 public:
  TestDevice() : HostDevice({"test", "", 4}) {}
  std::map<std::string, FunctionKernel::Function> functions;

 protected:
  StatusOr<std::shared_ptr<const Kernel>> PrepareKernel(const Graph& graph, const Node& node) override {
    const auto it = functions.find(node.name);
    if (it == functions.end()) return reference_->Prepare(graph, node);
    return std::shared_ptr<const Kernel>(std::make_shared<FunctionKernel>(it->second));
  }

 private:
  std::shared_ptr<Device> reference_ = NewReferenceDevice();
};

struct Running {
  std::vector<std::unique_ptr<Stream>> streams;
  std::shared_ptr<Executable> executable;
  std::unique_ptr<Execution> execution;

  StatusOr<Outputs> Run(std::vector<Tensor> inputs) {
    std::vector<Stream*> lanes;
    for (auto& s : streams) lanes.push_back(s.get());
    std::promise<StatusOr<Outputs>> result;
    execution->Launch(lanes, std::move(inputs), [&](StatusOr<Outputs> r) { result.set_value(std::move(r)); });
    return result.get_future().get();
  }
};

Running Prepare(Device& device, std::shared_ptr<const Graph> graph, int max_lanes) {
  Running running;
  auto plan = MakePlan(std::move(graph), device, {.max_lanes = max_lanes, .allow_in_place = true});
  EXPECT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(VerifyPlan(**plan).ok());
  for (int i = 0; i < (*plan)->num_lanes; ++i) running.streams.push_back(device.NewStream(0).value());
  running.executable = device.Load(*plan).value();
  running.execution = running.executable->NewExecution().value();
  return running;
}

constexpr int64_t kLong = 1 << 18;  // elements; enough for the planner to use lanes

// y = a(x) + b(x), with a and b on lanes of their own where there are several.
std::shared_ptr<Graph> Diamond() {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kLong})});
  b.SetOrigin("a", "Neg");
  const ValueId a = b.Unary(ExprOp::kNeg, x);
  b.SetOrigin("b", "Abs");
  const ValueId c = b.Unary(ExprOp::kAbs, x);
  b.SetOrigin("sum", "Add");
  graph->AddOutput("y", b.Binary(ExprOp::kAdd, a, c));
  EXPECT_TRUE(b.ok()) << b.status();
  return graph;
}

Tensor Filled(float value) { return Tensor::Of<float>(Shape({kLong}), std::vector<float>(kLong, value)); }

TEST(ExecutionTest, GivesTheValuesOnAnyNumberOfLanes) {
  const auto device = NewReferenceDevice();
  for (int lanes : {1, 2}) {
    Running running = Prepare(*device, Diamond(), lanes);
    EXPECT_EQ(running.executable->plan().num_lanes, lanes);
    for (float x : {-3.f, 2.f, -1.f}) {
      const StatusOr<Outputs> outputs = running.Run({Filled(x)});
      ASSERT_TRUE(outputs.ok()) << outputs.status();
      EXPECT_EQ((*outputs)[0].values<float>()[kLong - 1], x < 0 ? -2 * x : 0);
    }
  }
}

TEST(ExecutionTest, OutputsAreNotTouchedByLaterRuns) {
  const auto device = NewReferenceDevice();
  Running running = Prepare(*device, Diamond(), 1);
  const Tensor first = running.Run({Filled(-3)}).value()[0];
  running.Run({Filled(5)}).value();
  EXPECT_EQ(first.values<float>()[0], 6);
}

TEST(ExecutionTest, LetsInputsGoWhenDone) {
  const auto device = NewReferenceDevice();
  Running running = Prepare(*device, Diamond(), 1);
  auto owner = std::make_shared<std::vector<float>>(kLong, 1.f);
  running.Run({Tensor::Borrow(DType::kFloat32, Shape({kLong}), owner, owner->data())}).value();
  EXPECT_EQ(owner.use_count(), 1);
}

TEST(ExecutionTest, ErrorsNameTheNodeAndStopTheRun) {
  TestDevice device;
  std::atomic<int> sums{0};
  device.functions["b"] = [](auto, auto) { return MakeError(ErrorCode::kValue, "no good"); };
  device.functions["sum"] = [&](auto, auto) {
    ++sums;
    return absl::OkStatus();
  };
  for (int lanes : {1, 2}) {
    Running running = Prepare(device, Diamond(), lanes);
    for (int i = 0; i < 20; ++i) {
      const StatusOr<Outputs> outputs = running.Run({Filled(1)});
      ASSERT_FALSE(outputs.ok());
      EXPECT_EQ(outputs.status().message(), "E_VALUE: no good; node \"b\" (op Abs)");
    }
  }
  EXPECT_EQ(sums, 0);
}

TEST(ExecutionTest, ExceptionsBecomeErrors) {
  TestDevice device;
  device.functions["a"] = [](auto, auto) -> Status { throw std::bad_alloc(); };
  device.functions["b"] = [](auto, auto) -> Status { throw std::runtime_error("boo"); };
  Running running = Prepare(device, Diamond(), 1);
  EXPECT_EQ(running.Run({Filled(1)}).status().code(), absl::StatusCode::kResourceExhausted);
  device.functions.erase("a");
  EXPECT_EQ(Prepare(device, Diamond(), 1).Run({Filled(1)}).status().code(), absl::StatusCode::kInternal);
}

// Both branches must be in flight at the same time for either to end.
TEST(ExecutionTest, LanesRunAtTheSameTime) {
  TestDevice device;
  std::promise<void> a_began, b_began;
  auto a_future = a_began.get_future().share(), b_future = b_began.get_future().share();
  device.functions["a"] = [&](auto, auto) {
    a_began.set_value();
    return b_future.wait_for(std::chrono::seconds(30)) == std::future_status::ready
               ? absl::OkStatus()
               : absl::DeadlineExceededError("b did not begin");
  };
  device.functions["b"] = [&](auto, auto) {
    b_began.set_value();
    return a_future.wait_for(std::chrono::seconds(30)) == std::future_status::ready
               ? absl::OkStatus()
               : absl::DeadlineExceededError("a did not begin");
  };
  const StatusOr<Outputs> outputs = Prepare(device, Diamond(), 2).Run({Filled(1)});
  EXPECT_TRUE(outputs.ok()) << outputs.status();
}

TEST(ExecutionTest, WrongNumberOfInputsIsAnError) {
  const auto device = NewReferenceDevice();
  EXPECT_EQ(Prepare(*device, Diamond(), 1).Run({}).status().code(), absl::StatusCode::kInternal);
}

TEST(ExecutionTest, ResultsOfUnknownShapeAndStrings) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", {DType::kBool, PartialShape({4})});
  const ValueId s = graph->AddInput("s", {DType::kString, PartialShape({2})});
  graph->AddOutput("where", b.Add(OpKind::kWhere, NoAttrs(), {x}));
  graph->AddOutput("s", b.Reshape(s, b.Ints({2, 1})));
  ASSERT_TRUE(b.ok()) << b.status();
  const auto device = NewReferenceDevice();
  Running running = Prepare(*device, graph, 1);
  const Tensor words = Tensor::OfStrings(Shape({2}), {"a", "b"});
  const StatusOr<Outputs> outputs = running.Run({Tensor::Of<bool>(Shape({4}), {false, true, false, true}), words});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_EQ((*outputs)[0].shape(), Shape({2, 1}));
  EXPECT_THAT((*outputs)[0].values<int64_t>(), ElementsAre(1, 3));
  EXPECT_EQ((*outputs)[1].shape(), Shape({2, 1}));
  EXPECT_THAT((*outputs)[1].strings(), ElementsAre("a", "b"));
  EXPECT_NE((*outputs)[1].data(), words.data());
}

TEST(ExecutionTest, ConstantsAreCountedOnce) {
  const auto device = NewReferenceDevice();
  EXPECT_EQ(device->constant_bytes(), 0);
  {
    const Tensor weights = Filled(1);
    std::vector<std::shared_ptr<Executable>> executables;
    for (int i = 0; i < 2; ++i) {
      auto graph = std::make_shared<Graph>();
      GraphBuilder b(graph.get(), Limits());
      const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kLong})});
      graph->AddOutput("y", b.Binary(ExprOp::kAdd, x, graph->AddConstant(weights)));
      executables.push_back(device->Load(MakePlan(graph, *device, {}).value()).value());
      EXPECT_EQ(device->constant_bytes(), kLong * 4);
    }
  }
  EXPECT_EQ(device->constant_bytes(), 0);
}

}  // namespace
}  // namespace moulin
