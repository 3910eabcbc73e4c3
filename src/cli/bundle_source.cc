#include "cli/bundle_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/limits.h"
#include "base/status_macros.h"
#include "cli/model_file.h"
#include "engine/bundle_examples.h"
#include "engine/engine_impl.h"
#include "engine/freeze.h"
#include "engine/meta_graph_source.h"
#include "engine/signature.h"
#include "formats/file.h"
#include "formats/npz.h"
#include "formats/savedmodel.h"

namespace moulin::cli {
namespace {

using internal::BundleSignature;

void AppendTensors(const std::vector<NamedTensorRef>& refs, std::vector<TensorName>* names,
                   std::vector<std::string>* all) {
  for (const NamedTensorRef& ref : refs) {
    names->push_back({ref.name, ref.tensor});
    all->push_back(ref.tensor);
  }
}

// The signatures of a meta graph, and all tensors that they name.
StatusOr<std::vector<BundleSignature>> ReadSignatures(const tf::MetaGraphDef& meta_graph, const SourceOptions& options,
                                                      std::vector<std::string>* tensors) {
  const std::vector<std::string> keys =
      options.signatures.empty() ? internal::SignatureKeys(meta_graph) : options.signatures;
  if (keys.empty()) return internal::NoSignatureError();
  std::vector<BundleSignature> signatures;
  for (const std::string& key : keys) {
    MOULIN_ASSIGN_OR_RETURN(const internal::Signature found, internal::FindSignature(meta_graph, key));
    BundleSignature& signature = signatures.emplace_back();
    signature.name = found.key;
    AppendTensors(found.inputs, &signature.inputs, tensors);
    AppendTensors(found.outputs, &signature.outputs, tensors);
  }
  return signatures;
}

StatusOr<NamedTensors> ReadArrays(const std::string& path, const std::vector<TensorInfo>& infos, std::string* bytes) {
  MOULIN_ASSIGN_OR_RETURN(*bytes, ReadFile(path, Limits().tensor_bytes));
  StatusOr<NamedTensors> arrays = internal::ParseArrays(*bytes, infos);
  if (!arrays.ok()) return AtFile(arrays.status(), path);
  return arrays;
}

}  // namespace

StatusOr<BundleSource> ReadBundleSource(const std::string& path, const SourceOptions& options) {
  BundleSource source;
  internal::FreezeOptions freeze;
  freeze.outputs = options.outputs;
  freeze.checkpoint = options.checkpoint;
  const bool is_meta_graph = IsSavedModelDirectory(path) || internal::IsCheckpointModel(path);
  if (is_meta_graph && options.outputs.empty()) {
    MOULIN_ASSIGN_OR_RETURN(const internal::MetaGraphFile file, internal::ReadMetaGraphFile(path, {}, "", Limits()));
    // The inputs are kept as well: an output need not depend on each.
    MOULIN_ASSIGN_OR_RETURN(source.signatures, ReadSignatures(file.meta_graph, options, &freeze.outputs));
  } else {
    source.signatures.emplace_back();
    for (const std::string& tensor : options.outputs) source.signatures[0].outputs.push_back({"", tensor});
  }
  if (is_meta_graph || !options.checkpoint.empty()) {
    MOULIN_ASSIGN_OR_RETURN(source.graph, internal::Freeze(path, freeze));
  } else {
    MOULIN_RETURN_IF_ERROR(internal::RefuseBundle(path));
    MOULIN_ASSIGN_OR_RETURN(ModelFile file, ReadModelFile(path));
    source.graph = std::move(file.graph);
  }
  return source;
}

StatusOr<std::shared_ptr<Model>> LoadSource(Engine& engine, const BundleSource& source,
                                            const BundleSignature& signature, const std::string& name) {
  ImportOptions options;
  options.inputs = internal::Refs(signature.inputs);
  options.outputs = internal::Refs(signature.outputs);
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<Graph> graph, ImportGraph(source.graph, options));
  return engine.impl().LoadGraph(std::move(graph), name, {});
}

Status AddGolden(Model& model, const std::string& inputs_path, const std::string& outputs_path,
                 const internal::Tolerance& tolerance, BundleSignature* signature, BundleSource* source) {
  const std::string folder = absl::StrCat(signature->name, "/golden", signature->goldens.size());
  const internal::BundleGolden golden = {folder + "/inputs.npz", folder + "/outputs.npz", tolerance};
  MOULIN_ASSIGN_OR_RETURN(NamedTensors inputs, ReadArrays(inputs_path, model.inputs(), &source->files[golden.inputs]));
  std::string& outputs = source->files[golden.outputs];
  if (outputs_path.empty()) {
    const StatusOr<NamedTensors> recorded = model.Run(std::move(inputs));
    if (!recorded.ok()) return AtFile(recorded.status(), inputs_path);
    MOULIN_ASSIGN_OR_RETURN(outputs, EncodeNpz(*recorded));
  } else {
    MOULIN_RETURN_IF_ERROR(ReadArrays(outputs_path, model.outputs(), &outputs).status());
  }
  signature->goldens.push_back(golden);
  return absl::OkStatus();
}

Status AddWarmUp(const Model& model, const std::string& inputs_path, BundleSignature* signature, BundleSource* source) {
  const std::string name = absl::StrCat(signature->name, "/warm_up", signature->warm_up.size(), ".npz");
  MOULIN_RETURN_IF_ERROR(ReadArrays(inputs_path, model.inputs(), &source->files[name]).status());
  signature->warm_up.push_back(name);
  return absl::OkStatus();
}

}  // namespace moulin::cli
