#include "cuda/codegen/cubin_cache.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "gtest/gtest.h"

namespace moulin::cuda {
namespace {

class CubinCacheTest : public ::testing::Test {
 protected:
  CubinCacheTest() : directory_(::testing::TempDir() + "/moulin_cubins/nested") {
    std::filesystem::remove_all(directory_);
  }
  std::filesystem::path OnlyFile() const { return std::filesystem::directory_iterator(directory_)->path(); }
  std::string Content() const {
    std::ifstream in(OnlyFile(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  void Overwrite(const std::string& content) const { std::ofstream(OnlyFile(), std::ios::binary) << content; }

  const std::string directory_;
};

TEST_F(CubinCacheTest, FindsWhatWasPut) {
  const CubinCache cache(directory_);
  EXPECT_EQ(cache.Find("key"), std::nullopt);
  const std::string code("\0code\xff", 6);
  cache.Put("key", code);
  EXPECT_EQ(cache.Find("key"), code);
  EXPECT_EQ(cache.Find("another"), std::nullopt);
  EXPECT_EQ(CubinCache(directory_).Find("key"), code);  // as another process would
  cache.Put("key", "newer");
  EXPECT_EQ(cache.Find("key"), "newer");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);  // nothing temporary is left
}

TEST_F(CubinCacheTest, DamagedFilesAreAsNone) {
  const CubinCache cache(directory_);
  cache.Put("key", "some code");
  const std::string good = Content();
  for (size_t length = 0; length < good.size(); ++length) {
    Overwrite(good.substr(0, length));
    EXPECT_EQ(cache.Find("key"), std::nullopt) << length;
  }
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x40);
    Overwrite(bad);
    EXPECT_EQ(cache.Find("key"), std::nullopt) << i;
  }
  Overwrite(good + "x");
  EXPECT_EQ(cache.Find("key"), std::nullopt);
  Overwrite(good);
  EXPECT_EQ(cache.Find("key"), "some code");
}

TEST_F(CubinCacheTest, AnotherKeysFileIsNotTaken) {
  const CubinCache cache(directory_);
  cache.Put("key", "code");
  const std::string file = Content();
  cache.Put("other", "other code");
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    std::ofstream(entry.path(), std::ios::binary) << file;  // as if both had one hash
  }
  EXPECT_EQ(cache.Find("key"), "code");
  EXPECT_EQ(cache.Find("other"), std::nullopt);
}

TEST_F(CubinCacheTest, WithoutADirectoryNothingIsKept) {
  const CubinCache nowhere(""), forbidden("/proc/moulin");
  nowhere.Put("key", "code");
  forbidden.Put("key", "code");
  EXPECT_EQ(nowhere.Find("key"), std::nullopt);
  EXPECT_EQ(forbidden.Find("key"), std::nullopt);
}

}  // namespace
}  // namespace moulin::cuda
