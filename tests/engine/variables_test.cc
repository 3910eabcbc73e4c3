// Models whose variables lie in a checkpoint, made by TensorFlow (tests/formats/data/make_checkpoints.py).
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "moulin/engine.h"

namespace moulin {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kData[] = "tests/engine/data/";

// The output "y" for the input "x" = {{1, 2}}.
StatusOr<std::vector<float>> RunOn(const std::string& path, const ModelOptions& options = {}) {
  StatusOr<std::unique_ptr<Engine>> engine = Engine::Create({.device = "reference"});
  if (!engine.ok()) return engine.status();
  StatusOr<std::shared_ptr<Model>> model = (*engine)->Load(path, options);
  if (!model.ok()) return model.status();
  StatusOr<NamedTensors> outputs = (*model)->Run({{"x", Tensor::Of<float>({1, 2}, {1, 2})}});
  if (!outputs.ok()) return outputs.status();
  const auto values = outputs->front().second.values<float>();
  return std::vector<float>(values.begin(), values.end());
}

// A copy of a model, to be spoilt.
class VariablesTest : public ::testing::Test {
 protected:
  std::string Copy(const std::string& name) {
    folder_ = fs::path(::testing::TempDir()) / ("moulin_variables_" + name);
    fs::remove_all(folder_);
    fs::copy(std::string(kData) + name, folder_, fs::copy_options::recursive);
    return folder_.string();
  }
  ~VariablesTest() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }
  static std::string Message(const StatusOr<std::vector<float>>& result) {
    return std::string(result.status().message());
  }

 private:
  fs::path folder_;
};

// Two variables of one name: the objects tell which is which.
TEST_F(VariablesTest, TensorFlow2) {
  const std::string path = std::string(kData) + "tf2_variables";
  const auto y = RunOn(path);
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_THAT(*y, ElementsAre(12, 26));
  const auto twice = RunOn(path, {.signature = "double"});
  ASSERT_TRUE(twice.ok()) << twice.status();
  EXPECT_THAT(*twice, ElementsAre(34, 98));
}

// net/table is partitioned: its slices are variables of the graph.
TEST_F(VariablesTest, TensorFlow1) {
  for (const char* name : {"tf1_variables", "tf1_resources"}) {
    const auto y = RunOn(std::string(kData) + name);
    ASSERT_TRUE(y.ok()) << name << ": " << y.status();
    EXPECT_THAT(*y, ElementsAre(7.5, 10.25)) << name;
  }
}

TEST_F(VariablesTest, MetaGraphWithCheckpoint) {
  const ModelOptions options = {.inputs = {{"x", "x:0"}}, .outputs = {{"y", "y:0"}}};
  for (const char* name : {"tf1_variables/ckpt/model", "tf1_variables/ckpt/model.meta", "tf1_resources/ckpt/model"}) {
    const auto y = RunOn(std::string(kData) + name, options);
    ASSERT_TRUE(y.ok()) << name << ": " << y.status();
    EXPECT_THAT(*y, ElementsAre(7.5, 10.25)) << name;
  }
  EXPECT_THAT(Message(RunOn(std::string(kData) + "tf1_variables/ckpt/model")), HasSubstr("E_OUTPUT"));
}

TEST_F(VariablesTest, MissingFolder) {
  const std::string path = Copy("tf2_variables");
  fs::remove_all(path + "/variables");
  EXPECT_THAT(Message(RunOn(path)), AllOf(HasSubstr("E_FILE"), HasSubstr("variables/variables.index")));
}

TEST_F(VariablesTest, MissingDataFile) {
  const std::string path = Copy("tf1_variables");
  fs::remove(path + "/variables/variables.data-00000-of-00001");
  EXPECT_THAT(Message(RunOn(path)), AllOf(HasSubstr("E_FILE"), HasSubstr("data-00000-of-00001")));
}

TEST_F(VariablesTest, CutDataFileNamesTheVariable) {
  const std::string path = Copy("tf1_variables");
  fs::resize_file(path + "/variables/variables.data-00000-of-00001", 3);
  EXPECT_THAT(Message(RunOn(path)), AllOf(HasSubstr("E_DATA"), HasSubstr("net/")));
}

// The checkpoint of another model has other names.
TEST_F(VariablesTest, MissingVariableIsNamed) {
  const std::string path = Copy("tf1_variables");
  fs::remove_all(path + "/variables");
  fs::copy(std::string(kData) + "tf2_variables/variables", path + "/variables", fs::copy_options::recursive);
  EXPECT_THAT(Message(RunOn(path)), AllOf(HasSubstr("E_NAME"), HasSubstr("\"net/")));
}

}  // namespace
}  // namespace moulin
