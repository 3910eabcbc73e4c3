// Tested by tests/engine/binding_test.cc.
#include "engine/binding.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::internal {
namespace {

std::string Describe(const TensorInfo& info) {
  return absl::StrCat("\"", Printable(info.name), "\" ", ShortName(info.dtype), info.shape.ToString());
}

// The TensorFlow tensor among a value's names; `fallback` where it has none.
std::string TensorNameOf(const Value& value, const std::string& fallback) {
  for (const std::string& name : value.names) {
    if (absl::StrContains(name, ':')) return name;
  }
  return fallback;
}

TensorInfo Info(const Graph& graph, std::string name, ValueId value) {
  const Value& v = graph.value(value);
  return {name, TensorNameOf(v, name), v.type.dtype, v.type.shape};
}

}  // namespace

ModelInterface::ModelInterface(std::string name, const Graph& graph, int64_t max_batch)
    : name_(std::move(name)), max_batch_(max_batch) {
  for (ValueId v : graph.inputs()) inputs_.push_back(Info(graph, std::string(graph.value(v).name()), v));
  for (const GraphOutput& output : graph.outputs()) outputs_.push_back(Info(graph, output.name, output.value));
  for (std::vector<TensorInfo>* infos : {&inputs_, &outputs_}) {
    for (TensorInfo& info : *infos) info.name = std::string(absl::StripSuffix(info.name, ":0"));
  }
  AddToIndex(inputs_, &input_index_);
  AddToIndex(outputs_, &output_index_);
}

void ModelInterface::AddToIndex(const std::vector<TensorInfo>& infos, Index* index) {
  for (size_t i = 0; i < infos.size(); ++i) index->emplace(infos[i].name, static_cast<int>(i));
  // Names come first: a tensor of the same name as another's key does not hide it.
  for (size_t i = 0; i < infos.size(); ++i) {
    index->emplace(std::string(absl::StripSuffix(infos[i].tensor, ":0")), static_cast<int>(i));
  }
}

StatusOr<int> ModelInterface::Find(const Index& index, const std::vector<TensorInfo>& infos, const char* what,
                                   absl::string_view name) const {
  const auto it = index.find(absl::StripSuffix(name, ":0"));
  if (it != index.end()) return it->second;
  const auto append = [](std::string* out, const TensorInfo& info) { absl::StrAppend(out, Describe(info)); };
  return MakeError(ErrorCode::kName, "model \"", Printable(name_), "\" has no ", what, " \"", Printable(name),
                   "\"; it has: ", absl::StrJoin(infos, ", ", append));
}

Status ModelInterface::CheckInput(const TensorInfo& info, const Tensor& tensor) const {
  const auto error = [&](ErrorCode code, absl::string_view found) {
    return MakeError(code, "model \"", Printable(name_), "\": input \"", Printable(info.name), "\": expected ",
                     ShortName(info.dtype), info.shape.ToString(), ", found ", found);
  };
  if (!tensor.is_valid()) return error(ErrorCode::kTensor, "an empty tensor handle");
  const auto found = [&] { return absl::StrCat(ShortName(tensor.dtype()), tensor.shape().ToString()); };
  if (tensor.dtype() != info.dtype) return error(ErrorCode::kDType, found());
  if (!info.shape.Accepts(tensor.shape())) return error(ErrorCode::kShape, found());
  return CheckBatch(info, tensor.shape());
}

Status ModelInterface::CheckBatch(const TensorInfo& info, const Shape& shape) const {
  const bool has_rows = shape.rank() > 0 && (!info.shape.has_rank() || info.shape.dim(0) < 0);
  if (max_batch_ == 0 || !has_rows || shape.dim(0) <= max_batch_) return absl::OkStatus();
  return MakeError(ErrorCode::kLimit, "model \"", Printable(name_), "\": input \"", Printable(info.name), "\" has ",
                   shape.dim(0), " rows, at most ", max_batch_, " may be in a request");
}

Status ModelInterface::CheckJoinable() const {
  for (const auto* infos : {&inputs_, &outputs_}) {
    for (const TensorInfo& info : *infos) {
      if (!info.shape.has_rank() || (info.shape.rank() > 0 && info.shape.dim(0) < 0)) continue;
      return MakeError(ErrorCode::kOption, "model \"", Printable(name_), "\": its requests cannot be joined: ",
                       infos == &inputs_ ? "input " : "output ", Describe(info), " does not leave its first size open");
    }
  }
  if (!inputs_.empty()) return absl::OkStatus();
  return MakeError(ErrorCode::kOption, "model \"", Printable(name_), "\": its requests cannot be joined: no inputs");
}

StatusOr<std::vector<Tensor>> ModelInterface::BindInputs(NamedTensors inputs) const {
  std::vector<Tensor> bound(inputs_.size());
  std::vector<bool> given(inputs_.size(), false);
  for (auto& [name, tensor] : inputs) {
    MOULIN_ASSIGN_OR_RETURN(const int i, Find(input_index_, inputs_, "input", name));
    if (given[i]) {
      return MakeError(ErrorCode::kDuplicate, "model \"", Printable(name_), "\": input \"", Printable(inputs_[i].name),
                       "\" is given twice");
    }
    MOULIN_RETURN_IF_ERROR(CheckInput(inputs_[i], tensor));
    given[i] = true;
    bound[i] = std::move(tensor);
  }
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i]) continue;
    return MakeError(ErrorCode::kMissingInput, "model \"", Printable(name_), "\": input ", Describe(inputs_[i]),
                     " is missing from the request");
  }
  return bound;
}

StatusOr<std::vector<int>> ModelInterface::BindOutputs(const std::vector<std::string>& names) const {
  std::vector<int> wanted;
  if (names.empty()) {
    for (size_t i = 0; i < outputs_.size(); ++i) wanted.push_back(static_cast<int>(i));
  }
  for (const std::string& name : names) {
    MOULIN_ASSIGN_OR_RETURN(const int i, Find(output_index_, outputs_, "output", name));
    if (std::find(wanted.begin(), wanted.end(), i) != wanted.end()) {
      return MakeError(ErrorCode::kDuplicate, "model \"", Printable(name_), "\": output \"", Printable(name),
                       "\" is asked for twice");
    }
    wanted.push_back(i);
  }
  return wanted;
}

StatusOr<BoundRequest> ModelInterface::Bind(Request request) const {
  BoundRequest bound;
  MOULIN_ASSIGN_OR_RETURN(bound.inputs, BindInputs(std::move(request.inputs)));
  MOULIN_ASSIGN_OR_RETURN(bound.outputs, BindOutputs(request.outputs));
  bound.priority = request.priority;
  bound.deadline = request.deadline;
  bound.callback = std::move(request.callback);
  return bound;
}

StatusOr<std::vector<Shape>> ModelInterface::BindShapes(absl::Span<const InputShape> shapes) const {
  std::vector<PartialShape> bound;
  for (const TensorInfo& info : inputs_) bound.push_back(info.shape);
  for (const InputShape& given : shapes) {
    MOULIN_ASSIGN_OR_RETURN(const int i, Find(input_index_, inputs_, "input", given.name));
    if (!inputs_[i].shape.Accepts(given.shape)) {
      return MakeError(ErrorCode::kShape, "model \"", Printable(name_), "\": input \"", Printable(given.name),
                       "\": expected ", inputs_[i].shape.ToString(), ", found ", given.shape.ToString());
    }
    MOULIN_RETURN_IF_ERROR(CheckBatch(inputs_[i], given.shape));
    bound[i] = PartialShape(given.shape);
  }
  std::vector<Shape> result;
  for (size_t i = 0; i < bound.size(); ++i) {
    if (!bound[i].IsFullyKnown()) {
      return MakeError(ErrorCode::kMissingInput, "model \"", Printable(name_), "\": the shape of input ",
                       Describe(inputs_[i]), " is not known and must be given");
    }
    result.push_back(bound[i].ToShape());
  }
  return result;
}

NamedTensors ModelInterface::NameOutputs(const std::vector<int>& wanted, std::vector<Tensor> outputs) const {
  NamedTensors named;
  named.reserve(wanted.size());
  for (int i : wanted) named.emplace_back(outputs_[i].name, std::move(outputs[i]));
  return named;
}

}  // namespace moulin::internal
