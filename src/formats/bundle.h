// The .moulin package: several models in one file, with constants they have in common stored once.
//
// Layout (little-endian):
//   0    8  magic "MOULINB\n"
//   8    4  major version; a reader refuses others than its own
//   12   4  minor version; a reader takes any
//   16   8  manifest: offset
//   24   8  manifest: bytes
//   32  32  manifest: SHA-256
//   64      manifest, JSON:
//             {"data_bytes": N,
//              "blobs":  [{"offset": N, "bytes": N, "sha256": "hex"}, ...],     in the order of the file
//              "models": [{"name": S, "graph": blob, "constants": [blob, ...], "metadata": {...},
//                          "files": {S: blob, ...}}, ...]}                      "files" since version 1.1; optional
//   ...     data: from the next multiple of 64 bytes to the end of the file. Offsets of blobs count from here and are
//           multiples of 64; zeros lie between blobs.
// A model's graph is a binary GraphDef, in which each large constant has lost its elements and gained an attribute
// "_moulin_blob" with the SHA-256 of the blob that has them (raw row-major bytes, as in tensor_content). Strings and
// bools stay in the graph.
//
// Blobs are read into memory of our own and not mapped: a mapped file that another process truncates kills the reader
// with SIGBUS at its next access, long after every check passed. What is read is hashed and from then on cannot change.
// The cost is one copy at load; a weight's pages are needed in memory anyway, and models of one reader share them.
#ifndef MOULIN_FORMATS_BUNDLE_H_
#define MOULIN_FORMATS_BUNDLE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "nlohmann/json_fwd.hpp"
#include "proto/graph.pb.h"

namespace moulin {

// Collects models and writes them. Not thread-safe.
class BundleWriter {
 public:
  BundleWriter();
  ~BundleWriter();

  // Adds a model. `metadata` is a JSON object that the layer above chooses (signatures, inputs, outputs) and gets back
  // as it was; its strings are UTF-8. Constants are moved out of `graph`. E_NAME for a name that is empty, not UTF-8 or
  // has '/', ':' or control characters; E_DUP for one that is taken; E_OPTION for metadata that is no object; E_TENSOR
  // for a constant whose elements lie in another bundle; E_LIMIT for a graph that reaches 2 GiB without its constants.
  // `files` go along with the model, under names that the layer above chooses.
  Status AddModel(const std::string& name, tf::GraphDef graph, const nlohmann::json& metadata,
                  const std::map<std::string, std::string>& files = {});

  // Writes the file, replacing `path` once all is written. Same models in the same order, same bytes.
  Status Write(const std::string& path) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One model of a bundle, with its weights in memory.
class BundleModel {
 public:
  const tf::GraphDef& graph() const { return graph_; }
  tf::GraphDef& mutable_graph() { return graph_; }
  // The object given to BundleWriter::AddModel.
  const nlohmann::json& metadata() const { return *metadata_; }

  // Whether the elements of this Const lie apart from the graph.
  static bool IsExternal(const tf::NodeDef& node);
  // The elements of such a Const. Models that share a constant get the same storage. E_DATA where the node names no
  // blob of this model, E_TENSOR where the blob's bytes do not fit type and shape, E_DTYPE and E_SHAPE as
  // TensorFromProto.
  StatusOr<Tensor> Constant(const tf::NodeDef& node) const;

 private:
  friend class BundleReader;
  struct Blob {
    std::string sha256;  // raw
    std::shared_ptr<const void> block;
    int64_t bytes;
  };

  tf::GraphDef graph_;
  std::shared_ptr<const nlohmann::json> metadata_;
  std::vector<Blob> blobs_;  // by rising hash
};

// An open bundle. Thread-safe.
class BundleReader {
 public:
  // Opens `path` and checks header and manifest entirely: sizes against the file, offsets aligned, inside and apart
  // from each other, names unique. E_FILE; E_EMPTY; E_WRONG_TYPE (no bundle); E_UNSUPPORTED (major version); E_PARSE
  // (header or manifest malformed); E_DATA (truncated, or hash of the manifest wrong); E_DUP; E_NAME; E_LIMIT (more
  // than limits.bundle_entries models or blobs).
  static StatusOr<std::shared_ptr<BundleReader>> Open(const std::string& path, const Limits& limits = {});
  ~BundleReader();

  // The models' names, in the order they were added.
  const std::vector<std::string>& names() const;
  // A model's metadata without loading it. E_NAME for an unknown model.
  StatusOr<std::shared_ptr<const nlohmann::json>> Metadata(const std::string& name) const;

  // One of the files that went along with a model, its hash checked. E_NAME for an unknown model, E_DATA for a file
  // that it lacks or that was cut or changed, E_LIMIT above limits.tensor_bytes.
  StatusOr<std::string> File(const std::string& model, const std::string& file) const;

  // Reads a model's graph and all its constants and checks their hashes, so that nothing of a loaded model can fail
  // later, whatever becomes of the file. Constants that another loaded model holds are shared and not read again.
  // E_NAME for an unknown model (lists those there are), E_DATA for content that was cut or changed, E_MEMORY, and the
  // errors of ParseGraphDef.
  StatusOr<BundleModel> Load(const std::string& name) const;

 private:
  struct State;
  explicit BundleReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace moulin

#endif  // MOULIN_FORMATS_BUNDLE_H_
