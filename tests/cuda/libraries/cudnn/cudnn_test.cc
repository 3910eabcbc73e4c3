// Which of our problems cuDNN has plans for on an H200, by its heuristics and its compiler, without one.
#include <dlfcn.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cuda/codegen/cubin_cache.h"
#include "cuda/libraries/cudnn_library.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin::cuda {
namespace {

using ::testing::HasSubstr;

std::string DeviceProperties() {
  std::ifstream file(MOULIN_H200_JSON);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Null, with the reason printed, where there is no cuDNN.
PrimitiveLibrary* Cudnn() {
  static const std::shared_ptr<PrimitiveLibrary> library = []() -> std::shared_ptr<PrimitiveLibrary> {
    if (dlopen(MOULIN_STUB_DRIVER, RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      ADD_FAILURE() << dlerror();
      return nullptr;
    }
    CudnnOptions options;
    options.directories = {MOULIN_CUDNN_FOLDER};
    options.device_properties_json = DeviceProperties();
    StatusOr<std::shared_ptr<PrimitiveLibrary>> made = MakeCudnnLibrary(options);
    if (!made.ok()) std::cout << made.status().message() << std::endl;
    return made.ok() ? *made : nullptr;
  }();
  return library.get();
}

class CudnnTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Cudnn() == nullptr) GTEST_SKIP() << "cuDNN is not there";
  }
};

// Whether the first candidate, which is taken where nothing is timed, compiles; with what the plan says of itself.
void ExpectPlan(const LibraryPlans& plans) {
  ASSERT_FALSE(plans.empty());
  const Status status = plans[0]->Prepare();
  EXPECT_TRUE(status.ok()) << plans[0]->name() << ": " << status;
  EXPECT_THAT(plans[0]->name(), HasSubstr("cudnn:engine "));
  EXPECT_GE(plans[0]->workspace_bytes(), 0);
  // There is no device to run it on.
  EXPECT_FALSE(plans[0]->Enqueue(nullptr, {}, nullptr).ok());
}

struct Conv {
  int64_t batch, size, channels, filters, window, stride = 1, groups = 1;
};

ConvProblem ProblemOf(const Conv& c, DType type, const LibraryEpilogue& epilogue, bool allow_tf32 = false) {
  ConvProblem p;
  p.type = type;
  p.allow_tf32 = allow_tf32;
  const int64_t out = (c.size + c.stride - 1) / c.stride;
  const int64_t padding = std::max<int64_t>((out - 1) * c.stride + c.window - c.size, 0);
  p.x = Shape{c.batch, c.size, c.size, c.channels};
  p.filter = Shape{c.filters, c.window, c.window, c.channels / c.groups};
  p.y = Shape{c.batch, out, out, c.filters};
  p.strides = {c.stride, c.stride};
  p.dilations = {1, 1};
  p.pad_before = {padding / 2, padding / 2};
  p.pad_after = {padding - padding / 2, padding - padding / 2};
  p.groups = c.groups;
  p.epilogue = epilogue;
  return p;
}

constexpr LibraryEpilogue kNothing{};
constexpr LibraryEpilogue kBias{true, false, Activation::kNone};
constexpr LibraryEpilogue kBiasRelu{true, false, Activation::kRelu};
constexpr LibraryEpilogue kBiasRelu6{true, false, Activation::kRelu6};
constexpr LibraryEpilogue kBiasResidualRelu{true, true, Activation::kRelu};

constexpr Conv kResidual3x3{8, 28, 128, 128, 3}, kPointwise{8, 56, 256, 64, 1}, kStrided{8, 56, 128, 128, 3, 2},
    kStem{8, 224, 3, 64, 7, 2};

TEST_F(CudnnTest, SaysItsVersion) { EXPECT_THAT(Cudnn()->version(), HasSubstr("cuDNN 9.")); }

TEST_F(CudnnTest, ConvolutionsOfResnetInHalfPrecision) {
  for (const DType type : {DType::kFloat16, DType::kBFloat16}) {
    for (const Conv& conv : {kResidual3x3, kPointwise, kStrided, kStem}) {
      SCOPED_TRACE(ToString(ProblemOf(conv, type, kBiasRelu)));
      ExpectPlan(Cudnn()->Convolution(ProblemOf(conv, type, kBiasRelu)));
    }
    ExpectPlan(Cudnn()->Convolution(ProblemOf(kPointwise, type, kBiasResidualRelu)));
    ExpectPlan(Cudnn()->Convolution(ProblemOf(kPointwise, type, kBiasRelu6)));
  }
}

TEST_F(CudnnTest, ConvolutionsByTf32) {
  ExpectPlan(Cudnn()->Convolution(ProblemOf(kResidual3x3, DType::kFloat32, kBiasRelu, true)));
  ExpectPlan(Cudnn()->Convolution(ProblemOf(kPointwise, DType::kFloat32, kBiasResidualRelu, true)));
}

// Strict float32: no tensor cores, channels innermost all the same; bias and relu are fused, a residual is not.
TEST_F(CudnnTest, ConvolutionsInStrictFloat32) {
  for (const Conv& conv : {kResidual3x3, kPointwise, kStrided, kStem}) {
    for (const LibraryEpilogue& epilogue : {kNothing, kBias, kBiasRelu}) {
      SCOPED_TRACE(ToString(ProblemOf(conv, DType::kFloat32, epilogue)));
      ExpectPlan(Cudnn()->Convolution(ProblemOf(conv, DType::kFloat32, epilogue)));
    }
  }
  EXPECT_THAT(Cudnn()->Convolution(ProblemOf(kPointwise, DType::kFloat32, kBiasResidualRelu)), ::testing::IsEmpty());
  // The planted fault of this test: where tensor cores are allowed, the best guess is another engine.
  const auto strict = Cudnn()->Convolution(ProblemOf(kResidual3x3, DType::kFloat32, kNothing, false));
  const auto rounded = Cudnn()->Convolution(ProblemOf(kResidual3x3, DType::kFloat32, kNothing, true));
  ASSERT_FALSE(rounded.empty());
  EXPECT_NE(strict[0]->name(), rounded[0]->name());
}

// int8, with what the pass quantize puts around it, and as sums alone. Channels need not be multiples of 16.
TEST_F(CudnnTest, ConvolutionsOfInt8) {
  LibraryEpilogue scaled = kBiasRelu;
  scaled.scaling = Int8Scaling{.result = DType::kInt8};
  const Conv odd{8, 28, 24, 40, 1};
  for (const Conv& conv : {kPointwise, odd}) {  // of 3x3, whose kernels take cuDNN seconds to compile, one below
    SCOPED_TRACE(ToString(ProblemOf(conv, DType::kInt8, scaled)));
    ExpectPlan(Cudnn()->Convolution(ProblemOf(conv, DType::kInt8, scaled)));
  }
  ExpectPlan(Cudnn()->Convolution(ProblemOf(kResidual3x3, DType::kInt8, kNothing)));
  LibraryEpilogue with_residual = kBiasResidualRelu;
  with_residual.scaling = Int8Scaling{DType::kFloat16, DType::kFloat16};
  ExpectPlan(Cudnn()->Convolution(ProblemOf(kResidual3x3, DType::kInt8, with_residual)));
}

TEST_F(CudnnTest, ProductsOfInt8) {
  MatmulProblem p;
  p.type = DType::kInt8;
  p.transpose_b = true;
  p.m = 128;
  p.n = p.k = 768;
  ExpectPlan(Cudnn()->Matmul(p));
  p.epilogue = kBias;
  p.epilogue.scaling.emplace();
  ExpectPlan(Cudnn()->Matmul(p));
}

TEST_F(CudnnTest, DepthwiseConvolutions) {
  const Conv depthwise{8, 56, 144, 144, 3, 1, 144};
  ExpectPlan(Cudnn()->Convolution(ProblemOf(depthwise, DType::kFloat16, kBiasRelu6)));
  ExpectPlan(Cudnn()->Convolution(ProblemOf(depthwise, DType::kFloat32, kNothing)));
}

TEST_F(CudnnTest, OneAndThreeSpatialAxesGroupsAndDilation) {
  ConvProblem line;
  line.type = DType::kFloat16;
  line.x = Shape{4, 100, 32};
  line.filter = Shape{64, 5, 32};
  line.y = Shape{4, 100, 64};
  line.strides = {1};
  line.dilations = {1};
  line.pad_before = {2};
  line.pad_after = {2};
  line.epilogue = kBiasRelu;
  ExpectPlan(Cudnn()->Convolution(line));
  ConvProblem volume;
  volume.type = DType::kFloat16;
  volume.x = Shape{1, 16, 32, 32, 16};
  volume.filter = Shape{32, 3, 3, 3, 16};
  volume.y = Shape{1, 16, 32, 32, 32};
  volume.strides = volume.dilations = volume.pad_before = volume.pad_after = {1, 1, 1};
  ExpectPlan(Cudnn()->Convolution(volume));
  ConvProblem dilated = ProblemOf({8, 28, 64, 64, 3, 1, 4}, DType::kFloat16, kBiasRelu);
  dilated.dilations = dilated.pad_before = dilated.pad_after = {2, 2};
  ExpectPlan(Cudnn()->Convolution(dilated));
}

TEST_F(CudnnTest, TransposedConvolution) {
  for (const DType type : {DType::kFloat32, DType::kFloat16}) {
    ConvProblem p = ProblemOf({8, 56, 64, 32, 4, 2}, type, kNothing);
    std::swap(p.x, p.y);
    p.transposed = true;
    ExpectPlan(Cudnn()->Convolution(p));
  }
}

TEST_F(CudnnTest, ProductsOfMatrices) {
  MatmulProblem p;
  p.m = 1024;
  p.n = 3072;
  p.k = 768;
  p.epilogue = {true, false, Activation::kGeluErf};
  for (const DType type : {DType::kFloat16, DType::kBFloat16}) {
    p.type = type;
    ExpectPlan(Cudnn()->Matmul(p));
  }
  p.type = DType::kFloat32;
  EXPECT_THAT(Cudnn()->Matmul(p), ::testing::IsEmpty());  // strict float32: cuBLASLt or own kernels
  p.allow_tf32 = true;
  ExpectPlan(Cudnn()->Matmul(p));
  MatmulProblem batch;
  batch.type = DType::kFloat16;
  batch.batch = 12;
  batch.m = batch.n = 128;
  batch.k = 64;
  batch.transpose_b = true;
  ExpectPlan(Cudnn()->Matmul(batch));
  batch.broadcast_b = true;
  ExpectPlan(Cudnn()->Matmul(batch));
}

TEST_F(CudnnTest, Attention) {
  AttentionProblem p;
  p.batch = 8;
  p.heads = 12;
  p.m = p.n = 128;
  p.d = p.e = 64;
  p.scale = 0.125;
  for (const DType type : {DType::kFloat16, DType::kBFloat16}) {
    p.type = type;
    ExpectPlan(Cudnn()->Attention(p));
  }
  p.has_mask = true;
  for (const Shape& mask : {Shape{8, 1, 1, 128}, Shape{8, 12, 128, 128}}) {
    p.mask = mask;
    SCOPED_TRACE(ToString(p));
    ExpectPlan(Cudnn()->Attention(p));
  }
  p.type = DType::kFloat32;
  EXPECT_THAT(Cudnn()->Attention(p), ::testing::IsEmpty());
}

// A cache key: the same for the same problem, another for each candidate.
TEST_F(CudnnTest, NamesAreStableAndDistinct) {
  const ConvProblem problem = ProblemOf(kResidual3x3, DType::kFloat16, kNothing);
  CudnnOptions options;
  options.directories = {MOULIN_CUDNN_FOLDER};
  options.device_properties_json = DeviceProperties();
  const auto again = MakeCudnnLibrary(options);
  ASSERT_TRUE(again.ok());
  const LibraryPlans first = Cudnn()->Convolution(problem), second = (*again)->Convolution(problem);
  ASSERT_EQ(first.size(), second.size());
  ASSERT_GT(first.size(), 1u);
  std::vector<std::string> names;
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i]->name(), second[i]->name());
    EXPECT_THAT(names, ::testing::Not(::testing::Contains(first[i]->name())));
    names.push_back(first[i]->name());
  }
}

// A library that keeps its plans in `directory`, for a device that calls itself so.
LibraryPlans PlansKept(const std::string& directory, const std::string& device) {
  CudnnOptions options;
  options.directories = {MOULIN_CUDNN_FOLDER};
  options.device_properties_json = DeviceProperties();
  options.cache_directory = directory;
  options.device = device;
  options.max_candidates = 1;
  const auto library = MakeCudnnLibrary(options);
  EXPECT_TRUE(library.ok()) << library.status();
  return (*library)->Convolution(ProblemOf(kPointwise, DType::kFloat16, kBiasRelu));
}

class CudnnPlanFiles : public CudnnTest {
 protected:
  void SetUp() override {
    CudnnTest::SetUp();
    std::filesystem::remove_all(directory_);
  }
  int Count() const {
    std::error_code none;
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(directory_, none), {}));
  }
  std::filesystem::path OnlyFile() const { return std::filesystem::directory_iterator(directory_)->path(); }
  // As if it had been written long ago; whether it is written anew can then be seen.
  void Age() const { std::filesystem::last_write_time(OnlyFile(), kLongAgo); }
  bool IsAged() const { return std::filesystem::last_write_time(OnlyFile()) == kLongAgo; }

  static constexpr std::filesystem::file_time_type kLongAgo{std::chrono::seconds(1)};
  const std::string directory_ = ::testing::TempDir() + "/moulin_cudnn_plans";
};

TEST_F(CudnnPlanFiles, AreLoadedInsteadOfCompiled) {
  const LibraryPlans compiled = PlansKept(directory_, "h200");
  ExpectPlan(compiled);
  ASSERT_EQ(Count(), 1);
  Age();
  const LibraryPlans loaded = PlansKept(directory_, "h200");
  ExpectPlan(loaded);
  EXPECT_TRUE(IsAged());  // what is compiled is written
  EXPECT_EQ(loaded[0]->name(), compiled[0]->name());
  EXPECT_EQ(loaded[0]->workspace_bytes(), compiled[0]->workspace_bytes());
}

TEST_F(CudnnPlanFiles, OfAnotherDeviceAreNotTaken) {
  ExpectPlan(PlansKept(directory_, "h200, driver 13.0"));
  ExpectPlan(PlansKept(directory_, "h200, driver 13.1"));
  EXPECT_EQ(Count(), 2);
}

TEST_F(CudnnPlanFiles, ThatCuDnnDoesNotTakeAreReplaced) {
  const LibraryPlans compiled = PlansKept(directory_, "h200");
  ExpectPlan(compiled);
  const ConvProblem problem = ProblemOf(kPointwise, DType::kFloat16, kBiasRelu);
  const std::string key = absl::StrCat(Cudnn()->version(), "\nh200\n", DeviceProperties(), "\n", ToString(problem),
                                       "\n", compiled[0]->name());
  const CubinCache files(directory_, "cudnn");
  const std::optional<std::string> good = files.Find(key);
  ASSERT_TRUE(good.has_value());
  for (const std::string& bad : {std::string("{}"), std::string("not json"), good->substr(0, good->size() / 2)}) {
    files.Put(key, bad);
    Age();
    ExpectPlan(PlansKept(directory_, "h200"));
    EXPECT_FALSE(IsAged());
    EXPECT_EQ(files.Find(key), good);
  }
}

TEST_F(CudnnTest, TypesThatItDoesNotTake) {
  EXPECT_THAT(Cudnn()->Convolution(ProblemOf(kPointwise, DType::kFloat64, kNothing)), ::testing::IsEmpty());
  EXPECT_THAT(Cudnn()->Convolution(ProblemOf(kPointwise, DType::kInt32, kNothing)), ::testing::IsEmpty());
}

}  // namespace
}  // namespace moulin::cuda
