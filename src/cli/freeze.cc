// moulin freeze: a model's variables as constants.
#include "engine/freeze.h"

#include <cstdio>

#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "formats/file.h"
#include "formats/proto_io.h"

namespace moulin::cli {
namespace {

struct FreezeFlags {
  std::string source;
  std::string output;
  bool text = false;
  internal::FreezeOptions options;
};

StatusOr<int> Freeze(const FreezeFlags& flags) {
  StatusOr<tf::GraphDef> graph = internal::Freeze(flags.source, flags.options);
  if (!graph.ok()) return AtFile(graph.status(), flags.source);
  const ProtoForm form = flags.text ? ProtoForm::kText : ProtoForm::kBinary;
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, SerializeProto(*graph, form));
  MOULIN_RETURN_IF_ERROR(WriteFile(flags.output, bytes));
  std::printf("%s: %d nodes, %d functions, %zu bytes\n", Printable(flags.output).c_str(), graph->node_size(),
              graph->library().function_size(), bytes.size());
  return kDone;
}

}  // namespace

void AddFreeze(CLI::App& app, Action* action) {
  auto flags = std::make_shared<FreezeFlags>();
  CLI::App* command = app.add_subcommand("freeze", "Write a model's graph with its variables as constants");
  command->add_option("source", flags->source, "a SavedModel, a .meta graph with its checkpoint, or a GraphDef")
      ->required()
      ->type_name("SOURCE");
  command->add_option("-o,--output", flags->output, "the GraphDef to write")->required()->type_name("FROZEN.pb");
  command->add_option("--signature", flags->options.signature, "whose outputs are kept")->type_name("S");
  command->add_option("--tags", flags->options.tags, "which graph of a SavedModel")->delimiter(',')->type_name("T");
  command->add_option("--outputs", flags->options.outputs, "the tensors to keep")->delimiter(',')->type_name("NAMES");
  command->add_option("--checkpoint", flags->options.checkpoint, "where the variables lie")->type_name("PREFIX_OR_DIR");
  command->add_flag("--text", flags->text, "write text");
  command->callback([=] { *action = [flags] { return Freeze(*flags); }; });
}

}  // namespace moulin::cli
