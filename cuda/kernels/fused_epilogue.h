// What own kernels of products and convolutions compute behind them: bias, residual, activation, in this order.
#ifndef MOULIN_CUDA_KERNELS_FUSED_EPILOGUE_H_
#define MOULIN_CUDA_KERNELS_FUSED_EPILOGUE_H_

namespace moulin::cuda {

// In the order of libraries/primitive_library.h's Activation.
enum class FusedActivation { kNone, kRelu, kRelu6, kSigmoid, kTanh, kElu, kGeluErf, kGeluTanh, kSwish };

// Tensors are of the result's type; null where there is none. Only floating types have epilogues.
struct FusedEpilogue {
  const void* bias = nullptr;      // one value a column or filter
  const void* residual = nullptr;  // laid out as the result
  FusedActivation activation = FusedActivation::kNone;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_FUSED_EPILOGUE_H_
