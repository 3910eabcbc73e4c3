// Waiting that ThreadSanitizer takes for no synchronisation, and flags whose setting is one: what a stand-in for a
// device needs so that it orders nothing beyond what the device would. Linux alone (futex).
#ifndef MOULIN_TESTS_CUDA_RUNTIME_INVISIBLE_H_
#define MOULIN_TESTS_CUDA_RUNTIME_INVISIBLE_H_

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <mutex>

#if defined(__SANITIZE_THREAD__)
extern "C" {
void AnnotateIgnoreSyncBegin(const char* file, int line);
void AnnotateIgnoreSyncEnd(const char* file, int line);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

namespace moulin::fake_cuda {

// Makes ThreadSanitizer look away from what this thread does, or look at it again.
inline void Hide() {
#if defined(__SANITIZE_THREAD__)
  AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
  AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
#endif
}
inline void Show() {
#if defined(__SANITIZE_THREAD__)
  AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
  AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
#endif
}

// Holds a lock that orders nothing, though it excludes: threads that call the runtime one after another are not
// synchronised by that. What is done under it is not seen by ThreadSanitizer at all.
class HiddenLock {
 public:
  explicit HiddenLock(std::mutex& mutex) : mutex_(mutex) {
    Hide();
    mutex_.lock();
  }
  ~HiddenLock() {
    mutex_.unlock();
    Show();
  }
  HiddenLock(const HiddenLock&) = delete;
  HiddenLock& operator=(const HiddenLock&) = delete;

 private:
  std::mutex& mutex_;
};

// For what is to be seen nevertheless, under a HiddenLock.
class Shown {
 public:
  Shown() { Show(); }
  ~Shown() { Hide(); }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;
};

// Wakes sleepers; orders nothing. A sleeper reads count(), looks whether what it waits for is there, and if not sleeps
// until the bell has rung since.
class Bell {
 public:
  uint32_t count() const { return count_.load(std::memory_order_relaxed); }
  void Ring() {
    count_.fetch_add(1, std::memory_order_release);  // behind what it announces; nobody acquires
    syscall(SYS_futex, Word(), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }
  void SleepUnlessRungSince(uint32_t count) const {
    syscall(SYS_futex, Word(), FUTEX_WAIT_PRIVATE, count, nullptr, nullptr, 0);
  }

 private:
  uint32_t* Word() const { return const_cast<uint32_t*>(reinterpret_cast<const uint32_t*>(&count_)); }
  std::atomic<uint32_t> count_{0};
};

// Set once. What came before Set happens before what follows a wait, or a true IsSet.
class Flag {
 public:
  void Set() {
    is_set_.store(true, std::memory_order_release);
    bell_.Ring();
  }
  bool IsSet() const { return is_set_.load(std::memory_order_acquire); }
  void Wait() const {
    for (;;) {
      const uint32_t seen = bell_.count();
      if (IsSet()) return;
      bell_.SleepUnlessRungSince(seen);
    }
  }

 private:
  std::atomic<bool> is_set_{false};
  Bell bell_;
};

// Lets work pass that was enqueued before the gate was last opened. Orders nothing.
class Gate {
 public:
  void OpenUpTo(int64_t ticket) {
    int64_t seen = open_.load(std::memory_order_relaxed);
    while (seen < ticket && !open_.compare_exchange_weak(seen, ticket, std::memory_order_relaxed)) {
    }
    bell_.Ring();
  }
  void Pass(int64_t ticket) const {
    for (;;) {
      const uint32_t seen = bell_.count();
      if (open_.load(std::memory_order_relaxed) >= ticket) return;
      bell_.SleepUnlessRungSince(seen);
    }
  }
  void Shut() { open_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> open_{0};
  Bell bell_;
};

}  // namespace moulin::fake_cuda

#endif  // MOULIN_TESTS_CUDA_RUNTIME_INVISIBLE_H_
