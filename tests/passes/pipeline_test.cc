#include "passes/pipeline.h"

#include <chrono>

#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

StatusOr<bool> DoNothing(Graph*, const PassOptions&) { return false; }

// Reads a value before it is computed.
StatusOr<bool> Break(Graph* graph, const PassOptions&) {
  graph->node(0).inputs[0] = graph->node(graph->num_nodes() - 1).outputs[0];
  return true;
}

StatusOr<bool> Rename(Graph* graph, const PassOptions&) {
  graph->node(0).name = "renamed";
  return true;
}

constexpr Pass kGood = {"good", DoNothing, true};
constexpr Pass kBroken = {"broken", Break, false};
constexpr Pass kRename = {"rename", Rename, false};

class PipelineTest : public PassTest {
 protected:
  PipelineTest() {
    const ValueId x = Input("x", {kUnknownDim, 4});
    Output(b_.Unary(ExprOp::kRelu, b_.Unary(ExprOp::kNeg, x)));
  }
};

TEST_F(PipelineTest, NamesThePassThatBreaksTheGraph) {
  const Status status = RunPassList({kGood, kRename, kBroken, kGood}, &graph_, options_, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("pass \"broken\" broke the graph"));
}

TEST_F(PipelineTest, LeavesOutDisabledPasses) {
  options_.disabled = {"broken"};
  EXPECT_TRUE(RunPassList({kGood, kBroken}, &graph_, options_, nullptr).ok());
}

TEST_F(PipelineTest, LeavesOutWhatIsNotRequired) {
  options_.only_required = true;
  std::vector<PassTiming> timings;
  ASSERT_TRUE(RunPasses(&graph_, options_, &timings).ok());
  std::vector<std::string> names;
  for (const PassTiming& timing : timings) names.push_back(timing.name);
  EXPECT_THAT(names, ElementsAre("infer_shapes", "fold_constants", "dead_code", "lower_deferred", "lower_deferred"));
}

TEST_F(PipelineTest, RefusesUnknownNames) {
  options_.disabled = {"fuse_mops"};
  const Status status = RunPasses(&graph_, options_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("fuse_mops"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("fuse_maps"));
}

TEST_F(PipelineTest, TellsWhichPassesChangedTheGraph) {
  std::vector<std::string> told;
  options_.after = [&](const char* pass, const Graph&) { told.push_back(pass); };
  std::vector<PassTiming> timings;
  ASSERT_TRUE(RunPassList({kGood, kRename}, &graph_, options_, &timings).ok());
  EXPECT_THAT(told, ElementsAre("rename"));
  ASSERT_EQ(timings.size(), 2u);
  EXPECT_FALSE(timings[0].changed);
  EXPECT_TRUE(timings[1].changed);
}

TEST_F(PipelineTest, HasNothingToDoForItsOwnResult) {
  ASSERT_TRUE(RunPasses(&graph_, options_).ok());
  std::vector<PassTiming> timings;
  ASSERT_TRUE(RunPasses(&graph_, options_, &timings).ok());
  for (const PassTiming& timing : timings) EXPECT_FALSE(timing.changed) << timing.name;
}

// Rewriting must stay linear: quadratic passes would take minutes here.
TEST(PipelineScaleTest, RunsOverALongChain) {
  Graph graph;
  GraphBuilder b(&graph, Limits());
  ValueId v = graph.AddInput("x", {DType::kFloat32, {kUnknownDim, 4}});
  for (int i = 0; i < 100'000; ++i) v = b.Unary(i % 3 == 0 ? ExprOp::kNeg : ExprOp::kRelu, v);
  ASSERT_TRUE(b.ok());
  graph.AddOutput("y", v);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(RunPasses(&graph, PassOptions()).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  EXPECT_LT(graph.num_nodes(), 2500);
}

}  // namespace
}  // namespace moulin::testing
