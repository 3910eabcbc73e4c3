// Futures, callbacks, the queue, deadlines, cancellation, shutdown: each accepted request completes exactly once. Run
// under ThreadSanitizer too.
#include <chrono>
#include <cstring>
#include <future>
#include <random>
#include <thread>

#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A model whose runs wait at a gate.
struct Held {
  explicit Held(const EngineOptions& options = {}, const ModelOptions& model_options = {}) {
    auto device = std::make_shared<HookedDevice>();
    device->hooks["scale"] = [g = gate] {
      g->Pass();
      return absl::OkStatus();
    };
    engine = EngineOn(device, options);
    model = LoadGraph(*engine, ScaleGraph(2), "held", model_options);
  }
  ~Held() { gate->Open(); }

  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  std::unique_ptr<Engine> engine;
  std::shared_ptr<Model> model;
};

TEST(FutureTest, WaitsAndTimesOut) {
  Held held;
  const Future future = held.model->Submit(RequestOf(Rows(1, 1))).value();
  EXPECT_FALSE(future.ready());
  EXPECT_FALSE(future.WaitFor(milliseconds(5)));
  held.gate->Open();
  EXPECT_TRUE(future.WaitFor(std::chrono::nanoseconds::max()));
  future.Wait();
  EXPECT_EQ(FirstValue(future.Get()), 3);
  EXPECT_FALSE(Future().valid());
}

TEST(FutureTest, CallbackComesOnceWithTheResult) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  std::atomic<int> calls{0};
  std::promise<float> value;
  Request request = RequestOf(Rows(1, 4));
  request.callback = [&](const StatusOr<NamedTensors>& result) {
    ++calls;
    value.set_value(FirstValue(result));
  };
  const Future future = model->Submit(std::move(request)).value();
  EXPECT_EQ(value.get_future().get(), 9);
  engine->Shutdown();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(future.ready());
}

TEST(FutureTest, ACallbackMaySubmit) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  std::promise<float> last;
  std::function<void(int, float)> submit = [&](int left, float x) {
    Request request = RequestOf(Rows(1, x));
    request.callback = [&, left](const StatusOr<NamedTensors>& result) {
      left == 0 ? last.set_value(FirstValue(result)) : submit(left - 1, FirstValue(result));
    };
    EXPECT_TRUE(model->Submit(std::move(request)).ok());
  };
  submit(5, 0);
  EXPECT_EQ(last.get_future().get(), 63);
}

TEST(FutureTest, ACallbackMayDropTheModel) {
  Held held;
  std::promise<void> dropped;
  Request request = RequestOf(Rows(1, 1));
  auto holder = std::make_shared<std::shared_ptr<Model>>(held.model);
  request.callback = [holder, &dropped](const StatusOr<NamedTensors>&) {
    holder->reset();
    dropped.set_value();
  };
  EXPECT_TRUE(held.model->Submit(std::move(request)).ok());
  holder.reset();
  held.model.reset();
  held.gate->Open();
  dropped.get_future().wait();
}

TEST(QueueTest, RefusesWhenFull) {
  Held held({.queue_capacity = 2});
  std::vector<Future> futures = {held.model->Submit(RequestOf(Rows(1, 0))).value()};
  held.gate->WaitForArrivals(1);
  for (int i = 1; i <= 2; ++i) futures.push_back(held.model->Submit(RequestOf(Rows(1, i))).value());
  const auto refused = held.model->Submit(RequestOf(Rows(1, 3)));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Message(refused.status()), "E_QUEUE_FULL: model \"held\": 2 requests wait, as many as may");
  EXPECT_EQ(held.model->stats().waiting, 2);
  held.gate->Open();
  for (int i = 0; i <= 2; ++i) EXPECT_EQ(FirstValue(futures[i].Get()), 2 * i + 1);
  EXPECT_TRUE(held.model->Submit(RequestOf(Rows(1, 3))).ok());
}

TEST(QueueTest, HigherPriorityFirstThenInOrder) {
  Held held;
  std::vector<int> order;
  std::vector<Future> futures = {held.model->Submit(RequestOf(Rows(1, 0))).value()};
  held.gate->WaitForArrivals(1);
  const int priorities[] = {0, 0, 5, -1, 5, 0};
  for (int i = 0; i < 6; ++i) {
    Request request = RequestOf(Rows(1, i));
    request.priority = priorities[i];
    request.callback = [&order, i](const auto&) { order.push_back(i); };
    futures.push_back(held.model->Submit(std::move(request)).value());
  }
  held.gate->Open();
  for (Future& f : futures) f.Wait();
  held.engine->Shutdown();  // the last callback too has returned
  EXPECT_THAT(order, ElementsAre(2, 4, 0, 1, 5, 3));
}

TEST(CancelTest, AWaitingRequestLeavesTheQueue) {
  Held held({.queue_capacity = 1});
  const Future running = held.model->Submit(RequestOf(Rows(1, 0))).value();
  held.gate->WaitForArrivals(1);
  for (int i = 0; i < 500; ++i) {  // many more than the queue holds
    const Future waiting = held.model->Submit(RequestOf(Rows(1, 1))).value();
    EXPECT_TRUE(waiting.Cancel());
    EXPECT_FALSE(waiting.Cancel());
    EXPECT_EQ(waiting.Get().status().code(), absl::StatusCode::kCancelled);
  }
  EXPECT_EQ(held.model->stats().waiting, 0);
  held.gate->Open();
  EXPECT_EQ(FirstValue(running.Get()), 1);
  EXPECT_FALSE(running.Cancel());
}

TEST(CancelTest, ARunningRequestCompletesAtOnce) {
  Held held;
  std::atomic<int> calls{0};
  Request request = RequestOf(Rows(1, 0));
  request.callback = [&](const auto&) { ++calls; };
  const Future running = held.model->Submit(std::move(request)).value();
  held.gate->WaitForArrivals(1);
  EXPECT_TRUE(running.Cancel());
  EXPECT_EQ(running.Get().status().code(), absl::StatusCode::kCancelled);
  held.gate->Open();
  EXPECT_EQ(FirstValue(held.model->Run({{"x", Rows(1, 1)}})), 3);
  EXPECT_EQ(calls, 1);
}

TEST(DeadlineTest, CompletesAtTheDeadlineWaitingOrRunning) {
  Held held;
  const auto in_10_ms = std::chrono::steady_clock::now() + milliseconds(10);
  Request first = RequestOf(Rows(1, 0)), second = RequestOf(Rows(1, 0));
  first.deadline = second.deadline = in_10_ms;
  const Future running = held.model->Submit(std::move(first)).value();
  const Future waiting = held.model->Submit(std::move(second)).value();
  EXPECT_EQ(running.Get().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(waiting.Get().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_GE(std::chrono::steady_clock::now(), in_10_ms);
  EXPECT_THAT(Message(waiting.Get().status()), HasSubstr("E_DEADLINE"));
}

TEST(DeadlineTest, OneThatHasPassedIsNotRun) {
  auto device = std::make_shared<HookedDevice>();
  std::atomic<int> runs{0};
  device->hooks["scale"] = [&] {
    ++runs;
    return absl::OkStatus();
  };
  const auto engine = EngineOn(device);
  const auto model = LoadGraph(*engine, ScaleGraph(2), "m");
  Request request = RequestOf(Rows(1, 0));
  request.deadline = std::chrono::steady_clock::now() - milliseconds(1);
  EXPECT_EQ(model->Submit(std::move(request))->Get().status().code(), absl::StatusCode::kDeadlineExceeded);
  Request in_time = RequestOf(Rows(1, 1));
  in_time.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
  EXPECT_EQ(FirstValue(model->Submit(std::move(in_time))->Get()), 3);
  EXPECT_EQ(runs, 1);
}

TEST(ShutdownTest, CompletesEveryAcceptedRequest) {
  Held held;
  std::atomic<int> calls{0};
  std::vector<Future> futures;
  for (int i = 0; i < 10; ++i) {
    Request request = RequestOf(Rows(1, i));
    request.callback = [&](const auto&) { ++calls; };
    futures.push_back(held.model->Submit(std::move(request)).value());
  }
  held.gate->WaitForArrivals(1);
  std::thread opener([&] {
    std::this_thread::sleep_for(milliseconds(20));
    held.gate->Open();
  });
  held.engine->Shutdown();
  opener.join();
  EXPECT_EQ(calls, 10);
  EXPECT_EQ(FirstValue(futures[0].Get()), 1);  // it was running
  for (int i = 1; i < 10; ++i) {
    ASSERT_TRUE(futures[i].ready());
    EXPECT_EQ(futures[i].Get().status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(Message(futures[i].Get().status()), HasSubstr("E_STOPPED"));
  }
  EXPECT_EQ(held.model->Submit(RequestOf(Rows(1, 1))).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(held.model->Run({{"x", Rows(1, 1)}}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(held.engine->impl().LoadGraph(ScaleGraph(1), "late", {}).ok());
  held.engine->Shutdown();
}

TEST(ShutdownTest, RequestsOutliveModelAndEngine) {
  Future future;
  {
    const auto engine = ReferenceEngine();
    future = LoadGraph(*engine, ScaleGraph(2), "m")->Submit(RequestOf(Rows(1, 1))).value();
  }
  EXPECT_TRUE(future.ready());
}

TEST(InstanceTest, RequestsRunAtOnceOnSeveralInstances) {
  Held held({}, {.instances = 3});
  std::vector<Future> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(held.model->Submit(RequestOf(Rows(1, i))).value());
  held.gate->WaitForArrivals(3);  // all three are in the kernel
  held.gate->Open();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(FirstValue(futures[i].Get()), 2 * i + 1);
}

TEST(InstanceTest, ModelsRunAtOnce) {
  auto device = std::make_shared<HookedDevice>();
  auto gate = std::make_shared<Gate>();
  device->hooks["scale"] = [gate] {
    gate->Pass();
    return absl::OkStatus();
  };
  const auto engine = EngineOn(device);
  const auto a = LoadGraph(*engine, ScaleGraph(2), "a"), b = LoadGraph(*engine, ScaleGraph(3), "b");
  const Future fa = a->Submit(RequestOf(Rows(1, 1))).value(), fb = b->Submit(RequestOf(Rows(1, 1))).value();
  gate->WaitForArrivals(2);
  gate->Open();
  EXPECT_EQ(FirstValue(fa.Get()), 3);
  EXPECT_EQ(FirstValue(fb.Get()), 4);
}

// Several threads on several models, in every way there is to ask: the same bits as alone.
TEST(StressTest, SameBitsAloneAndUnderLoad) {
  constexpr int kModels = 3, kThreads = 4, kRounds = 60;
  const auto engine = ReferenceEngine();
  std::vector<std::shared_ptr<Model>> models;
  for (int m = 0; m < kModels; ++m) {
    models.push_back(LoadGraph(*engine, ScaleGraph(0.1f + m), "m" + std::to_string(m), {.instances = 1 + m % 2}));
  }
  const auto input = [](int n) { return Rows(1 + n % 5, 0.37f * static_cast<float>(n)); };
  std::vector<std::vector<NamedTensors>> alone(kModels);
  for (int m = 0; m < kModels; ++m) {
    for (int n = 0; n < 10; ++n) alone[m].push_back(models[m]->Run({{"x", input(n)}}).value());
  }
  std::atomic<int> callbacks{0}, completed{0};
  const auto check = [&](int m, int n, const StatusOr<NamedTensors>& result) {
    ASSERT_TRUE(result.ok()) << result.status();
    const Tensor &got = result->front().second, &expected = alone[m][n].front().second;
    ASSERT_EQ(got.shape(), expected.shape());
    ASSERT_EQ(std::memcmp(got.data(), expected.data(), got.byte_size()), 0);
    ++completed;
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < kRounds; ++i) {
        const int m = random() % kModels, n = random() % 10;
        if (random() % 2 == 0) {
          check(m, n, models[m]->Run({{"x", input(n)}}));
          continue;
        }
        Request request = RequestOf(input(n));
        request.priority = random() % 3;
        request.callback = [&](const auto&) { ++callbacks; };
        const Future future = models[m]->Submit(std::move(request)).value();
        if (random() % 8 == 0 && future.Cancel()) continue;
        check(m, n, future.Get());
      }
    });
  }
  for (std::thread& t : threads) t.join();
  engine->Shutdown();
  int64_t accepted = 0, done = 0, succeeded = 0;
  for (const auto& model : models) {
    const ModelStats stats = model->stats();
    EXPECT_EQ(stats.waiting, 0);
    accepted += stats.accepted;
    succeeded += stats.succeeded;
    done += stats.succeeded + stats.failed;
  }
  EXPECT_EQ(accepted, kThreads * kRounds + kModels * 10);
  EXPECT_EQ(done, accepted);
  EXPECT_EQ(succeeded, completed + kModels * 10);
}

TEST(StressTest, ShutdownWhileOthersSubmit) {
  for (int round = 0; round < 20; ++round) {
    const auto engine = ReferenceEngine({.queue_capacity = 8});
    const auto model = LoadGraph(*engine, ScaleGraph(2), "m", {.instances = 2});
    std::atomic<int> accepted{0}, called{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          Request request = RequestOf(Rows(1, 1));
          request.callback = [&](const auto&) { ++called; };
          if (i % 5 == 0) request.deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(i * 10);
          if (model->Submit(std::move(request)).ok()) ++accepted;
        }
      });
    }
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    engine->Shutdown();
    for (std::thread& t : threads) t.join();
    engine->Shutdown();
    EXPECT_EQ(called, accepted);
  }
}

}  // namespace
}  // namespace moulin
