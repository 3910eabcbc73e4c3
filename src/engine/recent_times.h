// The median of the last measurements.
#ifndef MOULIN_ENGINE_RECENT_TIMES_H_
#define MOULIN_ENGINE_RECENT_TIMES_H_

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <vector>

namespace moulin::internal {

// Keeps the last kCapacity. Thread-safe.
class RecentTimes {
 public:
  static constexpr size_t kCapacity = 1024;

  void Add(double time) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (times_.size() < kCapacity) {
      times_.push_back(time);
    } else {
      times_[next_++ % kCapacity] = time;
    }
  }
  // 0 where nothing was added.
  double Median() const {
    std::unique_lock<std::mutex> lock(mutex_);
    std::vector<double> times = times_;
    lock.unlock();
    if (times.empty()) return 0;
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<double> times_;  // guarded by mutex_
  size_t next_ = 0;            // guarded by mutex_
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_RECENT_TIMES_H_
