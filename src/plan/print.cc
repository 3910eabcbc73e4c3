// Plan::ToString. The form is that of tests/plan/planner_test.cc's golden texts.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "plan/plan.h"

namespace moulin {
namespace {

std::string BufferNames(const std::vector<BufferId>& buffers) {
  return absl::StrJoin(buffers, ", ", [](std::string* out, BufferId b) { absl::StrAppend(out, "b", b); });
}

std::string Origin(const Plan& plan, ValueId value) {
  if (value == kNoId) return "workspace";
  const Value& v = plan.graph->value(value);
  return absl::StrCat(v.names.empty() ? "" : absl::StrCat("\"", Printable(v.name()), "\" "), v.type.ToString());
}

std::string BufferLine(const Plan& plan, BufferId id) {
  const Buffer& b = plan.buffers[id];
  std::string line = absl::StrCat("  b", id, b.space == MemorySpace::kDevice ? " device " : " ");
  switch (b.kind) {
    case BufferKind::kInput:
      absl::StrAppend(&line, "input ", b.index);
      break;
    case BufferKind::kConstant:
      absl::StrAppend(&line, "constant");
      break;
    case BufferKind::kArena:
      absl::StrAppend(&line, "arena [", b.offset, ", ", b.offset + b.bytes, ")");
      break;
    case BufferKind::kOutput:
      absl::StrAppend(&line, "output ", b.index);
      break;
    case BufferKind::kOwned:
      absl::StrAppend(&line, "owned");
      break;
  }
  return absl::StrCat(line, ": ", Origin(plan, b.value), "\n");
}

std::string StepLine(const Plan& plan, const Step& step) {
  std::string line = absl::StrCat("  lane ", step.lane, ": ");
  switch (step.kind) {
    case StepKind::kRecord:
      return absl::StrCat(line, "record e", step.event, "\n");
    case StepKind::kWait:
      return absl::StrCat(line, "wait e", step.event, "\n");
    case StepKind::kCopy:
      absl::StrAppend(&line, "copy");
      break;
    case StepKind::kLaunch: {
      const Node& node = plan.graph->node(step.node);
      absl::StrAppend(&line, Name(node.kind), node.name.empty() ? "" : absl::StrCat(" \"", Printable(node.name), "\""),
                      " <", step.kernel->name(), ">");
      break;
    }
  }
  absl::StrAppend(&line, " (", BufferNames(step.reads), ") -> ", BufferNames(step.writes));
  if (step.workspace != kNoId) absl::StrAppend(&line, " using b", step.workspace);
  return absl::StrCat(line, "\n");
}

}  // namespace

std::string Plan::ToString() const {
  std::string out =
      absl::StrCat("plan \"", Printable(graph->name), "\": ", steps.size(), " steps, ", num_lanes, " lanes, ",
                   num_events, " events, arena ", arena_bytes, " bytes",
                   device_arena_bytes == 0 ? "" : absl::StrCat(" and ", device_arena_bytes, " on the device"), "\n");
  for (const Step& step : steps) absl::StrAppend(&out, StepLine(*this, step));
  absl::StrAppend(&out, "buffers\n");
  for (BufferId b = 0; b < static_cast<BufferId>(buffers.size()); ++b) absl::StrAppend(&out, BufferLine(*this, b));
  absl::StrAppend(&out, "outputs\n");
  for (size_t i = 0; i < output_buffers.size(); ++i) {
    absl::StrAppend(&out, "  \"", Printable(graph->outputs()[i].name), "\" b", output_buffers[i], "\n");
  }
  for (const Step& step : steps) {
    if (step.kind != StepKind::kLaunch || step.kernel->regions().empty()) continue;
    absl::StrAppend(&out, Name(graph->node(step.node).kind), " \"", Printable(graph->node(step.node).name),
                    "\" runs\n");
    for (const Plan* region : step.kernel->regions()) absl::StrAppend(&out, region->ToString());
  }
  return out;
}

}  // namespace moulin
