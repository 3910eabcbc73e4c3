// The primitive that stands for what is yet to be lowered. Tests: tests/passes/lower_deferred_test.cc.
#include "ops/deferred.h"

#include "ops/op_util.h"

namespace moulin {
namespace {

Status InferDeferred(InferContext& c) {
  for (const DType type : c.attr<DeferredAttrs>().output_types) c.Add(type, PartialShape());
  return absl::OkStatus();
}

Status RunDeferred(const KernelContext& c) {
  return MakeError(ErrorCode::kUnsupported, c.attr<DeferredAttrs>().waits_for);
}

constexpr OpDef kDeferredOps[] = {{OpKind::kDeferred, 0, kAnyNumber, InferDeferred, RunDeferred}};

}  // namespace

absl::Span<const OpDef> DeferredOps() { return kDeferredOps; }

}  // namespace moulin
