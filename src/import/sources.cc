#include "import/sources.h"

#include <algorithm>
#include <iterator>

#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/bundle.h"
#include "formats/tensor_proto.h"
#include "import/attr_kind.h"
#include "import/op_signature.h"

namespace moulin {
namespace {

// Before this version of GraphDef, a placeholder of unknown shape was written as one of a scalar's.
constexpr int kFirstVersionWithScalarPlaceholders = 24;

constexpr absl::string_view kForbidden[] = {
    "EagerPyFunc",
    "FixedLengthRecordReader",
    "FixedLengthRecordReaderV2",
    "ImmutableConst",
    "LoadDataset",
    "LoadLibrary",
    "LookupTableImport",
    "MatchingFiles",
    "MergeV2Checkpoints",
    "PrintV2",
    "PyFunc",
    "PyFuncStateless",
    "ReadFile",
    "ReaderRead",
    "ReaderReadV2",
    "RemoteCall",
    "Restore",
    "RestoreSlice",
    "RestoreV2",
    "Save",
    "SaveDataset",
    "SaveSlices",
    "SaveV2",
    "ShardedFilename",
    "TextLineReader",
    "TextLineReaderV2",
    "TFRecordReader",
    "TFRecordReaderV2",
    "WholeFileReader",
    "WholeFileReaderV2",
    "WriteFile",
};

StatusOr<DType> TypeAttr(const tf::NodeDef& node, const std::string& name) {
  const auto it = node.attr().find(name);
  if (it == node.attr().end()) return MakeError(ErrorCode::kAttribute, "missing attribute \"", name, "\"");
  if (it->second.value_case() != tf::AttrValue::kType) {
    return MakeError(ErrorCode::kAttribute, "attribute \"", name, "\": expected a type, got ",
                     KindName(it->second.value_case()));
  }
  return DTypeFromProto(it->second.type());
}

StatusOr<TensorType> PlaceholderType(const FlatGraph& graph, const tf::NodeDef& node) {
  TensorType type;
  MOULIN_ASSIGN_OR_RETURN(type.dtype, TypeAttr(node, "dtype"));
  const auto it = node.attr().find("shape");
  if (it == node.attr().end()) return type;
  if (it->second.value_case() != tf::AttrValue::kShape) {
    return MakeError(ErrorCode::kAttribute, "attribute \"shape\": expected a shape, got ",
                     KindName(it->second.value_case()));
  }
  MOULIN_ASSIGN_OR_RETURN(type.shape, ShapeFromProto(it->second.shape()));
  const bool is_scalar = type.shape.has_rank() && type.shape.rank() == 0;
  const int producer = graph.graph().versions().producer();
  if (is_scalar && node.op() == "Placeholder" && producer < kFirstVersionWithScalarPlaceholders) {
    type.shape = PartialShape::UnknownRank();
  }
  return type;
}

// The type of any other node's output by the table of signatures.
StatusOr<TensorType> InnerType(const FlatGraph& graph, FlatRef ref) {
  const tf::NodeDef& node = graph.def(ref.node);
  TensorType type;
  if (const OpSignature* signature = FindSignature(node.op())) {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorSpec> outputs,
                            ExpandArgs(signature->outputs, signature->attrs, node.attr(), graph.limits()));
    if (ref.port >= outputs.size()) {
      return MakeError(ErrorCode::kPort, "output ", ref.port, " is fed, of ", outputs.size());
    }
    type.dtype = outputs[ref.port].type;
  }
  const auto it = node.attr().find("_output_shapes");
  if (it != node.attr().end() && ref.port < it->second.list().shape_size()) {
    MOULIN_ASSIGN_OR_RETURN(type.shape, ShapeFromProto(it->second.list().shape(ref.port)));
  }
  return type;
}

}  // namespace

bool IsPlaceholder(absl::string_view op) { return op == "Placeholder" || op == "PlaceholderV2"; }
bool IsConstant(absl::string_view op) { return op == "Const" || op == "HostConst"; }
bool IsVariable(absl::string_view op) {
  return op == "VarHandleOp" || op == "VariableV2" || op == "Variable" || op == "TemporaryVariable";
}
bool IsForbidden(absl::string_view op) {
  return std::find(std::begin(kForbidden), std::end(kForbidden), op) != std::end(kForbidden);
}

StatusOr<TensorType> FedType(const FlatGraph& graph, FlatRef ref) {
  const tf::NodeDef& node = graph.def(ref.node);
  const bool declares = IsPlaceholder(node.op()) || node.op() == "PlaceholderWithDefault";
  StatusOr<TensorType> type = declares ? PlaceholderType(graph, node) : InnerType(graph, ref);
  if (!type.ok()) return graph.At(type.status(), ref.node);
  if (SizeOf(type->dtype) == 0 && type->dtype != DType::kString) {
    const bool is_known = type->dtype != DType::kInvalid;
    return graph.At(
        MakeError(ErrorCode::kDType, "an input of type ", is_known ? Name(type->dtype) : "unknown", " cannot be fed"),
        ref.node);
  }
  return type;
}

StatusOr<Tensor> SourceReader::Read(const FlatGraph& graph, int node) {
  const tf::NodeDef& def = graph.def(node);
  if (IsVariable(def.op())) {
    if (options_.external_constant) return options_.external_constant(def);
    return MakeError(ErrorCode::kUnsupported, "the graph holds no value for this variable; freeze it first");
  }
  if (BundleModel::IsExternal(def)) {
    if (options_.external_constant) return options_.external_constant(def);
    return MakeError(ErrorCode::kAttribute, "the constant's elements are kept in a bundle");
  }
  const auto it = read_.find(&def);
  if (it != read_.end()) return it->second;
  MOULIN_ASSIGN_OR_RETURN(Tensor tensor, ReadConstant(graph, node));
  read_.emplace(&def, tensor);
  return tensor;
}

StatusOr<Tensor> SourceReader::ReadConstant(const FlatGraph& graph, int node) {
  const tf::NodeDef& def = graph.def(node);
  MOULIN_ASSIGN_OR_RETURN(const DType type, TypeAttr(def, "dtype"));
  const auto it = def.attr().find("value");
  if (it == def.attr().end()) return MakeError(ErrorCode::kAttribute, "missing attribute \"value\"");
  if (it->second.value_case() != tf::AttrValue::kTensor) {
    return MakeError(ErrorCode::kAttribute, "attribute \"value\": expected a tensor, got ",
                     KindName(it->second.value_case()));
  }
  const tf::TensorProto& proto = it->second.tensor();
  if (static_cast<int>(proto.dtype()) != static_cast<int>(type)) {
    return MakeError(ErrorCode::kDType, "attribute \"dtype\" is ", Name(type), ", the tensor's is number ",
                     static_cast<int>(proto.dtype()));
  }
  if (!graph.IsInGraph(node)) return TensorFromProto(proto, graph.limits());
  tf::AttrValue& value = (*graph_def_.mutable_node(node)->mutable_attr())["value"];
  return TensorFromProto(std::move(*value.mutable_tensor()), graph.limits());
}

StatusOr<TableContent> SourceReader::ReadTable(const tf::NodeDef& table, const tf::NodeDef& filler,
                                               const std::string& file) const {
  if (!options_.read_asset) {
    return MakeError(ErrorCode::kUnsupported, "a file fills this table, and only a SavedModel brings files along");
  }
  MOULIN_ASSIGN_OR_RETURN(const DType keys, TypeAttr(table, "key_dtype"));
  MOULIN_ASSIGN_OR_RETURN(const DType values, TypeAttr(table, "value_dtype"));
  MOULIN_ASSIGN_OR_RETURN(const std::string text, options_.read_asset(file));
  const StatusOr<TableContent> content = ReadTableFile(text, filler, keys, values);
  if (!content.ok()) return AtFile(content.status(), file);
  return content;
}

}  // namespace moulin
