// NumPy's .npz files: zip archives of .npy files.
#ifndef MOULIN_FORMATS_NPZ_H_
#define MOULIN_FORMATS_NPZ_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin {

// Arrays by name, in the order of the file. Names are without ".npy".
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

// Reads every array, stored or deflated. Errors are those of ParseNpy, which name the array, and of the archive:
// E_PARSE (no zip), E_DATA (truncated, checksum), E_DUP, E_LIMIT (entries, ratio), E_UNSUPPORTED (encryption, other
// methods).
StatusOr<NamedTensors> ReadNpz(const std::string& path, const Limits& limits = {});
StatusOr<NamedTensors> ParseNpz(absl::string_view bytes, const Limits& limits = {});

// The bytes of an archive that numpy.load reads. Errors as of WriteNpz.
StatusOr<std::string> EncodeNpz(const NamedTensors& tensors);

enum class NpzCompression { kStored, kDeflated };

// Writes what numpy.load reads, replacing `path` once all is written. Same tensors, same bytes. E_DUP for a name given
// twice, E_NAME for an empty one, E_DTYPE for types that have no .npy form.
Status WriteNpz(const std::string& path, const NamedTensors& tensors,
                NpzCompression compression = NpzCompression::kStored);

}  // namespace moulin

#endif  // MOULIN_FORMATS_NPZ_H_
