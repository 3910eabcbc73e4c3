// Building graphs of cuDNN operations: tensors and the operations between them.
#ifndef MOULIN_CUDA_LIBRARIES_CUDNN_GRAPH_H_
#define MOULIN_CUDA_LIBRARIES_CUDNN_GRAPH_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "cuda/libraries/cudnn_descriptor.h"
#include "cuda/libraries/primitive_library.h"

namespace moulin::cuda {

using CudnnDims = absl::InlinedVector<int64_t, 5>;

// Where a graph is compiled for: a handle of a real device, or the properties of one that need not be there.
struct CudnnTarget {
  std::shared_ptr<const CudnnApi> api;
  cudnnHandle_t handle = nullptr;               // null where there is no device
  std::shared_ptr<CudnnDescriptor> properties;  // of the device, where there is no handle
};

// How a tensor is bound when a graph runs: its number in cuDNN's variant pack.
enum CudnnTensorId : int64_t {
  kCudnnX = 1,
  kCudnnW,
  kCudnnV,
  kCudnnBias,
  kCudnnResidual,
  kCudnnMask,
  kCudnnFactors,
  kCudnnSteps,
  kCudnnY,
  kCudnnScale,  // attention's, by value
  kCudnnFirstVirtual = 100,
};

struct CudnnWindows {
  CudnnDims pad_before, pad_after, strides, dilations;
};

// A finalised graph of operations, and what it keeps alive.
struct CudnnGraph {
  std::vector<std::unique_ptr<CudnnDescriptor>> parts;
  std::unique_ptr<CudnnDescriptor> operations;
  std::vector<int64_t> ids;    // of the tensors to be bound, by value ones not among them
  std::optional<float> scale;  // the value of kCudnnScale
};

cudnnDataType_t CudnnType(DType type);
// Whether cuDNN is given operands of this type.
bool IsCudnnType(DType type);

// Row-major strides for dims [n, c, spatial...] stored with the channels innermost.
CudnnDims ChannelsLastStrides(const CudnnDims& dims);
CudnnDims PackedStrides(const CudnnDims& dims);

// Tensors are known by the numbers that the methods return. The first error is kept until Build.
class CudnnGraphBuilder {
 public:
  explicit CudnnGraphBuilder(const CudnnTarget& target) : target_(target) {}

  int Tensor(CudnnTensorId id, DType type, const CudnnDims& dims, const CudnnDims& strides);
  // A tensor between two operations, float32.
  int Virtual(const CudnnDims& dims, const CudnnDims& strides, DType type = DType::kFloat32);
  // A float32 scalar of this rank whose value is a part of the graph.
  int Scalar(float value, int rank);

  void Convolution(int x, int w, int y, const CudnnWindows& windows);
  // dx = the gradient of a convolution from dx to dy.
  void ConvolutionBackwardData(int dy, int w, int dx, const CudnnWindows& windows);
  void Matmul(int a, int b, int y);
  // y = mode(x) or mode(x, b)
  void Pointwise(cudnnPointwiseMode_t mode, int x, std::optional<int> b, int y);
  void Activate(Activation activation, int x, int y);
  void Reduce(cudnnReduceTensorOp_t op, int x, int y);

  const CudnnDims& dims(int tensor) const { return tensors_[tensor].dims; }
  const CudnnDims& strides(int tensor) const { return tensors_[tensor].strides; }
  StatusOr<std::shared_ptr<const CudnnGraph>> Build();

 private:
  struct Tensors {
    CudnnDescriptor* descriptor;
    DType type;
    CudnnDims dims, strides;
  };
  CudnnDescriptor& New(cudnnBackendDescriptorType_t type);
  void Finish(CudnnDescriptor& descriptor);
  int AddTensor(int64_t id, DType type, const CudnnDims& dims, const CudnnDims& strides, bool is_virtual,
                bool by_value);
  CudnnDescriptor& ConvolutionDescriptor(const CudnnWindows& windows, DType operands);
  void AddPointwise(CudnnDescriptor& how, int x, std::optional<int> b, int y);
  void AddOperation(CudnnDescriptor& operation);

  const CudnnTarget target_;
  CudnnGraph graph_;
  std::vector<Tensors> tensors_;
  std::vector<cudnnBackendDescriptor_t> operations_;
  int64_t next_virtual_ = kCudnnFirstVirtual;
  Status status_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_CUDNN_GRAPH_H_
