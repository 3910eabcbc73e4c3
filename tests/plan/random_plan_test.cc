// Plans of random graphs verify, whatever the lanes and the reuse; and a plan with a fault in it does not.
#include <random>

#include "tests/plan/plan_testing.h"

namespace moulin {
namespace {

using Random = std::mt19937;

int Below(Random& random, int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); }

// A DAG of about `nodes` nodes: unary and binary ones, views, dead ends, several outputs.
std::shared_ptr<Graph> RandomGraph(Random& random, int nodes) {
  GraphMaker m(int64_t{1} << (4 + Below(random, 15)));
  std::vector<ValueId> flat = {m.Input("x0"), m.Input("x1"), m.Constant("c", 0.5f)};
  std::vector<ValueId> columns;
  for (int i = 0; i < nodes; ++i) {
    const std::string name = "n" + std::to_string(i);
    // Recent values are likelier, so that there are chains as well as wide parts.
    const auto pick = [&] {
      return flat[flat.size() - 1 - std::min<int>(Below(random, flat.size()), Below(random, 12))];
    };
    switch (Below(random, 5)) {
      case 0:
      case 1:
        flat.push_back(m.Tanh(name, pick()));
        break;
      case 2:
      case 3:
        flat.push_back(m.Add(name, pick(), pick()));
        break;
      case 4:
        columns.push_back(m.Column(name, pick()));
        break;
    }
  }
  for (int i = 0; i < 3; ++i) m.Output("y" + std::to_string(i), flat[flat.size() - 1 - Below(random, 3)]);
  if (!columns.empty()) m.Output("column", columns.back());
  return m.graph();
}

class RandomPlanTest : public ::testing::TestWithParam<int> {};

TEST_P(RandomPlanTest, Verifies) {
  Random random(GetParam());
  const auto graph = RandomGraph(random, 5 + Below(random, 120));
  for (int lanes : {1, 2, 3, 8}) {
    for (bool in_place : {false, true}) {
      MakeVerifiedPlan(graph, lanes, in_place, Below(random, 2) * 100);
      if (HasFailure()) return;
    }
  }
}

TEST_P(RandomPlanTest, IsDeterministic) {
  Random random(GetParam());
  const auto graph = RandomGraph(random, 60);
  EXPECT_EQ(MakeVerifiedPlan(graph, 4, true)->ToString(), MakeVerifiedPlan(graph, 4, true)->ToString());
}

// Waits are minimal: each one that is dropped makes a race.
TEST_P(RandomPlanTest, FailsWithoutAnyOneWait) {
  Random random(GetParam());
  const auto plan = MakeVerifiedPlan(RandomGraph(random, 60), 4, GetParam() % 2 == 0);
  for (size_t s = 0; s < plan->steps.size(); ++s) {
    if (plan->steps[s].kind != StepKind::kWait) continue;
    Plan broken = *plan;
    broken.steps.erase(broken.steps.begin() + s);
    EXPECT_FALSE(VerifyPlan(broken).ok()) << "without step " << s << "\n" << plan->ToString();
  }
}

// Whether moving buffer `b` to `offset` leaves it overlapping none of the arena's other buffers.
bool IsApart(const Plan& plan, BufferId b, int64_t offset) {
  for (BufferId other = 0; other < static_cast<BufferId>(plan.buffers.size()); ++other) {
    const Buffer& o = plan.buffers[other];
    if (other == b || o.kind != BufferKind::kArena) continue;
    if (offset < o.offset + o.bytes && o.offset < offset + plan.buffers[b].bytes) return false;
  }
  return true;
}

TEST_P(RandomPlanTest, FailsWhereAnOperandIsMovedOntoItsResult) {
  Random random(GetParam());
  const auto plan = MakeVerifiedPlan(RandomGraph(random, 60), 2);
  for (const Step& step : plan->steps) {
    if (step.kind != StepKind::kLaunch) continue;
    for (BufferId read : step.reads) {
      if (plan->buffers[read].kind != BufferKind::kArena) continue;
      if (plan->buffers[step.writes[0]].kind != BufferKind::kArena) continue;
      Plan broken = *plan;
      broken.buffers[read].offset = broken.buffers[step.writes[0]].offset;
      EXPECT_FALSE(IsApart(broken, read, broken.buffers[read].offset));
      EXPECT_FALSE(VerifyPlan(broken).ok());
    }
  }
}

// Any two steps of one lane that depend on each other, exchanged.
TEST_P(RandomPlanTest, FailsWhereNeighboursThatDependAreExchanged) {
  Random random(GetParam());
  const auto plan = MakeVerifiedPlan(RandomGraph(random, 60), 1);
  for (size_t s = 1; s < plan->steps.size(); ++s) {
    const std::vector<BufferId>& reads = plan->steps[s].reads;
    if (std::find(reads.begin(), reads.end(), plan->steps[s - 1].writes[0]) == reads.end()) continue;
    Plan broken = *plan;
    std::swap(broken.steps[s], broken.steps[s - 1]);
    EXPECT_FALSE(VerifyPlan(broken).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPlanTest, ::testing::Range(0, 40));

}  // namespace
}  // namespace moulin
