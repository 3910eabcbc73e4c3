// Choices and loops taken apart, and the lists that this leaves behind. That the meaning stays is checked by the golden
// cases, which run with these passes and (on the reference) without.
#include "ops/control.h"
#include "passes/pass.h"
#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

const TensorType kInt = {DType::kInt32, Shape()};

class ControlFlowTest : public PassTest {
 protected:
  int Count(OpKind kind) const {
    return static_cast<int>(std::count_if(graph_.nodes().begin(), graph_.nodes().end(),
                                          [&](const Node& node) { return node.kind == kind; }));
  }
  bool Run(PassFn pass) {
    const StatusOr<bool> changed = pass(&graph_, options_);
    EXPECT_TRUE(changed.ok()) << changed.status();
    EXPECT_TRUE(VerifyGraph(graph_).ok()) << VerifyGraph(graph_);
    return changed.ok() && *changed;
  }
  ValueId Int(int32_t value) { return b_.Constant(Tensor::Scalar(value)); }

  // i < n, of the variables (i, n, x, w).
  static std::shared_ptr<const Graph> Condition(const TensorType& x) {
    auto graph = std::make_shared<Graph>();
    GraphBuilder b(graph.get(), Limits());
    const ValueId i = graph->AddInput("i", kInt), n = graph->AddInput("n", kInt);
    graph->AddInput("x", x);
    graph->AddInput("w", x);
    graph->AddOutput("again", b.Binary(ExprOp::kLess, i, n));
    return graph;
  }
  // i + 1, n, x * w, w
  static std::shared_ptr<const Graph> Body(const TensorType& x) {
    auto graph = std::make_shared<Graph>();
    GraphBuilder b(graph.get(), Limits());
    const ValueId i = graph->AddInput("i", kInt), n = graph->AddInput("n", kInt);
    const ValueId v = graph->AddInput("x", x), w = graph->AddInput("w", x);
    for (const ValueId result : {b.Binary(ExprOp::kAdd, i, b.ScalarLike(i, 1)), n, b.Binary(ExprOp::kMul, v, w), w}) {
      graph->AddOutput("", result);
    }
    return graph;
  }
  std::vector<ValueId> Loop(ValueId n, ValueId x, ValueId w) {
    const TensorType type = graph_.value(x).type;
    return b_.AddMulti(OpKind::kWhile, WhileAttrs{Condition(type), Body(type)}, {Int(0), n, x, w});
  }
};

TEST_F(ControlFlowTest, ALoopOfKnownLengthBecomesItsIterations) {
  const ValueId x = Input("x", {3});
  Output(Loop(Int(4), x, Constant({3}))[2]);
  EXPECT_TRUE(Run(SimplifyControlFlow));
  EXPECT_EQ(Count(OpKind::kWhile), 0);
  EXPECT_EQ(Count(OpKind::kMap), 4);
  EXPECT_FALSE(Run(SimplifyControlFlow));
}

TEST_F(ControlFlowTest, ALoopThatNeverRunsGivesWhatItWasGiven) {
  const ValueId x = Input("x", {3});
  Output(b_.Unary(ExprOp::kNeg, Loop(Int(0), x, Constant({3}))[2]));
  EXPECT_TRUE(Run(SimplifyControlFlow));
  EXPECT_EQ(graph_.num_nodes(), 1);
}

TEST_F(ControlFlowTest, ALongLoopStays) {
  const ValueId x = Input("x", {3});
  Output(Loop(Int(1'000'000), x, Input("w", {3}))[2]);
  Run(SimplifyControlFlow);
  EXPECT_EQ(Count(OpKind::kWhile), 1);
  EXPECT_EQ(graph_.num_nodes(), 1);  // nothing of the attempt is left
}

TEST_F(ControlFlowTest, ConstantsGoIntoALoopAndWhatItLeavesAloneIsReadFromBefore) {
  const ValueId n = Input("n", Shape(), DType::kInt32), x = Input("x", {3}), w = Input("w", {3});
  const auto constant = Loop(n, x, Constant({3}));
  const auto given = Loop(n, x, w);
  Output(constant[2], "y");
  Output(given[3], "w_after");
  EXPECT_TRUE(Run(SimplifyControlFlow));
  EXPECT_EQ(Count(OpKind::kWhile), 1);  // of the other only the weights were read
  EXPECT_EQ(graph_.node(0).inputs.size(), 3);
  EXPECT_EQ(graph_.outputs()[1].value, graph_.inputs()[2]);
  EXPECT_FALSE(Run(SimplifyControlFlow));
}

TEST_F(ControlFlowTest, AChoiceByAConstantIsTheBranch) {
  const TensorType type = {DType::kFloat32, {3}};
  std::vector<std::shared_ptr<const Graph>> branches;
  for (const ExprOp op : {ExprOp::kNeg, ExprOp::kAbs}) {
    auto graph = std::make_shared<Graph>();
    GraphBuilder b(graph.get(), Limits());
    const ValueId x = graph->AddInput("x", type);
    graph->AddOutput("", b.Unary(op, x));
    branches.push_back(graph);
  }
  const ValueId x = Input("x", {3}), index = Input("index", Shape(), DType::kInt32);
  const ValueId known = b_.Add(OpKind::kCase, CaseAttrs{branches}, {Int(1), x});
  Output(b_.Add(OpKind::kCase, CaseAttrs{branches}, {index, known}));
  EXPECT_TRUE(Run(SimplifyControlFlow));
  EXPECT_EQ(Count(OpKind::kCase), 1);
  EXPECT_EQ(Count(OpKind::kMap), 1);
}

class ResolveListsTest : public ControlFlowTest {
 protected:
  ValueId ListOp(const char* op, std::vector<ValueId> inputs, DType result = DType::kVariant) {
    HostOpAttrs attrs;
    attrs.op = op;
    attrs.output_types = {result};
    attrs.ints = {{"element_dtype", static_cast<int64_t>(DType::kFloat32)}};
    return b_.Add(OpKind::kHostOp, attrs, inputs);
  }
  ValueId Ints32(std::initializer_list<int32_t> values) {
    return b_.Constant(Tensor::Of<int32_t>(Shape{static_cast<int64_t>(values.size())}, values));
  }
};

TEST_F(ResolveListsTest, WhatIsReadIsWhatWasWritten) {
  const ValueId x = Input("x", {3}), y = Input("y", {3});
  ValueId list = ListOp("TensorListReserve", {Ints32({3}), Int(3)});
  list = ListOp("TensorListSetItem", {list, Int(2), x});
  list = ListOp("TensorListSetItem", {list, Int(0), y});
  Output(ListOp("TensorListGetItem", {list, Int(2), Ints32({3})}, DType::kFloat32), "two");
  Output(ListOp("TensorListStack", {list, Ints32({3})}, DType::kFloat32), "all");
  EXPECT_TRUE(Apply(ResolveLists));
  EXPECT_EQ(Count(OpKind::kHostOp), 0);
  EXPECT_EQ(graph_.outputs()[0].value, graph_.inputs()[0]);
}

TEST_F(ResolveListsTest, TheRowsOfATensorAreTheTensor) {
  const ValueId x = Input("x", {4, 3});
  const ValueId list = ListOp("TensorListFromTensor", {x, Ints32({3})});
  Output(b_.Unary(ExprOp::kNeg, ListOp("TensorListStack", {list, Ints32({3})}, DType::kFloat32)), "all");
  Output(ListOp("TensorListGetItem", {list, Int(1), Ints32({3})}, DType::kFloat32), "one");
  EXPECT_TRUE(Apply(ResolveLists));
  EXPECT_EQ(Count(OpKind::kHostOp), 0);
  EXPECT_EQ(Count(OpKind::kConcat), 0);
}

TEST_F(ResolveListsTest, AnIndexThatIsNotKnownKeepsTheList) {
  const ValueId x = Input("x", {4, 3}), i = Input("i", Shape(), DType::kInt32);
  const ValueId list = ListOp("TensorListFromTensor", {x, Ints32({3})});
  Output(ListOp("TensorListGetItem", {list, i, Ints32({3})}, DType::kFloat32));
  EXPECT_FALSE(Apply(ResolveLists));
}

TEST_F(ResolveListsTest, AnIndexBeyondTheEndIsLeftToFailWhenItRuns) {
  const ValueId x = Input("x", {3});
  const ValueId list = ListOp("TensorListReserve", {Ints32({3}), Int(3)});
  Output(ListOp("TensorListStack", {ListOp("TensorListSetItem", {list, Int(3), x}), Ints32({3})}, DType::kFloat32));
  EXPECT_FALSE(Run(ResolveLists));
  EXPECT_EQ(Count(OpKind::kHostOp), 2);
}

}  // namespace
}  // namespace moulin::testing
