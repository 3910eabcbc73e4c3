// Covered by tests/cuda/libraries/cudnn_test.cc.
#include "cuda/libraries/cudnn_graph.h"

#include <utility>

namespace moulin::cuda {
namespace {

// What every tensor of a plan's arena keeps to.
constexpr int64_t kTensorAlignment = 16;

cudnnDataType_t ComputeTypeOf(DType operands) { return operands == DType::kInt8 ? CUDNN_DATA_INT32 : CUDNN_DATA_FLOAT; }

}  // namespace

bool IsCudnnType(DType type) {
  return type == DType::kFloat32 || type == DType::kFloat16 || type == DType::kBFloat16 || type == DType::kInt8;
}

cudnnDataType_t CudnnType(DType type) {
  if (type == DType::kFloat16) return CUDNN_DATA_HALF;
  if (type == DType::kBFloat16) return CUDNN_DATA_BFLOAT16;
  if (type == DType::kInt8) return CUDNN_DATA_INT8;
  if (type == DType::kInt32) return CUDNN_DATA_INT32;
  return CUDNN_DATA_FLOAT;
}

CudnnDims ChannelsLastStrides(const CudnnDims& dims) {
  CudnnDims strides(dims.size(), 1);
  int64_t stride = dims[1];
  for (int i = static_cast<int>(dims.size()) - 1; i >= 2; --i) {
    strides[i] = stride;
    stride *= dims[i];
  }
  strides[0] = stride;
  return strides;
}

CudnnDims PackedStrides(const CudnnDims& dims) {
  CudnnDims strides(dims.size(), 1);
  for (int i = static_cast<int>(dims.size()) - 2; i >= 0; --i) strides[i] = strides[i + 1] * dims[i + 1];
  return strides;
}

CudnnDescriptor& CudnnGraphBuilder::New(cudnnBackendDescriptorType_t type) {
  graph_.parts.push_back(std::make_unique<CudnnDescriptor>(target_.api, type));
  return *graph_.parts.back();
}

void CudnnGraphBuilder::Finish(CudnnDescriptor& descriptor) { status_.Update(descriptor.Finalize()); }

int CudnnGraphBuilder::AddTensor(int64_t id, DType type, const CudnnDims& dims, const CudnnDims& strides,
                                 bool is_virtual, bool by_value) {
  CudnnDescriptor& tensor = New(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.SetType(CUDNN_ATTR_TENSOR_DATA_TYPE, CudnnType(type))
      .SetInts(CUDNN_ATTR_TENSOR_DIMENSIONS, dims)
      .SetInts(CUDNN_ATTR_TENSOR_STRIDES, strides)
      .SetInt(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
      .SetInt(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kTensorAlignment)
      .SetBool(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual);
  if (by_value) tensor.SetBool(CUDNN_ATTR_TENSOR_IS_BY_VALUE, true);
  Finish(tensor);
  tensors_.push_back({&tensor, type, dims, strides});
  return static_cast<int>(tensors_.size()) - 1;
}

int CudnnGraphBuilder::Tensor(CudnnTensorId id, DType type, const CudnnDims& dims, const CudnnDims& strides) {
  graph_.ids.push_back(id);
  return AddTensor(id, type, dims, strides, /*is_virtual=*/false, /*by_value=*/false);
}

int CudnnGraphBuilder::Virtual(const CudnnDims& dims, const CudnnDims& strides, DType type) {
  return AddTensor(next_virtual_++, type, dims, strides, /*is_virtual=*/true, /*by_value=*/false);
}

int CudnnGraphBuilder::Scalar(float value, int rank) {
  graph_.scale = value;
  const CudnnDims ones(rank, 1);
  return AddTensor(kCudnnScale, DType::kFloat32, ones, ones, /*is_virtual=*/false, /*by_value=*/true);
}

CudnnDescriptor& CudnnGraphBuilder::ConvolutionDescriptor(const CudnnWindows& windows, DType operands) {
  CudnnDescriptor& convolution = New(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  convolution.SetType(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, ComputeTypeOf(operands))
      .Set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode)
      .SetInt(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, static_cast<int64_t>(windows.strides.size()))
      .SetInts(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, windows.pad_before)
      .SetInts(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, windows.pad_after)
      .SetInts(CUDNN_ATTR_CONVOLUTION_DILATIONS, windows.dilations)
      .SetInts(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, windows.strides);
  Finish(convolution);
  return convolution;
}

void CudnnGraphBuilder::Convolution(int x, int w, int y, const CudnnWindows& windows) {
  const CudnnDescriptor& convolution = ConvolutionDescriptor(windows, tensors_[x].type);
  AddOperation(New(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, *tensors_[x].descriptor)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, *tensors_[w].descriptor)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, *tensors_[y].descriptor)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution)
                   .SetFloat(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1)
                   .SetFloat(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0));
}

void CudnnGraphBuilder::ConvolutionBackwardData(int dy, int w, int dx, const CudnnWindows& windows) {
  const CudnnDescriptor& convolution = ConvolutionDescriptor(windows, tensors_[dy].type);
  AddOperation(New(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, *tensors_[dy].descriptor)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, *tensors_[w].descriptor)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, *tensors_[dx].descriptor)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, convolution)
                   .SetFloat(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1)
                   .SetFloat(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0));
}

void CudnnGraphBuilder::Matmul(int a, int b, int y) {
  CudnnDescriptor& matmul = New(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  matmul.SetType(CUDNN_ATTR_MATMUL_COMP_TYPE, ComputeTypeOf(tensors_[a].type));
  Finish(matmul);
  AddOperation(New(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_MATMUL_ADESC, *tensors_[a].descriptor)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_MATMUL_BDESC, *tensors_[b].descriptor)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_MATMUL_CDESC, *tensors_[y].descriptor)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_MATMUL_DESC, matmul));
}

void CudnnGraphBuilder::AddPointwise(CudnnDescriptor& how, int x, std::optional<int> b, int y) {
  how.SetType(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  Finish(how);
  CudnnDescriptor& operation = New(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.SetDescriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how)
      .SetDescriptor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, *tensors_[x].descriptor);
  if (b.has_value()) operation.SetDescriptor(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *tensors_[*b].descriptor);
  AddOperation(operation.SetDescriptor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, *tensors_[y].descriptor));
}

void CudnnGraphBuilder::Pointwise(cudnnPointwiseMode_t mode, int x, std::optional<int> b, int y) {
  CudnnDescriptor& how = New(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  how.Set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
  AddPointwise(how, x, b, y);
}

void CudnnGraphBuilder::Activate(Activation activation, int x, int y) {
  cudnnPointwiseMode_t mode = CUDNN_POINTWISE_IDENTITY;
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kRelu:
    case Activation::kRelu6:
      mode = CUDNN_POINTWISE_RELU_FWD;
      break;
    case Activation::kSigmoid:
      mode = CUDNN_POINTWISE_SIGMOID_FWD;
      break;
    case Activation::kTanh:
      mode = CUDNN_POINTWISE_TANH_FWD;
      break;
    case Activation::kElu:
      mode = CUDNN_POINTWISE_ELU_FWD;
      break;
    case Activation::kGeluErf:
      mode = CUDNN_POINTWISE_GELU_FWD;
      break;
    case Activation::kGeluTanh:
      mode = CUDNN_POINTWISE_GELU_APPROX_TANH_FWD;
      break;
    case Activation::kSwish:
      mode = CUDNN_POINTWISE_SWISH_FWD;
      break;
  }
  CudnnDescriptor& how = New(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  how.Set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
  if (activation == Activation::kRelu6) how.SetDouble(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, 6);
  if (activation == Activation::kElu) how.SetDouble(CUDNN_ATTR_POINTWISE_ELU_ALPHA, 1);
  if (activation == Activation::kSwish) how.SetDouble(CUDNN_ATTR_POINTWISE_SWISH_BETA, 1);
  AddPointwise(how, x, std::nullopt, y);
}

void CudnnGraphBuilder::Reduce(cudnnReduceTensorOp_t op, int x, int y) {
  CudnnDescriptor& how = New(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  how.Set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &op)
      .SetType(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  Finish(how);
  AddOperation(New(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_REDUCTION_DESC, how)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, *tensors_[x].descriptor)
                   .SetDescriptor(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, *tensors_[y].descriptor));
}

void CudnnGraphBuilder::AddOperation(CudnnDescriptor& operation) {
  Finish(operation);
  operations_.push_back(operation.raw());
}

StatusOr<std::shared_ptr<const CudnnGraph>> CudnnGraphBuilder::Build() {
  if (!status_.ok()) return status_;
  graph_.operations = std::make_unique<CudnnDescriptor>(target_.api, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph_.operations->Set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                         static_cast<int64_t>(operations_.size()), operations_.data());
  if (target_.handle != nullptr) {
    graph_.operations->Set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &target_.handle);
  }
  if (Status status = graph_.operations->Finalize(); !status.ok()) return status;
  return std::make_shared<const CudnnGraph>(std::move(graph_));
}

}  // namespace moulin::cuda
