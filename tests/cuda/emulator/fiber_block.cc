// Blocks of cooperative kernels as fibers; threads of independent ones one after another.
#if !defined(MOULIN_EMULATE_WITH_THREADS)

#include <functional>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "emulator/block.h"
#include "emulator/fiber.h"
#include "emulator/warp.h"

namespace moulin::emulator {
namespace {

// Stacks, kept for the launches to come.
Fiber& FiberOf(int thread) {
  thread_local std::vector<std::unique_ptr<Fiber>> fibers;
  while (static_cast<int>(fibers.size()) <= thread) fibers.push_back(std::make_unique<Fiber>());
  return *fibers[thread];
}

class FiberBlock : public Block {
 public:
  FiberBlock(const Launch& launch, const Schedule& schedule)
      : launch_(launch),
        schedule_(schedule),
        shared_(launch.shared_bytes, schedule.poison),
        static_shared_(StaticShared(launch.function)),
        threads_(launch.threads()),
        warps_((launch.threads() + 31) / 32) {
    for (int t = 0; t < launch.threads(); ++t) {
      threads_[t].fiber = &FiberOf(t);
      threads_[t].body = [this, t] { RunThread(t); };
    }
  }

  // An empty string, or what went wrong.
  std::string Run(uint64_t number);
  void Sync(int thread, const Site& site) override;
  uint64_t CallWarp(int thread, const WarpCall& call) override;

 private:
  enum class Wait { kNone, kBarrier, kWarp };
  struct Thread {
    Fiber* fiber = nullptr;
    std::function<void()> body;  // what the fiber runs
    Wait wait = Wait::kNone;
    Site site;  // of the barrier it waits at
  };

  void Reset();
  void RunThread(int thread);
  void Exit(int thread);
  bool RunRound(uint64_t round);
  void Resume(int thread);
  void PauseCurrent(int thread, Wait wait);
  void AbortAll();
  bool CanRun(int thread) const;
  std::string DescribeDeadlock() const;

  const Launch& launch_;
  const Schedule& schedule_;
  DynamicSharedMemory shared_;
  const std::vector<absl::Span<char>> static_shared_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  int num_exited_ = 0;
  int num_at_barrier_ = 0;
  Site barrier_;  // where the first of them waits
  bool is_aborting_ = false;
  std::string failure_;
};

void FiberBlock::Reset() {
  num_exited_ = num_at_barrier_ = 0;
  is_aborting_ = false;
  failure_.clear();
  shared_.Poison();
  for (absl::Span<char> array : static_shared_) std::memset(array.data(), schedule_.poison, array.size());
  for (int w = 0; w < static_cast<int>(warps_.size()); ++w) warps_[w].Reset(launch_.threads() - 32 * w);
  for (Thread& thread : threads_) {
    thread.wait = Wait::kNone;
    thread.fiber->Start(&thread.body);
  }
}

std::string FiberBlock::Run(uint64_t number) {
  Reset();
  for (uint64_t round = 0; num_exited_ < launch_.threads() && failure_.empty(); ++round) {
    if (!RunRound(number + round * 0x10001) && failure_.empty()) failure_ = DescribeDeadlock();
  }
  if (!failure_.empty()) AbortAll();
  current = {};
  if (failure_.empty() && !shared_.IsIntact()) return "writes beyond its dynamic shared memory";
  return failure_;
}

// Gives every thread that can run a turn. Whether there was one.
bool FiberBlock::RunRound(uint64_t round) {
  const Permutation order(schedule_, round, launch_.threads());
  bool has_run = false;
  for (int i = 0; i < launch_.threads() && failure_.empty(); ++i) {
    const int thread = static_cast<int>(order(i));
    if (!CanRun(thread)) continue;
    has_run = true;
    Resume(thread);
  }
  return has_run;
}

bool FiberBlock::CanRun(int thread) const {
  if (threads_[thread].fiber->has_ended()) return false;
  switch (threads_[thread].wait) {
    case Wait::kBarrier:
      return false;
    case Wait::kWarp:
      return !warps_[thread / 32].is_waiting(thread % 32);
    default:
      return true;
  }
}

void FiberBlock::Resume(int thread) {
  EnterThread(launch_, thread);
  current = {this, thread, shared_.data()};
  threads_[thread].fiber->Resume();
}

void FiberBlock::RunThread(int thread) {
  try {
    if (!is_aborting_) {
      launch_.caller(launch_.function, launch_.args);
      Exit(thread);
    }
  } catch (const Failure& failure) {
    failure_ = absl::StrCat("thread ", thread, ": ", failure.message);
  } catch (const Aborted&) {
  }
  ++num_exited_;
}

void FiberBlock::Exit(int thread) {
  if (num_at_barrier_ > 0) {
    throw Failure{absl::StrCat("divergent barrier: it ends while others wait at ", ToString(barrier_))};
  }
  warps_[thread / 32].Exit(thread % 32);
}

void FiberBlock::PauseCurrent(int thread, Wait wait) {
  threads_[thread].wait = wait;
  Fiber::Pause();
  if (is_aborting_) throw Aborted();
  threads_[thread].wait = Wait::kNone;
}

void FiberBlock::Sync(int thread, const Site& site) {
  if (num_exited_ > 0) {
    throw Failure{
        absl::StrCat("divergent barrier: at ", ToString(site), " while ", num_exited_, " threads have ended")};
  }
  if (num_at_barrier_++ == 0) barrier_ = site;
  if (site.line != barrier_.line || std::strcmp(site.file, barrier_.file) != 0) {
    throw Failure{absl::StrCat("divergent barrier: at ", ToString(site), " while others wait at ", ToString(barrier_))};
  }
  if (num_at_barrier_ < launch_.threads()) {
    threads_[thread].site = site;
    PauseCurrent(thread, Wait::kBarrier);
    return;
  }
  num_at_barrier_ = 0;
  for (Thread& other : threads_) other.wait = Wait::kNone;
}

uint64_t FiberBlock::CallWarp(int thread, const WarpCall& call) {
  Warp& warp = warps_[thread / 32];
  const int lane = thread % 32;
  if (warp.Arrive(lane, call) == 0) PauseCurrent(thread, Wait::kWarp);
  return warp.result(lane);
}

std::string FiberBlock::DescribeDeadlock() const {
  std::string text = "deadlock:";
  for (Wait wait : {Wait::kBarrier, Wait::kWarp}) {
    for (int t = 0; t < launch_.threads(); ++t) {
      if (threads_[t].fiber->has_ended() || threads_[t].wait != wait) continue;
      const bool at_barrier = wait == Wait::kBarrier;
      const Site& site = at_barrier ? threads_[t].site : warps_[t / 32].call(t % 32).site;
      absl::StrAppend(&text, " thread ", t, " waits for ", at_barrier ? "its block" : "its warp", " at ",
                      ToString(site), ",");
      break;
    }
  }
  return absl::StrCat(text, " ", num_exited_, " threads have ended");
}

// Unwinds the stacks of the threads that wait.
void FiberBlock::AbortAll() {
  is_aborting_ = true;
  for (int t = 0; t < launch_.threads(); ++t) {
    if (!threads_[t].fiber->has_ended()) Resume(t);
  }
}

}  // namespace

Status RunCooperative(const Launch& launch, const Schedule& schedule) {
  EnterGrid(launch);
  FiberBlock block(launch, schedule);
  const Permutation order(schedule, 0, launch.blocks());
  for (int64_t b = 0; b < launch.blocks(); ++b) {
    const int64_t number = order(b);
    EnterBlock(launch, number);
    const std::string failure = block.Run(static_cast<uint64_t>(number));
    if (!failure.empty()) return FailureToStatus(launch, number, failure);
  }
  return absl::OkStatus();
}

Status RunIndependent(const Launch& launch, const Schedule& schedule) {
  EnterGrid(launch);
  const Permutation block_order(schedule, 0, launch.blocks()), thread_order(schedule, 1, launch.threads());
  for (int64_t b = 0; b < launch.blocks(); ++b) {
    const int64_t block = block_order(b);
    EnterBlock(launch, block);
    try {
      for (int t = 0; t < launch.threads(); ++t) {
        EnterThread(launch, static_cast<int>(thread_order(t)));
        launch.caller(launch.function, launch.args);
      }
    } catch (const Failure& failure) {
      return FailureToStatus(launch, block, failure.message);
    }
  }
  return absl::OkStatus();
}

}  // namespace moulin::emulator

#endif  // !MOULIN_EMULATE_WITH_THREADS
