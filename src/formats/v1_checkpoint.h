// TensorFlow's checkpoints from before 2017 (format V1): everything in sorted tables, one file called PREFIX, or
// PREFIX-NNNNN-of-MMMMM (docs/checkpoints.md).
#ifndef MOULIN_FORMATS_V1_CHECKPOINT_H_
#define MOULIN_FORMATS_V1_CHECKPOINT_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "formats/tensor_store.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "proto/saved_tensor_slice.pb.h"

namespace moulin {

// Whether `path` is a file that ends as a sorted table does.
bool IsTableFile(const std::string& path);

// Not thread-safe.
class V1Checkpoint : public TensorStore {
 public:
  // The files of the checkpoint: one called `prefix`, or those that the name of the first of several tells; whether the
  // others are there is not looked at. Empty where there is none.
  static std::vector<std::string> FindFiles(const std::string& prefix);

  // Reads the files that FindFiles has found whole, values included.
  //
  // Errors name the file. E_FILE (a file of several that is missing), E_DATA, E_PARSE, E_DUP and E_LIMIT as
  // ReadSortedTable; E_PARSE (no header, a malformed entry, values of a slice that the header does not list), E_DUP (a
  // tensor or slice listed twice), E_SHAPE (as ShapeFromProto, a shape not known entirely, a slice beyond its tensor),
  // E_DTYPE (a type that Moulin does not have), E_UNSUPPORTED (a newer version of the format).
  static StatusOr<V1Checkpoint> Open(const std::string& prefix, const std::vector<std::string>& files,
                                     const Limits& limits = {});

 private:
  // Entries by their keys in the file at hand.
  using EntriesOfFile = absl::flat_hash_map<std::string, StoredTensor*>;

  using TensorStore::TensorStore;
  Status ReadTable(const std::string& path);
  Status AddTensor(const tf::SavedSliceMeta& meta, EntriesOfFile* of_file);
  Status AddSlice(const std::string& name, const TensorSlice& slice, StoredTensor* whole, EntriesOfFile* of_file);
  Status AddValues(absl::string_view key, tf::TensorProto* values, const EntriesOfFile& of_file);
  StatusOr<Tensor> ReadEntry(const StoredTensor& stored) override;

  std::vector<tf::TensorProto> values_;  // StoredTensor::offset is the place in it, -1 where there are none
};

}  // namespace moulin

#endif  // MOULIN_FORMATS_V1_CHECKPOINT_H_
