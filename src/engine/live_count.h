// Counts objects that are alive, being destroyed included.
#ifndef MOULIN_ENGINE_LIVE_COUNT_H_
#define MOULIN_ENGINE_LIVE_COUNT_H_

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

namespace moulin::internal {

// A model may be destroyed by a thread of the device, when the last request that kept it alive is done. Shutdown waits
// for that, so that nothing of a device is in use once its engine is gone. Thread-safe.
class LiveCount {
 public:
  // One more while it lives: an object's first member, so that it goes last.
  class Token {
   public:
    explicit Token(std::shared_ptr<LiveCount> count) : count_(std::move(count)) {
      if (count_ != nullptr) count_->Add(1);
    }
    ~Token() {
      if (count_ != nullptr) count_->Add(-1);
    }
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;

   private:
    const std::shared_ptr<LiveCount> count_;
  };

  // Blocks until there are no more than `most`.
  void WaitUntilAtMost(size_t most) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return count_ <= static_cast<std::ptrdiff_t>(most); });
  }

 private:
  void Add(std::ptrdiff_t n) {
    std::lock_guard<std::mutex> lock(mutex_);
    count_ += n;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::ptrdiff_t count_ = 0;  // guarded by mutex_
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_LIVE_COUNT_H_
