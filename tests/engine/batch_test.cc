// Requests that run as one: which are joined, what each gets back, and what becomes of the others where one fails.
#include "engine/batch.h"

#include <thread>

#include "engine/request_queue.h"
#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

using internal::Batch;
using internal::BoundRequest;
using internal::RequestState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<RequestState> StateOf(std::vector<Tensor> inputs, int priority = 0) {
  BoundRequest request;
  request.inputs = std::move(inputs);
  request.priority = priority;
  return std::make_shared<RequestState>(std::move(request), std::make_shared<internal::RequestCounters>());
}

// Rows of the requests of each batch that the queue gives.
std::vector<std::vector<int64_t>> RowsInTurn(internal::RequestQueue& queue, int64_t max_rows) {
  std::vector<std::vector<int64_t>> turns;
  for (Batch batch = queue.Pop(max_rows); !batch.empty(); batch = queue.Pop(max_rows)) {
    turns.emplace_back();
    for (const auto& request : batch) turns.back().push_back(request->request().inputs[0].shape()[0]);
  }
  return turns;
}

std::vector<std::vector<int64_t>> Turns(const std::vector<int64_t>& rows, int64_t max_rows) {
  internal::RequestQueue queue;
  for (int64_t n : rows) queue.Push(StateOf({Rows(n, 1)}));
  return RowsInTurn(queue, max_rows);
}

TEST(BatchQueueTest, RowsDouble) {
  EXPECT_THAT(Turns({1, 1, 1, 1, 1, 1, 1}, 4), ElementsAre(ElementsAre(1, 1, 1, 1), ElementsAre(1, 1), ElementsAre(1)));
  EXPECT_THAT(Turns({3, 3, 3, 3, 3}, 100), ElementsAre(ElementsAre(3, 3, 3, 3), ElementsAre(3)));
  EXPECT_THAT(Turns({1, 3, 4, 2}, 8), ElementsAre(ElementsAre(1, 3, 4), ElementsAre(2)));
}

TEST(BatchQueueTest, OrToTheMost) {
  EXPECT_THAT(Turns({1, 1, 1, 1}, 3), ElementsAre(ElementsAre(1, 1, 1), ElementsAre(1)));
}

TEST(BatchQueueTest, NeverBeyondTheMost) {
  EXPECT_THAT(Turns({5, 1, 3, 2}, 4), ElementsAre(ElementsAre(5), ElementsAre(1, 3), ElementsAre(2)));
}

TEST(BatchQueueTest, OneByOneIfNotAsked) { EXPECT_THAT(Turns({1, 1}, 0), ElementsAre(ElementsAre(1), ElementsAre(1))); }

TEST(BatchQueueTest, KeepsTheOrder) {
  internal::RequestQueue queue;
  for (int64_t n : {2, 1, 4}) queue.Push(StateOf({Rows(n, 1)}));
  queue.Push(StateOf({Rows(1, 1)}, /*priority=*/1));
  // The one of higher priority comes first; with the next two it has its rows four times.
  EXPECT_THAT(RowsInTurn(queue, 4), ElementsAre(ElementsAre(1, 2, 1), ElementsAre(4)));
}

TEST(BatchQueueTest, LeavesOutWhatIsSettled) {
  internal::RequestQueue queue;
  std::vector<std::shared_ptr<RequestState>> requests;
  for (int i = 0; i < 4; ++i) queue.Push(requests.emplace_back(StateOf({Rows(1, 1)})));
  requests[1]->Complete(absl::CancelledError(""));
  EXPECT_THAT(RowsInTurn(queue, 8), ElementsAre(ElementsAre(1, 1), ElementsAre(1)));
}

TEST(BatchTest, OtherSizesAreNotJoined) {
  const auto a = StateOf({Ones(1, 3)}), b = StateOf({Ones(2, 3)}), wide = StateOf({Ones(1, 4)}),
             flat = StateOf({Floats({1})}), empty = StateOf({Ones(0, 3)}), scalar = StateOf({Tensor::Scalar(1.0f)}),
             uneven = StateOf({Ones(1, 3), Ones(2, 3)}), none = StateOf({});
  EXPECT_TRUE(CanJoin(a->request(), b->request()));
  EXPECT_FALSE(CanJoin(a->request(), wide->request()));
  EXPECT_FALSE(CanJoin(a->request(), flat->request()));
  for (const auto& request : {empty, scalar, uneven, none}) {
    EXPECT_EQ(RowsOf(request->request()), 0);
    EXPECT_FALSE(CanJoin(request->request(), request->request()));
  }
}

TEST(BatchTest, JoinsAndSplits) {
  const Batch batch = {StateOf({Tensor::Of<float>({1, 2}, {1, 2}), Tensor::OfStrings({1}, {"a"})}),
                       StateOf({Tensor::Of<float>({2, 2}, {3, 4, 5, 6}), Tensor::OfStrings({2}, {"b", "c"})})};
  const std::vector<Tensor> inputs = TakeInputs(batch).value();
  EXPECT_EQ(inputs[0].shape(), Shape({3, 2}));
  EXPECT_THAT(inputs[0].values<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(inputs[1].strings(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(batch[0]->request().inputs.size(), 2u) << "kept, to be run again alone";
  const std::vector<Outputs> parts = SplitOutputs(batch, {inputs[1], inputs[0]}).value();
  EXPECT_THAT(parts[0][0].strings(), ElementsAre("a"));
  EXPECT_THAT(parts[1][0].strings(), ElementsAre("b", "c"));
  EXPECT_THAT(parts[0][1].values<float>(), ElementsAre(1, 2));
  EXPECT_EQ(parts[1][1].shape(), Shape({2, 2}));
  EXPECT_THAT(parts[1][1].values<float>(), ElementsAre(3, 4, 5, 6));
}

TEST(BatchTest, OutputsOfOtherRowsAreNotSplit) {
  const Batch batch = {StateOf({Ones(1, 3)}), StateOf({Ones(1, 3)})};
  EXPECT_THAT(std::string(SplitOutputs(batch, {Ones(6, 1)}).status().message()), HasSubstr("output of 2 rows"));
  EXPECT_FALSE(SplitOutputs(batch, {Tensor::Scalar(1.0f)}).ok());
}

// ---- models ----

// A model (2 x + 1, or a graph with a node "scale") the first run of which waits at a gate while others gather behind
// it.
struct Gathered {
  explicit Gathered(int64_t batch_rows, std::shared_ptr<Graph> graph = ScaleGraph(2)) {
    auto device = std::make_shared<HookedDevice>();
    device->hooks["scale"] = [this] {
      gate->Pass();
      return ++runs == fail_at ? absl::InternalError("as told") : absl::OkStatus();
    };
    engine = EngineOn(device);
    ModelOptions options;
    options.batch_rows = batch_rows;
    model = LoadGraph(*engine, std::move(graph), "m", options);
    first = Submit(1, 0);
    gate->WaitForArrivals(1);
  }
  ~Gathered() {
    gate->Open();
    engine->Shutdown();
  }
  Future Submit(int64_t rows, float value) { return model->Submit(RequestOf(Rows(rows, value))).value(); }

  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  std::atomic<int> runs{0};
  int fail_at = 0;
  std::unique_ptr<Engine> engine;
  std::shared_ptr<Model> model;
  Future first;
};

TEST(ModelBatchTest, RunsWhatWaitsAsOne) {
  Gathered m(4);
  std::vector<Future> futures;
  for (int i = 1; i <= 7; ++i) futures.push_back(m.Submit(1, static_cast<float>(i)));
  m.gate->Open();
  for (int i = 1; i <= 7; ++i) {
    const auto result = futures[i - 1].Get();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->front().second.shape(), Shape({1, 3}));
    EXPECT_EQ(FirstValue(result), 2 * i + 1);
  }
  m.engine->Shutdown();
  EXPECT_EQ(m.runs, 4);  // 1 alone, 4, 2 and 1
  EXPECT_EQ(m.model->stats().batches, 2);
  EXPECT_EQ(m.model->stats().joined, 6);
  EXPECT_EQ(m.model->stats().succeeded, 8);
}

TEST(ModelBatchTest, EachRunsAloneWhereTogetherTheyFail) {
  Gathered m(4);
  m.fail_at = 2;
  std::vector<Future> futures;
  for (int i = 0; i < 4; ++i) futures.push_back(m.Submit(1, static_cast<float>(i)));
  m.gate->Open();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(FirstValue(futures[i].Get()), 2 * i + 1);
  m.engine->Shutdown();
  EXPECT_EQ(m.runs, 6);
  EXPECT_EQ(m.model->stats().joined, 0);
  EXPECT_EQ(m.model->stats().failed, 0);
}

TEST(ModelBatchTest, ThoseWithdrawnOrTooLateDoNotHoldUpTheOthers) {
  Gathered m(8);
  Request late = RequestOf(Rows(1, 9));
  late.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  const Future cancelled = m.Submit(1, 1), expired = m.model->Submit(std::move(late)).value();
  const Future a = m.Submit(1, 2), b = m.Submit(1, 3);
  EXPECT_TRUE(cancelled.Cancel());
  EXPECT_EQ(expired.Get().status().code(), absl::StatusCode::kDeadlineExceeded);
  m.gate->Open();
  EXPECT_EQ(FirstValue(a.Get()), 5);
  EXPECT_EQ(FirstValue(b.Get()), 7);
  EXPECT_EQ(cancelled.Get().status().code(), absl::StatusCode::kCancelled);
}

TEST(ModelBatchTest, ACallbackOfABatchMayDropTheModel) {
  auto m = std::make_unique<Gathered>(2);
  std::shared_ptr<Model>* model = new std::shared_ptr<Model>(m->model);
  Request request = RequestOf(Rows(1, 1));
  request.callback = [model](const StatusOr<NamedTensors>&) { delete model; };
  const Future first = m->model->Submit(std::move(request)).value(), second = m->Submit(1, 2);
  m->model.reset();
  m->gate->Open();
  EXPECT_EQ(FirstValue(second.Get()), 5);
  EXPECT_EQ(FirstValue(first.Get()), 3);
}

TEST(ModelBatchTest, RefusesModelsWithoutOpenRows) {
  const auto engine = ReferenceEngine();
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim, 3})});
  graph->AddOutput("sum", b.Reduce(ReduceOp::kSum, x, {0}, /*keep_dims=*/true));
  ModelOptions options;
  options.batch_rows = 2;
  const Status status = engine->impl().LoadGraph(graph, "m", options).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("output \"sum\" f32[1,3] does not leave its first size open"));
  options.batch_rows = -1;
  EXPECT_THAT(std::string(engine->impl().LoadGraph(ScaleGraph(1), "m", options).status().message()),
              HasSubstr("E_OPTION"));
}

// Three rows of output for each of input: found out only by running, and then every request gets its own.
TEST(ModelBatchTest, OutputsOfOtherRowsComeFromRunsAlone) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim, 3})});
  b.SetOrigin("scale", "Mul");
  graph->AddOutput("y", b.Reshape(b.Binary(ExprOp::kMul, x, b.Scalar(DType::kFloat32, 2)), b.Ints({-1, 1})));
  Gathered m(8, graph);
  const Future one = m.Submit(1, 1), two = m.Submit(1, 2), three = m.Submit(1, 3);
  m.gate->Open();
  float value = 0;
  for (const Future& future : {one, two, three}) {
    const auto result = future.Get();
    EXPECT_EQ(FirstValue(result), value += 2);
    EXPECT_EQ(result->front().second.shape(), Shape({3, 1}));
  }
  m.engine->Shutdown();
  EXPECT_EQ(m.runs, 5);  // the first, two of the others together and then alone, the third
  EXPECT_EQ(m.model->stats().batches, 0);
}

TEST(ModelBatchTest, ManyCallersGetTheirOwnRows) {
  const auto engine = ReferenceEngine();
  ModelOptions options;
  options.batch_rows = 16;
  options.instances = 2;
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m", options);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 40; ++round) {
        std::vector<std::pair<float, Future>> futures;
        for (int i = 0; i < 8; ++i) {
          const float value = static_cast<float>(1000 * caller + 10 * round + i);
          futures.emplace_back(value, model->Submit(RequestOf(Rows(1 + i % 3, value))).value());
        }
        for (auto& [value, future] : futures) wrong += FirstValue(future.Get()) != 2 * value + 1;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(model->stats().succeeded, 4 * 40 * 8);
}

}  // namespace
}  // namespace moulin
