// Non-maximum suppression. The versions differ in which thresholds are inputs and in what they give; the combined one
// is one suppression for each class of each image, laid out one after another, of which the best are kept.
#include <algorithm>
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

ValueId AnyScore(LoweringContext& c) { return c.b.Scalar(c.dtype(1), -std::numeric_limits<double>::infinity()); }

ValueId NoSigma(LoweringContext& c) { return c.b.Scalar(c.dtype(1), 0); }

void LowerNmsV1(LoweringContext& c) {
  LowerNms(c, 1, c.b.Scalar(DType::kFloat32, c.Float("iou_threshold", 0.5f)), AnyScore(c), NoSigma(c));
}

void LowerNmsV2(LoweringContext& c) { LowerNms(c, 2, c.input(3), AnyScore(c), NoSigma(c)); }
void LowerNmsV3(LoweringContext& c) { LowerNms(c, 3, c.input(3), c.input(4), NoSigma(c)); }
void LowerNmsV4(LoweringContext& c) { LowerNms(c, 4, c.input(3), c.input(4), NoSigma(c)); }
void LowerNmsV5(LoweringContext& c) { LowerNms(c, 5, c.input(3), c.input(4), c.input(5)); }

// --- CombinedNonMaxSuppression ---

constexpr int64_t kMostSuppressions = 4096;

struct CombinedNms {
  int64_t batch = 0, classes = 0;
  int64_t box_classes = 1;  // 1 where all classes share the boxes
  int64_t per_class = 0;    // results kept of a class
  int64_t total = 0;        // rows of the result
  ValueId iou_threshold = kNoId, score_threshold = kNoId;
};

// Of one image: boxes, scores and classes of the results, and how many there are.
struct Detections {
  ValueId boxes, scores, classes, count;
};

bool ReadSize(LoweringContext& c, int i, absl::string_view what, int64_t* size) {
  const std::vector<int64_t> values = c.ConstantInts(i);
  if (!c.b.ok()) return false;
  if (values.size() == 1 && values[0] > 0 && values[0] <= INT32_MAX) {
    *size = values[0];
    return true;
  }
  c.BadAttr(what, "should be one number above 0");
  return false;
}

bool ReadCombined(LoweringContext& c, CombinedNms* nms) {
  if (!RankIsOneOf(c, 0, {4}) || !RankIsOneOf(c, 1, {3})) return false;
  nms->batch = c.shape(1).dim(0);
  nms->classes = c.shape(1).dim(2);
  nms->box_classes = c.shape(0).dim(2);
  if (nms->batch == kUnknownDim || nms->classes == kUnknownDim || nms->box_classes == kUnknownDim) {
    c.NotYet("the number of images or classes is not known");
    return false;
  }
  if (nms->batch < 1 || nms->classes < 1) {
    c.Unsupported("no images or no classes");
    return false;
  }
  if (nms->box_classes != 1 && nms->box_classes != nms->classes) {
    c.b.Fail(MakeError(ErrorCode::kShape, "boxes should be for 1 or ", nms->classes, " classes, found ",
                       c.shape(0).ToString()));
    return false;
  }
  if (nms->batch * nms->classes > kMostSuppressions) {
    c.Unsupported(absl::StrCat("more than ", kMostSuppressions, " classes of all images together"));
    return false;
  }
  if (!ReadSize(c, 2, "max_output_size_per_class", &nms->per_class)) return false;
  if (!ReadSize(c, 3, "max_total_size", &nms->total)) return false;
  if (c.Bool("pad_per_class", false)) nms->total = std::min(nms->total, nms->per_class * nms->classes);
  if (c.shape(1).dim(1) >= 0) nms->per_class = std::min(nms->per_class, c.shape(1).dim(1));
  nms->iou_threshold = c.input(4);
  nms->score_threshold = c.input(5);
  return c.b.ok();
}

// x[image, :, column, ...].
ValueId OfClass(GraphBuilder& b, ValueId x, int64_t image, int64_t column) {
  return b.Squeeze(SliceAxis(b, SliceAxis(b, x, 0, image, 1), 2, column, 1), {0, 2});
}

// The survivors of one class, padded to `per_class` rows; the scores of padding are below all others.
Detections DetectClass(LoweringContext& c, const CombinedNms& nms, int64_t image, int64_t index) {
  GraphBuilder& b = c.b;
  const ValueId boxes = OfClass(b, c.input(0), image, nms.box_classes == 1 ? 0 : index);
  const ValueId scores = OfClass(b, c.input(1), image, index);
  const NonMaxSuppressionAttrs attrs{4, true};
  const std::vector<ValueId> kept =
      b.AddMulti(OpKind::kNonMaxSuppression, attrs,
                 {boxes, scores, b.Int(nms.per_class), nms.iou_threshold, nms.score_threshold, NoSigma(c)});
  if (!b.ok()) return {kNoId, kNoId, kNoId, kNoId};
  const Term count = Term(b, kept[1]).Cast(DType::kInt64);
  const Term row(b, b.Add(OpKind::kRange, NoAttrs{}, {b.Int(0), b.Int(nms.per_class), b.Int(1)}));
  const Term score(b, GatherRows(b, scores, kept[0]));
  const Term padded = (row < count).Select(score, score.Like(-std::numeric_limits<float>::infinity()));
  const ValueId classes = b.Add(OpKind::kBroadcast, NoAttrs{}, {b.ScalarLike(scores, index), b.Ints({nms.per_class})});
  return {GatherRows(b, boxes, kept[0]), padded, classes, count};
}

// Rows [0, count) of x, then zeros up to `total` rows.
ValueId KeepRows(GraphBuilder& b, ValueId x, ValueId count, int64_t rows, int64_t total) {
  const Term row(b, b.Add(OpKind::kRange, NoAttrs{}, {b.Int(0), b.Int(rows), b.Int(1)}));
  Term keep = row < Term(b, count);
  std::vector<int64_t> paddings = {0, total - rows};
  if (b.shape(x).rank() == 2) {
    keep = Term(b, b.ExpandDims(keep, 1));
    paddings.insert(paddings.end(), {0, 0});
  }
  const ValueId kept = keep.Select({b, x}, {b, b.ScalarLike(x, 0)});
  const ValueId shape = b.Ints({static_cast<int64_t>(paddings.size()) / 2, 2});
  return b.Add(OpKind::kPad, PadAttrs{}, {kept, b.Reshape(b.Ints(paddings), shape), b.ScalarLike(x, 0)});
}

Detections DetectImage(LoweringContext& c, const CombinedNms& nms, int64_t image) {
  GraphBuilder& b = c.b;
  std::vector<ValueId> boxes, scores, classes;
  Term count(b, b.Int(0));
  for (int64_t i = 0; i < nms.classes && b.ok(); ++i) {
    const Detections found = DetectClass(c, nms, image, i);
    boxes.push_back(found.boxes);
    scores.push_back(found.scores);
    classes.push_back(found.classes);
    count = count + Term(b, found.count);
  }
  count = count.Min(static_cast<double>(nms.total));
  const int64_t rows = std::min(nms.total, nms.classes * nms.per_class);
  const std::vector<ValueId> best = b.AddMulti(OpKind::kTopK, TopKAttrs{}, {b.Concat(scores, 0), b.Int(rows)});
  if (!b.ok()) return {kNoId, kNoId, kNoId, kNoId};
  Term box(b, GatherRows(b, b.Concat(boxes, 0), best[1]));
  if (c.Bool("clip_boxes", true)) box = box.Max(0).Min(1);
  const ValueId label = GatherRows(b, b.Concat(classes, 0), best[1]);
  return {KeepRows(b, box, count, rows, nms.total), KeepRows(b, best[0], count, rows, nms.total),
          KeepRows(b, label, count, rows, nms.total), b.Cast(count, DType::kInt32)};
}

// (boxes, scores, most of a class, most of an image, iou threshold, score threshold) -> boxes, scores, classes, counts.
void LowerCombinedNms(LoweringContext& c) {
  CombinedNms nms;
  if (!ReadCombined(c, &nms)) return;
  std::vector<ValueId> outputs[4];
  for (int64_t image = 0; image < nms.batch && c.b.ok(); ++image) {
    const Detections found = DetectImage(c, nms, image);
    const ValueId values[] = {found.boxes, found.scores, found.classes, found.count};
    for (int i = 0; i < 4; ++i) outputs[i].push_back(c.b.ExpandDims(values[i], 0));
  }
  if (!c.b.ok()) return;
  for (const std::vector<ValueId>& of_images : outputs) c.Output(c.b.Concat(of_images, 0));
}

constexpr OpLowering kDetectionLowerings[] = {
    {"NonMaxSuppression", 3, 3, LowerNmsV1},   {"NonMaxSuppressionV2", 4, 4, LowerNmsV2},
    {"NonMaxSuppressionV3", 5, 5, LowerNmsV3}, {"NonMaxSuppressionV4", 5, 5, LowerNmsV4},
    {"NonMaxSuppressionV5", 6, 6, LowerNmsV5}, {"CombinedNonMaxSuppression", 6, 6, LowerCombinedNms},
};

}  // namespace

absl::Span<const OpLowering> DetectionLowerings() { return kDetectionLowerings; }

}  // namespace moulin
