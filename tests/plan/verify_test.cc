// Plants one fault after another in good plans; VerifyPlan must name each.
#include "gmock/gmock.h"
#include "tests/plan/plan_testing.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Two long branches joined, on two lanes: a, record, b, wait, sum, last.
Plan TwoLanes() {
  GraphMaker m(1 << 20);
  const ValueId x = m.Input("x");
  const ValueId a = m.Tanh("a", x), b = m.Tanh("b", x);
  m.Output("y", m.Tanh("last", m.Add("sum", a, b)));
  return *MakeVerifiedPlan(m.graph(), 2);
}

// t -> s -> u on one lane, t and s and u in the arena but for the last.
Plan OneLane(bool in_place = false, int64_t workspace = 0) {
  GraphMaker m;
  ValueId v = m.Input("x");
  for (const char* name : {"t", "s", "u", "w"}) v = m.Tanh(name, v);
  m.Output("y", v);
  return *MakeVerifiedPlan(m.graph(), 1, in_place, workspace);
}

std::string Fault(const Plan& plan) {
  const Status status = VerifyPlan(plan);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << plan.ToString();
  return std::string(status.message());
}

size_t FindStep(const Plan& plan, StepKind kind) {
  size_t s = 0;
  while (plan.steps[s].kind != kind) ++s;
  return s;
}

TEST(VerifyPlanTest, MissingWait) {
  Plan plan = TwoLanes();
  plan.steps.erase(plan.steps.begin() + FindStep(plan, StepKind::kWait));
  EXPECT_THAT(Fault(plan), AllOf(HasSubstr("race: step 3 (Map \"sum\", lane 1) reads bytes ["),
                                 HasSubstr("which step 0 (Map \"a\", lane 0) writes")));
}

TEST(VerifyPlanTest, RecordBeforeTheWork) {
  Plan plan = TwoLanes();
  const size_t record = FindStep(plan, StepKind::kRecord);
  std::swap(plan.steps[record], plan.steps[record - 1]);
  EXPECT_THAT(Fault(plan), HasSubstr("race: step 4 (Map \"sum\", lane 1) reads"));
}

TEST(VerifyPlanTest, WaitBeforeRecord) {
  Plan plan = TwoLanes();
  std::swap(plan.steps[FindStep(plan, StepKind::kRecord)], plan.steps[FindStep(plan, StepKind::kWait)]);
  EXPECT_THAT(Fault(plan), HasSubstr("(wait e0, lane 1): the event has not been recorded yet"));
}

TEST(VerifyPlanTest, DoubleRecord) {
  Plan plan = TwoLanes();
  const size_t record = FindStep(plan, StepKind::kRecord);
  plan.steps.insert(plan.steps.begin() + record, plan.steps[record]);
  EXPECT_THAT(Fault(plan), HasSubstr("the event has been recorded before"));
}

TEST(VerifyPlanTest, UnknownEventAndLane) {
  Plan plan = TwoLanes();
  plan.steps[FindStep(plan, StepKind::kRecord)].event = 7;
  EXPECT_THAT(Fault(plan), HasSubstr("there are only 1 events"));
  plan = TwoLanes();
  plan.steps[0].lane = 2;
  EXPECT_THAT(Fault(plan), HasSubstr("step 0 is on lane 2 of 2"));
}

TEST(VerifyPlanTest, SwappedOrder) {
  Plan plan = OneLane();
  std::swap(plan.steps[0], plan.steps[1]);
  EXPECT_THAT(Fault(plan),
              AllOf(HasSubstr("step 0 (Map \"s\", lane 0) reads value"), HasSubstr("which holds nothing")));
}

TEST(VerifyPlanTest, OverlappingOffsets) {
  Plan plan = OneLane();
  plan.buffers[plan.steps[1].writes[0]].offset = plan.buffers[plan.steps[1].reads[0]].offset;
  EXPECT_THAT(Fault(plan), HasSubstr("over its operand"));
}

TEST(VerifyPlanTest, OverwrittenBeforeItIsRead) {
  GraphMaker m;
  const ValueId t = m.Tanh("t", m.Input("x"));
  const ValueId u = m.Tanh("u", m.Tanh("s", t));
  m.Output("y", m.Add("sum", t, u));
  Plan plan = *MakeVerifiedPlan(m.graph());
  plan.buffers[plan.value_buffers[u]].offset = plan.buffers[plan.value_buffers[t]].offset;
  EXPECT_THAT(Fault(plan), AllOf(HasSubstr("step 3 (Map \"sum\", lane 0) reads value"), HasSubstr("\"t:0\""),
                                 HasSubstr("written by step 2 (Map \"u\", lane 0)")));
}

TEST(VerifyPlanTest, OutsideTheArena) {
  Plan plan = OneLane();
  plan.arena_bytes -= 1;
  EXPECT_THAT(Fault(plan), HasSubstr("outside the arena"));
}

TEST(VerifyPlanTest, TooSmallABuffer) {
  Plan plan = OneLane();
  plan.buffers[plan.steps[0].writes[0]].bytes -= 1;
  EXPECT_THAT(Fault(plan), HasSubstr("takes 64 bytes"));
}

TEST(VerifyPlanTest, InPlaceThatTheKernelDoesNotAllow) {
  Plan plan = OneLane(/*in_place=*/true);
  for (Step& step : plan.steps) step.kernel = std::make_shared<FakeKernel>(false, 0);
  EXPECT_THAT(Fault(plan), HasSubstr("which its kernel does not allow"));
}

TEST(VerifyPlanTest, WritesAnInput) {
  Plan plan = OneLane();
  plan.steps[1].writes[0] = plan.steps[0].reads[0];
  EXPECT_THAT(Fault(plan), HasSubstr("which is read only"));
}

TEST(VerifyPlanTest, MissingWorkspace) {
  Plan plan = OneLane(false, /*workspace=*/128);
  plan.steps[2].workspace = kNoId;
  EXPECT_THAT(Fault(plan), HasSubstr("lacks its workspace of 128 bytes"));
}

TEST(VerifyPlanTest, WorkspaceOverAnOperand) {
  Plan plan = OneLane(false, /*workspace=*/64);
  plan.buffers[plan.steps[2].workspace].offset = plan.buffers[plan.steps[2].reads[0]].offset;
  EXPECT_THAT(Fault(plan), HasSubstr("over its operand"));
}

TEST(VerifyPlanTest, ANodeTwice) {
  Plan plan = OneLane();
  plan.steps.push_back(plan.steps[0]);
  EXPECT_THAT(Fault(plan), HasSubstr("repeats step 0 (Map \"t\", lane 0)"));
}

TEST(VerifyPlanTest, MissingStep) {
  Plan plan = OneLane();
  plan.steps.pop_back();
  EXPECT_THAT(Fault(plan), AllOf(HasSubstr("output 0 \"y\" should be"), HasSubstr("holds nothing in the end")));
}

TEST(VerifyPlanTest, WrongOperand) {
  Plan plan = OneLane();
  plan.steps[1].reads[0] = plan.steps[0].reads[0];
  EXPECT_THAT(Fault(plan), HasSubstr("which holds value"));
}

TEST(VerifyPlanTest, OutputsThatShareABuffer) {
  GraphMaker m;
  const ValueId t = m.Tanh("t", m.Input("x"));
  m.Output("a", t);
  m.Output("b", t);
  Plan plan = *MakeVerifiedPlan(m.graph());
  plan.output_buffers[1] = plan.output_buffers[0];
  EXPECT_THAT(Fault(plan), HasSubstr("share b"));
}

}  // namespace
}  // namespace moulin
