// Checkpoints as users name them, and the objects of TensorFlow 2 in them (docs/checkpoints.md).
#ifndef MOULIN_FORMATS_CHECKPOINT_H_
#define MOULIN_FORMATS_CHECKPOINT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/limits.h"
#include "formats/tensor_store.h"
#include "moulin/status.h"
#include "proto/saved_model.pb.h"
#include "proto/trackable_object_graph.pb.h"

namespace moulin {

// Whether `path` names a checkpoint: a prefix (`DIR/model.ckpt-30`), its .index file, a directory with a `checkpoint`
// file that is no SavedModel, or a file of the V1 format.
bool IsCheckpoint(const std::string& path);

// The prefix of the checkpoint that `path` names. For a directory it is the one that the directory's `checkpoint` file
// calls the latest. A directory may have been moved or copied since: where the file has an absolute path, the last part
// of it is looked for in the directory; nothing outside of the directory is ever opened.
//
// Errors: E_FILE (nothing there; the latest is missing), E_PARSE (a malformed `checkpoint` file), E_EMPTY (one that
// names no checkpoint), E_NAME (a path that leaves the directory), E_LIMIT.
StatusOr<std::string> FindCheckpoint(const std::string& path, const Limits& limits = {});

// Reads a .meta file, the graph that TensorFlow 1 saves beside a checkpoint, in binary or text. E_FILE, E_EMPTY, and
// the errors of ParseProto.
StatusOr<tf::MetaGraphDef> ReadMetaGraph(const std::string& path, const Limits& limits = {});

// A tensor of a checkpoint, for listing.
struct CheckpointTensor {
  std::string key;       // its name in the checkpoint
  std::string variable;  // the name that the variable itself had, where the checkpoint tells
  tf::DataType type = tf::DT_INVALID;
  Shape shape;
  int slices = 0;  // 0: not partitioned
};

// Not thread-safe.
class Checkpoint {
 public:
  // Opens what `path` names. Errors as FindCheckpoint, TensorBundle::Open and V1Checkpoint::Open; E_PARSE for a
  // malformed graph of objects.
  static StatusOr<Checkpoint> Open(const std::string& path, const Limits& limits = {});
  // The same of a prefix.
  static StatusOr<Checkpoint> OpenPrefix(const std::string& prefix, const Limits& limits = {});

  // Sorted by key; the graph of objects is among them.
  std::vector<CheckpointTensor> tensors() const;

  // The key of a tensor that is called by its key, by the path of its object ("net/kernel") or by the variable's own
  // name, where only one variable has it; "" where there is none.
  std::string FindKey(const std::string& name) const;

  // As TensorStore's; `key` as in the checkpoint.
  StatusOr<Tensor> Read(const std::string& key) { return store_->Read(key); }
  StatusOr<Tensor> ReadSlice(const std::string& key, const TensorSlice& slice) { return store_->ReadSlice(key, slice); }

  // Empty in a checkpoint of names alone (TensorFlow 1's).
  const tf::TrackableObjectGraph& objects() const { return objects_; }
  const std::string& prefix() const { return store_->prefix(); }

 private:
  explicit Checkpoint(std::unique_ptr<TensorStore> store) : store_(std::move(store)) {}
  static StatusOr<Checkpoint> WithObjects(std::unique_ptr<TensorStore> store, const Limits& limits);
  Status ReadObjects(const Limits& limits);

  std::unique_ptr<TensorStore> store_;
  tf::TrackableObjectGraph objects_;
  absl::flat_hash_map<std::string, std::string> variable_of_key_;
  absl::flat_hash_map<std::string, std::string> key_of_variable_;  // "" where several have the name
};

}  // namespace moulin

#endif  // MOULIN_FORMATS_CHECKPOINT_H_
