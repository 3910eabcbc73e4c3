// Tests: tests/import/deferred_test.cc.
#include "import/deferred.h"

#include <utility>

#include "import/op_signature.h"
#include "ops/deferred.h"

namespace moulin {
namespace {

class NodeLowering final : public DeferredLowering {
 public:
  NodeLowering(const tf::NodeDef& def, const OpLowering& row) : def_(def), row_(row) {}

  StatusOr<Result> Lower(absl::Span<const ValueId> inputs, GraphBuilder* builder) const override {
    LoweringContext context(def_, {inputs.begin(), inputs.end()}, builder);
    row_.lower(context);
    if (context.is_deferred()) return Result{{}, context.waits_for(), context.constant_inputs()};
    MOULIN_RETURN_IF_ERROR(builder->status());
    return Result{{context.outputs().begin(), context.outputs().end()}, "", 0};
  }

 private:
  const tf::NodeDef def_;
  const OpLowering& row_;  // of a table that lives as long as the program
};

}  // namespace

StatusOr<DeferredAttrs> DeferredNode(const tf::NodeDef& def, const OpLowering& row, const LoweringContext& context,
                                     const Limits& limits) {
  const OpSignature* signature = FindSignature(def.op());
  if (signature == nullptr) return MakeError(ErrorCode::kUnsupported, context.waits_for());
  MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorSpec> outputs,
                          ExpandArgs(signature->outputs, signature->attrs, def.attr(), limits));
  DeferredAttrs attrs;
  for (const TensorSpec& output : outputs) attrs.output_types.push_back(output.type);
  attrs.lowering = std::make_shared<NodeLowering>(def, row);
  attrs.waits_for = context.waits_for();
  attrs.constant_inputs = context.constant_inputs();
  return attrs;
}

}  // namespace moulin
