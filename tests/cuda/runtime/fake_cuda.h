// A stand-in for the CUDA runtime, behind cuda::CudaApi, for tests on machines without a GPU.
//
// A stream is a thread that works through a queue; device and pinned memory is host memory between guard bytes; kernels
// are run by the emulator (emulator/emulator.h); graphs keep the dependencies of their nodes and run as concurrently as
// those allow. Nothing orders the work of two streams, or of a stream and the host, that CUDA would not order: the
// queues, waits, tables and locks of the stand-in use no synchronisation that ThreadSanitizer knows of, but for these
// edges:
//   - what the host did before it enqueued work happens before that work;
//   - work of one stream happens in the order in which it was enqueued, and so do the launches of one graph;
//   - work before EventRecord happens before work behind StreamWaitEvent, and before the host's successful
//     EventSynchronize, EventQuery, StreamSynchronize or DeviceSynchronize.
// So a missing wait is a race that ThreadSanitizer reports each time, not only where the threads happen to collide.
//
// Stricter than CUDA, on purpose:
//   - streams must be non-blocking, and the null stream is refused: what it would synchronise with is seldom meant;
//   - Free, FreeHost and the destruction of streams wait for nothing, and memory is overwritten when it is freed: work
//     that may still use it is an error;
//   - an event that was never recorded cannot be waited for in a capture;
//   - asynchronous copies of pageable memory are counted, and may be forbidden;
//   - the condition of a conditional node is forgotten once it has been looked at: each iteration has to set it anew.
// Green contexts run what their streams are given as any stream does; that two have no multiprocessor in common, and
// that they outlive their streams, is checked.
// Streams, events, graphs and memory live until destroyed, or until Reset. Programmatic dependent launch and other
// launch attributes are refused, and so are nodes added to graphs otherwise than by capture, but for conditional ones.
#ifndef MOULIN_TESTS_CUDA_RUNTIME_FAKE_CUDA_H_
#define MOULIN_TESTS_CUDA_RUNTIME_FAKE_CUDA_H_

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cuda/runtime/cuda_api.h"

namespace moulin::fake_cuda {

enum class Schedule {
  kImmediate,  // work runs as soon as it can
  kDelayed,    // short random delays before some of it, by seed
  kGated,      // as above, and nothing runs until the host waits or asks for work that was enqueued before
};

struct Options {
  Schedule schedule = Schedule::kDelayed;
  uint64_t seed = 1;
  bool has_driver = true;
  int num_devices = 1;
  bool has_green_contexts = true;         // whether the driver does
  size_t device_bytes = size_t{1} << 30;  // beyond which Malloc fails with cudaErrorMemoryAllocation
  bool forbid_pageable_copies = false;    // outside captures; inside they always are

  // Failures to inject; 0: none. Counted from 1, since the last Reset.
  int64_t fail_malloc = 0;        // this call of Malloc fails with cudaErrorMemoryAllocation
  int64_t fail_launch = 0;        // this call of LaunchKernelExC fails with cudaErrorLaunchOutOfResources
  int64_t fail_graph_launch = 0;  // this call of GraphLaunch fails with cudaErrorLaunchOutOfResources
  int64_t fault_at_work = 0;      // this piece of work (kernel, copy...) faults as it runs: the device is lost
  int64_t lose_at_call = 0;       // the device is lost from this call of the API on
  // What a lost device answers to every call; work that has not begun is dropped.
  cudaError_t lost_error = cudaErrorLaunchFailure;
};

// A kernel as the host runs it.
struct HostKernel {
  std::string name;
  std::vector<size_t> argument_sizes;
  std::vector<bool> argument_is_pointer;  // to be checked against the memory that is allocated
  std::function<void(dim3 grid, dim3 block, size_t shared_bytes, void** arguments)> run;
};

// Code loaded by LibraryLoadData.
class CodeModule {
 public:
  virtual ~CodeModule() = default;
  virtual bool Find(const std::string& name, HostKernel* kernel) = 0;
};

// What has been done since the last Reset.
struct CounterValues {
  int64_t calls = 0;
  int64_t mallocs = 0, frees = 0, host_allocs = 0, host_frees = 0;
  int64_t synchronizations = 0;  // of streams, events and the device, and copies that wait
  int64_t event_queries = 0;
  int64_t launches = 0, memcpys = 0, memsets = 0;  // not captured
  int64_t captured_nodes = 0;
  int64_t graph_launches = 0;
  int64_t pageable_memcpys = 0;
  int64_t kernels_run = 0;  // as nodes of graphs too
};

// What has not been freed or destroyed.
struct LiveObjects {
  int64_t device_blocks = 0, host_blocks = 0;
  size_t device_bytes = 0, host_bytes = 0;
  int64_t streams = 0, events = 0, graphs = 0, executables = 0, libraries = 0, green_contexts = 0;
  bool operator==(const LiveObjects&) const = default;
  std::string ToString() const;
};

// The table. All of its functions, and those below but for Reset and Finish, are thread-safe.
const cuda::CudaApi& Api();

// Waits for all streams, frees everything and starts afresh. No other thread may be using the runtime.
void Reset(const Options& options = Options());
// Waits for all streams and returns what was wrong since the last Reset: violations, overrun guard bytes, and whatever
// is still alive. Empty in a program without fault.
std::vector<std::string> Finish();

CounterValues Counters();
LiveObjects Live();
// Errors of the program that were seen so far, in words.
std::vector<std::string> Violations();
// Whether the device has been lost, by injection or by a fault of work.
bool IsLost();

// A green context that there is.
struct GreenContextValues {
  int multiprocessors = 0;
  int64_t kernels = 0;  // launched on its streams, or captured there
};
std::vector<GreenContextValues> GreenContexts();

// Runs `work` in the order of the stream; a node of its own where the stream is capturing.
cudaError_t EnqueueHostWork(cudaStream_t stream, std::function<void()> work);

// Makes modules of code given to LibraryLoadData (null: it cannot be loaded). Stays over Reset.
void SetCodeLoader(std::function<std::shared_ptr<CodeModule>(const void* code)> loader);

}  // namespace moulin::fake_cuda

#endif  // MOULIN_TESTS_CUDA_RUNTIME_FAKE_CUDA_H_
