// Inputs given as expressions on the command line: "x=ones((2,3))".
#ifndef MOULIN_CLI_INPUT_EXPRESSION_H_
#define MOULIN_CLI_INPUT_EXPRESSION_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "moulin/model.h"
#include "moulin/request.h"
#include "moulin/status.h"

namespace moulin::cli {

// The tensor that an expression stands for. `type` is the one it has unless the expression names another.
//
//   expression  ones(SHAPE), zeros(SHAPE), full(SHAPE, SCALAR), random(SHAPE, seed=1), arange(STOP),
//               arange(START, STOP, STEP), array(LITERAL), or LITERAL;
//               each call takes a last argument `TYPE` or `dtype=TYPE`: float32, int64, string, ...
//   SHAPE       3, (2, 3), [2, 3], ()
//   LITERAL     SCALAR or a list of literals of one shape: [[1, 2], [3, 4]]
//   SCALAR      a number, True, False, inf, nan, or a string in quotes: 'ab', "it's", with \n \t \r \\ \' \" \xHH
//
// random() draws floats from [0, 1), and of other types what RandomInputs does.
//
// Errors: E_OPTION for a malformed expression, with the position; E_VALUE for a number that the type cannot hold;
// E_DTYPE; E_SHAPE for a ragged list or a negative size; E_LIMIT for more than 1 MiB of text, 32 nested lists, or 4 GiB
// of elements.
StatusOr<Tensor> EvaluateInput(absl::string_view expression, DType type);

// `inputs`, with each of "NAME=EXPRESSION" in the place of the input of that name. E_OPTION where the model has no such
// input, E_DUP where one is given twice.
Status AddInputExpressions(const std::vector<std::string>& expressions, const std::vector<TensorInfo>& infos,
                           NamedTensors* inputs);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_INPUT_EXPRESSION_H_
