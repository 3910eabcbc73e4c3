#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "emulator/run.h"
#include "runtime/fake_calls.h"

namespace moulin::fake_cuda {
namespace {

constexpr int kSharedBytes = 48 << 10;      // a block's, unless a kernel asks for more
constexpr int kMaxSharedBytes = 227 << 10;  // if it does

// A launch's arguments, copied as the real launch does.
class Arguments {
 public:
  Arguments(const HostKernel& kernel, void** arguments) {
    size_t bytes = 0;
    for (size_t size : kernel.argument_sizes) bytes = Aligned(bytes) + size;
    storage_.resize(bytes / sizeof(std::max_align_t) + 1);
    size_t at = 0;
    for (size_t i = 0; i < kernel.argument_sizes.size(); ++i) {
      at = Aligned(at);
      pointers_.push_back(reinterpret_cast<unsigned char*>(storage_.data()) + at);
      std::memcpy(pointers_.back(), arguments[i], kernel.argument_sizes[i]);
      at += kernel.argument_sizes[i];
    }
    pointers_.push_back(nullptr);
  }
  void** pointers() const { return const_cast<void**>(pointers_.data()); }

 private:
  static size_t Aligned(size_t at) {
    return (at + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
  }
  std::vector<std::max_align_t> storage_;
  std::vector<void*> pointers_;
};

// A kernel of the program, as the emulator runs it.
bool FindEmulated(const void* function, HostKernel* found) {
  const StatusOr<emulator::Kernel> kernel = emulator::FindKernel(function);
  if (!kernel.ok()) return false;
  found->name = kernel->name;
  for (const emulator::Parameter& parameter : kernel->parameters) {
    found->argument_sizes.push_back(parameter.bytes);
    found->argument_is_pointer.push_back(parameter.is_pointer);
  }
  // What runs must take no lock, so all is looked up now. How much shared memory is allowed is checked at the launch.
  emulator::Kernel any_shared = *kernel;
  any_shared.max_dynamic_shared = kMaxSharedBytes;
  found->run = [function, kernel = any_shared, schedule = emulator::GetSchedule()](
                   dim3 grid, dim3 block, size_t shared_bytes, void** arguments) {
    const Status status = emulator::RunFound(kernel, schedule, function, grid, block, shared_bytes, arguments);
    if (status.ok()) return;
    AddViolation(std::string(status.message()));
    LoseDevice(cudaErrorLaunchFailure);
  };
  return true;
}

bool FindLoaded(const State& state, const void* function, HostKernel* found) {
  for (const auto& [handle, library] : state.libraries) {
    for (const auto& [name, kernel] : library->kernels) {
      if (kernel.get() != function) continue;
      *found = *kernel;
      return true;
    }
  }
  return false;
}

bool FindKernel(const State& state, const void* function, HostKernel* found) {
  return FindLoaded(state, function, found) || FindEmulated(function, found);
}

// The bounds of compute capability 9.0.
bool IsValidShape(const dim3& grid, const dim3& block) {
  const auto in = [](unsigned n, unsigned most) { return n >= 1 && n <= most; };
  return in(grid.x, 0x7fffffff) && in(grid.y, 65535) && in(grid.z, 65535) && in(block.x, 1024) && in(block.y, 1024) &&
         in(block.z, 64) && uint64_t{block.x} * block.y * block.z <= 1024;
}

cudaError_t CheckConfig(const State& state, const cudaLaunchConfig_t& config, const void* function) {
  if (!IsValidShape(config.gridDim, config.blockDim)) return cudaErrorInvalidConfiguration;
  const auto it = state.max_shared_bytes.find(function);
  const int allowed = it == state.max_shared_bytes.end() ? kSharedBytes : it->second;
  if (config.dynamicSmemBytes > static_cast<size_t>(allowed)) return cudaErrorInvalidValue;
  return config.numAttrs == 0 ? cudaSuccess : cudaErrorNotSupported;
}

// Addresses among the arguments; a null pointer is an operand that is not there.
std::vector<Touched> PointersOf(const HostKernel& kernel, const Arguments& arguments) {
  std::vector<Touched> touched;
  for (size_t i = 0; i < kernel.argument_is_pointer.size(); ++i) {
    if (!kernel.argument_is_pointer[i]) continue;
    const void* address;
    std::memcpy(&address, arguments.pointers()[i], sizeof(address));
    if (address != nullptr) touched.push_back({address, 0, false});
  }
  return touched;
}

}  // namespace

cudaError_t LibraryLoadData(cudaLibrary_t* library, const void* code, cudaJitOption*, void**, unsigned,
                            cudaLibraryOption*, void**, unsigned) {
  return Call([&](State& state) {
    const cudaError_t error = CheckNotCapturing(state, "LibraryLoadData");
    if (error != cudaSuccess) return error;
    std::shared_ptr<CodeModule> module = state.code_loader ? state.code_loader(code) : nullptr;
    if (module == nullptr) return cudaErrorInvalidKernelImage;
    auto made = std::make_unique<Library>();
    made->module = std::move(module);
    *library = reinterpret_cast<cudaLibrary_t>(made.get());
    state.libraries[*library] = std::move(made);
    return cudaSuccess;
  });
}

cudaError_t LibraryUnload(cudaLibrary_t library) {
  return DestroyCall([&](State& state) {
    return state.libraries.erase(library) == 0 ? Refuse(cudaErrorInvalidValue, "LibraryUnload of no library")
                                               : cudaSuccess;
  });
}

cudaError_t LibraryGetKernel(cudaKernel_t* kernel, cudaLibrary_t handle, const char* name) {
  return Call([&](State& state) {
    const auto it = state.libraries.find(handle);
    if (it == state.libraries.end()) return Refuse(cudaErrorInvalidValue, "LibraryGetKernel of no library");
    std::unique_ptr<HostKernel>& found = it->second->kernels[name];
    if (found == nullptr) {
      auto made = std::make_unique<HostKernel>();
      if (!it->second->module->Find(name, made.get())) {
        it->second->kernels.erase(name);
        return cudaErrorSymbolNotFound;
      }
      found = std::move(made);
    }
    *kernel = reinterpret_cast<cudaKernel_t>(found.get());
    return cudaSuccess;
  });
}

cudaError_t LaunchKernelExC(const cudaLaunchConfig_t* config, const void* function, void** args) {
  return Call([&](State& state) {
    if (state.counters.launch_calls.Add() == state.options.fail_launch) return cudaErrorLaunchOutOfResources;
    Stream* stream = FindStream(state, config->stream);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    HostKernel kernel;
    if (!FindKernel(state, function, &kernel)) return cudaErrorInvalidDeviceFunction;
    const cudaError_t error = CheckConfig(state, *config, function);
    if (error != cudaSuccess) return error;
    const auto arguments = std::make_shared<Arguments>(kernel, args);
    if (stream->capture == nullptr) state.counters.launches.Add();
    return Enqueue(
        state, *stream,
        {absl::StrCat("kernel ", kernel.name),
         [run = kernel.run, arguments, grid = config->gridDim, block = config->blockDim,
          shared_bytes = config->dynamicSmemBytes] { run(grid, block, shared_bytes, arguments->pointers()); },
         PointersOf(kernel, *arguments), true});
  });
}

cudaError_t FuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  return Call([&](State& state) {
    HostKernel kernel;
    if (!FindKernel(state, function, &kernel)) return cudaErrorInvalidDeviceFunction;
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;  // a hint
    if (value < 0 || value > kMaxSharedBytes) return cudaErrorInvalidValue;
    state.max_shared_bytes[function] = value;
    return cudaSuccess;
  });
}

}  // namespace moulin::fake_cuda
