// Tested by tests/cuda/device/control_test.cc.
#include "cuda/conditional_node.h"

#include <memory>
#include <type_traits>

#include "base/errors.h"
#include "base/status_macros.h"
#include "cuda/stream.h"

namespace moulin::cuda {
namespace {

static_assert(std::is_same_v<ConditionHandle, cudaGraphConditionalHandle>);

// The graph that a stream captures into, and the nodes that the next one is to wait for; no graph where it does not.
struct CaptureInfo {
  cudaGraph_t graph = nullptr;
  const cudaGraphNode_t* dependencies = nullptr;  // until the next call with this stream
  size_t num_dependencies = 0;
};

StatusOr<CaptureInfo> CaptureInfoOf(const CudaApi& api, cudaStream_t stream) {
  CaptureInfo info;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  MOULIN_RETURN_IF_ERROR(ToStatus(api,
                                  api.StreamGetCaptureInfo(stream, &status, nullptr, &info.graph, &info.dependencies,
                                                           nullptr, &info.num_dependencies),
                                  "asking for a capture"));
  if (status == cudaStreamCaptureStatusInvalidated) {
    return MakeError(ErrorCode::kDevice, "a capture has failed before it ended");
  }
  return status == cudaStreamCaptureStatusActive ? info : CaptureInfo();
}

Status CaptureBody(const CudaApi& api, cudaGraph_t graph, const EnqueueBody& enqueue) {
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<StreamHandle> stream, StreamHandle::Create(api, 0));
  MOULIN_RETURN_IF_ERROR(ToStatus(
      api, api.StreamBeginCaptureToGraph(stream->get(), graph, nullptr, nullptr, 0, cudaStreamCaptureModeRelaxed),
      "beginning the capture of a choice or a loop"));
  const Status recorded = enqueue(stream->get());
  const cudaError_t ended = api.StreamEndCapture(stream->get(), &graph);
  if (!recorded.ok()) api.GetLastError();  // reported here, and not an error of the next call
  return recorded.ok() ? ToStatus(api, ended, "ending the capture of a choice or a loop") : recorded;
}

}  // namespace

StatusOr<Conditional> NewConditional(const CudaApi& api, cudaStream_t stream) {
  MOULIN_ASSIGN_OR_RETURN(const CaptureInfo info, CaptureInfoOf(api, stream));
  Conditional conditional;
  if (info.graph == nullptr) return conditional;
  conditional.is_in_graph = true;
  MOULIN_RETURN_IF_ERROR(ToStatus(api, api.GraphConditionalHandleCreate(&conditional.handle, info.graph, 0, 0),
                                  "making a conditional handle"));
  return conditional;
}

Status AddConditionalNode(const CudaApi& api, cudaStream_t stream, const Conditional& conditional,
                          cudaGraphConditionalNodeType type, const std::vector<EnqueueBody>& bodies) {
  MOULIN_ASSIGN_OR_RETURN(const CaptureInfo info, CaptureInfoOf(api, stream));
  cudaGraphNodeParams params = {};
  params.type = cudaGraphNodeTypeConditional;
  params.conditional.handle = conditional.handle;
  params.conditional.type = type;
  params.conditional.size = static_cast<unsigned>(bodies.size());
  cudaGraphNode_t node = nullptr;
  MOULIN_RETURN_IF_ERROR(
      ToStatus(api, api.GraphAddNode(&node, info.graph, info.dependencies, nullptr, info.num_dependencies, &params),
               "adding a conditional node"));
  MOULIN_RETURN_IF_ERROR(
      ToStatus(api, api.StreamUpdateCaptureDependencies(stream, &node, nullptr, 1, cudaStreamSetCaptureDependencies),
               "waiting for a conditional node"));
  for (size_t i = 0; i < bodies.size(); ++i) {
    MOULIN_RETURN_IF_ERROR(CaptureBody(api, params.conditional.phGraph_out[i], bodies[i]));
  }
  return absl::OkStatus();
}

}  // namespace moulin::cuda
