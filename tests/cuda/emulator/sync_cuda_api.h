// A stand-in for the CUDA runtime that does everything at once on the calling thread: copies are memcpy, launches run
// on the emulator, streams and events are names. For tests of kernels; that order does not matter here is the point,
// and what depends on it (streams, graphs) is tested on tests/cuda/runtime's stand-in.
#ifndef MOULIN_TESTS_CUDA_EMULATOR_SYNC_CUDA_API_H_
#define MOULIN_TESTS_CUDA_EMULATOR_SYNC_CUDA_API_H_

#include <cstdint>
#include <string>

#include "cuda/runtime/cuda_api.h"
#include "moulin/status.h"

namespace moulin::emulator {

// Device memory comes from the host's, between guard bytes (which AddressSanitizer makes unreachable) and poisoned as
// the schedule says (emulator/run.h); copies and memsets must lie within it. Graphs, and code given as PTX, are
// refused. Thread-safe.
const cuda::CudaApi& SyncCudaApi();

// Why the last launch that failed on this thread did, "" where none has; the runtime's codes do not tell.
std::string LastLaunchError();

// INTERNAL where a byte beyond the end, or before the start, of a block of device memory has been written since it was
// allocated.
Status CheckDeviceMemory();

// Blocks of device memory that have not been freed.
int64_t NumDeviceBlocks();

}  // namespace moulin::emulator

#endif  // MOULIN_TESTS_CUDA_EMULATOR_SYNC_CUDA_API_H_
