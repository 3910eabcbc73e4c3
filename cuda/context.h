// What belongs to an open CUDA device.
#ifndef MOULIN_CUDA_CONTEXT_H_
#define MOULIN_CUDA_CONTEXT_H_

#include <memory>
#include <vector>

#include "cuda/constants.h"
#include "cuda/health.h"
#include "cuda/memory.h"
#include "cuda/runtime/cuda_api.h"

namespace moulin::cuda {

class GreenContext;
class KernelCompiler;
class MultiprocessorPool;
class PrimitiveLibrary;
class Tuner;

// What the kernels, executables and executions of one device share; they keep it alive.
struct CudaContext {
  const CudaApi* api = nullptr;
  bool measure_time = false;    // of each run (DeviceOptions::measure_time)
  bool plan_only = false;       // no GPU is to be touched: nothing is timed, compiled or uploaded
  int multiprocessors = 132;    // of the device; those of an H200 where there is none
  int compute_capability = 90;  // 10 * major + minor
  std::shared_ptr<MemoryPool> memory;
  std::shared_ptr<ConstantStore> constants;
  std::shared_ptr<DeviceHealth> health;
  // Compiles generated code; null where NVRTC is absent: maps are then interpreted (kernels/map_interpreter.cu).
  std::shared_ptr<KernelCompiler> compiler;
  // Convolutions, products and attention of cuDNN and cuBLASLt; empty where neither is there.
  std::vector<std::shared_ptr<PrimitiveLibrary>> libraries;
  // Chooses among candidates; null: the first one is taken.
  std::shared_ptr<Tuner> tuner;
  // What of the device this context is of: null, all of it.
  std::shared_ptr<const GreenContext> green;
  std::shared_ptr<MultiprocessorPool> multiprocessor_pool;  // for parts of the device
};

// A context with memory, constants and health, and nothing else: no libraries, no compiler, no tuner.
std::shared_ptr<CudaContext> NewCudaContext(const CudaApi& api);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CONTEXT_H_
