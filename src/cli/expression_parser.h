// The grammar of input expressions (input_expression.h): text to a literal or a call with literal arguments.
#ifndef MOULIN_CLI_EXPRESSION_PARSER_H_
#define MOULIN_CLI_EXPRESSION_PARSER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "moulin/status.h"

namespace moulin::cli {

struct Scalar {
  enum Kind { kInt, kReal, kBool, kString } kind = kInt;
  int64_t integer = 0;  // of kInt and kBool
  double real = 0;      // the value of every kind but kString
  std::string string;
};

inline Scalar Integer(int64_t i) { return {Scalar::kInt, i, static_cast<double>(i), ""}; }
inline Scalar Real(double d) { return {Scalar::kReal, 0, d, ""}; }

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

// FUNCTION(ARGUMENTS), or a literal alone.
struct Expression {
  std::string function;  // "" for a literal
  std::vector<Argument> arguments;
  Literal literal;
};

// E_OPTION with the position where the text is malformed, E_SHAPE for a ragged list, E_LIMIT for more than 1 MiB of
// text or 32 nested lists.
StatusOr<Expression> ParseExpression(absl::string_view text);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_EXPRESSION_PARSER_H_
