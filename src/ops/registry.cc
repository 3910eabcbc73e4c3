#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "base/denormals.h"
#include "ops/op_def.h"

namespace moulin {
namespace {

using Family = absl::Span<const OpDef> (*)();

constexpr Family kFamilies[] = {
    MapOps,   ReductionOps, SortOps,      SegmentOps, ContractOps,  MatrixOps,   LinearAlgebraOps, ConvOps,
    PoolOps,  NormalizeOps, AttentionOps, ImageOps,   DetectionOps, ViewOps,     SliceOps,         LayoutOps,
    BlockOps, GatherOps,    ShapeOps,     HostOps,    ControlOps,   DeferredOps,
};

std::array<const OpDef*, kNumOpKinds> BuildTable() {
  std::array<const OpDef*, kNumOpKinds> table{};
  for (Family family : kFamilies) {
    for (const OpDef& def : family()) table[static_cast<int>(def.kind)] = &def;
  }
  return table;
}

Status CheckArity(const OpDef& def, size_t inputs) {
  if (static_cast<int>(inputs) >= def.min_inputs && static_cast<int>(inputs) <= def.max_inputs) return absl::OkStatus();
  return MakeError(ErrorCode::kArity, Name(def.kind), " takes ", def.min_inputs,
                   def.max_inputs == kAnyNumber       ? " or more"
                   : def.max_inputs != def.min_inputs ? absl::StrCat(" to ", def.max_inputs)
                                                      : "",
                   " inputs, found ", inputs);
}

Status CheckElements(const TensorType& type, const Limits& limits) {
  if (!type.shape.IsFullyKnown()) return absl::OkStatus();
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(type.shape.dims()));
  const int64_t size = std::max<int64_t>(SizeOf(type.dtype), 1);
  if (shape.num_elements() > limits.tensor_bytes / size) {
    return MakeError(ErrorCode::kLimit, "result ", type.ToString(), " is above the limit of ", limits.tensor_bytes,
                     " bytes for one tensor");
  }
  return absl::OkStatus();
}

Status Infer(const Graph& graph, const Node& node, const Limits& limits, std::vector<TensorType>* outputs) {
  const OpDef& def = GetOpDef(node.kind);
  MOULIN_RETURN_IF_ERROR(CheckArity(def, node.inputs.size()));
  std::vector<TensorType> inputs;
  std::vector<const Tensor*> constants;
  inputs.reserve(node.inputs.size());
  constants.reserve(node.inputs.size());
  for (ValueId v : node.inputs) {
    const Value& value = graph.value(v);
    inputs.push_back(value.type);
    constants.push_back(value.is_constant() ? &value.constant : nullptr);
  }
  outputs->clear();
  InferContext context{node.attrs, inputs, constants, limits, outputs};
  MOULIN_RETURN_IF_ERROR(def.infer(context));
  for (const TensorType& type : *outputs) MOULIN_RETURN_IF_ERROR(CheckElements(type, limits));
  return absl::OkStatus();
}

StatusOr<Tensor> AllocateOutput(const TensorType& type) {
  const bool has_elements = SizeOf(type.dtype) > 0 || type.dtype == DType::kString;
  if (!type.shape.IsFullyKnown() || !has_elements) return Tensor();
  return Tensor::Allocate(type.dtype, type.shape.ToShape());
}

Status Run(const Node& node, absl::Span<const TensorType> output_types, absl::Span<const Tensor> inputs,
           const Limits& limits, std::vector<Tensor>* outputs) {
  outputs->clear();
  for (const TensorType& type : output_types) {
    MOULIN_ASSIGN_OR_RETURN(Tensor output, AllocateOutput(type));
    outputs->push_back(std::move(output));
  }
  const KernelContext context{node.attrs, inputs, absl::MakeSpan(*outputs), limits};
  const FlushDenormals flush;
  return GetOpDef(node.kind).reference(context);
}

}  // namespace

const OpDef& GetOpDef(OpKind kind) {
  static const std::array<const OpDef*, kNumOpKinds> table = BuildTable();
  return *table[static_cast<int>(kind)];
}

Status InferNode(const Graph& graph, const Node& node, const Limits& limits, std::vector<TensorType>* outputs) {
  return AtNode(Infer(graph, node, limits, outputs), node.name, node.tf_op.empty() ? Name(node.kind) : node.tf_op);
}

Status RunReference(const Node& node, absl::Span<const TensorType> output_types, absl::Span<const Tensor> inputs,
                    const Limits& limits, std::vector<Tensor>* outputs) {
  return AtNode(Run(node, output_types, inputs, limits, outputs), node.name,
                node.tf_op.empty() ? Name(node.kind) : node.tf_op);
}

Status KernelContext::Allocate(int i, DType type, const Shape& shape) const {
  Tensor& output = outputs[i];
  if (output.is_valid() && output.dtype() == type && output.shape() == shape) return absl::OkStatus();
  MOULIN_ASSIGN_OR_RETURN(output, Tensor::Allocate(type, shape));
  return absl::OkStatus();
}

}  // namespace moulin
