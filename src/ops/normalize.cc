// Normalisations. Tests: tests/ops/normalize_test.cc.
#include "ops/axes.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

Status CheckFloating(DType type) {
  if (IsFloating(type)) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, "a normalisation needs a floating type, got ", ShortName(type));
}

// Each of the inputs [1, num_inputs) must be a vector of `size` elements.
Status CheckChannelVectors(const InferContext& c, int64_t size, DType type) {
  for (int i = 1; i < c.num_inputs(); ++i) {
    MOULIN_RETURN_IF_ERROR(CheckSameType(type, c.dtype(i), "a normalisation's parameter"));
    MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(i), 1, "a normalisation's parameter"));
    if (c.shape(i).has_rank()) {
      MOULIN_RETURN_IF_ERROR(MergeDims(size, c.shape(i).dim(0), "a normalisation's parameter").status());
    }
  }
  return absl::OkStatus();
}

// TensorFlow keeps the parameters of a float16 or bfloat16 normalisation in float.
DType ParameterType(const InferContext& c) {
  const bool small = c.dtype(0) == DType::kFloat16 || c.dtype(0) == DType::kBFloat16;
  return small && c.dtype(1) == DType::kFloat32 ? DType::kFloat32 : c.dtype(0);
}

Status InferBatchNorm(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckFloating(c.dtype(0)));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 2, "the operand"));
  const int channel_axis = c.attr<BatchNormAttrs>().channels_last ? x.rank() - 1 : 1;
  const int64_t channels = x.has_rank() ? x.dim(channel_axis) : kUnknownDim;
  MOULIN_RETURN_IF_ERROR(CheckChannelVectors(c, channels, ParameterType(c)));
  return AddOutput(c, c.dtype(0), x);
}

Status InferLayerNorm(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckFloating(c.dtype(0)));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 1, "the operand"));
  MOULIN_RETURN_IF_ERROR(CheckChannelVectors(c, x.has_rank() ? x.dim(x.rank() - 1) : kUnknownDim, ParameterType(c)));
  return AddOutput(c, c.dtype(0), x);
}

Status InferSoftmax(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckFloating(c.dtype(0)));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), 1, "the operand"));
  return AddOutput(c, c.dtype(0), c.shape(0));
}

Status InferLocalResponseNorm(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckFloating(c.dtype(0)));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 4, "the operand"));
  if (c.attr<LocalResponseNormAttrs>().radius < 0) {
    return MakeError(ErrorCode::kAttribute, "the radius is ", c.attr<LocalResponseNormAttrs>().radius,
                     ": expected 0 or more");
  }
  return AddOutput(c, c.dtype(0), c.shape(0));
}

//KERNELS

constexpr OpDef kOps[] = {
    {OpKind::kBatchNorm, 5, 5, InferBatchNorm, nullptr},
    {OpKind::kLayerNorm, 3, 3, InferLayerNorm, nullptr},
    {OpKind::kSoftmax, 1, 1, InferSoftmax, nullptr},
    {OpKind::kLocalResponseNorm, 1, 1, InferLocalResponseNorm, nullptr},
};

}  // namespace

absl::Span<const OpDef> NormalizeOps() { return kOps; }

}  // namespace moulin
