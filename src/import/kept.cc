#include "import/kept.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "import/op_signature.h"
#include "ops/host_op.h"

namespace moulin {
namespace {

std::string ShapeText(const tf::TensorShapeProto& shape) {
  if (shape.unknown_rank()) return "?";
  return absl::StrJoin(shape.dim(), ",", [](std::string* out, const auto& dim) { absl::StrAppend(out, dim.size()); });
}

void CopyList(const std::string& name, const tf::AttrValue::ListValue& list, HostOpAttrs* attrs) {
  for (const int64_t value : list.i()) attrs->ints.push_back({name, value});
  for (const bool value : list.b()) attrs->ints.push_back({name, value ? 1 : 0});
  for (const float value : list.f()) attrs->floats.push_back({name, value});
  for (const std::string& value : list.s()) attrs->strings.push_back({name, value});
  for (const auto& value : list.shape()) attrs->strings.push_back({name, ShapeText(value)});
}

// Types that operands and outputs do not show are needed by lists.
void CopyAttr(const std::string& name, const tf::AttrValue& value, HostOpAttrs* attrs) {
  switch (value.value_case()) {
    case tf::AttrValue::kI:
      attrs->ints.push_back({name, value.i()});
      break;
    case tf::AttrValue::kB:
      attrs->ints.push_back({name, value.b() ? 1 : 0});
      break;
    case tf::AttrValue::kType:
      if (name == "element_dtype") attrs->ints.push_back({name, value.type()});
      break;
    case tf::AttrValue::kF:
      attrs->floats.push_back({name, value.f()});
      break;
    case tf::AttrValue::kS:
      attrs->strings.push_back({name, value.s()});
      break;
    case tf::AttrValue::kShape:
      attrs->strings.push_back({name, ShapeText(value.shape())});
      break;
    case tf::AttrValue::kList:
      CopyList(name, value.list(), attrs);
      break;
    default:
      break;
  }
}

}  // namespace

HostOpAttrs KeptAttrs(const LoweringContext& c) {
  HostOpAttrs attrs;
  attrs.op = c.op();
  // In the order of the names: that of a protocol buffer's map varies from run to run.
  std::vector<std::string> names;
  for (const auto& [name, value] : c.node().attr()) names.push_back(name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) CopyAttr(name, c.node().attr().at(name), &attrs);
  return attrs;
}

void LowerKept(LoweringContext& c) {
  const OpSignature* signature = FindSignature(c.op());
  if (signature == nullptr || FindHostOp(c.op()) == nullptr) {
    c.Unsupported("there is no kernel for this op");
    return;
  }
  HostOpAttrs attrs = KeptAttrs(c);
  const auto outputs = ExpandArgs(signature->outputs, signature->attrs, c.node().attr(), c.b.limits());
  if (!outputs.ok()) {
    c.b.Fail(outputs.status());
    return;
  }
  for (const TensorSpec& output : *outputs) attrs.output_types.push_back(output.type);
  c.Outputs(c.b.AddMulti(OpKind::kHostOp, std::move(attrs), c.inputs()));
}

std::vector<OpLowering> KeptLowerings() {
  std::vector<OpLowering> rows;
  for (const HostOp* kernel : AllHostOps()) {
    rows.push_back({kernel->op.data(), kernel->min_inputs, kernel->max_inputs, LowerKept});
  }
  return rows;
}

}  // namespace moulin
