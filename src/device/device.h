// The interface to whatever runs plans: a GPU through its plugin, or the host.
//
// A Device hands out streams (ordered queues of asynchronous work), events (markers in them) and executables made from
// plans. It knows nothing of TensorFlow, requests or batching; nothing above it knows CUDA.
#ifndef MOULIN_DEVICE_DEVICE_H_
#define MOULIN_DEVICE_DEVICE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "plan/plan.h"

namespace moulin {

// A one-shot marker: recorded in one stream, waited for in others. May be recorded again once all have passed it.
class Event {
 public:
  virtual ~Event() = default;
};

// An ordered queue of work. Methods return at once and may be called from any thread; work runs in the order of the
// calls. Destroying a stream first finishes what has been enqueued.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void Record(Event& event) = 0;
  virtual void Wait(Event& event) = 0;
  // Calls `callback` on a thread of the device when all earlier work of the stream is done.
  virtual void Then(std::function<void()> callback) = 0;
  // Blocks until all earlier work is done.
  virtual void Synchronize() = 0;
};

using Outputs = std::vector<Tensor>;
// Called exactly once, on a thread of the device. It may launch further work but must not block on this stream.
using LaunchCallback = std::function<void(StatusOr<Outputs>)>;

// When one step of a plan ran, in nanoseconds of the steady clock.
struct StepTime {
  int step = 0;  // of plan().steps
  int64_t start_ns = 0;
  int64_t end_ns = 0;
};

// Everything mutable of one run in flight: arena, events, staging buffers. Used by one run at a time.
class Execution {
 public:
  virtual ~Execution() = default;
  // Enqueues one run on `lanes` (at least as many streams as the plan has lanes, or DeviceInfo::launch_streams;
  // launches that share streams must come one after another). `inputs` are host tensors of the planned types, kept
  // alive until the callback. Outputs are host tensors of their own memory.
  virtual void Launch(absl::Span<Stream* const> lanes, std::vector<Tensor> inputs, LaunchCallback done) = 0;
  // Devices that drive loops by themselves ask this now and then while a run is in flight, on the thread that waits for
  // it: where it is an error the loops end, and the run with that error.
  virtual void StopUnless(std::function<Status()> is_wanted) { (void)is_wanted; }
  // Arena and staging bytes held.
  virtual int64_t bytes() const = 0;
  // Milliseconds that the device was busy with the last run, copies included; 0 where that is not measured
  // (DeviceOptions::measure_time). To be asked from the callback.
  virtual double device_ms() const { return 0; }
  // Measures the steps of further runs, which costs two readings of the clock a step, and on a GPU the recording of the
  // whole as one graph. False where the device cannot.
  virtual bool MeasureSteps() { return false; }
  // Of the last run, in no order; to be asked from the callback.
  virtual std::vector<StepTime> step_times() const { return {}; }
};

// A plan made ready on a device. Immutable and thread-safe; shares constants with other executables of the device.
class Executable {
 public:
  virtual ~Executable() = default;
  virtual const Plan& plan() const = 0;
  // RESOURCE_EXHAUSTED, with the bytes needed, where memory is short.
  virtual StatusOr<std::unique_ptr<Execution>> NewExecution() = 0;
};

struct DeviceInfo {
  std::string name;         // "cpu", "reference", "cuda"
  std::string description;  // "2 threads, oneDNN 3.2.0 (AVX-512)"
  int max_lanes = 1;        // streams of one plan that can make progress at once
  int instances = 1;        // of a model, where the caller does not say: requests that it takes to keep the device busy
  int launch_streams = 0;   // streams that a launch is given; 0: as many as the plan has lanes
  // Whether the device cannot make tensors of a size that it finds out on the way: results of a known greatest size are
  // then made that large, with a count of what is in them (passes/bound_results.cc).
  bool bound_results = false;
  // Whether choices and loops whose shapes are known, and all of whose ops it has, may be steps of its plans
  // (engine/control_steps.h).
  bool control_steps = false;
  // Whether its reductions compute an expression of what they read (passes/fuse_prologues.cc).
  bool fuse_prologues = false;
};

// Thread-safe.
class Device : public KernelSource {
 public:
  virtual const DeviceInfo& info() const = 0;
  virtual StatusOr<std::unique_ptr<Stream>> NewStream(int priority) = 0;
  virtual StatusOr<std::unique_ptr<Event>> NewEvent() = 0;
  // A stream that has no thread: each call does its work at once, on the calling thread. To be used as lane 0 of a
  // launch by one thread at a time; spares a blocking caller two changes of thread. Null where the device has none.
  virtual std::unique_ptr<Stream> NewCallerStream() { return nullptr; }
  // Takes a plan whose kernels this device prepared.
  virtual StatusOr<std::shared_ptr<Executable>> Load(std::shared_ptr<const Plan> plan) = 0;
  // Bytes of constants (weights as given, and packed) that the device holds.
  virtual int64_t constant_bytes() const = 0;
  // A view of the device whose streams and executables run on so many of a GPU's multiprocessors alone (rounded up to
  // what the device can split), and which shares all else with it. E_DEVICE where the device cannot be split.
  virtual StatusOr<std::shared_ptr<Device>> Partition(int multiprocessors);
};

struct DeviceOptions {
  int threads = 0;  // of the host's pool; 0: as many as the machine has cores
  // Prepare and plan alone, which needs no GPU: for `moulin show`. NewExecution is then UNAVAILABLE.
  bool plan_only = false;
  // Measure what Execution::device_ms says, where the device can (a GPU, at the cost of some microseconds a run).
  bool measure_time = false;
};

// "cpu", "reference", "cuda", or "auto" (cuda where there is one, else cpu). UNAVAILABLE, with the reason, where the
// device cannot be had; `auto` never fails so.
StatusOr<std::shared_ptr<Device>> OpenDevice(const std::string& name, const DeviceOptions& options);

// Why there is no CUDA device ("" where there is one): plugin absent, libraries absent, no driver...
std::string CudaUnavailableReason();

}  // namespace moulin

#endif  // MOULIN_DEVICE_DEVICE_H_
