// Every op that Moulin lowers has a golden case, or a reason why TensorFlow cannot make one.
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "import/lowering.h"

namespace moulin {
namespace {

// The first word of each line that is no comment.
std::set<std::string> FirstWords(const char* path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::set<std::string> words;
  for (std::string line; std::getline(file, line);) {
    std::string word;
    std::istringstream(line) >> word;
    if (!word.empty() && word[0] != '#') words.insert(word);
  }
  return words;
}

TEST(CoverageTest, EveryLoweredOpHasACase) {
  const std::set<std::string> covered = FirstWords("tests/cases/coverage.txt");
  const std::set<std::string> excused = FirstWords("tests/cases/uncovered.txt");
  std::string missing;
  for (const OpLowering* row : AllLowerings()) {
    const bool has_case = covered.count(row->op) > 0;
    if (!has_case && excused.count(row->op) == 0) missing += std::string(row->op) + " ";
    EXPECT_FALSE(has_case && excused.count(row->op) > 0) << row->op << " has a case: take it off uncovered.txt";
  }
  EXPECT_EQ(missing, "") << "add cases in tests/cases/ and run make_cases.py";
}

TEST(CoverageTest, ExcusesAreForOpsThatExist) {
  for (const std::string& op : FirstWords("tests/cases/uncovered.txt")) EXPECT_NE(FindLowering(op), nullptr) << op;
}

}  // namespace
}  // namespace moulin
