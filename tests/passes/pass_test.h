// A fixture for tests of passes: a graph to build, and a pass applied with everything checked that holds for any pass.
#ifndef MOULIN_TESTS_PASSES_PASS_TEST_H_
#define MOULIN_TESTS_PASSES_PASS_TEST_H_

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/half.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/graph_builder.h"
#include "passes/constants.h"
#include "passes/pass.h"
#include "tests/support/run_graph.h"
#include "tests/support/values.h"

namespace moulin::testing {

inline Tensor Floats(const Shape& shape, uint32_t seed = 1) {
  return Tensor::Of<float>(shape, Values(shape.num_elements(), seed));
}

class PassTest : public ::testing::Test {
 protected:
  ValueId Input(const std::string& name, PartialShape shape, DType type = DType::kFloat32) {
    return graph_.AddInput(name, {type, std::move(shape)});
  }
  ValueId Constant(const Shape& shape, uint32_t seed = 1) { return graph_.AddConstant(Floats(shape, seed)); }
  // Adds an output under a name that its value carries too.
  void Output(ValueId v, const std::string& name = "y") {
    ASSERT_TRUE(b_.ok()) << b_.status();
    graph_.AddName(v, name);
    graph_.AddOutput(name, v);
  }

  // Applies the pass; whether it changed the graph. Expects what any pass must keep: a good graph, the outputs' names
  // and values (absolute and relative `tolerance`), and nothing left to do for a second run.
  bool Apply(PassFn pass, double tolerance = 0) {
    const std::unique_ptr<Graph> before = graph_.Clone();
    const StatusOr<bool> changed = pass(&graph_, options_);
    EXPECT_TRUE(changed.ok()) << changed.status();
    if (!changed.ok()) return false;
    EXPECT_TRUE(VerifyGraph(graph_).ok()) << VerifyGraph(graph_) << "\n" << GraphToString(graph_);
    const std::string text = GraphToString(graph_);
    const StatusOr<bool> again = pass(&graph_, options_);
    EXPECT_TRUE(again.ok() && !*again) << "a second run changes\n" << text << "to\n" << GraphToString(graph_);
    ExpectSameResults(*before, graph_, tolerance);
    return *changed;
  }

  // Unknown sizes are run as 3.
  static void ExpectSameResults(const Graph& before, const Graph& after, double tolerance) {
    std::vector<Tensor> inputs;
    for (const ValueId v : before.inputs()) {
      Shape shape;
      for (const int64_t dim : before.value(v).type.shape.dims()) shape.push_back(dim == kUnknownDim ? 3 : dim);
      Tensor floats = Floats(shape, static_cast<uint32_t>(inputs.size()) + 11);
      const DType type = before.value(v).type.dtype;
      const std::vector<double> doubles = *ToDoubles(floats);
      inputs.push_back(IsFloating(type) ? FromDoubles(type, shape, doubles) : *Tensor::Allocate(type, shape));
    }
    const auto expected = RunGraph(before, inputs);
    const auto found = RunGraph(after, inputs);
    ASSERT_TRUE(expected.ok()) << expected.status();
    ASSERT_TRUE(found.ok()) << found.status() << "\n" << GraphToString(after);
    ASSERT_EQ(before.outputs().size(), after.outputs().size());
    for (size_t i = 0; i < expected->size(); ++i) {
      EXPECT_EQ(before.outputs()[i].name, after.outputs()[i].name);
      const auto& names = after.value(after.outputs()[i].value).names;
      for (const std::string& name : before.value(before.outputs()[i].value).names) {
        EXPECT_THAT(names, ::testing::Contains(name));
      }
      ExpectNear((*expected)[i], (*found)[i], tolerance);
    }
  }

  static void ExpectNear(const Tensor& expected, const Tensor& found, double tolerance) {
    ASSERT_EQ(expected.dtype(), found.dtype());
    ASSERT_EQ(expected.shape(), found.shape());
    const auto a = ToDoubles(expected);
    const auto b = ToDoubles(found);
    if (!a) {
      ASSERT_EQ(expected.byte_size(), found.byte_size());
      EXPECT_EQ(std::memcmp(expected.data(), found.data(), expected.byte_size()), 0);
      return;
    }
    for (size_t i = 0; i < a->size(); ++i) {
      EXPECT_NEAR((*a)[i], (*b)[i], tolerance * (1 + std::abs((*a)[i]))) << "element " << i;
    }
  }

  int Count(OpKind kind) const {
    int count = 0;
    for (const Node& node : graph_.nodes()) count += node.kind == kind;
    return count;
  }
  // The node that computes output `i`.
  const Node& OutputNode(int i = 0) const { return graph_.node(graph_.value(graph_.outputs()[i].value).producer); }

  Graph graph_;
  PassOptions options_;
  GraphBuilder b_{&graph_, Limits()};
};

}  // namespace moulin::testing

#endif  // MOULIN_TESTS_PASSES_PASS_TEST_H_
