#include "import/importer.h"

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "import/deferred.h"
#include "import/kept.h"
#include "import/lowering.h"
#include "import/op_signature.h"

namespace moulin {
namespace {

constexpr absl::string_view kUnsupportedPrefix = "E_UNSUPPORTED: ";
constexpr size_t kMostReported = 50;

bool IsUnsupported(const Status& status) { return absl::StartsWith(status.message(), kUnsupportedPrefix); }

// The reason alone: without the code, and without the place, which the report names itself.
std::string Reason(const Status& status) {
  absl::string_view reason = absl::StripPrefix(status.message(), kUnsupportedPrefix);
  return std::string(reason.substr(0, reason.find("; node \"")));
}

StatusOr<PartialShape> Narrowed(const PartialShape& declared, const PartialShape& given, absl::string_view input) {
  if (!declared.has_rank()) return given;
  if (!given.has_rank()) return declared;
  PartialShape narrowed = declared;
  bool fits = declared.rank() == given.rank();
  for (int i = 0; fits && i < declared.rank(); ++i) {
    if (declared.dim(i) == kUnknownDim) narrowed.set_dim(i, given.dim(i));
    fits = given.dim(i) == kUnknownDim || narrowed.dim(i) == given.dim(i);
  }
  if (fits) return narrowed;
  return MakeError(ErrorCode::kShape, "input \"", Printable(input), "\": expected ", declared.ToString(), ", got ",
                   given.ToString());
}

}  // namespace

Status Importer::AddInputs(absl::Span<const NamedFlatRef> inputs,
                           absl::Span<const std::pair<std::string, PartialShape>> shapes) {
  for (const NamedFlatRef& input : inputs) {
    MOULIN_ASSIGN_OR_RETURN(TensorType type, FedType(flat_, input.ref));
    for (const auto& [name, shape] : shapes) {
      if (name != input.name) continue;
      MOULIN_ASSIGN_OR_RETURN(type.shape, Narrowed(type.shape, shape, name));
    }
    const ValueId value = graph_.AddInput(input.name, type);
    graph_.AddName(value, flat_.tensor_name(input.ref));
    given_[input.ref] = value;
  }
  return absl::OkStatus();
}

Status Importer::Lower(const Reach& reach) {
  for (const Reach::Entry& entry : reach.order) {
    const Status status = LowerNode(entry.node, reach.inputs_of(entry));
    if (status.ok()) continue;
    if (!IsUnsupported(status)) return flat_.At(status, entry.node);
    Report(entry.node, Reason(status));
  }
  return absl::OkStatus();
}

Status Importer::LowerNode(int node, absl::Span<const FlatRef> inputs) {
  const tf::NodeDef& def = flat_.def(node);
  if (IsPlaceholder(def.op())) {
    const auto given = given_.find({node, 0});
    if (given != given_.end()) {
      lowered_[node] = {static_cast<int64_t>(values_.size()), 1, false};
      values_.push_back(given->second);
      return absl::OkStatus();
    }
    return MakeError(ErrorCode::kMissingInput, "the outputs need this placeholder, which is not among the inputs");
  }
  if (IsConstant(def.op()) || IsVariable(def.op())) return LowerSource(node);
  if (FillsFromFile(def.op())) return LowerTableFile(node, inputs);
  if (IsForbidden(def.op())) {
    return MakeError(ErrorCode::kForbidden, "this op reads or writes files or runs outside code");
  }
  MOULIN_ASSIGN_OR_RETURN(const ControlUse* use, control_.Find(node));
  if (use != nullptr) return LowerControl(node, *use, inputs);
  const OpLowering* row = FindLowering(def.op());
  if (row == nullptr) return MakeError(ErrorCode::kUnsupported, "this op has no lowering");
  Values values;
  MOULIN_ASSIGN_OR_RETURN(const bool is_ready, InputValues(inputs, &values));
  if (!is_ready) return absl::OkStatus();
  if (values.size() < row->min_inputs || values.size() > row->max_inputs) {
    return MakeError(ErrorCode::kArity, "expected ", row->min_inputs,
                     row->max_inputs == row->min_inputs ? "" : " or more", " inputs, got ", values.size());
  }
  MOULIN_RETURN_IF_ERROR(CheckTypes(node, values));
  GraphBuilder builder(&graph_, flat_.limits());
  builder.SetOrigin(flat_.name(node), def.op());
  LoweringContext context(def, std::move(values), &builder);
  row->lower(context);
  if (context.is_deferred()) return Defer(node, *row, context);
  MOULIN_RETURN_IF_ERROR(builder.status());
  SetOutputs(node, context.outputs());
  if (context.range()) graph_.ranges[absl::StrCat(flat_.name(node), ":0")] = *context.range();
  return absl::OkStatus();
}

Status Importer::Defer(int node, const OpLowering& row, const LoweringContext& context) {
  MOULIN_ASSIGN_OR_RETURN(DeferredAttrs attrs, DeferredNode(flat_.def(node), row, context, flat_.limits()));
  GraphBuilder builder(&graph_, flat_.limits());
  builder.SetOrigin(flat_.name(node), flat_.def(node).op());
  const std::vector<ValueId> outputs = builder.AddMulti(OpKind::kDeferred, std::move(attrs), context.inputs());
  MOULIN_RETURN_IF_ERROR(builder.status());
  SetOutputs(node, outputs);
  return absl::OkStatus();
}

Status Importer::LowerSource(int node) {
  MOULIN_ASSIGN_OR_RETURN(Tensor tensor, sources_.Read(flat_, node));
  SetOutputs(node, {graph_.AddConstant(std::move(tensor))});
  return absl::OkStatus();
}

Status Importer::LowerTableFile(int node, absl::Span<const FlatRef> inputs) {
  Values values;
  MOULIN_ASSIGN_OR_RETURN(const bool is_ready, InputValues(inputs, &values));
  if (!is_ready) return absl::OkStatus();
  const Tensor* file = values.size() == 1 ? &graph_.value(values[0]).constant : nullptr;
  if (file == nullptr || file->dtype() != DType::kString || file->num_elements() != 1) {
    return MakeError(ErrorCode::kUnsupported, "the name of the file that fills this table is no constant");
  }
  MOULIN_ASSIGN_OR_RETURN(const TableContent content, sources_.ReadTable(flat_.def(flat_.TableFilledBy(node)),
                                                                         flat_.def(node), file->strings()[0]));
  SetOutputs(node, {graph_.AddConstant(content.keys), graph_.AddConstant(content.values)});
  return absl::OkStatus();
}

Status Importer::CheckTypes(int node, absl::Span<const ValueId> inputs) const {
  const std::string& op = flat_.def(node).op();
  const OpSignature* signature = FindSignature(op);
  if (signature == nullptr) return absl::OkStatus();
  // A table's keys and values stand in its place, whose types the shape function checks.
  if (IsLookupTable(op) || ReadsLookupTable(op)) return absl::OkStatus();
  std::vector<DType> types;
  for (const ValueId input : inputs) types.push_back(graph_.value(input).type.dtype);
  return CheckSignature(*signature, flat_.def(node), types, flat_.limits());
}

bool Importer::IsBlocked(FlatRef ref) const {
  if (given_.contains(ref)) return false;
  const auto it = lowered_.find(ref.node);
  return it == lowered_.end() || it->second.is_blocked;
}

StatusOr<bool> Importer::InputValues(absl::Span<const FlatRef> inputs, Values* values) const {
  for (const FlatRef input : inputs) {
    if (IsBlocked(input)) return false;
  }
  for (const FlatRef input : inputs) {
    MOULIN_ASSIGN_OR_RETURN(const ValueId value, ValueOf(input));
    if (value == kNoId) {
      return MakeError(ErrorCode::kUnsupported, "it reads \"", Printable(flat_.tensor_name(input)),
                       "\", an output of op ", flat_.def(input.node).op(), " that is not supported");
    }
    values->push_back(value);
  }
  return true;
}

StatusOr<ValueId> Importer::ValueOf(FlatRef ref) const {
  if (const auto given = given_.find(ref); given != given_.end()) return given->second;
  const Lowered& lowered = lowered_.at(ref.node);
  if (ref.port < lowered.count) return values_[lowered.first + ref.port];
  return MakeError(ErrorCode::kPort, "output ", ref.port, " of node \"", Printable(flat_.name(ref.node)),
                   "\" is read, of ", lowered.count);
}

void Importer::SetOutputs(int node, absl::Span<const ValueId> outputs) {
  lowered_[node] = {static_cast<int64_t>(values_.size()), static_cast<int>(outputs.size()), false};
  values_.insert(values_.end(), outputs.begin(), outputs.end());
  const std::string name = flat_.name(node);
  for (size_t port = 0; port < outputs.size(); ++port) {
    // Not Graph::AddName, which looks for the name among those there are: a value may pass a million Identities.
    if (outputs[port] != kNoId) graph_.value(outputs[port]).names.push_back(absl::StrCat(name, ":", port));
  }
}

void Importer::Report(int node, absl::string_view reason) {
  unsupported_.push_back({flat_.name(node), flat_.def(node).op(), std::string(reason)});
}

Status Importer::Finish(absl::Span<const NamedFlatRef> outputs, absl::Span<const FlatRef> resolved) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (IsBlocked(resolved[i])) continue;
    const StatusOr<ValueId> value = ValueOf(resolved[i]);
    if (!value.ok()) return value.status();
    const bool is_list = *value != kNoId && graph_.value(*value).type.dtype == DType::kVariant;
    if ((*value == kNoId || is_list) && outputs[i].is_default) continue;
    if (is_list) {
      return flat_.At(
          MakeError(ErrorCode::kDType, "\"", Printable(outputs[i].name), "\" is asked for, which is a list of tensors"),
          resolved[i].node);
    }
    if (*value == kNoId) {
      Report(resolved[i].node, absl::StrCat("output ", resolved[i].port, " is not supported"));
    } else {
      graph_.AddOutput(outputs[i].name, *value);
    }
  }
  if (!unsupported_.empty()) return UnsupportedError();
  if (graph_.outputs().empty()) return MakeError(ErrorCode::kOutput, "the graph gives none of its outputs");
  for (const auto& [output, source] : flat_.CallOutputs()) {
    if (IsBlocked(source)) continue;  // only followed, not needed here
    const StatusOr<ValueId> value = ValueOf(source);
    if (value.ok() && *value != kNoId) graph_.value(*value).names.push_back(flat_.tensor_name(output));
  }
  return absl::OkStatus();
}

Status Importer::UnsupportedError() const {
  std::string message =
      absl::StrCat(unsupported_.size(), unsupported_.size() == 1 ? " node is" : " nodes are", " not supported");
  for (size_t i = 0; i < unsupported_.size() && i < kMostReported; ++i) {
    const UnsupportedNode& node = unsupported_[i];
    absl::StrAppend(&message, "; node \"", Printable(node.name), "\" (op ", Printable(node.op), "): ", node.reason);
  }
  if (unsupported_.size() > kMostReported) {
    absl::StrAppend(&message, "; and ", unsupported_.size() - kMostReported, " more");
  }
  std::vector<std::string> working;
  for (const GraphOutput& output : graph_.outputs()) working.push_back(absl::StrCat("\"", output.name, "\""));
  absl::StrAppend(&message,
                  "; outputs that work without them: ", working.empty() ? "none" : absl::StrJoin(working, ", "));
  return MakeError(ErrorCode::kUnsupported, message);
}

}  // namespace moulin
