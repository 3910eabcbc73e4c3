#include "cli/input_expression.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <optional>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/half.h"
#include "base/status_macros.h"
#include "cli/random_inputs.h"

namespace moulin::cli {
namespace {

constexpr size_t kMaxText = size_t{1} << 20;
constexpr int kMaxDepth = 32;
constexpr int64_t kMaxBytes = int64_t{4} << 30;

struct Scalar {
  enum Kind { kInt, kReal, kBool, kString } kind = kInt;
  int64_t integer = 0;  // of kInt and kBool
  double real = 0;      // the value of every kind but kString
  std::string string;
};

Scalar Integer(int64_t i) { return {Scalar::kInt, i, static_cast<double>(i), ""}; }
Scalar Real(double d) { return {Scalar::kReal, 0, d, ""}; }

// A nested list, flat.
struct Literal {
  std::vector<Scalar> values;
  std::vector<int64_t> dims;
};

struct Argument {
  std::string keyword;  // "" where by position
  std::string type;     // of a bare word
  Literal literal;
  bool is_type() const { return !type.empty(); }
};

class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  // A word before a bracket, else nothing.
  StatusOr<std::string> FunctionName() {
    SkipSpace();
    size_t end = at_;
    while (end < text_.size() && (absl::ascii_isalnum(text_[end]) || text_[end] == '_')) ++end;
    size_t bracket = end;
    while (bracket < text_.size() && absl::ascii_isspace(text_[bracket])) ++bracket;
    if (end == at_ || bracket == text_.size() || text_[bracket] != '(') return std::string();
    std::string name(text_.substr(at_, end - at_));
    at_ = bracket + 1;
    return name;
  }

  // Up to the closing bracket of a call.
  StatusOr<std::vector<Argument>> Arguments() {
    std::vector<Argument> arguments;
    while (!Take(')')) {
      if (!arguments.empty() && !Take(',')) return Error("expected ',' or ')'");
      if (!arguments.empty() && Take(')')) break;
      MOULIN_ASSIGN_OR_RETURN(Argument argument, OneArgument());
      arguments.push_back(std::move(argument));
    }
    return arguments;
  }

  StatusOr<Literal> ParseLiteral(int depth = 0) {
    SkipSpace();
    for (const auto& [open, close] : {std::pair('[', ']'), std::pair('(', ')')}) {
      if (Take(open)) return List(close, depth);
    }
    Literal literal;
    MOULIN_ASSIGN_OR_RETURN(Scalar value, ParseScalar());
    literal.values.push_back(std::move(value));
    return literal;
  }

  Status End() {
    SkipSpace();
    return at_ == text_.size() ? absl::OkStatus() : Error("expected the end");
  }

  template <typename... Parts>
  Status Error(const Parts&... parts) const {
    return MakeError(ErrorCode::kOption, parts..., " at position ", at_ + 1, " of \"", Printable(text_), "\"");
  }

 private:
  void SkipSpace() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
  }

  bool Take(char c) {
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string Word() {
    const size_t start = at_;
    while (at_ < text_.size() && (absl::ascii_isalnum(text_[at_]) || text_[at_] == '_')) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  StatusOr<Argument> OneArgument() {
    SkipSpace();
    Argument argument;
    const size_t start = at_;
    if (at_ < text_.size() && absl::ascii_isalpha(text_[at_])) {
      const std::string word = Word();
      if (Take('=')) {
        argument.keyword = word;
        SkipSpace();
      } else if (DTypeFromName(word) != DType::kInvalid) {
        argument.type = word;
        return argument;
      } else {
        at_ = start;
      }
    }
    const size_t value_at = at_;
    if (argument.keyword == "dtype") {
      argument.type = Word();
      if (DTypeFromName(argument.type) != DType::kInvalid) return argument;
      at_ = value_at;
      return Error("expected a type (float32, int64, ...)");
    }
    MOULIN_ASSIGN_OR_RETURN(argument.literal, ParseLiteral());
    return argument;
  }

  // After the opening bracket. The elements must all have one shape.
  StatusOr<Literal> List(char close, int depth) {
    if (depth == kMaxDepth) return MakeError(ErrorCode::kLimit, "lists are nested more than ", kMaxDepth, " deep");
    Literal list;
    std::vector<int64_t> inner;
    int64_t count = 0;
    while (!Take(close)) {
      if (count > 0 && !Take(',')) return Error("expected ',' or '", std::string(1, close), "'");
      if (count > 0 && Take(close)) break;
      MOULIN_ASSIGN_OR_RETURN(Literal element, ParseLiteral(depth + 1));
      if (count == 0) inner = element.dims;
      if (inner != element.dims) {
        return MakeError(ErrorCode::kShape, "a ragged list: the element before position ", at_ + 1, " has the shape [",
                         absl::StrJoin(element.dims, ","), "], those before it [", absl::StrJoin(inner, ","), "]");
      }
      std::move(element.values.begin(), element.values.end(), std::back_inserter(list.values));
      ++count;
    }
    list.dims.push_back(count);
    list.dims.insert(list.dims.end(), inner.begin(), inner.end());
    return list;
  }

  StatusOr<Scalar> ParseScalar() {
    if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) return String(text_[at_++]);
    const size_t start = at_;
    while (at_ < text_.size() && (absl::ascii_isalnum(text_[at_]) || absl::StrContains("+-._", text_[at_]))) ++at_;
    const absl::string_view word = text_.substr(start, at_ - start);
    if (word == "True" || word == "False") {
      const int64_t value = word == "True";
      return Scalar{Scalar::kBool, value, static_cast<double>(value), ""};
    }
    int64_t integer;
    if (absl::SimpleAtoi(word, &integer)) return Integer(integer);
    double real;
    if (absl::SimpleAtod(word, &real)) return Real(real);
    at_ = start;
    return Error("expected a number, True, False, a string in quotes, or a list");
  }

  StatusOr<Scalar> String(char quote) {
    Scalar scalar{Scalar::kString, 0, 0, ""};
    while (at_ < text_.size() && text_[at_] != quote) {
      char c = text_[at_++];
      if (c == '\\') {
        MOULIN_ASSIGN_OR_RETURN(c, Escaped());
      }
      scalar.string += c;
    }
    if (at_ == text_.size()) return Error("the string does not end");
    ++at_;
    return scalar;
  }

  StatusOr<char> Escaped() {
    constexpr absl::string_view kLetters = "ntr\\'\"";
    constexpr absl::string_view kMeanings = "\n\t\r\\'\"";
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    if (const size_t i = kLetters.find(c); c != '\0' && i != kLetters.npos) {
      ++at_;
      return kMeanings[i];
    }
    uint32_t byte;
    if (c == 'x' && at_ + 3 <= text_.size() && absl::SimpleHexAtoi(text_.substr(at_ + 1, 2), &byte)) {
      at_ += 3;
      return static_cast<char>(byte);
    }
    return Error("unknown escape");
  }

  absl::string_view text_;
  size_t at_ = 0;
};

Status CannotHold(DType type, const Scalar& value) {
  const std::string shown = value.kind == Scalar::kString ? absl::StrCat("\"", Printable(value.string), "\"")
                            : value.kind == Scalar::kReal ? absl::StrCat(value.real)
                                                          : absl::StrCat(value.integer);
  return MakeError(ErrorCode::kValue, "the type ", Name(type), " cannot hold ", shown);
}

template <typename T>
bool Convert(const Scalar& value, T* to) {
  if (value.kind == Scalar::kString) return false;
  if constexpr (std::is_integral_v<T>) {
    if (value.kind == Scalar::kReal) {
      const double lowest = static_cast<double>(std::numeric_limits<T>::lowest());
      const double beyond = std::ldexp(1.0, std::numeric_limits<T>::digits);
      if (!(value.real >= lowest && value.real < beyond) || value.real != std::floor(value.real)) return false;
      *to = static_cast<T>(value.real);
    } else {
      if (!std::in_range<T>(value.integer)) return false;
      *to = static_cast<T>(value.integer);
    }
  } else if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::complex<double>>) {
    *to = value.real;
  } else {
    *to = static_cast<T>(static_cast<float>(value.real));
  }
  return true;
}

// Fills `tensor` with value(0), value(1), ...
template <typename T, typename Value>
Status FillAs(const Value& value, Tensor* tensor) {
  int64_t i = 0;
  for (T& element : tensor->mutable_values<T>()) {
    const Scalar& scalar = value(i++);
    if (!Convert(scalar, &element)) return CannotHold(tensor->dtype(), scalar);
  }
  return absl::OkStatus();
}

template <typename Value>
Status FillStrings(const Value& value, Tensor* tensor) {
  int64_t i = 0;
  for (std::string& element : tensor->mutable_strings()) {
    const Scalar& scalar = value(i++);
    if (scalar.kind != Scalar::kString) return CannotHold(tensor->dtype(), scalar);
    element = scalar.string;
  }
  return absl::OkStatus();
}

template <typename Value>
Status FillBools(const Value& value, Tensor* tensor) {
  int64_t i = 0;
  for (uint8_t& element : tensor->mutable_values<uint8_t>()) {
    const Scalar& scalar = value(i++);
    if (scalar.kind == Scalar::kString || (scalar.real != 0 && scalar.real != 1)) {
      return CannotHold(tensor->dtype(), scalar);
    }
    element = scalar.real == 1;
  }
  return absl::OkStatus();
}

template <typename Value>
Status Fill(const Value& value, Tensor* t) {
  switch (t->dtype()) {
    case DType::kFloat32:
      return FillAs<float>(value, t);
    case DType::kFloat64:
      return FillAs<double>(value, t);
    case DType::kFloat16:
      return FillAs<Half>(value, t);
    case DType::kBFloat16:
      return FillAs<BFloat16>(value, t);
    case DType::kComplex64:
      return FillAs<std::complex<float>>(value, t);
    case DType::kComplex128:
      return FillAs<std::complex<double>>(value, t);
    case DType::kInt8:
    case DType::kQInt8:
      return FillAs<int8_t>(value, t);
    case DType::kInt16:
    case DType::kQInt16:
      return FillAs<int16_t>(value, t);
    case DType::kInt32:
    case DType::kQInt32:
      return FillAs<int32_t>(value, t);
    case DType::kInt64:
      return FillAs<int64_t>(value, t);
    case DType::kUInt8:
    case DType::kQUInt8:
      return FillAs<uint8_t>(value, t);
    case DType::kUInt16:
    case DType::kQUInt16:
      return FillAs<uint16_t>(value, t);
    case DType::kUInt32:
      return FillAs<uint32_t>(value, t);
    case DType::kUInt64:
      return FillAs<uint64_t>(value, t);
    case DType::kBool:
      return FillBools(value, t);
    case DType::kString:
      return FillStrings(value, t);
    default:
      return MakeError(ErrorCode::kDType, "cannot make values of the type ", Name(t->dtype()));
  }
}

StatusOr<Shape> BoundedShape(const std::vector<int64_t>& dims, DType type) {
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(dims));
  const auto bytes = static_cast<int64_t>(type == DType::kString ? sizeof(std::string) : SizeOf(type));
  if (bytes > 0 && shape.num_elements() > kMaxBytes / bytes) {
    return MakeError(ErrorCode::kLimit, shape.ToString(), " of ", Name(type), " is more than ", kMaxBytes, " bytes");
  }
  return shape;
}

template <typename Value>
StatusOr<Tensor> Make(const std::vector<int64_t>& dims, DType type, const Value& value) {
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, BoundedShape(dims, type));
  MOULIN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(type, shape));
  MOULIN_RETURN_IF_ERROR(Fill(value, &tensor));
  return tensor;
}

StatusOr<Tensor> MakeLiteral(const Literal& literal, DType type) {
  return Make(literal.dims, type, [&](int64_t i) -> const Scalar& { return literal.values[i]; });
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
  return Make(dims, type, [&](int64_t) -> const Scalar& { return value; });
}

StatusOr<Tensor> Full(Call& call, DType type) {
  MOULIN_ASSIGN_OR_RETURN(const std::vector<int64_t> dims, call.GetShape());
  MOULIN_ASSIGN_OR_RETURN(const Scalar* value, call.GetScalar("value"));
  type = call.Type(type);
  MOULIN_RETURN_IF_ERROR(call.CheckAllUsed());
  return Make(dims, type, [&](int64_t) -> const Scalar& { return *value; });
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
  if (count > static_cast<double>(kMaxBytes)) return MakeError(ErrorCode::kLimit, "arange: ", count, " elements");
  const bool whole = std::all_of(parts.begin(), parts.end(), [](const Scalar& s) { return s.kind != Scalar::kReal; });
  return Make({std::max<int64_t>(0, static_cast<int64_t>(count))}, type, [&](int64_t i) {
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
  if (expression.size() > kMaxText) {
    return MakeError(ErrorCode::kLimit, "an expression of ", expression.size(), " bytes; at most ", kMaxText);
  }
  Parser parser(expression);
  MOULIN_ASSIGN_OR_RETURN(std::string name, parser.FunctionName());
  if (name.empty()) {
    MOULIN_ASSIGN_OR_RETURN(const Literal literal, parser.ParseLiteral());
    MOULIN_RETURN_IF_ERROR(parser.End());
    return MakeLiteral(literal, type);
  }
  MOULIN_ASSIGN_OR_RETURN(std::vector<Argument> arguments, parser.Arguments());
  MOULIN_RETURN_IF_ERROR(parser.End());
  Call call(std::move(name), std::move(arguments));
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
