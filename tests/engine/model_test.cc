// What a model takes, gives and refuses.
#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ModelTest, RunsAndSubmits) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(2, 5)}})), 11);
  const Future future = model->Submit(RequestOf(Rows(1, 3))).value();
  EXPECT_EQ(FirstValue(future.Get()), 7);
  EXPECT_TRUE(future.ready());
  EXPECT_EQ(future.Get()->front().first, "y");
  EXPECT_EQ(future.Get()->front().second.shape(), Shape({1, 3}));
}

TEST(ModelTest, TellsItsInterface) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  EXPECT_EQ(model->name(), "m");
  EXPECT_EQ(model->device(), "reference");
  ASSERT_EQ(model->inputs().size(), 1);
  EXPECT_EQ(model->inputs()[0].name, "x");
  EXPECT_EQ(model->inputs()[0].tensor, "x:0");
  EXPECT_EQ(model->inputs()[0].dtype, DType::kFloat32);
  EXPECT_EQ(model->inputs()[0].shape.ToString(), "[?,3]");
  ASSERT_EQ(model->outputs().size(), 1);
  EXPECT_EQ(model->outputs()[0].name, "y");
  EXPECT_EQ(model->outputs()[0].tensor, "plus:0");
}

TEST(ModelTest, NamesWithAndWithoutPortAreTheSame) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  for (const char* input : {"x", "x:0"}) {
    for (const char* output : {"y", "y:0", "plus", "plus:0"}) {
      EXPECT_EQ(FirstValue(model->Run({{input, Rows(1, 1)}}, {output})), 3) << input << " " << output;
    }
  }
  const NamedTensors tensors = {{"a:0", Rows(1, 1)}};
  EXPECT_NE(FindTensor(tensors, "a"), nullptr);
  EXPECT_NE(FindTensor(tensors, "a:0"), nullptr);
  EXPECT_EQ(FindTensor(tensors, "a:1"), nullptr);
}

TEST(ModelTest, RefusesWhatDoesNotFit) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  const Tensor good = Rows(1, 1);
  EXPECT_EQ(Message(model->Run({}).status()),
            "E_MISSING_INPUT: model \"m\": input \"x\" f32[?,3] is missing from the request");
  EXPECT_EQ(Message(model->Run({{"z", good}}).status()),
            "E_NAME: model \"m\" has no input \"z\"; it has: \"x\" f32[?,3]");
  EXPECT_THAT(Message(model->Run({{"x", good}, {"x:0", good}}).status()), HasSubstr("input \"x\" is given twice"));
  EXPECT_EQ(Message(model->Run({{"x", Tensor::Of<int32_t>(Shape({1, 3}), {1, 2, 3})}}).status()),
            "E_DTYPE: model \"m\": input \"x\": expected f32[?,3], found i32[1,3]");
  EXPECT_EQ(Message(model->Run({{"x", Tensor::Of<float>(Shape({3, 1}), {1, 2, 3})}}).status()),
            "E_SHAPE: model \"m\": input \"x\": expected f32[?,3], found f32[3,1]");
  const Tensor none;
  EXPECT_THAT(Message(model->Run({{"x", none}}).status()), HasSubstr("found an empty tensor handle"));
  EXPECT_THAT(Message(model->Run({{"x", good}}, {"w"}).status()), HasSubstr("has no output \"w\"; it has: \"y\""));
  EXPECT_THAT(Message(model->Run({{"x", good}}, {"y", "plus"}).status()), HasSubstr("is asked for twice"));
  EXPECT_EQ(model->stats().refused, 8);
  EXPECT_EQ(model->stats().accepted, 0);
  EXPECT_EQ(FirstValue(model->Run({{"x", good}})), 3);
}

// Outputs: y0 = x + 0, y1 = x + 1, y2 = x + 2.
std::shared_ptr<Graph> ThreeOutputs() {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({1})});
  for (int i = 0; i < 3; ++i) {
    graph->AddOutput("y" + std::to_string(i), b.Binary(ExprOp::kAdd, x, b.Scalar(DType::kFloat32, i)));
  }
  return graph;
}

TEST(ModelTest, GivesTheOutputsAskedForInThatOrder) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ThreeOutputs(), "m");
  const auto result = model->Run({{"x", Tensor::Of<float>(Shape({1}), {10})}}, {"y2", "y0"});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->size(), 2);
  EXPECT_EQ((*result)[0].first, "y2");
  EXPECT_EQ((*result)[0].second.values<float>()[0], 12);
  EXPECT_EQ((*result)[1].first, "y0");
  EXPECT_EQ((*result)[1].second.values<float>()[0], 10);
}

TEST(ModelTest, ErrorsOfTheRunNameNodeAndModel) {
  auto device = std::make_shared<HookedDevice>();
  bool fail = true;
  device->hooks["scale"] = [&] { return fail ? MakeError(ErrorCode::kValue, "boo") : absl::OkStatus(); };
  const auto engine = EngineOn(device);
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  EXPECT_EQ(Message(model->Run({{"x", Rows(1, 1)}}).status()), "E_VALUE: boo; node \"scale\" (op Mul); model \"m\"");
  EXPECT_EQ(model->Submit(RequestOf(Rows(1, 1)))->Get().status().code(), absl::StatusCode::kInvalidArgument);
  fail = false;
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 1)}})), 3);
  EXPECT_EQ(model->stats().failed, 2);
  EXPECT_EQ(model->stats().succeeded, 1);
}

TEST(ModelTest, KeepsABoundedNumberOfPlans) {
  const auto engine = ReferenceEngine({.plan_cache_entries = 4});
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  int64_t bytes = 0;
  for (int round = 0; round < 2; ++round) {
    for (int64_t n = 1; n <= 10; ++n) {
      EXPECT_EQ(FirstValue(model->Run({{"x", Rows(n, 1)}})), 3);
      EXPECT_LE(model->stats().plans, 4);
    }
    if (round == 0) bytes = model->stats().arena_bytes;
  }
  EXPECT_EQ(model->stats().arena_bytes, bytes);  // evicted plans gave their arenas back
}

TEST(ModelTest, PreparesForShapes) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  EXPECT_TRUE(model->Prepare({{"x", Shape({7, 3})}}).ok());
  EXPECT_EQ(model->stats().plans, 1);
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(7, 1)}})), 3);
  EXPECT_EQ(model->stats().plans, 1);
  EXPECT_THAT(Message(model->Prepare({})), HasSubstr("must be given"));
  EXPECT_THAT(Message(model->Prepare({{"x", Shape({7, 4})}})), HasSubstr("expected [?,3], found [7,4]"));
}

TEST(ModelTest, CountsTimesAndBytes) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  EXPECT_GT(model->stats().load_ms, 0);
  EXPECT_EQ(model->stats().first_ms, 0);
  model->Run({{"x", Rows(100, 1)}}).value();
  const ModelStats stats = model->stats();
  EXPECT_GT(stats.first_ms, 0);
  EXPECT_EQ(stats.peak_bytes, stats.constant_bytes + stats.arena_bytes);
}

TEST(ModelTest, RefusesBadOptions) {
  const auto engine = ReferenceEngine();
  EXPECT_FALSE(engine->impl().LoadGraph(ScaleGraph(1), "m", {.instances = -1}).ok());
  EXPECT_FALSE(engine->impl().LoadGraph(ScaleGraph(1), "m", {.max_lanes = -1}).ok());
  EXPECT_FALSE(engine->impl().LoadGraph(ScaleGraph(1), "m", {.disabled_passes = {"no such pass"}}).ok());
  EXPECT_FALSE(Engine::Create({.device = "reference", .threads = -1}).ok());
  EXPECT_FALSE(Engine::Create({.device = "reference", .queue_capacity = 0}).ok());
  EXPECT_FALSE(Engine::Create({.device = "abacus"}).ok());
}

TEST(ModelTest, DumpsTheGraphAfterImportAndPasses) {
  const auto engine = ReferenceEngine();
  std::vector<std::string> stages;
  ModelOptions options;
  options.dump = [&](const std::string& pass, const std::string& graph) {
    stages.push_back(pass);
    EXPECT_THAT(graph, HasSubstr("Map"));
  };
  LoadGraph(*engine, ScaleGraph(1), "m", options);
  ASSERT_FALSE(stages.empty());
  EXPECT_EQ(stages.front(), "import");
}

TEST(BundleTest, SplitsPaths) {
  EXPECT_EQ(SplitModelPath("a/b.moulin:net").file, "a/b.moulin");
  EXPECT_EQ(SplitModelPath("a/b.moulin:net").name, "net");
  EXPECT_EQ(SplitModelPath("a/b.pb").file, "a/b.pb");
  EXPECT_EQ(SplitModelPath("a/b.moulin").name, "");
}

TEST(BundleTest, FindsModelsByName) {
  const auto engine = ReferenceEngine();
  const Bundle bundle({LoadGraph(*engine, ScaleGraph(1), "one"), LoadGraph(*engine, ScaleGraph(2), "two")});
  EXPECT_EQ(bundle.model("two").value()->name(), "two");
  EXPECT_THAT(Message(bundle.model("three").status()), AllOf(HasSubstr("no model \"three\""), HasSubstr("one, two")));
}

}  // namespace
}  // namespace moulin
