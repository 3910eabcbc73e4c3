#include "cli/command.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::cli {
namespace {

constexpr const char* kDescription =
    "moulin runs frozen TensorFlow graphs, asynchronously and several at once, without TensorFlow.\n\n"
    "MODEL is a GraphDef (.pb binary or .pbtxt text), a model of a bundle (BUNDLE.moulin:NAME[:SIGNATURE]), the "
    "directory\n"
    "of a SavedModel, or a checkpoint with its .meta graph.";

constexpr const char* kFooter =
    "Examples:\n"
    "  moulin show model.pb                                       what it takes and gives\n"
    "  moulin run model.pb --inputs in.npz --outputs out.npz      one inference\n"
    "  moulin bundle a=a.pb b=b.pb -o both.moulin                 several models in one file\n"
    "  moulin bench both.moulin:a both.moulin:b --mode async      both at once\n"
    "  moulin compare model.pb --device cpu --layers              where results differ from the reference\n"
    "Exit status: 0 done, 1 the answer is \"no\" (a mismatch), 2 the command or its input is bad.";

// What is wrong with the arguments, in one line.
Status UsageError(const CLI::App& app, const std::vector<std::string>& arguments, const CLI::ParseError& error) {
  const std::vector<const CLI::App*> commands = app.get_subcommands(nullptr);
  const auto is_command = [&](const std::string& name) {
    return std::any_of(commands.begin(), commands.end(), [&](const CLI::App* c) { return c->get_name() == name; });
  };
  if (!arguments.empty() && is_command(arguments[0])) {
    return MakeError(ErrorCode::kOption, arguments[0], ": ", Printable(error.what()), "; see moulin ", arguments[0],
                     " --help");
  }
  const auto append = [](std::string* out, const CLI::App* command) { *out += command->get_name(); };
  return MakeError(
      ErrorCode::kOption,
      arguments.empty() ? "a command is required" : absl::StrCat("no command \"", Printable(arguments[0]), "\""),
      "; there are: ", absl::StrJoin(commands, ", ", append), "; see moulin --help");
}

int Report(const StatusOr<int>& result) {
  if (result.ok()) return *result;
  std::fflush(stdout);
  std::fprintf(stderr, "moulin: %s\n", std::string(result.status().message()).c_str());
  return kBad;
}

}  // namespace

StatusOr<std::unique_ptr<Engine>> OpenEngine(const EngineOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine, Engine::Create(options));
  if (options.device == "auto" && engine->device() != "cuda") {
    std::fprintf(stderr, "running on the CPU: %s\n", Engine::NoGpuReason().c_str());
  }
  return engine;
}

Status SetPrecision(const DeviceFlags& flags, ModelOptions* options) {
  options->precision = flags.precision;
  if (flags.ranges.empty()) return absl::OkStatus();
  if (!IsInt8(flags.precision)) {
    return MakeError(ErrorCode::kOption, "--ranges: of use with --precision int8 or int8+fp16, found ",
                     Name(flags.precision));
  }
  MOULIN_ASSIGN_OR_RETURN(options->quantization.ranges, LoadRanges(flags.ranges));
  return absl::OkStatus();
}

void AddDeviceFlags(CLI::App* command, DeviceFlags* flags, const std::string& default_device) {
  flags->device = default_device;
  command->add_option("--device", flags->device, "auto (cuda where there is one, else cpu), cpu, cuda or reference")
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "threads of the cpu device; 0: one a core")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  const std::map<std::string, Precision> precisions = {
      {"strict", Precision::kStrict}, {"tf32", Precision::kTf32}, {"fp16", Precision::kFloat16},
      {"bf16", Precision::kBFloat16}, {"int8", Precision::kInt8}, {"int8+fp16", Precision::kInt8Float16}};
  command->add_option("--precision", flags->precision, "what float32 products are computed in")
      ->transform(CLI::CheckedTransformer(precisions))
      ->option_text(absl::StrCat("strict|tf32|fp16|bf16|int8|int8+fp16 [", Name(flags->precision), "]"));
  command->add_option("--ranges", flags->ranges, "ranges of activations for int8, as `moulin calibrate` writes them")
      ->type_name("RANGES.json");
}

int Main(int argc, const char* const* argv) {
  CLI::App app(kDescription, "moulin");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", MOULIN_VERSION);
  Action action;
  for (auto add : {AddShow, AddRun, AddCheck, AddCompare, AddBench, AddBundle, AddVerify, AddGraph, AddFreeze,
                   AddExport, AddCalibrate})
    add(app, &action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 reports so; nothing else here throws. Asking for help is such an error too, which exit() prints.
    if (error.get_exit_code() == 0) return app.exit(error);
    return Report(UsageError(app, {argv + 1, argv + argc}, error));
  }
  return Report(action());
}

}  // namespace moulin::cli
