#include "engine/bundle_examples.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/engine_impl.h"
#include "engine/model_source.h"
#include "formats/npy.h"
#include "formats/npz.h"

namespace moulin::internal {
namespace {

StatusOr<NamedTensors> ReadArrays(const BundleOrigin& origin, const std::string& file,
                                  const std::vector<TensorInfo>& infos) {
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, origin.bundle->File(origin.model, file));
  return ParseArrays(bytes, infos);
}

Status AtExample(const Status& status, const std::string& file) {
  if (status.ok()) return status;
  return Status(status.code(), absl::StrCat(status.message(), "; example \"", Printable(file), "\""));
}

Status RunGolden(ModelImpl& model, const BundleOrigin& origin, const BundleGolden& golden, GoldenResult* result) {
  Request request;
  MOULIN_ASSIGN_OR_RETURN(request.inputs, ReadArrays(origin, golden.inputs, model.interface().inputs()));
  MOULIN_ASSIGN_OR_RETURN(const NamedTensors expected, ReadArrays(origin, golden.outputs, model.interface().outputs()));
  if (expected.empty()) return MakeError(ErrorCode::kData, "a golden without outputs");
  for (const auto& [name, tensor] : expected) request.outputs.push_back(name);
  MOULIN_ASSIGN_OR_RETURN(const NamedTensors found, model.Run(std::move(request)));
  for (size_t i = 0; i < expected.size(); ++i) {
    const Difference difference = Compare(found[i].second, expected[i].second, golden.tolerance);
    result->max_abs = std::max(result->max_abs, difference.max_abs);
    result->max_rel = std::max(result->max_rel, difference.max_rel);
    if (difference.within() || !result->passed) continue;
    result->passed = false;
    result->reason = absl::StrCat("output \"", Printable(expected[i].first), "\": ", difference.what);
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<NamedTensors> ParseArrays(absl::string_view npz, const std::vector<TensorInfo>& infos) {
  MOULIN_ASSIGN_OR_RETURN(NamedTensors tensors, ParseNpz(npz));
  for (auto& [name, tensor] : tensors) {
    for (const TensorInfo& info : infos) {
      if (info.name != name || (info.dtype != DType::kBFloat16 && !IsQuantized(info.dtype))) continue;
      MOULIN_ASSIGN_OR_RETURN(tensor, CastStored(tensor, info.dtype));
    }
  }
  return tensors;
}

Status WarmUp(ModelImpl& model, const BundleOrigin& origin) {
  for (const std::string& file : origin.signature.warm_up) {
    Request request;
    StatusOr<NamedTensors> inputs = ReadArrays(origin, file, model.interface().inputs());
    if (!inputs.ok()) return AtExample(inputs.status(), file);
    request.inputs = *std::move(inputs);
    MOULIN_RETURN_IF_ERROR(AtExample(model.Run(std::move(request)).status(), file));
  }
  return absl::OkStatus();
}

std::vector<GoldenResult> RunGoldens(ModelImpl& model, const BundleOrigin& origin) {
  std::vector<GoldenResult> results;
  for (const BundleGolden& golden : origin.signature.goldens) {
    GoldenResult result;
    result.model = model.interface().name();
    result.golden = golden.inputs;
    const Status status = RunGolden(model, origin, golden, &result);
    if (!status.ok()) {
      result.passed = false;
      result.reason = std::string(status.message());
    }
    results.push_back(std::move(result));
  }
  return results;
}

Status CheckGoldens(ModelImpl& model, const BundleOrigin& origin) {
  for (const GoldenResult& result : RunGoldens(model, origin)) {
    if (result.passed) continue;
    return MakeError(ErrorCode::kData, "golden \"", Printable(result.golden), "\" fails: ", result.reason);
  }
  return absl::OkStatus();
}

StatusOr<std::vector<GoldenResult>> VerifyBundle(Engine& engine, const std::string& path, const ModelOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(std::vector<SourceModel> sources, ReadBundle(path, Limits()));
  std::vector<GoldenResult> results;
  for (SourceModel& source : sources) {
    const auto model = engine.impl().LoadGraph(std::move(source.graph), source.name, options);
    if (!model.ok()) {
      results.push_back({source.name, "", false, 0, 0, std::string(model.status().message())});
      continue;
    }
    std::vector<GoldenResult> of_model = RunGoldens((*model)->impl(), source.origin);
    if (of_model.empty()) of_model.push_back({source.name, ""});
    results.insert(results.end(), of_model.begin(), of_model.end());
  }
  return results;
}

}  // namespace moulin::internal
