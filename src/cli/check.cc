// moulin check: golden cases.
//
// A list of known failures ("NAME reason" a line) makes a suite that can only improve: a listed case that fails counts
// as skipped, and one that passes is a failure until its line is removed.
#include <cstdio>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/golden_case.h"
#include "cli/json_text.h"
#include "cli/progress.h"
#include "formats/checkpoint.h"
#include "formats/file.h"
#include "moulin/engine.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

struct CheckFlags {
  std::vector<std::string> directories;
  std::vector<std::string> known_failures;
  bool json = false;
  bool verbose = false;
  DeviceFlags device;
};

enum class Verdict { kPassed, kFailed, kSkipped };

struct Result {
  std::string name;
  Verdict verdict = Verdict::kPassed;
  std::string reason;
  double max_abs = 0;
  double max_rel = 0;
};

using KnownFailures = std::map<std::string, std::string>;

Status ReadKnownFailures(const std::string& path, KnownFailures* known) {
  MOULIN_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 16 << 20));
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const std::pair<std::string, std::string> parts = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    if (parts.second.empty()) {
      return AtFile(MakeError(ErrorCode::kParse, "expected \"NAME reason\", found \"", Printable(line), "\""), path);
    }
    (*known)[parts.first] = parts.second;
  }
  return absl::OkStatus();
}

ModelOptions OptionsFor(const GoldenCall& call, ModelOptions options) {
  options.signature = call.signature;
  options.tags = call.tags;
  for (const TensorInfo& info : call.inputs) options.inputs.push_back({info.name, info.tensor});
  for (const TensorInfo& info : call.outputs) options.outputs.push_back({info.name, info.tensor});
  return options;
}

void CheckTensor(const char* kind, const std::string& name, const Tensor& found, const Tensor& expected,
                 const Tolerance& tolerance, Result* result) {
  const internal::Difference difference = internal::Compare(found, expected, tolerance);
  result->max_abs = std::max(result->max_abs, difference.max_abs);
  result->max_rel = std::max(result->max_rel, difference.max_rel);
  if (difference.within() || result->verdict != Verdict::kPassed) return;
  result->verdict = Verdict::kFailed;
  result->reason = absl::StrCat(kind, " \"", name, "\": ", difference.what);
}

Status CheckCall(Engine& engine, const GoldenCase& c, const GoldenCall& call, const ModelOptions& options,
                 Result* result) {
  MOULIN_ASSIGN_OR_RETURN(const auto model, engine.Load(c.model_path, OptionsFor(call, options)));
  MOULIN_ASSIGN_OR_RETURN(NamedTensors inputs, ReadTensors(call.inputs_path, call.inputs));
  MOULIN_ASSIGN_OR_RETURN(const NamedTensors expected, ReadTensors(call.outputs_path, call.outputs));
  MOULIN_ASSIGN_OR_RETURN(const NamedTensors found, model->Run(std::move(inputs)));
  for (const auto& [name, tensor] : expected) {
    const Tensor* output = FindTensor(found, name);
    if (output == nullptr) return MakeError(ErrorCode::kOutput, "the model gave no output \"", name, "\"");
    CheckTensor("output", name, *output, tensor, c.tolerance, result);
  }
  return absl::OkStatus();
}

// The values of a checkpoint, and that the directory leads to it.
Status CheckCheckpoint(const GoldenCase& c, Result* result) {
  if (!c.latest.empty()) {
    MOULIN_ASSIGN_OR_RETURN(const std::string prefix, FindCheckpoint(c.directory));
    if (prefix != absl::StrCat(c.directory, "/", c.latest)) {
      return MakeError(ErrorCode::kName, "the latest checkpoint is ", prefix, ", expected ", c.latest);
    }
  }
  MOULIN_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(c.model_path));
  MOULIN_ASSIGN_OR_RETURN(const NamedTensors expected, ReadTensors(c.values_path, c.variables));
  for (const auto& [name, tensor] : expected) {
    MOULIN_ASSIGN_OR_RETURN(const Tensor found, checkpoint.Read(name));
    CheckTensor("variable", name, found, tensor, c.tolerance, result);
  }
  return absl::OkStatus();
}

Result CheckCase(Engine& engine, const std::string& directory, const ModelOptions& options) {
  Result result;
  result.name = directory.substr(directory.find_last_of('/') + 1);
  Status status;
  StatusOr<GoldenCase> c = ReadCase(directory);
  if (!c.ok()) {
    status = c.status();
  } else {
    result.name = c->name;
    if (c->format == "checkpoint") status = CheckCheckpoint(*c, &result);
    for (const GoldenCall& call : c->calls) {
      if (status.ok()) status = CheckCall(engine, *c, call, options, &result);
    }
  }
  if (!status.ok()) {
    result.verdict = Verdict::kFailed;
    result.reason = std::string(status.message());
  }
  return result;
}

void ApplyKnownFailure(const KnownFailures& known, Result* result) {
  const auto it = known.find(result->name);
  if (it == known.end()) return;
  if (result->verdict == Verdict::kPassed) {
    result->verdict = Verdict::kFailed;
    result->reason = absl::StrCat("passes, but is listed as a known failure (", it->second, "): remove its line");
  } else {
    result->verdict = Verdict::kSkipped;
    result->reason = absl::StrCat("known failure: ", it->second);
  }
}

const char* Word(Verdict verdict) {
  return verdict == Verdict::kPassed ? "passed" : verdict == Verdict::kFailed ? "failed" : "skipped";
}

StatusOr<std::vector<std::string>> AllCases(const std::vector<std::string>& directories) {
  std::vector<std::string> all;
  for (const std::string& directory : directories) {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> cases, FindCases(directory));
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

// Whether the device is there; where it is not, every case is skipped.
StatusOr<std::unique_ptr<Engine>> OpenIfThere(const DeviceFlags& flags, std::string* absent) {
  StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(flags.engine_options());
  if (!engine.ok() && absl::IsUnavailable(engine.status())) {
    *absent = std::string(engine.status().message());
    return std::unique_ptr<Engine>();
  }
  return engine;
}

void PrintJson(const std::vector<Result>& results) {
  nlohmann::json out = nlohmann::json::array();
  for (const Result& r : results) {
    nlohmann::json j = {{"name", r.name}, {"verdict", Word(r.verdict)}};
    if (!r.reason.empty()) j["reason"] = Printable(r.reason, 2000);
    // JSON has no infinity: an error without bound (another shape, a NaN) is null.
    j["max_abs"] = r.max_abs;
    j["max_rel"] = r.max_rel;
    out.push_back(std::move(j));
  }
  std::printf("%s\n", JsonText(out, 1).c_str());
}

StatusOr<int> Check(const CheckFlags& flags) {
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> cases, AllCases(flags.directories));
  KnownFailures known;
  for (const std::string& path : flags.known_failures) MOULIN_RETURN_IF_ERROR(ReadKnownFailures(path, &known));
  ModelOptions options;
  MOULIN_RETURN_IF_ERROR(SetPrecision(flags.device, &options));
  std::string absent;
  MOULIN_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, OpenIfThere(flags.device, &absent));
  std::vector<Result> results;
  int counts[3] = {};
  {
    Progress progress(static_cast<int>(cases.size()));
    for (size_t i = 0; i < cases.size(); ++i) {
      progress.Show(static_cast<int>(i), cases[i]);
      Result result = engine ? CheckCase(*engine, cases[i], options) : Result{cases[i], Verdict::kSkipped, absent};
      ApplyKnownFailure(known, &result);
      ++counts[static_cast<int>(result.verdict)];
      if (!flags.json && (flags.verbose || result.verdict == Verdict::kFailed)) {
        progress.Clear();
        std::printf("%s %s%s%s\n", Word(result.verdict), Printable(result.name).c_str(),
                    result.reason.empty() ? "" : ": ", Printable(result.reason, 2000).c_str());
      }
      results.push_back(std::move(result));
    }
  }
  if (flags.json) PrintJson(results);
  if (!absent.empty()) std::fprintf(stderr, "skipped: %s\n", absent.c_str());
  std::printf("%d passed, %d failed, %d skipped\n", counts[0], counts[1], counts[2]);
  return counts[1] == 0 ? kDone : kNo;
}

}  // namespace

void AddCheck(CLI::App& app, Action* action) {
  auto flags = std::make_shared<CheckFlags>();
  CLI::App* command = app.add_subcommand("check", "Run golden cases and compare with the outputs they hold");
  command->add_option("directories", flags->directories, "cases, or directories of cases")
      ->required()
      ->type_name("DIR");
  command->add_option("--known-failures", flags->known_failures, "files of \"NAME reason\" lines: cases that may fail")
      ->type_name("FILE");
  command->add_flag("--json", flags->json, "one JSON record a case, before the last line");
  command->add_flag("-v,--verbose", flags->verbose, "a line for each case, not only for failures");
  AddDeviceFlags(command, &flags->device);
  command->callback([=] { *action = [flags] { return Check(*flags); }; });
}

}  // namespace moulin::cli
