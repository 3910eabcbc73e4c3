// Computes, with the reference kernels, the nodes all of whose inputs are constant, and those that only ask for a shape
// that is known. What becomes constant tells more about shapes further on, so types are refined in the same sweep.
//
// Left in place: nodes whose result would not pay as a constant (above limits.constant_bytes, or large and much larger
// than what it is made of: Fill, Tile, Range...), those that would take the reference kernel long, those whose result
// is not a function of the inputs, and those that fail: their error is due only if they are run.
#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "ops/control.h"
#include "ops/op_def.h"
#include "ops/shape_ops.h"
#include "passes/pass.h"
#include "passes/rewriter.h"
#include "passes/shape_facts.h"

namespace moulin {
namespace {

constexpr int64_t kSmallBytes = int64_t{1} << 20;     // folded whatever it is made of
constexpr int64_t kMaxGrowth = 4;                     // above that, a result may be so much larger than its inputs
constexpr int64_t kMaxMultiplies = int64_t{1} << 27;  // about a second of the reference kernel

// Of elements without a fixed size the objects alone count.
int64_t ElementBytes(DType type) {
  return type == DType::kString ? sizeof(std::string) : std::max<int64_t>(SizeOf(type), 1);
}

class Folder {
 public:
  Folder(Graph* graph, const PassOptions& options)
      : graph_(*graph), options_(options), rewriter_(graph, options), news_(graph->num_values(), false) {}

  StatusOr<bool> Run() {
    for (NodeId id = 0; id < rewriter_.num_nodes(); ++id) {
      rewriter_.Visit(id);
      MOULIN_RETURN_IF_ERROR(Refine(id));
      std::vector<Tensor> results;
      if (Fold(graph_.node(id), &results)) ReplaceOutputs(id, std::move(results));
    }
    return rewriter_.Finish();
  }

 private:
  bool IsNew(ValueId v) const { return v >= static_cast<ValueId>(news_.size()) || news_[v]; }

  // Infers the types of a node anew where the sweep has learnt something about its inputs.
  Status Refine(NodeId id) {
    const Node& node = graph_.node(id);
    if (std::none_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) { return IsNew(v); })) {
      return absl::OkStatus();
    }
    std::vector<TensorType> types;
    MOULIN_RETURN_IF_ERROR(InferNode(graph_, node, options_.limits, &types));
    for (size_t port = 0; port < types.size(); ++port) {
      bool changed = false;
      const Status status = RefineType(&graph_, node.outputs[port], types[port], &changed);
      MOULIN_RETURN_IF_ERROR(AtNode(status, node.name, node.tf_op));
      if (!changed) continue;
      news_[node.outputs[port]] = true;
      rewriter_.MarkChanged();
    }
    return absl::OkStatus();
  }

  bool Fold(const Node& node, std::vector<Tensor>* results) const {
    std::vector<TensorType> input_types;
    for (const ValueId v : node.inputs) input_types.push_back(graph_.value(v).type);
    if (std::optional<Tensor> value = ConstantOfShape(node, input_types)) {
      results->push_back(*std::move(value));
      return true;
    }
    return IsConstant(node) && IsWorthIt(node) && Compute(node, results);
  }

  bool IsConstant(const Node& node) const {
    if (HasRegions(node.kind) || node.kind == OpKind::kDeferred || (node.kind == OpKind::kHostOp && !IsFunction(node))) return false;
    return std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](ValueId v) { return graph_.value(v).is_constant(); });
  }

  // Whether a host op gives the same result whenever it is run.
  static bool IsFunction(const Node& node) {
    const std::string& op = node.attr<HostOpAttrs>().op;
    return !node.inputs.empty() &&
           (absl::StartsWith(op, "Stateless") || (!absl::StrContains(op, "Random") && op != "TruncatedNormal"));
  }

  bool IsWorthIt(const Node& node) const {
    int64_t input_bytes = 0;
    for (const ValueId v : node.inputs) input_bytes += graph_.value(v).constant.byte_size();
    int64_t output_bytes = 0;
    for (const ValueId v : node.outputs) {
      const TensorType& type = graph_.value(v).type;
      if (!type.shape.IsFullyKnown()) continue;  // Where and its kin: no larger than their input by much
      output_bytes += NumElements(type.shape) * ElementBytes(type.dtype);
      if (output_bytes > options_.limits.constant_bytes) return false;
    }
    if (output_bytes > kSmallBytes && output_bytes / kMaxGrowth > input_bytes) return false;
    return Multiplies(node) <= kMaxMultiplies;
  }

  // Roughly what the kernels do that are not linear in what they read and write; 0 for the others.
  double Multiplies(const Node& node) const {
    const auto elements = [&](ValueId v) { return static_cast<double>(NumElements(graph_.value(v).type.shape)); };
    const PartialShape& first = graph_.value(node.inputs.empty() ? 0 : node.inputs[0]).type.shape;
    switch (node.kind) {
      case OpKind::kContract: {
        const int rank = first.rank();
        const int64_t depth = rank < 2 ? 1 : first.dim(node.attr<ContractAttrs>().transpose_a ? rank - 2 : rank - 1);
        return elements(node.outputs[0]) * static_cast<double>(depth);
      }
      case OpKind::kConv:
      case OpKind::kConvTranspose:
        return elements(node.outputs[0]) * elements(node.inputs[1]);
      case OpKind::kLinearAlgebra:
        return elements(node.inputs[0]) * static_cast<double>(first.rank() < 1 ? 1 : first.dim(first.rank() - 1));
      default:
        return 0;
    }
  }

  bool Compute(const Node& node, std::vector<Tensor>* results) const {
    std::vector<Tensor> inputs;
    for (const ValueId v : node.inputs) inputs.push_back(graph_.value(v).constant);
    std::vector<TensorType> types;
    for (const ValueId v : node.outputs) types.push_back(graph_.value(v).type);
    if (!RunReference(node, types, inputs, options_.limits, results).ok()) return false;
    return std::all_of(results->begin(), results->end(), [](const Tensor& t) { return t.is_valid(); });
  }

  void ReplaceOutputs(NodeId id, std::vector<Tensor> results) {
    const auto outputs = graph_.node(id).outputs;
    for (size_t port = 0; port < outputs.size(); ++port) {
      rewriter_.Replace(outputs[port], graph_.AddConstant(std::move(results[port])));
    }
  }

  Graph& graph_;
  const PassOptions& options_;
  Rewriter rewriter_;
  std::vector<bool> news_;  // by value: whether the sweep has learnt something about it
};

}  // namespace

StatusOr<bool> FoldConstants(Graph* graph, const PassOptions& options) { return Folder(graph, options).Run(); }

}  // namespace moulin
