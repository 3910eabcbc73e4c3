// Shared libraries opened at run time (cuDNN, cuBLASLt, NVRTC): none of them need be there for Moulin to start.
#ifndef MOULIN_CUDA_LIBRARIES_DYNAMIC_LIBRARY_H_
#define MOULIN_CUDA_LIBRARIES_DYNAMIC_LIBRARY_H_

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"
#include "moulin/status.h"

namespace moulin::cuda {

// The directories of MOULIN_CUDA_LIBRARY_PATH (separated by ':'), e.g. a Python wheel's nvidia/cudnn/lib.
std::vector<std::string> LibraryPathFromEnvironment();

// An open library. Immutable, thread-safe. It stays loaded until the process ends: CUDA's libraries keep threads and
// state of their own, and unloading them while the process ends is a known crash.
class DynamicLibrary {
 public:
  // Looks in `directories`, then in those of the environment, then as the dynamic linker does. UNAVAILABLE (E_DEVICE)
  // naming every place tried and what was wrong there.
  static StatusOr<std::shared_ptr<const DynamicLibrary>> Open(absl::string_view soname,
                                                              const std::vector<std::string>& directories = {});

  const std::string& path() const { return path_; }  // the file that was loaded
  // Null where the library has no such symbol.
  void* Find(const char* symbol) const;
  // Sets *function to the symbol of that name: E_DEVICE where there is none.
  template <typename Function>
  Status Get(const char* symbol, Function* function) const {
    static_assert(std::is_pointer_v<Function> && std::is_function_v<std::remove_pointer_t<Function>>);
    *function = reinterpret_cast<Function>(Find(symbol));
    return *function != nullptr ? absl::OkStatus() : Missing(symbol);
  }

 private:
  DynamicLibrary(std::string path, void* handle) : path_(std::move(path)), handle_(handle) {}
  Status Missing(const char* symbol) const;

  const std::string path_;
  void* const handle_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_DYNAMIC_LIBRARY_H_
