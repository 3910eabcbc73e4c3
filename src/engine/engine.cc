#include "moulin/engine.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/engine_impl.h"
#include "engine/quantization.h"
#include "formats/checkpoint.h"

namespace moulin {
namespace internal {
namespace {

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

ModelEnvironment EnvironmentOf(std::shared_ptr<Device> device, const EngineOptions& options) {
  ModelEnvironment environment;
  environment.device = std::move(device);
  environment.timer = std::make_shared<DeadlineTimer>();
  environment.live_models = std::make_shared<LiveCount>();
  environment.queue_capacity = options.queue_capacity;
  environment.plan_cache_entries = options.plan_cache_entries;
  environment.measures_steps = options.measure_steps;
  return environment;
}

}  // namespace

PassOptions PassOptionsFor(const ModelOptions& options, const DeviceInfo& device, const Limits& limits) {
  PassOptions passes;
  passes.limits = limits;
  passes.disabled.insert(options.disabled_passes.begin(), options.disabled_passes.end());
  passes.only_required = !options.optimize || device.name == "reference";
  passes.bound_results = device.bound_results;
  passes.fuse_prologues = device.fuse_prologues;
  return passes;
}

EngineImpl::EngineImpl(std::shared_ptr<Device> device, const EngineOptions& options)
    : environment_(EnvironmentOf(std::move(device), options)),
      runs_warm_up_(!options.plan_only),
      runs_goldens_(options.verify_bundles && !options.plan_only) {}

Status EngineImpl::Adopt(const std::shared_ptr<ModelImpl>& model) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopped_) return MakeError(ErrorCode::kStopped, "the engine is shut down");
  models_.erase(std::remove_if(models_.begin(), models_.end(), [](const auto& m) { return m.expired(); }),
                models_.end());
  models_.push_back(model);
  return absl::OkStatus();
}

StatusOr<PassOptions> EngineImpl::Optimize(Graph* graph, const ModelOptions& options, Constants constants) const {
  MOULIN_RETURN_IF_ERROR(SetPrecision(options, graph));
  PassOptions passes = PassOptionsFor(options, environment_.device->info(), limits_);
  passes.owns_constants = constants == Constants::kOwn;
  if (options.dump) {
    options.dump("import", GraphToString(*graph));
    passes.after = [&](const char* pass, const Graph& g) { options.dump(pass, GraphToString(g)); };
  }
  MOULIN_RETURN_IF_ERROR(RunPasses(graph, passes));
  passes.after = nullptr;
  passes.owns_constants = false;  // copies of the graph will have them too
  return passes;
}

StatusOr<std::shared_ptr<ModelImpl>> EngineImpl::MakeModel(std::shared_ptr<Graph> graph, const std::string& name,
                                                           const ModelOptions& options, Constants constants) {
  if (IsInt8(options.precision) && !options.quantization.examples.empty()) {
    return MakeCheckedModel(*graph, name, options);
  }
  MOULIN_ASSIGN_OR_RETURN(const PassOptions passes, Optimize(graph.get(), options, constants));
  std::shared_ptr<Weights> weights = constants == Constants::kForeign ? nullptr : Weights::Of(weights_, graph.get());
  ModelEnvironment environment = environment_;
  if (options.multiprocessors != 0) {
    MOULIN_ASSIGN_OR_RETURN(environment.device, environment_.device->Partition(options.multiprocessors));
  }
  return ModelImpl::Make(name, std::move(graph), std::move(weights), options, passes, environment);
}

StatusOr<std::shared_ptr<ModelImpl>> EngineImpl::MakeCheckedModel(const Graph& graph, const std::string& name,
                                                                  ModelOptions options) {
  const auto make = [&] { return MakeModel(std::make_shared<Graph>(graph), name, options, Constants::kForeign); };
  const Quantization quantization = std::move(options.quantization);
  options.quantization = {quantization.ranges, {}, quantization.max_error};
  if (quantization.ranges.empty()) {
    MOULIN_ASSIGN_OR_RETURN(options.quantization.ranges, MeasureRanges(*this, graph, quantization.examples, options));
  }
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<ModelImpl> model, make());
  options.precision = Precision::kStrict;
  options.multiprocessors = 0;
  options.dump = nullptr;
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<ModelImpl> exact, make());
  MOULIN_ASSIGN_OR_RETURN(const double error, CheckAccuracy(*model, *exact, quantization));
  model->set_quantization_error(error);
  return model;
}

StatusOr<std::shared_ptr<ModelImpl>> EngineImpl::MakeFromSource(SourceModel source, ModelOptions options,
                                                                Constants constants) {
  if (options.max_batch == 0) options.max_batch = source.origin.signature.max_batch;
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<ModelImpl> model,
                          MakeModel(std::move(source.graph), source.name, options, constants));
  if (runs_warm_up_ && options.warm_up) MOULIN_RETURN_IF_ERROR(WarmUp(*model, source.origin));
  if (runs_goldens_) MOULIN_RETURN_IF_ERROR(CheckGoldens(*model, source.origin));
  return model;
}

StatusOr<std::shared_ptr<Model>> EngineImpl::LoadGraph(std::shared_ptr<const Graph> graph, const std::string& name,
                                                       const ModelOptions& options) {
  const Clock::time_point start = Clock::now();
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<ModelImpl> model,
                          MakeModel(std::make_shared<Graph>(*graph), name, options, Constants::kForeign));
  model->set_load_time(MillisecondsSince(start));
  MOULIN_RETURN_IF_ERROR(Adopt(model));
  return std::make_shared<Model>(std::move(model));
}

namespace {

// The directory of checkpoints that a model is to follow. E_OPTION where there is none.
StatusOr<std::string> FollowedDirectory(const std::string& path, const ModelOptions& options) {
  if (!options.quantization.examples.empty()) {
    return AtFile(
        MakeError(ErrorCode::kOption, "follow: newer weights are not held against examples; expected ranges alone"),
        path);
  }
  const std::string& directory = options.checkpoint.empty() ? path : options.checkpoint;
  std::error_code error;
  if (std::filesystem::is_directory(directory, error) && IsCheckpoint(directory)) return directory;
  return AtFile(MakeError(ErrorCode::kOption, "follow: expected a directory with a \"checkpoint\" file, found \"",
                          Printable(directory), "\""),
                path);
}

}  // namespace

StatusOr<std::shared_ptr<Model>> EngineImpl::Load(const std::string& path, const ModelOptions& options) {
  const Clock::time_point start = Clock::now();
  std::string followed, loaded;
  if (options.follow) {
    MOULIN_ASSIGN_OR_RETURN(followed, FollowedDirectory(path, options));
    loaded = LookAtCheckpoint(followed, limits_).text;
  }
  MOULIN_ASSIGN_OR_RETURN(SourceModel source, ReadModel(path, options, limits_));
  StatusOr<std::shared_ptr<ModelImpl>> model = MakeFromSource(std::move(source), options, Constants::kOwn);
  if (!model.ok()) return AtFile(model.status(), path);
  (*model)->set_load_time(MillisecondsSince(start));
  MOULIN_RETURN_IF_ERROR(Adopt(*model));
  if (options.follow) Follow(*model, path, options, followed, loaded);
  return std::make_shared<Model>(*std::move(model));
}

StatusOr<std::vector<TensorRange>> EngineImpl::Calibrate(const std::string& path,
                                                         const std::vector<NamedTensors>& examples,
                                                         const ModelOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(const SourceModel source, ReadModel(path, options, limits_));
  StatusOr<std::vector<TensorRange>> ranges = MeasureRanges(*this, *source.graph, examples, options);
  if (!ranges.ok()) return AtFile(ranges.status(), path);
  return ranges;
}

void EngineImpl::Follow(const std::shared_ptr<ModelImpl>& model, const std::string& path, const ModelOptions& options,
                        const std::string& directory, const std::string& loaded) {
  CheckpointWatcher::Watch watch{directory, options.follow_interval, loaded, nullptr, nullptr};
  const std::weak_ptr<ModelImpl> weak = model;
  watch.is_wanted = [weak] { return !weak.expired(); };
  watch.on_newer = [this, weak, path, options](const CheckpointState& state) {
    const std::shared_ptr<ModelImpl> followed = weak.lock();
    if (followed == nullptr) return;
    const Status status = state.status.ok() ? Renew(*followed, path, options) : state.status;
    followed->NoteCheckpoint(status.ok());
    if (options.on_checkpoint) options.on_checkpoint(state.prefix, status);
  };
  watcher_.Add(std::move(watch));
}

Status EngineImpl::Renew(ModelImpl& model, const std::string& path, const ModelOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(SourceModel source, ReadModel(path, options, limits_));
  MOULIN_RETURN_IF_ERROR(AtFile(Optimize(source.graph.get(), options, Constants::kOwn).status(), path));
  std::shared_ptr<Weights> weights = Weights::Of(weights_, source.graph.get());
  return AtFile(model.Renew(std::move(source.graph), std::move(weights)), path);
}

namespace {

// The large constants that more than one of the models has.
std::vector<Tensor> SharedConstants(const std::vector<SourceModel>& sources) {
  std::vector<Tensor> shared;
  absl::flat_hash_map<const void*, int> models;  // by the address of the elements
  for (const SourceModel& source : sources) {
    for (Tensor& constant : LargeConstants(*source.graph)) {
      if (++models[constant.data()] == 2) shared.push_back(std::move(constant));
    }
  }
  return shared;
}

}  // namespace

StatusOr<Bundle> EngineImpl::LoadBundle(const std::string& path, const ModelOptions& options) {
  if (!options.name.empty() || !options.inputs.empty() || !options.outputs.empty() || !options.signature.empty() ||
      !options.checkpoint.empty() || options.follow) {
    return AtFile(MakeError(ErrorCode::kOption, "a bundle's models have names, inputs, outputs and weights of their ",
                            "own; none may be given"),
                  path);
  }
  const Clock::time_point start = Clock::now();
  MOULIN_ASSIGN_OR_RETURN(std::vector<SourceModel> sources, ReadBundle(path, limits_));
  // A model that runs its examples must not release what the next ones are made of.
  const std::vector<Tensor> shared = SharedConstants(sources);
  const Weights::Session session(Weights::Of(weights_, shared), shared);
  // Models of a bundle share constants of any size.
  const Constants constants = sources.size() == 1 ? Constants::kOwn : Constants::kShared;
  std::vector<std::shared_ptr<ModelImpl>> impls;
  for (SourceModel& source : sources) {
    const std::string place = absl::StrCat(path, ":", source.name);
    StatusOr<std::shared_ptr<ModelImpl>> model = MakeFromSource(std::move(source), options, constants);
    if (!model.ok()) return AtFile(model.status(), place);
    (*model)->set_load_time(MillisecondsSince(start));
    impls.push_back(*std::move(model));
  }
  std::vector<std::shared_ptr<Model>> models;
  for (auto& impl : impls) {
    MOULIN_RETURN_IF_ERROR(Adopt(impl));
    models.push_back(std::make_shared<Model>(std::move(impl)));
  }
  return Bundle(std::move(models));
}

void EngineImpl::Shutdown() {
  std::vector<std::shared_ptr<ModelImpl>> models;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return;  // callers may still hold models, which are no longer counted below
    stopped_ = true;
    for (const auto& weak : models_) {
      if (auto model = weak.lock()) models.push_back(std::move(model));
    }
    models_.clear();
  }
  watcher_.Stop();
  for (const auto& model : models) model->Stop();
  // Models whose last handle was dropped while a request ran are destroyed by the device's threads.
  environment_.live_models->WaitUntilAtMost(models.size());
  environment_.timer->Stop();
}

}  // namespace internal

namespace {

Status CheckOptions(const EngineOptions& options) {
  constexpr int kMaxThreads = 4096;
  if (options.threads < 0 || options.threads > kMaxThreads) {
    return MakeError(ErrorCode::kOption, "threads: expected 0 to ", kMaxThreads, ", found ", options.threads);
  }
  if (options.queue_capacity < 1 || options.plan_cache_entries < 1) {
    return MakeError(ErrorCode::kOption, "queue capacity and plan cache: expected at least 1, found ",
                     options.queue_capacity, " and ", options.plan_cache_entries);
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<Engine>> Engine::Create(const EngineOptions& options) {
  MOULIN_RETURN_IF_ERROR(CheckOptions(options));
  DeviceOptions device_options;
  device_options.threads = options.threads;
  device_options.plan_only = options.plan_only;
  device_options.measure_time = options.measure_device_time;
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<Device> device, OpenDevice(options.device, device_options));
  return std::make_unique<Engine>(std::make_shared<internal::EngineImpl>(std::move(device), options));
}

Engine::Engine(std::shared_ptr<internal::EngineImpl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() { impl_->Shutdown(); }

StatusOr<std::shared_ptr<Model>> Engine::Load(const std::string& path, const ModelOptions& options) {
  return impl_->Load(path, options);
}
StatusOr<std::vector<TensorRange>> Engine::Calibrate(const std::string& path, const std::vector<NamedTensors>& examples,
                                                     const ModelOptions& options) {
  return impl_->Calibrate(path, examples, options);
}
StatusOr<Bundle> Engine::LoadBundle(const std::string& path, const ModelOptions& options) {
  return impl_->LoadBundle(path, options);
}
const std::string& Engine::device() const { return impl_->device_info().name; }
const std::string& Engine::device_description() const { return impl_->device_info().description; }
std::string Engine::NoGpuReason() { return CudaUnavailableReason(); }
void Engine::Shutdown() { impl_->Shutdown(); }

}  // namespace moulin
