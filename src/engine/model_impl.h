// A loaded model: its program, its instances and the requests that wait for them.
#ifndef MOULIN_ENGINE_MODEL_IMPL_H_
#define MOULIN_ENGINE_MODEL_IMPL_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device/device.h"
#include "engine/binding.h"
#include "engine/deadline_timer.h"
#include "engine/instance.h"
#include "engine/live_count.h"
#include "engine/program.h"
#include "engine/recent_times.h"
#include "engine/request_queue.h"
#include "engine/step_profile.h"
#include "ir/graph.h"
#include "moulin/model.h"

namespace moulin::internal {

// What of an engine a model needs.
struct ModelEnvironment {
  std::shared_ptr<Device> device;
  std::shared_ptr<DeadlineTimer> timer;
  std::shared_ptr<LiveCount> live_models;
  int queue_capacity = 1024;
  int plan_cache_entries = 32;
  bool measures_steps = false;
};

// Requests wait only while every instance is busy: Submit wakes an idle one, and one that is done looks for the next
// request before it rests. Thread-safe.
class ModelImpl : public std::enable_shared_from_this<ModelImpl> {
 public:
  // A model that runs `graph` as it stands (optimised before, see LoadGraph in engine_impl.h). `weights`, where not
  // null, are the graph's, and nobody else reads them.
  static StatusOr<std::shared_ptr<ModelImpl>> Make(std::string name, std::shared_ptr<const Graph> graph,
                                                   std::shared_ptr<Weights> weights, const ModelOptions& options,
                                                   const PassOptions& passes, const ModelEnvironment& environment);

  const ModelInterface& interface() const { return interface_; }
  const std::string& device_name() const { return environment_.device->info().name; }
  // What requests that start now run.
  std::shared_ptr<Program> program() const;
  const PassOptions& pass_options() const { return context_->passes; }
  void set_load_time(double ms) { load_ms_ = ms; }
  void set_quantization_error(double error) { quantization_error_ = error; }

  StatusOr<Future> Submit(Request request);
  StatusOr<NamedTensors> Run(Request request);
  Status Prepare(absl::Span<const InputShape> shapes);
  ModelStats stats() const;
  StepProfile& step_profile() { return step_profile_; }

  // Lets requests that start from now on run `graph`, the same model with other weights; those that run finish as they
  // are. Plans first for the shapes that were used last. E_NAME, E_DTYPE or E_SHAPE where the graph takes or gives
  // something else; the errors of planning. Nothing has changed then.
  Status Renew(std::shared_ptr<const Graph> graph, std::shared_ptr<Weights> weights);
  void NoteCheckpoint(bool is_taken) { ++(is_taken ? checkpoints_taken_ : checkpoints_refused_); }

  // Refuses further requests, completes those that wait with E_STOPPED, waits for those that run.
  void Stop();

  // For Instance.
  // What a busy instance runs next; empty where nothing waits, and then the instance is idle from now on.
  Batch NextBatch(Instance* instance);
  // `device_ms` as of Execution::device_ms, over all stages.
  void NoteSuccess(std::chrono::nanoseconds duration, double device_ms);
  // A run of this many requests.
  void NoteBatch(int64_t requests);
  StatusOr<NamedTensors> Finish(const std::vector<int>& wanted, StatusOr<Outputs> results) const;

 private:
  ModelImpl(std::string name, const std::shared_ptr<const Graph>& graph, std::shared_ptr<Weights> weights,
            std::shared_ptr<ProgramContext> context, const ModelOptions& options, const ModelEnvironment& environment);

  StatusOr<std::shared_ptr<RequestState>> Bind(Request request);
  Status StoppedError() const;
  // Queues a request, and wakes an idle instance for it.
  Status Enqueue(const std::shared_ptr<RequestState>& request);
  // Makes an idle instance busy with a request that does not pass through the queue; null where there is none, or
  // others wait already.
  StatusOr<Instance*> TakeIdleInstance();
  void GiveBack(Instance* instance);

  const LiveCount::Token alive_;  // first: all else is gone when it goes
  const ModelEnvironment environment_;
  const int queue_capacity_;
  const int64_t batch_rows_;
  const ModelInterface interface_;
  const std::shared_ptr<ProgramContext> context_;
  const std::shared_ptr<RequestCounters> counters_;
  double load_ms_ = 0;
  double quantization_error_ = 0;
  std::atomic<int64_t> first_ns_{0};
  std::atomic<int64_t> batches_{0};
  std::atomic<int64_t> joined_{0};
  RecentTimes device_ms_;
  StepProfile step_profile_;
  std::atomic<int64_t> checkpoints_taken_{0};
  std::atomic<int64_t> checkpoints_refused_{0};
  mutable std::mutex program_mutex_;
  std::shared_ptr<Program> program_;  // guarded by program_mutex_

  std::mutex mutex_;
  std::condition_variable instance_idle_;
  RequestQueue queue_;                                // guarded by mutex_
  std::vector<Instance*> idle_;                       // guarded by mutex_
  bool stopped_ = false;                              // guarded by mutex_
  std::vector<std::unique_ptr<Instance>> instances_;  // last: their streams end before the rest goes
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_MODEL_IMPL_H_
