#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;

class BoundResultsTest : public PassTest {
 protected:
  BoundResultsTest() { options_.bound_results = true; }

  // The results of a suppression among `boxes` boxes, of which `most` are wanted; with -1: as many as an input says.
  std::vector<ValueId> Suppress(NonMaxSuppressionAttrs attrs, int64_t boxes, int64_t most) {
    const ValueId wanted = most < 0 ? Input("most", PartialShape::OfRank(0), DType::kInt32) : b_.Int(most);
    return b_.AddMulti(OpKind::kNonMaxSuppression, attrs,
                       {Input("boxes", {boxes, 4}), Input("scores", {boxes}), wanted, b_.Scalar(DType::kFloat32, 0.1),
                        b_.Scalar(DType::kFloat32, -0.5), b_.Scalar(DType::kFloat32, attrs.version == 5 ? 0.5 : 0)});
  }
  void Outputs(const std::vector<ValueId>& values) {
    for (size_t i = 0; i < values.size(); ++i) Output(values[i], absl::StrCat("y", i));
  }
  const Node& Suppression() const {
    const auto is_one = [](const Node& node) { return node.kind == OpKind::kNonMaxSuppression; };
    return *std::find_if(graph_.nodes().begin(), graph_.nodes().end(), is_one);
  }
};

TEST_F(BoundResultsTest, EveryVersionIsPadded) {
  for (int version = 1; version <= 5; ++version) {
    SCOPED_TRACE(version);
    graph_ = Graph();
    Outputs(Suppress({version, false}, 20, 12));
    EXPECT_TRUE(Apply(BoundResults));
    EXPECT_TRUE(Suppression().attr<NonMaxSuppressionAttrs>().pad_to_max_output_size);
    EXPECT_EQ(graph_.value(Suppression().outputs[0]).type.shape, PartialShape({12}));
    EXPECT_EQ(Count(OpKind::kSlice), version == 5 ? 2 : 1);
  }
}

TEST_F(BoundResultsTest, NoMoreThanThereAreBoxes) {
  Outputs(Suppress({3, false}, 7, 1 << 30));
  EXPECT_TRUE(Apply(BoundResults));
  EXPECT_EQ(graph_.value(Suppression().outputs[0]).type.shape, PartialShape({7}));
}

TEST_F(BoundResultsTest, NoneAtAll) {
  Outputs(Suppress({3, false}, 5, 0));
  EXPECT_TRUE(Apply(BoundResults));
}

// The padding takes as much room as the graph asks for.
TEST_F(BoundResultsTest, PaddedResultsStay) {
  Outputs(Suppress({4, true}, 7, 9));
  EXPECT_FALSE(Apply(BoundResults));
  EXPECT_THAT(Suppression().attr<NonMaxSuppressionAttrs>().version, 4);
}

TEST_F(BoundResultsTest, WaitsForBoxes) {
  Outputs(Suppress({3, false}, kUnknownDim, 9));
  EXPECT_FALSE(Apply(BoundResults));
}

TEST_F(BoundResultsTest, WaitsForTheSize) {
  Outputs(Suppress({3, false}, 7, -1));
  EXPECT_FALSE(Apply(BoundResults));
}

// Which is an error when it runs.
TEST_F(BoundResultsTest, LeavesNegativeSizes) {
  Graph* const graph = &graph_;
  const ValueId boxes = Input("boxes", {7, 4}), scores = Input("scores", {7});
  const ValueId x = b_.Scalar(DType::kFloat32, 0.5), most = b_.Int(-1);
  const NodeId node = graph->AddNode(OpKind::kNonMaxSuppression, NonMaxSuppressionAttrs{3, false},
                                     {boxes, scores, most, x, x, x}, {{DType::kInt32, PartialShape({kUnknownDim})}});
  graph->AddOutput("y", graph->node(node).outputs[0]);
  EXPECT_FALSE(*BoundResults(graph, options_));
}

TEST_F(BoundResultsTest, OnlyWhereTheDeviceAsks) {
  options_.bound_results = false;
  Outputs(Suppress({3, false}, 7, 5));
  EXPECT_FALSE(Apply(BoundResults));
}

}  // namespace
}  // namespace moulin::testing
