#include "cli/op_list.h"

#include <cstdio>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "import/control_flow.h"
#include "import/lowering.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

struct Entry {
  std::string inputs;  // "2", "1 to 3", "2 or more"
  const char* place;   // "any": the device that the model runs on; "host"; "graph": nothing of its own runs
};

std::string Arity(const OpLowering& row) {
  if (row.max_inputs == kAnyNumber) return absl::StrCat(row.min_inputs, " or more");
  if (row.max_inputs == row.min_inputs) return absl::StrCat(row.min_inputs);
  return absl::StrCat(row.min_inputs, " to ", row.max_inputs);
}

std::map<std::string, Entry> Ops() {
  std::map<std::string, Entry> ops;
  for (const OpLowering* row : AllLowerings()) {
    ops[row->op] = {Arity(*row), RunsOnHost(row->op) ? "host" : "any"};
  }
  // Those that the importer itself takes: sources, calls and control flow.
  for (const char* op :
       {"Placeholder", "PlaceholderV2", "Const", "HostConst", "VarHandleOp", "Variable", "VariableV2"}) {
    ops[op] = {"0", "graph"};
  }
  for (const char* op : {"BatchFunction", "PartitionedCall", "StatefulPartitionedCall"}) {
    ops[op] = {"0 or more", "graph"};
  }
  for (const absl::string_view op : ControlFlowOps()) ops[std::string(op)] = {"1 or more", "graph"};
  return ops;
}

}  // namespace

void PrintOpList(bool json) {
  const std::map<std::string, Entry> ops = Ops();
  if (json) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& [op, entry] : ops)
      list.push_back({{"op", op}, {"inputs", entry.inputs}, {"runs_on", entry.place}});
    std::printf("%s\n", list.dump(1).c_str());
    return;
  }
  std::printf("%-40s %-12s %s\n", "op", "inputs", "runs on");
  for (const auto& [op, entry] : ops) std::printf("%-40s %-12s %s\n", op.c_str(), entry.inputs.c_str(), entry.place);
  std::printf("%zu ops; any: the model's device, host: the CPU, graph: a part of the graph itself\n", ops.size());
}

}  // namespace moulin::cli
