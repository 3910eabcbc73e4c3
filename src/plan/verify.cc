// VerifyPlan: vector clocks over lanes and events, and shadow memory that remembers for each range of bytes what it
// holds, who wrote it and who has read it since (as in FastTrack: Flanagan and Freund 2009). Written apart from the
// planner, of which it shares only the notion of a view. Tested by tests/plan/verify_test.cc.
#include "plan/verify.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "plan/views.h"

namespace moulin {
namespace {

using Clock = std::vector<int>;  // per lane: how many of its steps are known to be done

// What is known of a range of bytes.
struct Cell {
  ValueId value = kNoId;     // the root value whose elements it holds; kNoId for none in particular
  int writer = -1;           // the step that wrote it
  std::vector<int> readers;  // steps that have read it since
};

class Verifier {
 public:
  explicit Verifier(const Plan& plan) : plan_(plan), graph_(*plan.graph), roots_(ViewRoots(graph_)) {}

  Status Run() {
    MOULIN_RETURN_IF_ERROR(CheckBuffers());
    InitializeCells();
    lane_clocks_.assign(plan_.num_lanes, Clock(plan_.num_lanes, 0));
    event_clocks_.assign(plan_.num_events, {});
    launched_.assign(graph_.num_nodes(), -1);
    for (int s = 0; s < num_steps(); ++s) MOULIN_RETURN_IF_ERROR(Take(s));
    return CheckOutputs();
  }

 private:
  int num_steps() const { return static_cast<int>(plan_.steps.size()); }

  template <typename... Parts>
  static Status Broken(const Parts&... parts) {
    return MakeError(ErrorCode::kInternal, "invalid plan: ", parts...);
  }

  std::string StepName(int s) const {
    const Step& step = plan_.steps[s];
    const std::string what =
        step.kind == StepKind::kCopy ? "copy"
        : step.kind == StepKind::kLaunch
            ? absl::StrCat(Name(graph_.node(step.node).kind), " \"", graph_.node(step.node).name, "\"")
            : absl::StrCat(step.kind == StepKind::kRecord ? "record e" : "wait e", step.event);
    return absl::StrCat("step ", s, " (", what, ", lane ", step.lane, ")");
  }

  std::string ValueName(ValueId v) const {
    return v == kNoId ? "nothing" : absl::StrCat("value ", v, " \"", graph_.value(v).name(), "\"");
  }

  // --- form ---

  Status CheckBuffers() const {
    for (size_t b = 0; b < plan_.buffers.size(); ++b) {
      const Buffer& buffer = plan_.buffers[b];
      const bool is_on_host = buffer.space == MemorySpace::kHost;
      if (!is_on_host && buffer.kind == BufferKind::kOwned) {
        return Broken("b", b, " is made when it runs, but on the device");
      }
      const bool is_of_caller = buffer.kind == BufferKind::kInput || buffer.kind == BufferKind::kOutput;
      if (is_of_caller && buffer.space != plan_.io_space) {
        return Broken("b", b, " is memory of the caller, which lies on the ", SpaceName(plan_.io_space),
                      ", but of the ", SpaceName(buffer.space));
      }
      if (buffer.kind != BufferKind::kArena) continue;
      const int64_t arena_bytes = is_on_host ? plan_.arena_bytes : plan_.device_arena_bytes;
      if (buffer.offset < 0 || buffer.bytes < 0 || buffer.offset + buffer.bytes > arena_bytes) {
        return Broken("b", b, " lies at [", buffer.offset, ", ", buffer.offset + buffer.bytes,
                      "), outside the arena of ", arena_bytes, " bytes");
      }
    }
    if (plan_.output_buffers.size() != graph_.outputs().size()) {
      return Broken(plan_.output_buffers.size(), " outputs for a graph with ", graph_.outputs().size());
    }
    return absl::OkStatus();
  }

  static const char* SpaceName(MemorySpace space) { return space == MemorySpace::kHost ? "host" : "device"; }

  bool IsBuffer(BufferId b) const { return b >= 0 && b < static_cast<BufferId>(plan_.buffers.size()); }

  Status CheckStepForm(int s) const {
    const Step& step = plan_.steps[s];
    if (step.lane < 0 || step.lane >= plan_.num_lanes) {
      return Broken("step ", s, " is on lane ", step.lane, " of ", plan_.num_lanes);
    }
    for (const std::vector<BufferId>* list : {&step.reads, &step.writes}) {
      if (!std::all_of(list->begin(), list->end(), [&](BufferId b) { return IsBuffer(b); })) {
        return Broken("step ", s, " names a buffer that is not there");
      }
    }
    if (step.kind == StepKind::kCopy && (step.reads.size() != 1 || step.writes.size() != 1)) {
      return Broken(StepName(s), " must have one source and one destination");
    }
    if (step.kind != StepKind::kLaunch) return absl::OkStatus();
    if (step.node < 0 || step.node >= graph_.num_nodes() || step.kernel == nullptr) {
      return Broken("step ", s, " launches no node, or without a kernel");
    }
    const Node& node = graph_.node(step.node);
    if (step.reads.size() != node.inputs.size() || step.writes.size() != node.outputs.size()) {
      return Broken(StepName(s), " has ", step.reads.size(), " operands and ", step.writes.size(),
                    " results, its node ", node.inputs.size(), " and ", node.outputs.size());
    }
    return CheckSpaces(s);
  }

  // A kernel reaches the memory of its own space alone.
  Status CheckSpaces(int s) const {
    const Step& step = plan_.steps[s];
    std::vector<BufferId> touched = step.reads;
    touched.insert(touched.end(), step.writes.begin(), step.writes.end());
    if (step.workspace != kNoId && IsBuffer(step.workspace)) touched.push_back(step.workspace);
    for (BufferId b : touched) {
      if (plan_.buffers[b].space == step.kernel->space()) continue;
      return Broken(StepName(s), " runs on the ", SpaceName(step.kernel->space()), ", b", b, " lies on the ",
                    SpaceName(plan_.buffers[b].space));
    }
    return absl::OkStatus();
  }

  // --- order ---

  Status Take(int s) {
    MOULIN_RETURN_IF_ERROR(CheckStepForm(s));
    const Step& step = plan_.steps[s];
    Clock& clock = lane_clocks_[step.lane];
    if (step.kind == StepKind::kRecord || step.kind == StepKind::kWait) {
      MOULIN_RETURN_IF_ERROR(TakeEvent(s, &clock));
    }
    positions_.push_back(clock[step.lane] + 1);
    if (step.kind == StepKind::kLaunch) MOULIN_RETURN_IF_ERROR(TakeLaunch(s));
    if (step.kind == StepKind::kCopy) MOULIN_RETURN_IF_ERROR(TakeCopy(s));
    ++clock[step.lane];
    return absl::OkStatus();
  }

  Status TakeEvent(int s, Clock* clock) {
    const Step& step = plan_.steps[s];
    if (step.event < 0 || step.event >= plan_.num_events) {
      return Broken(StepName(s), ": there are only ", plan_.num_events, " events");
    }
    Clock& recorded = event_clocks_[step.event];
    if (step.kind == StepKind::kRecord) {
      if (!recorded.empty()) return Broken(StepName(s), ": the event has been recorded before");
      recorded = *clock;
      return absl::OkStatus();
    }
    if (recorded.empty()) return Broken(StepName(s), ": the event has not been recorded yet");
    for (size_t lane = 0; lane < clock->size(); ++lane) (*clock)[lane] = std::max((*clock)[lane], recorded[lane]);
    return absl::OkStatus();
  }

  // Whether step `a` is done before step `s`, which is being taken, begins.
  bool IsBefore(int a, int s) const {
    return a == s || positions_[a] <= lane_clocks_[plan_.steps[s].lane][plan_.steps[a].lane];
  }

  // --- memory ---

  void InitializeCells() {
    for (auto& arena : arenas_) arena = {{0, Cell()}};
    own_.assign(plan_.buffers.size(), Cell());
    for (size_t b = 0; b < plan_.buffers.size(); ++b) {
      const BufferKind kind = plan_.buffers[b].kind;
      if (kind == BufferKind::kInput || kind == BufferKind::kConstant) own_[b].value = plan_.buffers[b].value;
    }
  }

  using Arena = std::map<int64_t, Cell>;  // by first byte; each cell reaches to the next

  // Makes a cell begin at `offset` of an arena.
  static Arena::iterator SplitAt(Arena& arena, int64_t offset) {
    auto it = std::prev(arena.upper_bound(offset));
    if (it->first == offset) return it;
    return arena.emplace_hint(std::next(it), offset, it->second);
  }

  // Calls visit(cell, text of its place) for each cell of a buffer, until one fails.
  template <typename Visit>
  Status ForEachCell(BufferId b, Visit visit) {
    const Buffer& buffer = plan_.buffers[b];
    if (buffer.kind != BufferKind::kArena) return visit(own_[b], absl::StrCat("b", b));
    if (buffer.bytes == 0) return absl::OkStatus();
    Arena& arena = arenas_[static_cast<int>(buffer.space)];
    const int64_t end = buffer.offset + buffer.bytes;
    SplitAt(arena, end);
    for (auto it = SplitAt(arena, buffer.offset); it != arena.end() && it->first < end; ++it) {
      const int64_t cell_end = std::next(it) == arena.end() ? end : std::next(it)->first;
      MOULIN_RETURN_IF_ERROR(
          visit(it->second, absl::StrCat("bytes [", it->first, ", ", cell_end, ") of the arena (b", b, ")")));
    }
    return absl::OkStatus();
  }

  Status Race(int s, const char* verb, const std::string& place, int other, const char* other_verb) const {
    return Broken("race: ", StepName(s), " ", verb, " ", place, ", which ", StepName(other), " ", other_verb,
                  ", and nothing orders the two");
  }

  Status Read(int s, BufferId b, ValueId expected) {
    return ForEachCell(b, [&](Cell& cell, const std::string& place) -> Status {
      if (cell.writer >= 0 && !IsBefore(cell.writer, s)) return Race(s, "reads", place, cell.writer, "writes");
      if (cell.value != expected) {
        return Broken(StepName(s), " reads ", ValueName(expected), " from ", place, ", which holds ",
                      ValueName(cell.value),
                      cell.writer >= 0 ? absl::StrCat(", written by ", StepName(cell.writer)) : "");
      }
      cell.readers.push_back(s);
      return absl::OkStatus();
    });
  }

  Status Write(int s, BufferId b, ValueId value) {
    const BufferKind kind = plan_.buffers[b].kind;
    if (kind == BufferKind::kInput || kind == BufferKind::kConstant) {
      return Broken(StepName(s), " writes b", b, ", which is read only");
    }
    return ForEachCell(b, [&](Cell& cell, const std::string& place) -> Status {
      if (cell.writer >= 0 && !IsBefore(cell.writer, s)) return Race(s, "writes", place, cell.writer, "writes");
      for (int reader : cell.readers) {
        if (!IsBefore(reader, s)) return Race(s, "writes", place, reader, "reads");
      }
      cell = Cell{value, s, {}};
      return absl::OkStatus();
    });
  }

  bool Overlap(BufferId a, BufferId b) const {
    const Buffer& x = plan_.buffers[a];
    const Buffer& y = plan_.buffers[b];
    if (a == b) return x.bytes > 0 || x.kind != BufferKind::kArena;
    if (x.kind != BufferKind::kArena || y.kind != BufferKind::kArena || x.space != y.space) return false;
    return std::max(x.offset, y.offset) < std::min(x.offset + x.bytes, y.offset + y.bytes);
  }

  // Within one step only output 0 may lie on an operand, and only where the kernel says so.
  Status CheckStepOverlaps(int s) const {
    const Step& step = plan_.steps[s];
    std::vector<BufferId> written = step.writes;
    if (step.workspace != kNoId) written.push_back(step.workspace);
    for (size_t i = 0; i < written.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (Overlap(written[i], written[j])) {
          return Broken(StepName(s), " writes b", written[j], " and b", written[i], ", which overlap");
        }
      }
      for (size_t j = 0; j < step.reads.size(); ++j) {
        if (!Overlap(written[i], step.reads[j])) continue;
        const bool allowed = i == 0 && !step.writes.empty() && written[i] == step.reads[j] &&
                             step.kernel->can_run_in_place(static_cast<int>(j));
        if (!allowed) {
          return Broken(StepName(s), " writes b", written[i], " over its operand b", step.reads[j], " (input ", j,
                        "), which its kernel does not allow");
        }
      }
    }
    return absl::OkStatus();
  }

  Status CheckSize(int s, BufferId b, ValueId v) const {
    const int64_t needed = ValueBytes(graph_, v);
    if (plan_.buffers[b].kind == BufferKind::kOwned || plan_.buffers[b].bytes >= needed) return absl::OkStatus();
    return Broken(StepName(s), ": ", ValueName(v), " takes ", needed, " bytes, b", b, " has ", plan_.buffers[b].bytes);
  }

  // The plans within a choice or a loop.
  Status CheckRegions(int s) const {
    const Kernel& kernel = *plan_.steps[s].kernel;
    for (const Plan* region : kernel.regions()) {
      if (region->io_space != kernel.space()) {
        return Broken(StepName(s), " runs on the ", SpaceName(kernel.space()),
                      " what has its inputs and outputs on the ", SpaceName(region->io_space));
      }
      if (const Status status = VerifyPlan(*region); !status.ok()) {
        return Broken(StepName(s), " runs an ", status.message());
      }
    }
    return absl::OkStatus();
  }

  Status TakeLaunch(int s) {
    const Step& step = plan_.steps[s];
    const Node& node = graph_.node(step.node);
    if (launched_[step.node] >= 0) return Broken(StepName(s), " repeats ", StepName(launched_[step.node]));
    launched_[step.node] = s;
    MOULIN_RETURN_IF_ERROR(CheckRegions(s));
    MOULIN_RETURN_IF_ERROR(CheckStepOverlaps(s));
    for (size_t i = 0; i < step.reads.size(); ++i) {
      MOULIN_RETURN_IF_ERROR(CheckSize(s, step.reads[i], node.inputs[i]));
      MOULIN_RETURN_IF_ERROR(Read(s, step.reads[i], roots_[node.inputs[i]]));
    }
    if (step.kernel->workspace_bytes() > 0) {
      if (!IsBuffer(step.workspace) || plan_.buffers[step.workspace].bytes < step.kernel->workspace_bytes()) {
        return Broken(StepName(s), " lacks its workspace of ", step.kernel->workspace_bytes(), " bytes");
      }
    }
    if (step.workspace != kNoId) MOULIN_RETURN_IF_ERROR(Write(s, step.workspace, kNoId));
    for (size_t i = 0; i < step.writes.size(); ++i) {
      MOULIN_RETURN_IF_ERROR(CheckSize(s, step.writes[i], node.outputs[i]));
      MOULIN_RETURN_IF_ERROR(Write(s, step.writes[i], node.outputs[i]));
    }
    return absl::OkStatus();
  }

  Status TakeCopy(int s) {
    const BufferId from = plan_.steps[s].reads[0], to = plan_.steps[s].writes[0];
    const ValueId value = plan_.buffers[to].value;
    if (Overlap(from, to)) return Broken(StepName(s), " copies b", from, " onto itself");
    if (value == kNoId) return Broken(StepName(s), " copies into b", to, ", which is for no value");
    MOULIN_RETURN_IF_ERROR(CheckSize(s, to, value));
    MOULIN_RETURN_IF_ERROR(Read(s, from, roots_[value]));
    return Write(s, to, roots_[value]);
  }

  Status CheckOutputs() {
    std::vector<int> output_of(plan_.buffers.size(), -1);
    for (size_t i = 0; i < plan_.output_buffers.size(); ++i) {
      const BufferId b = plan_.output_buffers[i];
      const std::string name = absl::StrCat("output ", i, " \"", graph_.outputs()[i].name, "\"");
      if (!IsBuffer(b)) return Broken(name, " has no buffer");
      const Buffer& buffer = plan_.buffers[b];
      if (buffer.kind != BufferKind::kOutput && buffer.kind != BufferKind::kOwned) {
        return Broken(name, " lies in b", b, ", which is not memory of its own");
      }
      if (output_of[b] >= 0) return Broken(name, " and output ", output_of[b], " share b", b);
      output_of[b] = static_cast<int>(i);
      const ValueId expected = roots_[graph_.outputs()[i].value];
      if (own_[b].value != expected) {
        return Broken(name, " should be ", ValueName(expected), "; b", b, " holds ", ValueName(own_[b].value),
                      " in the end");
      }
    }
    return absl::OkStatus();
  }

  const Plan& plan_;
  const Graph& graph_;
  const std::vector<ValueId> roots_;
  std::vector<Clock> lane_clocks_;   // per lane: what is done before its next step
  std::vector<Clock> event_clocks_;  // per event, empty before it is recorded
  std::vector<int> positions_;       // per step taken: the how-manieth of its lane it is, from 1
  std::vector<int> launched_;        // per node: the step that launches it, or -1
  Arena arenas_[kNumMemorySpaces];
  std::vector<Cell> own_;  // per buffer outside the arena
};

}  // namespace

Status VerifyPlan(const Plan& plan) { return Verifier(plan).Run(); }

}  // namespace moulin
