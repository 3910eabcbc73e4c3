// What tests of file formats share: files in a folder of their own, and matching of errors.
#ifndef MOULIN_TESTS_FORMATS_FORMAT_TEST_H_
#define MOULIN_TESTS_FORMATS_FORMAT_TEST_H_

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "moulin/status.h"

namespace moulin {

// The whole message of a failed status, "" for success.
inline std::string Message(const Status& status) { return std::string(status.message()); }
template <typename T>
std::string Message(const StatusOr<T>& result) {
  return Message(result.status());
}

// Whether a Status or StatusOr failed with this code ("E_PARSE").
MATCHER_P(FailsWith, code, "") {
  *result_listener << Message(arg);
  return !arg.ok() && Message(arg).rfind(std::string(code) + ": ", 0) == 0;
}

// A test with an empty folder that is removed afterwards.
class FormatTest : public ::testing::Test {
 protected:
  FormatTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) /
              (std::string("moulin_") + info->test_suite_name() + "_" + info->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FormatTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  std::string Write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return Path(name);
  }

  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace moulin

#endif  // MOULIN_TESTS_FORMATS_FORMAT_TEST_H_
