// Rearranging tensors: reshapes, transposes, concatenation, padding, tiling, reversal.
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

void Emit(LoweringContext& c, OpKind kind, Attrs attrs) { c.Output(c.b.Add(kind, std::move(attrs), c.inputs())); }

// --- Views ---

void LowerSqueeze(LoweringContext& c) {
  const char* attr = c.Has("axis") ? "axis" : "squeeze_dims";
  Emit(c, OpKind::kSqueeze, SqueezeAttrs{c.Ints(attr)});
}

void LowerBitcast(LoweringContext& c) { Emit(c, OpKind::kBitcast, BitcastAttrs{c.Type("type", c.dtype(0))}); }

void LowerConjugateTranspose(LoweringContext& c) {
  const ValueId y = c.b.Add(OpKind::kTranspose, NoAttrs{}, c.inputs());
  c.Output(IsComplex(c.dtype(0)) ? c.b.Unary(ExprOp::kConj, y) : y);
}

// --- Concatenation ---

void EmitConcat(LoweringContext& c, ValueId axis, absl::Span<const ValueId> values) {
  if (values.empty()) {
    c.BadAttr("N", "expected at least 1, got 0");
    return;
  }
  std::vector<ValueId> operands = {axis};
  operands.insert(operands.end(), values.begin(), values.end());
  c.Output(c.b.Add(OpKind::kConcat, NoAttrs{}, operands));
}

void LowerConcat(LoweringContext& c) { EmitConcat(c, c.input(0), c.inputs().subspan(1)); }

void LowerConcatV2(LoweringContext& c) {
  const int last = c.num_inputs() - 1;
  EmitConcat(c, c.input(last), c.inputs().first(last));
}

void LowerParallelConcat(LoweringContext& c) { EmitConcat(c, c.b.Int(0), c.inputs()); }

// The values, each with a new axis, one after the other along it.
void LowerPack(LoweringContext& c) {
  const int64_t axis = c.Int("axis", 0);
  std::vector<ValueId> values;
  for (const ValueId x : c.inputs()) values.push_back(c.b.ExpandDims(x, axis));
  c.Output(values.size() == 1 ? values[0] : c.b.Concat(values, axis));
}

// --- Padding ---

void LowerPad(LoweringContext& c) {
  if (SizeOf(c.dtype(0)) == 0) {
    Emit(c, OpKind::kPad, PadAttrs{});
    return;
  }
  c.Output(c.b.Add(OpKind::kPad, PadAttrs{}, {c.input(0), c.input(1), c.b.ScalarLike(c.input(0), 0)}));
}

void LowerPadV2(LoweringContext& c) { Emit(c, OpKind::kPad, PadAttrs{}); }

void LowerMirrorPad(LoweringContext& c) {
  const std::string mode = c.String("mode", "");
  if (mode != "REFLECT" && mode != "SYMMETRIC") {
    c.BadAttr("mode", absl::StrCat("expected REFLECT or SYMMETRIC, got \"", Printable(mode), "\""));
    return;
  }
  Emit(c, OpKind::kPad, PadAttrs{mode == "REFLECT" ? PadMode::kReflect : PadMode::kSymmetric});
}

// --- Reversal ---

// The axes of Reverse are those where a vector of bools is true.
void LowerReverse(LoweringContext& c) {
  if (const Tensor* dims = c.b.constant(c.input(1))) {
    std::vector<int64_t> axes;
    for (int64_t i = 0; i < dims->num_elements(); ++i) {
      if (dims->values<bool>()[i]) axes.push_back(i);
    }
    c.Output(c.b.Add(OpKind::kReverse, NoAttrs{}, {c.input(0), c.b.Ints(axes)}));
    return;
  }
  const ValueId where = c.b.Add(OpKind::kWhere, NoAttrs{}, {c.input(1)});
  c.Output(c.b.Add(OpKind::kReverse, NoAttrs{}, {c.input(0), c.b.Reshape(where, c.b.Ints({-1}))}));
}

void LowerReverseSequence(LoweringContext& c) {
  const int64_t sequence_axis = c.Int("seq_dim", 0);
  const int64_t batch_axis = c.Int("batch_dim", 0);
  if (sequence_axis < 0 || batch_axis < 0) {
    c.BadAttr(sequence_axis < 0 ? "seq_dim" : "batch_dim", "expected at least 0, got a negative number");
    return;
  }
  Emit(c, OpKind::kReverseSequence, ReverseSequenceAttrs{sequence_axis, batch_axis});
}

// y with y[x[i]] = i.
void LowerInvertPermutation(LoweringContext& c) {
  const ValueId size = c.b.ShapeOf(c.input(0));
  const ValueId count = c.b.Cast(c.b.Reshape(size, c.b.Ints({})), c.dtype(0));
  const ValueId range =
      c.b.Add(OpKind::kRange, NoAttrs{}, {c.b.Scalar(c.dtype(0), 0), count, c.b.Scalar(c.dtype(0), 1)});
  c.Output(c.b.Add(OpKind::kScatterNd, ScatterAttrs{}, {c.b.ExpandDims(c.input(0), -1), range, size}));
}

constexpr OpLowering kArrayLowerings[] = {
    {"Bitcast", 1, 1, LowerBitcast},
    {"BroadcastTo", 2, 2, LowerDirect<OpKind::kBroadcast>},
    {"Concat", 1, kAnyNumber, LowerConcat},
    {"ConcatV2", 1, kAnyNumber, LowerConcatV2},
    {"ConjugateTranspose", 2, 2, LowerConjugateTranspose},
    {"ExpandDims", 2, 2, LowerDirect<OpKind::kExpandDims>},
    {"InvertPermutation", 1, 1, LowerInvertPermutation},
    {"MirrorPad", 2, 2, LowerMirrorPad},
    {"Pack", 1, kAnyNumber, LowerPack},
    {"Pad", 2, 2, LowerPad},
    {"PadV2", 3, 3, LowerPadV2},
    {"ParallelConcat", 1, kAnyNumber, LowerParallelConcat},
    {"Reshape", 2, 2, LowerDirect<OpKind::kReshape>},
    {"Reverse", 2, 2, LowerReverse},
    {"ReverseSequence", 2, 2, LowerReverseSequence},
    {"ReverseV2", 2, 2, LowerDirect<OpKind::kReverse>},
    {"Roll", 3, 3, LowerDirect<OpKind::kRoll>},
    {"Squeeze", 1, 1, LowerSqueeze},
    {"Tile", 2, 2, LowerDirect<OpKind::kTile>},
    {"Transpose", 2, 2, LowerDirect<OpKind::kTranspose>},
};

}  // namespace

absl::Span<const OpLowering> ArrayLowerings() { return kArrayLowerings; }

}  // namespace moulin
