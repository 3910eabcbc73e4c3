// Every kernel of the host, given operands of the types that the op's signature allows, of random shapes and values
// most of which do not fit: it ends with an error, or with outputs of the types that its shape function told.
#include <random>

#include "absl/strings/match.h"
#include "import/op_signature.h"
#include "ops/host_op.h"
#include "tests/ops/op_values.h"

namespace moulin::testing {
namespace {

using Random = std::mt19937;

int64_t Below(Random& random, int64_t count) {
  return static_cast<int64_t>(random() % static_cast<uint64_t>(std::max<int64_t>(count, 1)));
}

constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32,   DType::kInt64,    DType::kString,
                            DType::kBool,    DType::kUInt8,   DType::kFloat16, DType::kComplex64};

Shape RandomShape(Random& random) {
  Shape shape;
  for (int64_t rank = Below(random, 4); rank > 0; --rank) shape.push_back(Below(random, 5));
  return shape;
}

template <typename T, typename F>
void Fill(Tensor& t, F value) {
  for (T& x : t.mutable_values<T>()) x = static_cast<T>(value());
}

// Small numbers, so that some are places, sizes or flags that fit.
Tensor RandomTensor(DType type, Random& random) {
  Tensor t = Tensor::Allocate(type, RandomShape(random)).value();
  const auto small = [&] { return static_cast<float>(Below(random, 8)) - 2; };
  if (type == DType::kFloat32) Fill<float>(t, [&] { return small() / 2; });
  if (type == DType::kFloat64) Fill<double>(t, [&] { return small() / 2; });
  if (type == DType::kInt32) Fill<int32_t>(t, small);
  if (type == DType::kInt64) Fill<int64_t>(t, small);
  if (type == DType::kUInt8) Fill<uint8_t>(t, [&] { return Below(random, 256); });
  if (type == DType::kBool) Fill<bool>(t, [&] { return Below(random, 2) == 1; });
  if (type == DType::kComplex64) Fill<std::complex<float>>(t, small);
  if (type == DType::kString) {
    constexpr const char* kTexts[] = {"", "a", "1,2", "-3.5", "\x0a\x03\x0a\x01x", "\xff\xd8\xff"};
    for (std::string& s : t.mutable_strings()) s = kTexts[Below(random, std::size(kTexts))];
  }
  return t;
}

DType RandomType(Random& random) { return kTypes[Below(random, std::size(kTypes))]; }

// The attributes that an op's arguments refer to.
tf::NodeDef RandomNode(const OpSignature& signature, Random& random) {
  tf::NodeDef node;
  for (const std::vector<ArgSpec>* args : {&signature.inputs, &signature.outputs}) {
    for (const ArgSpec& arg : *args) {
      auto& attrs = *node.mutable_attr();
      if (!arg.type_attr.empty()) attrs[arg.type_attr].set_type(static_cast<tf::DataType>(RandomType(random)));
      if (!arg.number_attr.empty()) attrs[arg.number_attr].set_i(Below(random, 4));
      if (arg.type_list_attr.empty()) continue;
      attrs[arg.type_list_attr].mutable_list();
      for (int64_t n = Below(random, 3); n > 0; --n) {
        attrs[arg.type_list_attr].mutable_list()->add_type(static_cast<tf::DataType>(RandomType(random)));
      }
    }
  }
  return node;
}

HostOpAttrs RandomAttrs(const HostOp& kernel, const tf::NodeDef& node, Random& random) {
  HostOpAttrs attrs;
  attrs.op = std::string(kernel.op);
  for (const auto& [name, value] : node.attr()) {
    if (value.value_case() == tf::AttrValue::kI) attrs.ints.push_back({name, value.i()});
  }
  for (const char* name : {"num_buckets", "channels", "axis", "beam_width", "top_paths", "window_size", "stride"}) {
    if (Below(random, 2) == 0) attrs.ints.push_back({name, Below(random, 5) - 1});
  }
  if (Below(random, 2) == 0) attrs.strings.push_back({"input_order", "RSD"});
  return attrs;
}

// Runs a kernel once; nothing is told of operands that do not even have the op's types.
void RunOnce(const HostOp& kernel, Random& random) {
  const OpSignature* signature = FindSignature(kernel.op);
  ASSERT_NE(signature, nullptr) << kernel.op;
  const tf::NodeDef node = RandomNode(*signature, random);
  const auto inputs = ExpandArgs(signature->inputs, signature->attrs, node.attr(), Limits());
  const auto outputs = ExpandArgs(signature->outputs, signature->attrs, node.attr(), Limits());
  ASSERT_TRUE(inputs.ok() && outputs.ok()) << kernel.op << inputs.status() << outputs.status();
  std::vector<Tensor> operands;
  for (const TensorSpec& input : *inputs) {
    if (input.type == DType::kVariant || input.type == DType::kResource) return;
    operands.push_back(RandomTensor(input.type, random));
  }
  HostOpAttrs attrs = RandomAttrs(kernel, node, random);
  for (const TensorSpec& output : *outputs) attrs.output_types.push_back(output.type);
  Limits limits;
  limits.tensor_bytes = 1 << 20;  // operands may well ask for gigabytes
  std::vector<Operand> known(operands.begin(), operands.end());
  const auto types = InferOp(OpKind::kHostOp, attrs, known, limits);
  std::vector<Tensor> results;
  Status status = types.status();
  if (status.ok()) {
    status = RunReference({OpKind::kHostOp, attrs, "node", "Op", {}, {}}, *types, operands, limits, &results);
  }
  for (size_t i = 0; i < results.size() && status.ok(); ++i) {
    EXPECT_EQ(results[i].dtype(), (*types)[i].dtype) << kernel.op;
    EXPECT_TRUE((*types)[i].shape.Accepts(results[i].shape())) << kernel.op;
  }
  EXPECT_TRUE(status.ok() || absl::StartsWith(status.message(), "E_")) << kernel.op << status;
}

TEST(HostOpPropertyTest, AnyOperandsEndWell) {
  Random random(5);
  for (const HostOp* kernel : AllHostOps()) {
    for (int trial = 0; trial < 100; ++trial) RunOnce(*kernel, random);
  }
}

}  // namespace
}  // namespace moulin::testing
