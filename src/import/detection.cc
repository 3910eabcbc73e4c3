// Non-maximum suppression. The versions differ in which thresholds are inputs and in what they give.
#include <limits>

#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

// The primitive with every operand; those that the version lacks are constants that change nothing.
void LowerNms(LoweringContext& c, int version, ValueId iou_threshold, ValueId score_threshold, ValueId sigma) {
  NonMaxSuppressionAttrs attrs;
  attrs.version = version;
  attrs.pad_to_max_output_size = c.Bool("pad_to_max_output_size", false);
  c.Outputs(c.b.AddMulti(OpKind::kNonMaxSuppression, attrs,
                         {c.input(0), c.input(1), c.input(2), iou_threshold, score_threshold, sigma}));
}

ValueId AnyScore(LoweringContext& c) {
  return c.b.Scalar(c.dtype(1), -std::numeric_limits<double>::infinity());
}

ValueId NoSigma(LoweringContext& c) { return c.b.Scalar(c.dtype(1), 0); }

void LowerNmsV1(LoweringContext& c) {
  LowerNms(c, 1, c.b.Scalar(DType::kFloat32, c.Float("iou_threshold", 0.5f)), AnyScore(c), NoSigma(c));
}

void LowerNmsV2(LoweringContext& c) { LowerNms(c, 2, c.input(3), AnyScore(c), NoSigma(c)); }
void LowerNmsV3(LoweringContext& c) { LowerNms(c, 3, c.input(3), c.input(4), NoSigma(c)); }
void LowerNmsV4(LoweringContext& c) { LowerNms(c, 4, c.input(3), c.input(4), NoSigma(c)); }
void LowerNmsV5(LoweringContext& c) { LowerNms(c, 5, c.input(3), c.input(4), c.input(5)); }

constexpr OpLowering kRows[] = {
    {"NonMaxSuppression", 3, 3, LowerNmsV1},
    {"NonMaxSuppressionV2", 4, 4, LowerNmsV2},
    {"NonMaxSuppressionV3", 5, 5, LowerNmsV3},
    {"NonMaxSuppressionV4", 5, 5, LowerNmsV4},
    {"NonMaxSuppressionV5", 6, 6, LowerNmsV5},
};

}  // namespace

absl::Span<const OpLowering> DetectionLowerings() { return kRows; }

}  // namespace moulin
