// Covered by tests/cuda/libraries/dynamic_library_test.cc.
#include "cuda/libraries/dynamic_library.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_split.h"
#include "base/errors.h"

namespace moulin::cuda {
namespace {

std::string LoadedPath(void* handle, absl::string_view fallback) {
  struct link_map* map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr && map->l_name != nullptr && *map->l_name != '\0') {
    return map->l_name;
  }
  return std::string(fallback);
}

// RTLD_LOCAL: another copy of a library in the process, of another version, is none of ours.
void* OpenFile(const std::string& path) { return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL); }

std::string LastError() {
  const char* error = dlerror();
  return error != nullptr ? error : "unknown error";
}

}  // namespace

std::vector<std::string> LibraryPathFromEnvironment() {
  const char* path = std::getenv("MOULIN_CUDA_LIBRARY_PATH");
  if (path == nullptr) return {};
  return absl::StrSplit(path, ':', absl::SkipEmpty());
}

StatusOr<std::shared_ptr<const DynamicLibrary>> DynamicLibrary::Open(absl::string_view soname,
                                                                     const std::vector<std::string>& directories) {
  std::vector<std::string> all = directories;
  for (std::string& directory : LibraryPathFromEnvironment()) all.push_back(std::move(directory));
  std::string tried;
  for (const std::string& directory : all) {
    const std::string path = absl::StrCat(directory, "/", soname);
    if (access(path.c_str(), F_OK) != 0) {
      absl::StrAppend(&tried, path, ": no such file, ");
      continue;
    }
    if (void* handle = OpenFile(path)) {
      return std::shared_ptr<const DynamicLibrary>(new DynamicLibrary(LoadedPath(handle, path), handle));
    }
    absl::StrAppend(&tried, path, ": ", LastError(), ", ");
  }
  if (void* handle = OpenFile(std::string(soname))) {
    return std::shared_ptr<const DynamicLibrary>(new DynamicLibrary(LoadedPath(handle, soname), handle));
  }
  return MakeError(ErrorCode::kDevice, "cannot open ", Printable(soname), ": tried ", Printable(tried, 2000),
                   "the dynamic linker: ", LastError());
}

void* DynamicLibrary::Find(const char* symbol) const { return dlsym(handle_, symbol); }

Status DynamicLibrary::Missing(const char* symbol) const {
  return MakeError(ErrorCode::kDevice, path_, " has no function ", symbol);
}

}  // namespace moulin::cuda
