// Tested by tests/engine/program_test.cc.
#include "engine/program.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/control_stage.h"
#include "engine/control_steps.h"
#include "passes/constants.h"
#include "passes/specialize.h"
#include "plan/verify.h"

namespace moulin::internal {

void ByteMeter::Add(int64_t bytes) {
  const int64_t now = now_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t peak = peak_.load(std::memory_order_relaxed);
  while (peak < now && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

CompiledStage::CompiledStage(std::shared_ptr<ProgramContext> context, std::shared_ptr<Executable> executable,
                             std::unique_ptr<ControlStage> control, StageSplit split, std::unique_ptr<Program> rest)
    : context_(std::move(context)),
      executable_(std::move(executable)),
      control_(std::move(control)),
      split_(std::move(split)),
      rest_(std::move(rest)),
      executions_(context_->instances) {}

CompiledStage::~CompiledStage() {
  for (const auto& execution : executions_) {
    if (execution != nullptr) context_->arena_bytes.Remove(execution->bytes());
  }
}

namespace {

// Bytes of the constants that a plan's kernels read.
int64_t ConstantBytes(const Plan& plan) {
  int64_t bytes = 0;
  for (const Buffer& b : plan.buffers) {
    if (b.kind == BufferKind::kConstant) bytes += b.bytes;
  }
  return bytes;
}

}  // namespace

StatusOr<Execution*> CompiledStage::ExecutionFor(int instance) {
  std::unique_ptr<Execution>& execution = executions_[instance];
  if (execution == nullptr) {
    MOULIN_RETURN_IF_ERROR(CheckBudget());
    MOULIN_ASSIGN_OR_RETURN(execution, executable_->NewExecution());
    if (context_->measures_steps) execution->MeasureSteps();
    context_->arena_bytes.Add(execution->bytes());
  }
  return execution.get();
}

Status CompiledStage::CheckBudget() const {
  const int64_t budget = context_->memory_budget_bytes;
  const int64_t weights = ConstantBytes(plan());
  const int64_t arena = plan().arena_bytes + plan().device_arena_bytes;
  const int64_t held = context_->arena_bytes.now();
  if (budget == 0 || weights + held + arena <= budget) return absl::OkStatus();
  return MakeError(ErrorCode::kMemory, "the model's budget is ", budget, " bytes; its weights take ", weights,
                   ", its arenas for other shapes and requests ", held, ", and this one would take ", arena);
}

Program::Program(std::shared_ptr<const Graph> graph, std::shared_ptr<ProgramContext> context,
                 std::shared_ptr<Weights> weights)
    : graph_(std::move(graph)),
      context_(std::move(context)),
      weights_(std::move(weights)),
      read_as_shapes_(InputsReadAsShapes(*graph_)) {}

std::shared_ptr<const Graph> Program::shared_graph() const {
  if (weights_ != nullptr) weights_->KeepAll();
  return graph_;
}

namespace {

void AppendInt(int64_t value, std::string* key) { key->append(reinterpret_cast<const char*>(&value), sizeof(value)); }

}  // namespace

std::string Program::KeyOf(absl::Span<const Tensor> inputs) const {
  std::string key;
  key.reserve(inputs.size() * 5 * sizeof(int64_t));
  for (size_t i = 0; i < inputs.size(); ++i) {
    AppendInt(inputs[i].shape().rank(), &key);
    for (int64_t size : inputs[i].shape().dims()) AppendInt(size, &key);
    if (read_as_shapes_[i]) key.append(static_cast<const char*>(inputs[i].data()), inputs[i].byte_size());
  }
  return key;
}

std::shared_ptr<Program::Slot> Program::SlotFor(const std::string& key, absl::Span<const Tensor> inputs) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto it = cache_.find(key);
  if (it == cache_.end()) {
    if (static_cast<int>(cache_.size()) >= context_->cache_entries) {
      auto oldest = cache_.begin();
      for (auto other = cache_.begin(); other != cache_.end(); ++other) {
        if (other->second->last_used < oldest->second->last_used) oldest = other;
      }
      cache_.erase(oldest);  // lives on while a request runs in it
    }
    it = cache_.emplace(key, std::make_shared<Slot>()).first;
    for (const Tensor& input : inputs) it->second->shapes.push_back(input.shape());
  }
  it->second->last_used = ++uses_;
  return it->second;
}

void Program::Forget(const std::string& key, const std::shared_ptr<Slot>& slot) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto it = cache_.find(key);
  if (it != cache_.end() && it->second == slot) cache_.erase(it);
}

StatusOr<std::shared_ptr<CompiledStage>> Program::StageFor(absl::Span<const Tensor> inputs) {
  const std::string key = KeyOf(inputs);
  const std::shared_ptr<Slot> slot = SlotFor(key, inputs);
  std::lock_guard<std::mutex> lock(slot->mutex);
  if (slot->stage == nullptr) {
    StatusOr<std::shared_ptr<CompiledStage>> stage = Compile(inputs);
    if (!stage.ok()) {
      Forget(key, slot);  // so that bad requests do not push good plans out
      return stage.status();
    }
    slot->stage = *std::move(stage);
  }
  return slot->stage;
}

StatusOr<std::shared_ptr<CompiledStage>> Program::StageForShapes(absl::Span<const Shape> shapes) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (read_as_shapes_[i]) return std::shared_ptr<CompiledStage>();
    // Only type and shape will be looked at.
    inputs.push_back(Tensor::Borrow(graph_->value(graph_->inputs()[i]).type.dtype, shapes[i], nullptr, nullptr));
  }
  return StageFor(inputs);
}

int64_t Program::cached() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int64_t>(cache_.size());
}

std::vector<std::vector<Shape>> Program::cached_shapes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<Slot>> slots;
  for (const auto& [key, slot] : cache_) slots.push_back(slot);
  std::sort(slots.begin(), slots.end(), [](const auto& a, const auto& b) { return a->last_used > b->last_used; });
  std::vector<std::vector<Shape>> shapes;
  for (const auto& slot : slots) shapes.push_back(slot->shapes);
  return shapes;
}

StatusOr<std::shared_ptr<CompiledStage>> Program::Compile(absl::Span<const Tensor> inputs) const {
  std::optional<Weights::Session> session;
  if (weights_ != nullptr) session.emplace(weights_, LargeConstants(*graph_));
  std::vector<Tensor> values(inputs.size());  // copies, for the caller may write his own when his request is done
  std::vector<InputFact> facts;
  for (size_t i = 0; i < inputs.size(); ++i) {
    facts.push_back({inputs[i].shape(), nullptr});
    if (!read_as_shapes_[i]) continue;
    MOULIN_ASSIGN_OR_RETURN(values[i], inputs[i].Clone());
    facts.back().value = &values[i];
  }
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<Graph> graph, Specialize(*graph_, facts, context_->passes));
  const std::vector<NodeId> control_steps = FindControlSteps(*context_->device, context_->passes, graph.get());
  MOULIN_ASSIGN_OR_RETURN(StageSplit split, SplitStage(*graph, control_steps));
  // What follows a stage, and the graphs within a choice or loop, are planned while requests run, for sizes that may be
  // others each time: to bring constants back each time would take longer than to make the plan.
  const bool has_control = split.is_control || !control_steps.empty();
  if (weights_ != nullptr && has_control) weights_->KeepAlways(LargeConstants(*split.now));
  if (weights_ != nullptr && split.rest != nullptr) weights_->KeepAlways(LargeConstants(*split.rest));
  std::shared_ptr<Executable> executable;
  std::unique_ptr<ControlStage> control;
  std::shared_ptr<const void> kept;
  if (split.is_control) {
    control = std::make_unique<ControlStage>(*split.now, context_);
    split.now.reset();
  } else {
    MOULIN_ASSIGN_OR_RETURN(executable, Load(std::move(split.now), session.has_value() ? &*session : nullptr));
    if (session.has_value()) kept = session->Keep(executable->plan());
  }
  std::unique_ptr<Program> rest;
  if (split.rest != nullptr) rest = std::make_unique<Program>(std::move(split.rest), context_);
  auto stage = std::make_shared<CompiledStage>(context_, std::move(executable), std::move(control), std::move(split),
                                               std::move(rest));
  stage->KeepAlive(std::move(kept));
  return stage;
}

StatusOr<std::shared_ptr<Executable>> Program::Load(std::shared_ptr<Graph> graph, Weights::Session* session) const {
  PlanOptions options = context_->plan;
  if (session != nullptr) {
    options.on_copied = [session, uses = UsesOfMemory(*graph)](const Tensor& constant,
                                                               std::shared_ptr<const TensorCopy> copy) mutable {
      if (--uses.at(constant.data()) == 0) session->Release(constant, std::move(copy));
    };
  }
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, MakePlan(std::move(graph), *context_->device, options));
  // Always: it costs little beside the preparation of kernels, and a plan that races gives wrong answers now and then.
  MOULIN_RETURN_IF_ERROR(VerifyPlan(*plan));
  return context_->device->Load(std::move(plan));
}

}  // namespace moulin::internal
