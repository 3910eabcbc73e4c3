// Streams, events and captures of the stand-in for the CUDA runtime (fake_cuda.h).
//
// Threads of streams touch no lock, no reference count and no memory that another thread frees: each of these would
// order them with others. What they use is owned by the host's side, which lets go of it once it has waited for them.
#ifndef MOULIN_TESTS_CUDA_RUNTIME_FAKE_STREAM_H_
#define MOULIN_TESTS_CUDA_RUNTIME_FAKE_STREAM_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/fake_cuda.h"
#include "runtime/invisible.h"

namespace moulin::fake_cuda {

// A range that a piece of work was given to read or write.
struct Touched {
  const void* address;
  size_t bytes;  // 0: not known
  bool on_host;  // may lie in pinned memory
};

// A kernel, copy, memset or function of the host. Immutable; run any number of times.
struct Work {
  std::string name;
  std::function<void()> run;
  std::vector<Touched> touched;
  bool is_kernel = false;
};

// One recording of an event.
struct Record {
  Flag done;
  std::atomic<int64_t> time_ns{0};
  int stream_number = 0;
  int64_t ticket = 0;
};

struct Graph;
struct Stream;

struct Capture {
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;  // that began it
  Stream* origin = nullptr;
  std::shared_ptr<Graph> graph;  // that is made, or added to
  bool is_into_graph = false;    // begun by StreamBeginCaptureToGraph
  bool is_invalid = false;
  bool has_ended = false;
};

struct Event {
  bool has_timing = false;
  std::shared_ptr<Record> record;  // the latest; null: none
  // Of the latest recording where it was captured: the capture, and the nodes before the event.
  std::shared_ptr<Capture> capture;
  std::vector<int> captured_after;
};

// A queue with a thread. All but WaitForEnd and Join is called under the runtime's lock.
struct Stream {
  Stream(int stream_number, int stream_priority);

  void Push(int64_t ticket, std::function<void()> run);
  void Stop(int64_t ticket);
  // Waits for the thread, which Stop has told to end. Once, before the stream is destroyed.
  void Join();
  void WaitForEnd() const { ended_.Wait(); }
  // Frees what the host is known to have waited for: the operations before this ticket.
  void Forget(int64_t ticket);

  const int number;
  const int priority;
  const void* green = nullptr;  // the green context that it is of; null: the whole device
  // Whether it is capturing, and the nodes that its next one depends on.
  std::shared_ptr<Capture> capture;
  std::vector<int> captured_after;
  std::vector<cudaGraphNode_t> dependency_handles;  // as StreamGetCaptureInfo told them last

 private:
  struct Operation {
    int64_t ticket = 0;
    bool is_last = false;
    std::function<void()> run;
    std::atomic<Operation*> next{nullptr};
  };
  void Publish(std::unique_ptr<Operation> operation);
  void Loop(Operation* at);

  std::deque<std::unique_ptr<Operation>> operations_;  // the first one has been taken by the thread
  Bell bell_;
  Flag ended_;
  std::thread thread_;
};

// Runs a piece of work, unless the device is lost: checks what it touches before, and loses the device where that is
// not allocated.
void Execute(const Work& work);

// A short delay that depends on the seed and on `salt` alone, or none.
void DelayAtRandom(uint64_t salt);

int64_t NowNs();

}  // namespace moulin::fake_cuda

#endif  // MOULIN_TESTS_CUDA_RUNTIME_FAKE_STREAM_H_
