// What several families of lowerings share: attributes of windows, sizes computed in the graph, arithmetic on values.
#ifndef MOULIN_IMPORT_LOWERING_UTIL_H_
#define MOULIN_IMPORT_LOWERING_UTIL_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "import/lowering.h"
#include "ir/attrs.h"

namespace moulin {

// Recurrent ops are laid out step by step, up to this many.
inline constexpr int64_t kMaxTimeSteps = 512;

// --- Whole lowerings ---

// Ops whose operands are those of the primitive, in the same order.
template <OpKind kKind>
void LowerDirect(LoweringContext& c) {
  c.Output(c.b.Add(kKind, NoAttrs{}, c.inputs()));
}

// Ops that are one instruction.
template <ExprOp kOp>
void LowerUnary(LoweringContext& c) {
  c.Output(c.b.Unary(kOp, c.input(0)));
}

// Ops that are a few instructions, of one operand or two.
using Builder1 = int (*)(Expr& e, int x);
using Builder2 = int (*)(Expr& e, int x, int y);

template <Builder1 kBuild>
void LowerBuilt(LoweringContext& c) {
  Expr e;
  e.SetResult(kBuild(e, e.Input(0, c.dtype(0))));
  c.Output(c.b.Map(std::move(e), {c.input(0)}));
}

template <Builder2 kBuild>
void LowerBuilt(LoweringContext& c) {
  Expr e;
  const int x = e.Input(0, c.dtype(0));
  e.SetResult(kBuild(e, x, e.Input(1, c.dtype(1))));
  c.Output(c.b.Map(std::move(e), {c.input(0), c.input(1)}));
}

// --- What inputs and attributes must be ---

// Whether the rank of input `i` is known; if not, fails with E_UNSUPPORTED. The second form also wants it to be one of
// `ranks`, and else fails with E_SHAPE.
bool RankIsKnown(LoweringContext& c, int i);
bool RankIsOneOf(LoweringContext& c, int i, std::initializer_list<int> ranks);

// Brings an axis counted from the end (axis < 0) to [0, rank); fails with E_ATTR, naming `what`, where it is outside.
// False where it failed.
bool NormalizeAxis(LoweringContext& c, absl::string_view what, int rank, int64_t* axis);

// --- Attributes of windowed ops, of `spatial` spatial axes (1 to 3). All fail with E_ATTR and give false. ---

// `data_format`: "NHWC" and "NDHWC" (the defaults) or "NCHW" and "NCDHW".
bool ReadDataFormat(LoweringContext& c, int spatial, bool* channels_last);
// The spatial entries of a list with an entry for each axis of the input ("strides", "dilations", "ksize"...). Each
// must be at least 1; those of the batch and channel axes must be 1. An absent list is an error unless `optional`: then
// 1s.
bool ReadSpatialList(LoweringContext& c, absl::string_view attr, int spatial, bool channels_last, bool optional,
                     SpatialDims* values);
// `padding` and, where the op has it, `explicit_paddings`. The latter two become zeros unless the padding is explicit.
bool ReadPadding(LoweringContext& c, int spatial, bool channels_last, Padding* padding, SpatialDims* before,
                 SpatialDims* after);

// --- Sizes. A size is an int64 vector of one element, constant where it is known. ---

ValueId DimOf(GraphBuilder& b, ValueId x, int axis);
std::vector<ValueId> DimsOf(GraphBuilder& b, ValueId x, int first, int last);  // of axes [first, last)
// The product of sizes; 1 for none.
ValueId ProductOf(GraphBuilder& b, absl::Span<const ValueId> sizes);
// A shape from sizes.
ValueId ShapeFrom(GraphBuilder& b, absl::Span<const ValueId> sizes);
// x with the axes of the given sizes. Where one of them is not known it is inferred, so that the others stay known.
ValueId ReshapeTo(GraphBuilder& b, ValueId x, absl::Span<const ValueId> sizes);
// x flattened to a vector.
ValueId Flatten(GraphBuilder& b, ValueId x);
// A size as an int64 scalar.
ValueId ScalarFrom(GraphBuilder& b, ValueId size);
// The rows of x, along its first axis, with these numbers.
ValueId GatherRows(GraphBuilder& b, ValueId x, ValueId rows);
// The element `i` of a vector, as a scalar.
ValueId ElementOf(GraphBuilder& b, ValueId vector, int64_t i);
// x restricted to [begin, begin + size) of one axis; size -1 means up to the end. Its rank must be known.
ValueId SliceAxis(GraphBuilder& b, ValueId x, int axis, int64_t begin, int64_t size);

// --- Arithmetic on values as it is written, with broadcasting: (x - mean) * scale + 1.0. Every operator adds a Map;
// the passes fuse them. ---
class Term {
 public:
  Term(GraphBuilder& b, ValueId id) : b_(&b), id_(id) {}
  ValueId id() const { return id_; }
  operator ValueId() const { return id_; }  // NOLINT: a Term is a value

  Term operator+(Term y) const { return Apply(ExprOp::kAdd, y); }
  Term operator-(Term y) const { return Apply(ExprOp::kSub, y); }
  Term operator*(Term y) const { return Apply(ExprOp::kMul, y); }
  Term operator/(Term y) const { return Apply(ExprOp::kDiv, y); }
  Term operator<(Term y) const { return Apply(ExprOp::kLess, y); }
  Term operator<=(Term y) const { return Apply(ExprOp::kLessEqual, y); }
  Term operator>(Term y) const { return Apply(ExprOp::kGreater, y); }
  Term operator>=(Term y) const { return Apply(ExprOp::kGreaterEqual, y); }
  Term operator==(Term y) const { return Apply(ExprOp::kEqual, y); }
  Term operator&&(Term y) const { return Apply(ExprOp::kAnd, y); }
  Term operator||(Term y) const { return Apply(ExprOp::kOr, y); }
  Term operator!() const { return Apply(ExprOp::kNot); }
  Term operator-() const { return Apply(ExprOp::kNeg); }
  Term operator+(double y) const { return *this + Like(y); }
  Term operator-(double y) const { return *this - Like(y); }
  Term operator*(double y) const { return *this * Like(y); }
  Term operator/(double y) const { return *this / Like(y); }
  Term operator<(double y) const { return *this < Like(y); }
  Term operator<=(double y) const { return *this <= Like(y); }
  Term operator>(double y) const { return *this > Like(y); }
  Term operator>=(double y) const { return *this >= Like(y); }
  Term operator==(double y) const { return *this == Like(y); }

  Term Apply(ExprOp op) const { return {*b_, b_->Unary(op, id_)}; }
  Term Apply(ExprOp op, Term y) const { return {*b_, b_->Binary(op, id_, y.id_)}; }
  Term Max(Term y) const { return Apply(ExprOp::kMax, y); }
  Term Min(Term y) const { return Apply(ExprOp::kMin, y); }
  Term Max(double y) const { return Max(Like(y)); }
  Term Min(double y) const { return Min(Like(y)); }
  Term Cast(DType type) const { return {*b_, b_->Cast(id_, type)}; }
  // x where this is true, else y.
  Term Select(Term x, Term y) const { return {*b_, b_->Select(id_, x.id_, y.id_)}; }
  // A scalar of this one's type.
  Term Like(double value) const { return {*b_, b_->ScalarLike(id_, value)}; }
  DType dtype() const { return b_->dtype(id_); }

 private:
  GraphBuilder* b_;
  ValueId id_;
};
inline Term operator+(double x, Term y) { return y.Like(x) + y; }
inline Term operator-(double x, Term y) { return y.Like(x) - y; }
inline Term operator*(double x, Term y) { return y.Like(x) * y; }
inline Term operator/(double x, Term y) { return y.Like(x) / y; }

// The activations that TensorFlow's fused kernels name ("Relu", "Relu6", "Elu", "LeakyRelu", "Tanh", "Sigmoid",
// "Identity"...), applied to x. kNoId, without failing, where the name is another.
ValueId ApplyActivation(GraphBuilder& b, absl::string_view name, ValueId x, double leaky_alpha);

// The `fused_ops` of _FusedConv2D and _FusedMatMul: applies them in order to x, whose channels are its axis
// `channel_axis`; they take their operands from the inputs from `first_arg` on.
ValueId ApplyFusedOps(LoweringContext& c, ValueId x, int first_arg, int channel_axis);

}  // namespace moulin

#endif  // MOULIN_IMPORT_LOWERING_UTIL_H_
