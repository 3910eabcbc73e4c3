// Covered by tests/cuda/libraries/cudnn_test.cc.
#include "cuda/libraries/cudnn_problems.h"

#include <algorithm>

#include "base/errors.h"

namespace moulin::cuda {
namespace {

// [n, spatial..., c] in cuDNN's order [n, c, spatial...]; one spatial axis becomes two, the first of size 1.
CudnnDims ChannelsSecond(const Shape& shape) {
  CudnnDims dims = {shape[0], shape[shape.rank() - 1]};
  if (shape.rank() == 3) dims.push_back(1);
  for (int i = 1; i < shape.rank() - 1; ++i) dims.push_back(shape[i]);
  return dims;
}

CudnnDims Spatial(const SpatialDims& values, int64_t of_added_axis) {
  CudnnDims dims;
  if (values.size() == 1) dims.push_back(of_added_axis);
  dims.insert(dims.end(), values.begin(), values.end());
  return dims;
}

// Adds what follows a product, step by step: `product` must be virtual unless nothing follows.
class EpilogueChain {
 public:
  EpilogueChain(CudnnGraphBuilder& builder, const LibraryEpilogue& epilogue, int product, int y)
      : builder_(builder), value_(product), y_(y) {
    const bool scales_result = epilogue.scaling.has_value() && epilogue.scaling->result == DType::kInt8;
    steps_ = epilogue.scaling.has_value() + epilogue.bias + epilogue.residual +
             (epilogue.activation != Activation::kNone) + scales_result;
  }

  void Combine(cudnnPointwiseMode_t mode, int operand) {
    const int result = Next();
    builder_.Pointwise(mode, value_, operand, result);
    value_ = result;
  }
  void Activate(Activation activation) {
    const int result = Next();
    builder_.Activate(activation, value_, result);
    value_ = result;
  }

 private:
  // The last step's result is y.
  int Next() { return --steps_ == 0 ? y_ : builder_.Virtual(builder_.dims(y_), builder_.strides(y_)); }

  CudnnGraphBuilder& builder_;
  int value_;
  const int y_;
  int steps_;
};

// `channel_dims`: of a tensor with one value a filter or column.
void AddEpilogue(CudnnGraphBuilder& builder, DType type, const LibraryEpilogue& epilogue, const CudnnDims& channel_dims,
                 const CudnnDims& channel_strides, int product, int y) {
  const bool is_scaled = epilogue.scaling.has_value();
  EpilogueChain chain(builder, epilogue, product, y);
  if (is_scaled) {
    chain.Combine(CUDNN_POINTWISE_MUL, builder.Tensor(kCudnnFactors, DType::kFloat32, channel_dims, channel_strides));
  }
  if (epilogue.bias) {
    const DType bias_type = is_scaled ? DType::kFloat32 : type;
    chain.Combine(CUDNN_POINTWISE_ADD, builder.Tensor(kCudnnBias, bias_type, channel_dims, channel_strides));
  }
  if (epilogue.residual) {
    const DType residual_type = is_scaled ? epilogue.scaling->residual : type;
    chain.Combine(CUDNN_POINTWISE_ADD,
                  builder.Tensor(kCudnnResidual, residual_type, builder.dims(y), builder.strides(y)));
  }
  if (epilogue.activation != Activation::kNone) chain.Activate(epilogue.activation);
  if (is_scaled && epilogue.scaling->result == DType::kInt8) {
    const CudnnDims ones(channel_dims.size(), 1);
    chain.Combine(CUDNN_POINTWISE_MUL, builder.Tensor(kCudnnSteps, DType::kFloat32, ones, ones));
  }
}

}  // namespace

StatusOr<std::shared_ptr<const CudnnGraph>> ConvolutionGraph(const CudnnTarget& target, const ConvProblem& problem) {
  CudnnGraphBuilder builder(target);
  const CudnnDims x_dims = ChannelsSecond(problem.x), w_dims = ChannelsSecond(problem.filter),
                  y_dims = ChannelsSecond(problem.y);
  const CudnnWindows windows{Spatial(problem.pad_before, 0), Spatial(problem.pad_after, 0), Spatial(problem.strides, 1),
                             Spatial(problem.dilations, 1)};
  const int x = builder.Tensor(kCudnnX, problem.type, x_dims, ChannelsLastStrides(x_dims));
  const int w = builder.Tensor(kCudnnW, problem.type, w_dims, ChannelsLastStrides(w_dims));
  const CudnnDims y_strides = ChannelsLastStrides(y_dims);
  const int y = builder.Tensor(kCudnnY, ResultTypeOf(problem.type, problem.epilogue), y_dims, y_strides);
  const int product = problem.epilogue == LibraryEpilogue() ? y : builder.Virtual(y_dims, y_strides);
  if (problem.transposed) {
    builder.ConvolutionBackwardData(x, w, product, windows);
  } else {
    builder.Convolution(x, w, product, windows);
  }
  CudnnDims bias_dims(y_dims.size(), 1);
  bias_dims[1] = y_dims[1];
  AddEpilogue(builder, problem.type, problem.epilogue, bias_dims, ChannelsLastStrides(bias_dims), product, y);
  return builder.Build();
}

StatusOr<std::shared_ptr<const CudnnGraph>> MatmulGraph(const CudnnTarget& target, const MatmulProblem& p) {
  CudnnGraphBuilder builder(target);
  const auto operand = [&](CudnnTensorId id, int64_t rows, int64_t cols, bool transposed, bool broadcast) {
    const CudnnDims dims = {broadcast ? 1 : p.batch, rows, cols};
    const CudnnDims strides = {rows * cols, transposed ? 1 : cols, transposed ? rows : 1};
    return builder.Tensor(id, p.type, dims, strides);
  };
  const int a = operand(kCudnnX, p.m, p.k, p.transpose_a, p.broadcast_a);
  const int b = operand(kCudnnW, p.k, p.n, p.transpose_b, p.broadcast_b);
  const CudnnDims y_dims = {p.batch, p.m, p.n};
  const int y = builder.Tensor(kCudnnY, ResultTypeOf(p.type, p.epilogue), y_dims, PackedStrides(y_dims));
  const int product = p.epilogue == LibraryEpilogue() ? y : builder.Virtual(y_dims, PackedStrides(y_dims));
  builder.Matmul(a, b, product);
  AddEpilogue(builder, p.type, p.epilogue, {1, 1, p.n}, {p.n, p.n, 1}, product, y);
  return builder.Build();
}

// The chain that cuDNN recognises as one flash-attention kernel: scores, scaled and masked; softmax by its parts; the
// product with the values.
StatusOr<std::shared_ptr<const CudnnGraph>> AttentionGraph(const CudnnTarget& target, const AttentionProblem& p) {
  CudnnGraphBuilder builder(target);
  const CudnnDims q_dims = {p.batch, p.heads, p.m, p.d}, k_dims = {p.batch, p.heads, p.n, p.d};
  const CudnnDims kt_dims = {p.batch, p.heads, p.d, p.n}, v_dims = {p.batch, p.heads, p.n, p.e};
  const CudnnDims s_dims = {p.batch, p.heads, p.m, p.n}, row_dims = {p.batch, p.heads, p.m, 1};
  const CudnnDims y_dims = {p.batch, p.heads, p.m, p.e};
  CudnnDims kt_strides = PackedStrides(k_dims);
  std::swap(kt_strides[2], kt_strides[3]);
  const CudnnDims s_strides = PackedStrides(s_dims), row_strides = PackedStrides(row_dims);
  const auto scores = [&] { return builder.Virtual(s_dims, s_strides); };

  const int q = builder.Tensor(kCudnnX, p.type, q_dims, PackedStrides(q_dims));
  const int k = builder.Tensor(kCudnnW, p.type, kt_dims, kt_strides);
  const int v = builder.Tensor(kCudnnV, p.type, v_dims, PackedStrides(v_dims));
  const int y = builder.Tensor(kCudnnY, p.type, y_dims, PackedStrides(y_dims));
  int value = scores();
  builder.Matmul(q, k, value);
  const int scaled = scores();
  builder.Pointwise(CUDNN_POINTWISE_MUL, value, builder.Scalar(static_cast<float>(p.scale), 4), scaled);
  value = scaled;
  if (p.has_mask) {
    CudnnDims mask_dims(p.mask.dims().begin(), p.mask.dims().end());
    const int mask = builder.Tensor(kCudnnMask, p.type, mask_dims, PackedStrides(mask_dims));
    const int masked = scores();
    builder.Pointwise(CUDNN_POINTWISE_ADD, value, mask, masked);
    value = masked;
  }
  const int max = builder.Virtual(row_dims, row_strides), sum = builder.Virtual(row_dims, row_strides);
  const int shifted = scores(), exponential = scores();
  const int softmax = builder.Virtual(s_dims, s_strides, p.type);  // the product's operand: the scores are rounded
  builder.Reduce(CUDNN_REDUCE_TENSOR_MAX, value, max);
  builder.Pointwise(CUDNN_POINTWISE_SUB, value, max, shifted);
  builder.Pointwise(CUDNN_POINTWISE_EXP, shifted, std::nullopt, exponential);
  builder.Reduce(CUDNN_REDUCE_TENSOR_ADD, exponential, sum);
  // The logarithm of the sums, which nobody reads: cuDNN 9.19 takes no chain without it.
  const int log_sum = builder.Virtual(row_dims, row_strides), statistics = builder.Virtual(row_dims, row_strides);
  builder.Pointwise(CUDNN_POINTWISE_LOG, sum, std::nullopt, log_sum);
  builder.Pointwise(CUDNN_POINTWISE_ADD, max, log_sum, statistics);
  builder.Pointwise(CUDNN_POINTWISE_DIV, exponential, sum, softmax);
  builder.Matmul(softmax, v, y);
  return builder.Build();
}

}  // namespace moulin::cuda
