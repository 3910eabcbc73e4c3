// The function of a generated kernel.
#ifndef MOULIN_CUDA_GENERATED_FUNCTION_H_
#define MOULIN_CUDA_GENERATED_FUNCTION_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "cuda/codegen/kernel_compiler.h"
#include "moulin/status.h"

namespace moulin::cuda {

// Compiled and loaded when it is first asked for. Thread-safe.
class GeneratedFunction {
 public:
  GeneratedFunction(KernelText source, std::shared_ptr<KernelCompiler> compiler)
      : source_(std::move(source)), compiler_(std::move(compiler)) {}

  const std::string& name() const { return source_.name; }
  StatusOr<const void*> Get() const {
    if (const void* function = function_.load(std::memory_order_acquire)) return function;
    MOULIN_ASSIGN_OR_RETURN(const void* const function, compiler_->Load(source_));
    function_.store(function, std::memory_order_release);
    return function;
  }

 private:
  const KernelText source_;
  const std::shared_ptr<KernelCompiler> compiler_;
  mutable std::atomic<const void*> function_ = nullptr;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_GENERATED_FUNCTION_H_
