#include "cli/input_expression.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/expression_parser.h"
#include "cli/random_inputs.h"
#include "cli/scalar_tensor.h"

namespace moulin::cli {
namespace {

StatusOr<Tensor> MakeLiteral(const Literal& literal, DType type) {
  return MakeTensor(literal.dims, type, [&](int64_t i) { return literal.values[i]; });
}

// The arguments of a call, taken one after another.
class Call {
 public:
  Call(std::string name, std::vector<Argument> arguments) : name_(std::move(name)), arguments_(std::move(arguments)) {}

  // The value of the argument of this name, or the next one by position. Null where there is none.
  const Literal* Find(absl::string_view keyword) {
    for (const Argument& a : arguments_) {
      if (a.keyword == keyword && !a.is_type()) return Used(a);
    }
    if (next_ < arguments_.size() && arguments_[next_].keyword.empty() && !arguments_[next_].is_type()) {
      return Used(arguments_[next_++]);
    }
    return nullptr;
  }

  StatusOr<const Literal*> Get(absl::string_view keyword) {
    const Literal* literal = Find(keyword);
    if (literal != nullptr) return literal;
    return MakeError(ErrorCode::kOption, name_, ": expected an argument \"", keyword, "\"");
  }

  StatusOr<const Scalar*> GetScalar(absl::string_view keyword) {
    MOULIN_ASSIGN_OR_RETURN(const Literal* literal, Get(keyword));
    if (literal->dims.empty()) return &literal->values[0];
    return MakeError(ErrorCode::kOption, name_, ": \"", keyword, "\" should be one number, not a list");
  }

  StatusOr<std::vector<int64_t>> GetShape() {
    MOULIN_ASSIGN_OR_RETURN(const Literal* literal, Get("shape"));
    std::vector<int64_t> dims;
    for (const Scalar& s : literal->values) {
      if (s.kind != Scalar::kInt || literal->dims.size() > 1) {
        return MakeError(ErrorCode::kOption, name_, ": the shape should be a list of whole numbers");
      }
      if (s.integer < 0) return MakeError(ErrorCode::kShape, name_, ": a negative size, ", s.integer);
      dims.push_back(s.integer);
    }
    return dims;
  }

  DType Type(DType otherwise) {
    for (const Argument& a : arguments_) {
      if (!a.is_type()) continue;
      ++used_;
      return DTypeFromName(a.type);
    }
    return otherwise;
  }

  Status CheckAllUsed() const {
    if (used_ == arguments_.size()) return absl::OkStatus();
    return MakeError(ErrorCode::kOption, name_, ": an argument too many, or one of an unknown name");
  }

  const std::string& name() const { return name_; }

 private:
  const Literal* Used(const Argument& argument) {
    ++used_;
    return &argument.literal;
  }

  std::string name_;
  std::vector<Argument> arguments_;
  size_t next_ = 0;
  size_t used_ = 0;
};

StatusOr<Tensor> Constant(Call& call, DType type, const Scalar& value) {
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int64_t> dims, call.GetShape());
  type = call.Type(type);
  MOULIN_RETURN_IF_ERROR(call.CheckAllUsed());
  return MakeTensor(dims, type, [&](int64_t) { return value; });
}

StatusOr<Tensor> Full(Call& call, DType type) {
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int64_t> dims, call.GetShape());
  MOULIN_ASSIGN_OR_RETURN(const Scalar* value, call.GetScalar("value"));
  type = call.Type(type);
  MOULIN_RETURN_IF_ERROR(call.CheckAllUsed());
  return MakeTensor(dims, type, [&](int64_t) { return *value; });
}

// arange(stop), arange(start, stop) or arange(start, stop, step).
StatusOr<Tensor> Range(Call& call, DType type) {
  std::vector<Scalar> parts;
  for (const char* keyword : {"start", "stop", "step"}) {
    const Literal* literal = call.Find(keyword);
    if (literal == nullptr) break;
    if (!literal->dims.empty() || literal->values[0].kind == Scalar::kString) {
      return MakeError(ErrorCode::kOption, "arange: expected numbers");
    }
    parts.push_back(literal->values[0]);
  }
  if (parts.empty()) return MakeError(ErrorCode::kOption, "arange: expected an argument \"stop\"");
  if (parts.size() == 1) parts.insert(parts.begin(), Integer(0));
  if (parts.size() == 2) parts.push_back(Integer(1));
  type = call.Type(type);
  MOULIN_RETURN_IF_ERROR(call.CheckAllUsed());
  const auto& [start, stop, step] = std::tie(parts[0], parts[1], parts[2]);
  const double count = std::ceil((stop.real - start.real) / step.real);
  if (step.real == 0 || !std::isfinite(count)) {
    return MakeError(ErrorCode::kValue, "arange: from ", start.real, " to ", stop.real, " in steps of ", step.real);
  }
  if (count > static_cast<double>(kMaxTensorBytes)) return MakeError(ErrorCode::kLimit, "arange: ", count, " elements");
  const bool whole = std::all_of(parts.begin(), parts.end(), [](const Scalar& s) { return s.kind != Scalar::kReal; });
  return MakeTensor({std::max<int64_t>(0, static_cast<int64_t>(count))}, type, [&](int64_t i) {
    return whole ? Integer(start.integer + i * step.integer) : Real(start.real + static_cast<double>(i) * step.real);
  });
}

StatusOr<Tensor> Random(Call& call, DType type) {
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int64_t> dims, call.GetShape());
  int64_t seed = 1;
  if (const Literal* literal = call.Find("seed"); literal != nullptr) {
    if (!literal->dims.empty() || literal->values[0].kind != Scalar::kInt) {
      return MakeError(ErrorCode::kOption, "random: \"seed\" should be a whole number");
    }
    seed = literal->values[0].integer;
  }
  type = call.Type(type);
  MOULIN_RETURN_IF_ERROR(call.CheckAllUsed());
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, BoundedShape(dims, type));
  const TensorInfo info = {"random", "", type, PartialShape(shape)};
  MOULIN_ASSIGN_OR_RETURN(NamedTensors drawn, RandomInputs({info}, {.seed = static_cast<uint64_t>(seed)}));
  return std::move(drawn[0].second);
}

StatusOr<Tensor> Array(Call& call, DType type) {
  MOULIN_ASSIGN_OR_RETURN(const Literal* literal, call.Get("value"));
  type = call.Type(type);
  MOULIN_RETURN_IF_ERROR(call.CheckAllUsed());
  return MakeLiteral(*literal, type);
}

StatusOr<Tensor> Evaluate(Call& call, DType type) {
  if (call.name() == "ones") return Constant(call, type, Integer(1));
  if (call.name() == "zeros") return Constant(call, type, Integer(0));
  if (call.name() == "full") return Full(call, type);
  if (call.name() == "arange") return Range(call, type);
  if (call.name() == "random") return Random(call, type);
  if (call.name() == "array") return Array(call, type);
  return MakeError(ErrorCode::kOption, "unknown function \"", Printable(call.name()),
                   "\"; there are ones, zeros, full, arange, random, array");
}

}  // namespace

StatusOr<Tensor> EvaluateInput(absl::string_view expression, DType type) {
  MOULIN_ASSIGN_OR_RETURN(Expression parsed, ParseExpression(expression));
  if (parsed.function.empty()) return MakeLiteral(parsed.literal, type);
  Call call(std::move(parsed.function), std::move(parsed.arguments));
  return Evaluate(call, type);
}

Status AddInputExpressions(const std::vector<std::string>& expressions, const std::vector<TensorInfo>& infos,
                           NamedTensors* inputs) {
  std::vector<absl::string_view> given;
  for (const std::string& text : expressions) {
    const size_t equals = text.find('=');
    const absl::string_view name = absl::string_view(text).substr(0, equals);
    if (equals == std::string::npos || name.empty()) {
      return MakeError(ErrorCode::kOption, "--input: expected NAME=EXPRESSION, found \"", Printable(text), "\"");
    }
    const auto info = std::find_if(infos.begin(), infos.end(), [&](const TensorInfo& i) { return i.name == name; });
    if (info == infos.end()) {
      const auto append = [](std::string* out, const TensorInfo& i) { absl::StrAppend(out, i.name); };
      return MakeError(ErrorCode::kOption, "--input: the model has no input \"", Printable(name),
                       "\"; it has: ", absl::StrJoin(infos, ", ", append));
    }
    if (std::find(given.begin(), given.end(), name) != given.end()) {
      return MakeError(ErrorCode::kDuplicate, "--input: \"", Printable(name), "\" is given twice");
    }
    given.push_back(name);
    StatusOr<Tensor> tensor = EvaluateInput(absl::string_view(text).substr(equals + 1), info->dtype);
    if (!tensor.ok()) {
      return Status(tensor.status().code(), absl::StrCat(tensor.status().message(), "; input \"", info->name, "\""));
    }
    std::erase_if(*inputs, [&](const auto& named) { return named.first == name; });
    inputs->emplace_back(info->name, *std::move(tensor));
  }
  return absl::OkStatus();
}

}  // namespace moulin::cli
