// GraphDef files: TensorFlow's frozen graphs, binary (.pb) or text (.pbtxt).
#ifndef MOULIN_FORMATS_GRAPHDEF_H_
#define MOULIN_FORMATS_GRAPHDEF_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "formats/proto_io.h"
#include "moulin/status.h"
#include "proto/graph.pb.h"

namespace moulin {

// Reads a file whose form is told by its content, not by its name. What is checked is the format; whether the graph
// makes sense (names, inputs, types) is the importer's business. Memory: the messages, and while it is parsed the
// largest node; of text, the file.
//
// Errors name the file:
//   E_FILE        cannot be opened or read
//   E_EMPTY       nothing in it, or no node
//   E_PARSE       not a GraphDef; tells the byte offset and field, or line:column in text
//   E_WRONG_TYPE  a SavedModel, a MetaGraphDef or another well-known kind of file, with a hint
//   E_LIMIT       beyond graph_bytes (told before reading), nodes, functions, inputs_per_node or attribute_depth (told
//                 before a message is made; in text, counts are told after)
StatusOr<tf::GraphDef> ReadGraphDef(const std::string& path, const Limits& limits = {});

// The same for content in memory.
StatusOr<tf::GraphDef> ParseGraphDef(absl::string_view bytes, const Limits& limits = {});

// Writes `graph` to `path`, replacing what was there only once all is written. Equal graphs give equal files. E_FILE
// where it cannot be written, E_LIMIT where the binary form would reach 2 GiB, which protocol buffers cannot hold.
Status WriteGraphDef(const tf::GraphDef& graph, const std::string& path, ProtoForm form = ProtoForm::kBinary);

}  // namespace moulin

#endif  // MOULIN_FORMATS_GRAPHDEF_H_
