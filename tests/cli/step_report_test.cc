#include "cli/step_report.h"

#include "gmock/gmock.h"

namespace moulin::cli {
namespace {

using ::testing::HasSubstr;

TEST(StepReportTest, TheSlowestFirst) {
  const std::vector<internal::StepTotal> totals = {{"conv", "Conv2D", "onednn", 2, 3'000'000},
                                                   {"add", "Add", "map", 2, 1'000'000}};
  const std::string all = SlowestSteps(totals, 10);
  EXPECT_THAT(all, HasSubstr("1.5000   75.0%  Conv2D               onednn                           conv\n"));
  EXPECT_THAT(all, HasSubstr("add\n"));
  EXPECT_THAT(SlowestSteps(totals, 1), ::testing::Not(HasSubstr("add\n")));
  EXPECT_EQ(ToJson(totals)[0]["ms_per_run"], 1.5);
}

TEST(StepReportTest, RunMetadata) {
  const tf::RunMetadata run = ToRunMetadata(
      {{"conv", "Conv2D", "onednn", 1, 5'000'000, 5'002'400}, {"add", "Add", "map", 0, 5'002'400, 5'002'500}},
      "/device:CPU:0");
  ASSERT_EQ(run.step_stats().dev_stats_size(), 1);
  const tf::DeviceStepStats& device = run.step_stats().dev_stats(0);
  EXPECT_EQ(device.device(), "/device:CPU:0");
  ASSERT_EQ(device.node_stats_size(), 2);
  const tf::NodeExecStats& conv = device.node_stats(0);
  EXPECT_EQ(conv.node_name(), "conv");
  EXPECT_EQ(conv.all_start_micros(), 5000);
  EXPECT_EQ(conv.op_end_rel_micros(), 2);
  EXPECT_EQ(conv.all_end_rel_nanos(), 2400);
  EXPECT_EQ(conv.thread_id(), 1);
  EXPECT_EQ(device.node_stats(1).all_end_rel_micros(), 1) << "a step that ran is not left out";
}

}  // namespace
}  // namespace moulin::cli
