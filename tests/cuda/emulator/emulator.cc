#include "emulator/emulator.h"

#include <mutex>
#include <numeric>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/denormals.h"
#include "base/errors.h"
#include "emulator/block.h"
#include "emulator/run.h"

constinit thread_local uint3 threadIdx = {0, 0, 0};
constinit thread_local uint3 blockIdx = {0, 0, 0};
constinit thread_local dim3 blockDim = {1, 1, 1};
constinit thread_local dim3 gridDim = {1, 1, 1};

namespace moulin::emulator {

constinit thread_local Current current;

namespace {

// The kernels by address, and the schedule.
struct State {
  std::mutex mutex;
  absl::flat_hash_map<const void*, Kernel> kernels;  // guarded by mutex
  Schedule schedule;                                 // guarded by mutex
};

State& GlobalState() {
  static State* const state = new State;
  return *state;
}

Status Refused(const char* name, absl::string_view why) {
  return MakeError(ErrorCode::kInput, "launch of ", name, ": ", why);
}

// The bounds of compute capability 9.0.
Status CheckDims(const Kernel& kernel, const Launch& launch) {
  const dim3 &g = launch.grid, &b = launch.block;
  if (g.x == 0 || g.y == 0 || g.z == 0 || b.x == 0 || b.y == 0 || b.z == 0) {
    return Refused(kernel.name, "a grid or block without threads");
  }
  if (g.x > 0x7fffffffu || g.y > 65535 || g.z > 65535) return Refused(kernel.name, "too many blocks");
  if (b.x > 1024 || b.y > 1024 || b.z > 64 || uint64_t{b.x} * b.y * b.z > 1024) {
    return Refused(kernel.name, "more than 1024 threads a block");
  }
  if (launch.shared_bytes > kernel.max_dynamic_shared) {
    return Refused(kernel.name, absl::StrCat(launch.shared_bytes, " bytes of dynamic shared memory, of ",
                                             kernel.max_dynamic_shared, " allowed"));
  }
  return absl::OkStatus();
}

Block& CurrentBlock() {
  if (current.block == nullptr) throw Failure{"a barrier or warp function in a kernel registered as independent"};
  return *current.block;
}

}  // namespace

void EnterGrid(const Launch& launch) {
  gridDim = launch.grid;
  blockDim = launch.block;
  current = {};
}

void EnterBlock(const Launch& launch, int64_t number) {
  const int64_t x = launch.grid.x, y = launch.grid.y;
  blockIdx = {static_cast<unsigned>(number % x), static_cast<unsigned>(number / x % y),
              static_cast<unsigned>(number / x / y)};
}

std::string ToString(const Site& site) {
  const char* slash = std::strrchr(site.file, '/');
  return absl::StrCat(slash == nullptr ? site.file : slash + 1, ":", site.line);
}

Permutation::Permutation(const Schedule& schedule, uint64_t round, int64_t n) : n_(static_cast<uint64_t>(n)) {
  if (schedule.order == Order::kReversed) {
    a_ = n_ - 1;  // i -> n - 1 - i
    b_ = n_ - 1;
  } else if (schedule.order == Order::kShuffled) {
    uint64_t x = (schedule.seed * 0x9E3779B97F4A7C15u) ^ (round * 0xBF58476D1CE4E5B9u);
    x = (x ^ (x >> 29)) * 0x94D049BB133111EBu;
    b_ = (x >> 7) % n_;
    a_ = (x >> 33) % n_;
    while (std::gcd(a_, n_) != 1) ++a_;
  }
}

Status FailureToStatus(const Launch& launch, int64_t block, const std::string& message) {
  return MakeError(ErrorCode::kInternal, "kernel ", launch.name, ", block ", block, " of ", launch.blocks(), ": ",
                   message);
}

void SyncBlock(const Site& site) { CurrentBlock().Sync(current.thread, site); }
uint64_t CallWarp(const WarpCall& call) { return CurrentBlock().CallWarp(current.thread, call); }
int Lane() { return current.thread % 32; }

void* DynamicShared() {
  if (current.shared == nullptr) throw Failure{"dynamic shared memory in a kernel registered as independent"};
  return current.shared;
}

StatusOr<Kernel> FindKernel(const void* function) {
  State& state = GlobalState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  const auto found = state.kernels.find(function);
  if (found == state.kernels.end()) return Refused("an unknown kernel", "it was never registered");
  return found->second;
}

void RegisterUntyped(const char* name, const void* kernel, bool is_cooperative, KernelCaller caller,
                     const Parameter* parameters, size_t num_parameters) {
  State& state = GlobalState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  Kernel& entry = state.kernels[kernel];
  entry.name = name;
  entry.is_cooperative = is_cooperative;
  entry.caller = caller;
  entry.parameters = {parameters, num_parameters};
}

void SetSchedule(const Schedule& schedule) {
  State& state = GlobalState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.schedule = schedule;
}

Schedule GetSchedule() {
  State& state = GlobalState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  return state.schedule;
}

Status SetMaxDynamicShared(const void* function, size_t bytes) {
  constexpr size_t kMost = 227 << 10;
  State& state = GlobalState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  const auto found = state.kernels.find(function);
  if (found == state.kernels.end()) return Refused("an unknown kernel", "it was never registered");
  if (bytes > kMost) return Refused(found->second.name, "more shared memory than a multiprocessor has");
  found->second.max_dynamic_shared = bytes;
  return absl::OkStatus();
}

Status Run(const void* function, dim3 grid, dim3 block, size_t shared_bytes, void** args) {
  const StatusOr<Kernel> kernel = FindKernel(function);
  if (!kernel.ok()) return kernel.status();
  return RunFound(*kernel, GetSchedule(), function, grid, block, shared_bytes, args);
}

Status RunFound(const Kernel& kernel, const Schedule& schedule, const void* function, dim3 grid, dim3 block,
                size_t shared_bytes, void** args) {
  const Launch launch = {kernel.name, function, kernel.caller, grid, block, shared_bytes, args};
  if (const Status status = CheckDims(kernel, launch); !status.ok()) return status;
  const FlushDenormals flush;  // kernels are compiled with -ftz=true
  return kernel.is_cooperative ? RunCooperative(launch, schedule) : RunIndependent(launch, schedule);
}

}  // namespace moulin::emulator
