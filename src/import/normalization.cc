// Batch normalisation (with given statistics, or with those of the batch), softmax, the losses over it, and local
// response normalisation.
#include <cmath>

#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

bool ReadEpsilon(LoweringContext& c, double* epsilon) {
  *epsilon = c.Float("epsilon", 0.0001f);
  if (std::isfinite(*epsilon) && *epsilon >= 0) return c.b.ok();
  c.BadAttr("epsilon", absl::StrCat("should be a finite number of at least 0, found ", *epsilon));
  return false;
}

// data_format of a batch norm, which serves images and volumes alike; it tells the rank too.
bool ReadAnyDataFormat(LoweringContext& c, bool* channels_last, int* rank) {
  const std::string format = c.String("data_format", "NHWC");
  *channels_last = format == "NHWC" || format == "NDHWC";
  *rank = c.shape(0).has_rank() ? c.shape(0).rank() : static_cast<int>(format.size());
  if (*channels_last || format == "NCHW" || format == "NCDHW") return true;
  c.BadAttr("data_format", absl::StrCat("should be NHWC, NCHW, NDHWC or NCDHW, found \"", Printable(format), "\""));
  return false;
}

struct Moments {
  ValueId y, mean, variance;  // the variance as the mean of squares, uncorrected
  ValueId count;              // elements of each mean, a scalar of the moments' type
};

// Normalises by the statistics of the batch. They, scale and offset are float where x is a half type.
Moments NormalizeByBatch(LoweringContext& c, int rank, bool channels_last, double epsilon) {
  GraphBuilder& b = c.b;
  const int channel = channels_last ? rank - 1 : 1;
  std::vector<int64_t> axes;
  std::vector<ValueId> counts;
  for (int axis = 0; axis < rank; ++axis) {
    if (axis == channel) continue;
    axes.push_back(axis);
    counts.push_back(DimOf(b, c.input(0), axis));
  }
  std::vector<ValueId> broadcast(rank, b.Ints({1}));
  broadcast[channel] = DimOf(b, c.input(0), channel);
  const auto along_channel = [&](ValueId v) { return Term(b, ReshapeTo(b, v, broadcast)); };

  Moments m;
  const Term x = Term(b, c.input(0)).Cast(c.dtype(1));
  m.mean = b.Reduce(ReduceOp::kMean, x, axes, false);
  const Term centered = x - along_channel(m.mean);
  m.variance = b.Reduce(ReduceOp::kMean, centered * centered, axes, false);
  m.count = b.Cast(ScalarFrom(b, ProductOf(b, counts)), b.dtype(m.mean));
  const Term factor = (Term(b, m.variance) + epsilon).Apply(ExprOp::kRsqrt) * Term(b, c.input(1));
  m.y = (centered * along_channel(factor) + along_channel(c.input(2))).Cast(c.dtype(0));
  return m;
}

// What `exponential_avg_factor` makes of a running statistic.
ValueId UpdateRunning(LoweringContext& c, ValueId running, ValueId batch) {
  const float factor = c.Float("exponential_avg_factor", 1.0f);
  if (factor == 1.0f) return batch;
  return Term(c.b, running) * (1.0 - factor) + Term(c.b, batch) * static_cast<double>(factor);
}

void LowerTrainingBatchNorm(LoweringContext& c, int rank, bool channels_last, double epsilon) {
  if (c.shape(0).has_rank() && !RankIsOneOf(c, 0, {4, 5})) return;
  GraphBuilder& b = c.b;
  const int64_t channels = c.shape(0).has_rank() ? c.shape(0).dim(channels_last ? rank - 1 : 1) : kUnknownDim;
  for (int i = 1; i <= 2; ++i) {
    if (channels == kUnknownDim || c.shape(i).Accepts(Shape{channels})) continue;
    b.Fail(MakeError(ErrorCode::kShape, "input ", i, " should have the ", channels, " channels of input 0, found ",
                     c.shape(i).ToString()));
    return;
  }
  const Moments m = NormalizeByBatch(c, rank, channels_last, epsilon);
  // The variance given out is the unbiased estimate; that kept for the gradient is not.
  const Term count(b, m.count);
  const Term unbiased = Term(b, m.variance) * (count / (count - 1.0).Max(1));
  c.Outputs({m.y, UpdateRunning(c, c.input(3), m.mean), UpdateRunning(c, c.input(4), unbiased), m.mean, m.variance});
}

void LowerFusedBatchNorm(LoweringContext& c) {
  BatchNormAttrs attrs;
  int rank;
  if (!ReadEpsilon(c, &attrs.epsilon) || !ReadAnyDataFormat(c, &attrs.channels_last, &rank)) return;
  if (c.Bool("is_training", true)) {
    LowerTrainingBatchNorm(c, rank, attrs.channels_last, attrs.epsilon);
  } else {
    const ValueId y = c.b.Add(OpKind::kBatchNorm, attrs, c.inputs());
    c.Outputs({y, c.input(3), c.input(4), c.input(3), c.input(4)});
  }
  // A further reserve space is private to the gradient, which needs nothing of it.
  if (c.op() == "FusedBatchNormV3") c.Output(c.b.Scalar(c.dtype(3), 0));
}

// FusedBatchNormV3 with something added to the result and an activation behind it; inference only.
void LowerFusedBatchNormEx(LoweringContext& c) {
  BatchNormAttrs attrs;
  int rank;
  if (!ReadEpsilon(c, &attrs.epsilon) || !ReadAnyDataFormat(c, &attrs.channels_last, &rank)) return;
  if (c.Bool("is_training", true)) {
    c.Unsupported("is_training of a fused batch norm with activation");
    return;
  }
  GraphBuilder& b = c.b;
  ValueId y = b.Add(OpKind::kBatchNorm, attrs, c.inputs().subspan(0, 5));
  for (int i = 5; i < c.num_inputs(); ++i) y = b.Binary(ExprOp::kAdd, y, c.input(i));
  const std::string activation = c.String("activation_mode", "Identity");
  const ValueId z = ApplyActivation(b, activation, y, 0.2);
  if (z == kNoId && b.ok()) {
    c.Unsupported(absl::StrCat("activation_mode \"", Printable(activation), "\""));
    return;
  }
  c.Outputs({z, c.input(3), c.input(4), c.input(3), c.input(4), kNoId});
}

void LowerGlobalBatchNorm(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const Term x(b, c.input(0)), mean(b, c.input(1)), variance(b, c.input(2)), beta(b, c.input(3)), gamma(b, c.input(4));
  Term factor = (variance + static_cast<double>(c.Float("variance_epsilon", 0.001f))).Apply(ExprOp::kRsqrt);
  if (c.Bool("scale_after_normalization", true)) factor = factor * gamma;
  c.Output((x - mean) * factor + beta);
}

template <bool log>
void LowerSoftmax(LoweringContext& c) {
  c.Output(c.b.Add(OpKind::kSoftmax, SoftmaxAttrs{log}, {c.input(0)}));
}

void LowerLrn(LoweringContext& c) {
  LocalResponseNormAttrs attrs;
  attrs.radius = c.Int("depth_radius", 5);
  attrs.bias = c.Float("bias", 1);
  attrs.alpha = c.Float("alpha", 1);
  attrs.beta = c.Float("beta", 0.5f);
  if (attrs.radius < 0) {
    c.BadAttr("depth_radius", absl::StrCat("should be at least 0, found ", attrs.radius));
    return;
  }
  c.Output(c.b.Add(OpKind::kLocalResponseNorm, attrs, {c.input(0)}));
}

// -> loss of each row, gradient of the loss by the logits.
void LowerSoftmaxCrossEntropy(LoweringContext& c) {
  GraphBuilder& b = c.b;
  // Either may have one row or column that stands for all.
  ValueId logits = c.input(0);
  if (!(c.shape(0) == c.shape(1) && c.shape(0).IsFullyKnown())) {
    const ValueId shape = b.Add(OpKind::kBroadcastShapes, NoAttrs{}, {b.ShapeOf(c.input(0)), b.ShapeOf(c.input(1))});
    logits = b.Add(OpKind::kBroadcast, NoAttrs{}, {logits, shape});
  }
  const Term labels(b, c.input(1));
  const Term log_softmax(b, b.Add(OpKind::kSoftmax, SoftmaxAttrs{true}, {logits}));
  const Term softmax(b, b.Add(OpKind::kSoftmax, SoftmaxAttrs{false}, {logits}));
  c.Output(b.Reduce(ReduceOp::kSum, -(labels * log_softmax), {1}, false));
  c.Output(softmax - labels);
}

void LowerSparseSoftmaxCrossEntropy(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const ValueId logits = c.input(0), labels = c.input(1);
  const Term log_softmax(b, b.Add(OpKind::kSoftmax, SoftmaxAttrs{true}, {logits}));
  const Term softmax(b, b.Add(OpKind::kSoftmax, SoftmaxAttrs{false}, {logits}));
  const ValueId column = b.ExpandDims(labels, 1);
  const ValueId picked = b.Add(OpKind::kGather, GatherAttrs{1}, {log_softmax, column, b.Int(1)});
  const ValueId depth = ScalarFrom(b, DimOf(b, logits, 1));
  const Term one_hot(
      b, b.Add(OpKind::kOneHot, OneHotAttrs{}, {labels, depth, b.ScalarLike(logits, 1), b.ScalarLike(logits, 0)}));
  c.Output(-Term(b, b.Squeeze(picked, {1})));
  c.Output(softmax - one_hot);
}

constexpr OpLowering kNormalizationLowerings[] = {
    {"FusedBatchNorm", 5, 5, LowerFusedBatchNorm},
    {"FusedBatchNormV2", 5, 5, LowerFusedBatchNorm},
    {"FusedBatchNormV3", 5, 5, LowerFusedBatchNorm},
    {"_FusedBatchNormEx", 5, 6, LowerFusedBatchNormEx},
    {"BatchNormWithGlobalNormalization", 5, 5, LowerGlobalBatchNorm},
    {"Softmax", 1, 1, LowerSoftmax<false>},
    {"LogSoftmax", 1, 1, LowerSoftmax<true>},
    {"LRN", 1, 1, LowerLrn},
    {"SoftmaxCrossEntropyWithLogits", 2, 2, LowerSoftmaxCrossEntropy},
    {"SparseSoftmaxCrossEntropyWithLogits", 2, 2, LowerSparseSoftmaxCrossEntropy},
};

}  // namespace

absl::Span<const OpLowering> NormalizationLowerings() { return kNormalizationLowerings; }

}  // namespace moulin
