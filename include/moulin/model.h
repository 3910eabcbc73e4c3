// A loaded model: what it takes and gives, and how to run it.
#ifndef MOULIN_MODEL_H_
#define MOULIN_MODEL_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "moulin/dtype.h"
#include "moulin/precision.h"
#include "moulin/quantization.h"
#include "moulin/request.h"
#include "moulin/shape.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin {

// An input or output of a model.
struct TensorInfo {
  std::string name;    // what requests call it: a signature's key, or the TensorFlow name without ":0"
  std::string tensor;  // the TensorFlow tensor ("serving_default_x:0")
  DType dtype = DType::kInvalid;
  PartialShape shape;  // sizes unknown here are those of each request
};

// A tensor of the TensorFlow graph under a name of the caller's choice.
struct TensorName {
  std::string name;    // "" or left out: as `tensor`
  std::string tensor;  // "conv1/Relu:0"; ":0" may be left out
};

// How a model is loaded.
struct ModelOptions {
  // What the model is called in messages and statistics. Empty: from the file's name.
  std::string name;
  // What is fed and fetched, where that is not what the file or signature says. Tensors inside the graph may be fed
  // and fetched. Empty: all placeholders that the outputs need; the outputs of nodes that nothing else reads.
  std::vector<TensorName> inputs;
  std::vector<TensorName> outputs;
  // Which signature of a SavedModel or bundle. Empty: "serving_default", or the only one there is.
  std::string signature;
  // Which graph of a SavedModel: the one with exactly these tags. Empty: the one tagged "serve", or the only one.
  std::vector<std::string> tags;
  // The checkpoint that the variables' values come from, in place of the model's own: a prefix, or a directory (its
  // latest). For SavedModels, .meta graphs and GraphDefs with variables.
  std::string checkpoint;
  // Take the newer checkpoints that a manager saves in the directory that `checkpoint` is, or else the model itself.
  // Requests that run finish with the old weights, those that start later have the new ones; none waits or is lost.
  // A checkpoint that is broken, half written or of another model is refused, and the old weights go on.
  bool follow = false;
  std::chrono::milliseconds follow_interval{1000};  // between two looks at the directory
  // Called on a thread of the engine for each newer checkpoint: OK where it is used from now on, else why it is
  // refused. Must not shut the engine down.
  std::function<void(const std::string& checkpoint, const Status& status)> on_checkpoint;
  // Requests of the model that run at once, each with memory and streams of its own. Weights are shared. 0: as many as
  // the device recommends (one on the CPU; on a GPU enough that copies and compute overlap).
  int instances = 0;
  // What float32 products may be computed in.
  Precision precision = Precision::kStrict;
  // Ranges, examples and the bound on the error of Precision::kInt8 and kInt8Float16.
  Quantization quantization;
  // Models of a higher priority go first where the device can tell (a GPU's streams can); 0 is ordinary, below 0 less.
  int priority = 0;
  // On a GPU: how many of its multiprocessors the model runs on, set aside for it by a green context and rounded up to
  // what the device can split. Models with parts of their own do not slow each other down, where all have one. 0: the
  // whole device, shared. E_DEVICE where the device, or what is left of it, cannot be split so.
  int multiprocessors = 0;
  // The most that weights, arenas and staging of this model may take on the device, in bytes. What would not fit is
  // refused with numbers (E_MEMORY) before memory is taken. 0: no bound.
  int64_t memory_budget_bytes = 0;
  // Streams that one run may spread over. 0: as many as the device recommends.
  int max_lanes = 0;
  // Requests that may wait. 0: EngineOptions::queue_capacity.
  int queue_capacity = 0;
  // The most rows (the first size of inputs that leave it open) that one request may have; more are refused (E_LIMIT).
  // 0: as a bundle says, else no bound.
  int64_t max_batch = 0;
  // Requests that wait are joined, one behind another along the first axis of every input, and run as one of up to this
  // many rows; each gets its own rows of the outputs. That a model treats each row by itself, as most do, is the
  // caller's word: no graph tells. None waits for others to come: while one batch runs the next one gathers. A batch
  // has as many rows as its first request, doubled and doubled again, or `batch_rows`, so that few shapes are planned
  // (at the first batch of each, unless by Prepare before). Where a joined run fails its requests run one by one.
  // Results may differ in their last bits from those of a request alone.
  // 0: every request runs by itself. E_OPTION where an input or output does not leave its first size open.
  int64_t batch_rows = 0;
  // Run the model on the warm-up inputs that a bundle carries for it, so that it is loaded ready for such requests.
  bool warm_up = true;
  // False: none of the passes that only make it faster. The reference is run so.
  bool optimize = true;
  // Passes to leave out, by name (`moulin show --passes`); an unknown name is E_OPTION.
  std::vector<std::string> disabled_passes;
  // Called with the graph as text after import ("import") and after each pass that changed it.
  std::function<void(const std::string& pass, const std::string& graph)> dump;
};

// Times in milliseconds, sizes in bytes.
struct ModelStats {
  double load_ms = 0;   // reading, importing and optimising the file
  double first_ms = 0;  // the first successful run, planning and preparing kernels included; 0 before it
  // What a GPU was busy with a request, the median of the last ones; 0 where EngineOptions::measure_device_time is not
  // set, or the device does not measure it.
  double device_ms = 0;
  int64_t constant_bytes = 0;  // weights that the device holds, of all models of the engine
  int64_t arena_bytes = 0;     // arenas and staging buffers of this model's instances
  int64_t peak_bytes = 0;      // constant_bytes plus the most that arena_bytes has been
  // How far the outputs were from float32's on Quantization::examples, at worst; 0 where there were none.
  double quantization_error = 0;
  int64_t accepted = 0;  // requests, since loading; those of a bundle's examples among them
  int64_t succeeded = 0;
  int64_t failed = 0;             // errors of the run, cancellations, missed deadlines, shutdown
  int64_t refused = 0;            // invalid, or the queue was full
  int64_t waiting = 0;            // in the queue now
  int64_t batches = 0;            // runs of several requests as one (ModelOptions::batch_rows)
  int64_t joined = 0;             // requests that ran so
  int64_t plans = 0;              // plans in the cache now
  int64_t checkpoints_taken = 0;  // newer ones, with ModelOptions::follow
  int64_t checkpoints_refused = 0;
};

// What a run needs for given shapes, to be planned before the first request of these shapes.
struct InputShape {
  std::string name;
  Shape shape;
};

namespace internal {
class ModelImpl;
}  // namespace internal

// Loaded by Engine; lives as long as a handle does, but runs nothing once the engine is shut down. Thread-safe.
class Model {
 public:
  explicit Model(std::shared_ptr<internal::ModelImpl> impl);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const std::string& name() const;
  const std::string& device() const;  // "cpu", "reference", "cuda"
  const std::vector<TensorInfo>& inputs() const;
  const std::vector<TensorInfo>& outputs() const;

  // Runs one request and blocks until it is done. `outputs` as in Request. Takes its turn in the queue like any other.
  // The errors of Submit, and those of the run: INVALID_ARGUMENT where values do not fit the graph (E_SHAPE, E_VALUE),
  // RESOURCE_EXHAUSTED (E_MEMORY), each naming the node.
  StatusOr<NamedTensors> Run(NamedTensors inputs, std::vector<std::string> outputs = {});

  // Checks and queues a request; returns at once. Where it fails nothing was accepted and no callback will come:
  //   INVALID_ARGUMENT     an input or output that is missing, unknown (E_NAME), given twice (E_DUPLICATE), of the
  //                        wrong type (E_DTYPE) or shape (E_SHAPE)
  //   RESOURCE_EXHAUSTED   E_QUEUE_FULL: as many requests wait as may; try again when some are done
  //   FAILED_PRECONDITION  E_STOPPED: the engine is shut down
  StatusOr<Future> Submit(Request request);

  // Plans for inputs of these shapes and prepares their kernels, so that the first request of them takes no longer
  // than the next. Blocks while it works (longer for the first call). Inputs of known shape may be left out. The plan
  // is made as far as it does not depend on the inputs' elements. Errors as of Run.
  Status Prepare(absl::Span<const InputShape> shapes);

  // A snapshot.
  ModelStats stats() const;

  // For the engine's own tools (compare, show); not part of the stable interface.
  internal::ModelImpl& impl() const { return *impl_; }

 private:
  std::shared_ptr<internal::ModelImpl> impl_;
};

}  // namespace moulin

#endif  // MOULIN_MODEL_H_
