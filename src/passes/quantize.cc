// Computes float32 convolutions and products of constant weights from int8 operands, where the graph's precision asks
// for it (IsInt8) and the range of the activation is known (Graph::ranges).
//
// Both operands are scaled symmetrically, so that 0 stays 0 and padding needs no care: the activation by one number,
// its largest magnitude being 127 steps; the weights by one for each filter or column. Sums are int32, exact. The
// epilogue turns them back to float32, by one factor a filter, and goes on as before. The activation's own step is a
// Map, which CSE merges where several products read it and fuse_epilogues moves behind the product it comes from, so
// that between two int8 products bytes are stored.
//
// The weights of a product are stored transposed, [columns, terms]: the layout in which int8 units take them.
#include "passes/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "passes/pass.h"
#include "passes/rewriter.h"

namespace moulin {
namespace {

constexpr double kSteps = 127;
// int8 units take 16 channels at a time: shorter sums would leave them idle, and are those of images, which lose most.
constexpr int64_t kMinChannels = 16;
// 128 * 127 * so many do not overflow an int32.
constexpr int64_t kMaxTerms = int64_t{1} << 17;

// The largest magnitude of a value, where its range is known by one of its names, or is that of what it is made of.
std::optional<double> PeakOf(const Graph& graph, ValueId v) {
  while (true) {
    const Value& value = graph.value(v);
    for (const std::string& name : value.names) {
      const auto found = graph.ranges.find(name);
      if (found == graph.ranges.end()) continue;
      return std::max(std::abs(double{found->second.min}), std::abs(double{found->second.max}));
    }
    if (value.producer == kNoId) return std::nullopt;
    const Node& node = graph.node(value.producer);
    switch (node.kind) {  // no element is larger than the largest of input 0
      case OpKind::kPool:
      case OpKind::kReshape:
      case OpKind::kSqueeze:
      case OpKind::kExpandDims:
      case OpKind::kTranspose:
      case OpKind::kSlice:
      case OpKind::kStridedSlice:
        v = node.inputs[0];
        break;
      default:
        return std::nullopt;
    }
  }
}

bool IsProduct(const Node& node) { return node.kind == OpKind::kConv || node.kind == OpKind::kContract; }

DType TypeOf(const Graph& graph, ValueId v) { return graph.value(v).type.dtype; }

bool IsFloat32Product(const Graph& graph, const Node& node) {
  return IsProduct(node) && TypeOf(graph, node.inputs[1]) == DType::kFloat32;
}

// As WhyNotQuantized, but for the range.
const char* ObstacleOf(const Graph& graph, const Node& node) {
  const Tensor& weights = graph.value(node.inputs[1]).constant;
  if (!weights.is_valid()) return "its weights are not constant";
  const Shape& shape = weights.shape();
  int64_t terms = 0, channels = 0, filters = shape[shape.rank() - 1];
  if (node.kind == OpKind::kConv) {
    if (node.attr<ConvAttrs>().groups != 1) return "it has groups of channels";
    channels = shape[shape.rank() - 2];
    terms = filters == 0 ? 0 : shape.num_elements() / filters;
  } else {
    const auto& attrs = node.attr<ContractAttrs>();
    if (shape.rank() != 2) return "its weights are several matrices";
    if (attrs.transpose_a) return "its activation is transposed";
    channels = terms = shape[attrs.transpose_b ? 1 : 0];
    filters = shape[attrs.transpose_b ? 0 : 1];
  }
  if (channels < kMinChannels) return "it has fewer than 16 input channels";
  if (filters == 0) return "it has no output channels";
  return terms > kMaxTerms ? "its sums could overflow" : nullptr;
}

constexpr const char* kNoRange = "the range of its input is not known";
constexpr const char* kNarrowRange = "the range of its input is too narrow";  // nothing but 0, mostly

bool IsFiniteFloat32(const Tensor& weights) {
  if (weights.dtype() != DType::kFloat32) return false;
  const absl::Span<const float> values = weights.values<float>();
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// int8 weights with a step for each filter.
struct QuantizedWeights {
  Tensor values;
  std::vector<double> steps;
};

int8_t ToInt8(double x) { return static_cast<int8_t>(std::clamp(std::nearbyint(x), -kSteps, kSteps)); }

// `weights` is [rows, filters] taken as a matrix (or the reverse where `by_rows`); the result has the same layout, or
// is [filters, rows] where `transpose`.
StatusOr<QuantizedWeights> QuantizeWeights(const Tensor& weights, bool by_rows, bool transpose) {
  const Shape& shape = weights.shape();
  const int64_t filters = shape[by_rows ? 0 : shape.rank() - 1], rows = weights.num_elements() / filters;
  const float* from = weights.values<float>().data();
  const auto at = [&](int64_t row, int64_t filter) {
    return double{from[by_rows ? filter * rows + row : row * filters + filter]};
  };
  QuantizedWeights result;
  result.steps.resize(filters);
  MOULIN_ASSIGN_OR_RETURN(result.values, Tensor::Allocate(DType::kInt8, transpose ? Shape({filters, rows}) : shape));
  int8_t* to = result.values.mutable_values<int8_t>().data();
  for (int64_t f = 0; f < filters; ++f) {
    double peak = 0;
    for (int64_t row = 0; row < rows; ++row) peak = std::max(peak, std::abs(at(row, f)));
    const double step = peak > 0 ? peak / kSteps : 1;
    result.steps[f] = step;
    for (int64_t row = 0; row < rows; ++row) {
      to[transpose || by_rows ? f * rows + row : row * filters + f] = ToInt8(at(row, f) / step);
    }
  }
  return result;
}

class Quantizer {
 public:
  Quantizer(Graph* graph, const PassOptions& options) : graph_(*graph), rewriter_(graph, options) {}

  StatusOr<bool> Run() {
    // Ranges go by names, which values get only at the end from those that they replace.
    std::vector<double> peaks;  // per node; 0 for those that stay
    for (const Node& node : graph_.nodes()) {
      const bool stays = !IsFloat32Product(graph_, node) || !WhyNotQuantized(graph_, node).empty();
      peaks.push_back(stays ? 0 : *PeakOf(graph_, node.inputs[0]));
    }
    for (NodeId id = 0; id < rewriter_.num_nodes(); ++id) {
      rewriter_.Visit(id);
      const Node node = graph_.node(id);  // a copy, for the graph grows
      if (peaks[id] > 0) MOULIN_RETURN_IF_ERROR(QuantizeProduct(node, peaks[id] / kSteps));
    }
    return rewriter_.Finish();
  }

 private:
  GraphBuilder& builder() { return rewriter_.builder(); }

  // `step`: of the activation.
  Status QuantizeProduct(const Node& node, double step) {
    const bool is_conv = node.kind == OpKind::kConv;
    const bool by_rows = !is_conv && node.attr<ContractAttrs>().transpose_b;
    MOULIN_ASSIGN_OR_RETURN(const QuantizedWeights weights,
                            QuantizeWeights(graph_.value(node.inputs[1]).constant, by_rows, /*transpose=*/!is_conv));
    std::vector<ValueId> inputs = {Activation(node.inputs[0], step), builder().Constant(weights.values),
                                   Factors(node, weights.steps, step)};
    inputs.insert(inputs.end(), node.inputs.begin() + 2, node.inputs.end());
    Attrs attrs = node.attrs;
    if (is_conv) {
      SetEpilogue(&std::get<ConvAttrs>(attrs));
    } else {
      SetEpilogue(&std::get<ContractAttrs>(attrs));
      std::get<ContractAttrs>(attrs).transpose_b = true;
    }
    rewriter_.Replace(node.outputs[0], builder().Add(node.kind, std::move(attrs), inputs));
    return absl::OkStatus();
  }

  // The activation in steps.
  ValueId Activation(ValueId x, double step) {
    Expr expr;
    const int scaled = expr.Binary(ExprOp::kMul, expr.Input(0, DType::kFloat32),
                                   expr.Constant(DType::kFloat32, static_cast<float>(1 / step)));
    const int rounded = expr.Unary(ExprOp::kRound, scaled);
    Instr narrow;
    narrow.op = ExprOp::kSaturatingCast;
    narrow.type = DType::kInt8;
    narrow.args[0] = static_cast<int16_t>(rounded);
    expr.Append(narrow);
    return builder().Map(std::move(expr), {x});
  }

  // What a sum of each filter is worth, shaped to broadcast over the result.
  ValueId Factors(const Node& node, const std::vector<double>& steps, double step) {
    Shape shape({static_cast<int64_t>(steps.size())});
    if (node.kind == OpKind::kConv && !node.attr<ConvAttrs>().channels_last) {
      for (size_t i = 0; i < node.attr<ConvAttrs>().strides.size(); ++i) shape.push_back(1);
    }
    std::vector<float> factors;
    for (const double s : steps) factors.push_back(static_cast<float>(s * step));
    return builder().Constant(Tensor::Of<float>(shape, factors));
  }

  // The factors are the first operand of the epilogue, before those that it had.
  template <typename ProductAttrs>
  void SetEpilogue(ProductAttrs* attrs) {
    Expr expr;
    const int product = expr.Cast(expr.Input(0, DType::kInt32), DType::kFloat32);
    std::vector<int> operands = {expr.Binary(ExprOp::kMul, product, expr.Input(1, DType::kFloat32))};
    int result = operands[0];
    if (!attrs->epilogue.empty()) {
      // Only operands that it reads have an instruction.
      operands.resize(attrs->epilogue.num_inputs(), operands[0]);
      for (const Instr& instr : attrs->epilogue.instrs()) {
        if (instr.op != ExprOp::kInput || instr.input == 0) continue;
        operands[instr.input] = expr.Input(instr.input + 1, instr.type);
      }
      result = expr.AppendExpr(attrs->epilogue, operands);
    }
    expr.SetResult(result);
    attrs->epilogue = std::move(expr);
    attrs->product_type = DType::kInt32;
  }

  Graph& graph_;
  Rewriter rewriter_;
};

}  // namespace

bool IsFloatProduct(const Graph& graph, const Node& node) {
  return IsProduct(node) &&
         (TypeOf(graph, node.inputs[1]) == DType::kFloat32 || TypeOf(graph, node.inputs[1]) == DType::kFloat16);
}

bool IsInt8Product(const Graph& graph, const Node& node) {
  return IsProduct(node) && TypeOf(graph, node.inputs[0]) == DType::kInt8 &&
         (node.kind == OpKind::kConv ? node.attr<ConvAttrs>().product_type : node.attr<ContractAttrs>().product_type) ==
             DType::kInt32;
}

std::string WhyNotQuantized(const Graph& graph, const Node& node) {
  if (const char* obstacle = ObstacleOf(graph, node)) return obstacle;
  const std::optional<double> peak = PeakOf(graph, node.inputs[0]);
  if (!peak.has_value()) return kNoRange;
  if (!std::isfinite(static_cast<float>(kSteps / *peak))) return kNarrowRange;
  // Reduced to float16, it was left before for want of another reason.
  return IsFiniteFloat32(graph.value(node.inputs[1]).constant) ? "" : "its weights are not finite";
}

std::vector<ValueId> ActivationsWithoutRange(const Graph& graph) {
  std::vector<ValueId> values;
  for (const Node& node : graph.nodes()) {
    if (!IsFloat32Product(graph, node) || WhyNotQuantized(graph, node) != kNoRange) continue;
    const ValueId v = node.inputs[0];
    if (graph.value(v).names.empty() || std::find(values.begin(), values.end(), v) != values.end()) continue;
    values.push_back(v);
  }
  return values;
}

StatusOr<bool> Quantize(Graph* graph, const PassOptions& options) {
  if (!IsInt8(graph->precision)) return false;
  return Quantizer(graph, options).Run();
}

}  // namespace moulin
