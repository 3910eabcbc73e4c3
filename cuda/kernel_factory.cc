#include "cuda/kernel_factory.h"

namespace moulin::cuda {

KernelPtr NothingToDo() {
  return std::make_shared<SimpleKernel>("cuda nothing", [](const LaunchContext&) { return absl::OkStatus(); });
}

KernelFactory FactoryFor(OpKind kind) {
  switch (kind) {
    case OpKind::kMap:
      return MakeMapKernel;
    case OpKind::kReduce:
      return MakeReduceKernel;
    case OpKind::kArgReduce:
      return MakeArgReduceKernel;
    case OpKind::kScan:
      return MakeScanKernel;
    case OpKind::kSoftmax:
      return MakeSoftmaxKernel;
    case OpKind::kLayerNorm:
      return MakeLayerNormKernel;
    case OpKind::kBatchNorm:
      return MakeBatchNormKernel;
    case OpKind::kLocalResponseNorm:
      return MakeLocalResponseNormKernel;
    case OpKind::kResize:
      return MakeResizeKernel;
    case OpKind::kCropAndResize:
      return MakeCropAndResizeKernel;
    case OpKind::kNonMaxSuppression:
      return MakeNonMaxSuppressionKernel;
    case OpKind::kTopK:
      return MakeTopKKernel;
    case OpKind::kTranspose:
    case OpKind::kSlice:
    case OpKind::kStridedSlice:
    case OpKind::kStridedSliceUpdate:
    case OpKind::kSplit:
    case OpKind::kConcat:
    case OpKind::kPad:
    case OpKind::kBroadcast:
    case OpKind::kTile:
    case OpKind::kReverse:
    case OpKind::kReverseSequence:
    case OpKind::kRoll:
    case OpKind::kSpaceToBatch:
    case OpKind::kBatchToSpace:
    case OpKind::kSpaceToDepth:
    case OpKind::kDepthToSpace:
      return MakeMovementKernel;
    case OpKind::kConv:
      return MakeConvKernel;
    case OpKind::kConvTranspose:
      return MakeConvTransposeKernel;
    case OpKind::kContract:
      return MakeContractKernel;
    case OpKind::kAttention:
      return MakeAttentionKernel;
    case OpKind::kPool:
    case OpKind::kMaxPoolWithArgmax:
      return MakePoolKernel;
    case OpKind::kDilation:
    case OpKind::kPatches:
      return MakeWindowKernel;
    case OpKind::kGather:
    case OpKind::kGatherNd:
    case OpKind::kOneHot:
      return MakeGatherKernel;
    case OpKind::kScatterNd:
    case OpKind::kTensorScatter:
      return MakeScatterKernel;
    case OpKind::kSegmentReduce:
      return MakeSegmentReduceKernel;
    case OpKind::kMatrixBandPart:
    case OpKind::kMatrixDiag:
    case OpKind::kMatrixDiagPart:
    case OpKind::kMatrixSetDiag:
    case OpKind::kDiag:
    case OpKind::kDiagPart:
      return MakeMatrixKernel;
    case OpKind::kShapeOf:
    case OpKind::kSizeOfTensor:
    case OpKind::kRankOf:
    case OpKind::kBroadcastShapes:
    case OpKind::kRange:
    case OpKind::kLinSpace:
      return MakeShapeKernel;
    default:
      return nullptr;
  }
}

}  // namespace moulin::cuda
