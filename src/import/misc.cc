// Ops that pass their inputs on, ops without outputs, and what the optimiser of TensorFlow makes of several ops.
#include <algorithm>

#include "import/kept.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

// Identity makes no node: its output is the input's value, which gets another name.
void LowerIdentity(LoweringContext& c) { c.Output(c.input(0)); }

void LowerIdentityN(LoweringContext& c) { c.Outputs(c.inputs()); }

void LowerNothing(LoweringContext&) {}

// The shape is checked as far as it is known at import.
void LowerEnsureShape(LoweringContext& c) {
  const PartialShape expected = c.ShapeAttr("shape");
  const PartialShape& found = c.shape(0);
  bool fits = true;
  if (expected.has_rank() && found.has_rank()) {
    fits = expected.rank() == found.rank();
    for (int i = 0; fits && i < found.rank(); ++i) {
      fits = expected.dim(i) == kUnknownDim || found.dim(i) == kUnknownDim || expected.dim(i) == found.dim(i);
    }
  }
  if (!fits) {
    c.b.Fail(MakeError(ErrorCode::kShape, "expected ", expected.ToString(), ", got ", found.ToString()));
    return;
  }
  c.Output(c.input(0));
}

// Gathers from a variable, whose handle stands for its value.
void LowerResourceGather(LoweringContext& c) {
  const GatherAttrs attrs{c.Int("batch_dims", 0)};
  c.Output(c.b.Add(OpKind::kGather, attrs, {c.input(0), c.input(1), c.b.Int(attrs.batch_dims)}));
}

void LowerResourceGatherNd(LoweringContext& c) {
  c.Output(c.b.Add(OpKind::kGatherNd, GatherAttrs{}, {c.input(0), c.input(1)}));
}

// What branches give for gradients to take, which an inference graph does not read: nothing is in it, and what takes it
// out has no lowering.
void LowerOptional(LoweringContext& c) { c.Output(c.b.Constant(Tensor::Scalar<int32_t>(0))); }

// Which of the listed devices runs the graph, for a Case to choose by. Its branches compute the same: that of the CPU.
void LowerDeviceIndex(LoweringContext& c) {
  const std::vector<std::string> names = c.Strings("device_names");
  const auto cpu = std::find(names.begin(), names.end(), "CPU");
  c.Output(c.b.Constant(Tensor::Scalar<int32_t>(static_cast<int32_t>(cpu - names.begin()))));
}

// Numbers as text, hashed, which TensorFlow's optimiser makes one node.
void LowerTensorToHash(LoweringContext& c) {
  HostOpAttrs text;
  text.op = "AsString";
  text.output_types = {DType::kString};
  HostOpAttrs hash = KeptAttrs(c);
  hash.op = "StringToHashBucketFast";
  hash.output_types = {DType::kInt64};
  const ValueId strings = c.b.Add(OpKind::kHostOp, std::move(text), {c.input(0)});
  c.Output(c.b.Add(OpKind::kHostOp, std::move(hash), {strings}));
}

// Unary ops that TensorFlow's optimiser has made one node, which names them in their order.
void LowerComposition(LoweringContext& c) {
  ValueId x = c.input(0);
  for (const std::string& name : c.Strings("op_names")) {
    const OpLowering* row = name == c.op() ? nullptr : FindLowering(name);
    if (row == nullptr || row->min_inputs != 1 || row->max_inputs != 1) {
      return c.Unsupported(absl::StrCat("op \"", Printable(name), "\" of the composition"));
    }
    tf::NodeDef node = c.node();
    node.set_op(name);
    LoweringContext one(node, {x}, &c.b);
    row->lower(one);
    if (one.is_deferred()) return c.NotYet(one.waits_for());
    if (!c.b.ok()) return;
    if (one.outputs().size() != 1) return c.Unsupported("an op of several outputs in the composition");
    x = one.outputs()[0];
  }
  c.Output(x);
}

// Whether a scalar is not 0 or an empty string; of other tensors, whether they have elements.
void LowerToBool(LoweringContext& c) {
  GraphBuilder& b = c.b;
  if (!RankIsKnown(c, 0)) return;
  const bool is_scalar = c.shape(0).rank() == 0;
  if (is_scalar && c.dtype(0) == DType::kBool) return c.Output(c.input(0));
  ValueId x = c.input(0);
  if (!is_scalar) {
    x = b.Add(OpKind::kSizeOfTensor, ShapeOfAttrs{DType::kInt64}, {x});
  } else if (c.dtype(0) == DType::kString) {
    HostOpAttrs attrs;
    attrs.op = "StringLength";
    attrs.output_types = {DType::kInt32};
    x = b.Add(OpKind::kHostOp, std::move(attrs), {x});
  }
  c.Output(b.Binary(ExprOp::kNotEqual, x, b.ScalarLike(x, 0)));
}

constexpr OpLowering kMiscLowerings[] = {
    {"ToBool", 1, 1, LowerToBool},
    {"_UnaryOpsComposition", 1, 1, LowerComposition},
    {"OptionalFromValue", 1, kAnyNumber, LowerOptional},
    {"OptionalNone", 0, 0, LowerOptional},
    {"_TensorToHashBucketFast", 1, 1, LowerTensorToHash},
    {"Assert", 1, kAnyNumber, LowerNothing},
    {"CheckNumerics", 1, 1, LowerIdentity},
    {"CheckNumericsV2", 1, 1, LowerIdentity},
    {"ControlTrigger", 0, 0, LowerNothing},
    {"CopyHost", 1, 1, LowerIdentity},
    {"DebugIdentity", 1, 1, LowerIdentity},
    {"DebugIdentityV2", 1, 1, LowerIdentity},
    {"DeepCopy", 1, 1, LowerIdentity},
    {"DeviceIndex", 0, 0, LowerDeviceIndex},
    {"EnsureShape", 1, 1, LowerEnsureShape},
    {"GuaranteeConst", 1, 1, LowerIdentity},
    {"Identity", 1, 1, LowerIdentity},
    {"IdentityN", 1, kAnyNumber, LowerIdentityN},
    {"NoOp", 0, 0, LowerNothing},
    {"PlaceholderWithDefault", 1, 1, LowerIdentity},
    {"PreventGradient", 1, 1, LowerIdentity},
    {"Print", 1, kAnyNumber, LowerIdentity},
    // A variable's handle stands for its value (see sources.cc).
    {"ReadVariableOp", 1, 1, LowerIdentity},
    {"RefIdentity", 1, 1, LowerIdentity},
    {"ResourceGather", 2, 2, LowerResourceGather},
    {"ResourceGatherNd", 2, 2, LowerResourceGatherNd},
    {"Snapshot", 1, 1, LowerIdentity},
    {"StopGradient", 1, 1, LowerIdentity},
};

}  // namespace

absl::Span<const OpLowering> MiscLowerings() { return kMiscLowerings; }

}  // namespace moulin
