// A graph made runnable: specialised and planned for the shapes of each request, in stages where shapes become known
// only on the way, with a bounded cache of what has been made.
#ifndef MOULIN_ENGINE_PROGRAM_H_
#define MOULIN_ENGINE_PROGRAM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "device/device.h"
#include "engine/weights.h"
#include "ir/graph.h"
#include "passes/pass.h"
#include "plan/plan.h"
#include "plan/stage.h"

namespace moulin::internal {

// Bytes held now, and the most that were held.
class ByteMeter {
 public:
  void Add(int64_t bytes);
  void Remove(int64_t bytes) { now_.fetch_sub(bytes, std::memory_order_relaxed); }
  int64_t now() const { return now_.load(std::memory_order_relaxed); }
  int64_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> now_{0};
  std::atomic<int64_t> peak_{0};
};

// What all programs of a model share.
struct ProgramContext {
  std::shared_ptr<Device> device;
  PassOptions passes;
  PlanOptions plan;
  int cache_entries = 32;
  int instances = 1;
  int64_t memory_budget_bytes = 0;  // of the model; 0: no bound
  bool measures_steps = false;
  ByteMeter arena_bytes;
};

class ControlStage;
class Program;

// A stage for certain shapes: a plan, or a choice or loop. Immutable but for the executions, each of which belongs to
// one instance of the model.
class CompiledStage {
 public:
  // One of `executable` and `control` is null.
  CompiledStage(std::shared_ptr<ProgramContext> context, std::shared_ptr<Executable> executable,
                std::unique_ptr<ControlStage> control, StageSplit split, std::unique_ptr<Program> rest);
  // What must live as long as the plan.
  void KeepAlive(std::shared_ptr<const void> kept) { kept_ = std::move(kept); }
  ~CompiledStage();

  // The choice or loop, or null for a stage that has a plan.
  const ControlStage* control() const { return control_.get(); }
  const Plan& plan() const { return executable_->plan(); }
  const StageSplit& split() const { return split_; }
  // What remains to be run, or null.
  Program* rest() const { return rest_.get(); }
  // The execution of an instance, made at the first call; E_MEMORY where it goes beyond the model's budget. To be
  // called by one thread an instance at a time.
  StatusOr<Execution*> ExecutionFor(int instance);

 private:
  Status CheckBudget() const;
  const std::shared_ptr<ProgramContext> context_;
  std::shared_ptr<const void> kept_;
  const std::shared_ptr<Executable> executable_;
  const std::unique_ptr<ControlStage> control_;
  const StageSplit split_;  // without its graphs
  const std::unique_ptr<Program> rest_;
  std::vector<std::unique_ptr<Execution>> executions_;  // per instance
};

// Thread-safe.
class Program {
 public:
  // `weights` are not null where the program may release constants of the graph.
  Program(std::shared_ptr<const Graph> graph, std::shared_ptr<ProgramContext> context,
          std::shared_ptr<Weights> weights = nullptr);

  const Graph& graph() const { return *graph_; }
  // The graph for others to read: its constants stay in memory from then on.
  std::shared_ptr<const Graph> shared_graph() const;
  const Weights* weights() const { return weights_.get(); }
  // The stage for these inputs, from the cache or made now (which takes its time; a second caller that wants the same
  // one waits for it). Errors of specialisation and planning, naming the node.
  StatusOr<std::shared_ptr<CompiledStage>> StageFor(absl::Span<const Tensor> inputs);
  // As StageFor, for inputs of which only the shapes are known. The stage goes into the cache unless elements of an
  // input decide shapes, which are not known: then the result is null.
  StatusOr<std::shared_ptr<CompiledStage>> StageForShapes(absl::Span<const Shape> shapes);
  // Plans in the cache.
  int64_t cached() const;
  // The shapes of the inputs that the cache has plans for, those used last first.
  std::vector<std::vector<Shape>> cached_shapes() const;

 private:
  struct Slot {
    std::mutex mutex;
    std::shared_ptr<CompiledStage> stage;  // guarded by mutex
    std::vector<Shape> shapes;             // guarded by Program::mutex_
    uint64_t last_used = 0;                // guarded by Program::mutex_
  };
  std::string KeyOf(absl::Span<const Tensor> inputs) const;
  std::shared_ptr<Slot> SlotFor(const std::string& key, absl::Span<const Tensor> inputs);
  void Forget(const std::string& key, const std::shared_ptr<Slot>& slot);
  StatusOr<std::shared_ptr<CompiledStage>> Compile(absl::Span<const Tensor> inputs) const;
  // A plan for the graph, ready to run. `session`, where there is one, releases what no step reads.
  StatusOr<std::shared_ptr<Executable>> Load(std::shared_ptr<Graph> graph, Weights::Session* session) const;

  const std::shared_ptr<const Graph> graph_;
  const std::shared_ptr<ProgramContext> context_;
  const std::shared_ptr<Weights> weights_;
  const std::vector<bool> read_as_shapes_;  // per input: its elements are part of the key
  mutable std::mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<Slot>> cache_;  // guarded by mutex_
  uint64_t uses_ = 0;                                              // guarded by mutex_
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_PROGRAM_H_
