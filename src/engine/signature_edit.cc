#include "engine/signature_edit.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/tensor_proto.h"
#include "formats/unicode.h"
#include "formats/utf8.h"
#include "import/op_signature.h"
#include "import/tensor_names.h"
#include "passes/shape_facts.h"

namespace moulin::internal {
namespace {

constexpr char kOwnPrefix[] = "__saved_model";
constexpr char kMethodPrefix[] = "tensorflow/serving/";

using Signatures = google::protobuf::Map<std::string, tf::SignatureDef>;
using TensorInfos = google::protobuf::Map<std::string, tf::TensorInfo>;

std::string Where(const std::string& signature, const char* what, const std::string& key) {
  return absl::StrCat("signature \"", Printable(signature), "\", ", what, " \"", Printable(key), "\"");
}

Status CheckKey(const std::string& what, const std::string& key, const Limits& limits) {
  if (key.empty()) return MakeError(ErrorCode::kName, what, ": an empty key");
  if (key.size() > limits.name_bytes) return MakeError(ErrorCode::kName, what, ": a key of ", key.size(), " bytes");
  if (ValidUtf8Prefix(key) != key.size()) {
    return MakeError(ErrorCode::kName, what, ": the key \"", Printable(key), "\" is not UTF-8");
  }
  return absl::OkStatus();
}

// Refuses `key` where one of `others` is the same or looks the same.
template <typename Keys>
Status CheckFree(const std::string& what, const std::string& key, const Keys& others) {
  for (const std::string& other : others) {
    if (other == key) return MakeError(ErrorCode::kDuplicate, what, ": the key \"", Printable(key), "\" is taken");
    if (CanonicalForm(other) == CanonicalForm(key)) {
      return MakeError(ErrorCode::kDuplicate, what, ": the key \"", Printable(key),
                       "\" differs from another one only in how Unicode encodes it");
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> Keys(const Signatures& signatures) {
  std::vector<std::string> keys;
  for (const auto& [key, signature] : signatures) {
    if (ValidUtf8Prefix(key) == key.size()) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

Status NoSuchSignature(const std::string& key, const Signatures& signatures) {
  const std::vector<std::string> keys = Keys(signatures);
  std::vector<std::string> printable;
  for (const std::string& k : keys) printable.push_back(Printable(k));
  return MakeError(ErrorCode::kName, "no signature \"", Printable(key),
                   "\"; it has: ", keys.empty() ? "none" : absl::StrJoin(printable, ", "));
}

Status CheckNotOwn(const std::string& key) {
  if (!absl::StartsWith(key, kOwnPrefix)) return absl::OkStatus();
  return MakeError(ErrorCode::kName, "signature \"", Printable(key), "\": names that start with \"", kOwnPrefix,
                   "\" are TensorFlow's own");
}

Status CheckNewKey(const std::string& key, const Signatures& signatures, const Limits& limits) {
  MOULIN_RETURN_IF_ERROR(CheckKey("signature", key, limits));
  MOULIN_RETURN_IF_ERROR(CheckNotOwn(key));
  return CheckFree("signature", key, Keys(signatures));
}

Status Remove(const std::string& key, Signatures* signatures) {
  MOULIN_RETURN_IF_ERROR(CheckNotOwn(key));
  return signatures->erase(key) > 0 ? absl::OkStatus() : NoSuchSignature(key, *signatures);
}

Status Rename(const std::string& from, const std::string& to, const Limits& limits, Signatures* signatures) {
  MOULIN_RETURN_IF_ERROR(CheckNotOwn(from));
  const auto it = signatures->find(from);
  if (it == signatures->end()) return NoSuchSignature(from, *signatures);
  tf::SignatureDef moved = std::move(it->second);
  signatures->erase(from);
  MOULIN_RETURN_IF_ERROR(CheckNewKey(to, *signatures, limits));
  (*signatures)[to] = std::move(moved);
  return absl::OkStatus();
}

StatusOr<std::string> MethodName(const std::string& key, const std::string& method) {
  if (absl::StrContains(method, '/')) return method;
  for (const char* known : {"predict", "classify", "regress"}) {
    if (method == known) return absl::StrCat(kMethodPrefix, method);
  }
  return MakeError(ErrorCode::kOption, "signature \"", Printable(key),
                   "\": expected the method predict, classify or regress, found \"", Printable(method), "\"");
}

void SetShape(const PartialShape& shape, tf::TensorInfo* info) {
  tf::TensorShapeProto& proto = *info->mutable_tensor_shape();
  proto.Clear();
  proto.set_unknown_rank(!shape.has_rank());
  for (int i = 0; i < shape.rank(); ++i) proto.add_dim()->set_size(shape.dim(i));
}

// What the graph says of its tensors.
class GraphTensors {
 public:
  explicit GraphTensors(const tf::GraphDef& graph) : graph_(graph) {
    for (const tf::NodeDef& node : graph.node()) nodes_.emplace(node.name(), &node);
    for (const tf::FunctionDef& f : graph.library().function()) functions_.emplace(f.signature().name(), &f);
  }

  StatusOr<tf::TensorInfo> Resolve(const SignatureTensor& wanted, const std::string& where, const Limits& limits) {
    const StatusOr<TensorReference> name = ParseTensorName(wanted.tensor);
    if (!name.ok()) return At(name.status(), where);
    const auto it = nodes_.find(name->node);
    if (it == nodes_.end()) return At(NoSuchTensor(name->node), where);
    tf::TensorInfo info;
    info.set_name(absl::StrCat(name->node, ":", name->port));
    StatusOr<DType> type = TypeOf(*it->second, name->port, wanted.dtype, limits);
    if (!type.ok()) return At(type.status(), where);
    info.set_dtype(DTypeToProto(*type));
    const PartialShape known = ShapeOf(*it->second, name->port);
    SetShape(wanted.shape.value_or(known), &info);
    MOULIN_RETURN_IF_ERROR(RefineTensorInfo(where, *type, known, &info));
    return info;
  }

 private:
  static Status At(const Status& status, const std::string& where) {
    return Status(status.code(), absl::StrCat(status.message(), "; ", where));
  }

  Status NoSuchTensor(absl::string_view name) const {
    std::vector<absl::string_view> candidates;
    for (const tf::NodeDef& node : graph_.node()) candidates.push_back(node.name());
    const std::string closest = DidYouMean(name, candidates);
    return MakeError(ErrorCode::kOutput, "the graph has no node \"", Printable(name), "\"",
                     closest.empty() ? "" : absl::StrCat("; ", closest));
  }

  StatusOr<DType> TypeOf(const tf::NodeDef& node, int port, DType wanted, const Limits& limits) const {
    OpSignature of_function;
    const OpSignature* signature = moulin::FindSignature(node.op());
    if (const auto f = functions_.find(node.op()); f != functions_.end()) {
      of_function = SignatureOf(f->second->signature());
      signature = &of_function;
    }
    if (signature == nullptr) {
      if (wanted != DType::kInvalid) return wanted;
      return MakeError(ErrorCode::kDType, "nothing tells the type of \"", Printable(node.name()), "\" (op ",
                       Printable(node.op()), "); say it");
    }
    MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorSpec> outputs,
                            ExpandArgs(signature->outputs, signature->attrs, node.attr(), limits));
    if (port >= static_cast<int>(outputs.size())) {
      return MakeError(ErrorCode::kPort, "\"", Printable(node.name()), "\" (op ", Printable(node.op()), ") has ",
                       outputs.size(), " outputs, port ", port, " is asked for");
    }
    const DType type = outputs[port].type;
    if (wanted != DType::kInvalid && wanted != type) {
      return MakeError(ErrorCode::kDType, "the graph says ", Name(type), ", the signature ", Name(wanted));
    }
    return type;
  }

  // What TensorFlow wrote beside the node; the unknown rank where it wrote nothing.
  static PartialShape ShapeOf(const tf::NodeDef& node, int port) {
    const tf::TensorShapeProto* proto = nullptr;
    if (const auto it = node.attr().find("_output_shapes"); it != node.attr().end()) {
      if (port < it->second.list().shape_size()) proto = &it->second.list().shape(port);
    }
    if (const auto it = node.attr().find("shape"); proto == nullptr && it != node.attr().end()) {
      if (absl::StartsWith(node.op(), "Placeholder") && it->second.value_case() == tf::AttrValue::kShape) {
        proto = &it->second.shape();
      }
    }
    if (proto == nullptr) return PartialShape::UnknownRank();
    return ShapeFromProto(*proto).value_or(PartialShape::UnknownRank());
  }

  const tf::GraphDef& graph_;
  absl::flat_hash_map<absl::string_view, const tf::NodeDef*> nodes_;
  absl::flat_hash_map<absl::string_view, const tf::FunctionDef*> functions_;
};

StatusOr<TensorInfos> ResolveAll(const std::vector<SignatureTensor>& tensors, const std::string& signature,
                                 const char* what, const Limits& limits, GraphTensors* graph) {
  TensorInfos infos;
  std::vector<std::string> keys;
  for (const SignatureTensor& t : tensors) {
    const std::string where = Where(signature, what, t.key);
    MOULIN_RETURN_IF_ERROR(CheckKey(where, t.key, limits));
    MOULIN_RETURN_IF_ERROR(CheckFree(where, t.key, keys));
    keys.push_back(t.key);
    MOULIN_ASSIGN_OR_RETURN(infos[t.key], graph->Resolve(t, where, limits));
  }
  return infos;
}

Status Change(const SignatureChange& change, const Limits& limits, GraphTensors* graph, Signatures* signatures) {
  if (!signatures->contains(change.key)) {
    MOULIN_RETURN_IF_ERROR(CheckNewKey(change.key, *signatures, limits));
  } else {
    MOULIN_RETURN_IF_ERROR(CheckNotOwn(change.key));
  }
  tf::SignatureDef& signature = (*signatures)[change.key];
  if (!change.method.empty() || signature.method_name().empty()) {
    MOULIN_ASSIGN_OR_RETURN(*signature.mutable_method_name(),
                            MethodName(change.key, change.method.empty() ? "predict" : change.method));
  }
  if (change.inputs) {
    MOULIN_ASSIGN_OR_RETURN(*signature.mutable_inputs(),
                            ResolveAll(*change.inputs, change.key, "input", limits, graph));
    // Defaults of inputs that are gone would refer to nothing.
    std::vector<std::string> gone;
    for (const auto& [key, value] : signature.defaults()) {
      if (!signature.inputs().contains(key)) gone.push_back(key);
    }
    for (const std::string& key : gone) signature.mutable_defaults()->erase(key);
  }
  if (change.outputs) {
    MOULIN_ASSIGN_OR_RETURN(*signature.mutable_outputs(),
                            ResolveAll(*change.outputs, change.key, "output", limits, graph));
  }
  if (signature.outputs().empty()) {
    return MakeError(ErrorCode::kOutput, "signature \"", Printable(change.key), "\" has no outputs");
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::vector<std::string>> EditSignatures(const SignatureEdits& edits, const Limits& limits,
                                                  tf::MetaGraphDef* meta_graph) {
  Signatures* signatures = meta_graph->mutable_signature_def();
  std::set<std::string> changed;
  for (const std::string& key : edits.remove) MOULIN_RETURN_IF_ERROR(Remove(key, signatures));
  for (const auto& [from, to] : edits.rename) MOULIN_RETURN_IF_ERROR(Rename(from, to, limits, signatures));
  GraphTensors graph(meta_graph->graph_def());
  for (const SignatureChange& change : edits.change) {
    if (!changed.insert(change.key).second) {
      return MakeError(ErrorCode::kDuplicate, "signature \"", Printable(change.key), "\" is given twice");
    }
    MOULIN_RETURN_IF_ERROR(Change(change, limits, &graph, signatures));
  }
  const auto is_own = [](const std::string& key) { return absl::StartsWith(key, kOwnPrefix); };
  const std::vector<std::string> left = Keys(*signatures);
  if (std::all_of(left.begin(), left.end(), is_own)) {
    return MakeError(ErrorCode::kName, "the model would have no signature");
  }
  return std::vector<std::string>(changed.begin(), changed.end());
}

Status RefineTensorInfo(const std::string& where, DType dtype, const PartialShape& shape, tf::TensorInfo* info) {
  MOULIN_ASSIGN_OR_RETURN(const DType given, DTypeFromProto(info->dtype()));
  if (given != dtype) {
    return MakeError(ErrorCode::kDType, "the graph says ", Name(dtype), ", the signature ", Name(given), "; ", where);
  }
  MOULIN_ASSIGN_OR_RETURN(const PartialShape declared, ShapeFromProto(info->tensor_shape()));
  PartialShape both;
  if (!Intersect(declared, shape, &both)) {
    return MakeError(ErrorCode::kShape, "the graph says ", shape.ToString(), ", the signature ", declared.ToString(),
                     "; ", where);
  }
  if (!declared.has_rank()) SetShape(shape, info);
  return absl::OkStatus();
}

std::string ServingObjection(const std::string& key, const tf::SignatureDef& signature) {
  const std::string method(absl::StripPrefix(signature.method_name(), kMethodPrefix));
  if (method != "classify" && method != "regress") return "";
  const auto one_input = signature.inputs().find("inputs");
  bool fits = signature.inputs().size() == 1 && one_input != signature.inputs().end() &&
              one_input->second.dtype() == tf::DT_STRING;
  for (const auto& [name, info] : signature.outputs()) {
    const bool known = method == "regress" ? name == "outputs" : name == "classes" || name == "scores";
    fits = fits && known && info.dtype() == (name == "classes" ? tf::DT_STRING : tf::DT_FLOAT);
  }
  if (fits) return "";
  return absl::StrCat("signature \"", Printable(key), "\": TensorFlow Serving expects of ", method,
                      " one string input \"inputs\" (serialised tf.Example) and ",
                      method == "regress" ? "a float32 output \"outputs\""
                                          : "a string output \"classes\", a float32 output \"scores\", or both");
}

}  // namespace moulin::internal
