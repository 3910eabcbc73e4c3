// Holds a kernel of the CPU device against the reference kernel of the same node.
#ifndef MOULIN_TESTS_DEVICE_CPU_KERNEL_TEST_H_
#define MOULIN_TESTS_DEVICE_CPU_KERNEL_TEST_H_

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "device/host/cpu/cpu_device.h"
#include "device/host/host_kernel.h"
#include "gtest/gtest.h"
#include "ops/op_def.h"

namespace moulin::testing {

inline constexpr double kEpsilon = std::numeric_limits<float>::epsilon();

inline Device& TestDevice() {
  static std::shared_ptr<Device>* device = new std::shared_ptr<Device>(NewCpuDevice({.threads = 2}));
  return **device;
}

// An input of the node under test: a constant of its graph, or given when it runs.
struct Operand {
  Tensor value;
  bool constant = false;
};
inline Operand Constant(Tensor t) { return {std::move(t), true}; }
inline Operand Given(Tensor t) { return {std::move(t), false}; }

struct Ran {
  Status status;
  std::string kernel;  // its name
  std::vector<Tensor> expected;
  std::vector<Tensor> actual;
};

inline Tensor PoisonedTensor(const TensorType& type) {
  Tensor t = Tensor::Allocate(type.dtype, type.shape.ToShape()).value();
  std::memset(t.mutable_data(), 0xff, t.byte_size());  // NaN for floats, so that an element left out shows
  return t;
}

struct PreparedNode {
  Graph graph;
  Node node;
  std::vector<TensorType> types;
  std::vector<Tensor> inputs;
  std::shared_ptr<const Kernel> kernel;
};

inline Status PrepareNode(OpKind kind, Attrs attrs, const std::vector<Operand>& operands, PreparedNode* p) {
  std::vector<ValueId> ids;
  for (const Operand& operand : operands) {
    p->inputs.push_back(operand.value);
    const TensorType type{operand.value.dtype(), operand.value.shape()};
    ids.push_back(operand.constant ? p->graph.AddConstant(operand.value) : p->graph.AddInput("x", type));
  }
  Node node;
  node.kind = kind;
  node.attrs = attrs;
  node.inputs.assign(ids.begin(), ids.end());
  MOULIN_RETURN_IF_ERROR(InferNode(p->graph, node, Limits(), &p->types));
  p->node = p->graph.node(p->graph.AddNode(kind, std::move(attrs), ids, p->types));
  MOULIN_ASSIGN_OR_RETURN(p->kernel, TestDevice().Prepare(p->graph, p->node));
  return absl::OkStatus();
}

// Runs the kernel of `p`; output 0 lies on a copy of input `in_place` where that is not negative.
inline Status RunKernel(const PreparedNode& p, int in_place, std::vector<Tensor>* outputs) {
  std::vector<Tensor> inputs = p.inputs;
  outputs->clear();
  for (const TensorType& type : p.types) outputs->push_back(PoisonedTensor(type));
  if (in_place >= 0) {
    std::memcpy((*outputs)[0].mutable_data(), inputs[in_place].data(), inputs[in_place].byte_size());
    inputs[in_place] = (*outputs)[0].Reinterpreted(inputs[in_place].dtype(), inputs[in_place].shape());
  }
  const int64_t workspace_bytes = p.kernel->workspace_bytes();
  Tensor workspace = PoisonedTensor({DType::kUInt8, Shape({std::max<int64_t>(workspace_bytes, 1)})});
  const auto& kernel = dynamic_cast<const HostKernel&>(*p.kernel);
  return kernel.Run(inputs, absl::MakeSpan(*outputs), workspace_bytes > 0 ? workspace.mutable_data() : nullptr);
}

// Runs a node by the CPU device and by the reference. With `in_place`, again over each input that the kernel allows.
inline Ran RunBoth(OpKind kind, Attrs attrs, const std::vector<Operand>& operands) {
  Ran ran;
  PreparedNode p;
  ran.status = PrepareNode(kind, std::move(attrs), operands, &p);
  if (!ran.status.ok()) return ran;
  ran.kernel = p.kernel->name();
  ran.status = RunReference(p.node, p.types, p.inputs, Limits(), &ran.expected);
  if (ran.status.ok()) ran.status = RunKernel(p, -1, &ran.actual);
  for (int i = 0; i < static_cast<int>(p.inputs.size()) && ran.status.ok(); ++i) {
    if (!p.kernel->can_run_in_place(i)) continue;
    std::vector<Tensor> again;
    ran.status = RunKernel(p, i, &again);
    const size_t bytes = ran.actual[0].byte_size();
    EXPECT_TRUE(bytes == 0 || std::memcmp(again[0].data(), ran.actual[0].data(), bytes) == 0)
        << "over input " << i << " the result differs";
  }
  return ran;
}

inline Tensor RandomFloats(const Shape& shape, std::mt19937* random, float low = -1, float high = 1) {
  Tensor t = Tensor::Allocate(DType::kFloat32, shape).value();
  std::uniform_real_distribution<float> distribution(low, high);
  for (float& x : t.mutable_values<float>()) x = distribution(*random);
  return t;
}

inline Tensor RandomInt8s(const Shape& shape, std::mt19937* random) {
  Tensor t = Tensor::Allocate(DType::kInt8, shape).value();
  std::uniform_int_distribution<int> distribution(-128, 127);
  for (int8_t& x : t.mutable_values<int8_t>()) x = static_cast<int8_t>(distribution(*random));
  return t;
}

inline bool HasEqualBytes(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         (a.byte_size() == 0 || std::memcmp(a.data(), b.data(), a.byte_size()) == 0);
}

inline Tensor Magnitudes(const Tensor& t) {
  Tensor m = t.Clone().value();
  for (float& x : m.mutable_values<float>()) x = std::fabs(x);
  return m;
}

inline int64_t RandomInt(std::mt19937* random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(*random);
}

// |actual - expected| <= tolerance[i] for each element; equal infinities and NaNs match.
inline void ExpectNear(const Tensor& expected, const Tensor& actual, const std::vector<double>& tolerance) {
  ASSERT_EQ(expected.shape(), actual.shape());
  const auto e = expected.values<float>(), a = actual.values<float>();
  for (size_t i = 0; i < e.size(); ++i) {
    if (e[i] == a[i] || (std::isnan(e[i]) && std::isnan(a[i]))) continue;
    ASSERT_LE(std::fabs(e[i] - a[i]), tolerance[i]) << "element " << i << ": expected " << e[i] << ", got " << a[i];
  }
}

inline void ExpectNear(const Tensor& expected, const Tensor& actual, double relative, double absolute) {
  std::vector<double> tolerance;
  for (float x : expected.values<float>()) tolerance.push_back(absolute + relative * std::fabs(x));
  ExpectNear(expected, actual, tolerance);
}

inline void ExpectSameBytes(const Tensor& expected, const Tensor& actual) {
  ASSERT_EQ(expected.shape(), actual.shape());
  ASSERT_EQ(expected.dtype(), actual.dtype());
  if (expected.byte_size() == 0) return;
  EXPECT_EQ(std::memcmp(expected.data(), actual.data(), expected.byte_size()), 0)
      << expected.ToString(64) << " vs " << actual.ToString(64);
}

}  // namespace moulin::testing

#endif  // MOULIN_TESTS_DEVICE_CPU_KERNEL_TEST_H_
