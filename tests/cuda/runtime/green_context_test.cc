// Parts of a GPU, on the stand-in for the driver.
#include "cuda/runtime/green_context.h"

#include "gmock/gmock.h"
#include "runtime/fake_testing.h"

namespace moulin::fake_cuda {
namespace {

using cuda::GreenContext;
using cuda::MultiprocessorPool;
using ::testing::HasSubstr;

std::string Message(const Status& status) { return std::string(status.message()); }

class GreenContextTest : public FakeCudaTest {
 protected:
  StatusOr<std::shared_ptr<GreenContext>> Create(int multiprocessors) {
    return GreenContext::Create(pool_, multiprocessors);
  }
  std::shared_ptr<MultiprocessorPool> pool_ = std::make_shared<MultiprocessorPool>(Api());
};

TEST_F(GreenContextTest, HasWhatWasAskedForRoundedUp) {
  const auto small = Create(1), exact = Create(16), more = Create(17);
  ASSERT_TRUE(small.ok() && exact.ok() && more.ok()) << small.status() << exact.status() << more.status();
  EXPECT_EQ((*small)->multiprocessors(), 8);
  EXPECT_EQ((*exact)->multiprocessors(), 16);
  EXPECT_EQ((*more)->multiprocessors(), 24);
  EXPECT_EQ(GreenContexts().size(), 3u);
  EXPECT_EQ(Complaints(), "");  // among others, that no two of them overlap
}

TEST_F(GreenContextTest, WhatIsGivenBackIsTakenAgain) {
  auto all = Create(128);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_THAT(Message(Create(1).status()), HasSubstr("E_DEVICE: 1 multiprocessors are wanted, and 0 of 128"));
  all->reset();
  EXPECT_TRUE(Create(128).ok());
}

TEST_F(GreenContextTest, MoreThanThereAreIsAnOptionThatIsWrong) {
  for (const int wanted : {-1, 0, 129}) {
    EXPECT_THAT(Message(Create(wanted).status()), HasSubstr("E_OPTION: multiprocessors: expected 1 to 128")) << wanted;
  }
}

TEST_F(GreenContextTest, ADriverWithoutThemIsNamed) {
  Reset({.has_green_contexts = false});
  EXPECT_THAT(Message(Create(8).status()), HasSubstr("E_DEVICE: the driver cannot split the GPU: it has no cu"));
  EXPECT_THAT(Message(Create(8).status()), HasSubstr("CUDA 12.5"));
  cuda::CudaApi none = Api();
  none.GetDriverEntryPointByVersion = nullptr;
  pool_ = std::make_shared<MultiprocessorPool>(none);
  EXPECT_THAT(Message(Create(8).status()), HasSubstr("cannot split the GPU"));
}

TEST_F(GreenContextTest, StreamsCountAsItsOwn) {
  const auto green = Create(8);
  ASSERT_TRUE(green.ok()) << green.status();
  const auto stream = (*green)->NewStream(0);
  ASSERT_TRUE(stream.ok()) << stream.status();
  bool has_run = false;
  Do(*stream, [&] { has_run = true; });
  Sync(*stream);
  EXPECT_TRUE(has_run);
  EXPECT_EQ(Api().StreamDestroy(*stream), cudaSuccess);
}

// What the stand-in would notice.
TEST_F(GreenContextTest, MisuseIsNoticed) {
  auto green = Create(8);
  ASSERT_TRUE(green.ok()) << green.status();
  ASSERT_TRUE((*green)->NewStream(0).ok());
  green->reset();
  EXPECT_THAT(Complaints(), HasSubstr("destroyed before its streams"));
}

}  // namespace
}  // namespace moulin::fake_cuda
