#include "device/cuda_plugin.h"

#include <dlfcn.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "device/host/cpu/cpu_device.h"

namespace moulin {
namespace {

constexpr char kLibrary[] = "libmoulin_cuda.so";

using AbiFn = int (*)();
using OpenFn = void (*)(const CudaOpenRequest*, std::shared_ptr<Device>*, std::string*);

std::string ExecutableFolder() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  if (length <= 0) return "";
  const std::string file(path, static_cast<size_t>(length));
  return file.substr(0, file.rfind('/'));
}

std::vector<std::string> Candidates() {
  if (const char* chosen = std::getenv("MOULIN_CUDA_PLUGIN"); chosen != nullptr && *chosen != '\0') return {chosen};
  const std::string folder = ExecutableFolder();
  if (folder.empty()) return {kLibrary};
  return {absl::StrCat(folder, "/", kLibrary), absl::StrCat(folder, "/../lib/", kLibrary), kLibrary};
}

Status Unavailable(absl::string_view reason) { return MakeError(ErrorCode::kDevice, "no CUDA device: ", reason); }

// Whether the file is there at all; a bare name is for the dynamic linker to find.
bool MayExist(const std::string& path) { return !absl::StrContains(path, "/") || access(path.c_str(), F_OK) == 0; }

StatusOr<void*> OpenLibrary() {
  std::vector<std::string> failures;
  for (const std::string& path : Candidates()) {
    if (!MayExist(path)) {
      failures.push_back(absl::StrCat(path, " does not exist"));
      continue;
    }
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    failures.push_back(Printable(dlerror()));
  }
  return Unavailable(absl::StrCat(kLibrary, " not found: ", absl::StrJoin(failures, "; ")));
}

}  // namespace

StatusOr<std::shared_ptr<Device>> OpenCudaDevice(const DeviceOptions& options) {
  StatusOr<void*> library = OpenLibrary();  // stays open: its code may run until the process ends
  if (!library.ok()) return library.status();
  const auto abi = reinterpret_cast<AbiFn>(dlsym(*library, "moulin_cuda_abi"));
  const auto open = reinterpret_cast<OpenFn>(dlsym(*library, "moulin_cuda_open"));
  if (abi == nullptr || open == nullptr) {
    return Unavailable(
        absl::StrCat(kLibrary, " is not a plugin of Moulin: it lacks moulin_cuda_abi or moulin_cuda_open"));
  }
  if (abi() != kCudaPluginAbi) {
    return Unavailable(
        absl::StrCat(kLibrary, " was built for interface ", abi(), ", this is interface ", kCudaPluginAbi));
  }
  std::shared_ptr<Device> device;
  std::string reason;
  const CudaOpenRequest request = {options, NewCpuDevice(options)};
  open(&request, &device, &reason);
  if (device == nullptr) return Unavailable(reason);
  return device;
}

}  // namespace moulin
