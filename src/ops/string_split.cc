// Host kernels that take strings apart and join them. Tests: tests/ops/host_kernels_test.cc, tests/cases/host_cases.py.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "ops/axes.h"
#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

using Parts = std::vector<std::string>;

// --- StringSplit, StringSplitV2: a sparse matrix with a row for each string ---

Status InferStringSplit(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(1), "the separator"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 1, "the operand"));
  c.Add(DType::kInt64, PartialShape{kUnknownDim, 2});
  c.Add(DType::kString, PartialShape{kUnknownDim});
  c.Add(DType::kInt64, Shape{2});
  return absl::OkStatus();
}

Status EmitSparse(const KernelContext& c, const std::vector<Parts>& rows) {
  size_t count = 0;
  size_t widest = 0;
  for (const Parts& row : rows) {
    count += row.size();
    widest = std::max(widest, row.size());
  }
  const int64_t n = static_cast<int64_t>(count);
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, DType::kInt64, Shape{n, 2}));
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, DType::kString, Shape{n}));
  MOULIN_RETURN_IF_ERROR(c.Allocate(2, DType::kInt64, Shape{2}));
  int64_t* index = c.output(0).mutable_values<int64_t>().data();
  std::string* value = c.output(1).mutable_strings().data();
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t k = 0; k < rows[i].size(); ++k) {
      *index++ = static_cast<int64_t>(i);
      *index++ = static_cast<int64_t>(k);
      *value++ = rows[i][k];
    }
  }
  c.output(2).mutable_values<int64_t>()[0] = static_cast<int64_t>(rows.size());
  c.output(2).mutable_values<int64_t>()[1] = static_cast<int64_t>(widest);
  return absl::OkStatus();
}

// At any of the separator's characters; at every byte where it has none.
Parts SplitAtAny(const std::string& text, const std::string& separators, bool skip_empty) {
  Parts parts;
  if (separators.empty()) {
    for (const char ch : text) parts.emplace_back(1, ch);
    return parts;
  }
  if (text.empty()) return parts;
  if (skip_empty) return absl::StrSplit(text, absl::ByAnyChar(separators), absl::SkipEmpty());
  return absl::StrSplit(text, absl::ByAnyChar(separators));
}

Parts SplitAtSpace(absl::string_view text, int64_t most) {
  Parts parts;
  text = absl::StripLeadingAsciiWhitespace(text);
  while (!text.empty() && (most < 0 || static_cast<int64_t>(parts.size()) < most)) {
    const auto end = std::find_if(text.begin(), text.end(),
                                  [](char ch) { return absl::ascii_isspace(static_cast<unsigned char>(ch)); });
    parts.emplace_back(text.begin(), end);
    text.remove_prefix(parts.back().size());
    text = absl::StripLeadingAsciiWhitespace(text);
  }
  // What is left over once `most` splits are done, be it nothing.
  if (!text.empty() || static_cast<int64_t>(parts.size()) == most) parts.emplace_back(text);
  return parts;
}

// As Python's str.split.
Parts SplitLikePython(const std::string& text, const std::string& separator, int64_t most) {
  if (most == 0) return {text};
  if (separator.empty()) return SplitAtSpace(text, most);
  if (most > 0)
    return absl::StrSplit(text, absl::MaxSplits(separator, static_cast<int>(std::min<int64_t>(most, INT32_MAX))));
  return absl::StrSplit(text, separator);
}

template <typename F>
Status SplitAll(const KernelContext& c, F split) {
  std::vector<TensorType> types;
  MOULIN_RETURN_IF_ERROR(InferFromInputs(c, InferStringSplit, &types));
  MOULIN_ASSIGN_OR_RETURN(const std::string separator, OnlyString(c.input(1), "the separator"));
  std::vector<Parts> rows;
  for (const std::string& text : c.input(0).strings()) rows.push_back(split(text, separator));
  return EmitSparse(c, rows);
}

Status StringSplit(const KernelContext& c) {
  const bool skip_empty = IntAttr(c.attr<HostOpAttrs>(), "skip_empty", 1) != 0;
  return SplitAll(c, [&](const std::string& text, const std::string& separators) {
    return SplitAtAny(text, separators, skip_empty);
  });
}

Status StringSplitV2(const KernelContext& c) {
  const int64_t most = IntAttr(c.attr<HostOpAttrs>(), "maxsplit", -1);
  return SplitAll(
      c, [&](const std::string& text, const std::string& separator) { return SplitLikePython(text, separator, most); });
}

// --- UnsortedSegmentJoin ---

// (strings, segment of each, of the first axes' shape, number of segments) -> [segments, other axes...]
Status InferSegmentJoin(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand of UnsortedSegmentJoin"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> segments, KnownInt(c, 2, "num_segments"));
  if (segments && *segments < 0) return MakeError(ErrorCode::kValue, "num_segments is negative: ", *segments);
  const PartialShape &x = c.shape(0), &ids = c.shape(1);
  if (!x.has_rank() || !ids.has_rank()) return AddOutput(c, DType::kString, PartialShape());
  if (ids.rank() > x.rank()) {
    return MakeError(ErrorCode::kShape, "segment_ids should have the shape of the first axes of the strings, found ",
                     ids.ToString(), " and ", x.ToString());
  }
  MOULIN_RETURN_IF_ERROR(MergeShapes(SubShape(x, 0, ids.rank()), ids, "segment_ids").status());
  PartialShape out{segments.value_or(kUnknownDim)};
  for (int axis = ids.rank(); axis < x.rank(); ++axis) out.push_back(x.dim(axis));
  return AddOutput(c, DType::kString, out);
}

Status SegmentJoin(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSegmentJoin));
  MOULIN_ASSIGN_OR_RETURN(const Ints ids, IntValues(c.input(1)));
  const absl::string_view separator = StringAttr(c.attr<HostOpAttrs>(), "separator", "");
  const absl::Span<const std::string> x = c.input(0).strings();
  const absl::Span<std::string> y = c.output(0).mutable_strings();
  const int64_t segments = c.output(0).shape().dim(0);
  if (ids.empty() || segments == 0) return absl::OkStatus();
  const int64_t row = static_cast<int64_t>(y.size()) / segments;
  std::vector<bool> has_any(segments, false);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0) continue;
    if (ids[i] >= segments) {
      return MakeError(ErrorCode::kValue, "segment ", ids[i], " of element ", i, " is outside of [0, ", segments, ")");
    }
    for (int64_t k = 0; k < row; ++k) {
      absl::StrAppend(&y[ids[i] * row + k], has_any[ids[i]] ? separator : "", x[i * row + k]);
    }
    has_any[ids[i]] = true;
  }
  return absl::OkStatus();
}

// --- ReduceJoin ---

struct JoinAxes {
  Shape::Dims kept;       // 1 where the axis is reduced
  std::vector<int> axes;  // the first varies fastest
};

StatusOr<JoinAxes> ReadJoinAxes(const Tensor& x, const Tensor& indices) {
  JoinAxes join;
  join.kept = Shape::Dims(x.shape().dims().begin(), x.shape().dims().end());
  MOULIN_ASSIGN_OR_RETURN(const Ints values, IntValues(indices));
  std::vector<bool> seen(join.kept.size(), false);
  for (const int64_t value : values) {
    MOULIN_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(value, x.shape().rank(), "reduction_indices"));
    if (seen[axis]) return MakeError(ErrorCode::kValue, "reduction_indices has axis ", axis, " twice");
    seen[axis] = true;
    join.axes.push_back(axis);
    join.kept[axis] = 1;
  }
  return join;
}

Status InferReduceJoin(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand of ReduceJoin"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> indices, KnownInts(c, 1));
  if (!c.shape(0).has_rank() || !indices) return InferUnknown(c);
  const bool keep = IntAttr(c.attr<HostOpAttrs>(), "keep_dims", 0) != 0;
  std::vector<bool> reduced(c.shape(0).rank(), false);
  for (const int64_t index : *indices) {
    MOULIN_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(index, c.shape(0).rank(), "reduction_indices"));
    reduced[axis] = true;
  }
  PartialShape out{Shape()};
  for (int i = 0; i < c.shape(0).rank(); ++i) {
    if (!reduced[i] || keep) out.push_back(reduced[i] ? 1 : c.shape(0).dim(i));
  }
  return AddOutput(c, DType::kString, out);
}

// The strings that one element of the result joins start at element `base` of x.
std::string JoinFrom(const Tensor& x, const JoinAxes& join, const Shape::Dims& strides, int64_t base,
                     absl::string_view separator) {
  int64_t count = 1;
  for (const int axis : join.axes) count *= x.shape().dim(axis);
  std::string out;
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = base;
    int64_t rest = i;
    for (const int axis : join.axes) {
      at += rest % x.shape().dim(axis) * strides[axis];
      rest /= x.shape().dim(axis);
    }
    absl::StrAppend(&out, i > 0 ? separator : "", x.strings()[at]);
  }
  return out;
}

Status ReduceJoin(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferReduceJoin));
  const Tensor& x = c.input(0);
  const absl::string_view separator = StringAttr(c.attr<HostOpAttrs>(), "separator", "");
  MOULIN_ASSIGN_OR_RETURN(const JoinAxes join, ReadJoinAxes(x, c.input(1)));
  const Shape::Dims strides = RowMajorStrides(x.shape());
  const absl::Span<std::string> y = c.output(0).mutable_strings();
  for (size_t i = 0; i < y.size(); ++i) {
    int64_t base = 0;
    int64_t rest = static_cast<int64_t>(i);
    for (int d = x.shape().rank() - 1; d >= 0; --d) {
      base += rest % join.kept[d] * strides[d];
      rest /= join.kept[d];
    }
    y[i] = JoinFrom(x, join, strides, base, separator);
  }
  return absl::OkStatus();
}

// --- StringNGrams ---

struct NGrams {
  std::string separator, left, right;
  int64_t pad = -1;
  bool keep_short = false;

  int64_t PadOf(int64_t width) const { return std::min(pad < 0 ? width - 1 : pad, width - 1); }
  int64_t CountOf(int64_t tokens, int64_t width) const {
    return std::max<int64_t>(0, tokens + 2 * PadOf(width) - width + 1);
  }
  // The n-grams of one width; those at the ends are padded by `padding` at most.
  void Append(absl::Span<const std::string> tokens, int64_t width, int64_t padding, int64_t count, Parts* out) const {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t before = std::clamp<int64_t>(padding - i, 0, width);
      const int64_t after = std::clamp<int64_t>(padding - (count - (i + 1)), 0, width - before);
      std::vector<absl::string_view> parts(before, left);
      const int64_t first = std::max<int64_t>(0, i - padding);
      for (int64_t k = 0; k < width - before - after; ++k) parts.push_back(tokens[first + k]);
      parts.insert(parts.end(), after, right);
      out->push_back(absl::StrJoin(parts, separator));
    }
  }
};

Status InferNGrams(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the data of StringNGrams"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 1, "the data of StringNGrams"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 1, "the splits of StringNGrams"));
  c.Add(DType::kString, PartialShape{kUnknownDim});
  c.Add(c.dtype(1), c.shape(1));
  return absl::OkStatus();
}

// E_VALUE unless these are row splits of `count` elements.
Status CheckSplits(const Ints& splits, int64_t count) {
  const bool starts = splits.empty() ? count == 0 : splits.front() == 0 && splits.back() == count;
  if (starts && std::is_sorted(splits.begin(), splits.end())) return absl::OkStatus();
  return MakeError(ErrorCode::kValue, "the splits must rise from 0 to ", count);
}

Status StringNGrams(const KernelContext& c) {
  std::vector<TensorType> types;
  MOULIN_RETURN_IF_ERROR(InferFromInputs(c, InferNGrams, &types));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const NGrams ngrams{std::string(StringAttr(attrs, "separator", "")), std::string(StringAttr(attrs, "left_pad", "")),
                      std::string(StringAttr(attrs, "right_pad", "")), IntAttr(attrs, "pad_width", 0),
                      IntAttr(attrs, "preserve_short_sequences", 0) != 0};
  const std::vector<int64_t> widths = IntsAttr(attrs, "ngram_widths");
  constexpr int64_t kWidest = 1 << 20;
  for (const int64_t width : widths) {
    if (width < 1 || width > kWidest)
      return MakeError(ErrorCode::kAttribute, "ngram_widths must be in [1, ", kWidest, "], got ", width);
  }
  MOULIN_ASSIGN_OR_RETURN(const Ints splits, IntValues(c.input(1)));
  MOULIN_RETURN_IF_ERROR(CheckSplits(splits, c.input(0).num_elements()));
  Parts out;
  Ints ends(splits.empty() ? 0 : 1, 0);
  for (size_t i = 0; i + 1 < splits.size(); ++i) {
    const auto tokens = c.input(0).strings().subspan(splits[i], splits[i + 1] - splits[i]);
    const int64_t n = static_cast<int64_t>(tokens.size());
    const size_t before = out.size();
    for (const int64_t width : widths)
      ngrams.Append(tokens, width, ngrams.PadOf(width), ngrams.CountOf(n, width), &out);
    if (ngrams.keep_short && n > 0 && out.size() == before) {
      const int64_t padding = std::clamp<int64_t>(ngrams.pad, 0, kWidest);
      ngrams.Append(tokens, n + 2 * padding, padding, 1, &out);
    }
    ends.push_back(static_cast<int64_t>(out.size()));
  }
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, DType::kString, Shape{static_cast<int64_t>(out.size())}));
  std::move(out.begin(), out.end(), c.output(0).mutable_strings().begin());
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, c.input(1).dtype(), c.input(1).shape()));
  for (size_t i = 0; i < ends.size(); ++i) {
    if (c.input(1).dtype() == DType::kInt32) c.output(1).mutable_values<int32_t>()[i] = static_cast<int32_t>(ends[i]);
    if (c.input(1).dtype() == DType::kInt64) c.output(1).mutable_values<int64_t>()[i] = ends[i];
  }
  return absl::OkStatus();
}

constexpr HostOp kStringSplitKernels[] = {
    {"ReduceJoin", 2, 2, InferReduceJoin, ReduceJoin},
    {"StringNGrams", 2, 2, InferNGrams, StringNGrams},
    {"StringSplit", 2, 2, InferStringSplit, StringSplit},
    {"StringSplitV2", 2, 2, InferStringSplit, StringSplitV2},
    {"UnsortedSegmentJoin", 3, 3, InferSegmentJoin, SegmentJoin},
};

}  // namespace

absl::Span<const HostOp> StringSplitKernels() { return kStringSplitKernels; }

}  // namespace moulin
