#include "cuda/tuning/tuning_cache.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin::cuda {
namespace {

using ::testing::HasSubstr;

std::string TemporaryPath(const std::string& name) {
  const std::string path = ::testing::TempDir() + "/moulin_" + name;
  std::remove(path.c_str());
  return path;
}

TuningCache Filled(const std::string& device = "GPU, driver 1") {
  TuningCache cache(device);
  cache.Insert("conv a", {"engine 1 {2=3}", 12.5});
  cache.Insert("conv \"b\"\t\n", {"engine 2", 3});  // any bytes
  return cache;
}

TEST(TuningCache, FindsWhatWasInserted) {
  TuningCache cache = Filled();
  ASSERT_TRUE(cache.Find("conv a").has_value());
  EXPECT_EQ(cache.Find("conv a")->name, "engine 1 {2=3}");
  EXPECT_EQ(cache.Find("conv a")->microseconds, 12.5);
  EXPECT_FALSE(cache.Find("conv").has_value());
  cache.Insert("conv a", {"engine 7", 1});
  EXPECT_EQ(cache.Find("conv a")->name, "engine 7");
  EXPECT_EQ(cache.size(), 2u);
}

TEST(TuningCache, SurvivesInAFile) {
  const std::string path = TemporaryPath("tuning_cache");
  ASSERT_TRUE(Filled().Save(path).ok());
  TuningCache read("GPU, driver 1");
  read.Load(path);
  EXPECT_EQ(read.size(), 2u);
  EXPECT_EQ(read.Find("conv \"b\"\t\n")->name, "engine 2");
  EXPECT_EQ(read.Find("conv a")->microseconds, 12.5);
  // No half-written file is left beside it.
  for (const auto& entry : std::filesystem::directory_iterator(::testing::TempDir())) {
    EXPECT_THAT(entry.path().string(), ::testing::Not(HasSubstr("moulin_tuning_cache.")));
  }
}

TEST(TuningCache, AnotherDevicesFileIsIgnored) {
  const std::string path = TemporaryPath("tuning_cache_foreign");
  ASSERT_TRUE(Filled("GPU, driver 2").Save(path).ok());
  TuningCache read("GPU, driver 1");
  read.Load(path);
  EXPECT_EQ(read.size(), 0u);
  EXPECT_THAT(read.FromText(Filled("GPU, driver 2").ToText()).message(), HasSubstr("another device: GPU, driver 2"));
}

// Every change of one byte, and every cut, is seen.
TEST(TuningCache, DamagedFilesAreIgnored) {
  const std::string good = Filled().ToText();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string damaged = good;
    damaged[i] ^= 1;
    TuningCache cache("GPU, driver 1");
    EXPECT_FALSE(cache.FromText(damaged).ok()) << "byte " << i;
    EXPECT_EQ(cache.size(), 0u);
    if (i + 1 < good.size()) {  // but for the last end of a line
      TuningCache cut("GPU, driver 1");
      EXPECT_FALSE(cut.FromText(good.substr(0, i)).ok()) << i;
      EXPECT_EQ(cut.size(), 0u);
    }
  }
}

TEST(TuningCache, AbsentAndOtherFilesAreIgnored) {
  TuningCache cache("GPU");
  cache.Load("/no/such/folder/file");
  EXPECT_EQ(cache.size(), 0u);
  const std::string path = TemporaryPath("no_cache");
  std::ofstream(path) << "{\"json\": 1}\n\0\xff";
  cache.Load(path);
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_FALSE(cache.Save("/no/such/folder/file").ok());
}

TEST(TuningCache, KeepsTheMostRecentlyUsed) {
  TuningCache cache("GPU", /*max_entries=*/3);
  for (const char* key : {"a", "b", "c"}) cache.Insert(key, {key, 1});
  EXPECT_TRUE(cache.Find("a").has_value());
  cache.Insert("d", {"d", 1});  // drops b
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_FALSE(cache.Find("b").has_value());
  EXPECT_TRUE(cache.Find("a").has_value());
  TuningCache smaller("GPU", 2);
  ASSERT_TRUE(smaller.FromText(cache.ToText()).ok());
  EXPECT_TRUE(smaller.Find("a").has_value());  // the order is kept, too
  EXPECT_FALSE(smaller.Find("c").has_value());
}

}  // namespace
}  // namespace moulin::cuda
