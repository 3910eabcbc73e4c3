// Pooling over spatial windows, and over windows of channels (maximum only).
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

bool ReadPoolAttrs(LoweringContext& c, int spatial, PoolAttrs* attrs) {
  return ReadSpatialList(c, "ksize", spatial, attrs->channels_last, false, &attrs->window) &&
         ReadSpatialList(c, "strides", spatial, attrs->channels_last, false, &attrs->strides) &&
         ReadPadding(c, spatial, attrs->channels_last, &attrs->padding, &attrs->pad_before, &attrs->pad_after);
}

// A window of k channels, which TensorFlow takes where k divides the channels, is also the stride, and is alone.
void LowerChannelMaxPool(LoweringContext& c, const std::vector<int64_t>& window) {
  const std::vector<int64_t> strides = c.Ints("strides");
  const int64_t k = window[3];
  if (window[0] != 1 || window[1] != 1 || window[2] != 1 || strides.size() != 4 || strides[3] != k) {
    c.Unsupported("a pooling window over the channels together with others, or unlike its stride");
    return;
  }
  if (!RankIsOneOf(c, 0, {4})) return;
  GraphBuilder& b = c.b;
  const int64_t channels = c.shape(0).dim(3);
  if (channels >= 0 && channels % k != 0) {
    c.BadAttr("ksize", absl::StrCat("should divide the ", channels, " channels, found ", k));
    return;
  }
  std::vector<ValueId> sizes = DimsOf(b, c.input(0), 0, 4);
  sizes[3] = b.Binary(ExprOp::kFloorDiv, sizes[3], b.Int(k));
  sizes.push_back(b.Ints({k}));
  c.Output(b.Reduce(ReduceOp::kMax, ReshapeTo(b, c.input(0), sizes), {4}, false));
}

template <PoolOp op, int spatial>
void LowerPool(LoweringContext& c) {
  PoolAttrs attrs;
  attrs.op = op;
  if (!ReadDataFormat(c, spatial, &attrs.channels_last)) return;
  const std::vector<int64_t> window = c.Ints("ksize");
  if (op == PoolOp::kMax && spatial == 2 && attrs.channels_last && window.size() == 4 && window[3] > 1) {
    LowerChannelMaxPool(c, window);
    return;
  }
  if (!ReadPoolAttrs(c, spatial, &attrs)) return;
  c.Output(c.b.Add(OpKind::kPool, std::move(attrs), {c.input(0)}));
}

// The spatial entries of a constant vector with an entry an axis; E_ATTR as for the attribute of that name.
bool ReadSpatialInput(LoweringContext& c, absl::string_view what, int i, bool channels_last, SpatialDims* values) {
  const std::vector<int64_t> list = c.ConstantInts(i);
  if (!c.b.ok()) return false;
  const int first = channels_last ? 1 : 2;
  const int channel = channels_last ? 3 : 1;
  if (list.size() != 4 || list[0] != 1 || list[channel] != 1 || list[first] < 1 || list[first + 1] < 1) {
    c.BadAttr(what, "should be 4 positive numbers, 1 for the batch and the channels");
    return false;
  }
  values->assign({list[first], list[first + 1]});
  return true;
}

// MaxPoolV2 takes the window and the strides as inputs.
void LowerMaxPoolV2(LoweringContext& c) {
  PoolAttrs attrs;
  if (!ReadDataFormat(c, 2, &attrs.channels_last) ||
      !ReadSpatialInput(c, "ksize", 1, attrs.channels_last, &attrs.window) ||
      !ReadSpatialInput(c, "strides", 2, attrs.channels_last, &attrs.strides) ||
      !ReadPadding(c, 2, attrs.channels_last, &attrs.padding, &attrs.pad_before, &attrs.pad_after)) {
    return;
  }
  c.Output(c.b.Add(OpKind::kPool, std::move(attrs), {c.input(0)}));
}

void LowerMaxPoolWithArgmax(LoweringContext& c) {
  PoolAttrs attrs;
  attrs.index_type = c.Type("Targmax", DType::kInt64);
  attrs.include_batch_in_index = c.Bool("include_batch_in_index", false);
  if (!ReadPoolAttrs(c, 2, &attrs)) return;
  c.Outputs(c.b.AddMulti(OpKind::kMaxPoolWithArgmax, std::move(attrs), {c.input(0)}));
}

constexpr OpLowering kPoolingLowerings[] = {
    {"MaxPool", 1, 1, LowerPool<PoolOp::kMax, 2>},
    {"AvgPool", 1, 1, LowerPool<PoolOp::kAverage, 2>},
    {"MaxPool3D", 1, 1, LowerPool<PoolOp::kMax, 3>},
    {"AvgPool3D", 1, 1, LowerPool<PoolOp::kAverage, 3>},
    {"MaxPoolV2", 3, 3, LowerMaxPoolV2},
    {"MaxPoolWithArgmax", 1, 1, LowerMaxPoolWithArgmax},
};

}  // namespace

absl::Span<const OpLowering> PoolingLowerings() { return kPoolingLowerings; }

}  // namespace moulin
