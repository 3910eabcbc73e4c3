// Runs kernels that were compiled with emulator/emulator.h.
//
// Blocks run one after another. The threads of a cooperative kernel's block are fibers that take turns, in an order
// that the schedule decides; where MOULIN_EMULATE_WITH_THREADS is defined they are threads of the machine, so that
// ThreadSanitizer sees two of them touch the same memory without a barrier between them. The threads of an independent
// kernel run to their ends one by one (by two threads of the machine, taking turns, under ThreadSanitizer).
#ifndef MOULIN_TESTS_CUDA_EMULATOR_RUN_H_
#define MOULIN_TESTS_CUDA_EMULATOR_RUN_H_

#include <vector_types.h>

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "emulator/parameter.h"
#include "moulin/status.h"

namespace moulin::emulator {

enum class Order { kForward, kReversed, kShuffled };

// In which order blocks and threads take their turns, and what memory holds that nobody has written yet. What a right
// kernel computes depends on none of it.
struct Schedule {
  Order order = Order::kForward;
  uint64_t seed = 1;      // kShuffled
  uint8_t poison = 0xFF;  // every byte; 0xFF is NaN, and -1
};

// Of all runs that start after it. Thread-safe.
void SetSchedule(const Schedule& schedule);
Schedule GetSchedule();

// Runs a registered kernel to its end on the calling thread. INVALID_ARGUMENT where a GPU would refuse the launch (an
// unknown kernel, too many threads, too much shared memory), INTERNAL naming the kernel, the block and the line where
// the kernel breaks a rule of emulator.h or writes beyond its dynamic shared memory. Thread-safe.
Status Run(const void* function, dim3 grid, dim3 block, size_t shared_bytes, void** args);

// A kernel as it was registered.
struct Kernel {
  const char* name = nullptr;
  bool is_cooperative = false;
  void (*caller)(const void* kernel, void** args) = nullptr;
  absl::Span<const Parameter> parameters;
  size_t max_dynamic_shared = 48 << 10;
};
StatusOr<Kernel> FindKernel(const void* function);

// As Run, for a kernel found before. Where blocks are fibers it takes no lock, so it orders launches by different
// threads in no way.
Status RunFound(const Kernel& kernel, const Schedule& schedule, const void* function, dim3 grid, dim3 block,
                size_t shared_bytes, void** args);

// Allows launches with more dynamic shared memory than 48 KiB, as cudaFuncSetAttribute does.
Status SetMaxDynamicShared(const void* function, size_t bytes);

}  // namespace moulin::emulator

#endif  // MOULIN_TESTS_CUDA_EMULATOR_RUN_H_
