// Choices by one index that become one, and those that must not.
#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

const TensorType kFloats = {DType::kFloat32, Shape{3}};

class MergeChoicesTest : public PassTest {
 protected:
  // A branch that gives f(exp(x)), of one argument.
  static std::shared_ptr<const Graph> Branch(ExprOp f) {
    auto graph = std::make_shared<Graph>();
    GraphBuilder b(graph.get(), Limits());
    const ValueId x = graph->AddInput("x", kFloats);
    graph->AddOutput("y", b.Unary(f, b.Unary(ExprOp::kExp, x)));
    return graph;
  }
  ValueId Choice(ValueId index, ExprOp first, ExprOp second, ValueId x) {
    return b_.Add(OpKind::kCase, CaseAttrs{{Branch(first), Branch(second)}}, {index, x});
  }
  bool Merge() {
    const StatusOr<bool> changed = MergeChoices(&graph_, options_);
    EXPECT_TRUE(changed.ok()) << changed.status();
    EXPECT_TRUE(VerifyGraph(graph_).ok()) << VerifyGraph(graph_) << GraphToString(graph_);
    return changed.ok() && *changed;
  }
  ValueId Index(const std::string& name) { return Input(name, Shape(), DType::kInt32); }
};

TEST_F(MergeChoicesTest, WorkThatTwoChoicesShareIsDoneOnce) {
  const ValueId p = Index("p"), x = Input("x", {3});
  Output(Choice(p, ExprOp::kNeg, ExprOp::kSin, x), "a");
  Output(Choice(p, ExprOp::kAbs, ExprOp::kCos, x), "b");
  EXPECT_TRUE(Merge());
  ASSERT_EQ(Count(OpKind::kCase), 1);
  EXPECT_EQ(graph_.num_nodes(), 1);
  const Node& choice = graph_.node(0);
  EXPECT_EQ(choice.inputs.size(), 2);  // the index, and x once
  for (const auto& branch : choice.attr<CaseAttrs>().branches) {
    Graph copy = *branch;
    EXPECT_EQ(copy.num_nodes(), 4);
    ASSERT_TRUE(MergeCommonSubexpressions(&copy, options_).ok());
    EXPECT_EQ(copy.num_nodes(), 3);  // exp(x) once
  }
  EXPECT_FALSE(Merge());
}

TEST_F(MergeChoicesTest, AChoiceThatReadsAnotherStaysBehindIt) {
  const ValueId p = Index("p"), x = Input("x", {3});
  const ValueId a = Choice(p, ExprOp::kNeg, ExprOp::kSin, x);
  Output(Choice(p, ExprOp::kAbs, ExprOp::kCos, b_.Unary(ExprOp::kNeg, a)), "b");
  EXPECT_FALSE(Merge());
  EXPECT_EQ(Count(OpKind::kCase), 2);
}

TEST_F(MergeChoicesTest, OtherIndicesAreOtherChoices) {
  const ValueId p = Index("p"), q = Index("q"), x = Input("x", {3});
  Output(Choice(p, ExprOp::kNeg, ExprOp::kSin, x), "a");
  Output(Choice(q, ExprOp::kAbs, ExprOp::kCos, x), "b");
  EXPECT_FALSE(Merge());
}

// a before b, and d before c: to merge a with c and b with d would close a circle.
TEST_F(MergeChoicesTest, GroupsDoNotHangOnEachOther) {
  const ValueId p = Index("p"), q = Index("q"), x = Input("x", {3});
  const ValueId a = Choice(p, ExprOp::kNeg, ExprOp::kSin, x);
  Output(Choice(q, ExprOp::kAbs, ExprOp::kCos, a), "b");
  const ValueId d = Choice(q, ExprOp::kNeg, ExprOp::kCos, x);
  Output(Choice(p, ExprOp::kAbs, ExprOp::kSin, d), "c");
  EXPECT_TRUE(Merge());
  EXPECT_EQ(Count(OpKind::kCase), 3);
}

}  // namespace
}  // namespace moulin::testing
