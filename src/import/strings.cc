// String ops, kept as themselves and run on the host.
#include <algorithm>

#include "import/lowering.h"
#include "import/op_signature.h"
#include "ops/host_op.h"

namespace moulin {
namespace {

// The scalar attributes as they are; lists and shapes have no place in a HostOp.
void CopyAttr(const std::string& name, const tf::AttrValue& value, HostOpAttrs* attrs) {
  switch (value.value_case()) {
    case tf::AttrValue::kI:
      attrs->ints.push_back({name, value.i()});
      break;
    case tf::AttrValue::kB:
      attrs->ints.push_back({name, value.b() ? 1 : 0});
      break;
    case tf::AttrValue::kF:
      attrs->floats.push_back({name, value.f()});
      break;
    case tf::AttrValue::kS:
      attrs->strings.push_back({name, value.s()});
      break;
    default:
      break;
  }
}

// Keeps the op, with the outputs that its signature says.
void LowerKept(LoweringContext& c) {
  const OpSignature* signature = FindSignature(c.op());
  if (signature == nullptr || FindHostKernel(c.op()) == nullptr) {
    c.Unsupported("there is no kernel for this op");
    return;
  }
  HostOpAttrs attrs;
  attrs.op = c.op();
  // In the order of the names: that of a protocol buffer's map varies from run to run.
  std::vector<std::string> names;
  for (const auto& [name, value] : c.node().attr()) names.push_back(name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) CopyAttr(name, c.node().attr().at(name), &attrs);
  const auto outputs = ExpandArgs(signature->outputs, signature->attrs, c.node().attr(), c.b.limits());
  if (!outputs.ok()) {
    c.b.Fail(outputs.status());
    return;
  }
  for (const TensorSpec& output : *outputs) attrs.output_types.push_back(output.type);
  c.Outputs(c.b.AddMulti(OpKind::kHostOp, std::move(attrs), c.inputs()));
}

constexpr OpLowering kRows[] = {
    {"AsString", 1, 1, LowerKept},     {"DecodeBase64", 1, 1, LowerKept},
    {"EncodeBase64", 1, 1, LowerKept}, {"StringJoin", 1, kAnyNumber, LowerKept},
    {"StringLength", 1, 1, LowerKept}, {"StringLower", 1, 1, LowerKept},
    {"StringStrip", 1, 1, LowerKept},  {"StringToNumber", 1, 1, LowerKept},
    {"StringUpper", 1, 1, LowerKept},  {"Substr", 3, 3, LowerKept},
};

}  // namespace

absl::Span<const OpLowering> StringLowerings() { return kRows; }

}  // namespace moulin
