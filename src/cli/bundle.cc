// moulin bundle: several models in one file.
#include "formats/bundle.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/model_file.h"
#include "cli/progress.h"
#include "engine/model_source.h"
#include "moulin/engine.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

struct BundleFlags {
  std::vector<std::string> models;  // NAME=MODEL
  std::string output;
};

std::vector<TensorName> Names(const std::vector<TensorInfo>& infos) {
  std::vector<TensorName> names;
  for (const TensorInfo& info : infos) names.push_back({info.name, info.tensor});
  return names;
}

Status AddModel(Engine& engine, const std::string& name, const std::string& path, BundleWriter* writer) {
  // A model that does not load must not be found out when the bundle is used.
  MOULIN_ASSIGN_OR_RETURN(const auto model, engine.Load(path));
  MOULIN_ASSIGN_OR_RETURN(ModelFile file, ReadModelFile(path));
  const nlohmann::json metadata = internal::ToMetadata(Names(model->inputs()), Names(model->outputs()));
  return writer->AddModel(name, std::move(file.graph), metadata);
}

StatusOr<int> WriteBundle(const BundleFlags& flags) {
  MOULIN_ASSIGN_OR_RETURN(const auto engine, Engine::Create({.device = "reference"}));
  BundleWriter writer;
  Progress progress(static_cast<int>(flags.models.size()));
  for (size_t i = 0; i < flags.models.size(); ++i) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(flags.models[i], absl::MaxSplits('=', 1));
    if (parts.first.empty() || parts.second.empty()) {
      return MakeError(ErrorCode::kOption, "bundle: expected NAME=MODEL, found \"", Printable(flags.models[i]), "\"");
    }
    progress.Show(static_cast<int>(i), parts.second);
    MOULIN_RETURN_IF_ERROR(AddModel(*engine, parts.first, parts.second, &writer));
  }
  MOULIN_RETURN_IF_ERROR(writer.Write(flags.output));
  progress.Clear();
  std::printf("%s: %zu models\n", flags.output.c_str(), flags.models.size());
  return kDone;
}

}  // namespace

void AddBundle(CLI::App& app, Action* action) {
  auto flags = std::make_shared<BundleFlags>();
  CLI::App* command = app.add_subcommand("bundle", "Put several models into one file, common weights stored once");
  command->add_option("models", flags->models, "models and the names they get")->required()->type_name("NAME=MODEL");
  command->add_option("-o,--output", flags->output, "the file to write")->required()->type_name("BUNDLE.moulin");
  command->callback([=] { *action = [flags] { return WriteBundle(*flags); }; });
}

}  // namespace moulin::cli
