#include "engine/request_state.h"

#include <utility>

#include "absl/strings/strip.h"
#include "base/errors.h"

namespace moulin {

const Tensor* FindTensor(const NamedTensors& tensors, absl::string_view name) {
  name = absl::StripSuffix(name, ":0");
  for (const auto& [key, tensor] : tensors) {
    if (absl::StripSuffix(key, ":0") == name) return &tensor;
  }
  return nullptr;
}

bool Future::ready() const { return state_->is_ready(); }
void Future::Wait() const { state_->Wait(); }

bool Future::WaitFor(std::chrono::nanoseconds timeout) const {
  const auto now = std::chrono::steady_clock::now();
  // A timeout beyond the end of time is for ever.
  if (timeout >= std::chrono::steady_clock::time_point::max() - now) {
    state_->Wait();
    return true;
  }
  return state_->WaitUntil(now + timeout);
}

StatusOr<NamedTensors> Future::Get() const {
  state_->Wait();
  return state_->result();
}

bool Future::Cancel() const {
  return state_->Complete(MakeError(ErrorCode::kCancelled, "the request was cancelled by its caller"));
}

namespace internal {

RequestState::RequestState(BoundRequest request, std::shared_ptr<RequestCounters> counters)
    : request_(std::move(request)), counters_(std::move(counters)), result_(absl::UnknownError("not complete")) {}

bool RequestState::Start() {
  Phase expected = Phase::kWaiting;
  if (!phase_.compare_exchange_strong(expected, Phase::kRunning, std::memory_order_acq_rel)) return false;
  counters_->waiting.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

bool RequestState::Complete(StatusOr<NamedTensors> result) {
  Phase phase = phase_.load(std::memory_order_acquire);
  do {
    if (phase >= Phase::kSettled) return false;
  } while (!phase_.compare_exchange_weak(phase, Phase::kSettled, std::memory_order_acq_rel));
  if (phase == Phase::kWaiting) counters_->waiting.fetch_sub(1, std::memory_order_relaxed);
  (result.ok() ? counters_->succeeded : counters_->failed).fetch_add(1, std::memory_order_relaxed);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    result_ = std::move(result);
    phase_.store(Phase::kReady, std::memory_order_release);
  }
  ready_.notify_all();
  // What the callback holds goes with it: often the model or this very future.
  if (auto callback = std::exchange(request_.callback, nullptr)) callback(result_);
  return true;
}

void RequestState::Wait() {
  if (is_ready()) return;
  std::unique_lock<std::mutex> lock(mutex_);
  ready_.wait(lock, [&] { return is_ready(); });
}

bool RequestState::WaitUntil(std::chrono::steady_clock::time_point time) {
  if (is_ready()) return true;
  std::unique_lock<std::mutex> lock(mutex_);
  return ready_.wait_until(lock, time, [&] { return is_ready(); });
}

}  // namespace internal
}  // namespace moulin
