// A PrimitiveLibrary that computes each problem on the host by plain loops over its definition.
#ifndef MOULIN_TESTS_CUDA_LIBRARIES_REFERENCE_LIBRARY_H_
#define MOULIN_TESTS_CUDA_LIBRARIES_REFERENCE_LIBRARY_H_

#include <functional>
#include <string>
#include <vector>

#include "cuda/libraries/primitive_library.h"

namespace moulin::cuda {

// Runs work when it is its turn on a stream.
using EnqueueWork = std::function<Status(cudaStream_t stream, std::function<void()> work)>;

// Which epilogues the library has, so that tests see what factories do without them.
using TakesEpilogue = std::function<bool(const LibraryEpilogue&)>;

class ReferenceLibrary : public PrimitiveLibrary {
 public:
  explicit ReferenceLibrary(
      EnqueueWork enqueue, TakesEpilogue takes = [](const LibraryEpilogue&) { return true; })
      : enqueue_(std::move(enqueue)), takes_(std::move(takes)) {}

  std::string version() const override { return "reference"; }
  LibraryPlans Convolution(const ConvProblem& problem) override;
  LibraryPlans Matmul(const MatmulProblem& problem) override;
  LibraryPlans Attention(const AttentionProblem& problem) override;

  // The problems asked for and taken, in ToString's words.
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  const EnqueueWork enqueue_;
  const TakesEpilogue takes_;
  std::vector<std::string> problems_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_TESTS_CUDA_LIBRARIES_REFERENCE_LIBRARY_H_
