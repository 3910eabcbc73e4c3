// Tested by tests/engine/.
#include "engine/model_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::internal {
namespace {

constexpr int kMaxInstances = 256;
constexpr int64_t kMaxBatchRows = 1 << 20;

Status AtModel(const Status& status, const std::string& name) {
  return Status(status.code(), absl::StrCat(status.message(), "; model \"", Printable(name), "\""));
}

}  // namespace

StatusOr<std::shared_ptr<ModelImpl>> ModelImpl::Make(std::string name, std::shared_ptr<const Graph> graph,
                                                     std::shared_ptr<Weights> weights, const ModelOptions& options,
                                                     const PassOptions& passes, const ModelEnvironment& environment) {
  if (options.instances < 0 || options.instances > kMaxInstances || options.max_lanes < 0 ||
      options.queue_capacity < 0 || options.memory_budget_bytes < 0 || options.max_batch < 0) {
    return MakeError(ErrorCode::kOption, "model options: expected 0 to ", kMaxInstances,
                     " instances; lanes, queue capacity, memory budget and batch limit of 0 or more; found ",
                     options.instances, ", ", options.max_lanes, ", ", options.queue_capacity, ", ",
                     options.memory_budget_bytes, " and ", options.max_batch);
  }
  if (options.batch_rows < 0 || options.batch_rows > kMaxBatchRows) {
    return MakeError(ErrorCode::kOption, "model options: expected 0 to ", kMaxBatchRows, " batch rows, found ",
                     options.batch_rows);
  }
  auto context = std::make_shared<ProgramContext>();
  const int device_lanes = std::max(environment.device->info().max_lanes, 1);
  context->device = environment.device;
  context->passes = passes;
  context->plan.max_lanes = options.max_lanes > 0 ? options.max_lanes : device_lanes;
  context->cache_entries = environment.plan_cache_entries;
  context->instances = options.instances > 0 ? options.instances : std::max(environment.device->info().instances, 1);
  context->memory_budget_bytes = options.memory_budget_bytes;
  context->measures_steps = environment.measures_steps;
  const int launch_streams = environment.device->info().launch_streams;
  const int streams = launch_streams > 0 ? launch_streams : context->plan.max_lanes;
  std::shared_ptr<ModelImpl> model(
      new ModelImpl(std::move(name), graph, std::move(weights), context, options, environment));
  if (options.batch_rows > 0) MOULIN_RETURN_IF_ERROR(model->interface_.CheckJoinable());
  for (int i = 0; i < context->instances; ++i) {
    MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<Instance> instance,
                            Instance::Make(model.get(), i, environment.device.get(), streams, options.priority));
    model->idle_.push_back(instance.get());
    model->instances_.push_back(std::move(instance));
  }
  return model;
}

ModelImpl::ModelImpl(std::string name, const std::shared_ptr<const Graph>& graph, std::shared_ptr<Weights> weights,
                     std::shared_ptr<ProgramContext> context, const ModelOptions& options,
                     const ModelEnvironment& environment)
    : alive_(environment.live_models),
      environment_(environment),
      queue_capacity_(options.queue_capacity > 0 ? options.queue_capacity : environment.queue_capacity),
      batch_rows_(options.batch_rows),
      interface_(std::move(name), *graph, options.max_batch),
      context_(std::move(context)),
      counters_(std::make_shared<RequestCounters>()),
      program_(std::make_shared<Program>(graph, context_, std::move(weights))) {}

Status ModelImpl::StoppedError() const {
  return MakeError(ErrorCode::kStopped, "model \"", Printable(interface_.name()), "\": the engine is shut down");
}

StatusOr<std::shared_ptr<RequestState>> ModelImpl::Bind(Request request) {
  StatusOr<BoundRequest> bound = interface_.Bind(std::move(request));
  if (!bound.ok()) {
    counters_->refused.fetch_add(1, std::memory_order_relaxed);
    return bound.status();
  }
  return std::make_shared<RequestState>(*std::move(bound), counters_);
}

Status ModelImpl::Enqueue(const std::shared_ptr<RequestState>& request) {
  Instance* instance = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return StoppedError();
    const int64_t waiting = counters_->waiting.load(std::memory_order_relaxed);
    // While an instance is idle nothing waits for long.
    if (idle_.empty() && waiting >= queue_capacity_) {
      counters_->refused.fetch_add(1, std::memory_order_relaxed);
      return MakeError(ErrorCode::kQueueFull, "model \"", Printable(interface_.name()), "\": ", waiting,
                       " requests wait, as many as may");
    }
    counters_->accepted.fetch_add(1, std::memory_order_relaxed);
    counters_->waiting.fetch_add(1, std::memory_order_relaxed);
    queue_.Push(request);
    if (!idle_.empty()) {
      instance = idle_.back();
      idle_.pop_back();
    }
  }
  if (instance != nullptr) instance->StartPumping(shared_from_this());
  return absl::OkStatus();
}

StatusOr<Future> ModelImpl::Submit(Request request) {
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<RequestState> state, Bind(std::move(request)));
  const auto deadline = state->request().deadline;  // read before it may be running
  MOULIN_RETURN_IF_ERROR(Enqueue(state));
  if (deadline.has_value()) environment_.timer->Watch(*deadline, state);
  return Future(std::move(state));
}

StatusOr<Instance*> ModelImpl::TakeIdleInstance() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopped_) return StoppedError();
  if (idle_.empty() || queue_.size() > 0 || !idle_.back()->can_run_here()) return nullptr;
  Instance* instance = idle_.back();
  idle_.pop_back();
  counters_->accepted.fetch_add(1, std::memory_order_relaxed);
  counters_->waiting.fetch_add(1, std::memory_order_relaxed);
  return instance;
}

StatusOr<NamedTensors> ModelImpl::Run(Request request) {
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<RequestState> state, Bind(std::move(request)));
  MOULIN_ASSIGN_OR_RETURN(Instance * instance, TakeIdleInstance());
  if (instance != nullptr) {
    state->Start();
    instance->RunHere(state);
    GiveBack(instance);
  } else {
    MOULIN_RETURN_IF_ERROR(Enqueue(state));
    state->Wait();
  }
  return state->result();
}

void ModelImpl::GiveBack(Instance* instance) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (queue_.size() == 0) {
      idle_.push_back(instance);
      instance_idle_.notify_all();
      return;
    }
  }
  instance->StartPumping(shared_from_this());
}

Batch ModelImpl::NextBatch(Instance* instance) {
  std::lock_guard<std::mutex> lock(mutex_);
  Batch batch = queue_.Pop(batch_rows_);
  if (batch.empty()) {
    instance->ReleaseModel();
    idle_.push_back(instance);
    instance_idle_.notify_all();
  }
  return batch;
}

void ModelImpl::NoteBatch(int64_t requests) {
  batches_.fetch_add(1, std::memory_order_relaxed);
  joined_.fetch_add(requests, std::memory_order_relaxed);
}

void ModelImpl::NoteSuccess(std::chrono::nanoseconds duration, double device_ms) {
  if (device_ms > 0) device_ms_.Add(device_ms);
  if (first_ns_.load(std::memory_order_relaxed) != 0) return;
  int64_t none = 0;
  first_ns_.compare_exchange_strong(none, std::max<int64_t>(duration.count(), 1), std::memory_order_relaxed);
}

StatusOr<NamedTensors> ModelImpl::Finish(const std::vector<int>& wanted, StatusOr<Outputs> results) const {
  if (!results.ok()) return AtModel(results.status(), interface_.name());
  return interface_.NameOutputs(wanted, *std::move(results));
}

Status ModelImpl::Prepare(absl::Span<const InputShape> shapes) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return StoppedError();
  }
  MOULIN_ASSIGN_OR_RETURN(const std::vector<Shape> bound, interface_.BindShapes(shapes));
  const Status status = program()->StageForShapes(bound).status();
  return status.ok() ? status : AtModel(status, interface_.name());
}

std::shared_ptr<Program> ModelImpl::program() const {
  std::lock_guard<std::mutex> lock(program_mutex_);
  return program_;
}

namespace {

// The same names, tensors, types and shapes.
Status CheckSame(const std::vector<TensorInfo>& found, const std::vector<TensorInfo>& expected, const char* what) {
  if (found.size() != expected.size()) {
    return MakeError(ErrorCode::kName, "the newer graph has ", found.size(), " ", what, "s, the model ",
                     expected.size());
  }
  for (size_t i = 0; i < found.size(); ++i) {
    const TensorInfo &a = found[i], &b = expected[i];
    if (a.name != b.name) {
      return MakeError(ErrorCode::kName, "the newer graph has the ", what, " \"", Printable(a.name), "\", the model \"",
                       Printable(b.name), "\"");
    }
    if (a.dtype == b.dtype && a.shape == b.shape) continue;
    return MakeError(a.dtype == b.dtype ? ErrorCode::kShape : ErrorCode::kDType, what, " \"", Printable(a.name),
                     "\" is ", ShortName(a.dtype), a.shape.ToString(), " in the newer graph, in the model ",
                     ShortName(b.dtype), b.shape.ToString());
  }
  return absl::OkStatus();
}

}  // namespace

Status ModelImpl::Renew(std::shared_ptr<const Graph> graph, std::shared_ptr<Weights> weights) {
  constexpr size_t kPreparedShapes = 4;
  const ModelInterface found(interface_.name(), *graph);
  MOULIN_RETURN_IF_ERROR(CheckSame(found.inputs(), interface_.inputs(), "input"));
  MOULIN_RETURN_IF_ERROR(CheckSame(found.outputs(), interface_.outputs(), "output"));
  auto renewed = std::make_shared<Program>(std::move(graph), context_, std::move(weights));
  std::vector<std::vector<Shape>> shapes = program()->cached_shapes();
  shapes.resize(std::min(shapes.size(), kPreparedShapes));
  for (const std::vector<Shape>& inputs : shapes) {
    MOULIN_RETURN_IF_ERROR(renewed->StageForShapes(inputs).status());
  }
  std::lock_guard<std::mutex> lock(program_mutex_);
  program_.swap(renewed);  // the old one goes when the last request that runs it does
  return absl::OkStatus();
}

ModelStats ModelImpl::stats() const {
  ModelStats stats;
  stats.load_ms = load_ms_;
  stats.quantization_error = quantization_error_;
  stats.first_ms = static_cast<double>(first_ns_.load(std::memory_order_relaxed)) / 1e6;
  stats.device_ms = device_ms_.Median();
  stats.constant_bytes = environment_.device->constant_bytes();
  stats.arena_bytes = context_->arena_bytes.now();
  stats.peak_bytes = stats.constant_bytes + context_->arena_bytes.peak();
  stats.accepted = counters_->accepted.load(std::memory_order_relaxed);
  stats.waiting = counters_->waiting.load(std::memory_order_relaxed);
  stats.succeeded = counters_->succeeded.load(std::memory_order_relaxed);
  stats.failed = counters_->failed.load(std::memory_order_relaxed);
  stats.refused = counters_->refused.load(std::memory_order_relaxed);
  stats.batches = batches_.load(std::memory_order_relaxed);
  stats.joined = joined_.load(std::memory_order_relaxed);
  stats.plans = program()->cached();
  stats.checkpoints_taken = checkpoints_taken_.load(std::memory_order_relaxed);
  stats.checkpoints_refused = checkpoints_refused_.load(std::memory_order_relaxed);
  return stats;
}

void ModelImpl::Stop() {
  std::vector<std::shared_ptr<RequestState>> waiting;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    waiting = queue_.Drain();
  }
  for (const auto& request : waiting) request->Complete(StoppedError());
  {
    std::unique_lock<std::mutex> lock(mutex_);
    instance_idle_.wait(lock, [&] { return idle_.size() == instances_.size(); });
  }
  for (const auto& instance : instances_) instance->WaitUntilQuiet();
}

}  // namespace moulin::internal
