// TensorFlow's checkpoints (format V2, "tensor bundles"): PREFIX.index, a sorted table of what there is, and
// PREFIX.data-NNNNN-of-MMMMM, the elements (docs/checkpoints.md).
#ifndef MOULIN_FORMATS_TENSOR_BUNDLE_H_
#define MOULIN_FORMATS_TENSOR_BUNDLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "formats/file.h"
#include "formats/tensor_store.h"
#include "moulin/dtype.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin {

// Not thread-safe.
class TensorBundle : public TensorStore {
 public:
  // Reads PREFIX.index; the data files are opened when a tensor of theirs is read.
  //
  // Errors name the file. E_FILE (no such file), E_DATA, E_PARSE, E_DUP and E_LIMIT as ReadSortedTable; E_PARSE (no
  // header, a malformed entry, a number of shards below 1, a shard that is not among them, a negative offset or size),
  // E_SHAPE (as ShapeFromProto, or a shape not known entirely), E_UNSUPPORTED (big-endian, a newer version of the
  // format).
  static StatusOr<TensorBundle> Open(const std::string& prefix, const Limits& limits = {});

 private:
  using TensorStore::TensorStore;
  Status AddEntry(absl::string_view key, absl::string_view value);
  Status ReadHeader(absl::string_view key, absl::string_view value);
  StatusOr<Tensor> ReadEntry(const StoredTensor& stored) override;
  StatusOr<Tensor> ReadNumbers(const StoredTensor& stored, DType type, const OpenFile& file);
  StatusOr<Tensor> ReadStrings(const StoredTensor& stored, const OpenFile& file);
  StatusOr<const OpenFile*> Shard(int32_t shard);
  std::string ShardPath(int32_t shard) const;

  int32_t num_shards_ = 0;
  std::map<int32_t, std::unique_ptr<OpenFile>> shards_;
};

}  // namespace moulin

#endif  // MOULIN_FORMATS_TENSOR_BUNDLE_H_
