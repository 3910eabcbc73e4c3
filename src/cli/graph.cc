// moulin graph: the graph as text, for Graphviz or for TensorBoard.
#include "ir/graph.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/model_file.h"
#include "cli/random_inputs.h"
#include "engine/describe.h"
#include "formats/events.h"
#include "formats/file.h"
#include "moulin/engine.h"

namespace moulin::cli {
namespace {

struct GraphFlags {
  std::string model;
  std::string at = "import";
  std::string dot;
  std::string tensorboard;
  bool text = false;
  int64_t batch = 1;
  std::vector<std::string> shapes;
  DeviceFlags device;
};

std::string DotLabel(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}), "\"");
}

// Constants are left out: a picture of weights says nothing.
std::string ToDot(const Graph& graph) {
  std::string out = "digraph moulin {\n  node [shape=box, fontname=\"Helvetica\"];\n";
  for (ValueId id : graph.inputs()) {
    const Value& v = graph.value(id);
    absl::StrAppend(&out, "  v", id,
                    " [shape=ellipse, label=", DotLabel(absl::StrCat(v.name(), "\n", v.type.ToString())), "];\n");
  }
  for (NodeId n = 0; n < graph.num_nodes(); ++n) {
    const Node& node = graph.node(n);
    absl::StrAppend(&out, "  n", n, " [label=", DotLabel(absl::StrCat(Name(node.kind), "\n", node.name)), "];\n");
    for (ValueId id : node.inputs) {
      const Value& v = graph.value(id);
      if (v.is_constant()) continue;
      const std::string from = v.is_input ? absl::StrCat("v", id) : absl::StrCat("n", v.producer);
      absl::StrAppend(&out, "  ", from, " -> n", n, " [label=", DotLabel(v.type.ToString()), "];\n");
    }
  }
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    const GraphOutput& output = graph.outputs()[i];
    const Value& v = graph.value(output.value);
    absl::StrAppend(&out, "  o", i, " [shape=ellipse, label=", DotLabel(output.name), "];\n");
    if (v.producer != kNoId) absl::StrAppend(&out, "  n", v.producer, " -> o", i, ";\n");
    if (v.is_input) absl::StrAppend(&out, "  v", output.value, " -> o", i, ";\n");
  }
  return out + "}\n";
}

// TensorBoard shows TensorFlow's graph, as it is in the file; the model need not load.
StatusOr<int> WriteTensorBoard(const GraphFlags& flags) {
  MOULIN_ASSIGN_OR_RETURN(const ModelFile file, ReadModelFile(flags.model));
  MOULIN_ASSIGN_OR_RETURN(const std::string path, WriteGraphEvents(file.graph, flags.tensorboard));
  std::printf("%s: %d nodes, %d functions\n", Printable(path).c_str(), file.graph.node_size(),
              file.graph.library().function_size());
  return kDone;
}

StatusOr<int> ShowGraph(const GraphFlags& flags) {
  if (flags.text + !flags.dot.empty() + !flags.tensorboard.empty() != 1) {
    return MakeError(ErrorCode::kOption, "graph: give one of --text, --dot FILE and --tensorboard LOGDIR");
  }
  if (!flags.tensorboard.empty()) return WriteTensorBoard(flags);
  MOULIN_ASSIGN_OR_RETURN(const auto engine, Engine::Create(flags.device.planning_options()));
  ModelOptions options;
  MOULIN_RETURN_IF_ERROR(SetPrecision(flags.device, &options));
  std::string imported;
  options.optimize = flags.at != "import";
  options.dump = [&](const std::string& pass, const std::string& text) {
    if (pass == "import") imported = text;
    if (flags.at == "passes") std::printf("== %s\n%s", pass.c_str(), text.c_str());
  };
  MOULIN_ASSIGN_OR_RETURN(const auto model, engine->Load(flags.model, options));
  if (flags.at == "passes") return kDone;
  const std::shared_ptr<const Graph> shared = internal::GraphOf(*model);
  const Graph& graph = *shared;
  if (!flags.dot.empty()) {
    MOULIN_RETURN_IF_ERROR(WriteFile(flags.dot, ToDot(graph)));
    std::printf("%s: %d nodes\n", flags.dot.c_str(), graph.num_nodes());
  } else if (flags.at == "plan") {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<InputShape> shapes,
                            ConcreteShapes(model->inputs(), {flags.batch, flags.shapes}));
    MOULIN_ASSIGN_OR_RETURN(const std::string plan, internal::PlanText(*model, shapes));
    std::printf("%s", plan.c_str());
  } else {
    std::printf("%s", flags.at == "import" ? imported.c_str() : GraphToString(graph).c_str());
  }
  return kDone;
}

}  // namespace

void AddGraph(CLI::App& app, Action* action) {
  auto flags = std::make_shared<GraphFlags>();
  CLI::App* command =
      app.add_subcommand("graph", "Print a model's graph as text, or write it for Graphviz or TensorBoard");
  command->add_option("model", flags->model, "the model")->required()->type_name("MODEL");
  command->add_flag("--text", flags->text, "print it, a line a node");
  command->add_option("--dot", flags->dot, "write it in Graphviz's language")->type_name("FILE");
  command->add_option("--tensorboard", flags->tensorboard, "write the file's graph for TensorBoard")
      ->type_name("LOGDIR");
  command
      ->add_option("--at", flags->at,
                   "import: as read; optimized: after the passes; passes: after each of them; plan: the steps")
      ->check(CLI::IsMember({"import", "optimized", "passes", "plan"}))
      ->capture_default_str();
  command->add_option("--batch", flags->batch, "rows to plan for")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--shape", flags->shapes, "shape of an input that the model leaves open")
      ->type_name("NAME=SIZE,SIZE...");
  AddDeviceFlags(command, &flags->device);
  command->callback([=] { *action = [flags] { return ShowGraph(*flags); }; });
}

}  // namespace moulin::cli
