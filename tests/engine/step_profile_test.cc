#include "engine/step_profile.h"

#include "engine/model_impl.h"
#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

TEST(StepProfileTest, AddsUpAndSorts) {
  internal::StepProfile profile;
  profile.Add({{"a", "Mul", "k", 0, 100, 110}, {"b", "Add", "k", 0, 110, 140}});
  profile.Add({{"a", "Mul", "k", 0, 200, 260}});
  const auto totals = profile.totals();
  ASSERT_EQ(totals.size(), 2);
  EXPECT_EQ(totals[0].node, "a");
  EXPECT_EQ(totals[0].runs, 2);
  EXPECT_EQ(totals[0].total_ns, 70);
  EXPECT_EQ(totals[1].total_ns, 30);
  EXPECT_EQ(profile.last().size(), 1);
  profile.Clear();
  EXPECT_THAT(profile.totals(), IsEmpty());
}

TEST(StepProfileTest, EachStepOfARequestIsMeasured) {
  const auto engine = ReferenceEngine({.measure_steps = true});
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(FirstValue(model->Run({{"x", Rows(2, 4)}})), 9);
  EXPECT_EQ(FirstValue(model->Submit(RequestOf(Rows(2, 4)))->Get()), 9);
  const auto steps = model->impl().step_profile().last();
  ASSERT_THAT(steps,
              ElementsAre(Field(&internal::TimedStep::node, "scale"), Field(&internal::TimedStep::node, "plus")));
  EXPECT_EQ(steps[0].op, "Mul");
  EXPECT_LE(steps[0].start_ns, steps[0].end_ns);
  EXPECT_LE(steps[0].end_ns, steps[1].start_ns);
  for (const auto& total : model->impl().step_profile().totals()) EXPECT_EQ(total.runs, 4);
}

TEST(StepProfileTest, NothingIsMeasuredUnlessAskedFor) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(2, 4)}})), 9);
  EXPECT_THAT(model->impl().step_profile().last(), IsEmpty());
}

}  // namespace
}  // namespace moulin
