// MakePlan: kernels, buffers, in-place reuse, lanes, arena, steps.
//
// A plan is made in this order, each stage reading only what the ones before it settled:
//   1. which nodes the outputs need, which of them are views, and a kernel for each of the others;
//   2. a task a kernel, in the graph's order, with the buffers it reads and writes; results written over a dying
//      operand where the kernel can; copies for outputs that have no memory of their own;
//   3. lanes, and the events between them (plan/lanes.h);
//   4. the place of each buffer in the arena (plan/arena.h);
//   5. the steps.
// Tested by tests/plan/planner_test.cc and random_plan_test.cc.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "plan/arena.h"
#include "plan/cost.h"
#include "plan/lanes.h"
#include "plan/plan.h"
#include "plan/views.h"

namespace moulin {
namespace {

// Lanes are not worth their price beyond this many tasks (and the arena's quadratic layout is too slow).
constexpr size_t kMaxTasksForLanes = 4096;

class Planner {
 public:
  Planner(std::shared_ptr<const Graph> graph, KernelSource& kernels, const PlanOptions& options)
      : graph_(*graph), kernels_(kernels), options_(options), plan_(std::make_shared<Plan>()) {
    plan_->graph = std::move(graph);
    plan_->io_space = options.io_space;
  }

  StatusOr<std::shared_ptr<const Plan>> Run() {
    roots_ = ViewRoots(graph_);
    FindNeeded();
    CountReaders();
    plan_->value_buffers.assign(graph_.num_values(), kNoId);
    for (auto& buffers : buffers_in_) buffers.assign(graph_.num_values(), kNoId);
    for (NodeId n = 0; n < graph_.num_nodes(); ++n) {
      if (needed_[n]) MOULIN_RETURN_IF_ERROR(AddNode(n));
    }
    MOULIN_RETURN_IF_ERROR(DeliverOutputs());
    const std::vector<LaneTask> lane_tasks = LaneTasks();
    const LaneSchedule schedule = ScheduleLanes(lane_tasks, MaxLanes());
    PlaceBuffers(schedule);
    EmitSteps(schedule);
    ShareBuffersWithViews();
    return std::shared_ptr<const Plan>(std::move(plan_));
  }

 private:
  int MaxLanes() const {
    const auto launches_in = [&](MemorySpace space) {
      return std::any_of(tasks_.begin(), tasks_.end(), [&](const Step& task) {
        return task.kind == StepKind::kLaunch && task.kernel->space() == space;
      });
    };
    const bool is_mixed = launches_in(MemorySpace::kHost) && launches_in(MemorySpace::kDevice);
    return is_mixed || tasks_.size() > kMaxTasksForLanes ? 1 : options_.max_lanes;
  }

  void FindNeeded() {
    needed_.assign(graph_.num_nodes(), false);
    std::vector<NodeId> pending;
    const auto need = [&](ValueId v) {
      const NodeId n = graph_.value(v).producer;
      if (n == kNoId || needed_[n]) return;
      needed_[n] = true;
      pending.push_back(n);
    };
    for (const GraphOutput& output : graph_.outputs()) need(output.value);
    while (!pending.empty()) {
      const NodeId n = pending.back();
      pending.pop_back();
      for (ValueId v : graph_.node(n).inputs) need(v);
    }
  }

  // For each root value: how many tasks read it (or views of it); outputs of the graph count as never read to the end.
  void CountReaders() {
    readers_left_.assign(graph_.num_values(), 0);
    for (NodeId n = 0; n < graph_.num_nodes(); ++n) {
      if (!needed_[n] || IsView(graph_, graph_.node(n))) continue;
      for (ValueId root : DistinctRoots(graph_.node(n))) ++readers_left_[root];
    }
    total_readers_ = readers_left_;
    is_output_.assign(graph_.num_values(), false);
    for (const GraphOutput& output : graph_.outputs()) is_output_[roots_[output.value]] = true;
  }

  absl::InlinedVector<ValueId, 4> DistinctRoots(const Node& node) const {
    absl::InlinedVector<ValueId, 4> result;
    for (ValueId v : node.inputs) {
      if (std::find(result.begin(), result.end(), roots_[v]) == result.end()) result.push_back(roots_[v]);
    }
    return result;
  }

  BufferId AddBuffer(BufferKind kind, ValueId value, int64_t bytes, MemorySpace space, int index = 0) {
    plan_->buffers.push_back({kind, value, 0, bytes, space, index});
    return static_cast<BufferId>(plan_->buffers.size()) - 1;
  }

  // The buffer of an operand where a kernel of `space` can read it: made at first sight for inputs and constants, and
  // for values that lie in the other space, which are copied over once.
  StatusOr<BufferId> OperandBuffer(ValueId value, MemorySpace space) {
    const ValueId root = roots_[value];
    BufferId& here = buffers_in_[static_cast<int>(space)][root];
    if (here != kNoId) return here;
    if (graph_.value(root).is_constant()) {
      here = AddBuffer(BufferKind::kConstant, root, ValueBytes(graph_, root), space);
      if (plan_->value_buffers[root] == kNoId) plan_->value_buffers[root] = here;
      return here;
    }
    MOULIN_ASSIGN_OR_RETURN(const BufferId home, HomeBuffer(root));
    if (plan_->buffers[home].space == space) return here = home;
    return here = AddCopy(home, AddBuffer(BufferKind::kArena, root, ValueBytes(graph_, root), space));
  }

  // The buffer of a value where it was made, or came from.
  StatusOr<BufferId> HomeBuffer(ValueId root) {
    BufferId& buffer = plan_->value_buffers[root];
    if (buffer != kNoId) return buffer;
    const Value& v = graph_.value(root);
    if (v.is_constant()) {
      buffer = AddBuffer(BufferKind::kConstant, root, ValueBytes(graph_, root), MemorySpace::kHost);
    } else if (v.is_input) {
      const absl::Span<const ValueId> inputs = graph_.inputs();
      const auto index = std::find(inputs.begin(), inputs.end(), root) - inputs.begin();
      buffer =
          AddBuffer(BufferKind::kInput, root, ValueBytes(graph_, root), options_.io_space, static_cast<int>(index));
    } else {
      return MakeError(ErrorCode::kInternal, "the graph reads value ", root, " \"", v.name(),
                       "\" before it is computed");
    }
    return buffer;
  }

  Status CheckOperand(ValueId value) const {
    const Value& v = graph_.value(value);
    if (v.type.shape.IsFullyKnown()) return absl::OkStatus();
    return MakeError(ErrorCode::kInternal, "cannot plan: operand \"", v.name(), "\" has the shape ",
                     v.type.shape.ToString(), ", which is not known");
  }

  Status AddNode(NodeId n) {
    const Node& node = graph_.node(n);
    for (ValueId v : node.inputs) MOULIN_RETURN_IF_ERROR(AtNode(CheckOperand(v), node.name, node.tf_op));
    if (IsView(graph_, node)) return absl::OkStatus();
    Step task;
    task.node = n;
    StatusOr<std::shared_ptr<const Kernel>> kernel = kernels_.Prepare(graph_, node);
    if (!kernel.ok()) return AtNode(kernel.status(), node.name, node.tf_op);
    task.kernel = *std::move(kernel);
    const MemorySpace space = task.kernel->space();
    for (ValueId v : node.inputs) {
      MOULIN_ASSIGN_OR_RETURN(const BufferId buffer, OperandBuffer(v, space));
      task.reads.push_back(buffer);
    }
    for (ValueId root : DistinctRoots(node)) --readers_left_[root];
    NoteCopies(node, *task.kernel);
    for (size_t port = 0; port < node.outputs.size(); ++port) {
      const BufferId reused = port == 0 ? ReusableOperand(node, *task.kernel) : kNoId;
      const BufferId buffer = reused != kNoId ? reused : ResultBuffer(node.outputs[port], space);
      plan_->value_buffers[node.outputs[port]] = buffer;
      buffers_in_[static_cast<int>(space)][node.outputs[port]] = buffer;
      task.writes.push_back(buffer);
    }
    if (task.kernel->workspace_bytes() > 0) {
      task.workspace = AddBuffer(BufferKind::kArena, kNoId, task.kernel->workspace_bytes(), space);
    }
    costs_.push_back(EstimateCostNs(graph_, node));
    tasks_.push_back(std::move(task));
    return absl::OkStatus();
  }

  // Tells of the constants that no kernel reads, as soon as the last one that has them as operands is prepared: so that
  // weights and the forms that they are packed in are in memory one at a time.
  void NoteCopies(const Node& node, const Kernel& kernel) {
    if (!options_.on_copied) return;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId v = node.inputs[i];
      const ValueId root = roots_[v];
      const Tensor& constant = graph_.value(root).constant;
      if (!constant.is_valid()) continue;
      std::shared_ptr<const TensorCopy> copy = v == root ? kernel.copy_of(static_cast<int>(i)) : nullptr;
      if (copy == nullptr || is_output_[root]) is_read_.insert(root);
      const bool is_last = std::find(node.inputs.begin() + i + 1, node.inputs.end(), v) == node.inputs.end();
      if (is_last && readers_left_[root] == 0 && !is_read_.contains(root))
        options_.on_copied(constant, std::move(copy));
    }
  }

  BufferId ResultBuffer(ValueId value, MemorySpace space) {
    const TensorType& type = graph_.value(value).type;
    const bool fixed = type.shape.IsFullyKnown() && SizeOf(type.dtype) > 0;
    return AddBuffer(fixed ? BufferKind::kArena : BufferKind::kOwned, value, ValueBytes(graph_, value), space);
  }

  // The buffer of an operand that output 0 of `node` may overwrite; kNoId where there is none.
  BufferId ReusableOperand(const Node& node, const Kernel& kernel) const {
    const int64_t bytes = ValueBytes(graph_, node.outputs[0]);
    if (!options_.allow_in_place || bytes == 0) return kNoId;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId root = roots_[node.inputs[i]];
      const BufferId buffer = buffers_in_[static_cast<int>(kernel.space())][root];
      if (plan_->buffers[buffer].kind != BufferKind::kArena || plan_->buffers[buffer].bytes != bytes) continue;
      if (is_output_[root] || readers_left_[root] > 0) continue;
      // On several lanes, other readers would have to be waited for.
      if (options_.max_lanes > 1 && total_readers_[root] > 1) continue;
      if (std::count_if(node.inputs.begin(), node.inputs.end(), [&](ValueId v) { return roots_[v] == root; }) > 1)
        continue;
      if (kernel.can_run_in_place(static_cast<int>(i))) return buffer;
    }
    return kNoId;
  }

  // Gives each output of the graph a buffer of its own.
  Status DeliverOutputs() {
    std::vector<bool> taken(plan_->buffers.size(), false);
    for (size_t i = 0; i < graph_.outputs().size(); ++i) {
      const ValueId root = roots_[graph_.outputs()[i].value];
      MOULIN_ASSIGN_OR_RETURN(const BufferId source, OutputSource(root));
      taken.resize(plan_->buffers.size(), false);
      const BufferKind kind = plan_->buffers[source].kind;
      const bool is_computed_there = (kind == BufferKind::kArena || kind == BufferKind::kOwned) &&
                                     plan_->buffers[source].space == options_.io_space;
      if (is_computed_there && !taken[source]) {
        if (kind == BufferKind::kArena) plan_->buffers[source].kind = BufferKind::kOutput;
        plan_->buffers[source].index = static_cast<int>(i);
        taken[source] = true;
        plan_->output_buffers.push_back(source);
      } else {
        plan_->output_buffers.push_back(AddOutputCopy(source, root, static_cast<int>(i)));
      }
    }
    return absl::OkStatus();
  }

  // Constants that are outputs on the device are copied from there: the host's memory may not be pinned.
  StatusOr<BufferId> OutputSource(ValueId root) {
    const bool is_on_device = options_.io_space == MemorySpace::kDevice && graph_.value(root).is_constant();
    return is_on_device ? OperandBuffer(root, MemorySpace::kDevice) : HomeBuffer(root);
  }

  BufferId AddOutputCopy(BufferId source, ValueId root, int index) {
    const bool fixed = SizeOf(graph_.value(root).type.dtype) > 0 && graph_.value(root).type.shape.IsFullyKnown();
    return AddCopy(source, AddBuffer(fixed ? BufferKind::kOutput : BufferKind::kOwned, root, ValueBytes(graph_, root),
                                     fixed ? options_.io_space : MemorySpace::kHost, index));
  }

  BufferId AddCopy(BufferId from, BufferId to) {
    Step task;
    task.kind = StepKind::kCopy;
    task.reads = {from};
    task.writes = {to};
    costs_.push_back(static_cast<double>(plan_->buffers[to].bytes) / 8);
    tasks_.push_back(std::move(task));
    return to;
  }

  // What each task must come after: who wrote what it reads, and who still reads or wrote what it overwrites.
  std::vector<LaneTask> LaneTasks() const {
    std::vector<LaneTask> result(tasks_.size());
    std::vector<int> writer(plan_->buffers.size(), -1);
    std::vector<std::vector<int>> readers(plan_->buffers.size());
    for (size_t t = 0; t < tasks_.size(); ++t) {
      std::vector<int>& predecessors = result[t].predecessors;
      result[t].cost_ns = costs_[t];
      for (BufferId b : tasks_[t].reads) {
        if (writer[b] >= 0) predecessors.push_back(writer[b]);
      }
      for (BufferId b : tasks_[t].writes) {
        if (writer[b] >= 0) predecessors.push_back(writer[b]);
        predecessors.insert(predecessors.end(), readers[b].begin(), readers[b].end());
      }
      std::sort(predecessors.begin(), predecessors.end());
      predecessors.erase(std::unique(predecessors.begin(), predecessors.end()), predecessors.end());
      for (BufferId b : tasks_[t].reads) readers[b].push_back(static_cast<int>(t));
      for (BufferId b : tasks_[t].writes) {
        writer[b] = static_cast<int>(t);
        readers[b].clear();
      }
    }
    return result;
  }

  void PlaceBuffers(const LaneSchedule& schedule) {
    plan_->arena_bytes = PlaceBuffersIn(MemorySpace::kHost, schedule);
    plan_->device_arena_bytes = PlaceBuffersIn(MemorySpace::kDevice, schedule);
  }

  // Returns the size of the space's arena.
  int64_t PlaceBuffersIn(MemorySpace space, const LaneSchedule& schedule) {
    std::vector<ArenaRequest> requests;
    std::vector<BufferId> buffers;
    std::vector<int> request_of(plan_->buffers.size(), -1);
    const auto touch = [&](BufferId b, int task) {
      if (b == kNoId || plan_->buffers[b].kind != BufferKind::kArena || plan_->buffers[b].space != space) return;
      if (request_of[b] < 0) {
        request_of[b] = static_cast<int>(requests.size());
        requests.push_back({plan_->buffers[b].bytes, task, std::vector<int>(schedule.num_lanes, 0)});
        buffers.push_back(b);
      }
      int& last = requests[request_of[b]].last_positions[schedule.lane[task]];
      last = std::max(last, schedule.position[task]);
    };
    for (size_t t = 0; t < tasks_.size(); ++t) {
      for (BufferId b : tasks_[t].writes) touch(b, static_cast<int>(t));
      for (BufferId b : tasks_[t].reads) touch(b, static_cast<int>(t));
      touch(tasks_[t].workspace, static_cast<int>(t));
    }
    const ArenaLayout layout = LayOutArena(requests, schedule);
    for (size_t r = 0; r < requests.size(); ++r) plan_->buffers[buffers[r]].offset = layout.offsets[r];
    return layout.bytes;
  }

  void EmitSteps(const LaneSchedule& schedule) {
    plan_->num_lanes = schedule.num_lanes;
    plan_->num_events = schedule.num_events;
    const auto add_event_step = [&](StepKind kind, int lane, int event) {
      Step step;
      step.kind = kind;
      step.lane = lane;
      step.event = event;
      plan_->steps.push_back(std::move(step));
    };
    for (size_t t = 0; t < tasks_.size(); ++t) {
      const int lane = schedule.lane[t];
      for (int event : schedule.waits[t]) add_event_step(StepKind::kWait, lane, event);
      tasks_[t].lane = lane;
      plan_->steps.push_back(std::move(tasks_[t]));
      if (schedule.event[t] >= 0) add_event_step(StepKind::kRecord, lane, schedule.event[t]);
    }
  }

  void ShareBuffersWithViews() {
    for (ValueId v = 0; v < graph_.num_values(); ++v) plan_->value_buffers[v] = plan_->value_buffers[roots_[v]];
  }

  const Graph& graph_;
  KernelSource& kernels_;
  const PlanOptions options_;
  std::shared_ptr<Plan> plan_;
  std::vector<ValueId> roots_;
  std::vector<BufferId> buffers_in_[kNumMemorySpaces];  // per root value: where it can be read in that space
  std::vector<bool> needed_;                            // per node
  std::vector<int> readers_left_;                       // per root value: tasks that have yet to read it
  std::vector<int> total_readers_;                      // per root value
  std::vector<bool> is_output_;                         // per root value
  absl::flat_hash_set<ValueId> is_read_;                // constants that some kernel reads as they are
  std::vector<Step> tasks_;                             // launches and copies in order
  std::vector<double> costs_;                           // per task
};

}  // namespace

StatusOr<std::shared_ptr<const Plan>> MakePlan(std::shared_ptr<const Graph> graph, KernelSource& kernels,
                                               const PlanOptions& options) {
  return Planner(std::move(graph), kernels, options).Run();
}

std::vector<Tensor> ConstantsRead(const Plan& plan) {
  std::vector<bool> is_read(plan.buffers.size(), false);
  for (const Step& step : plan.steps) {
    for (size_t i = 0; i < step.reads.size(); ++i) {
      const bool has_copy = step.kind == StepKind::kLaunch && step.kernel->copy_of(static_cast<int>(i)) != nullptr;
      if (!has_copy) is_read[step.reads[i]] = true;
    }
  }
  std::vector<Tensor> constants;
  for (size_t b = 0; b < is_read.size(); ++b) {
    const Buffer& buffer = plan.buffers[b];
    if (buffer.kind == BufferKind::kConstant && is_read[b])
      constants.push_back(plan.graph->value(buffer.value).constant);
  }
  return constants;
}

}  // namespace moulin
