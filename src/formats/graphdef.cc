#include "formats/graphdef.h"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/types/optional.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "base/wire.h"
#include "formats/field_pieces.h"
#include "formats/file.h"
#include "formats/wire.h"

namespace moulin {
namespace {

struct OtherKind {
  const char* is;
  const char* hint;
};

constexpr OtherKind kSavedModel = {"a SavedModel", "give the directory that holds saved_model.pb"};
constexpr OtherKind kMetaGraph = {"a MetaGraphDef (.meta)", "freeze it with its checkpoint: moulin freeze MODEL.meta"};

struct Magic {
  size_t offset;
  absl::string_view bytes;
  OtherKind kind;
};

constexpr Magic kMagics[] = {
    {0, "PK\x03\x04", {"a zip archive", "Keras files and .npz archives are not graphs; export a SavedModel"}},
    {0, "\x89HDF\r\n", {"an HDF5 file", "Keras .h5 files hold no graph; export a SavedModel"}},
    {0, "\x1F\x8B", {"a gzip file", "unpack it first"}},
    {0, "MOULINB\n", {"a Moulin bundle", "name the model: FILE.moulin:NAME"}},
    {4, "TFL3", {"a TensorFlow Lite model", "give the graph that it was converted from"}},
};

// Whether all fields are those of a SavedModel: its schema version, a varint, and MetaGraphDefs.
bool IsBinarySavedModel(absl::string_view bytes) {
  WireReader reader(bytes);
  WireField field;
  int graphs = 0;
  int versions = 0;
  while (reader.Next(&field)) {
    if (field.number == 1 && field.type != WireType::kVarint) return false;
    versions += field.number == 1;
    graphs += field.number == 2 && field.type == WireType::kBytes;
  }
  return reader.fault() == nullptr && versions == 1 && graphs > 0;
}

// Whether it is spelled as names of nodes and ops are.
bool IsName(absl::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), absl::ascii_isgraph)) return false;
  return absl::ascii_isalnum(static_cast<unsigned char>(text[0])) || text[0] == '_' || text[0] == '.';
}

// Whether `bytes` start with a NodeDef that has a name and an op. In a FunctionDefLibrary, which a GraphDef has in the
// place where a MetaGraphDef has its graph, field 1 is a FunctionDef: its field 1 is a message, and it has no field 2
// but in files of unknown writers.
bool StartsWithNode(absl::string_view bytes) {
  WireReader graph(bytes);
  WireField node;
  if (!graph.Next(&node) || node.number != 1 || node.type != WireType::kBytes) return false;
  WireReader reader(node.payload);
  WireField field;
  bool has_name = false;
  while (reader.Next(&field)) {
    if (field.type != WireType::kBytes) continue;
    if (field.number == 1) has_name = IsName(field.payload);
    if (field.number == 2) return has_name && IsName(field.payload);
  }
  return false;
}

// A GraphDef has its nodes as field 1, where a MetaGraphDef has one message about itself, and at most one field 2, its
// library.
bool IsBinaryMetaGraph(absl::string_view bytes) {
  WireReader reader(bytes);
  WireField field;
  int first_fields = 0;
  while (reader.Next(&field)) {
    if (field.number == 1 && ++first_fields > 1) return false;
    if (field.number == 2) return field.type == WireType::kBytes && StartsWithNode(field.payload);
  }
  return false;
}

absl::optional<OtherKind> KindOfText(absl::string_view text) {
  const absl::string_view head = text.substr(0, 4096);
  const auto has_line = [head](absl::string_view start) {
    return absl::StartsWith(head, start) || absl::StrContains(head, absl::StrCat("\n", start));
  };
  if (has_line("saved_model_schema_version") || has_line("meta_graphs")) return kSavedModel;
  if (has_line("meta_info_def") || has_line("graph_def")) return kMetaGraph;
  return absl::nullopt;
}

absl::optional<OtherKind> FindOtherKind(absl::string_view bytes, ProtoForm form) {
  for (const Magic& magic : kMagics) {
    if (bytes.size() < magic.offset || !absl::StartsWith(bytes.substr(magic.offset), magic.bytes)) continue;
    // What comes before a later magic is an offset, a multiple of 4. The tag of a GraphDef's field is none, whatever
    // the first node's name.
    if (magic.offset == 0 || bytes[0] % 4 == 0) return magic.kind;
  }
  if (form == ProtoForm::kText) return KindOfText(bytes);
  if (IsBinarySavedModel(bytes)) return kSavedModel;
  if (IsBinaryMetaGraph(bytes)) return kMetaGraph;
  return absl::nullopt;
}

Status CheckCount(int64_t count, int64_t max, absl::string_view what) {
  if (count <= max) return absl::OkStatus();
  return MakeError(ErrorCode::kLimit, count, " ", what, ", the limit is ", max);
}

// Binary files are held to these before they are parsed.
Status CheckCounts(const tf::GraphDef& graph, const Limits& limits) {
  MOULIN_RETURN_IF_ERROR(CheckCount(graph.node_size(), limits.nodes, "nodes"));
  MOULIN_RETURN_IF_ERROR(CheckCount(graph.library().function_size(), limits.functions, "functions"));
  for (const tf::NodeDef& node : graph.node()) {
    const Status inputs = CheckCount(node.input_size(), limits.inputs_per_node, "inputs");
    if (!inputs.ok()) return AtNode(inputs, node.name(), node.op());
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<tf::GraphDef> ParseGraphDef(absl::string_view bytes, const Limits& limits) {
  if (bytes.empty()) return MakeError(ErrorCode::kEmpty, "nothing in it, a GraphDef is expected");
  if (static_cast<int64_t>(bytes.size()) > limits.graph_bytes) {
    return MakeError(ErrorCode::kLimit, "a graph of ", bytes.size(), " bytes, the limit is ", limits.graph_bytes);
  }
  const ProtoForm form = DetectProtoForm(bytes);
  if (const auto other = FindOtherKind(bytes, form)) {
    return MakeError(ErrorCode::kWrongType, "is ", other->is, ", a GraphDef is expected; hint: ", other->hint);
  }
  tf::GraphDef graph;
  MOULIN_RETURN_IF_ERROR(ParseProto(bytes, form, limits, UnknownTextFields::kRefuse, &graph));
  if (form == ProtoForm::kText) MOULIN_RETURN_IF_ERROR(CheckCounts(graph, limits));
  if (graph.node_size() == 0) return MakeError(ErrorCode::kEmpty, "a GraphDef without nodes");
  return graph;
}

namespace {

// Reads a large binary file node by node, so that it is in memory once. Takes what is well formed throughout; nothing
// where anything is the matter, for ParseGraphDef to tell what.
absl::optional<tf::GraphDef> ReadInPieces(const OpenFile& file, const Limits& limits) {
  tf::GraphDef graph;
  PiecewiseWireCheck check(graph.GetDescriptor(), file.size(), limits);
  bool is_first = true;
  const bool read = ReadFieldPieces(file, [&](absl::string_view piece) {
    if (std::exchange(is_first, false) && DetectProtoForm(piece) == ProtoForm::kText) return false;
    if (FindOtherKind(piece, ProtoForm::kBinary) || !check.Check(piece).ok()) return false;
    return MergeBinary(piece, limits, &graph).ok() && graph.node_size() <= limits.nodes;
  });
  if (!read || graph.node_size() == 0 || !CheckCounts(graph, limits).ok()) return absl::nullopt;
  return graph;
}

}  // namespace

StatusOr<tf::GraphDef> ReadGraphDef(const std::string& path, const Limits& limits) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return AtFile(MakeError(ErrorCode::kFile, "is a directory, but no SavedModel (there is no saved_model.pb or ",
                            ".pbtxt) and none of checkpoints (there is no file \"checkpoint\")"),
                  path);
  }
  MOULIN_ASSIGN_OR_RETURN(const OpenFile file, OpenFile::ForReading(path));
  if (file.size() <= std::min<int64_t>(limits.graph_bytes, INT_MAX)) {
    if (absl::optional<tf::GraphDef> graph = ReadInPieces(file, limits)) return *std::move(graph);
  }
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits.graph_bytes));
  StatusOr<tf::GraphDef> graph = ParseGraphDef(bytes, limits);
  if (!graph.ok()) return AtFile(graph.status(), path);
  return graph;
}

Status WriteGraphDef(const tf::GraphDef& graph, const std::string& path, ProtoForm form) {
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, SerializeProto(graph, form));
  return WriteFile(path, bytes);
}

}  // namespace moulin
