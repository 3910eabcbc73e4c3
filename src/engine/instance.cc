#include "engine/instance.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/status_macros.h"
#include "engine/deadline_timer.h"
#include "engine/model_impl.h"

namespace moulin::internal {
namespace {

bool IsTooLate(const RequestState& request) {
  const auto& deadline = const_cast<RequestState&>(request).request().deadline;
  return deadline.has_value() && std::chrono::steady_clock::now() >= *deadline;
}

// A request that loops for ever ends with its deadline, or when it is cancelled.
Status CheckWanted(const RequestState& request) {
  return request.is_settled() || IsTooLate(request) ? DeadlineError() : absl::OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<Instance>> Instance::Make(ModelImpl* model, int index, Device* device, int num_streams,
                                                   int priority) {
  std::unique_ptr<Instance> instance(new Instance(model, index));
  for (int lane = 0; lane < num_streams; ++lane) {
    MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<Stream> stream, device->NewStream(priority));
    instance->lanes_.push_back(stream.get());
    instance->streams_.push_back(std::move(stream));
  }
  instance->caller_stream_ = device->NewCallerStream();
  instance->caller_lanes_ = instance->lanes_;
  instance->caller_lanes_[0] = instance->caller_stream_.get();
  return instance;
}

void Instance::StartPumping(std::shared_ptr<ModelImpl> model) {
  keep_alive_ = std::move(model);
  lanes_[0]->Then([this] { Pump(); });
}

void Instance::Pump() {
  // Held until this returns: the last use of the model may be the one that ends here.
  const std::shared_ptr<ModelImpl> model = keep_alive_;
  for (;;) {
    request_.reset();
    std::shared_ptr<RequestState> next = model->NextRequest(this);
    if (next == nullptr) return;  // idle; another thread may be using this instance already
    request_ = std::move(next);
    started_ = std::chrono::steady_clock::now();
    if (IsTooLate(*request_)) {
      Complete(*request_, DeadlineError());
      continue;
    }
    program_ = model->program();
    run_.emplace(program_.get(), std::move(request_->request().inputs));
    if (LaunchStage()) return;
  }
}

StatusOr<Execution*> Instance::PrepareStage(const RequestState& request, StageRun* run) {
  if (run->is_nested()) MOULIN_RETURN_IF_ERROR(CheckWanted(request));
  MOULIN_ASSIGN_OR_RETURN(Execution * execution, run->Prepare(index_));
  execution->StopUnless([&request] { return CheckWanted(request); });
  return execution;
}

bool Instance::LaunchStage() {
  StatusOr<Execution*> execution = PrepareStage(*request_, &*run_);
  if (!execution.ok()) {
    Complete(*request_, execution.status());
    return false;
  }
  (*execution)->Launch(lanes_, run_->TakeInputs(), [this, stage = *execution](StatusOr<Outputs> outputs) {
    NoteTimes(*stage, run_->plan());
    OnStageDone(std::move(outputs));
  });
  return true;
}

void Instance::OnStageDone(StatusOr<Outputs> outputs) {
  if (!outputs.ok()) {
    Complete(*request_, outputs.status());
  } else if (run_->Advance(*std::move(outputs))) {
    Complete(*request_, std::move(run_->results()));
  } else if (LaunchStage()) {
    return;
  }
  Pump();
}

StatusOr<Outputs> Instance::LaunchAndWait(Execution& execution, std::vector<Tensor> inputs) {
  // Lane 0 has run when Launch returns, but another lane may be the last.
  std::mutex mutex;
  std::condition_variable done;
  std::optional<StatusOr<Outputs>> result;
  execution.Launch(caller_lanes_, std::move(inputs), [&](StatusOr<Outputs> outputs) {
    std::lock_guard<std::mutex> lock(mutex);
    result.emplace(std::move(outputs));
    done.notify_one();
  });
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [&] { return result.has_value(); });
  return *std::move(result);
}

void Instance::RunHere(RequestState& request) {
  started_ = std::chrono::steady_clock::now();
  if (IsTooLate(request)) return Complete(request, DeadlineError());
  const std::shared_ptr<Program> program = model_->program();
  StageRun run(program.get(), std::move(request.request().inputs));
  for (;;) {
    StatusOr<Execution*> execution = PrepareStage(request, &run);
    if (!execution.ok()) return Complete(request, execution.status());
    StatusOr<Outputs> outputs = LaunchAndWait(**execution, run.TakeInputs());
    NoteTimes(**execution, run.plan());
    if (!outputs.ok()) return Complete(request, outputs.status());
    if (run.Advance(*std::move(outputs))) return Complete(request, std::move(run.results()));
  }
}

void Instance::NoteTimes(const Execution& execution, const Plan& plan) {
  device_ms_ += execution.device_ms();
  AppendTimedSteps(plan, execution.step_times(), &steps_);
}

void Instance::Complete(RequestState& request, StatusOr<Outputs> results) {
  run_.reset();  // lets the request's tensors go before its caller is told
  program_.reset();
  const double device_ms = std::exchange(device_ms_, 0);
  std::vector<TimedStep> steps = std::exchange(steps_, {});
  if (results.ok() && !steps.empty()) model_->step_profile().Add(std::move(steps));
  if (results.ok()) model_->NoteSuccess(std::chrono::steady_clock::now() - started_, device_ms);
  request.Complete(model_->Finish(request.request().outputs, std::move(results)));
}

}  // namespace moulin::internal
