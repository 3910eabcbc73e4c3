#include "engine/variable_source.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/tensor_proto.h"

namespace moulin::internal {
namespace {

std::string SharedName(const tf::NodeDef& node) {
  const auto it = node.attr().find("shared_name");
  return it == node.attr().end() ? "" : it->second.s();
}

// TensorFlow 1 wrote resource variables of unknown shape with an attribute of unknown rank; those fit everything.
Status CheckDeclared(const tf::NodeDef& node, const Tensor& value) {
  if (const auto it = node.attr().find("dtype"); it != node.attr().end()) {
    MOULIN_ASSIGN_OR_RETURN(const DType type, DTypeFromProto(it->second.type()));
    if (type != value.dtype()) {
      return MakeError(ErrorCode::kDType, "the variable is of type ", Name(type), ", its value in the checkpoint of ",
                       Name(value.dtype()));
    }
  }
  if (const auto it = node.attr().find("shape"); it != node.attr().end()) {
    MOULIN_ASSIGN_OR_RETURN(const PartialShape shape, ShapeFromProto(it->second.shape()));
    if (!shape.Accepts(value.shape())) {
      return MakeError(ErrorCode::kShape, "the variable has the shape ", shape.ToString(),
                       ", its value in the checkpoint ", value.shape().ToString());
    }
  }
  return absl::OkStatus();
}

}  // namespace

VariableSource::VariableSource(Checkpoint checkpoint, const tf::MetaGraphDef& meta_graph)
    : checkpoint_(std::move(checkpoint)),
      by_objects_(KeysByObjects(meta_graph, checkpoint_.objects())),
      by_restore_ops_(KeysByRestoreOps(meta_graph)) {}

StatusOr<VariableSource> VariableSource::Open(const std::string& prefix, const tf::MetaGraphDef& meta_graph,
                                              const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::OpenPrefix(prefix, limits));
  return VariableSource(std::move(checkpoint), meta_graph);
}

StatusOr<VariableKey> VariableSource::Find(const tf::NodeDef& node) const {
  for (const VariableKeys* keys : {&by_objects_, &by_restore_ops_}) {
    const auto it = keys->find(node.name());
    if (it != keys->end() && checkpoint_.FindKey(it->second.key) == it->second.key) return it->second;
  }
  const std::string shared_name = SharedName(node);
  for (const std::string& name : {shared_name, node.name()}) {
    std::string key = checkpoint_.FindKey(name);
    if (!key.empty()) return VariableKey{std::move(key), std::nullopt};
  }
  return MakeError(ErrorCode::kName, "the checkpoint has no value for the variable \"",
                   Printable(shared_name.empty() ? node.name() : shared_name), "\"; ", Printable(checkpoint_.prefix()));
}

StatusOr<Tensor> VariableSource::Read(const tf::NodeDef& node) {
  MOULIN_ASSIGN_OR_RETURN(const VariableKey key, Find(node));
  Tensor& value = read_[key.slice ? absl::StrCat(key.key, ":", ToString(*key.slice)) : key.key];
  if (!value.is_valid()) {
    StatusOr<Tensor> tensor = key.slice ? checkpoint_.ReadSlice(key.key, *key.slice) : checkpoint_.Read(key.key);
    if (!tensor.ok()) return tensor;
    value = *std::move(tensor);
  }
  MOULIN_RETURN_IF_ERROR(CheckDeclared(node, value));
  return value;
}

}  // namespace moulin::internal
