// Ops that pass their inputs on, and ops without outputs.
#include "import/lowering.h"

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

constexpr OpLowering kRows[] = {
    {"Assert", 1, kAnyNumber, LowerNothing},
    {"CheckNumerics", 1, 1, LowerIdentity},
    {"CheckNumericsV2", 1, 1, LowerIdentity},
    {"ControlTrigger", 0, 0, LowerNothing},
    {"CopyHost", 1, 1, LowerIdentity},
    {"DebugIdentity", 1, 1, LowerIdentity},
    {"DebugIdentityV2", 1, 1, LowerIdentity},
    {"DeepCopy", 1, 1, LowerIdentity},
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

absl::Span<const OpLowering> MiscLowerings() { return kRows; }

}  // namespace moulin
