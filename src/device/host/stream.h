// Streams and events of the host: a stream is a thread that takes tasks in order, an event a counter.
#ifndef MOULIN_DEVICE_HOST_STREAM_H_
#define MOULIN_DEVICE_HOST_STREAM_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "device/device.h"

namespace moulin {

// Counts records enqueued and records passed, so that it can be used again and again: Stream::Wait waits for the
// records enqueued before it. Thread-safe.
class HostEvent : public Event {
 public:
  // Announces a record; what Signal is to be called with.
  uint64_t Enqueue() { return enqueued_.fetch_add(1, std::memory_order_acq_rel) + 1; }
  // The latest record announced; what Wait is to be called with.
  uint64_t enqueued() const { return enqueued_.load(std::memory_order_acquire); }
  // Passes record number `record`.
  void Signal(uint64_t record);
  // Blocks until record number `record` has been passed.
  void Wait(uint64_t record);

 private:
  std::atomic<uint64_t> enqueued_{0};
  std::mutex mutex_;
  uint64_t passed_ = 0;  // guarded by mutex_
  std::condition_variable passed_changed_;
};

// What executables of the host are launched on.
class HostStream : public Stream {
 public:
  using Task = std::function<void()>;
  // Runs `task` after those enqueued before it.
  virtual void Enqueue(Task task) = 0;

  void Record(Event& event) override;
  void Wait(Event& event) override;
  void Then(std::function<void()> callback) override { Enqueue(std::move(callback)); }
};

// A stream with a thread of its own. It may be destroyed from a task of its own: its thread then ends by itself after
// finishing what has been enqueued.
class ThreadStream : public HostStream {
 public:
  ThreadStream();
  ~ThreadStream() override;
  void Enqueue(Task task) override;
  // Must not be called from a task of this stream.
  void Synchronize() override;

 private:
  struct Queue;  // shared with the thread, which may outlive the stream
  static void Work(std::shared_ptr<Queue> queue);

  std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

// A stream without a thread: Enqueue runs the task at once on the calling thread.
class CallerStream : public HostStream {
 public:
  void Enqueue(Task task) override { task(); }
  void Synchronize() override {}
};

}  // namespace moulin

#endif  // MOULIN_DEVICE_HOST_STREAM_H_
