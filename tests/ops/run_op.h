// Infers and runs one primitive, for the tests of its family.
#ifndef MOULIN_TESTS_OPS_RUN_OP_H_
#define MOULIN_TESTS_OPS_RUN_OP_H_

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/op_def.h"

namespace moulin::testing {

inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Operand {
  TensorType type;
  Tensor value;  // invalid where only the type is known
  Operand(Tensor t) : type{t.dtype(), t.shape()}, value(std::move(t)) {}
  Operand(DType dtype, PartialShape shape) : type{dtype, std::move(shape)} {}
};

// The attributes of a host op.
inline HostOpAttrs HostAttrs(std::string op, std::vector<DType> outputs = {}) {
  HostOpAttrs attrs;
  attrs.op = std::move(op);
  attrs.output_types = std::move(outputs);
  return attrs;
}

// The types that a primitive gives for operands of which only some are known.
inline StatusOr<std::vector<TensorType>> InferOp(OpKind kind, const Attrs& attrs, const std::vector<Operand>& operands,
                                                 const Limits& limits = Limits()) {
  Graph graph;
  Node node{kind, attrs, "node", "Op", {}, {}};
  for (const Operand& o : operands) {
    node.inputs.push_back(o.value.is_valid() ? graph.AddConstant(o.value) : graph.AddInput("x", o.type));
  }
  std::vector<TensorType> types;
  MOULIN_RETURN_IF_ERROR(InferNode(graph, node, limits, &types));
  return types;
}

// Its outputs, after checking that they have the types inferred.
inline StatusOr<std::vector<Tensor>> RunOp(OpKind kind, const Attrs& attrs, const std::vector<Tensor>& inputs) {
  std::vector<Operand> operands(inputs.begin(), inputs.end());
  MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorType> types, InferOp(kind, attrs, operands));
  std::vector<Tensor> outputs;
  const Node node{kind, attrs, "node", "Op", {}, {}};
  MOULIN_RETURN_IF_ERROR(RunReference(node, types, inputs, Limits(), &outputs));
  EXPECT_EQ(outputs.size(), types.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_EQ(outputs[i].dtype(), types[i].dtype);
    EXPECT_TRUE(types[i].shape.Accepts(outputs[i].shape())) << types[i].ToString() << outputs[i].ToString();
  }
  return outputs;
}

// The only output; fails the test where there is an error.
inline Tensor RunOne(OpKind kind, const Attrs& attrs, const std::vector<Tensor>& inputs) {
  StatusOr<std::vector<Tensor>> outputs = RunOp(kind, attrs, inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.status();
  return outputs.ok() && !outputs->empty() ? outputs->front() : Tensor();
}

// The message of the error that it gives ("" where it runs).
inline std::string ErrorOf(OpKind kind, const Attrs& attrs, const std::vector<Tensor>& inputs) {
  return std::string(RunOp(kind, attrs, inputs).status().message());
}

// The type of the only output as text, or the error's message.
inline std::string Inferred(OpKind kind, const Attrs& attrs, const std::vector<Operand>& operands) {
  const StatusOr<std::vector<TensorType>> types = InferOp(kind, attrs, operands);
  return types.ok() ? types->front().ToString() : std::string(types.status().message());
}

inline Tensor Ints(std::vector<int64_t> values) {
  return Tensor::Of<int64_t>(Shape{static_cast<int64_t>(values.size())}, values);
}
inline Tensor Int(int64_t value) { return Tensor::Scalar<int64_t>(value); }
inline Tensor Floats(const Shape& shape, std::vector<float> values) { return Tensor::Of<float>(shape, values); }
// 0, 1, 2... in this shape.
inline Tensor Iota(const Shape& shape) {
  Tensor t = Tensor::Allocate(DType::kFloat32, shape).value();
  for (int64_t i = 0; i < t.num_elements(); ++i) t.mutable_values<float>()[i] = static_cast<float>(i);
  return t;
}

// A float32 tensor of this shape with these values.
inline void ExpectFloats(const Tensor& t, const Shape& shape, const std::vector<float>& values) {
  ASSERT_EQ(t.dtype(), DType::kFloat32);
  ASSERT_EQ(t.shape(), shape) << t.ToString();
  EXPECT_THAT(t.values<float>(), ::testing::ElementsAreArray(values));
}
template <typename T>
void ExpectValues(const Tensor& t, const Shape& shape, const std::vector<T>& values) {
  ASSERT_EQ(t.dtype(), DTypeOf<T>::value);
  ASSERT_EQ(t.shape(), shape) << t.ToString();
  EXPECT_THAT(t.values<T>(), ::testing::ElementsAreArray(values));
}

}  // namespace moulin::testing

#endif  // MOULIN_TESTS_OPS_RUN_OP_H_
