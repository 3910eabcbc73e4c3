// Recursive descent, a method a rule. Tested by tests/cli/input_expression_test.cc.
#include "cli/expression_parser.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "moulin/dtype.h"

namespace moulin::cli {
namespace {

constexpr size_t kMaxText = size_t{1} << 20;
constexpr int kMaxListDepth = 32;

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
    if (depth == kMaxListDepth) {
      return MakeError(ErrorCode::kLimit, "lists are nested more than ", kMaxListDepth, " deep");
    }
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

}  // namespace

StatusOr<Expression> ParseExpression(absl::string_view text) {
  if (text.size() > kMaxText) {
    return MakeError(ErrorCode::kLimit, "an expression of ", text.size(), " bytes; at most ", kMaxText);
  }
  Parser parser(text);
  Expression expression;
  MOULIN_ASSIGN_OR_RETURN(expression.function, parser.FunctionName());
  if (expression.function.empty()) {
    MOULIN_ASSIGN_OR_RETURN(expression.literal, parser.ParseLiteral());
  } else {
    MOULIN_ASSIGN_OR_RETURN(expression.arguments, parser.Arguments());
  }
  MOULIN_RETURN_IF_ERROR(parser.End());
  return expression;
}

}  // namespace moulin::cli
