// The TensorFlow ops that Moulin takes.
#ifndef MOULIN_CLI_OP_LIST_H_
#define MOULIN_CLI_OP_LIST_H_

namespace moulin::cli {

// Prints a line an op (its name, how many inputs it takes, where it runs) and their number, or one JSON array.
// docs/ops.md, which docs/make_ops.py writes, adds types, lowerings and cases.
void PrintOpList(bool json);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_OP_LIST_H_
