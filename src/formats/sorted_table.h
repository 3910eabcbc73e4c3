// LevelDB's table format: sorted keys and values in blocks with checksums, as in a checkpoint's index.
#ifndef MOULIN_FORMATS_SORTED_TABLE_H_
#define MOULIN_FORMATS_SORTED_TABLE_H_

#include <functional>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "moulin/status.h"

namespace moulin {

// Whether `file` ends as a table does.
bool LooksLikeSortedTable(absl::string_view file);

// Calls `visit` with each key and value of `file` in turn; the views are valid during the call only. Every block's
// checksum is verified; blocks may be compressed with Snappy. Blocks are read one at a time, and must lie in the file
// in the order of their keys, as every writer puts them.
//
// Errors: E_DATA (a checksum, a file cut short), E_PARSE (anything else that does not follow the format; keys out of
// order), E_DUP (a key given twice), E_LIMIT (more than limits.nodes keys, a key longer than 16 names, keys that spell
// out to more than 16 times the file), and what `visit` returns.
Status ReadSortedTable(absl::string_view file, const Limits& limits,
                       const std::function<Status(absl::string_view key, absl::string_view value)>& visit);

}  // namespace moulin

#endif  // MOULIN_FORMATS_SORTED_TABLE_H_
