// CudnnRNN, CudnnRNNV2 and CudnnRNNV3: stacks of LSTM, GRU or plain layers in one or both directions, whose weights are
// one flat tensor. Each layer is laid out step by step, so the number of steps must be known and bounded.
//
// The weights: for each layer, and in it for each direction, a matrix [units, inputs] a gate, then a matrix
// [units, units] a gate; behind those of all layers the biases, for each layer and direction first the gates' for the
// input, then the gates' for the state. Gates are in the order input, forget, cell, output (LSTM) or reset, update,
// candidate (GRU). Tests: tests/cases/cudnn_cases.py, tests/import/cudnn_rnn_test.cc.
#include "import/cudnn_rnn.h"

#include "import/lowering_util.h"

namespace moulin {
namespace {

struct Network {
  std::string mode;
  int gates = 1;
  int directions = 1;
  int64_t steps = 0, inputs = 0, units = 0, layers = 0;
  ValueId lengths = kNoId;  // of the sequences, where they are given
  bool is_lstm() const { return mode == "lstm"; }
};

bool ReadNetwork(LoweringContext& c, Network* net) {
  net->mode = c.String("rnn_mode", "lstm");
  const std::string direction = c.String("direction", "unidirectional");
  net->gates = net->mode == "lstm" ? 4 : net->mode == "gru" ? 3 : 1;
  net->directions = direction == "bidirectional" ? 2 : 1;
  if (net->gates == 1 && net->mode != "rnn_relu" && net->mode != "rnn_tanh") {
    c.BadAttr("rnn_mode", absl::StrCat("unknown mode \"", Printable(net->mode), "\""));
    return false;
  }
  if (c.String("input_mode", "linear_input") == "skip_input" || c.Int("num_proj", 0) != 0) {
    c.Unsupported("input_mode \"skip_input\" or a projection");
    return false;
  }
  if (!RankIsOneOf(c, 0, {3}) || !RankIsOneOf(c, 1, {3})) return false;
  if (!c.shape(0).IsFullyKnown() || !c.shape(1).IsFullyKnown()) {
    c.NotYet("the shapes of the sequences or of the state are not known");
    return false;
  }
  return c.b.ok();
}

// The weights, taken from the front of the flat tensor.
class WeightReader {
 public:
  WeightReader(GraphBuilder& b, ValueId flat) : b_(b), flat_(flat) {}
  ValueId Take(std::initializer_list<int64_t> shape) {
    int64_t size = 1;
    for (const int64_t dim : shape) size *= dim;
    const ValueId part = b_.Reshape(SliceAxis(b_, flat_, 0, taken_, size), b_.Ints(shape));
    taken_ += size;
    return part;
  }

 private:
  GraphBuilder& b_;
  const ValueId flat_;
  int64_t taken_ = 0;
};

// One layer in one direction.
struct Layer {
  ValueId of_input, of_state;            // [gates * units, inputs or units]
  ValueId bias_of_input, bias_of_state;  // [gates * units]
};

std::vector<Layer> ReadLayers(GraphBuilder& b, const Network& net, ValueId flat) {
  WeightReader reader(b, flat);
  std::vector<Layer> layers(net.layers * net.directions);
  for (size_t i = 0; i < layers.size(); ++i) {
    const int64_t inputs = i < static_cast<size_t>(net.directions) ? net.inputs : net.units * net.directions;
    layers[i].of_input = reader.Take({net.gates * net.units, inputs});
    layers[i].of_state = reader.Take({net.gates * net.units, net.units});
  }
  for (Layer& layer : layers) {
    layer.bias_of_input = reader.Take({net.gates * net.units});
    layer.bias_of_state = reader.Take({net.gates * net.units});
  }
  return layers;
}

// x [.., inputs] times the transpose of w, plus a bias.
Term Linear(GraphBuilder& b, ValueId x, ValueId w, ValueId bias) {
  ContractAttrs attrs;
  attrs.transpose_b = true;
  return {b, b.Binary(ExprOp::kAdd, b.Add(OpKind::kContract, std::move(attrs), {x, w}), bias)};
}

std::vector<Term> Gates(GraphBuilder& b, const Network& net, ValueId x) {
  const std::vector<int64_t> sizes(net.gates, net.units);
  std::vector<Term> gates;
  for (const ValueId gate : b.AddMulti(OpKind::kSplit, NoAttrs{}, {x, b.Int(1), b.Ints(sizes)})) {
    gates.emplace_back(b, gate);
  }
  while (gates.size() < static_cast<size_t>(net.gates)) gates.emplace_back(b, kNoId);
  return gates;
}

struct CellState {
  Term h, c;
};

CellState Step(GraphBuilder& b, const Network& net, Term from_input, Term from_state, const CellState& before) {
  constexpr ExprOp kSigmoid = ExprOp::kSigmoid, kTanh = ExprOp::kTanh;
  if (net.gates == 1) {
    return {(from_input + from_state).Apply(net.mode == "rnn_relu" ? ExprOp::kRelu : kTanh), before.c};
  }
  if (net.is_lstm()) {
    const std::vector<Term> gates = Gates(b, net, from_input + from_state);
    const Term cell = gates[1].Apply(kSigmoid) * before.c + gates[0].Apply(kSigmoid) * gates[2].Apply(kTanh);
    return {gates[3].Apply(kSigmoid) * cell.Apply(kTanh), cell};
  }
  const std::vector<Term> x = Gates(b, net, from_input), r = Gates(b, net, from_state);
  const Term reset = (x[0] + r[0]).Apply(kSigmoid), update = (x[1] + r[1]).Apply(kSigmoid);
  const Term candidate = (x[2] + reset * r[2]).Apply(kTanh);
  return {(1.0 - update) * candidate + update * before.h, before.c};
}

// Sequences [steps, batch, n] back to front, each within its own length.
ValueId Reversed(GraphBuilder& b, const Network& net, ValueId x) {
  if (net.lengths == kNoId) return b.Add(OpKind::kReverse, NoAttrs{}, {x, b.Ints({0})});
  return b.Add(OpKind::kReverseSequence, ReverseSequenceAttrs{0, 1}, {x, net.lengths});
}

// The states h of all steps, [steps, batch, units]; `state` becomes the last one. Behind the end of a sequence the
// state stays and the outputs are zeros.
ValueId RunLayer(GraphBuilder& b, const Network& net, const Layer& layer, ValueId x, CellState* state) {
  const std::vector<int64_t> ones(net.steps, 1);
  const ValueId all = Linear(b, x, layer.of_input, layer.bias_of_input);
  std::vector<ValueId> outputs;
  const std::vector<ValueId> each = b.AddMulti(OpKind::kSplit, NoAttrs{}, {all, b.Int(0), b.Ints(ones)});
  for (int64_t t = 0; t < net.steps && b.ok(); ++t) {
    const Term from_input(b, b.Squeeze(each[t], {0}));
    CellState next = Step(b, net, from_input, Linear(b, state->h, layer.of_state, layer.bias_of_state), *state);
    Term output = next.h;
    if (net.lengths != kNoId) {
      const Term lengths(b, b.ExpandDims(net.lengths, 1));
      const Term runs = lengths > static_cast<double>(t);
      output = runs.Select(next.h, next.h.Like(0));
      next = {runs.Select(next.h, state->h), runs.Select(next.c, state->c)};
    }
    *state = next;
    outputs.push_back(b.ExpandDims(output, 0));
  }
  return b.Concat(outputs, 0);
}

// (input, input_h, input_c, params[, sequence_lengths]) -> output, output_h, output_c, what training keeps.
void LowerCudnnRnn(LoweringContext& c) {
  GraphBuilder& b = c.b;
  Network net;
  if (!ReadNetwork(c, &net)) return;
  const bool time_major = c.Bool("time_major", true);
  const auto to_time_major = [&](ValueId x) { return time_major ? x : b.Transpose(x, {1, 0, 2}); };
  ValueId x = to_time_major(c.input(0));
  const ValueId h = to_time_major(c.input(1)), cell = net.is_lstm() ? to_time_major(c.input(2)) : h;
  net.steps = b.shape(x).dim(0);
  net.inputs = b.shape(x).dim(2);
  net.units = b.shape(h).dim(2);
  net.layers = b.shape(h).dim(0) / net.directions;
  if (c.num_inputs() > 4) net.lengths = c.input(4);
  if (net.steps < 1 || net.steps > kMaxTimeSteps) {
    return c.Unsupported(absl::StrCat("from 1 to ", kMaxTimeSteps, " time steps are laid out, found ", net.steps));
  }
  const std::vector<Layer> layers = ReadLayers(b, net, c.input(3));
  std::vector<ValueId> last_h, last_c;
  for (int64_t i = 0; i < net.layers && b.ok(); ++i) {
    std::vector<ValueId> outputs;
    for (int d = 0; d < net.directions; ++d) {
      const int64_t number = i * net.directions + d;
      CellState state{{b, b.Squeeze(SliceAxis(b, h, 0, number, 1), {0})},
                      {b, b.Squeeze(SliceAxis(b, cell, 0, number, 1), {0})}};
      const ValueId output = RunLayer(b, net, layers[number], d == 0 ? x : Reversed(b, net, x), &state);
      outputs.push_back(d == 0 ? output : Reversed(b, net, output));
      last_h.push_back(b.ExpandDims(state.h, 0));
      last_c.push_back(b.ExpandDims(state.c, 0));
    }
    x = outputs.size() == 1 ? outputs[0] : b.Concat(outputs, 2);
  }
  c.Output(to_time_major(x));
  c.Output(to_time_major(b.Concat(last_h, 0)));
  c.Output(net.is_lstm() ? to_time_major(b.Concat(last_c, 0)) : c.input(2));
  c.Output(kNoId);
  if (c.op() != "CudnnRNN") c.Output(kNoId);
}

constexpr OpLowering kCudnnRnnLowerings[] = {
    {"CudnnRNN", 4, 4, LowerCudnnRnn},
    {"CudnnRNNV2", 4, 4, LowerCudnnRnn},
    {"CudnnRNNV3", 5, 5, LowerCudnnRnn},
};

}  // namespace

absl::Span<const OpLowering> CudnnRnnLowerings() { return kCudnnRnnLowerings; }

}  // namespace moulin
