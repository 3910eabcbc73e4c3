// Resizing and cropping of images, and colours as arithmetic on their channels.
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

template <ResizeMethod method>
void LowerResize(LoweringContext& c) {
  ResizeAttrs attrs;
  attrs.method = method;
  attrs.align_corners = c.Bool("align_corners", false);
  attrs.half_pixel_centers = c.Bool("half_pixel_centers", false);
  // Only the nearest neighbours keep the type.
  attrs.output_type = method == ResizeMethod::kNearest ? c.dtype(0) : DType::kFloat32;
  if (attrs.align_corners && attrs.half_pixel_centers) {
    c.BadAttr("half_pixel_centers", "should be false where align_corners is true");
    return;
  }
  c.Output(c.b.Add(OpKind::kResize, attrs, c.inputs()));
}

void LowerCropAndResize(LoweringContext& c) {
  CropAndResizeAttrs attrs;
  const std::string method = c.String("method", "bilinear");
  if (method != "bilinear" && method != "nearest") {
    c.BadAttr("method", absl::StrCat("should be \"bilinear\" or \"nearest\", found \"", Printable(method), "\""));
    return;
  }
  attrs.nearest = method == "nearest";
  attrs.extrapolation_value = c.Float("extrapolation_value", 0);
  c.Output(c.b.Add(OpKind::kCropAndResize, attrs, c.inputs()));
}

// The three channels of the innermost axis, each with that axis of size 1.
struct Channels {
  Term a, b, c;
};

bool SplitChannels(LoweringContext& c, std::vector<ValueId>* channels) {
  if (!RankIsKnown(c, 0)) return false;
  const int rank = c.shape(0).rank();
  if (rank < 1 || (c.shape(0).dim(rank - 1) != 3 && c.shape(0).dim(rank - 1) != kUnknownDim)) {
    c.b.Fail(MakeError(ErrorCode::kShape, "the innermost axis should have 3 channels, found ", c.shape(0).ToString()));
    return false;
  }
  *channels = c.b.AddMulti(OpKind::kSplit, NoAttrs{}, {c.input(0), c.b.Int(rank - 1), c.b.Ints({1, 1, 1})});
  return c.b.ok();
}

ValueId JoinChannels(LoweringContext& c, const Channels& x) {
  return c.b.Concat({x.a.id(), x.b.id(), x.c.id()}, c.shape(0).rank() - 1);
}

// The largest or least of three. What follows a NaN stands in its place, as TensorFlow compares.
template <ExprOp kBeats>
Term Extreme(const Channels& x) {
  const auto better = [](Term a, Term b) { return a.Apply(kBeats, b).Select(a, b); };
  return better(better(x.a, x.b), x.c);
}

// Hue, saturation and value, each in [0, 1], of red, green and blue.
Channels RgbToHsv(const Channels& rgb) {
  const Term &r = rgb.a, &g = rgb.b, &b = rgb.c;
  const Term value = Extreme<ExprOp::kGreater>(rgb);
  const Term range = value - Extreme<ExprOp::kLess>(rgb);
  const Term zero = r.Like(0);
  const Term saturation = (value > 0.0).Select(range / value, zero);
  const Term norm = 1.0 / (6.0 * range);
  const Term from_r = norm * (g - b);
  const Term from_g = norm * (b - r) + 2.0 / 6.0;
  const Term from_b = norm * (r - g) + 4.0 / 6.0;
  const Term sector = (r == value).Select(from_r, (g == value).Select(from_g, from_b));
  const Term hue = (range > 0.0).Select(sector, zero);
  return {(hue < 0.0).Select(hue + 1.0, hue), saturation, value};
}

Term Clamp01(Term x) { return x.Max(0).Min(1); }

Channels HsvToRgb(const Channels& hsv) {
  const Term hue6 = hsv.a * 6.0;
  const Term red = Clamp01((hue6 - 3.0).Apply(ExprOp::kAbs) - 1.0);
  const Term green = Clamp01(2.0 - (hue6 - 2.0).Apply(ExprOp::kAbs));
  const Term blue = Clamp01(2.0 - (hue6 - 4.0).Apply(ExprOp::kAbs));
  const Term rest = 1.0 - hsv.b;
  const auto mix = [&](Term x) { return (rest + hsv.b * x) * hsv.c; };
  return {mix(red), mix(green), mix(blue)};
}

template <Channels (*convert)(const Channels&)>
void LowerColors(LoweringContext& c) {
  std::vector<ValueId> x;
  if (!SplitChannels(c, &x)) return;
  c.Output(JoinChannels(c, convert({{c.b, x[0]}, {c.b, x[1]}, {c.b, x[2]}})));
}

// Half types are computed as floats.
Channels AsFloats(LoweringContext& c, const std::vector<ValueId>& x) {
  const auto as_float = [&](ValueId v) { return Term(c.b, c.b.Cast(v, DType::kFloat32)); };
  return {as_float(x[0]), as_float(x[1]), as_float(x[2])};
}

// The colour wheel turned by `delta` (1 is a full turn).
void LowerAdjustHue(LoweringContext& c) {
  std::vector<ValueId> x;
  if (!SplitChannels(c, &x)) return;
  Channels hsv = RgbToHsv(AsFloats(c, x));
  const Term turned = hsv.a + Term(c.b, c.b.Cast(c.input(1), DType::kFloat32));
  hsv.a = turned - turned.Apply(ExprOp::kFloor);
  c.Output(c.b.Cast(JoinChannels(c, HsvToRgb(hsv)), c.dtype(0)));
}

void LowerAdjustSaturation(LoweringContext& c) {
  std::vector<ValueId> x;
  if (!SplitChannels(c, &x)) return;
  Channels hsv = RgbToHsv(AsFloats(c, x));
  hsv.b = Clamp01(hsv.b * Term(c.b, c.b.Cast(c.input(1), DType::kFloat32)));
  c.Output(c.b.Cast(JoinChannels(c, HsvToRgb(hsv)), c.dtype(0)));
}

// Each channel's distance from its mean over the image, scaled.
void LowerAdjustContrast(LoweringContext& c) {
  if (!RankIsKnown(c, 0)) return;
  GraphBuilder& b = c.b;
  const int rank = c.shape(0).rank();
  if (rank < 3) {
    b.Fail(MakeError(ErrorCode::kShape, "images should have rank 3 or more, found ", c.shape(0).ToString()));
    return;
  }
  const Term x(b, b.Cast(c.input(0), DType::kFloat32));
  const Term mean(b, b.Reduce(ReduceOp::kMean, x, {rank - 3, rank - 2}, true));
  c.Output(((x - mean) * Term(b, c.input(1)) + mean).Cast(c.dtype(0)));
}

// The first form, which bounds the result: (images, factor, least, most).
void LowerAdjustContrastV1(LoweringContext& c) {
  if (!RankIsKnown(c, 0)) return;
  const int rank = c.shape(0).rank();
  if (rank < 3) {
    return c.b.Fail(MakeError(ErrorCode::kShape, "images should have rank 3 or more, found ", c.shape(0).ToString()));
  }
  const Term x(c.b, c.b.Cast(c.input(0), DType::kFloat32));
  const Term mean(c.b, c.b.Reduce(ReduceOp::kMean, x, {rank - 3, rank - 2}, true));
  const Term wider = (x - mean) * Term(c.b, c.input(1)) + mean;
  c.Output(wider.Max(Term(c.b, c.input(2))).Min(Term(c.b, c.input(3))));
}

constexpr OpLowering kImageLowerings[] = {
    {"ResizeBilinear", 2, 2, LowerResize<ResizeMethod::kBilinear>},
    {"ResizeNearestNeighbor", 2, 2, LowerResize<ResizeMethod::kNearest>},
    {"ResizeBicubic", 2, 2, LowerResize<ResizeMethod::kBicubic>},
    {"ResizeArea", 2, 2, LowerResize<ResizeMethod::kArea>},
    {"CropAndResize", 4, 4, LowerCropAndResize},
    {"RGBToHSV", 1, 1, LowerColors<RgbToHsv>},
    {"HSVToRGB", 1, 1, LowerColors<HsvToRgb>},
    {"AdjustHue", 2, 2, LowerAdjustHue},
    {"AdjustSaturation", 2, 2, LowerAdjustSaturation},
    {"AdjustContrast", 4, 4, LowerAdjustContrastV1},
    {"AdjustContrastv2", 2, 2, LowerAdjustContrast},
};

}  // namespace

absl::Span<const OpLowering> ImageLowerings() { return kImageLowerings; }

}  // namespace moulin
