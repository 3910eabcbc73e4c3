#include "runtime/fake_stream.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "runtime/fake_state.h"

namespace moulin::fake_cuda {
namespace {

// SplitMix64.
uint64_t Hash(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// What is wrong with an address that work was given; null where nothing is.
const char* FaultOf(const Touched& touched) {
  const Memory::Place place = TheState().memory.Find(touched.address);
  if (place.kind == MemoryKind::kFreed) return "freed memory";
  if (place.kind == MemoryKind::kPageable) return touched.on_host ? nullptr : "memory that is not the device's";
  return place.bytes_left < touched.bytes ? "bytes behind the end of a block" : nullptr;
}

}  // namespace

int64_t NowNs() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

void DelayAtRandom(uint64_t salt) {
  const Options& options = TheState().options;
  if (options.schedule == Schedule::kImmediate) return;
  const uint64_t random = Hash(options.seed ^ Hash(salt));
  if (random % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random / 4 % 200));
}

void Execute(const Work& work) {
  State& state = TheState();
  if (state.lost.load(std::memory_order_relaxed) != cudaSuccess) return;
  for (const Touched& touched : work.touched) {
    const char* fault = FaultOf(touched);
    if (fault == nullptr) continue;
    AddViolation(absl::StrCat(work.name, " was given ", fault));
    return LoseDevice(cudaErrorIllegalAddress);
  }
  if (state.counters.work.Add() == state.options.fault_at_work) return LoseDevice(state.options.lost_error);
  if (work.is_kernel) state.counters.kernels_run.Add();
  work.run();
}

Stream::Stream(int stream_number, int stream_priority) : number(stream_number), priority(stream_priority) {
  operations_.push_back(std::make_unique<Operation>());  // taken from the start
  thread_ = std::thread([this, at = operations_.front().get()] { Loop(at); });
}

void Stream::Join() { thread_.join(); }

void Stream::Push(int64_t ticket, std::function<void()> run) {
  auto operation = std::make_unique<Operation>();
  operation->ticket = ticket;
  operation->run = std::move(run);
  Publish(std::move(operation));
}

void Stream::Stop(int64_t ticket) {
  auto operation = std::make_unique<Operation>();
  operation->ticket = ticket;
  operation->is_last = true;
  Publish(std::move(operation));
}

void Stream::Publish(std::unique_ptr<Operation> operation) {
  Operation* last = operations_.back().get();
  Operation* next = operation.get();
  operations_.push_back(std::move(operation));
  {
    const Shown shown;  // what the host has done so far happens before the operation
    last->next.store(next, std::memory_order_release);
  }
  bell_.Ring();
}

void Stream::Forget(int64_t ticket) {
  while (operations_.size() > 1 && operations_.front()->ticket < ticket) operations_.pop_front();
}

void Stream::Loop(Operation* at) {
  for (;;) {
    const uint32_t seen = bell_.count();
    Operation* next = at->next.load(std::memory_order_acquire);
    if (next == nullptr) {
      bell_.SleepUnlessRungSince(seen);
      continue;
    }
    at = next;
    if (TheState().options.schedule == Schedule::kGated) TheState().gate.Pass(at->ticket);
    if (at->is_last) break;
    DelayAtRandom(static_cast<uint64_t>(number) << 32 ^ static_cast<uint64_t>(at->ticket));
    at->run();
  }
  ended_.Set();
}

}  // namespace moulin::fake_cuda
