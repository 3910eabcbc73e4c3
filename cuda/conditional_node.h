// Choices and loops within a graph that is being captured: CUDA's conditional nodes.
#ifndef MOULIN_CUDA_CONDITIONAL_NODE_H_
#define MOULIN_CUDA_CONDITIONAL_NODE_H_

#include <functional>
#include <vector>

#include "cuda/kernels/control.h"
#include "cuda/runtime/cuda_api.h"
#include "moulin/status.h"

namespace moulin::cuda {

// Enqueues what a conditional node runs, on a stream that captures it.
using EnqueueBody = std::function<Status(cudaStream_t stream)>;

// What a kernel on `stream` is to set, for a node of the graph that the stream captures into.
StatusOr<Conditional> NewConditional(const CudaApi& api, cudaStream_t stream);

// Appends a node to what `stream` captures, and captures its bodies: of cudaGraphCondTypeWhile the only one runs as
// long as `conditional` is set to 1, of cudaGraphCondTypeSwitch the one whose number it is set to. A kernel in front of
// the node has to set it, and one in the body of a loop has to set it anew.
Status AddConditionalNode(const CudaApi& api, cudaStream_t stream, const Conditional& conditional,
                          cudaGraphConditionalNodeType type, const std::vector<EnqueueBody>& bodies);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CONDITIONAL_NODE_H_
