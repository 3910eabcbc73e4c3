#include "gmock/gmock.h"
#include "tests/plan/plan_testing.h"

namespace moulin {
namespace {

using ::testing::HasSubstr;

// x -> tanh -> add(., c) -> y, with a view on the way.
std::shared_ptr<Graph> Chain() {
  GraphMaker m;
  const ValueId x = m.Input("x");
  const ValueId t = m.Tanh("t", x);
  const ValueId s = m.Add("s", t, m.Constant("c", 1));
  const ValueId u = m.Tanh("u", s);
  m.Output("y", m.Column("view", u));
  return m.graph();
}

TEST(PlannerTest, GoldenText) {
  EXPECT_EQ(MakeVerifiedPlan(Chain())->ToString(),
            R"(plan "test": 3 steps, 1 lanes, 0 events, arena 128 bytes
  lane 0: Map "t" <fake> (b0) -> b1
  lane 0: Map "s" <fake> (b1, b2) -> b3
  lane 0: Map "u" <fake> (b3) -> b4
buffers
  b0 input 0: "x" f32[16]
  b1 arena [0, 64): "t:0" f32[16]
  b2 constant: "c:0" f32[16]
  b3 arena [64, 128): "s:0" f32[16]
  b4 output 0: "u:0" f32[16]
outputs
  "y" b4
)");
}

TEST(PlannerTest, RunsInPlaceWhereKernelsAllow) {
  EXPECT_EQ(MakeVerifiedPlan(Chain(), 1, /*in_place=*/true)->ToString(),
            R"(plan "test": 3 steps, 1 lanes, 0 events, arena 0 bytes
  lane 0: Map "t" <fake> (b0) -> b1
  lane 0: Map "s" <fake> (b1, b2) -> b1
  lane 0: Map "u" <fake> (b1) -> b1
buffers
  b0 input 0: "x" f32[16]
  b1 output 0: "t:0" f32[16]
  b2 constant: "c:0" f32[16]
outputs
  "y" b1
)");
}

TEST(PlannerTest, DoesNotOverwriteWhatIsReadLater) {
  GraphMaker m;
  const ValueId t = m.Tanh("t", m.Input("x"));
  const ValueId u = m.Tanh("u", t);
  m.Output("y", m.Add("sum", t, u));  // t is read after u
  const auto plan = MakeVerifiedPlan(m.graph(), 1, /*in_place=*/true);
  EXPECT_NE(plan->value_buffers[u], plan->value_buffers[t]);
}

TEST(PlannerTest, IndependentBranchesGetLanes) {
  GraphMaker m(1 << 20);  // long enough to be worth a lane
  const ValueId x = m.Input("x");
  const ValueId a = m.Tanh("a", x), b = m.Tanh("b", x);
  m.Output("y", m.Add("sum", a, b));
  const auto plan = MakeVerifiedPlan(m.graph(), 2);
  EXPECT_EQ(plan->num_lanes, 2);
  EXPECT_EQ(plan->num_events, 1);
  EXPECT_THAT(plan->ToString(), HasSubstr(R"(  lane 0: Map "a" <fake> (b0) -> b1
  lane 0: record e0
  lane 1: Map "b" <fake> (b0) -> b2
  lane 1: wait e0
  lane 1: Map "sum" <fake> (b1, b2) -> b3
)"));
}

TEST(PlannerTest, SmallBranchesStayOnOneLane) {
  GraphMaker m(4);
  const ValueId x = m.Input("x");
  m.Output("y", m.Add("sum", m.Tanh("a", x), m.Tanh("b", x)));
  EXPECT_EQ(MakeVerifiedPlan(m.graph(), 4)->num_lanes, 1);
}

TEST(PlannerTest, OutputsWithoutMemoryOfTheirOwnAreCopied) {
  GraphMaker m;
  const ValueId x = m.Input("x");
  const ValueId t = m.Tanh("t", x);
  m.Output("input", x);
  m.Output("constant", m.Constant("c", 2));
  m.Output("first", t);
  m.Output("second", m.Column("view", t));
  const auto plan = MakeVerifiedPlan(m.graph());
  int copies = 0;
  for (const Step& step : plan->steps) copies += step.kind == StepKind::kCopy;
  EXPECT_EQ(copies, 3);
}

TEST(PlannerTest, WorkspacesAreReused) {
  GraphMaker m;
  ValueId v = m.Input("x");
  for (int i = 0; i < 10; ++i) v = m.Tanh("t" + std::to_string(i), v);
  m.Output("y", v);
  // At any time one operand, one result and one workspace.
  EXPECT_EQ(MakeVerifiedPlan(m.graph(), 1, false, /*workspace_bytes=*/1000)->arena_bytes, 64 + 64 + 1024);
}

TEST(PlannerTest, NodesThatNoOutputNeedsAreLeftOut) {
  GraphMaker m;
  const ValueId x = m.Input("x");
  const ValueId dead = m.Tanh("dead", x);
  m.Output("y", m.Tanh("t", x));
  const auto plan = MakeVerifiedPlan(m.graph());
  EXPECT_EQ(plan->steps.size(), 1);
  EXPECT_EQ(plan->value_buffers[dead], kNoId);
}

TEST(PlannerTest, StringsAndUnknownShapesAreOwned) {
  GraphMaker m;
  GraphBuilder& b = m.builder();
  const ValueId x = m.Input("x");
  b.SetOrigin("where", "Where");
  m.Output("places", b.Add(OpKind::kWhere, NoAttrs(), {b.Binary(ExprOp::kLess, x, m.Constant("c", 1))}));
  const ValueId s = m.graph()->AddConstant(Tensor::OfStrings(Shape({2}), {"a", "b"}));
  m.Output("words", s);
  const auto plan = MakeVerifiedPlan(m.graph());
  EXPECT_EQ(plan->buffers[plan->output_buffers[0]].kind, BufferKind::kOwned);
  EXPECT_EQ(plan->buffers[plan->output_buffers[1]].kind, BufferKind::kOwned);
}

TEST(PlannerTest, UnknownShapeOfAnOperandIsAnError) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  b.SetOrigin("t", "Tanh");
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim})});
  graph->AddOutput("y", b.Unary(ExprOp::kTanh, x));
  FakeKernels kernels;
  const auto plan = MakePlan(graph, kernels, {});
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("operand \"x\" has the shape [?]"));
}

class NoKernels : public KernelSource {
 public:
  StatusOr<std::shared_ptr<const Kernel>> Prepare(const Graph&, const Node&) override {
    return absl::UnimplementedError("E_UNSUPPORTED: not here");
  }
};

TEST(PlannerTest, KernelErrorsNameTheNode) {
  NoKernels kernels;
  const auto plan = MakePlan(Chain(), kernels, {});
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("node \"t\""));
}

}  // namespace
}  // namespace moulin
