// What a bundle keeps of a model beside its graph: signatures, and examples for each.
#ifndef MOULIN_ENGINE_BUNDLE_CONTENTS_H_
#define MOULIN_ENGINE_BUNDLE_CONTENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/difference.h"
#include "moulin/model.h"
#include "moulin/status.h"
#include "nlohmann/json_fwd.hpp"

namespace moulin::internal {

// Inputs and the outputs that they give; both are .npz files that went along with the model.
struct BundleGolden {
  std::string inputs;
  std::string outputs;
  Tolerance tolerance;
};

struct BundleSignature {
  std::string name;  // "" where the model was made without signatures
  std::vector<TensorName> inputs;
  std::vector<TensorName> outputs;
  std::vector<BundleGolden> goldens;
  std::vector<std::string> warm_up;  // .npz files of inputs
  int64_t max_batch = 0;             // ModelOptions::max_batch
};

// The metadata of a model in a bundle. Readers of version 1.0 see the inputs and outputs of the default signature.
nlohmann::json ToMetadata(const std::vector<BundleSignature>& signatures);

// The reverse; at least one. E_PARSE, naming the field, where the metadata is malformed; E_DUP.
StatusOr<std::vector<BundleSignature>> SignaturesFromMetadata(const nlohmann::json& metadata);

// The signature called `name`; for "", "serving_default" or else the only one. E_NAME, listing those there are.
StatusOr<BundleSignature> ChooseSignature(const std::vector<BundleSignature>& signatures, const std::string& name);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_BUNDLE_CONTENTS_H_
