#include "engine/instance.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/status_macros.h"
#include "engine/deadline_timer.h"
#include "engine/model_impl.h"

namespace moulin::internal {
namespace {

bool IsTooLate(RequestState& request) {
  const auto& deadline = request.request().deadline;
  return deadline.has_value() && std::chrono::steady_clock::now() >= *deadline;
}

// A run that loops for ever ends with the last deadline of its requests, or when all are cancelled.
Status CheckWanted(const Batch& batch) {
  const auto is_wanted = [](const auto& request) { return !request->is_settled() && !IsTooLate(*request); };
  return std::any_of(batch.begin(), batch.end(), is_wanted) ? absl::OkStatus() : DeadlineError();
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
    batch_.clear();
    Batch next = NextBatch(*model);
    if (next.empty()) return;  // idle; another thread may be using this instance already
    batch_ = std::move(next);
    if (Begin()) return;
  }
}

Batch Instance::NextBatch(ModelImpl& model) {
  if (alone_.empty()) return model.NextBatch(this);
  Batch next = {std::move(alone_.back())};
  alone_.pop_back();
  return next;
}

bool Instance::Begin() {
  started_ = std::chrono::steady_clock::now();
  for (const auto& request : batch_) {
    if (IsTooLate(*request)) request->Complete(model_->Finish({}, DeadlineError()));
  }
  const auto is_settled = [](const auto& request) { return request->is_settled(); };
  batch_.erase(std::remove_if(batch_.begin(), batch_.end(), is_settled), batch_.end());
  if (batch_.empty()) return false;
  StatusOr<std::vector<Tensor>> inputs = TakeInputs(batch_);
  if (!inputs.ok()) {
    Complete(inputs.status());
    return false;
  }
  program_ = model_->program();
  run_.emplace(program_.get(), *std::move(inputs));
  return LaunchStage();
}

StatusOr<Execution*> Instance::PrepareStage(StageRun* run) {
  if (run->is_nested()) MOULIN_RETURN_IF_ERROR(CheckWanted(batch_));
  MOULIN_ASSIGN_OR_RETURN(Execution * execution, run->Prepare(index_));
  execution->StopUnless([this] { return CheckWanted(batch_); });
  return execution;
}

bool Instance::LaunchStage() {
  StatusOr<Execution*> execution = PrepareStage(&*run_);
  if (!execution.ok()) {
    Complete(execution.status());
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
    Complete(outputs.status());
  } else if (run_->Advance(*std::move(outputs))) {
    Complete(std::move(run_->results()));
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

void Instance::RunHere(std::shared_ptr<RequestState> request) {
  started_ = std::chrono::steady_clock::now();
  batch_.assign(1, std::move(request));
  if (IsTooLate(*batch_[0])) return Complete(DeadlineError());
  const std::shared_ptr<Program> program = model_->program();
  StageRun run(program.get(), std::move(batch_[0]->request().inputs));
  for (;;) {
    StatusOr<Execution*> execution = PrepareStage(&run);
    if (!execution.ok()) return Complete(execution.status());
    StatusOr<Outputs> outputs = LaunchAndWait(**execution, run.TakeInputs());
    NoteTimes(**execution, run.plan());
    if (!outputs.ok()) return Complete(outputs.status());
    if (run.Advance(*std::move(outputs))) return Complete(std::move(run.results()));
  }
}

void Instance::NoteTimes(const Execution& execution, const Plan& plan) {
  device_ms_ += execution.device_ms();
  AppendTimedSteps(plan, execution.step_times(), &steps_);
}

void Instance::Complete(StatusOr<Outputs> results) {
  run_.reset();  // lets the requests' tensors go before their callers are told
  program_.reset();
  const double device_ms = std::exchange(device_ms_, 0);
  std::vector<TimedStep> steps = std::exchange(steps_, {});
  if (results.ok() && !steps.empty()) model_->step_profile().Add(std::move(steps));
  if (results.ok()) model_->NoteSuccess(std::chrono::steady_clock::now() - started_, device_ms);
  if (batch_.size() > 1) return CompleteEach(std::move(results));
  const std::shared_ptr<RequestState> request = std::move(batch_[0]);
  batch_.clear();
  request->Complete(model_->Finish(request->request().outputs, std::move(results)));
}

void Instance::CompleteEach(StatusOr<Outputs> results) {
  const Batch batch = std::move(batch_);
  batch_.clear();
  StatusOr<std::vector<Outputs>> parts = results.ok() ? SplitOutputs(batch, *results) : results.status();
  if (!parts.ok()) {
    // One request's values may have failed them all, and what the model allows may be less than all have.
    alone_.assign(batch.rbegin(), batch.rend());
    return;
  }
  model_->NoteBatch(static_cast<int64_t>(batch.size()));
  for (size_t i = 0; i < batch.size(); ++i) {
    batch[i]->request().inputs.clear();
    batch[i]->Complete(model_->Finish(batch[i]->request().outputs, std::move((*parts)[i])));
  }
}

}  // namespace moulin::internal
