#include "ops/graph_builder.h"

#include <numeric>

#include "ops/control.h"
#include "ops/shape_ops.h"

namespace moulin {
namespace {

// Whether the lowering of shapes may compute `node` at once: all operands constant and small.
bool IsSmallConstant(const Graph& graph, const Node& node) {
  for (ValueId v : node.inputs) {
    const Value& value = graph.value(v);
    if (!value.is_constant() || value.constant.num_elements() > GraphBuilder::kFoldElements) return false;
  }
  return !node.inputs.empty() && !HasRegions(node.kind);
}

bool AreSmall(absl::Span<const TensorType> types) {
  for (const TensorType& type : types) {
    if (!type.shape.IsFullyKnown() || type.shape.ToShape().num_elements() > GraphBuilder::kFoldElements) return false;
  }
  return true;
}

template <typename T>
std::vector<int64_t> ToInt64(const Tensor& t) {
  return std::vector<int64_t>(t.values<T>().begin(), t.values<T>().end());
}

}  // namespace

StatusOr<std::vector<int64_t>> IntValues(const Tensor& t) {
  switch (t.dtype()) {
    case DType::kInt64:
      return ToInt64<int64_t>(t);
    case DType::kInt32:
      return ToInt64<int32_t>(t);
    case DType::kInt16:
      return ToInt64<int16_t>(t);
    case DType::kInt8:
      return ToInt64<int8_t>(t);
    case DType::kUInt8:
      return ToInt64<uint8_t>(t);
    case DType::kUInt16:
      return ToInt64<uint16_t>(t);
    case DType::kUInt32:
      return ToInt64<uint32_t>(t);
    case DType::kUInt64:
      return ToInt64<uint64_t>(t);
    default:
      return MakeError(ErrorCode::kDType, "expected integers, found ", t.ToString());
  }
}

void GraphBuilder::SetOrigin(absl::string_view node_name, absl::string_view tf_op) {
  node_name_ = std::string(node_name);
  tf_op_ = std::string(tf_op);
}

void GraphBuilder::Fail(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

ValueId GraphBuilder::Add(OpKind kind, Attrs attrs, absl::Span<const ValueId> inputs) {
  const std::vector<ValueId> outputs = AddMulti(kind, std::move(attrs), inputs);
  return outputs.empty() ? kNoId : outputs.front();
}

std::vector<ValueId> GraphBuilder::AddMulti(OpKind kind, Attrs attrs, absl::Span<const ValueId> inputs) {
  if (!ok()) return {};
  for (ValueId v : inputs) {
    if (v == kNoId) {
      Fail(MakeError(ErrorCode::kUnsupported, "an input of ", Name(kind), " has no value"));
      return {};
    }
  }
  Node node;
  node.kind = kind;
  node.attrs = std::move(attrs);
  node.name = node_name_;
  node.tf_op = tf_op_;
  node.inputs.assign(inputs.begin(), inputs.end());
  std::vector<TensorType> types;
  if (Status status = InferNode(*graph_, node, limits_, &types); !status.ok()) {
    Fail(std::move(status));
    return {};
  }
  std::vector<Tensor> folded;
  if (Fold(node, types, &folded)) {
    std::vector<ValueId> outputs;
    for (Tensor& t : folded) outputs.push_back(Constant(std::move(t)));
    return outputs;
  }
  const NodeId id = graph_->AddNode(kind, std::move(node.attrs), inputs, types, node_name_, tf_op_);
  const auto& outputs = graph_->node(id).outputs;
  return std::vector<ValueId>(outputs.begin(), outputs.end());
}

bool GraphBuilder::Fold(const Node& node, absl::Span<const TensorType> types, std::vector<Tensor>* folded) const {
  std::vector<TensorType> input_types;
  std::vector<Tensor> inputs;
  for (ValueId v : node.inputs) input_types.push_back(graph_->value(v).type);
  if (std::optional<Tensor> value = ConstantOfShape(node, input_types)) {
    *folded = {*std::move(value)};
    return true;
  }
  if (!IsSmallConstant(*graph_, node) || !AreSmall(types)) return false;
  for (ValueId v : node.inputs) inputs.push_back(graph_->value(v).constant);
  // A node that fails on its constants stays, so that the error comes only if it is run.
  return RunReference(node, types, inputs, limits_, folded).ok();
}

ValueId GraphBuilder::Ints(std::initializer_list<int64_t> values) {
  return Ints(absl::MakeConstSpan(values.begin(), values.size()));
}

ValueId GraphBuilder::Ints(absl::Span<const int64_t> values) {
  return Constant(Tensor::Of<int64_t>(Shape({static_cast<int64_t>(values.size())}), values));
}

ValueId GraphBuilder::Int(int64_t value) { return Constant(Tensor::Scalar<int64_t>(value)); }

ValueId GraphBuilder::Scalar(DType type, double value) {
  if (!ok()) return kNoId;
  // The evaluator of expressions is what knows how each type holds a number.
  Expr e;
  e.Constant(type, value);
  Node node;
  node.kind = OpKind::kMap;
  node.attrs = MapAttrs{e};
  std::vector<Tensor> outputs;
  if (Status status = RunReference(node, {TensorType{type, PartialShape(Shape())}}, {}, limits_, &outputs);
      !status.ok()) {
    Fail(std::move(status));
    return kNoId;
  }
  return Constant(std::move(outputs[0]));
}

ValueId GraphBuilder::Map(Expr expr, absl::Span<const ValueId> inputs) {
  return Add(OpKind::kMap, MapAttrs{std::move(expr)}, inputs);
}

ValueId GraphBuilder::Unary(ExprOp op, ValueId x) {
  if (!ok() || x == kNoId) return kNoId;
  Expr e;
  e.Unary(op, e.Input(0, dtype(x)));
  return Map(std::move(e), {x});
}

ValueId GraphBuilder::Binary(ExprOp op, ValueId x, ValueId y) {
  if (!ok() || x == kNoId || y == kNoId) return kNoId;
  if (dtype(x) != dtype(y)) {
    Fail(AtNode(
        MakeError(ErrorCode::kDType, "operands of one type expected, found ", Name(dtype(x)), " and ", Name(dtype(y))),
        node_name_, tf_op_));
    return kNoId;
  }
  Expr e;
  const int a = e.Input(0, dtype(x));
  const int b = e.Input(1, dtype(y));
  e.Binary(op, a, b);
  return Map(std::move(e), {x, y});
}

ValueId GraphBuilder::Select(ValueId condition, ValueId x, ValueId y) {
  if (!ok() || condition == kNoId || x == kNoId || y == kNoId) return kNoId;
  Expr e;
  const int c = e.Input(0, dtype(condition));
  const int a = e.Input(1, dtype(x));
  const int b = e.Input(2, dtype(y));
  e.Ternary(ExprOp::kSelect, c, a, b);
  return Map(std::move(e), {condition, x, y});
}

ValueId GraphBuilder::Cast(ValueId x, DType to) {
  if (!ok() || x == kNoId || dtype(x) == to) return x;
  Expr e;
  e.Cast(e.Input(0, dtype(x)), to);
  return Map(std::move(e), {x});
}

ValueId GraphBuilder::Reshape(ValueId x, ValueId shape) { return Add(OpKind::kReshape, NoAttrs{}, {x, shape}); }

ValueId GraphBuilder::Transpose(ValueId x, absl::Span<const int64_t> permutation) {
  return Add(OpKind::kTranspose, NoAttrs{}, {x, Ints(permutation)});
}

ValueId GraphBuilder::ExpandDims(ValueId x, int64_t axis) {
  return Add(OpKind::kExpandDims, NoAttrs{}, {x, Int(axis)});
}

ValueId GraphBuilder::Squeeze(ValueId x, std::vector<int64_t> axes) {
  return Add(OpKind::kSqueeze, SqueezeAttrs{std::move(axes)}, {x});
}

ValueId GraphBuilder::Reduce(ReduceOp op, ValueId x, absl::Span<const int64_t> axes, bool keep_dims) {
  return Add(OpKind::kReduce, ReduceAttrs{op, keep_dims}, {x, Ints(axes)});
}

ValueId GraphBuilder::Concat(absl::Span<const ValueId> xs, int64_t axis) {
  std::vector<ValueId> inputs = {Int(axis)};
  inputs.insert(inputs.end(), xs.begin(), xs.end());
  return Add(OpKind::kConcat, NoAttrs{}, inputs);
}

ValueId GraphBuilder::ShapeOf(ValueId x) { return Add(OpKind::kShapeOf, ShapeOfAttrs{DType::kInt64}, {x}); }

DType GraphBuilder::dtype(ValueId x) const { return x == kNoId ? DType::kInvalid : graph_->value(x).type.dtype; }

const PartialShape& GraphBuilder::shape(ValueId x) const {
  static const PartialShape unknown;
  return x == kNoId ? unknown : graph_->value(x).type.shape;
}

const Tensor* GraphBuilder::constant(ValueId x) const {
  return x != kNoId && graph_->value(x).is_constant() ? &graph_->value(x).constant : nullptr;
}

bool GraphBuilder::ConstantInts(ValueId x, std::vector<int64_t>* values) const {
  const Tensor* t = constant(x);
  if (t == nullptr) return false;
  StatusOr<std::vector<int64_t>> ints = IntValues(*t);
  if (!ints.ok()) return false;
  *values = *std::move(ints);
  return true;
}

}  // namespace moulin
