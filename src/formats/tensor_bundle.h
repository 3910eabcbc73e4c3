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
#include "formats/tensor_slice.h"
#include "moulin/dtype.h"
#include "moulin/shape.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin {

// A tensor as the index describes it.
struct StoredTensor {
  tf::DataType type = tf::DT_INVALID;  // may be one that Moulin cannot read
  Shape shape;
  int32_t shard = 0;
  int64_t offset = 0;
  int64_t bytes = 0;
  uint32_t checksum = 0;
  std::vector<TensorSlice> slices;  // where not empty, the elements are under the slices' own keys
};

// Not thread-safe.
class TensorBundle {
 public:
  // Reads PREFIX.index; the data files are opened when a tensor of theirs is read.
  //
  // Errors name the file. E_FILE (no such file), E_DATA, E_PARSE, E_DUP and E_LIMIT as ReadSortedTable; E_PARSE (no
  // header, a malformed entry, a number of shards below 1, a shard that is not among them, a negative offset or size),
  // E_SHAPE (as ShapeFromProto, or a shape not known entirely), E_UNSUPPORTED (big-endian, a newer version of the
  // format).
  static StatusOr<TensorBundle> Open(const std::string& prefix, const Limits& limits = {});

  // Names of the tensors, sorted by their bytes; slices of partitioned ones are not among them.
  const std::vector<std::string>& names() const { return names_; }
  bool Contains(absl::string_view name) const { return Find(name) != nullptr; }
  const StoredTensor* Find(absl::string_view name) const;
  const std::string& prefix() const { return prefix_; }

  // Reads a tensor, put together where it is partitioned, or the slice of it that `slice` names. Every checksum is
  // verified, and nothing is allocated before the index and the size of the data file agree with it. Bytes other than 0
  // and 1 of a bool are true.
  //
  // Errors name the tensor and the file. E_NAME (no such tensor), E_DTYPE (a type that Moulin does not have; resources
  // and variants), E_TENSOR (stored bytes that do not fit type and shape), E_DATA (a checksum; entries beyond the end
  // of a data file), E_FILE (a data file that is missing), E_SHAPE (slices that overlap, leave gaps or reach beyond the
  // tensor), E_LIMIT (more than limits.tensor_bytes).
  StatusOr<Tensor> Read(absl::string_view name);
  StatusOr<Tensor> ReadSlice(absl::string_view name, const TensorSlice& slice);

 private:
  TensorBundle(std::string prefix, const Limits& limits) : prefix_(std::move(prefix)), limits_(limits) {}
  Status AddEntry(absl::string_view key, absl::string_view value);
  Status ReadHeader(absl::string_view key, absl::string_view value);
  StatusOr<Tensor> ReadEntry(const StoredTensor& stored);
  StatusOr<Tensor> ReadNumbers(const StoredTensor& stored, DType type, const OpenFile& file);
  StatusOr<Tensor> ReadStrings(const StoredTensor& stored, const OpenFile& file);
  StatusOr<Tensor> Assemble(absl::string_view name, const StoredTensor& stored);
  StatusOr<const OpenFile*> Shard(int32_t shard);
  std::string ShardPath(int32_t shard) const;

  std::string prefix_;
  Limits limits_;
  int32_t num_shards_ = 0;
  std::map<std::string, StoredTensor, std::less<>> entries_;  // by key: names and encoded slices
  std::vector<std::string> names_;
  std::map<int32_t, std::unique_ptr<OpenFile>> shards_;
};

}  // namespace moulin

#endif  // MOULIN_FORMATS_TENSOR_BUNDLE_H_
