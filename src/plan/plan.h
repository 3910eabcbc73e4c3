// An execution plan: the steps that compute a graph of concrete shapes, where each buffer lies, and which lane runs
// which step. Plain data, immutable once made, printable, and checked by VerifyPlan (plan/verify.h).
//
// Lanes are streams of the device: steps of one lane run in order, those of different lanes at once unless an event
// orders them (a Record in one lane and a Wait for it in another).
#ifndef MOULIN_PLAN_PLAN_H_
#define MOULIN_PLAN_PLAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "moulin/status.h"
#include "plan/kernel.h"

namespace moulin {

using BufferId = int32_t;

enum class BufferKind {
  kInput,     // a tensor of the request; read only
  kConstant,  // a constant of the graph, resident where it is read
  kArena,     // bytes [offset, offset + bytes) of its space's arena
  kOutput,    // a result's own memory, allocated for each request
  kOwned,     // made by its kernel when it runs: strings, and results whose shape is known only then
};

struct Buffer {
  BufferKind kind = BufferKind::kArena;
  ValueId value = kNoId;  // whose elements it first holds; kNoId for workspaces
  int64_t offset = 0;     // kArena only
  int64_t bytes = 0;
  MemorySpace space = MemorySpace::kHost;  // inputs and outputs are of Plan::io_space, kOwned of the host
  int index = 0;  // kInput: which input; kOutput, and kOwned results: which output of the graph; else 0
};

enum class StepKind { kLaunch, kCopy, kRecord, kWait };

struct Step {
  StepKind kind = StepKind::kLaunch;
  int lane = 0;
  NodeId node = kNoId;                   // kLaunch: the node, and
  std::shared_ptr<const Kernel> kernel;  // what runs it
  // kLaunch: the buffers of the node's inputs and outputs, in order, all of the kernel's space; kCopy: one of each, of
  // any space.
  std::vector<BufferId> reads;
  std::vector<BufferId> writes;
  BufferId workspace = kNoId;
  int event = kNoId;  // kRecord, kWait
};

struct Plan {
  std::shared_ptr<const Graph> graph;
  std::vector<Buffer> buffers;
  // The buffer that holds each value where it is made (views share their operand's buffer); kNoId for values nobody
  // needs. Copies in another space are known by Buffer::value.
  std::vector<BufferId> value_buffers;
  // The buffer that each output of the graph is delivered in.
  std::vector<BufferId> output_buffers;
  std::vector<Step> steps;
  MemorySpace io_space = MemorySpace::kHost;  // where inputs and outputs lie
  int num_lanes = 1;
  int num_events = 0;
  int64_t arena_bytes = 0;         // of the host
  int64_t device_arena_bytes = 0;  // of the device

  // A line a step, then the arena's layout; for golden tests and `moulin graph`.
  std::string ToString() const;
};

struct PlanOptions {
  // Of a plan that runs on the device alone: where the host has a part in it, its steps run one after another.
  int max_lanes = 1;
  bool allow_in_place = true;
  MemorySpace io_space = MemorySpace::kHost;
  // Called for a constant once every kernel that has it as an operand is prepared, where none of them reads it
  // and each has a copy of its own.
  std::function<void(const Tensor& constant, std::shared_ptr<const TensorCopy> copy)> on_copied;
};

// The constants that some step of the plan reads as they are; of the others the kernels have copies. Each buffer once.
std::vector<Tensor> ConstantsRead(const Plan& plan);

// Plans `graph`, all of whose shapes must be known (plan/stage.h cuts off the part whose shapes are not).
// Errors of `kernels` are returned as they are, naming the node.
StatusOr<std::shared_ptr<const Plan>> MakePlan(std::shared_ptr<const Graph> graph, KernelSource& kernels,
                                               const PlanOptions& options);

}  // namespace moulin

#endif  // MOULIN_PLAN_PLAN_H_
