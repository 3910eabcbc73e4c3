// Tested by tests/device/stream_test.cc, under ThreadSanitizer too.
#include "device/host/stream.h"

#include <algorithm>
#include <utility>

namespace moulin {

void HostEvent::Signal(uint64_t record) {
  // Told under the lock, which Wait always takes: whoever has waited may destroy the event at once.
  std::lock_guard<std::mutex> lock(mutex_);
  passed_ = std::max(passed_, record);
  passed_changed_.notify_all();
}

void HostEvent::Wait(uint64_t record) {
  std::unique_lock<std::mutex> lock(mutex_);
  passed_changed_.wait(lock, [&] { return passed_ >= record; });
}

void HostStream::Record(Event& event) {
  HostEvent* e = static_cast<HostEvent*>(&event);
  const uint64_t record = e->Enqueue();
  Enqueue([e, record] { e->Signal(record); });
}

void HostStream::Wait(Event& event) {
  HostEvent* e = static_cast<HostEvent*>(&event);
  const uint64_t record = e->enqueued();
  Enqueue([e, record] { e->Wait(record); });
}

struct ThreadStream::Queue {
  // Counts a task as done.
  void NoteDone();

  std::mutex mutex;
  std::condition_variable work_or_stop;
  std::condition_variable done_changed;
  std::vector<Task> waiting;
  uint64_t enqueued = 0;  // tasks, ever; guarded by mutex like the other plain members
  // Either a task that ends sees that someone synchronizes, or that one sees that the task is done.
  std::atomic<uint64_t> done{0};  // tasks, ever
  std::atomic<int> synchronizing{0};
  bool sleeping = false;  // the thread is or is about to be in work_or_stop
  bool stopping = false;
};

ThreadStream::ThreadStream() : queue_(std::make_shared<Queue>()), thread_(Work, queue_) {}

ThreadStream::~ThreadStream() {
  {
    std::lock_guard<std::mutex> lock(queue_->mutex);
    queue_->stopping = true;
  }
  queue_->work_or_stop.notify_one();
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void ThreadStream::Enqueue(Task task) {
  bool wake;
  {
    std::lock_guard<std::mutex> lock(queue_->mutex);
    wake = queue_->sleeping;
    queue_->sleeping = false;
    queue_->waiting.push_back(std::move(task));
    ++queue_->enqueued;
  }
  if (wake) queue_->work_or_stop.notify_one();
}

void ThreadStream::Synchronize() {
  std::unique_lock<std::mutex> lock(queue_->mutex);
  const uint64_t target = queue_->enqueued;
  ++queue_->synchronizing;
  queue_->done_changed.wait(lock, [&] { return queue_->done >= target; });
  --queue_->synchronizing;
}

void ThreadStream::Queue::NoteDone() {
  ++done;
  if (synchronizing == 0) return;
  // Not between the other's look at `done` and its sleep.
  std::lock_guard<std::mutex> lock(mutex);
  done_changed.notify_all();
}

void ThreadStream::Work(std::shared_ptr<Queue> queue) {
  std::vector<Task> taken;  // swapped with `waiting`, so that neither is allocated anew
  std::unique_lock<std::mutex> lock(queue->mutex);
  for (;;) {
    while (queue->waiting.empty()) {
      if (queue->stopping) return;
      queue->sleeping = true;
      queue->work_or_stop.wait(lock);
    }
    queue->sleeping = false;
    taken.swap(queue->waiting);
    lock.unlock();
    for (Task& task : taken) {
      task();
      task = nullptr;  // what it holds goes before the next task begins
      queue->NoteDone();
    }
    taken.clear();
    lock.lock();
  }
}

}  // namespace moulin
