// An accepted request, from the queue to its answer; what a Future points to.
#ifndef MOULIN_ENGINE_REQUEST_STATE_H_
#define MOULIN_ENGINE_REQUEST_STATE_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "moulin/request.h"

namespace moulin::internal {

// What a model counts of its requests; shared with them, for they may outlive it.
struct RequestCounters {
  std::atomic<int64_t> accepted{0};
  std::atomic<int64_t> waiting{0};
  std::atomic<int64_t> succeeded{0};
  std::atomic<int64_t> failed{0};
  std::atomic<int64_t> refused{0};
};

// A request in terms of the model: inputs in the model's order, outputs by number.
struct BoundRequest {
  std::vector<Tensor> inputs;
  std::vector<int> outputs;
  int priority = 0;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  std::function<void(const StatusOr<NamedTensors>&)> callback;
};

// Waiting, then running, then complete; or complete at once where it is withdrawn. Thread-safe: of all who try to
// complete it (run, cancellation, deadline, shutdown) exactly one does.
class RequestState {
 public:
  RequestState(BoundRequest request, std::shared_ptr<RequestCounters> counters);

  // From waiting to running; false where it has been completed meanwhile.
  bool Start();
  // Completes the request, wakes those who wait and calls the callback; false where it was complete already.
  bool Complete(StatusOr<NamedTensors> result);

  // Whether it has been completed, or is just being so.
  bool is_settled() const { return phase_.load(std::memory_order_acquire) >= Phase::kSettled; }
  bool is_ready() const { return phase_.load(std::memory_order_acquire) == Phase::kReady; }
  void Wait();
  bool WaitUntil(std::chrono::steady_clock::time_point time);
  // Of a request that is ready.
  const StatusOr<NamedTensors>& result() const { return result_; }

  // For the one that runs it.
  BoundRequest& request() { return request_; }

 private:
  enum class Phase : int { kWaiting, kRunning, kSettled, kReady };

  BoundRequest request_;
  const std::shared_ptr<RequestCounters> counters_;
  std::atomic<Phase> phase_{Phase::kWaiting};
  std::mutex mutex_;
  std::condition_variable ready_;
  StatusOr<NamedTensors> result_;  // written by the one that settles it, before kReady
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_REQUEST_STATE_H_
