// What the parts of the stand-in for the CUDA runtime share.
#ifndef MOULIN_TESTS_CUDA_RUNTIME_FAKE_STATE_H_
#define MOULIN_TESTS_CUDA_RUNTIME_FAKE_STATE_H_

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "runtime/fake_cuda.h"
#include "runtime/fake_graph.h"
#include "runtime/fake_memory.h"
#include "runtime/fake_stream.h"

namespace moulin::fake_cuda {

// Counters are relaxed: they must order nothing.
class Counter {
 public:
  Counter() = default;
  Counter& operator=(const Counter& other) {
    value_.store(other.value(), std::memory_order_relaxed);
    return *this;
  }
  // The new value.
  int64_t Add() { return value_.fetch_add(1, std::memory_order_relaxed) + 1; }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

struct AllCounters {
  Counter calls, mallocs, frees, host_allocs, host_frees, synchronizations, event_queries, launches, memcpys, memsets,
      captured_nodes, graph_launches, pageable_memcpys, kernels_run;
  Counter launch_calls, malloc_calls, graph_launch_calls, work;  // for failures to inject
};

struct Library {
  std::shared_ptr<CodeModule> module;
  std::map<std::string, std::unique_ptr<HostKernel>> kernels;
};

constexpr int kFakeMultiprocessors = 132;

struct GreenContextState {
  int multiprocessors = 0;
  std::vector<int> sets;
  int64_t kernels = 0;
};

struct State {
  Options options;  // constant between resets
  AllCounters counters;
  std::atomic<int> lost{cudaSuccess};  // what a lost device answers
  Gate gate;
  Memory memory;

  // Guards everything below, and the bookkeeping of `memory`; taken by threads of the host alone.
  std::mutex mutex;
  int64_t last_ticket = 0;
  int num_streams_made = 0;
  // What handles point to; a handle that is not here is not valid.
  std::map<const void*, std::unique_ptr<Stream>> streams;
  std::map<const void*, std::unique_ptr<Event>> events;
  std::map<const void*, std::shared_ptr<Graph>> graphs;
  std::map<const void*, std::shared_ptr<Executable>> executables;
  std::map<const void*, std::unique_ptr<Library>> libraries;
  std::map<const void*, std::unique_ptr<GreenContextState>> green_contexts;
  std::vector<std::unique_ptr<GreenContextState>> green_descriptions;
  int num_splits = 0;
  std::vector<std::unique_ptr<Stream>> ending_streams;  // destroyed, with work left
  std::map<const void*, int> max_shared_bytes;          // of kernels, as set by FuncSetAttribute
  std::function<std::shared_ptr<CodeModule>(const void*)> code_loader;

  std::mutex violations_mutex;  // taken by any thread that has found an error
  std::vector<std::string> violations;
};

// Never destroyed: threads of streams may outlive main().
State& TheState();

void AddViolation(std::string what);
void LoseDevice(cudaError_t error);

}  // namespace moulin::fake_cuda

#endif  // MOULIN_TESTS_CUDA_RUNTIME_FAKE_STATE_H_
