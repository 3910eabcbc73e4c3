// The block cells of recurrent networks. BlockLSTM runs its cell for each time step: the steps are laid out one after
// another, so their number must be known and bounded.
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

// x a + bias, for a matrix x.
ValueId Affine(GraphBuilder& b, ValueId x, ValueId weights, ValueId bias) {
  return b.Binary(ExprOp::kAdd, b.Add(OpKind::kContract, ContractAttrs{}, {x, weights}), bias);
}

// The columns of x in `parts` equal parts of `size`.
std::vector<Term> Columns(GraphBuilder& b, ValueId x, int parts, int64_t size) {
  const std::vector<int64_t> sizes(parts, size);
  const std::vector<ValueId> split = b.AddMulti(OpKind::kSplit, NoAttrs{}, {x, b.Int(1), b.Ints(sizes)});
  std::vector<Term> columns;
  for (int i = 0; i < parts; ++i) columns.emplace_back(b, split.empty() ? kNoId : split[i]);
  return columns;
}

bool SizeIsKnown(LoweringContext& c, int i, int axis, absl::string_view what, int64_t* size) {
  *size = c.shape(i).has_rank() && axis < c.shape(i).rank() ? c.shape(i).dim(axis) : kUnknownDim;
  if (*size != kUnknownDim) return true;
  c.NotYet(absl::StrCat("the ", what, " is not known"));
  return false;
}

struct LstmAttrs {
  int64_t cell_size = 0;
  double forget_bias = 1;
  double cell_clip = 3;
  bool use_peephole = false;
  bool cell_before_forget = true;  // the gates are input, cell, forget, output; else input, forget, cell, output
};

// From the gates, not yet biased for forgetting, to the seven outputs: i, cs, f, o, ci, co, h. The peepholes are the
// inputs from `first_peephole` on: for the input, forget and output gates.
std::vector<ValueId> LstmStep(LoweringContext& c, const LstmAttrs& attrs, ValueId gates, ValueId previous_cell,
                              int first_peephole) {
  GraphBuilder& b = c.b;
  const std::vector<Term> parts = Columns(b, gates, 4, attrs.cell_size);
  const Term cs_prev(b, previous_cell);
  Term i_in = parts[0], ci_in = parts[1], f_in = parts[2], o_in = parts[3];
  if (!attrs.cell_before_forget) std::swap(ci_in, f_in);
  if (attrs.forget_bias != 0) f_in = f_in + attrs.forget_bias;
  if (attrs.use_peephole) {
    i_in = i_in + cs_prev * Term(b, c.input(first_peephole));
    f_in = f_in + cs_prev * Term(b, c.input(first_peephole + 1));
  }
  const Term i = i_in.Apply(ExprOp::kSigmoid), f = f_in.Apply(ExprOp::kSigmoid), ci = ci_in.Apply(ExprOp::kTanh);
  Term cs = ci * i + cs_prev * f;
  if (attrs.cell_clip > 0) cs = cs.Max(-attrs.cell_clip).Min(attrs.cell_clip);
  if (attrs.use_peephole) o_in = o_in + cs * Term(b, c.input(first_peephole + 2));
  const Term o = o_in.Apply(ExprOp::kSigmoid), co = cs.Apply(ExprOp::kTanh);
  const Term h = o * co;
  return {i, cs, f, o, ci, co, h};
}

// (x, cs_prev, h_prev, w, wci, wcf, wco, b)
void LowerLstmBlockCell(LoweringContext& c) {
  LstmAttrs attrs;
  attrs.forget_bias = c.Float("forget_bias", 1);
  attrs.cell_clip = c.Float("cell_clip", 3);
  attrs.use_peephole = c.Bool("use_peephole", false);
  if (!SizeIsKnown(c, 4, 0, "cell's size", &attrs.cell_size)) return;
  const ValueId both = c.b.Concat({c.input(0), c.input(2)}, 1);
  c.Outputs(LstmStep(c, attrs, Affine(c.b, both, c.input(3), c.input(7)), c.input(1), 4));
}

// (x, h_prev, w_ru, w_c, b_ru, b_c) -> r, u, c, h
void LowerGruBlockCell(LoweringContext& c) {
  GraphBuilder& b = c.b;
  int64_t cell_size;
  if (!SizeIsKnown(c, 5, 0, "cell's size", &cell_size)) return;
  const Term h_prev(b, c.input(1));
  const ValueId gates = Affine(b, b.Concat({c.input(0), c.input(1)}, 1), c.input(2), c.input(4));
  const std::vector<Term> parts = Columns(b, b.Unary(ExprOp::kSigmoid, gates), 2, cell_size);
  const Term &r = parts[0], &u = parts[1];
  const ValueId reset = b.Concat({c.input(0), (r * h_prev).id()}, 1);
  const Term candidate(b, b.Unary(ExprOp::kTanh, Affine(b, reset, c.input(3), c.input(5))));
  c.Outputs({r, u, candidate, u * h_prev + (1.0 - u) * candidate});
}

// What the input adds to the gates at each step, for all steps with one product.
std::vector<ValueId> GatesFromInput(GraphBuilder& b, ValueId x, ValueId weights, ValueId bias, int64_t steps) {
  const std::vector<ValueId> sizes = DimsOf(b, x, 0, 3);
  const ValueId rows = ReshapeTo(b, x, {ProductOf(b, {sizes[0], sizes[1]}), sizes[2]});
  const ValueId gates = ReshapeTo(b, Affine(b, rows, weights, bias), {sizes[0], sizes[1], DimOf(b, bias, 0)});
  const std::vector<int64_t> ones(steps, 1);
  std::vector<ValueId> each = b.AddMulti(OpKind::kSplit, NoAttrs{}, {gates, b.Int(0), b.Ints(ones)});
  for (ValueId& step : each) step = b.Squeeze(step, {0});
  return each;
}

// The tensors of each step as one, the step being the outermost axis; zeros from the step `seq_len_max` on.
ValueId StackSteps(LoweringContext& c, absl::Span<const ValueId> steps) {
  GraphBuilder& b = c.b;
  std::vector<ValueId> expanded;
  for (ValueId step : steps) expanded.push_back(b.ExpandDims(step, 0));
  const ValueId all = b.Concat(expanded, 0);
  std::vector<int64_t> length;
  const auto count = static_cast<int64_t>(steps.size());
  if (b.ConstantInts(c.input(0), &length) && length.size() == 1 && length[0] >= count) return all;
  const Term time(b, b.Add(OpKind::kRange, NoAttrs{}, {b.Int(0), b.Int(count), b.Int(1)}));
  const Term runs = Term(b, b.Reshape(time, b.Ints({count, 1, 1}))) < Term(b, b.Cast(c.input(0), DType::kInt64));
  return runs.Select({b, all}, {b, b.ScalarLike(all, 0)});
}

// (seq_len_max, x, cs_prev, h_prev, w, wci, wcf, wco, b)
void LowerBlockLstm(LoweringContext& c) {
  GraphBuilder& b = c.b;
  const bool is_v2 = c.op() == "BlockLSTMV2";
  LstmAttrs attrs;
  attrs.forget_bias = is_v2 ? 0 : c.Float("forget_bias", 1);
  attrs.cell_clip = c.Float("cell_clip", is_v2 ? 0 : 3);
  attrs.use_peephole = c.Bool("use_peephole", false);
  attrs.cell_before_forget = !is_v2;
  int64_t steps, inputs;
  if (!RankIsOneOf(c, 1, {3}) || !SizeIsKnown(c, 1, 0, "number of steps", &steps) ||
      !SizeIsKnown(c, 1, 2, "input's size", &inputs) || !SizeIsKnown(c, 5, 0, "cell's size", &attrs.cell_size)) {
    return;
  }
  if (steps < 1 || steps > kMaxTimeSteps) {
    c.Unsupported(absl::StrCat("from 1 to ", kMaxTimeSteps, " time steps are laid out, found ", steps));
    return;
  }
  const ValueId of_input = SliceAxis(b, c.input(4), 0, 0, inputs);
  const ValueId of_state = SliceAxis(b, c.input(4), 0, inputs, attrs.cell_size);
  const std::vector<ValueId> from_input = GatesFromInput(b, c.input(1), of_input, c.input(8), steps);
  ValueId cell = c.input(2), state = c.input(3);
  std::vector<std::vector<ValueId>> outputs(7);
  for (int64_t t = 0; t < steps && b.ok(); ++t) {
    const ValueId from_state = b.Add(OpKind::kContract, ContractAttrs{}, {state, of_state});
    const std::vector<ValueId> step = LstmStep(c, attrs, b.Binary(ExprOp::kAdd, from_input[t], from_state), cell, 5);
    for (int i = 0; i < 7; ++i) outputs[i].push_back(step[i]);
    cell = step[1];
    state = step[6];
  }
  for (const std::vector<ValueId>& output : outputs) c.Output(StackSteps(c, output));
}

constexpr OpLowering kRecurrentLowerings[] = {
    {"LSTMBlockCell", 8, 8, LowerLstmBlockCell},
    {"GRUBlockCell", 6, 6, LowerGruBlockCell},
    {"BlockLSTM", 9, 9, LowerBlockLstm},
    {"BlockLSTMV2", 9, 9, LowerBlockLstm},
};

}  // namespace

absl::Span<const OpLowering> RecurrentLowerings() { return kRecurrentLowerings; }

}  // namespace moulin
