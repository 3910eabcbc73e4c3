// Makes batch normalisation with constant parameters disappear.
//
// First each such BatchNorm becomes x * a + b with constant vectors a = scale / sqrt(variance + epsilon) and
// b = offset - mean * a. Then, behind a convolution or matrix product with a constant filter that nobody else reads, a
// chain of Maps that scale and shift each channel by constants (those, biases, and batch normalisation written out) is
// summed up to one scale and one shift: the filter is multiplied by the scale and only the shift stays, for
// fuse_epilogues to take.
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/status_macros.h"
#include "ops/control.h"
#include "passes/constants.h"
#include "passes/pass.h"
#include "passes/rewriter.h"
#include "passes/shape_facts.h"

namespace moulin {
namespace {

using Doubles = std::vector<double>;

// --- BatchNorm to a Map ---

struct ScaleAndShift {
  Doubles scale;
  Doubles shift;
};

std::optional<ScaleAndShift> FromBatchNorm(const Graph& graph, const Node& node) {
  std::vector<Doubles> params;
  for (int i = 1; i < 5; ++i) {
    const Tensor& t = graph.value(node.inputs[i]).constant;
    std::optional<Doubles> values = t.is_valid() ? ToDoubles(t) : std::nullopt;
    if (!values || (i > 1 && values->size() != params[0].size())) return std::nullopt;
    params.push_back(*std::move(values));
  }
  const auto& [scale, offset, mean, variance] = std::tie(params[0], params[1], params[2], params[3]);
  const double epsilon = node.attr<BatchNormAttrs>().epsilon;
  ScaleAndShift result;
  for (size_t c = 0; c < scale.size(); ++c) {
    const double a = scale[c] / std::sqrt(variance[c] + epsilon);
    result.scale.push_back(a);
    result.shift.push_back(offset[c] - mean[c] * a);
  }
  return result;
}

// The shape in which a vector of `channels` broadcasts over a tensor of `rank` axes.
Shape ChannelShape(int64_t channels, int channel_axis, int rank) {
  Shape shape({channels});
  for (int i = channel_axis + 1; i < rank; ++i) shape.push_back(1);
  return shape;
}

// x * a + b in the parameters' type, which is wider than x's where x is float16 or bfloat16.
ValueId BuildMap(ValueId x, DType param_type, const Shape& shape, const ScaleAndShift& values, GraphBuilder* b) {
  const ValueId scale = b->Constant(FromDoubles(param_type, shape, values.scale));
  const ValueId shift = b->Constant(FromDoubles(param_type, shape, values.shift));
  Expr e;
  const int wide = e.Cast(e.Input(0, b->dtype(x)), param_type);
  const int product = e.Binary(ExprOp::kMul, wide, e.Input(1, param_type));
  e.Cast(e.Binary(ExprOp::kAdd, product, e.Input(2, param_type)), b->dtype(x));
  return b->Map(std::move(e), {x, scale, shift});
}

StatusOr<bool> BatchNormsToMaps(Graph* graph, const PassOptions& options) {
  Rewriter rewriter(graph, options);
  for (NodeId id = 0; id < rewriter.num_nodes(); ++id) {
    rewriter.Visit(id);
    const Node& node = graph->node(id);
    if (node.kind != OpKind::kBatchNorm) continue;
    const std::optional<ScaleAndShift> values = FromBatchNorm(*graph, node);
    const bool channels_last = node.attr<BatchNormAttrs>().channels_last;
    const ValueId x = node.inputs[0];
    const int rank = graph->value(x).type.shape.rank();
    if (!values || (rank < 2 && !channels_last)) continue;
    const Shape shape = channels_last ? Shape({static_cast<int64_t>(values->scale.size())})
                                      : ChannelShape(values->scale.size(), 1, rank);
    const ValueId old = node.outputs[0];
    const DType param_type = graph->value(node.inputs[1]).type.dtype;
    rewriter.Replace(old, BuildMap(x, param_type, shape, *values, &rewriter.builder()));
  }
  return rewriter.Finish();
}

// --- Scales into filters ---

// Where the channels of a product's result and of its filter lie.
struct Product {
  ValueId result = kNoId;
  int result_axis = 0;
  int result_rank = 0;
  ValueId filter = kNoId;
  int filter_axis = 0;
  int64_t channels = 0;
};

// The affine function of the product that an instruction computes: scale * product + shift, each of one element a
// channel.
using Affine = std::optional<ScaleAndShift>;

// Follows the chain behind one product.
class ChainFolder {
 public:
  ChainFolder(const Graph& graph, const Product& product)
      : graph_(graph), product_(product), sum_{Doubles(product.channels, 1), Doubles(product.channels, 0)} {}

  const ScaleAndShift& sum() const { return sum_; }

  // Takes a Map that reads `x`, the chain so far; false where it does more than scale and shift by constants.
  bool Take(const Node& map, ValueId x) {
    const TensorType& type = graph_.value(x).type;
    if (graph_.value(map.outputs[0]).type.dtype != type.dtype) return false;
    std::vector<Affine> values;
    for (const Instr& instr : map.attr<MapAttrs>().expr.instrs()) {
      if (instr.type != type.dtype) return false;
      values.push_back(Evaluate(instr, map, x, values));
    }
    if (values.empty() || !values.back() || !IsFinite(*values.back())) return false;
    sum_ = *std::move(values.back());
    return true;
  }

 private:
  Affine Number(double value) const {
    return ScaleAndShift{Doubles(product_.channels, 0), Doubles(product_.channels, value)};
  }

  Affine Evaluate(const Instr& instr, const Node& map, ValueId x, const std::vector<Affine>& values) const {
    if (instr.op == ExprOp::kInput)
      return map.inputs[instr.input] == x ? Affine(sum_) : Vector(map.inputs[instr.input]);
    if (instr.op == ExprOp::kConstant) return Number(instr.value.real);
    const int operands = NumOperands(instr.op);
    for (int i = 0; i < operands; ++i) {
      if (!values[instr.args[i]]) return std::nullopt;
    }
    const Affine& a = values[instr.args[0]];
    switch (instr.op) {
      case ExprOp::kNeg:
        return Scaled(*a, *Number(-1));
      case ExprOp::kAdd:
        return Sum(*a, *values[instr.args[1]], 1);
      case ExprOp::kSub:
        return Sum(*a, *values[instr.args[1]], -1);
      case ExprOp::kMul: {
        const ScaleAndShift& b = *values[instr.args[1]];
        if (IsConstant(b)) return Scaled(*a, b);
        return IsConstant(*a) ? Scaled(b, *a) : std::nullopt;
      }
      case ExprOp::kDiv: {
        ScaleAndShift b = *values[instr.args[1]];
        if (!IsConstant(b)) return std::nullopt;
        for (double& v : b.shift) v = 1 / v;
        return Scaled(*a, b);
      }
      default:
        return std::nullopt;
    }
  }

  // A constant operand with one element, or one for each channel.
  Affine Vector(ValueId v) const {
    const Tensor& t = graph_.value(v).constant;
    if (!t.is_valid() || t.shape().rank() > product_.result_rank) return std::nullopt;
    const std::optional<Doubles> values = ToDoubles(t);
    if (!values) return std::nullopt;
    if (values->size() == 1) return Number(values->front());
    const int axis = product_.result_axis - (product_.result_rank - t.shape().rank());
    if (axis < 0 || t.shape().dim(axis) != product_.channels || t.num_elements() != product_.channels) {
      return std::nullopt;
    }
    return ScaleAndShift{Doubles(product_.channels, 0), *values};
  }

  static bool IsConstant(const ScaleAndShift& v) {
    return std::all_of(v.scale.begin(), v.scale.end(), [](double x) { return x == 0; });
  }
  static bool IsFinite(const ScaleAndShift& v) {
    const auto finite = [](double x) { return std::isfinite(x); };
    return std::all_of(v.scale.begin(), v.scale.end(), finite) && std::all_of(v.shift.begin(), v.shift.end(), finite);
  }
  static Affine Sum(ScaleAndShift a, const ScaleAndShift& b, double sign) {
    for (size_t c = 0; c < a.scale.size(); ++c) {
      a.scale[c] += sign * b.scale[c];
      a.shift[c] += sign * b.shift[c];
    }
    return a;
  }
  static Affine Scaled(ScaleAndShift a, const ScaleAndShift& factor) {
    for (size_t c = 0; c < a.scale.size(); ++c) {
      a.scale[c] *= factor.shift[c];
      a.shift[c] *= factor.shift[c];
    }
    return a;
  }

  const Graph& graph_;
  const Product& product_;
  ScaleAndShift sum_;
};

class ScaleFolder {
 public:
  ScaleFolder(Graph* graph, const PassOptions& options)
      : graph_(*graph),
        rewriter_(graph, options),
        uses_(UseCounts(*graph)),
        consumers_(graph->Consumers()),
        may_write_(options.owns_constants && !HasNestedGraphs(*graph)),
        uses_of_memory_(may_write_ ? UsesOfMemory(*graph) : absl::flat_hash_map<const void*, int>()) {}

  StatusOr<bool> Run() {
    for (NodeId id = 0; id < rewriter_.num_nodes(); ++id) {
      rewriter_.Visit(id);
      if (const std::optional<Product> product = AsProduct(graph_.node(id))) Fold(id, *product);
    }
    return rewriter_.Finish();
  }

 private:
  // A product with a constant filter of its own and no epilogue yet, in a type wide enough to fold scales in.
  std::optional<Product> AsProduct(const Node& node) const {
    Product p;
    int axis_from_end = 1;
    switch (node.kind) {
      case OpKind::kConv:
        if (!node.attr<ConvAttrs>().epilogue.empty()) return std::nullopt;
        break;
      case OpKind::kConvTranspose:
        if (!node.attr<ConvAttrs>().epilogue.empty() || node.attr<ConvAttrs>().groups != 1) return std::nullopt;
        axis_from_end = 2;
        break;
      case OpKind::kContract:
        if (!node.attr<ContractAttrs>().epilogue.empty()) return std::nullopt;
        axis_from_end = node.attr<ContractAttrs>().transpose_b ? 2 : 1;
        break;
      default:
        return std::nullopt;
    }
    p.result = node.outputs[0];
    p.filter = node.inputs[1];
    const Tensor& filter = graph_.value(p.filter).constant;
    if (!filter.is_valid() || uses_[p.filter] != 1) return std::nullopt;
    if (filter.dtype() != DType::kFloat32 && filter.dtype() != DType::kFloat64) return std::nullopt;
    const int rank = filter.shape().rank();
    p.result_rank = graph_.value(p.result).type.shape.rank();
    if (rank < 2 || p.result_rank < 2 || (node.kind == OpKind::kContract && rank != 2)) return std::nullopt;
    p.filter_axis = rank - axis_from_end;
    p.channels = filter.shape().dim(p.filter_axis);
    const bool channels_first = node.kind != OpKind::kContract && !node.attr<ConvAttrs>().channels_last;
    p.result_axis = channels_first ? 1 : p.result_rank - 1;
    return p;
  }

  void Fold(NodeId id, const Product& product) {
    ChainFolder chain(graph_, product);
    ValueId end = product.result;
    while (const Node* map = OnlyReader(end)) {
      if (!chain.Take(*map, end)) break;
      end = map->outputs[0];
    }
    const Doubles& scale = chain.sum().scale;
    if (std::all_of(scale.begin(), scale.end(), [](double s) { return s == 1; })) return;
    rewriter_.Replace(end, Build(graph_.node(id), product, chain.sum()));
  }

  // The Map that alone reads `v`.
  const Node* OnlyReader(ValueId v) const {
    if (consumers_[v].size() != 1) return nullptr;
    const Node& node = graph_.node(consumers_[v][0]);
    if (node.kind != OpKind::kMap || uses_[v] != std::count(node.inputs.begin(), node.inputs.end(), v)) return nullptr;
    return &node;
  }

  ValueId Build(const Node& node, const Product& product, const ScaleAndShift& sum) {
    GraphBuilder& b = rewriter_.builder();
    std::vector<ValueId> inputs(node.inputs.begin(), node.inputs.end());
    const DType type = graph_.value(product.filter).type.dtype;
    inputs[1] = b.Constant(ScaledFilter(product, sum.scale));
    const ValueId result = b.Add(node.kind, node.attrs, inputs);
    if (std::all_of(sum.shift.begin(), sum.shift.end(), [](double s) { return s == 0; })) return result;
    const Shape shape = ChannelShape(product.channels, product.result_axis, product.result_rank);
    return b.Binary(ExprOp::kAdd, result, b.Constant(FromDoubles(type, shape, sum.shift)));
  }

  static bool HasNestedGraphs(const Graph& graph) {
    return std::any_of(graph.nodes().begin(), graph.nodes().end(), [](const Node& n) { return HasRegions(n.kind); });
  }

  // The scales of the channels times the filter, which nothing else reads: written over it, or beside it, and it is let
  // go of.
  Tensor ScaledFilter(const Product& product, const Doubles& scale) {
    Tensor filter;
    std::swap(filter, graph_.value(product.filter).constant);
    const auto uses = uses_of_memory_.find(filter.data());
    const bool in_place = uses != uses_of_memory_.end() && uses->second == 1;
    Tensor scaled = in_place ? filter : filter.Clone().value();
    scaled.dtype() == DType::kFloat32 ? Scale<float>(product, scale, &scaled) : Scale<double>(product, scale, &scaled);
    return scaled;
  }

  template <typename T>
  static void Scale(const Product& product, const Doubles& scale, Tensor* filter) {
    size_t inner = 1;
    for (int i = product.filter_axis + 1; i < filter->shape().rank(); ++i) inner *= filter->shape().dim(i);
    const size_t block = scale.size() * inner;
    T* row = filter->mutable_values<T>().data();
    for (const T* const end = row + filter->num_elements(); row < end; row += block) {
      if (inner == 1) {  // apart, so that the compiler makes vectors of it
        for (size_t c = 0; c < scale.size(); ++c) row[c] = static_cast<T>(row[c] * scale[c]);
        continue;
      }
      for (size_t c = 0; c < scale.size(); ++c) {
        for (size_t k = c * inner; k < (c + 1) * inner; ++k) row[k] = static_cast<T>(row[k] * scale[c]);
      }
    }
  }

  Graph& graph_;
  Rewriter rewriter_;
  const std::vector<int> uses_;
  const std::vector<absl::InlinedVector<NodeId, 2>> consumers_;
  const bool may_write_;                                        // filters
  const absl::flat_hash_map<const void*, int> uses_of_memory_;  // of nothing where they may not be written
};

}  // namespace

StatusOr<bool> FoldBatchNorm(Graph* graph, const PassOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(const bool mapped, BatchNormsToMaps(graph, options));
  MOULIN_ASSIGN_OR_RETURN(const bool folded, ScaleFolder(graph, options).Run());
  return mapped || folded;
}

}  // namespace moulin
