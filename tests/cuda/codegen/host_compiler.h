// Generated kernels, compiled for the host and run on the emulator.
#ifndef MOULIN_TESTS_CUDA_CODEGEN_HOST_COMPILER_H_
#define MOULIN_TESTS_CUDA_CODEGEN_HOST_COMPILER_H_

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/codegen/kernel_compiler.h"

namespace moulin::cuda {

// Compiles the very text that NVRTC gets as C++, with emulator/emulator.h before it, into a shared library that the
// test opens. Starting the compiler takes a second or two, so many kernels are best compiled together. The program must
// export its symbols (ENABLE_EXPORTS). Thread-safe.
class HostCompiler : public KernelCompiler {
 public:
  // Compiles those that are not compiled yet.
  Status CompileAll(const std::vector<KernelText>& sources);
  StatusOr<const void*> Load(const KernelText& source) override;

 private:
  std::mutex mutex_;
  std::map<std::string, const void*> functions_;  // by name; guarded by mutex_
};

// The text of one file with all the kernels, each in a namespace of its own.
std::string JoinKernels(const std::vector<KernelText>& sources);

}  // namespace moulin::cuda

#endif  // MOULIN_TESTS_CUDA_CODEGEN_HOST_COMPILER_H_
