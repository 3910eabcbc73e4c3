#include "device/host/stream.h"

#include <atomic>
#include <chrono>
#include <future>
#include <vector>

#include "gtest/gtest.h"

namespace moulin {
namespace {

TEST(ThreadStreamTest, RunsTasksInOrder) {
  ThreadStream stream;
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) stream.Enqueue([&order, i] { order.push_back(i); });
  stream.Synchronize();
  ASSERT_EQ(order.size(), 1000);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(order[i], i);
}

TEST(ThreadStreamTest, EnqueueDoesNotBlock) {
  ThreadStream stream;
  std::promise<void> go;
  stream.Enqueue([f = go.get_future().share()] { f.wait(); });
  std::atomic<bool> ran{false};
  stream.Enqueue([&] { ran = true; });
  EXPECT_FALSE(ran);
  go.set_value();
  stream.Synchronize();
  EXPECT_TRUE(ran);
}

TEST(ThreadStreamTest, DestructionFinishesWhatWasEnqueued) {
  int count = 0;
  {
    ThreadStream stream;
    for (int i = 0; i < 100; ++i) stream.Enqueue([&] { ++count; });
  }
  EXPECT_EQ(count, 100);
}

TEST(ThreadStreamTest, MayBeDestroyedByATaskOfItsOwn) {
  auto owner = std::make_shared<std::unique_ptr<ThreadStream>>(std::make_unique<ThreadStream>());
  ThreadStream& stream = **owner;
  std::promise<void> go, done;
  stream.Enqueue([f = go.get_future().share()] { f.wait(); });
  stream.Enqueue([owner] { owner->reset(); });
  stream.Enqueue([&] { done.set_value(); });
  owner.reset();
  go.set_value();
  done.get_future().wait();
}

TEST(ThreadStreamTest, TasksMayEnqueue) {
  ThreadStream stream;
  std::promise<void> done;
  stream.Enqueue([&] { stream.Enqueue([&] { done.set_value(); }); });
  done.get_future().wait();
}

TEST(ThreadStreamTest, ManyThreadsMayEnqueue) {
  ThreadStream stream;
  int64_t sum = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) stream.Enqueue([&] { ++sum; });
    });
  }
  for (std::thread& t : threads) t.join();
  stream.Synchronize();
  EXPECT_EQ(sum, 2000);
}

TEST(EventTest, OrdersTwoStreams) {
  ThreadStream a, b;
  HostEvent event;
  int value = 0;
  for (int i = 0; i < 200; ++i) {
    a.Enqueue([&value, i] { value = i; });
    a.Record(event);
    b.Wait(event);
    b.Enqueue([&value, i] { EXPECT_EQ(value, i); });
    HostEvent back;
    b.Record(back);
    a.Wait(back);
    a.Synchronize();
  }
}

TEST(EventTest, AWaitWithoutRecordDoesNotBlock) {
  ThreadStream stream;
  HostEvent event;
  stream.Wait(event);
  stream.Synchronize();
}

TEST(EventTest, AWaitSeesOnlyTheRecordsBeforeIt) {
  ThreadStream a, b;
  HostEvent event;
  std::promise<void> go;
  a.Record(event);
  b.Wait(event);
  b.Synchronize();
  a.Enqueue([f = go.get_future().share()] { f.wait(); });
  a.Record(event);
  std::atomic<bool> passed{false};
  b.Wait(event);
  b.Enqueue([&] { passed = true; });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(passed);
  go.set_value();
  b.Synchronize();
  EXPECT_TRUE(passed);
}

TEST(CallerStreamTest, RunsOnTheCallingThread) {
  CallerStream stream;
  std::thread::id id;
  stream.Then([&] { id = std::this_thread::get_id(); });
  EXPECT_EQ(id, std::this_thread::get_id());
}

}  // namespace
}  // namespace moulin
