// moulin bundle: several models in one file.
#include "formats/bundle.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/bundle_source.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "engine/bundle_examples.h"
#include "moulin/engine.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

struct BundleFlags {
  std::vector<std::string> models;  // NAME=MODEL
  std::string output;
  // Of single models, "NAME=..." or, of the second group, "NAME[:SIGNATURE]=...".
  std::vector<std::string> signatures, outputs, checkpoints;
  std::vector<std::string> goldens, warm_up, max_batch;
  double rtol = 1e-4;
  double atol = 1e-5;
  DeviceFlags device;
};

// "NAME=VALUE".
struct Setting {
  std::string name;
  std::string value;
};

StatusOr<Setting> ParseSetting(const std::string& text, const char* expected) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (!parts.first.empty() && !parts.second.empty()) return Setting{parts.first, parts.second};
  return MakeError(ErrorCode::kOption, "bundle: expected ", expected, ", found \"", Printable(text), "\"");
}

// The values given for `name` among `flags`.
StatusOr<std::vector<std::string>> ValuesFor(const std::string& name, const std::vector<std::string>& flags,
                                             const char* expected) {
  std::vector<std::string> values;
  for (const std::string& flag : flags) {
    MOULIN_ASSIGN_OR_RETURN(const Setting setting, ParseSetting(flag, expected));
    if (setting.name == name) values.push_back(setting.value);
  }
  return values;
}

// As ValuesFor, for "NAME:SIGNATURE" or, of the only or default signature, "NAME".
StatusOr<std::vector<std::string>> ValuesForSignature(const std::string& name, const std::string& signature,
                                                      bool is_default, const std::vector<std::string>& flags) {
  constexpr char kExpected[] = "NAME[:SIGNATURE]=VALUE";
  MOULIN_ASSIGN_OR_RETURN(std::vector<std::string> values,
                          ValuesFor(absl::StrCat(name, ":", signature), flags, kExpected));
  if (!is_default) return values;
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> more, ValuesFor(name, flags, kExpected));
  values.insert(values.end(), more.begin(), more.end());
  return values;
}

StatusOr<SourceOptions> SourceOptionsFor(const std::string& name, const BundleFlags& flags) {
  SourceOptions options;
  MOULIN_ASSIGN_OR_RETURN(options.signatures, ValuesFor(name, flags.signatures, "NAME=SIGNATURE"));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> outputs, ValuesFor(name, flags.outputs, "NAME=TENSORS"));
  for (const std::string& list : outputs) {
    for (absl::string_view tensor : absl::StrSplit(list, ',')) options.outputs.emplace_back(tensor);
  }
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> checkpoints, ValuesFor(name, flags.checkpoints, "NAME=PATH"));
  if (!checkpoints.empty()) options.checkpoint = checkpoints.back();
  return options;
}

// Loads a signature, which must do, and adds its examples.
Status CompleteSignature(Engine& engine, const std::string& name, const BundleFlags& flags, bool is_default,
                         internal::BundleSignature* signature, BundleSource* source) {
  MOULIN_ASSIGN_OR_RETURN(const auto model, LoadSource(engine, *source, *signature, name));
  const auto values = [&](const std::vector<std::string>& of) {
    return ValuesForSignature(name, signature->name, is_default, of);
  };
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> goldens, values(flags.goldens));
  for (const std::string& golden : goldens) {
    const std::pair<std::string, std::string> files = absl::StrSplit(golden, absl::MaxSplits(',', 1));
    MOULIN_RETURN_IF_ERROR(AddGolden(*model, files.first, files.second, {flags.rtol, flags.atol}, signature, source));
  }
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> warm_up, values(flags.warm_up));
  for (const std::string& file : warm_up) MOULIN_RETURN_IF_ERROR(AddWarmUp(*model, file, signature, source));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> limits, values(flags.max_batch));
  for (const std::string& limit : limits) {
    if (absl::SimpleAtoi(limit, &signature->max_batch) && signature->max_batch > 0) continue;
    return MakeError(ErrorCode::kOption, "bundle: --max-batch: expected a number of 1 or more, found \"",
                     Printable(limit), "\"");
  }
  return absl::OkStatus();
}

Status AddModel(Engine& engine, const std::string& name, const std::string& path, const BundleFlags& flags,
                BundleWriter* writer) {
  MOULIN_ASSIGN_OR_RETURN(const SourceOptions options, SourceOptionsFor(name, flags));
  StatusOr<BundleSource> source = ReadBundleSource(path, options);
  if (!source.ok()) return AtFile(source.status(), path);
  const StatusOr<internal::BundleSignature> first = internal::ChooseSignature(source->signatures, "");
  for (internal::BundleSignature& signature : source->signatures) {
    const bool is_default = first.ok() && first->name == signature.name;
    MOULIN_RETURN_IF_ERROR(AtFile(CompleteSignature(engine, name, flags, is_default, &signature, &*source), path));
  }
  return writer->AddModel(name, std::move(source->graph), internal::ToMetadata(source->signatures), source->files);
}

// A flag for a model or signature that is not there must not go unnoticed.
Status CheckNames(const BundleFlags& flags, const std::vector<std::string>& names) {
  for (const auto* group :
       {&flags.signatures, &flags.outputs, &flags.checkpoints, &flags.goldens, &flags.warm_up, &flags.max_batch}) {
    for (const std::string& flag : *group) {
      const std::string name = flag.substr(0, flag.find_first_of(":="));
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      return MakeError(ErrorCode::kOption, "bundle: \"", Printable(flag), "\" is for no model of the bundle");
    }
  }
  return absl::OkStatus();
}

// A bundle whose goldens fail, or whose models do not load from it, is not written.
Status CheckWritten(Engine& engine, const std::string& path) {
  MOULIN_ASSIGN_OR_RETURN(const std::vector<internal::GoldenResult> results, internal::VerifyBundle(engine, path, {}));
  for (const internal::GoldenResult& result : results) {
    if (result.passed) continue;
    return MakeError(ErrorCode::kData, "model \"", Printable(result.model), "\", golden \"", Printable(result.golden),
                     "\": ", result.reason);
  }
  return absl::OkStatus();
}

StatusOr<int> WriteBundle(const BundleFlags& flags) {
  MOULIN_ASSIGN_OR_RETURN(const auto engine, OpenEngine(flags.device.engine_options()));
  BundleWriter writer;
  std::vector<std::string> names;
  std::vector<Setting> models;
  for (const std::string& model : flags.models) {
    MOULIN_ASSIGN_OR_RETURN(const Setting setting, ParseSetting(model, "NAME=MODEL"));
    models.push_back(setting);
    names.push_back(setting.name);
  }
  MOULIN_RETURN_IF_ERROR(CheckNames(flags, names));
  Progress progress(static_cast<int>(models.size()));
  for (size_t i = 0; i < models.size(); ++i) {
    progress.Show(static_cast<int>(i), models[i].value);
    MOULIN_RETURN_IF_ERROR(AddModel(*engine, models[i].name, models[i].value, flags, &writer));
  }
  const std::string unchecked = absl::StrCat(flags.output, ".unchecked");
  Status written = writer.Write(unchecked);
  if (written.ok()) written = CheckWritten(*engine, unchecked);
  if (written.ok() && std::rename(unchecked.c_str(), flags.output.c_str()) != 0) {
    written = AtFile(MakeError(ErrorCode::kFile, "cannot replace: ", std::strerror(errno)), flags.output);
  }
  if (!written.ok()) {
    std::remove(unchecked.c_str());
    return Status(written.code(), absl::StrReplaceAll(written.message(), {{unchecked, flags.output}}));
  }
  progress.Clear();
  std::printf("%s: %zu models\n", flags.output.c_str(), models.size());
  return kDone;
}

}  // namespace

void AddBundle(CLI::App& app, Action* action) {
  auto flags = std::make_shared<BundleFlags>();
  CLI::App* command = app.add_subcommand("bundle", "Put several models into one file, common weights stored once");
  const auto setting = [&](const char* name, std::vector<std::string>* values, const char* type, const char* help) {
    command->add_option(name, *values, help)->type_name(type)->expected(1)->take_all();
  };
  command->add_option("models", flags->models, "models and the names they get")->required()->type_name("NAME=MODEL");
  command->add_option("-o,--output", flags->output, "the file to write")->required()->type_name("BUNDLE.moulin");
  setting("--signature", &flags->signatures, "NAME=SIGNATURE", "take only these signatures of a SavedModel");
  setting("--fetch", &flags->outputs, "NAME=TENSORS", "the outputs of a model, by name and separated by commas");
  setting("--checkpoint", &flags->checkpoints, "NAME=PATH", "where the variables of a graph lie");
  setting("--golden", &flags->goldens, "NAME[:SIGNATURE]=IN.npz[,OUT.npz]",
          "inputs and the outputs they must give; without OUT.npz, those they give now");
  setting("--warm-up", &flags->warm_up, "NAME[:SIGNATURE]=IN.npz", "inputs to run when the model is loaded");
  setting("--max-batch", &flags->max_batch, "NAME[:SIGNATURE]=ROWS", "the most rows of a request");
  command->add_option("--rtol", flags->rtol, "relative tolerance of the goldens")->capture_default_str();
  command->add_option("--atol", flags->atol, "absolute tolerance of the goldens")->capture_default_str();
  AddDeviceFlags(command, &flags->device, "cpu");
  command->callback([=] { *action = [flags] { return WriteBundle(*flags); }; });
}

}  // namespace moulin::cli
