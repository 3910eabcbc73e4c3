// Small rearrangements: rows written in place, dimensions and permutations of other data formats, a tensor's own fact.
#include "import/update.h"

#include <algorithm>
#include <iterator>

#include "import/lowering_util.h"

namespace moulin {
namespace {

// (x, rows, values): x with rows replaced, or added to; a scalar names one row.
template <ScatterOp kOp>
void LowerInplace(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsOneOf(c, 1, {0, 1})) return;
  ValueId rows = c.input(1), values = c.input(2);
  if (c.shape(1).rank() == 0) {
    rows = b.Reshape(rows, b.Ints({1}));
    values = b.ExpandDims(values, 0);
  }
  const Term index(b, b.Cast(rows, DType::kInt64));
  // Rows count modulo the size, as TensorFlow has it.
  const Term wrapped = index.Apply(ExprOp::kFloorMod, {b, DimOf(b, c.input(0), 0)});
  c.Output(b.Add(OpKind::kTensorScatter, ScatterAttrs{kOp}, {c.input(0), b.ExpandDims(wrapped, 1), values}));
}

// For each axis of the format "dst_format", where "src_format" has it. False, failed, where they do not match.
bool ReadFormats(LoweringContext& c, std::vector<int64_t>* place) {
  const std::string from = c.String("src_format", "NHWC"), to = c.String("dst_format", "NCHW");
  std::string sorted_from = from, sorted_to = to;
  std::sort(sorted_from.begin(), sorted_from.end());
  std::sort(sorted_to.begin(), sorted_to.end());
  const bool unique = std::adjacent_find(sorted_from.begin(), sorted_from.end()) == sorted_from.end();
  if (from.size() < 4 || from.size() > 5 || !unique || sorted_from != sorted_to) {
    c.BadAttr("dst_format", absl::StrCat("should be a permutation of the 4 or 5 axes \"", Printable(from),
                                         "\", found \"", Printable(to), "\""));
    return false;
  }
  for (const char axis : to) place->push_back(static_cast<int64_t>(from.find(axis)));
  return true;
}

// An axis of one format as it is counted in another.
void LowerDimMap(LoweringContext& c) {
  std::vector<int64_t> place;
  if (!ReadFormats(c, &place)) return;
  GraphBuilder& b = c.b;
  std::vector<int64_t> where(place.size());
  for (size_t i = 0; i < place.size(); ++i) where[place[i]] = static_cast<int64_t>(i);
  const Term axis(b, c.input(0));
  const Term counted = axis.Apply(ExprOp::kFloorMod, axis.Like(static_cast<double>(place.size())));
  const ValueId table = b.Cast(b.Ints(where), c.dtype(0));
  c.Output(b.Add(OpKind::kGather, GatherAttrs{}, {table, counted, b.Int(0)}));
}

// A vector with an entry an axis, or a matrix with a row an axis, in another order. One that has the spatial axes only
// keeps their order among themselves.
void LowerVecPermute(LoweringContext& c) {
  std::vector<int64_t> place;
  if (!ReadFormats(c, &place) || !RankIsOneOf(c, 0, {1, 2})) return;
  GraphBuilder& b = c.b;
  const int64_t rows = c.shape(0).dim(0), axes = static_cast<int64_t>(place.size());
  if (rows == kUnknownDim) {
    c.NotYet("the size of the operand is not known");
    return;
  }
  if (rows == axes - 2) {
    const std::string from = c.String("src_format", "NHWC"), to = c.String("dst_format", "NCHW");
    const auto spatial = [](const std::string& format) {
      std::string out;
      std::copy_if(format.begin(), format.end(), std::back_inserter(out), [](char a) { return a != 'N' && a != 'C'; });
      return out;
    };
    place.clear();
    for (const char axis : spatial(to)) place.push_back(static_cast<int64_t>(spatial(from).find(axis)));
  }
  if (rows != static_cast<int64_t>(place.size())) {
    c.b.Fail(MakeError(ErrorCode::kShape, "expected ", axes, " or ", axes - 2, " rows, found ", rows));
    return;
  }
  c.Output(b.Add(OpKind::kGather, GatherAttrs{}, {c.input(0), b.Ints(place), b.Int(0)}));
}

// What TensorFlow says of factorials.
void LowerFact(LoweringContext& c) { c.Output(c.b.Constant(Tensor::OfStrings(Shape(), {"0! == 1"}))); }

constexpr OpLowering kUpdateLowerings[] = {
    {"DataFormatDimMap", 1, 1, LowerDimMap},
    {"DataFormatVecPermute", 1, 1, LowerVecPermute},
    {"Fact", 0, 0, LowerFact},
    {"InplaceAdd", 3, 3, LowerInplace<ScatterOp::kAdd>},
    {"InplaceSub", 3, 3, LowerInplace<ScatterOp::kSub>},
    {"InplaceUpdate", 3, 3, LowerInplace<ScatterOp::kUpdate>},
};

}  // namespace

absl::Span<const OpLowering> UpdateLowerings() { return kUpdateLowerings; }

}  // namespace moulin
