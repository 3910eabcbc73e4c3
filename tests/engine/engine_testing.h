// Engines on a device whose kernels the tests hold up, and small graphs to run on them.
#ifndef MOULIN_TESTS_ENGINE_ENGINE_TESTING_H_
#define MOULIN_TESTS_ENGINE_ENGINE_TESTING_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "device/host/host_device.h"
#include "device/host/host_kernel.h"
#include "engine/engine_impl.h"
#include "gmock/gmock.h"
#include "moulin/engine.h"
#include "ops/graph_builder.h"
#include "tests/formats/format_test.h"

namespace moulin {

// A door that kernels wait at.
class Gate {
 public:
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // Blocks until the gate is open, telling WaitForArrivals that it is there.
  void Pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++arrivals_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void WaitForArrivals(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return arrivals_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int arrivals_ = 0;
};

// The reference, but nodes named in `hooks` first call that.
class HookedDevice : public HostDevice {
 public:
  HookedDevice() : HostDevice({"reference", "hooked", 1}), reference_(NewReferenceDevice()) {}

  // To be filled before a model is loaded.
  std::map<std::string, std::function<Status()>> hooks;

 protected:
  StatusOr<std::shared_ptr<const Kernel>> PrepareKernel(const Graph& graph, const Node& node) override {
    MOULIN_ASSIGN_OR_RETURN(auto kernel, reference_->Prepare(graph, node));
    const auto it = hooks.find(node.name);
    if (it == hooks.end()) return kernel;
    return std::shared_ptr<const Kernel>(std::make_shared<HookedKernel>(kernel, it->second));
  }

 private:
  class HookedKernel : public HostKernel {
   public:
    HookedKernel(std::shared_ptr<const Kernel> kernel, std::function<Status()> hook)
        : kernel_(std::move(kernel)), hook_(std::move(hook)) {}
    std::string name() const override { return "hooked"; }
    Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void* workspace) const override {
      MOULIN_RETURN_IF_ERROR(hook_());
      return static_cast<const HostKernel&>(*kernel_).Run(inputs, outputs, workspace);
    }

   private:
    const std::shared_ptr<const Kernel> kernel_;
    const std::function<Status()> hook_;
  };

  const std::shared_ptr<Device> reference_;
};

inline std::unique_ptr<Engine> EngineOn(std::shared_ptr<Device> device, const EngineOptions& options = {}) {
  return std::make_unique<Engine>(std::make_shared<internal::EngineImpl>(std::move(device), options));
}

inline std::unique_ptr<Engine> ReferenceEngine(const EngineOptions& options = {}) {
  return EngineOn(NewReferenceDevice(), options);
}

inline std::shared_ptr<Model> LoadGraph(Engine& engine, std::shared_ptr<const Graph> graph, const std::string& name,
                                        const ModelOptions& options = {}) {
  auto model = engine.impl().LoadGraph(std::move(graph), name, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

// y = x * scale + 1 for x of [n, 3]; the product is node "scale".
inline std::shared_ptr<Graph> ScaleGraph(float scale) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim, 3})});
  graph->AddName(x, "x:0");
  b.SetOrigin("scale", "Mul");
  const ValueId scaled = b.Binary(ExprOp::kMul, x, b.Scalar(DType::kFloat32, scale));
  b.SetOrigin("plus", "Add");
  const ValueId y = b.Binary(ExprOp::kAdd, scaled, b.Scalar(DType::kFloat32, 1));
  graph->AddName(y, "plus:0");
  graph->AddOutput("y", y);
  EXPECT_TRUE(b.ok()) << b.status();
  return graph;
}

inline Tensor Rows(int64_t n, float value) {
  return Tensor::Of<float>(Shape({n, 3}), std::vector<float>(n * 3, value));
}

inline Request RequestOf(Tensor x) {
  Request request;
  request.inputs = {{"x", std::move(x)}};
  return request;
}

// The first element of the first output.
inline float FirstValue(const StatusOr<NamedTensors>& result) {
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? result->front().second.values<float>()[0] : -12345;
}

inline Tensor Ones(int64_t rows, int64_t columns) {
  return Tensor::Of<float>(Shape({rows, columns}), std::vector<float>(rows * columns, 1));
}

inline Tensor Floats(std::vector<float> values) {
  return Tensor::Of<float>(Shape({static_cast<int64_t>(values.size())}), absl::MakeConstSpan(values));
}

}  // namespace moulin

#endif  // MOULIN_TESTS_ENGINE_ENGINE_TESTING_H_
