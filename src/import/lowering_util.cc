#include "import/lowering_util.h"

#include <algorithm>

#include "absl/strings/str_join.h"

namespace moulin {

bool RankIsKnown(LoweringContext& c, int i) {
  if (c.shape(i).has_rank()) return true;
  c.NotYet(absl::StrCat("the rank of input ", i, " is not known"));
  return false;
}

bool RankIsOneOf(LoweringContext& c, int i, std::initializer_list<int> ranks) {
  if (!RankIsKnown(c, i)) return false;
  if (std::find(ranks.begin(), ranks.end(), c.shape(i).rank()) != ranks.end()) return true;
  c.b.Fail(MakeError(ErrorCode::kShape, "input ", i, " should have rank ", absl::StrJoin(ranks, " or "), ", found ",
                     c.shape(i).ToString()));
  return false;
}

bool NormalizeAxis(LoweringContext& c, absl::string_view what, int rank, int64_t* axis) {
  if (*axis >= -rank && *axis < rank) {
    if (*axis < 0) *axis += rank;
    return true;
  }
  c.BadAttr(what, absl::StrCat("should be in [", -rank, ", ", rank, "), found ", *axis));
  return false;
}

bool ReadDataFormat(LoweringContext& c, int spatial, bool* channels_last) {
  const absl::string_view last = spatial == 3 ? "NDHWC" : "NHWC";
  const absl::string_view first = spatial == 3 ? "NCDHW" : "NCHW";
  const std::string format = c.String("data_format", last);
  *channels_last = format == last;
  if (format == last || format == first) return true;
  c.BadAttr("data_format",
            absl::StrCat("should be \"", last, "\" or \"", first, "\", found \"", Printable(format), "\""));
  return false;
}

bool ReadSpatialList(LoweringContext& c, absl::string_view attr, int spatial, bool channels_last, bool optional,
                     SpatialDims* values) {
  const std::vector<int64_t> list = c.Ints(attr);
  values->assign(spatial, 1);
  if (list.empty() && optional) return c.b.ok();
  if (static_cast<int>(list.size()) != spatial + 2) {
    c.BadAttr(attr, absl::StrCat("should have ", spatial + 2, " entries, found ", list.size()));
    return false;
  }
  const int first = channels_last ? 1 : 2;
  const int channel = channels_last ? spatial + 1 : 1;
  if (list[0] != 1 || list[channel] != 1) {
    c.BadAttr(attr, absl::StrCat("should be 1 for the batch and the channels, found [", absl::StrJoin(list, ","), "]"));
    return false;
  }
  for (int i = 0; i < spatial; ++i) {
    if (list[first + i] < 1 || list[first + i] > INT32_MAX) {
      c.BadAttr(attr, absl::StrCat("should be at least 1, found [", absl::StrJoin(list, ","), "]"));
      return false;
    }
    (*values)[i] = list[first + i];
  }
  return true;
}

namespace {

bool ReadExplicitPaddings(LoweringContext& c, const std::vector<int64_t>& list, int spatial, bool channels_last,
                          SpatialDims* before, SpatialDims* after) {
  if (static_cast<int>(list.size()) != 2 * (spatial + 2)) {
    c.BadAttr("explicit_paddings", absl::StrCat("should have ", 2 * (spatial + 2), " entries, found ", list.size()));
    return false;
  }
  const int first = channels_last ? 1 : 2;
  for (int axis = 0; axis < spatial + 2; ++axis) {
    const bool is_spatial = axis >= first && axis < first + spatial;
    for (int side = 0; side < 2; ++side) {
      const int64_t pad = list[2 * axis + side];
      if (pad < 0 || pad > INT32_MAX || (!is_spatial && pad != 0)) {
        c.BadAttr("explicit_paddings", absl::StrCat("should be non-negative, and 0 for the batch and the channels, ",
                                                    "found [", absl::StrJoin(list, ","), "]"));
        return false;
      }
      if (is_spatial) (*(side == 0 ? before : after))[axis - first] = pad;
    }
  }
  return true;
}

}  // namespace

bool ReadPadding(LoweringContext& c, int spatial, bool channels_last, Padding* padding, SpatialDims* before,
                 SpatialDims* after) {
  before->assign(spatial, 0);
  after->assign(spatial, 0);
  const std::string name = c.String("padding", "");
  const std::vector<int64_t> paddings = c.Ints("explicit_paddings");
  if (name == "EXPLICIT") {
    *padding = Padding::kExplicit;
    return ReadExplicitPaddings(c, paddings, spatial, channels_last, before, after);
  }
  if (name != "SAME" && name != "VALID") {
    c.BadAttr("padding",
              absl::StrCat("should be \"SAME\", \"VALID\" or \"EXPLICIT\", found \"", Printable(name), "\""));
    return false;
  }
  if (!paddings.empty()) {
    c.BadAttr("explicit_paddings",
              absl::StrCat("should be empty with padding \"", name, "\", found [", absl::StrJoin(paddings, ","), "]"));
    return false;
  }
  *padding = name == "SAME" ? Padding::kSame : Padding::kValid;
  return c.b.ok();
}

ValueId DimOf(GraphBuilder& b, ValueId x, int axis) {
  const PartialShape& shape = b.shape(x);
  if (shape.has_rank() && axis < shape.rank() && shape.dim(axis) >= 0) return b.Ints({shape.dim(axis)});
  return b.Add(OpKind::kSlice, NoAttrs{}, {b.ShapeOf(x), b.Ints({axis}), b.Ints({1})});
}

std::vector<ValueId> DimsOf(GraphBuilder& b, ValueId x, int first, int last) {
  std::vector<ValueId> sizes;
  for (int axis = first; axis < last; ++axis) sizes.push_back(DimOf(b, x, axis));
  return sizes;
}

ValueId ProductOf(GraphBuilder& b, absl::Span<const ValueId> sizes) {
  if (sizes.empty()) return b.Ints({1});
  ValueId product = sizes[0];
  for (ValueId size : sizes.subspan(1)) product = b.Binary(ExprOp::kMul, product, size);
  return product;
}

ValueId ShapeFrom(GraphBuilder& b, absl::Span<const ValueId> sizes) {
  if (sizes.empty()) return b.Ints(absl::Span<const int64_t>());
  return sizes.size() == 1 ? sizes[0] : b.Concat(sizes, 0);
}

ValueId ReshapeTo(GraphBuilder& b, ValueId x, absl::Span<const ValueId> sizes) {
  std::vector<int64_t> dims;
  int unknown = 0;
  bool has_zero = false;
  for (ValueId size : sizes) {
    std::vector<int64_t> value;
    if (b.ConstantInts(size, &value) && value.size() == 1) {
      dims.push_back(value[0]);
      has_zero |= value[0] == 0;
    } else {
      dims.push_back(-1);
      ++unknown;
    }
  }
  // With a size of 0 among the others, the unknown one could be anything.
  if (unknown == 0 || (unknown == 1 && !has_zero)) return b.Reshape(x, b.Ints(dims));
  return b.Reshape(x, ShapeFrom(b, sizes));
}

ValueId Flatten(GraphBuilder& b, ValueId x) { return b.Reshape(x, b.Ints({-1})); }

ValueId ScalarFrom(GraphBuilder& b, ValueId size) { return b.Reshape(size, b.Ints(absl::Span<const int64_t>())); }

ValueId GatherRows(GraphBuilder& b, ValueId x, ValueId rows) {
  return b.Add(OpKind::kGather, GatherAttrs{}, {x, rows, b.Int(0)});
}

ValueId ElementOf(GraphBuilder& b, ValueId vector, int64_t i) {
  return ScalarFrom(b, b.Add(OpKind::kSlice, NoAttrs{}, {vector, b.Ints({i}), b.Ints({1})}));
}

ValueId SliceAxis(GraphBuilder& b, ValueId x, int axis, int64_t begin, int64_t size) {
  const int rank = b.shape(x).rank();
  if (axis >= rank) {
    b.Fail(MakeError(ErrorCode::kShape, "rank ", axis + 1, " or more expected, found ", b.shape(x).ToString()));
    return kNoId;
  }
  std::vector<int64_t> begins(rank, 0), sizes(rank, -1);
  begins[axis] = begin;
  sizes[axis] = size;
  return b.Add(OpKind::kSlice, NoAttrs{}, {x, b.Ints(begins), b.Ints(sizes)});
}

ValueId ApplyActivation(GraphBuilder& b, absl::string_view name, ValueId x, double leaky_alpha) {
  const Term t(b, x);
  if (name == "Identity") return x;
  if (name == "Relu") return t.Apply(ExprOp::kRelu);
  if (name == "Relu6") return t.Max(0).Min(6);
  if (name == "Elu") return t.Apply(ExprOp::kElu);
  if (name == "Tanh") return t.Apply(ExprOp::kTanh);
  if (name == "Sigmoid") return t.Apply(ExprOp::kSigmoid);
  if (name == "LeakyRelu") return (t > 0.0).Select(t, t * leaky_alpha);
  if (name == "GeluExact") return 0.5 * t * ((t * 0.70710678118654752440).Apply(ExprOp::kErf) + 1.0);
  if (name == "GeluApproximate") {
    const Term cubic = t + 0.044715 * (t * t * t);
    return 0.5 * t * ((cubic * 0.79788456080286535588).Apply(ExprOp::kTanh) + 1.0);
  }
  return kNoId;
}

namespace {

// A vector over the channels, shaped to broadcast along `channel_axis` of x.
ValueId AlongChannels(GraphBuilder& b, ValueId vector, ValueId x, int channel_axis) {
  const int trailing = b.shape(x).rank() - 1 - channel_axis;
  if (trailing <= 0) return vector;
  std::vector<ValueId> sizes(1 + trailing, b.Ints({1}));
  sizes[0] = DimOf(b, vector, 0);
  return ReshapeTo(b, vector, sizes);
}

}  // namespace

ValueId ApplyFusedOps(LoweringContext& c, ValueId x, int first_arg, int channel_axis) {
  GraphBuilder& b = c.b;
  const double leaky_alpha = c.Float("leakyrelu_alpha", 0.2f);
  int next = first_arg;
  const auto take = [&](int count) {
    if (next + count <= c.num_inputs()) return true;
    b.Fail(MakeError(ErrorCode::kArity, "fused_ops needs ", next + count, " inputs, found ", c.num_inputs()));
    return false;
  };
  for (const std::string& op : c.Strings("fused_ops")) {
    if (!b.ok()) return kNoId;
    if (op == "BiasAdd") {
      if (!take(1)) return kNoId;
      x = b.Binary(ExprOp::kAdd, x, AlongChannels(b, c.input(next++), x, channel_axis));
    } else if (op == "Add") {
      if (!take(1)) return kNoId;
      x = b.Binary(ExprOp::kAdd, x, c.input(next++));
    } else if (op == "FusedBatchNorm") {
      if (!take(4)) return kNoId;
      BatchNormAttrs attrs;
      attrs.epsilon = c.Float("epsilon", 0.0001f);
      attrs.channels_last = channel_axis == b.shape(x).rank() - 1;
      x = b.Add(OpKind::kBatchNorm, attrs, {x, c.input(next), c.input(next + 1), c.input(next + 2), c.input(next + 3)});
      next += 4;
    } else {
      const ValueId y = ApplyActivation(b, op, x, leaky_alpha);
      if (y == kNoId && b.ok()) c.Unsupported(absl::StrCat("fused op \"", Printable(op), "\""));
      x = y;
    }
  }
  return x;
}

}  // namespace moulin
