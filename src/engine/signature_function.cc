// Tested by tests/engine/signature_objects_test.cc.
#include "engine/signature_function.h"

#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/tensor_proto.h"
#include "import/op_signature.h"
#include "import/sources.h"
#include "import/tensor_names.h"

namespace moulin::internal {
namespace {

using OrderedInfos = std::map<std::string, const tf::TensorInfo*>;  // by key, in their order

OrderedInfos InOrder(const google::protobuf::Map<std::string, tf::TensorInfo>& infos) {
  OrderedInfos in_order;
  for (const auto& [key, info] : infos) in_order.emplace(key, &info);
  return in_order;
}

Status Unsupported(const tf::NodeDef& node, absl::string_view what) {
  return AtNode(MakeError(ErrorCode::kUnsupported, what), node.name(), node.op());
}

class FunctionBuilder {
 public:
  FunctionBuilder(const tf::GraphDef& graph, const ObjectOfNode& objects, const Limits& limits)
      : objects_(objects), limits_(limits) {
    for (const tf::NodeDef& node : graph.node()) nodes_.emplace(node.name(), &node);
    for (const tf::FunctionDef& f : graph.library().function()) functions_.emplace(f.signature().name(), &f);
  }

  StatusOr<SignatureFunction> Build(const tf::SignatureDef& signature, const std::string& name) {
    const OrderedInfos inputs = InOrder(signature.inputs()), outputs = InOrder(signature.outputs());
    def().mutable_signature()->set_name(name);
    def().mutable_signature()->set_is_stateful(true);
    for (const auto& [key, info] : inputs) MOULIN_RETURN_IF_ERROR(AddInput(key, *info));
    for (const auto& [key, info] : outputs) {
      MOULIN_RETURN_IF_ERROR(ReferenceOf(*info).status());
      MOULIN_RETURN_IF_ERROR(Need(info->name()));
    }
    MOULIN_RETURN_IF_ERROR(AddBody());
    for (const auto& [key, info] : outputs) MOULIN_RETURN_IF_ERROR(AddOutput(*info));
    return std::move(result_);
  }

 private:
  tf::FunctionDef& def() { return result_.function; }

  std::string NewArgument() {
    std::string name;
    do {
      name = absl::StrCat("arg_", num_names_++);
    } while (nodes_.contains(name));
    return name;
  }

  std::string AddArgument(tf::DataType type, const std::string& user_name, const tf::TensorShapeProto& shape) {
    auto* arg = def().mutable_signature()->add_input_arg();
    arg->set_name(NewArgument());
    arg->set_type(type);
    const int index = def().signature().input_arg_size() - 1;
    const std::string user_name_attr = "_user_specified_name", shapes_attr = "_input_shapes";
    (*(*def().mutable_arg_attr())[index].mutable_attr())[user_name_attr].set_s(user_name);
    *(*def().mutable_attr())[shapes_attr].mutable_list()->add_shape() = shape;
    return arg->name();
  }

  Status AddInput(const std::string& key, const tf::TensorInfo& info) {
    MOULIN_ASSIGN_OR_RETURN(const TensorReference tensor, ReferenceOf(info));
    fed_.emplace(std::make_pair(std::string(tensor.node), tensor.port),
                 AddArgument(info.dtype(), key, info.tensor_shape()));
    return absl::OkStatus();
  }

  static StatusOr<TensorReference> ReferenceOf(const tf::TensorInfo& info) {
    if (info.encoding_case() == tf::TensorInfo::kName) return ParseTensorName(info.name());
    return MakeError(ErrorCode::kUnsupported, "a sparse or composite tensor");
  }

  StatusOr<const tf::NodeDef*> Find(absl::string_view name) const {
    const auto it = nodes_.find(name);
    if (it != nodes_.end()) return it->second;
    return MakeError(ErrorCode::kOutput, "the graph has no node \"", Printable(name), "\"");
  }

  // Notes the node of a tensor, or of a control input, as one of the body, unless it is an argument.
  Status Need(const std::string& input) {
    const absl::string_view name = IsControl(input) ? absl::string_view(input).substr(1) : absl::string_view(input);
    MOULIN_ASSIGN_OR_RETURN(const TensorReference tensor, ParseTensorName(name));
    const bool is_argument = !IsControl(input) && fed_.contains({std::string(tensor.node), tensor.port});
    if (is_argument || captured_.contains(tensor.node) || !body_.insert(std::string(tensor.node)).second) {
      return absl::OkStatus();
    }
    MOULIN_ASSIGN_OR_RETURN(const tf::NodeDef* node, Find(tensor.node));
    const bool is_nothing = IsControl(input) && IsPlaceholder(node->op());
    if (is_nothing) body_.erase(node->name());
    return is_nothing ? absl::OkStatus() : Include(*node);
  }

  Status Include(const tf::NodeDef& node) {
    if (const auto object = objects_.find(node.name()); object != objects_.end()) {
      MOULIN_ASSIGN_OR_RETURN(const tf::DataType type, TypeOfCaptured(node));
      body_.erase(node.name());
      captured_.emplace(node.name(), AddArgument(type, node.name(), tf::TensorShapeProto()));
      result_.bound_inputs.push_back(object->second);
    } else if (IsPlaceholder(node.op())) {
      return Unsupported(node, "a placeholder that the signature does not feed");
    } else if (IsVariable(node.op()) || IsHandle(node)) {
      return Unsupported(node, "a variable or table that belongs to no object");
    } else {
      pending_.push_back(&node);
    }
    return absl::OkStatus();
  }

  OpSignature SignatureOfNode(const tf::NodeDef& node) const {
    if (const auto f = functions_.find(node.op()); f != functions_.end()) return SignatureOf(f->second->signature());
    const OpSignature* signature = moulin::FindSignature(node.op());
    return signature == nullptr ? OpSignature() : *signature;
  }

  StatusOr<std::vector<TensorSpec>> OutputsOf(const tf::NodeDef& node, const OpSignature& signature) const {
    return ExpandArgs(signature.outputs, signature.attrs, node.attr(), limits_);
  }

  // Whether the node makes a resource out of nothing.
  bool IsHandle(const tf::NodeDef& node) const {
    if (node.input_size() > 0 && !IsControl(node.input(0))) return false;
    const auto outputs = OutputsOf(node, SignatureOfNode(node));
    return outputs.ok() && outputs->size() == 1 && outputs->front().type == DType::kResource;
  }

  StatusOr<tf::DataType> TypeOfCaptured(const tf::NodeDef& node) const {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorSpec> outputs, OutputsOf(node, SignatureOfNode(node)));
    if (outputs.size() == 1) return DTypeToProto(outputs.front().type);
    return Unsupported(node, "an object that is not one tensor");
  }

  Status AddBody() {
    while (!pending_.empty()) {
      const tf::NodeDef& node = *pending_.back();
      pending_.pop_back();
      for (const std::string& input : node.input()) MOULIN_RETURN_IF_ERROR(Need(input));
      copied_.push_back(&node);
    }
    for (const tf::NodeDef* node : copied_) MOULIN_RETURN_IF_ERROR(AddNode(*node));
    return absl::OkStatus();
  }

  Status AddNode(const tf::NodeDef& node) {
    tf::NodeDef* copy = def().add_node_def();
    *copy = node;
    copy->clear_input();
    copy->mutable_attr()->erase("_class");  // may name nodes that are not here
    for (const std::string& input : node.input()) {
      if (!IsControl(input)) {
        MOULIN_ASSIGN_OR_RETURN(*copy->add_input(), BodyName(input));
      } else if (body_.contains(input.substr(1))) {
        copy->add_input(input);
      }
    }
    return absl::OkStatus();
  }

  // The name that a tensor of the graph has in the body: that of an argument, or "node:output:index".
  StatusOr<std::string> BodyName(const std::string& input) const {
    MOULIN_ASSIGN_OR_RETURN(const TensorReference tensor, ParseTensorName(input));
    if (const auto fed = fed_.find({std::string(tensor.node), tensor.port}); fed != fed_.end()) return fed->second;
    if (const auto it = captured_.find(tensor.node); it != captured_.end()) return it->second;
    MOULIN_ASSIGN_OR_RETURN(const tf::NodeDef* node, Find(tensor.node));
    const OpSignature signature = SignatureOfNode(*node);
    const auto outputs = OutputsOf(*node, signature);
    if (!outputs.ok() || tensor.port >= static_cast<int>(outputs->size())) {
      return Unsupported(*node, "an op whose outputs have no names that are known");
    }
    const TensorSpec& output = (*outputs)[tensor.port];
    return absl::StrCat(tensor.node, ":", signature.outputs[output.arg].name, ":", output.index);
  }

  Status AddOutput(const tf::TensorInfo& info) {
    auto* arg = def().mutable_signature()->add_output_arg();
    arg->set_name(absl::StrCat("output_", def().signature().output_arg_size() - 1));
    arg->set_type(info.dtype());
    MOULIN_ASSIGN_OR_RETURN((*def().mutable_ret())[arg->name()], BodyName(info.name()));
    return absl::OkStatus();
  }

  const ObjectOfNode& objects_;
  const Limits& limits_;
  absl::flat_hash_map<absl::string_view, const tf::NodeDef*> nodes_;
  absl::flat_hash_map<absl::string_view, const tf::FunctionDef*> functions_;
  SignatureFunction result_;
  int num_names_ = 0;
  std::map<std::pair<std::string, int>, std::string> fed_;  // arguments by the tensors that they stand for
  absl::flat_hash_map<std::string, std::string> captured_;  // and by nodes
  absl::flat_hash_set<std::string> body_;                   // the other nodes that are needed
  std::vector<const tf::NodeDef*> pending_, copied_;
};

}  // namespace

StatusOr<SignatureFunction> MakeSignatureFunction(const tf::GraphDef& graph, const tf::SignatureDef& signature,
                                                  const ObjectOfNode& objects, const std::string& name,
                                                  const Limits& limits) {
  return FunctionBuilder(graph, objects, limits).Build(signature, name);
}

}  // namespace moulin::internal
