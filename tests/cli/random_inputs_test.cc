#include "cli/random_inputs.h"

#include "gtest/gtest.h"

namespace moulin::cli {
namespace {

TensorInfo Info(const char* name, DType type, PartialShape shape) {
  return {name, std::string(name) + ":0", type, shape};
}

TEST(RandomInputsTest, FillsOpenBatchAndRepeats) {
  const std::vector<TensorInfo> infos = {Info("x", DType::kFloat32, PartialShape({kUnknownDim, 3})),
                                         Info("ids", DType::kInt64, PartialShape({kUnknownDim}))};
  const NamedTensors a = RandomInputs(infos, {.batch = 4}).value();
  const NamedTensors b = RandomInputs(infos, {.batch = 4}).value();
  ASSERT_EQ(a.size(), 2u);
  EXPECT_EQ(a[0].second.shape(), Shape({4, 3}));
  EXPECT_EQ(a[1].second.shape(), Shape({4}));
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(a[0].second.values<float>()[i], b[0].second.values<float>()[i]);
    EXPECT_GE(a[0].second.values<float>()[i], 0);
    EXPECT_LT(a[0].second.values<float>()[i], 1);
  }
}

TEST(RandomInputsTest, ChoosesUsualSizesForOtherOpenAxes) {
  const std::vector<TensorInfo> infos = {
      Info("ids", DType::kInt32, PartialShape({kUnknownDim, kUnknownDim})),
      Info("image", DType::kFloat32, PartialShape({kUnknownDim, kUnknownDim, kUnknownDim, 3}))};
  const std::vector<InputShape> shapes = ConcreteShapes(infos, {.batch = 2}).value();
  EXPECT_EQ(shapes[0].shape, Shape({2, 128}));
  EXPECT_EQ(shapes[1].shape, Shape({2, 224, 224, 3}));
}

TEST(RandomInputsTest, AsksForAnOpenRank) {
  const std::vector<TensorInfo> infos = {Info("x", DType::kFloat32, PartialShape::UnknownRank())};
  EXPECT_NE(RandomInputs(infos, {}).status().message().find("--shape x="), absl::string_view::npos);
  EXPECT_TRUE(RandomInputs(infos, {.shapes = {"x=2,2"}}).ok());
}

TEST(RandomInputsTest, ChecksGivenShapes) {
  const std::vector<TensorInfo> infos = {Info("x", DType::kFloat32, PartialShape({1, kUnknownDim, 3}))};
  EXPECT_TRUE(RandomInputs(infos, {.shapes = {"x=1,5,3"}}).ok());
  EXPECT_FALSE(RandomInputs(infos, {.shapes = {"x=1,5,4"}}).ok()) << "does not fit the declared shape";
  EXPECT_FALSE(RandomInputs(infos, {.shapes = {"y=1"}}).ok()) << "no such input";
  EXPECT_FALSE(RandomInputs(infos, {.shapes = {"x=1,a,3"}}).ok());
  EXPECT_FALSE(RandomInputs(infos, {.shapes = {"=1"}}).ok());
}

}  // namespace
}  // namespace moulin::cli
