// Einsum. Each operand is first brought to distinct labels of which none is only its own (diagonals, sums). Two
// operands are then transposed to [batch, free, contracted] and [batch, contracted, free], with the free and the
// contracted axes each flattened to one, and multiplied. The result gets its axes back and is transposed to the order
// asked for.
//
// A label is a letter; the axes of an ellipsis are labels as well, numbered from the innermost: they broadcast.
#include "import/einsum.h"

#include <algorithm>
#include <cctype>

#include "absl/algorithm/container.h"
#include "absl/strings/str_split.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

using Label = int;
using Labels = std::vector<Label>;
constexpr Label kFirstEllipsisLabel = 1000;  // + the axis counted from the ellipsis' innermost

bool IsEllipsis(Label label) { return label >= kFirstEllipsisLabel; }
bool Contains(const Labels& labels, Label label) { return absl::c_linear_search(labels, label); }
int64_t PositionOf(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) - labels.begin();
}

struct Operand {
  ValueId value = kNoId;
  Labels labels;  // one for each axis
};

void BadEquation(LoweringContext& c, absl::string_view equation, absl::string_view why) {
  c.BadAttr("equation", absl::StrCat("\"", Printable(equation), "\": ", why));
}

// Whether `subscript` is letters with at most one ellipsis; `letters` gets the number of the former.
bool ScanSubscript(absl::string_view subscript, int* letters, bool* has_ellipsis) {
  *letters = 0;
  *has_ellipsis = false;
  for (size_t i = 0; i < subscript.size(); ++i) {
    if (std::isalpha(static_cast<unsigned char>(subscript[i]))) {
      ++*letters;
    } else if (subscript.substr(i, 3) == "..." && !*has_ellipsis) {
      *has_ellipsis = true;
      i += 2;
    } else {
      return false;
    }
  }
  return true;
}

// The labels of a subscript whose ellipsis stands for `ellipsis_rank` axes.
Labels Expand(absl::string_view subscript, int ellipsis_rank) {
  Labels labels;
  for (size_t i = 0; i < subscript.size(); ++i) {
    if (subscript[i] != '.') {
      labels.push_back(subscript[i]);
      continue;
    }
    for (int axis = ellipsis_rank - 1; axis >= 0; --axis) labels.push_back(kFirstEllipsisLabel + axis);
    i += 2;
  }
  return labels;
}

struct Equation {
  std::vector<Labels> inputs;
  Labels output;
};

bool ParseEquation(LoweringContext& c, Equation* equation) {
  std::string text = c.String("equation", "");
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const std::vector<std::string> sides = absl::StrSplit(text, "->");
  if (sides.size() != 2) {
    BadEquation(c, text, "should have one \"->\"");
    return false;
  }
  const std::vector<std::string> subscripts = absl::StrSplit(sides[0], ',');
  if (static_cast<int>(subscripts.size()) != c.num_inputs()) {
    BadEquation(c, text, absl::StrCat("should have ", c.num_inputs(), " operands, found ", subscripts.size()));
    return false;
  }
  int most_axes = 0;  // of an ellipsis
  int letters;
  bool has_ellipsis;
  for (int i = 0; i < c.num_inputs(); ++i) {
    if (!RankIsKnown(c, i)) return false;
    const int rank = c.shape(i).rank();
    if (!ScanSubscript(subscripts[i], &letters, &has_ellipsis) || letters > rank || (!has_ellipsis && letters < rank)) {
      BadEquation(c, text, absl::StrCat("operand ", i, " does not fit its shape ", c.shape(i).ToString()));
      return false;
    }
    if (has_ellipsis) most_axes = std::max(most_axes, rank - letters);
    equation->inputs.push_back(Expand(subscripts[i], rank - letters));
  }
  if (!ScanSubscript(sides[1], &letters, &has_ellipsis)) {
    BadEquation(c, text, "the output is malformed");
    return false;
  }
  equation->output = Expand(sides[1], most_axes);
  for (Label label : equation->output) {
    const bool known = absl::c_any_of(equation->inputs, [&](const Labels& l) { return Contains(l, label); });
    if (!known) {
      BadEquation(c, text, "a label of the output is in no operand");
      return false;
    }
  }
  return true;
}

// Transposes to the order of `labels`, which are those of `x`.
void TransposeTo(GraphBuilder& b, const Labels& labels, Operand* x) {
  if (labels == x->labels) return;
  std::vector<int64_t> permutation;
  for (Label label : labels) permutation.push_back(PositionOf(x->labels, label));
  x->value = b.Transpose(x->value, permutation);
  x->labels = labels;
}

// While a label stands twice: brings both axes to the end and takes the diagonal.
void TakeDiagonals(GraphBuilder& b, Operand* x) {
  for (size_t i = 0; i < x->labels.size() && b.ok();) {
    const Label label = x->labels[i];
    const auto second = std::find(x->labels.begin() + i + 1, x->labels.end(), label);
    if (second == x->labels.end()) {
      ++i;
      continue;
    }
    const int64_t j = second - x->labels.begin();
    std::vector<int64_t> permutation;
    Labels labels;
    for (int64_t axis = 0; axis < static_cast<int64_t>(x->labels.size()); ++axis) {
      if (axis == static_cast<int64_t>(i) || axis == j) continue;
      permutation.push_back(axis);
      labels.push_back(x->labels[axis]);
    }
    permutation.push_back(i);
    permutation.push_back(j);
    labels.push_back(label);
    x->value = b.Transpose(x->value, permutation);
    x->value = b.Add(OpKind::kMatrixDiagPart, MatrixDiagAttrs{}, {x->value, b.Int(0), b.ScalarLike(x->value, 0)});
    x->labels = labels;
  }
}

// Sums over the axes whose label is in neither list.
void SumOut(GraphBuilder& b, const Labels& kept, const Labels& kept_too, Operand* x) {
  std::vector<int64_t> axes;
  Labels labels;
  for (size_t axis = 0; axis < x->labels.size(); ++axis) {
    const Label label = x->labels[axis];
    if (Contains(kept, label) || Contains(kept_too, label)) {
      labels.push_back(label);
    } else {
      axes.push_back(axis);
    }
  }
  if (axes.empty()) return;
  x->value = b.Reduce(ReduceOp::kSum, x->value, axes, false);
  x->labels = labels;
}

std::vector<ValueId> SizesOf(GraphBuilder& b, const Operand& x, const Labels& labels) {
  std::vector<ValueId> sizes;
  for (Label label : labels) sizes.push_back(DimOf(b, x.value, PositionOf(x.labels, label)));
  return sizes;
}

Labels Joined(Labels a, const Labels& b, const Labels& c = {}) {
  a.insert(a.end(), b.begin(), b.end());
  a.insert(a.end(), c.begin(), c.end());
  return a;
}

// Reshapes x, whose labels are [batch..., first..., second...], to [batch, product of first, product of second]. Batch
// axes that x lacks become 1.
ValueId AsMatrices(GraphBuilder& b, const Labels& batch, const Labels& first, const Labels& second, const Operand& x) {
  std::vector<ValueId> sizes;
  for (Label label : batch) {
    sizes.push_back(Contains(x.labels, label) ? DimOf(b, x.value, PositionOf(x.labels, label)) : b.Ints({1}));
  }
  sizes.push_back(ProductOf(b, SizesOf(b, x, first)));
  sizes.push_back(ProductOf(b, SizesOf(b, x, second)));
  return ReshapeTo(b, x.value, sizes);
}

// The labels of `x` among `labels`, in the order of the latter.
Labels Among(const Labels& labels, const Operand& x) {
  Labels result;
  for (Label label : labels) {
    if (Contains(x.labels, label)) result.push_back(label);
  }
  return result;
}

Operand Multiply(GraphBuilder& b, const Labels& output, Operand x, Operand y) {
  Labels batch, contracted, free_x, free_y;
  for (Label label : x.labels) {
    if (!Contains(y.labels, label) && !IsEllipsis(label)) {
      free_x.push_back(label);
    } else if (Contains(output, label)) {
      if (!IsEllipsis(label)) batch.push_back(label);
    } else {
      contracted.push_back(label);
    }
  }
  for (Label label : y.labels) {
    if (!Contains(x.labels, label) && !IsEllipsis(label)) free_y.push_back(label);
  }
  // Ellipses broadcast, from the innermost; an operand may lack the outer axes.
  Labels ellipsis;
  for (Label label : output) {
    if (IsEllipsis(label)) ellipsis.push_back(label);
  }
  batch = Joined(ellipsis, batch);

  TransposeTo(b, Joined(Among(batch, x), free_x, contracted), &x);
  TransposeTo(b, Joined(Among(batch, y), contracted, free_y), &y);
  const ValueId left = AsMatrices(b, batch, free_x, contracted, x);
  const ValueId right = AsMatrices(b, batch, contracted, free_y, y);
  const ValueId product = b.Add(OpKind::kContract, ContractAttrs{}, {left, right});

  std::vector<ValueId> sizes = DimsOf(b, product, 0, batch.size());
  for (ValueId size : SizesOf(b, x, free_x)) sizes.push_back(size);
  for (ValueId size : SizesOf(b, y, free_y)) sizes.push_back(size);
  return {ReshapeTo(b, product, sizes), Joined(batch, free_x, free_y)};
}

// Labels that the output repeats: their axis becomes the diagonal of a matrix of zeros.
void SpreadDiagonals(GraphBuilder& b, const Labels& output, Operand* x) {
  Labels seen;
  for (Label label : output) {
    if (!Contains(seen, label)) {
      seen.push_back(label);
      continue;
    }
    const int64_t axis = PositionOf(x->labels, label);
    Labels labels = x->labels;
    labels.erase(labels.begin() + axis);
    labels.push_back(label);
    // Only one of the axes of this label is moved to the end; the diagonal then stands beside it.
    std::vector<int64_t> permutation;
    for (int64_t i = 0; i < static_cast<int64_t>(labels.size()); ++i) {
      if (i != axis) permutation.push_back(i);
    }
    permutation.push_back(axis);
    x->value = b.Transpose(x->value, permutation);
    x->value = b.Add(OpKind::kMatrixDiag, MatrixDiagAttrs{},
                     {x->value, b.Int(0), b.Int(-1), b.Int(-1), b.ScalarLike(x->value, 0)});
    labels.push_back(label);
    x->labels = labels;
  }
}

// Transposes to the output's labels; a repeated label takes the axes of that label one after another.
ValueId InOutputOrder(GraphBuilder& b, const Labels& output, const Operand& x) {
  if (output == x.labels) return x.value;
  std::vector<bool> taken(x.labels.size(), false);
  std::vector<int64_t> permutation;
  for (Label label : output) {
    size_t axis = 0;
    while (axis < x.labels.size() && (taken[axis] || x.labels[axis] != label)) ++axis;
    if (axis == x.labels.size()) return kNoId;
    taken[axis] = true;
    permutation.push_back(axis);
  }
  return b.Transpose(x.value, permutation);
}

}  // namespace

void LowerEinsum(LoweringContext& c) {
  Equation equation;
  if (!ParseEquation(c, &equation)) return;
  GraphBuilder& b = c.b;
  Operand x{c.input(0), equation.inputs[0]};
  TakeDiagonals(b, &x);
  if (c.num_inputs() == 1) {
    SumOut(b, equation.output, {}, &x);
  } else {
    Operand y{c.input(1), equation.inputs[1]};
    TakeDiagonals(b, &y);
    SumOut(b, equation.output, y.labels, &x);
    SumOut(b, equation.output, x.labels, &y);
    x = Multiply(b, equation.output, x, y);
  }
  if (!b.ok()) return;
  SpreadDiagonals(b, equation.output, &x);
  c.Output(InOutputOrder(b, equation.output, x));
}

}  // namespace moulin
