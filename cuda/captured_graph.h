// Steps of a plan as one CUDA graph: recorded once, launched once a run.
#ifndef MOULIN_CUDA_CAPTURED_GRAPH_H_
#define MOULIN_CUDA_CAPTURED_GRAPH_H_

#include <functional>
#include <memory>
#include <vector>

#include "cuda/runtime/cuda_api.h"
#include "cuda/runtime/green_context.h"
#include "moulin/status.h"
#include "plan/plan.h"

namespace moulin::cuda {

// One instance cannot run twice at the same time.
class CapturedGraph {
 public:
  // Enqueues a launch or a copy of the plan on `stream`.
  using EnqueueStep = std::function<Status(const Step& step, cudaStream_t stream)>;

  // Records `steps` (numbers of steps of `plan`, in order), each lane on a stream of its own, lanes ordered by the
  // plan's events; where events are recorded outside `steps`, waits for them are left out. Errors of `enqueue` name the
  // node. The kernels run on the multiprocessors of `green`, where that is given, whatever stream launches them.
  static StatusOr<std::unique_ptr<CapturedGraph>> Capture(const CudaApi& api, const Plan& plan,
                                                          const std::vector<int>& steps, const EnqueueStep& enqueue,
                                                          std::shared_ptr<const GreenContext> green = nullptr);
  ~CapturedGraph();
  CapturedGraph(const CapturedGraph&) = delete;
  CapturedGraph& operator=(const CapturedGraph&) = delete;

  // Enqueues the whole on `stream`; returns at once.
  cudaError_t Launch(cudaStream_t stream) const { return api_.GraphLaunch(executable_, stream); }

 private:
  CapturedGraph(const CudaApi& api, cudaGraph_t graph) : api_(api), graph_(graph) {}

  const CudaApi& api_;
  const cudaGraph_t graph_;  // conditional nodes, and what they run, are of it
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CAPTURED_GRAPH_H_
