// Blocks as threads of the machine, for ThreadSanitizer. Locks order what a GPU orders and no more, lest they hide a
// missing barrier of the kernel: threads meet under a lock of their warp, or of the block for barriers, but each waits
// under a lock of its own, which only the one that came last takes. (Did it wait under the common lock it would, waking
// late, also take up what others did after the barrier, before they came to the next.)
#if defined(MOULIN_EMULATE_WITH_THREADS)

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "emulator/block.h"
#include "emulator/warp.h"

namespace moulin::emulator {
namespace {

// Threads that are kept from block to block and launch to launch. Used by one launch at a time.
class Workers {
 public:
  static Workers& Get() {
    static Workers* const workers = new Workers;
    return *workers;
  }
  std::mutex& launch_mutex() { return launch_mutex_; }

  // Calls body(0) .. body(n - 1) at once, each in a thread of its own, and returns when all have returned.
  void Run(int n, const std::function<void(int)>& body) {
    while (static_cast<int>(workers_.size()) < n) AddWorker();
    {
      const std::lock_guard<std::mutex> lock(done_mutex_);
      running_ = n;
    }
    for (int i = 0; i < n; ++i) {
      const std::lock_guard<std::mutex> lock(workers_[i]->mutex);
      workers_[i]->body = &body;
      workers_[i]->start.notify_one();
    }
    std::unique_lock<std::mutex> lock(done_mutex_);
    done_.wait(lock, [&] { return running_ == 0; });
  }

 private:
  struct Worker {
    std::mutex mutex;
    std::condition_variable start;
    const std::function<void(int)>* body = nullptr;  // guarded by mutex; null: nothing to do
  };

  void AddWorker() {
    workers_.push_back(std::make_unique<Worker>());
    std::thread([this, worker = workers_.back().get(), i = static_cast<int>(workers_.size()) - 1] {
      Loop(worker, i);
    }).detach();
  }
  void Loop(Worker* worker, int number) {
    for (;;) {
      const std::function<void(int)>* body;
      {
        std::unique_lock<std::mutex> lock(worker->mutex);
        worker->start.wait(lock, [&] { return worker->body != nullptr; });
        body = std::exchange(worker->body, nullptr);
      }
      (*body)(number);
      const std::lock_guard<std::mutex> lock(done_mutex_);
      if (--running_ == 0) done_.notify_one();
    }
  }

  std::mutex launch_mutex_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex done_mutex_;
  std::condition_variable done_;
  int running_ = 0;  // guarded by done_mutex_
};

class ThreadBlock : public Block {
 public:
  ThreadBlock(const Launch& launch, const Schedule& schedule)
      : launch_(launch),
        shared_(launch.shared_bytes, schedule.poison),
        warps_((launch.threads() + 31) / 32),
        waits_(launch.threads()) {
    for (auto& warp : warps_) warp = std::make_unique<LockedWarp>();
    for (auto& wait : waits_) wait = std::make_unique<Wait>();
  }

  std::string Run(int64_t number);
  void Sync(int thread, const Site& site) override;
  uint64_t CallWarp(int thread, const WarpCall& call) override;

 private:
  struct LockedWarp {
    std::mutex mutex;
    Warp warp;  // guarded by mutex
  };
  // Where one thread waits.
  struct Wait {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_over = false;  // guarded by mutex
  };

  void Reset();
  void RunThread(int thread, int64_t number);
  bool Arrive(const Site& site);
  void Exit(int thread);
  void Stall();
  void WaitFor(int thread);
  void Release(int thread);
  void ReleaseLanes(int first_thread, uint32_t lanes);
  void Fail(const std::string& message);
  void CheckNotFailed() const {
    if (has_failed_.load(std::memory_order_relaxed)) throw Aborted();
  }

  const Launch& launch_;
  DynamicSharedMemory shared_;
  std::vector<std::unique_ptr<LockedWarp>> warps_;
  std::vector<std::unique_ptr<Wait>> waits_;  // by thread
  std::mutex barrier_mutex_;
  int num_at_barrier_ = 0;  // guarded by barrier_mutex_
  Site barrier_;            // guarded by barrier_mutex_
  // Threads that wait or have ended. Counted without ordering anything.
  std::atomic<int> num_stalled_{0};
  std::atomic<int> num_exited_{0};
  std::atomic<bool> has_failed_{false};
  std::mutex failure_mutex_;
  std::string failure_;  // guarded by failure_mutex_
};

void ThreadBlock::Reset() {
  num_at_barrier_ = 0;
  num_stalled_ = num_exited_ = 0;
  has_failed_ = false;
  failure_.clear();
  shared_.Poison();
  for (auto& wait : waits_) wait->is_over = false;
  for (int w = 0; w < static_cast<int>(warps_.size()); ++w) warps_[w]->warp.Reset(launch_.threads() - 32 * w);
}

std::string ThreadBlock::Run(int64_t number) {
  Reset();
  Workers::Get().Run(launch_.threads(), [&](int thread) { RunThread(thread, number); });
  if (failure_.empty() && !shared_.IsIntact()) return "writes beyond its dynamic shared memory";
  return failure_;
}

void ThreadBlock::RunThread(int thread, int64_t number) {
  EnterGrid(launch_);
  EnterBlock(launch_, number);
  EnterThread(launch_, thread);
  current = {this, thread, shared_.data()};
  try {
    launch_.caller(launch_.function, launch_.args);
    Exit(thread);
  } catch (const Failure& failure) {
    Fail(absl::StrCat("thread ", thread, ": ", failure.message));
  } catch (const Aborted&) {
  }
}

void ThreadBlock::Exit(int thread) {
  num_exited_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard<std::mutex> lock(barrier_mutex_);
    if (num_at_barrier_ > 0) {
      throw Failure{absl::StrCat("divergent barrier: it ends while others wait at ", ToString(barrier_))};
    }
  }
  uint32_t released;
  {
    LockedWarp& warp = *warps_[thread / 32];
    const std::lock_guard<std::mutex> lock(warp.mutex);
    released = warp.warp.Exit(thread % 32);
  }
  ReleaseLanes(thread / 32 * 32, released);
  Stall();
}

// One more thread waits or has ended: somebody must be left to go on.
void ThreadBlock::Stall() {
  const int stalled = num_stalled_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (stalled == launch_.threads() && num_exited_.load(std::memory_order_relaxed) < launch_.threads()) {
    throw Failure{"deadlock: every thread of the block waits or has ended"};
  }
}

void ThreadBlock::WaitFor(int thread) {
  Stall();
  Wait& wait = *waits_[thread];
  std::unique_lock<std::mutex> lock(wait.mutex);
  wait.changed.wait(lock, [&] { return wait.is_over || has_failed_.load(std::memory_order_relaxed); });
  wait.is_over = false;
}

void ThreadBlock::Release(int thread) {
  num_stalled_.fetch_sub(1, std::memory_order_relaxed);
  Wait& wait = *waits_[thread];
  const std::lock_guard<std::mutex> lock(wait.mutex);
  wait.is_over = true;
  wait.changed.notify_one();
}

void ThreadBlock::ReleaseLanes(int first_thread, uint32_t lanes) {
  for (int lane = 0; lane < 32; ++lane) {
    if ((lanes >> lane & 1) != 0) Release(first_thread + lane);
  }
}

// Arrives at the barrier. Whether that completes it.
bool ThreadBlock::Arrive(const Site& site) {
  const std::lock_guard<std::mutex> lock(barrier_mutex_);
  if (num_exited_.load(std::memory_order_relaxed) > 0) {
    throw Failure{absl::StrCat("divergent barrier: at ", ToString(site), " while other threads have ended")};
  }
  if (num_at_barrier_++ == 0) barrier_ = site;
  if (site.line != barrier_.line || std::strcmp(site.file, barrier_.file) != 0) {
    throw Failure{absl::StrCat("divergent barrier: at ", ToString(site), " while others wait at ", ToString(barrier_))};
  }
  if (num_at_barrier_ < launch_.threads()) return false;
  num_at_barrier_ = 0;
  return true;
}

void ThreadBlock::Sync(int thread, const Site& site) {
  CheckNotFailed();
  if (Arrive(site)) {
    for (int other = 0; other < launch_.threads(); ++other) {
      if (other != thread) Release(other);
    }
  } else {
    WaitFor(thread);
  }
  CheckNotFailed();
}

uint64_t ThreadBlock::CallWarp(int thread, const WarpCall& call) {
  CheckNotFailed();
  LockedWarp& warp = *warps_[thread / 32];
  const int lane = thread % 32;
  uint32_t released;
  {
    const std::lock_guard<std::mutex> lock(warp.mutex);
    released = warp.warp.Arrive(lane, call);
  }
  if (released != 0) {
    ReleaseLanes(thread - lane, released & ~(1u << lane));
  } else {
    WaitFor(thread);
  }
  CheckNotFailed();
  return warp.warp.result(lane);  // written before this lane was released, and by nobody until it calls again
}

void ThreadBlock::Fail(const std::string& message) {
  {
    const std::lock_guard<std::mutex> lock(failure_mutex_);
    if (failure_.empty()) failure_ = message;
  }
  has_failed_.store(true, std::memory_order_relaxed);
  for (auto& wait : waits_) {
    const std::lock_guard<std::mutex> lock(wait->mutex);
    wait->changed.notify_all();
  }
}

}  // namespace

Status RunCooperative(const Launch& launch, const Schedule& schedule) {
  const std::lock_guard<std::mutex> lock(Workers::Get().launch_mutex());
  ThreadBlock block(launch, schedule);
  const Permutation order(schedule, 0, launch.blocks());
  for (int64_t b = 0; b < launch.blocks(); ++b) {
    const std::string failure = block.Run(order(b));
    if (!failure.empty()) return FailureToStatus(launch, order(b), failure);
  }
  return absl::OkStatus();
}

// Even threads on the calling thread, odd ones on a new one: nothing else is ordered, so launches by different threads
// are not either.
Status RunIndependent(const Launch& launch, const Schedule& schedule) {
  const Permutation block_order(schedule, 0, launch.blocks());
  const auto run_half = [&](int half) -> std::string {
    EnterGrid(launch);
    try {
      for (int64_t b = 0; b < launch.blocks(); ++b) {
        EnterBlock(launch, block_order(b));
        for (int t = half; t < launch.threads(); t += 2) {
          EnterThread(launch, t);
          launch.caller(launch.function, launch.args);
        }
      }
    } catch (const Failure& failure) {
      return failure.message;
    }
    return "";
  };
  std::string failure;
  std::thread odd([&] { failure = run_half(1); });
  const std::string even_failure = run_half(0);
  odd.join();
  if (failure.empty()) failure = even_failure;
  return failure.empty() ? absl::OkStatus() : FailureToStatus(launch, 0, failure);
}

}  // namespace moulin::emulator

#endif  // MOULIN_EMULATE_WITH_THREADS
