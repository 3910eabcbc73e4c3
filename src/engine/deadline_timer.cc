#include "engine/deadline_timer.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"

namespace moulin::internal {

Status DeadlineError() { return MakeError(ErrorCode::kDeadline, "the request had no result when its deadline passed"); }

DeadlineTimer::~DeadlineTimer() { Stop(); }

void DeadlineTimer::Watch(std::chrono::steady_clock::time_point deadline, std::weak_ptr<RequestState> request) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return;
  heap_.push_back({deadline, std::move(request)});
  std::push_heap(heap_.begin(), heap_.end(), IsLater);
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  changed_.notify_one();
}

void DeadlineTimer::Stop() {
  std::thread thread;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    heap_.clear();
    thread = std::move(thread_);
  }
  changed_.notify_one();
  if (thread.joinable()) thread.join();
}

void DeadlineTimer::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    if (heap_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto next = heap_.front().deadline;
    if (std::chrono::steady_clock::now() < next) {
      changed_.wait_until(lock, next);
      continue;
    }
    std::pop_heap(heap_.begin(), heap_.end(), IsLater);
    const std::shared_ptr<RequestState> request = heap_.back().request.lock();
    heap_.pop_back();
    if (request == nullptr) continue;
    lock.unlock();  // the callback may submit
    request->Complete(DeadlineError());
    lock.lock();
  }
}

}  // namespace moulin::internal
