// Computes float32 products in float16 or bfloat16, where the graph's precision asks for it (Graph::precision).
//
// Convolutions, matrix products and attention read and write the half type; devices sum in float32. Between two of
// them, what only moves, pools, normalises or maps elements is kept in the half type too, each kernel computing in
// float32 inside, so that half the bytes are moved. Everything else, and the graph's inputs and outputs, stays float32:
// it is reached by casts, which fuse_maps then merges into the elementwise work beside them.
//
// float16 overflows beyond 65504: a mask that attention adds is clamped to that range.
#include <algorithm>
#include <optional>
#include <vector>

#include "base/status_macros.h"
#include "passes/pass.h"
#include "passes/quantize.h"
#include "passes/rewriter.h"

namespace moulin {
namespace {

std::optional<DType> HalfTypeOf(Precision precision) {
  if (precision == Precision::kFloat16 || precision == Precision::kInt8Float16) return DType::kFloat16;
  if (precision == Precision::kBFloat16) return DType::kBFloat16;
  return std::nullopt;
}

// The inputs of a product that are multiplied: [first, last).
struct Factors {
  int first = 0;
  int last = 0;
};

std::optional<Factors> FactorsOf(const Node& node) {
  switch (node.kind) {
    case OpKind::kConv:
    case OpKind::kContract:
      return Factors{0, 2};
    case OpKind::kConvTranspose:
      return Factors{1, 3};
    case OpKind::kAttention:
      return Factors{0, 3};
    default:
      return std::nullopt;
  }
}

const Expr* EpilogueOf(const Node& node) {
  if (node.kind == OpKind::kContract) return &node.attr<ContractAttrs>().epilogue;
  if (node.kind == OpKind::kConv || node.kind == OpKind::kConvTranspose) return &node.attr<ConvAttrs>().epilogue;
  return nullptr;
}

void SetEpilogue(Attrs* attrs, Expr epilogue) {
  if (auto* contract = std::get_if<ContractAttrs>(attrs)) {
    contract->epilogue = std::move(epilogue);
  } else {
    std::get<ConvAttrs>(*attrs).epilogue = std::move(epilogue);
  }
}

// Whether an op that has a float32 result may have a half one of half operands: it moves elements, or its kernels
// compute in float32 whatever the type they store.
bool IsTransparent(OpKind kind) {
  switch (kind) {
    case OpKind::kPool:
    case OpKind::kSoftmax:
    case OpKind::kLayerNorm:
    case OpKind::kReshape:
    case OpKind::kSqueeze:
    case OpKind::kExpandDims:
    case OpKind::kTranspose:
    case OpKind::kSlice:
    case OpKind::kStridedSlice:
    case OpKind::kSplit:
    case OpKind::kConcat:
    case OpKind::kPad:
    case OpKind::kBroadcast:
    case OpKind::kTile:
    case OpKind::kReverse:
    case OpKind::kSpaceToDepth:
    case OpKind::kDepthToSpace:
    case OpKind::kSpaceToBatch:
    case OpKind::kBatchToSpace:
      return true;
    default:
      return false;
  }
}

// Ops whose half result is as good as the float32 one rounded, for operands of ordinary size.
bool IsSafeInHalf(ExprOp op) {
  switch (op) {
    case ExprOp::kInput:
    case ExprOp::kConstant:
    case ExprOp::kNeg:
    case ExprOp::kAbs:
    case ExprOp::kAdd:
    case ExprOp::kSub:
    case ExprOp::kMul:
    case ExprOp::kMax:
    case ExprOp::kMin:
    case ExprOp::kRelu:
    case ExprOp::kElu:
    case ExprOp::kSigmoid:
    case ExprOp::kTanh:
    case ExprOp::kErf:
    case ExprOp::kErfc:
      return true;
    default:
      return false;
  }
}

// The expression with every float32 instruction of type `half`; nullopt where that could lose more than rounding.
std::optional<Expr> InHalf(const Expr& expr, DType half) {
  Expr result;
  for (Instr instr : expr.instrs()) {
    if (instr.type != DType::kFloat32 || !IsSafeInHalf(instr.op)) return std::nullopt;
    instr.type = half;
    result.Append(instr);
  }
  return result;
}

class PrecisionReducer {
 public:
  PrecisionReducer(Graph* graph, const PassOptions& options, DType half)
      : graph_(*graph), rewriter_(graph, options), half_(half), is_wanted_(graph->num_values(), false) {}

  StatusOr<bool> Run() {
    FindWanted();
    for (NodeId id = 0; id < rewriter_.num_nodes(); ++id) {
      rewriter_.Visit(id);
      // A copy, for the graph grows.
      const Node node = graph_.node(id);
      if (IsInt8Product(graph_, node)) {
        ReduceInt8Product(node);
      } else if (FactorsOf(node)) {
        ReduceProduct(node);
      } else if (is_wanted_[node.outputs[0]]) {
        node.kind == OpKind::kMap ? ReduceMap(node) : ReduceTransparent(node);
      }
    }
    return rewriter_.Finish();
  }

 private:
  GraphBuilder& builder() { return rewriter_.builder(); }
  DType dtype(ValueId v) const { return graph_.value(v).type.dtype; }

  // Which values a product will read in the half type, through whatever passes it on.
  void FindWanted() {
    for (NodeId id = graph_.num_nodes() - 1; id >= 0; --id) {
      const Node& node = graph_.node(id);
      if (const std::optional<Factors> factors = FactorsOf(node)) {
        for (int i = factors->first; i < static_cast<int>(node.inputs.size()); ++i) Want(node.inputs[i]);
        continue;
      }
      const bool passes_on = IsTransparent(node.kind) || node.kind == OpKind::kMap;
      const bool wanted =
          std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) { return is_wanted_[v]; });
      if (!passes_on || !wanted) continue;
      for (ValueId v : node.outputs) is_wanted_[v] = true;
      for (ValueId v : node.inputs) Want(v);
    }
  }

  void Want(ValueId v) {
    if (dtype(v) == DType::kFloat32) is_wanted_[v] = true;
  }

  // The half value that `v` was cast from, if it was.
  ValueId Narrowed(ValueId v) const {
    const NodeId producer = graph_.value(v).producer;
    if (producer == kNoId || graph_.node(producer).kind != OpKind::kMap) return kNoId;
    const Expr& expr = graph_.node(producer).attr<MapAttrs>().expr;
    const bool is_cast = expr.size() == 2 && expr[0].op == ExprOp::kInput && expr[1].op == ExprOp::kCast;
    return is_cast && expr[0].type == half_ && dtype(v) == DType::kFloat32 ? graph_.node(producer).inputs[0] : kNoId;
  }

  ValueId Narrow(ValueId v) {
    if (dtype(v) != DType::kFloat32) return v;
    const ValueId narrowed = Narrowed(v);
    return narrowed != kNoId ? narrowed : builder().Cast(v, half_);
  }

  // A mask's "minus infinity" may be beyond float16.
  ValueId NarrowMask(ValueId mask) {
    if (half_ != DType::kFloat16 || dtype(mask) != DType::kFloat32) return Narrow(mask);
    constexpr double kBound = 30000;  // so that adding a score does not overflow either
    const ValueId above = builder().Binary(ExprOp::kMax, mask, builder().Scalar(DType::kFloat32, -kBound));
    const ValueId within = builder().Binary(ExprOp::kMin, above, builder().Scalar(DType::kFloat32, kBound));
    return builder().Cast(within, half_);
  }

  void ReduceProduct(const Node& node) {
    const Factors factors = *FactorsOf(node);
    for (int i = factors.first; i < factors.last; ++i) {
      if (dtype(node.inputs[i]) != DType::kFloat32) return;
    }
    Attrs attrs = node.attrs;
    std::vector<ValueId> inputs(node.inputs.begin(), node.inputs.begin() + factors.last);
    for (int i = factors.first; i < factors.last; ++i) inputs[i] = Narrow(inputs[i]);
    const absl::Span<const ValueId> others = absl::MakeConstSpan(node.inputs).subspan(factors.last);
    const Expr* epilogue = EpilogueOf(node);
    const bool has_epilogue = epilogue != nullptr && !epilogue->empty();
    const std::optional<Expr> in_half = has_epilogue ? InHalf(*epilogue, half_) : std::nullopt;
    if (node.kind == OpKind::kAttention) {
      for (ValueId mask : others) inputs.push_back(NarrowMask(mask));
    } else if (in_half) {
      SetEpilogue(&attrs, *in_half);
      for (ValueId v : others) inputs.push_back(Narrow(v));
    } else if (has_epilogue) {
      SetEpilogue(&attrs, Expr());
    }
    ValueId result = builder().Cast(builder().Add(node.kind, std::move(attrs), inputs), DType::kFloat32);
    if (has_epilogue && !in_half) {
      std::vector<ValueId> operands = {result};
      operands.insert(operands.end(), others.begin(), others.end());
      result = builder().Map(*epilogue, operands);
    }
    rewriter_.Replace(node.outputs[0], result);
  }

  // The epilogue of an int8 product computes in float32, but reads and stores half values where it can.
  void ReduceInt8Product(const Node& node) {
    Expr epilogue;
    std::vector<ValueId> inputs(node.inputs.begin(), node.inputs.end());
    std::vector<int> moved;
    for (Instr instr : EpilogueOf(node)->instrs()) {
      for (int k = 0; k < NumOperands(instr.op); ++k) instr.args[k] = static_cast<int16_t>(moved[instr.args[k]]);
      const ValueId narrowed =
          instr.op == ExprOp::kInput && instr.input > 0 ? Narrowed(node.inputs[1 + instr.input]) : kNoId;
      if (narrowed == kNoId) {
        moved.push_back(epilogue.Append(instr));
      } else {
        inputs[1 + instr.input] = narrowed;
        moved.push_back(epilogue.Cast(epilogue.Input(instr.input, half_), DType::kFloat32));
      }
    }
    const ValueId old = node.outputs[0];
    const bool stores_half = is_wanted_[old] && dtype(old) == DType::kFloat32;
    if (!stores_half && absl::MakeConstSpan(inputs) == absl::MakeConstSpan(node.inputs)) return;
    if (stores_half) epilogue.Cast(moved.back(), half_);
    Attrs attrs = node.attrs;
    SetEpilogue(&attrs, std::move(epilogue));
    const ValueId result = builder().Add(node.kind, std::move(attrs), inputs);
    rewriter_.Replace(old, stores_half ? builder().Cast(result, DType::kFloat32) : result);
  }

  // A Map that reads half values is computed in float32 and stored in half.
  void ReduceMap(const Node& node) {
    const bool reads_half =
        std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId v) { return Narrowed(v) != kNoId; });
    if (!reads_half || dtype(node.outputs[0]) != DType::kFloat32) return;
    if (Narrowed(node.outputs[0]) != kNoId) return;  // it is such a cast itself
    const ValueId stored = builder().Cast(builder().Map(node.attr<MapAttrs>().expr, node.inputs), half_);
    rewriter_.Replace(node.outputs[0], builder().Cast(stored, DType::kFloat32));
  }

  void ReduceTransparent(const Node& node) {
    if (!IsTransparent(node.kind)) return;
    bool reads_half = false;
    for (ValueId v : node.inputs) {
      if (dtype(v) != DType::kFloat32 || graph_.value(v).is_constant()) continue;
      if (Narrowed(v) == kNoId) return;
      reads_half = true;
    }
    if (!reads_half) return;
    std::vector<ValueId> inputs;
    for (ValueId v : node.inputs) inputs.push_back(Narrow(v));
    const std::vector<ValueId> results = builder().AddMulti(node.kind, node.attrs, inputs);
    for (size_t i = 0; i < results.size(); ++i) {
      rewriter_.Replace(node.outputs[i], builder().Cast(results[i], DType::kFloat32));
    }
  }

  Graph& graph_;
  Rewriter rewriter_;
  const DType half_;
  std::vector<bool> is_wanted_;  // per value of the graph as it was
};

}  // namespace

StatusOr<bool> ReducePrecision(Graph* graph, const PassOptions& options) {
  const std::optional<DType> half = HalfTypeOf(graph->precision);
  if (!half) return false;
  return PrecisionReducer(graph, options, *half).Run();
}

}  // namespace moulin
