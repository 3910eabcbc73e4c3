// moulin export: a graph with signatures as a SavedModel.
#include "engine/export.h"

#include <cstdio>

#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/signature_file.h"
#include "formats/file.h"

namespace moulin::cli {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{16} << 20;

struct ExportFlags {
  std::string source;
  std::string directory;
  std::string file;
  std::string signature;
  std::string method;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> remove;
  std::vector<std::string> rename;
  internal::ExportOptions options;
};

StatusOr<std::optional<std::vector<internal::SignatureTensor>>> Tensors(const std::vector<std::string>& texts) {
  std::optional<std::vector<internal::SignatureTensor>> tensors;
  for (const std::string& text : texts) {
    if (!tensors) tensors.emplace();
    MOULIN_ASSIGN_OR_RETURN(internal::SignatureTensor tensor, ParseKeyAndTensor(text));
    tensors->push_back(std::move(tensor));
  }
  return tensors;
}

StatusOr<internal::SignatureEdits> EditsOf(const ExportFlags& flags) {
  internal::SignatureEdits edits;
  if (!flags.file.empty()) {
    MOULIN_ASSIGN_OR_RETURN(const std::string text, ReadFile(flags.file, kMaxFileBytes));
    StatusOr<internal::SignatureEdits> parsed = ParseSignatureEdits(text);
    if (!parsed.ok()) return AtFile(parsed.status(), flags.file);
    edits = *std::move(parsed);
  }
  edits.remove.insert(edits.remove.end(), flags.remove.begin(), flags.remove.end());
  for (const std::string& text : flags.rename) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return MakeError(ErrorCode::kOption, "--rename: expected OLD=NEW, found \"", Printable(text), "\"");
    }
    edits.rename.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  if (!flags.inputs.empty() || !flags.outputs.empty() || !flags.method.empty()) {
    internal::SignatureChange change{flags.signature, flags.method, std::nullopt, std::nullopt};
    MOULIN_ASSIGN_OR_RETURN(change.inputs, Tensors(flags.inputs));
    MOULIN_ASSIGN_OR_RETURN(change.outputs, Tensors(flags.outputs));
    edits.change.push_back(std::move(change));
  }
  return edits;
}

StatusOr<int> Export(const ExportFlags& flags) {
  internal::ExportOptions options = flags.options;
  MOULIN_ASSIGN_OR_RETURN(options.edits, EditsOf(flags));
  MOULIN_ASSIGN_OR_RETURN(const internal::ExportResult result,
                          internal::Export(flags.source, flags.directory, options));
  for (const std::string& warning : result.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  const auto append = [](std::string* out, const std::string& key) { *out += Printable(key); };
  std::printf("%s: signatures %s\n", Printable(flags.directory).c_str(),
              absl::StrJoin(result.signatures, ", ", append).c_str());
  return kDone;
}

}  // namespace

void AddExport(CLI::App& app, Action* action) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* command = app.add_subcommand("export", "Write a graph with signatures as a SavedModel");
  command->add_option("source", flags->source, "a frozen GraphDef or a SavedModel")->required()->type_name("SOURCE");
  command->add_option("-o,--output", flags->directory, "the directory to write, absent or empty")
      ->required()
      ->type_name("DIR");
  command->add_option("--signatures", flags->file, "edits of signatures; docs/savedmodel.md")->type_name("FILE.json");
  command->add_option("--signature", flags->signature, "the signature that --in, --out and --method add or change")
      ->capture_default_str()
      ->default_val("serving_default")
      ->type_name("KEY");
  command->add_option("--in", flags->inputs, "an input of the signature")
      ->type_name("KEY=TENSOR")
      ->allow_extra_args(false);
  command->add_option("--out", flags->outputs, "an output of the signature")
      ->type_name("KEY=TENSOR")
      ->allow_extra_args(false);
  command->add_option("--method", flags->method, "predict, classify or regress")->type_name("METHOD");
  command->add_option("--remove", flags->remove, "a signature to remove")->type_name("KEY")->allow_extra_args(false);
  command->add_option("--rename", flags->rename, "a signature to rename")
      ->type_name("OLD=NEW")
      ->allow_extra_args(false);
  command->add_option("--tags", flags->options.tags, "which graph of a SavedModel; the tags of a GraphDef")
      ->delimiter(',')
      ->type_name("T");
  command->add_flag("--text", flags->options.text, "write saved_model.pbtxt");
  command->callback([=] { *action = [flags] { return Export(*flags); }; });
}

}  // namespace moulin::cli
