// Kernels as text, and what makes them run.
#ifndef MOULIN_CUDA_CODEGEN_KERNEL_COMPILER_H_
#define MOULIN_CUDA_CODEGEN_KERNEL_COMPILER_H_

#include <string>

#include "moulin/status.h"

namespace moulin::cuda {

// A kernel in CUDA C++. It may include the headers that codegen/EmbedHeaders.cmake lists and no others.
struct KernelText {
  std::string name;  // of its `extern "C" __global__` function; equal names stand for equal texts
  std::string text;
};

// Thread-safe.
class KernelCompiler {
 public:
  virtual ~KernelCompiler() = default;
  // Says that Load will be called for this text: it may be compiled meanwhile.
  virtual void Prefetch(const KernelText& source) { (void)source; }
  // The function of this text, to be given to CudaApi::LaunchKernelExC; stays valid as long as the compiler lives. The
  // first call for a text compiles it and loads it into the device. INTERNAL with the compiler's messages where the
  // text has errors.
  virtual StatusOr<const void*> Load(const KernelText& source) = 0;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CODEGEN_KERNEL_COMPILER_H_
