// What stands behind an Engine.
#ifndef MOULIN_ENGINE_ENGINE_IMPL_H_
#define MOULIN_ENGINE_ENGINE_IMPL_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/limits.h"
#include "device/device.h"
#include "engine/model_impl.h"
#include "engine/model_source.h"
#include "ir/graph.h"
#include "moulin/engine.h"

namespace moulin::internal {

// Thread-safe.
class EngineImpl {
 public:
  EngineImpl(std::shared_ptr<Device> device, const EngineOptions& options);

  const DeviceInfo& device_info() const { return environment_.device->info(); }
  Device& device() { return *environment_.device; }

  StatusOr<std::shared_ptr<Model>> Load(const std::string& path, const ModelOptions& options);
  StatusOr<std::vector<TensorRange>> Calibrate(const std::string& path, const std::vector<NamedTensors>& examples,
                                               const ModelOptions& options);
  StatusOr<Bundle> LoadBundle(const std::string& path, const ModelOptions& options);
  // Optimises a graph and makes it a model; where Load and LoadBundle end, and tests begin.
  StatusOr<std::shared_ptr<Model>> LoadGraph(std::shared_ptr<const Graph> graph, const std::string& name,
                                             const ModelOptions& options);
  void Shutdown();

 private:
  StatusOr<std::shared_ptr<ModelImpl>> MakeModel(const Graph& graph, const std::string& name,
                                                 const ModelOptions& options);
  // MakeModel for int8 with examples at hand: measures ranges where none are given, and refuses what loses too much.
  StatusOr<std::shared_ptr<ModelImpl>> MakeCheckedModel(const Graph& graph, const std::string& name,
                                                        ModelOptions options);
  // Makes a model of a file that was read, runs the examples that a bundle has for it, and lets go of the file's graph.
  StatusOr<std::shared_ptr<ModelImpl>> MakeFromSource(SourceModel source, ModelOptions options);
  Status Adopt(const std::shared_ptr<ModelImpl>& model);

  const ModelEnvironment environment_;
  const bool runs_warm_up_;
  const bool runs_goldens_;
  const Limits limits_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<ModelImpl>> models_;  // guarded by mutex_; gone ones are dropped at the next load
  bool stopped_ = false;                          // guarded by mutex_
};

// What the passes are told for a model loaded so on that device.
PassOptions PassOptionsFor(const ModelOptions& options, const DeviceInfo& device, const Limits& limits);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_ENGINE_IMPL_H_
