#include "engine/export.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/meta_graph_source.h"
#include "engine/signature_objects.h"
#include "formats/checkpoint.h"
#include "formats/file.h"
#include "formats/graphdef.h"
#include "formats/proto_io.h"
#include "formats/savedmodel.h"
#include "import/sources.h"
#include "moulin/engine.h"

namespace moulin::internal {
namespace {

namespace fs = std::filesystem;

constexpr char kDefaultTag[] = "serve";
constexpr int kSchemaVersion = 1;

struct Source {
  tf::SavedModel model;
  int graph = 0;          // which of its graphs is edited
  std::string directory;  // "" for a GraphDef
  tf::MetaGraphDef& meta_graph() { return *model.mutable_meta_graphs(graph); }
};

StatusOr<Source> FromGraphDef(const std::string& path, const ExportOptions& options, const Limits& limits) {
  MOULIN_RETURN_IF_ERROR(RefuseBundle(path));
  if (IsCheckpoint(path)) {
    return MakeError(ErrorCode::kWrongType, "is a checkpoint, a SavedModel or a frozen GraphDef is expected; hint: ",
                     "freeze it with its .meta graph: moulin freeze");
  }
  Source source;
  source.model.set_saved_model_schema_version(kSchemaVersion);
  tf::MetaGraphDef& meta_graph = *source.model.add_meta_graphs();
  MOULIN_ASSIGN_OR_RETURN(*meta_graph.mutable_graph_def(), ReadGraphDef(path, limits));
  for (const tf::NodeDef& node : meta_graph.graph_def().node()) {
    if (!IsVariable(node.op())) continue;
    return AtNode(MakeError(ErrorCode::kUnsupported, "the graph has variables, whose values are elsewhere; freeze it"),
                  node.name(), node.op());
  }
  for (const std::string& tag : options.tags) meta_graph.mutable_meta_info_def()->add_tags(tag);
  if (options.tags.empty()) meta_graph.mutable_meta_info_def()->add_tags(kDefaultTag);
  return source;
}

StatusOr<Source> ReadExportSource(const std::string& path, const ExportOptions& options, const Limits& limits) {
  if (!IsSavedModelDirectory(path)) return FromGraphDef(path, options, limits);
  Source source;
  MOULIN_ASSIGN_OR_RETURN(WholeSavedModel whole, ReadWholeSavedModel(path, limits));
  source.directory = std::move(whole.directory);
  source.model = std::move(whole.model);
  MOULIN_ASSIGN_OR_RETURN(source.graph, FindMetaGraph(source.model, options.tags));
  MOULIN_RETURN_IF_ERROR(CheckMetaGraph(source.meta_graph()));
  return source;
}

std::vector<TensorName> Names(const google::protobuf::Map<std::string, tf::TensorInfo>& infos) {
  std::vector<TensorName> names;
  for (const auto& [key, info] : infos) names.push_back({key, info.name()});
  return names;
}

Status Refine(const std::string& signature, const std::vector<TensorInfo>& found,
              google::protobuf::Map<std::string, tf::TensorInfo>* infos) {
  for (const TensorInfo& info : found) {
    const auto it = infos->find(info.name);
    if (it == infos->end()) continue;
    const std::string where = absl::StrCat("signature \"", Printable(signature), "\", \"", Printable(info.name), "\"");
    MOULIN_RETURN_IF_ERROR(RefineTensorInfo(where, info.dtype, info.shape, &it->second));
  }
  return absl::OkStatus();
}

// Loads the signature, so that what is written is known to work and its shapes are known. A warning where Moulin cannot
// run it.
Status TrySignature(Engine& engine, const std::string& path, const std::string& key, const ExportOptions& options,
                    tf::SignatureDef* signature, std::vector<std::string>* warnings) {
  ModelOptions model_options;
  model_options.tags = options.tags;
  model_options.inputs = Names(signature->inputs());
  model_options.outputs = Names(signature->outputs());
  model_options.optimize = false;
  const StatusOr<std::shared_ptr<Model>> model = engine.Load(path, model_options);
  if (model.status().code() == absl::StatusCode::kUnimplemented) {
    warnings->push_back(
        absl::StrCat("signature \"", Printable(key), "\" does not run in Moulin: ", model.status().message()));
    return absl::OkStatus();
  }
  if (!model.ok()) {
    return Status(model.status().code(),
                  absl::StrCat(model.status().message(), "; signature \"", Printable(key), "\""));
  }
  MOULIN_RETURN_IF_ERROR(Refine(key, (*model)->inputs(), signature->mutable_inputs()));
  return Refine(key, (*model)->outputs(), signature->mutable_outputs());
}

// The objects of TensorFlow 2 tell what the signatures do, or are left out where they cannot.
void EditObjects(const SignatureEdits& edits, const Limits& limits, Source* source, ExportResult* result) {
  const Status edited = EditSignatureObjects(edits, limits, &source->meta_graph());
  if (edited.ok()) return;
  source->meta_graph().clear_object_graph_def();
  result->warnings.push_back(
      absl::StrCat("the objects of TensorFlow 2 are left out, for they cannot tell the signatures; ",
                   "it loads as a model of TensorFlow 1: ", edited.message()));
}

Status Edit(const std::string& path, const ExportOptions& options, const Limits& limits, Source* source,
            ExportResult* result) {
  tf::MetaGraphDef& meta_graph = source->meta_graph();
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> changed, EditSignatures(options.edits, limits, &meta_graph));
  MOULIN_ASSIGN_OR_RETURN(const auto engine, Engine::Create({.device = "reference"}));
  for (const std::string& key : changed) {
    tf::SignatureDef& signature = meta_graph.mutable_signature_def()->at(key);
    MOULIN_RETURN_IF_ERROR(TrySignature(*engine, path, key, options, &signature, &result->warnings));
    std::string objection = ServingObjection(key, signature);
    if (!objection.empty()) result->warnings.push_back(std::move(objection));
  }
  if (!options.edits.empty() && meta_graph.has_object_graph_def()) EditObjects(options.edits, limits, source, result);
  return absl::OkStatus();
}

// As tf.saved_model.load does, which then leaves variables without values.
void WarnOfMissingVariables(Source& source, ExportResult* result) {
  const auto& nodes = source.meta_graph().graph_def().node();
  const std::string index = (fs::path(source.directory) / "variables" / "variables.index").string();
  std::error_code error;
  if (source.directory.empty() || fs::exists(index, error) || error) return;
  const auto variable =
      std::find_if(nodes.begin(), nodes.end(), [](const auto& node) { return IsVariable(node.op()); });
  if (variable == nodes.end()) return;
  result->warnings.push_back(absl::StrCat("the values of variables are missing, such as \"",
                                          Printable(variable->name()), "\": there is no ", Printable(index)));
}

Status CopyFile(const fs::path& from, const fs::path& to) {
  MOULIN_ASSIGN_OR_RETURN(const OpenFile file, OpenFile::ForReading(from.string()));
  return WriteFile(to.string(), [&](const Sink& sink) -> Status {
    std::string piece(size_t{4} << 20, '\0');
    for (int64_t at = 0; at < file.size(); at += static_cast<int64_t>(piece.size())) {
      const int64_t bytes = std::min<int64_t>(static_cast<int64_t>(piece.size()), file.size() - at);
      const Status read = file.ReadAt(at, bytes, piece.data());
      if (!read.ok()) return AtFile(read, from.string());
      MOULIN_RETURN_IF_ERROR(sink(absl::string_view(piece).substr(0, bytes)));
    }
    return absl::OkStatus();
  });
}

// The regular files of one folder; there may be none. Links are refused: what they lead to is not the model's.
Status CopyFolder(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::directory_iterator it(from, error);
  if (error == std::errc::no_such_file_or_directory) return absl::OkStatus();
  if (!error) fs::create_directories(to, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    if (it->symlink_status(error).type() != fs::file_type::regular) {
      return AtFile(MakeError(ErrorCode::kFile, "expected a regular file"), it->path().string());
    }
    MOULIN_RETURN_IF_ERROR(CopyFile(it->path(), to / it->path().filename()));
  }
  return error ? AtFile(MakeError(ErrorCode::kFile, "cannot copy: ", error.message()), from.string())
               : absl::OkStatus();
}

Status WriteInto(const fs::path& directory, const Source& source, bool text) {
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes,
                          SerializeProto(source.model, text ? ProtoForm::kText : ProtoForm::kBinary));
  MOULIN_RETURN_IF_ERROR(WriteFile((directory / (text ? "saved_model.pbtxt" : "saved_model.pb")).string(), bytes));
  if (source.directory.empty()) return absl::OkStatus();
  for (const char* folder : {"variables", "assets", "assets.extra"}) {
    MOULIN_RETURN_IF_ERROR(CopyFolder(fs::path(source.directory) / folder, directory / folder));
  }
  return absl::OkStatus();
}

Status CheckTarget(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(directory, error) || fs::is_empty(directory, error)) return absl::OkStatus();
  return AtFile(MakeError(ErrorCode::kFile, "there is something already"), directory.string());
}

// Beside the place first, then moved there.
Status WriteDirectory(const std::string& directory, const Source& source, bool text) {
  fs::path target = fs::path(directory).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  const fs::path scratch = absl::StrCat(target.string(), ".part", getpid());
  std::error_code error;
  fs::create_directories(scratch, error);
  if (error) return AtFile(MakeError(ErrorCode::kFile, "cannot make it: ", error.message()), target.string());
  Status status = WriteInto(scratch, source, text);
  if (status.ok()) {
    fs::rename(scratch, target, error);
    if (error) status = AtFile(MakeError(ErrorCode::kFile, "cannot make it: ", error.message()), target.string());
  }
  if (!status.ok()) fs::remove_all(scratch, error);
  return status;
}

}  // namespace

StatusOr<ExportResult> Export(const std::string& source_path, const std::string& directory,
                              const ExportOptions& options, const Limits& limits) {
  MOULIN_RETURN_IF_ERROR(CheckTarget(directory));
  StatusOr<Source> source = ReadExportSource(source_path, options, limits);
  if (!source.ok()) return AtFile(source.status(), source_path);
  ExportResult result;
  const Status edited = Edit(source_path, options, limits, &*source, &result);
  if (!edited.ok()) return AtFile(edited, source_path);
  WarnOfMissingVariables(*source, &result);
  MOULIN_RETURN_IF_ERROR(WriteDirectory(directory, *source, options.text));
  for (const auto& [key, signature] : source->meta_graph().signature_def()) {
    if (!absl::StartsWith(key, "__saved_model")) result.signatures.push_back(key);
  }
  std::sort(result.signatures.begin(), result.signatures.end());
  return result;
}

}  // namespace moulin::internal
