// Compiles kernels with NVRTC, NVIDIA's compiler of CUDA C++ at run time.
#ifndef MOULIN_CUDA_CODEGEN_NVRTC_H_
#define MOULIN_CUDA_CODEGEN_NVRTC_H_

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "cuda/codegen/cubin_cache.h"
#include "cuda/codegen/kernel_compiler.h"
#include "cuda/runtime/cuda_api.h"
#include "moulin/status.h"

namespace moulin::cuda {

struct NvrtcApi;

struct NvrtcOptions {
  std::vector<std::string> library_directories;  // searched first for libnvrtc.so.13
  int compute_capability = 90;                   // of the device: 10 * major + minor
  std::string cache_directory;                   // where compiled code is kept between processes; empty: nowhere
  int threads = 0;                               // that compile what was prefetched; 0: one a core, at most 8
};

// Compiles each text once a process (once a cache directory, where there is one). Needs no driver but in Load.
// Thread-safe: texts are compiled at the same time by as many threads as call, and by its own.
class Nvrtc : public KernelCompiler {
 public:
  // E_DEVICE where the library is not there, UNIMPLEMENTED where it does not know the device.
  static StatusOr<std::shared_ptr<Nvrtc>> Open(const CudaApi& api, const NvrtcOptions& options);
  // Waits for what is being compiled. Nothing that was loaded may be in use.
  ~Nvrtc() override;
  Nvrtc(const Nvrtc&) = delete;
  Nvrtc& operator=(const Nvrtc&) = delete;

  void Prefetch(const KernelText& source) override;
  StatusOr<const void*> Load(const KernelText& source) override;

  // The code alone (an ELF file). INTERNAL with the compiler's messages where the text has errors or gives warnings.
  StatusOr<std::shared_ptr<const std::string>> Compile(const KernelText& source);
  std::string architecture() const { return architecture_; }  // "sm_90a"

 private:
  // A text and what has become of it. The mutex is held while it is compiled or loaded, so that others wait.
  struct Entry {
    std::mutex mutex;
    std::shared_ptr<const std::string> cubin;
    Status error;
    cudaLibrary_t library = nullptr;
    const void* function = nullptr;
  };

  Nvrtc(const CudaApi& api, const NvrtcOptions& options, std::unique_ptr<const NvrtcApi> nvrtc);
  Status ChooseArchitecture(int compute_capability);
  std::vector<std::string> CompilerOptions() const;
  std::string KeyOf(const KernelText& source) const;
  std::shared_ptr<Entry> EntryOf(const KernelText& source);
  void Compile(const KernelText& source, Entry* entry) const;  // requires entry->mutex
  StatusOr<std::string> CompileNow(const KernelText& source) const;
  Status LoadNow(const KernelText& source, Entry* entry) const;  // requires entry->mutex
  void RunThread();

  const CudaApi& api_;
  const std::unique_ptr<const NvrtcApi> nvrtc_;
  const CubinCache cache_;
  const int max_threads_;
  std::string architecture_;

  std::mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<Entry>> entries_;  // by text; guarded by mutex_
  std::deque<KernelText> queue_;                                      // to be compiled; guarded by mutex_
  std::vector<std::thread> threads_;                                  // started as needed; guarded by mutex_
  int idle_threads_ = 0;                                              // guarded by mutex_
  bool is_closing_ = false;                                           // guarded by mutex_
  std::condition_variable wake_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CODEGEN_NVRTC_H_
