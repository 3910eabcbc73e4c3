// Completes requests whose deadline passes.
#ifndef MOULIN_ENGINE_DEADLINE_TIMER_H_
#define MOULIN_ENGINE_DEADLINE_TIMER_H_

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/request_state.h"

namespace moulin::internal {

// One thread, started with the first deadline. Thread-safe.
class DeadlineTimer {
 public:
  DeadlineTimer() = default;
  ~DeadlineTimer();

  // Completes `request` with E_DEADLINE at `deadline`, unless it is complete by then.
  void Watch(std::chrono::steady_clock::time_point deadline, std::weak_ptr<RequestState> request);
  // Forgets all requests and ends the thread. Must not be called from a request's callback.
  void Stop();

 private:
  struct Entry {
    std::chrono::steady_clock::time_point deadline;
    std::weak_ptr<RequestState> request;
  };
  static bool IsLater(const Entry& a, const Entry& b) { return a.deadline > b.deadline; }
  void Work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Entry> heap_;  // by IsLater; guarded by mutex_
  bool stopping_ = false;    // guarded by mutex_
  std::thread thread_;       // guarded by mutex_
};

// The status of a request whose deadline has passed.
Status DeadlineError();

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_DEADLINE_TIMER_H_
