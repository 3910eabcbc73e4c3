// The examples that a bundle carries for its models: inputs to warm up with, and goldens.
#ifndef MOULIN_ENGINE_BUNDLE_EXAMPLES_H_
#define MOULIN_ENGINE_BUNDLE_EXAMPLES_H_

#include <string>
#include <vector>

#include "engine/bundle_contents.h"
#include "engine/model_impl.h"
#include "formats/bundle.h"
#include "moulin/engine.h"
#include "moulin/status.h"

namespace moulin::internal {

// Where a model of a bundle came from.
struct BundleOrigin {
  std::shared_ptr<BundleReader> bundle;  // null for a model of another kind of file
  std::string model;
  BundleSignature signature;
};

// One golden of one model.
struct GoldenResult {
  std::string model;
  std::string golden;  // the file of its inputs; "" where the model has no goldens or does not load
  bool passed = true;
  double max_abs = 0;
  double max_rel = 0;
  std::string reason;  // why it failed
};

// Runs the model once for each of its warm-up inputs.
Status WarmUp(ModelImpl& model, const BundleOrigin& origin);

// Runs the goldens of a model; none where it has none. A golden that cannot be read or run has failed.
std::vector<GoldenResult> RunGoldens(ModelImpl& model, const BundleOrigin& origin);

// E_DATA, naming the first that fails.
Status CheckGoldens(ModelImpl& model, const BundleOrigin& origin);

// Loads the models of a bundle one by one ("B.moulin", or "B.moulin:NAME" for one) and runs their goldens. A model that
// does not load has failed; one without goldens is listed once. Errors are those of reading the bundle.
StatusOr<std::vector<GoldenResult>> VerifyBundle(Engine& engine, const std::string& path, const ModelOptions& options);

// The arrays of an .npz file as tensors of the types that `infos` declare: bfloat16 and quantised types are stored as
// the integers that hold their bits.
StatusOr<NamedTensors> ParseArrays(absl::string_view npz, const std::vector<TensorInfo>& infos);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_BUNDLE_EXAMPLES_H_
