// Helpers of the importer's tests: graphs written as text, and running what they become.
#ifndef MOULIN_TESTS_IMPORT_IMPORT_TESTING_H_
#define MOULIN_TESTS_IMPORT_IMPORT_TESTING_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/text_format.h"
#include "import/import.h"
#include "ops/op_def.h"

namespace moulin {

inline tf::GraphDef Text(const std::string& text) {
  tf::GraphDef graph;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &graph)) << text;
  return graph;
}

// A node in text. `attrs` is more text of the NodeDef: attr { ... }.
inline std::string NodeText(const std::string& name, const std::string& op, const std::vector<std::string>& inputs,
                            const std::string& attrs = "") {
  std::string text = absl::StrCat("node { name: \"", name, "\" op: \"", op, "\" ");
  for (const std::string& input : inputs) absl::StrAppend(&text, "input: \"", input, "\" ");
  return absl::StrCat(text, attrs, " }\n");
}

inline std::string TypeAttr(const std::string& name, const std::string& type = "DT_FLOAT") {
  return absl::StrCat("attr { key: \"", name, "\" value { type: ", type, " } } ");
}
// The attribute of most ops.
inline const std::string kT = TypeAttr("T");
inline std::string IntAttr(const std::string& name, int64_t value) {
  return absl::StrCat("attr { key: \"", name, "\" value { i: ", value, " } } ");
}
inline std::string StringAttr(const std::string& name, const std::string& value) {
  return absl::StrCat("attr { key: \"", name, "\" value { s: \"", value, "\" } } ");
}
inline std::string BoolAttr(const std::string& name, bool value) {
  return absl::StrCat("attr { key: \"", name, "\" value { b: ", value ? "true" : "false", " } } ");
}
inline std::string FloatAttr(const std::string& name, float value) {
  return absl::StrCat("attr { key: \"", name, "\" value { f: ", value, " } } ");
}

inline std::string ShapeText(const std::vector<int64_t>& dims) {
  std::string text;
  for (const int64_t dim : dims) absl::StrAppend(&text, "dim { size: ", dim, " } ");
  return text;
}

inline std::string Placeholder(const std::string& name, const std::vector<int64_t>& dims,
                               const std::string& type = "DT_FLOAT") {
  return NodeText(
      name, "Placeholder", {},
      absl::StrCat(TypeAttr("dtype", type), "attr { key: \"shape\" value { shape { ", ShapeText(dims), " } } }"));
}

// A Const; `values` is text of the TensorProto: "float_val: [1, 2]".
inline std::string ConstText(const std::string& name, const std::string& type, const std::vector<int64_t>& dims,
                             const std::string& values) {
  return NodeText(name, "Const", {},
                  absl::StrCat(TypeAttr("dtype", type), "attr { key: \"value\" value { tensor { dtype: ", type,
                               " tensor_shape { ", ShapeText(dims), " } ", values, " } } }"));
}
inline std::string IntsText(const std::string& name, const std::vector<int64_t>& values) {
  return ConstText(name, "DT_INT32", {static_cast<int64_t>(values.size())},
                   absl::StrCat("int_val: [", absl::StrJoin(values, ","), "]"));
}
inline std::string IntText(const std::string& name, int64_t value) {
  return ConstText(name, "DT_INT32", {}, absl::StrCat("int_val: ", value));
}

inline StatusOr<std::shared_ptr<Graph>> Import(const std::string& text, const std::vector<std::string>& outputs = {},
                                               const std::vector<std::string>& inputs = {}) {
  ImportOptions options;
  for (const std::string& output : outputs) options.outputs.push_back({output, output});
  for (const std::string& input : inputs) options.inputs.push_back({input, input});
  return ImportGraph(Text(text), options);
}

// Runs a graph node by node on the reference kernels, the inputs in the graph's order.
inline std::vector<Tensor> RunGraph(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> values(graph.num_values());
  for (int i = 0; i < graph.num_values(); ++i) values[i] = graph.value(i).constant;
  EXPECT_EQ(graph.inputs().size(), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) values[graph.inputs()[i]] = inputs[i];
  for (const Node& node : graph.nodes()) {
    std::vector<Tensor> operands, results;
    for (const ValueId v : node.inputs) operands.push_back(values[v]);
    // The types are open: the kernels allocate for the shapes that arrive.
    std::vector<TensorType> types;
    for (const ValueId v : node.outputs) types.push_back({graph.value(v).type.dtype, PartialShape()});
    const Status status = RunReference(node, types, operands, Limits(), &results);
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) return {};
    for (size_t i = 0; i < node.outputs.size(); ++i) values[node.outputs[i]] = results[i];
  }
  std::vector<Tensor> outputs;
  for (const GraphOutput& output : graph.outputs()) outputs.push_back(values[output.value]);
  return outputs;
}

// Imports and runs a graph with one output.
inline Tensor ImportAndRun(const std::string& text, const std::vector<Tensor>& inputs) {
  const StatusOr<std::shared_ptr<Graph>> graph = Import(text);
  EXPECT_TRUE(graph.ok()) << graph.status();
  if (!graph.ok()) return Tensor();
  const std::vector<Tensor> outputs = RunGraph(**graph, inputs);
  EXPECT_EQ(outputs.size(), 1);
  return outputs.empty() ? Tensor() : outputs[0];
}

inline Tensor Floats(const Shape& shape, std::initializer_list<float> values) {
  return Tensor::Of<float>(shape, values);
}

template <typename T>
std::vector<T> ValuesOf(const Tensor& t) {
  if (t.dtype() != DTypeOf<T>::value) {
    ADD_FAILURE() << "unexpected type: " << t.ToString();
    return {};
  }
  return std::vector<T>(t.values<T>().begin(), t.values<T>().end());
}

// A failed status (or StatusOr) whose message begins with this code and holds this text.
MATCHER_P2(FailsWith, code, text, absl::StrCat("fails with ", code, " and \"", text, "\"")) {
  const Status& status = arg.status();
  *result_listener << status;
  return !status.ok() && absl::StartsWith(status.message(), absl::StrCat(code, ": ")) &&
         absl::StrContains(status.message(), text);
}

// The library of a graph, of functions in text.
inline std::string Library(const std::string& functions) { return absl::StrCat("library { ", functions, " }\n"); }

}  // namespace moulin

#endif  // MOULIN_TESTS_IMPORT_IMPORT_TESTING_H_
