// Problems as graphs of cuDNN operations.
#ifndef MOULIN_CUDA_LIBRARIES_CUDNN_PROBLEMS_H_
#define MOULIN_CUDA_LIBRARIES_CUDNN_PROBLEMS_H_

#include <memory>

#include "cuda/libraries/cudnn_graph.h"

namespace moulin::cuda {

// Errors where cuDNN has no such graph.
StatusOr<std::shared_ptr<const CudnnGraph>> ConvolutionGraph(const CudnnTarget& target, const ConvProblem& problem);
StatusOr<std::shared_ptr<const CudnnGraph>> MatmulGraph(const CudnnTarget& target, const MatmulProblem& problem);
StatusOr<std::shared_ptr<const CudnnGraph>> AttentionGraph(const CudnnTarget& target, const AttentionProblem& problem);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_CUDNN_PROBLEMS_H_
