// Compiled code on disk: of generated kernels, and cuDNN's plans.
#ifndef MOULIN_CUDA_CODEGEN_CUBIN_CACHE_H_
#define MOULIN_CUDA_CODEGEN_CUBIN_CACHE_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace moulin::cuda {

// A directory of files, one a key, that any number of processes may read and write at the same time. The key is in the
// file, so that another text of the same hash is not taken for it; a file that is cut short, damaged or not ours is as
// none. The directory's owner is trusted: what is in it runs on the GPU. Thread-safe.
class CubinCache {
 public:
  // `directory` empty: holds nothing. Files are named HASH.`kind`.
  explicit CubinCache(std::string directory, std::string kind = "cubin")
      : directory_(std::move(directory)), kind_(std::move(kind)) {}

  std::optional<std::string> Find(absl::string_view key) const;
  // Written under another name first, and renamed. Failing is no error: the code will be compiled again.
  void Put(absl::string_view key, absl::string_view cubin) const;

 private:
  std::string PathOf(absl::string_view key) const;

  const std::string directory_;
  const std::string kind_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CODEGEN_CUBIN_CACHE_H_
