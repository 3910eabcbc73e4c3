// Ways to run a graph of cuDNN operations: engines, chosen by heuristics, compiled when first asked for.
#ifndef MOULIN_CUDA_LIBRARIES_CUDNN_PLAN_H_
#define MOULIN_CUDA_LIBRARIES_CUDNN_PLAN_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/codegen/cubin_cache.h"
#include "cuda/libraries/cudnn_graph.h"
#include "cuda/libraries/primitive_library.h"

namespace moulin::cuda {

// What numerics are refused.
struct CudnnNumerics {
  bool allow_tensor_cores = true;  // for float32: rounding of operands to TF32
};

// A handle of cuDNN, made before anything is captured; used by one thread at a time.
class CudnnHandle {
 public:
  static StatusOr<std::shared_ptr<CudnnHandle>> Make(std::shared_ptr<const CudnnApi> api);
  ~CudnnHandle();
  cudnnHandle_t raw() const { return raw_; }
  std::mutex& mutex() { return mutex_; }

 private:
  explicit CudnnHandle(std::shared_ptr<const CudnnApi> api) : api_(std::move(api)) {}
  std::shared_ptr<const CudnnApi> api_;
  cudnnHandle_t raw_ = nullptr;
  std::mutex mutex_;
};

// Where compiled plans are kept, as cuDNN prints them; what does not load any more is compiled anew, and replaced.
struct CudnnPlanStore {
  std::shared_ptr<const CubinCache> files;  // null: nowhere
  std::string key;                          // of the graph's plans: all that they depend on but their engines
};

// Deterministic ways to run `graph`, best guess first and at most `limit` of them; none of those that cuDNN knows to
// break `numerics`. `handle` is null where there is no device: the plans then cannot be enqueued.
LibraryPlans CudnnPlansFor(const CudnnTarget& target, std::shared_ptr<CudnnHandle> handle,
                           std::shared_ptr<const CudnnGraph> graph, const CudnnNumerics& numerics, int limit,
                           const CudnnPlanStore& store);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_CUDNN_PLAN_H_
