#include "ir/graph.h"

#include "gtest/gtest.h"

namespace moulin {
namespace {

const TensorType kVector = {DType::kFloat32, PartialShape({kUnknownDim})};

Attrs NegAttrs() {
  Expr e;
  e.Unary(ExprOp::kNeg, e.Input(0, DType::kFloat32));
  return MapAttrs{e};
}

ValueId AddNeg(Graph* g, ValueId x, absl::string_view name) {
  const NodeId id = g->AddNode(OpKind::kMap, NegAttrs(), {x}, {kVector}, name, "Neg");
  return g->node(id).outputs[0];
}

TEST(GraphTest, CompactDropsWhatNoOutputNeeds) {
  Graph g;
  const ValueId x = g.AddInput("x", kVector);
  const ValueId unused = g.AddInput("unused", kVector);
  AddNeg(&g, unused, "dead");
  g.AddOutput("y", AddNeg(&g, x, "live"));
  ASSERT_TRUE(g.Compact().ok());
  EXPECT_EQ(g.num_nodes(), 1);
  EXPECT_EQ(g.node(0).name, "live");
  EXPECT_EQ(g.inputs().size(), 2u) << "inputs are the graph's face and stay";
  EXPECT_TRUE(VerifyGraph(g).ok()) << VerifyGraph(g);
}

TEST(GraphTest, CompactSortsTopologically) {
  Graph g;
  const ValueId x = g.AddInput("x", kVector);
  const ValueId a = AddNeg(&g, x, "a");
  const ValueId b = AddNeg(&g, x, "b");
  g.node(g.value(a).producer).inputs[0] = b;  // now a reads b, which stands behind it
  g.AddOutput("y", a);
  EXPECT_FALSE(VerifyGraph(g).ok());
  ASSERT_TRUE(g.Compact().ok());
  EXPECT_TRUE(VerifyGraph(g).ok());
  EXPECT_EQ(g.node(0).name, "b");
}

TEST(GraphTest, CompactRefusesACycle) {
  Graph g;
  const ValueId x = g.AddInput("x", kVector);
  const ValueId a = AddNeg(&g, x, "a");
  const ValueId b = AddNeg(&g, a, "b");
  g.node(g.value(a).producer).inputs[0] = b;
  g.AddOutput("y", b);
  const Status status = g.Compact();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find("node \""), absl::string_view::npos);
}

TEST(GraphTest, CompactTakesLongChains) {
  Graph g;
  ValueId x = g.AddInput("x", kVector);
  for (int i = 0; i < 200000; ++i) x = AddNeg(&g, x, "");
  g.AddOutput("y", x);
  ASSERT_TRUE(g.Compact().ok());
  EXPECT_EQ(g.num_nodes(), 200000);
}

TEST(GraphTest, ReplaceAllFollowsChainsAndKeepsNames) {
  Graph g;
  const ValueId x = g.AddInput("x", kVector);
  const ValueId a = AddNeg(&g, x, "a");
  const ValueId b = AddNeg(&g, a, "b");
  const ValueId c = AddNeg(&g, b, "c");
  g.AddName(a, "a:0");
  g.AddName(b, "b:0");
  g.AddOutput("y", c);
  g.ReplaceAll({{b, a}, {a, x}});
  EXPECT_EQ(g.node(g.value(c).producer).inputs[0], x);
  EXPECT_EQ(g.value(x).names, (std::vector<std::string>{"x", "b:0", "a:0"}));
  ASSERT_TRUE(g.Compact().ok());
  EXPECT_EQ(g.num_nodes(), 1);
}

TEST(GraphTest, VerifyFindsWhatAPassMayBreak) {
  Graph g;
  const ValueId x = g.AddInput("x", kVector);
  g.AddOutput("y", AddNeg(&g, x, "neg"));
  ASSERT_TRUE(VerifyGraph(g).ok());

  Graph wrong_attrs = g;
  wrong_attrs.node(0).attrs = NoAttrs{};
  EXPECT_NE(VerifyGraph(wrong_attrs).message().find("attributes of another op"), absl::string_view::npos);

  Graph wrong_type = g;
  wrong_type.value(x).type.dtype = DType::kInt32;
  EXPECT_NE(VerifyGraph(wrong_type).message().find("reads input 0 as f32"), absl::string_view::npos);

  Graph dangling = g;
  dangling.node(0).inputs[0] = 99;
  EXPECT_NE(VerifyGraph(dangling).message().find("does not exist"), absl::string_view::npos);
}

TEST(GraphTest, Prints) {
  Graph g;
  g.AddInput("x", kVector);
  const ValueId c = g.AddConstant(Tensor::Scalar<float>(2), "two:0");
  Expr e;
  const int a = e.Input(0, DType::kFloat32);
  const int b = e.Input(1, DType::kFloat32);
  e.Binary(ExprOp::kMul, a, b);
  const NodeId id = g.AddNode(OpKind::kMap, MapAttrs{e}, {g.inputs()[0], c}, {kVector}, "twice", "Mul");
  g.AddOutput("y", g.node(id).outputs[0]);
  EXPECT_EQ(GraphToString(g),
            "%0 = input \"x\" : f32[?]\n"
            "%2 = Map(%0, f32[] {2}) {Mul($0, $1)} : f32[?]  # twice\n"
            "output \"y\" = %2\n");
}

TEST(GraphTest, PrintsAttributes) {
  ConvAttrs conv;
  conv.strides = {1, 2};
  conv.dilations = {1, 1};
  conv.padding = Padding::kExplicit;
  conv.pad_before = {0, 1};
  conv.pad_after = {2, 3};
  conv.groups = 4;
  EXPECT_EQ(AttrsToString(conv), "strides=[1,2] padding=explicit before=[0,1] after=[2,3] groups=4");
  EXPECT_EQ(AttrsToString(ReduceAttrs{ReduceOp::kMax, true}), "op=max keep_dims");
}

}  // namespace
}  // namespace moulin
