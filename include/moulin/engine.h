// The engine: a device and the models loaded on it.
//
//   auto engine = moulin::Engine::Create({.device = "auto"}).value();
//   auto model = engine->Load("resnet50.pb").value();
//   moulin::Future a = model->Submit({.inputs = {{"x", image}}}).value();   // returns at once
//   moulin::StatusOr<moulin::NamedTensors> result = a.Get();                // blocks
//
// Models of one engine run concurrently, each on streams of its own.
#ifndef MOULIN_ENGINE_H_
#define MOULIN_ENGINE_H_

#include <memory>
#include <string>
#include <vector>

#include "moulin/bundle.h"
#include "moulin/model.h"
#include "moulin/request.h"
#include "moulin/status.h"

namespace moulin {

struct EngineOptions {
  // "cpu", "reference" (slow, simple, exact: for comparison), "cuda", or "auto": cuda where there is one, else cpu.
  std::string device = "auto";
  // Threads that the CPU's kernels share. 0: as many as the machine has cores. "reference" uses one.
  int threads = 0;
  // Requests of one model that may wait; further ones are refused with E_QUEUE_FULL. At least 1.
  int queue_capacity = 1024;
  // Plans (one for each combination of input shapes) that a model keeps; the least recently used goes first. At
  // least 1.
  int plan_cache_entries = 32;
  // Measure the time that a GPU is busy with each request (ModelStats::device_ms), which costs some microseconds.
  bool measure_device_time = false;
  // Measure the time of each step of a run, for `moulin bench --profile`; a GPU then runs them one after another.
  bool measure_steps = false;
  // Run the goldens that a bundle carries for its models when it is loaded, and refuse a model that fails them
  // (E_DATA).
  bool verify_bundles = false;
  // Load and plan models, to show how they would run on the device, which need not be there ("cuda" without a GPU).
  // Requests then fail with E_DEVICE.
  bool plan_only = false;
};

namespace internal {
class EngineImpl;
}  // namespace internal

// Thread-safe.
class Engine {
 public:
  // Opens the device. UNAVAILABLE (E_DEVICE), with the reason, where it cannot be had; INVALID_ARGUMENT (E_OPTION) for
  // an unknown device or a number out of range. Blocks while a GPU starts up.
  static StatusOr<std::unique_ptr<Engine>> Create(const EngineOptions& options = {});

  explicit Engine(std::shared_ptr<internal::EngineImpl> impl);
  // Shuts down.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Reads, imports and optimises a model: a GraphDef (.pb or .pbtxt, told apart by content), a SavedModel directory
  // (variables are read and are constants from then on), a checkpoint with its .meta graph (the latest of a directory;
  // ModelOptions::follow takes later ones as they come), or
  // "BUNDLE.moulin:NAME[:SIGNATURE]". Blocks. Errors name the file and the node: DATA_LOSS or INVALID_ARGUMENT for a
  // malformed file, UNIMPLEMENTED listing all nodes that are not supported, NOT_FOUND (E_FILE), FAILED_PRECONDITION
  // (E_STOPPED).
  StatusOr<std::shared_ptr<Model>> Load(const std::string& path, const ModelOptions& options = {});

  // The ranges that Quantization needs: runs the model in float32 on `examples` (inputs as of Model::Run) and tells the
  // smallest and the largest element of each activation that int8 could stand for, but not of those that the model's
  // FakeQuant nodes give. Blocks. Errors as of Load and Run; INVALID_ARGUMENT without examples (E_EMPTY), or where an
  // activation is not finite (E_VALUE).
  StatusOr<std::vector<TensorRange>> Calibrate(const std::string& path, const std::vector<NamedTensors>& examples,
                                               const ModelOptions& options = {});

  // Loads every model of a bundle by each of its signatures, the default one under the model's name and others as
  // "NAME:SIGNATURE"; what their constants have in common is in memory once. `options` applies to each (name, inputs,
  // outputs and signature are the bundle's own and must be empty in it: E_OPTION). Nothing is loaded where one fails.
  StatusOr<Bundle> LoadBundle(const std::string& path, const ModelOptions& options = {});

  const std::string& device() const;              // "cpu", "reference", "cuda"
  const std::string& device_description() const;  // "2 threads, oneDNN 3.2.0 (AVX-512)"
  // Why this machine offers no GPU; "" where it does. Looks once, then remembers.
  static std::string NoGpuReason();

  // Accepts no more requests, completes those that wait with E_STOPPED, and blocks until those that run are done. Must
  // not be called from a request's callback. Calling it again does nothing.
  void Shutdown();

  // For the engine's own tools and tests; not part of the stable interface.
  internal::EngineImpl& impl() const { return *impl_; }

 private:
  std::shared_ptr<internal::EngineImpl> impl_;
};

}  // namespace moulin

#endif  // MOULIN_ENGINE_H_
