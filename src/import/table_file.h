// Lookup tables that are filled from text files: a line an entry.
#ifndef MOULIN_IMPORT_TABLE_FILE_H_
#define MOULIN_IMPORT_TABLE_FILE_H_

#include <utility>

#include "absl/strings/string_view.h"
#include "moulin/dtype.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "proto/graph.pb.h"

namespace moulin {

struct TableContent {
  Tensor keys;  // [n]
  Tensor values;
};

// What InitializeTableFromTextFile(V2) takes from `text`, by its attributes: key_index and value_index (a column, -1
// for the whole line, -2 for the line's number), delimiter, vocab_size (-1: all lines; further lines are left out) and
// offset (added to the line's number). As in TensorFlow, lines may end in "\r\n".
//
// E_DATA for an empty line, a line with too few columns, or fewer lines than vocab_size says; E_VALUE for a column that
// is no number of the type; E_DTYPE for a type that tables do not have, or that a line or its number is not of; E_ATTR.
StatusOr<TableContent> ReadTableFile(absl::string_view text, const tf::NodeDef& node, DType key_type, DType value_type);

}  // namespace moulin

#endif  // MOULIN_IMPORT_TABLE_FILE_H_
