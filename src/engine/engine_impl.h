// What stands behind an Engine.
#ifndef MOULIN_ENGINE_ENGINE_IMPL_H_
#define MOULIN_ENGINE_ENGINE_IMPL_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/limits.h"
#include "device/device.h"
#include "engine/checkpoint_watch.h"
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
  // Who reads the constants of a graph that becomes a model: it alone, other models of this engine too, or anybody.
  enum class Constants { kOwn, kShared, kForeign };
  // Takes the graph, so that what the passes replace is let go of at once.
  StatusOr<std::shared_ptr<ModelImpl>> MakeModel(std::shared_ptr<Graph> graph, const std::string& name,
                                                 const ModelOptions& options, Constants constants);
  // MakeModel for int8 with examples at hand: measures ranges where none are given, and refuses what loses too much.
  StatusOr<std::shared_ptr<ModelImpl>> MakeCheckedModel(const Graph& graph, const std::string& name,
                                                        ModelOptions options);
  // Optimises `graph` in place, as for a model loaded so; what the passes were told.
  StatusOr<PassOptions> Optimize(Graph* graph, const ModelOptions& options, Constants constants) const;
  // Makes a model of a file that was read, and runs the examples that a bundle has for it.
  StatusOr<std::shared_ptr<ModelImpl>> MakeFromSource(SourceModel source, ModelOptions options, Constants constants);
  Status Adopt(const std::shared_ptr<ModelImpl>& model);
  // Takes newer checkpoints of `directory`, whose latest was in the state `loaded` before the model was read.
  void Follow(const std::shared_ptr<ModelImpl>& model, const std::string& path, const ModelOptions& options,
              const std::string& directory, const std::string& loaded);
  // Reads the model anew and lets it run that from now on.
  Status Renew(ModelImpl& model, const std::string& path, const ModelOptions& options);

  const ModelEnvironment environment_;
  const std::shared_ptr<WeightStore> weights_ = std::make_shared<WeightStore>();
  const bool runs_warm_up_;
  const bool runs_goldens_;
  const Limits limits_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<ModelImpl>> models_;  // guarded by mutex_; gone ones are dropped at the next load
  bool stopped_ = false;                          // guarded by mutex_
  CheckpointWatcher watcher_{limits_};            // last: its thread uses the rest
};

// What the passes are told for a model loaded so on that device.
PassOptions PassOptionsFor(const ModelOptions& options, const DeviceInfo& device, const Limits& limits);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_ENGINE_IMPL_H_
