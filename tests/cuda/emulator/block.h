// What a block's threads ask of whatever runs them. Internal to the emulator.
#ifndef MOULIN_TESTS_CUDA_EMULATOR_BLOCK_H_
#define MOULIN_TESTS_CUDA_EMULATOR_BLOCK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "emulator/emulator.h"
#include "emulator/run.h"

namespace moulin::emulator {

// Thrown in a thread that breaks a rule, and caught where the thread began.
struct Failure {
  std::string message;
};
// Thrown in the other threads of its block, which wait.
struct Aborted {};

// A launch, as seen by one thread.
struct Launch {
  const char* name;
  const void* function;
  KernelCaller caller;
  dim3 grid, block;
  size_t shared_bytes;
  void** args;

  int threads() const { return static_cast<int>(block.x * block.y * block.z); }
  int64_t blocks() const { return static_cast<int64_t>(grid.x) * grid.y * grid.z; }
};

// The threads of the block that is running.
class Block {
 public:
  virtual ~Block() = default;
  virtual void Sync(int thread, const Site& site) = 0;
  virtual uint64_t CallWarp(int thread, const WarpCall& call) = 0;
};

// The current thread: null block in independent kernels.
struct Current {
  Block* block = nullptr;
  int thread = 0;
  void* shared = nullptr;
};
extern constinit thread_local Current current MOULIN_EMULATOR_TLS;

// Sets threadIdx, blockIdx, blockDim, gridDim of the current thread.
void EnterGrid(const Launch& launch);
void EnterBlock(const Launch& launch, int64_t number);
inline void EnterThread(const Launch& launch, int number) {
  const unsigned n = static_cast<unsigned>(number);
  threadIdx = {n % launch.block.x, n / launch.block.x % launch.block.y, n / launch.block.x / launch.block.y};
}

// "a.cu:12"
std::string ToString(const Site& site);

// A permutation of [0, n) in constant memory: i -> (a i + b) mod n with a and n coprime.
class Permutation {
 public:
  Permutation(const Schedule& schedule, uint64_t round, int64_t n);
  int64_t operator()(int64_t i) const {
    return static_cast<int64_t>((static_cast<unsigned __int128>(a_) * static_cast<uint64_t>(i) + b_) % n_);
  }

 private:
  uint64_t n_, a_ = 1, b_ = 0;
};

// Dynamic shared memory of one block: exactly as long as asked for, with guard bytes around it.
class DynamicSharedMemory {
 public:
  DynamicSharedMemory(size_t bytes, uint8_t poison);
  ~DynamicSharedMemory();
  DynamicSharedMemory(const DynamicSharedMemory&) = delete;
  DynamicSharedMemory& operator=(const DynamicSharedMemory&) = delete;
  void* data() const { return data_; }
  void Poison();
  // Whether all guard bytes are as they were.
  bool IsIntact() const;

 private:
  size_t bytes_;
  uint8_t poison_;
  std::unique_ptr<uint8_t[]> memory_;
  uint8_t* data_;
};

// The __shared__ arrays of a kernel, as this thread of the machine has them: those declared in the kernel's own
// function. None where the program has no symbols, or where all threads have them in common
// (MOULIN_EMULATE_WITH_THREADS).
std::vector<absl::Span<char>> StaticShared(const void* function);

// Run all blocks of a launch: fiber_block.cc, or thread_block.cc where MOULIN_EMULATE_WITH_THREADS is defined.
Status RunCooperative(const Launch& launch, const Schedule& schedule);
Status RunIndependent(const Launch& launch, const Schedule& schedule);

Status FailureToStatus(const Launch& launch, int64_t block, const std::string& message);

}  // namespace moulin::emulator

#endif  // MOULIN_TESTS_CUDA_EMULATOR_BLOCK_H_
