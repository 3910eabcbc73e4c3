// One of the places where requests of a model run, one batch at a time, with streams of its own.
#ifndef MOULIN_ENGINE_INSTANCE_H_
#define MOULIN_ENGINE_INSTANCE_H_

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "device/device.h"
#include "engine/batch.h"
#include "engine/request_state.h"
#include "engine/stage_run.h"
#include "engine/step_profile.h"

namespace moulin::internal {

class ModelImpl;

// Idle or busy, as the model knows. A busy one belongs to whoever made it so: Pump's chain of callbacks on the device's
// threads, or the thread in RunHere.
class Instance {
 public:
  static StatusOr<std::unique_ptr<Instance>> Make(ModelImpl* model, int index, Device* device, int num_streams,
                                                  int priority);

  // Takes requests from the model's queue and runs them until there are none. Returns at once; the work is done on the
  // thread of lane 0, which each batch but the first reaches without a change of thread. `model` is kept alive until
  // the instance is idle again.
  void StartPumping(std::shared_ptr<ModelImpl> model);
  // Called by the model, under its lock, when it takes the instance to be idle.
  void ReleaseModel() { keep_alive_.reset(); }

  // Blocks until the device's threads have left this instance, which must be idle. Not to be called by one of them.
  void WaitUntilQuiet() {
    for (const auto& stream : streams_) stream->Synchronize();
  }

  // Whether RunHere can be called.
  bool can_run_here() const { return caller_stream_ != nullptr; }
  // Runs one request, lane 0 of it on the calling thread; returns when it is complete. The instance stays busy.
  void RunHere(std::shared_ptr<RequestState> request);

 private:
  Instance(ModelImpl* model, int index) : model_(model), index_(index) {}

  void Pump();
  // What is to run next; empty where there is nothing, and then the instance is idle.
  Batch NextBatch(ModelImpl& model);
  // Starts the run of batch_, but for those of it that are too late; false where nothing was launched.
  bool Begin();
  // Launches the current stage; false where that failed, and the batch is complete.
  bool LaunchStage();
  void OnStageDone(StatusOr<Outputs> outputs);
  StatusOr<Execution*> PrepareStage(StageRun* run);
  StatusOr<Outputs> LaunchAndWait(Execution& execution, std::vector<Tensor> inputs);
  void NoteTimes(const Execution& execution, const Plan& plan);
  void Complete(StatusOr<Outputs> results);
  void CompleteEach(StatusOr<Outputs> results);

  ModelImpl* const model_;
  const int index_;
  std::vector<std::unique_ptr<Stream>> streams_;  // one a lane
  std::unique_ptr<Stream> caller_stream_;
  std::vector<Stream*> lanes_;         // streams_
  std::vector<Stream*> caller_lanes_;  // the same with caller_stream_ for lane 0

  std::shared_ptr<ModelImpl> keep_alive_;          // while pumping
  Batch batch_;                                    // that runs
  Batch alone_;                                    // to be run one by one, for together they failed
  std::shared_ptr<Program> program_;  // of run_
  std::optional<StageRun> run_;
  std::chrono::steady_clock::time_point started_;  // of the batch
  double device_ms_ = 0;                           // of the batch's stages so far
  std::vector<TimedStep> steps_;                   // the same, where they are measured
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_INSTANCE_H_
