// NVRTC compiles for a GPU that is not there. Skipped where NVRTC is not either.
#include "cuda/codegen/nvrtc.h"

#include <filesystem>
#include <future>
#include <set>

#include "codegen/expr_cases.h"
#include "codegen/fold_cases.h"
#include "codegen/host_compiler.h"
#include "cuda/codegen/map_source.h"

namespace moulin::cuda {
namespace {

class NvrtcTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const StatusOr<std::shared_ptr<Nvrtc>> nvrtc = Open("");
    if (!nvrtc.ok()) GTEST_SKIP() << nvrtc.status();
    nvrtc_ = *nvrtc;
  }
  static StatusOr<std::shared_ptr<Nvrtc>> Open(const std::string& cache_directory) {
    NvrtcOptions options;
    options.library_directories = {MOULIN_CUDA_LIBRARY_DIRECTORY};
    options.cache_directory = cache_directory;
    return Nvrtc::Open(emulator::SyncCudaApi(), options);
  }
  static KernelText SourceOf(const ExprCase& c) {
    std::vector<Shape> shapes;
    for (const Tensor& input : c.inputs) shapes.push_back(input.shape());
    const Graph graph = GraphOf(c);
    return MakeMapSource({c.expr, shapes, graph.value(graph.outputs()[0].value).type.shape.ToShape()})->source;
  }
  static KernelText AnySource() { return SourceOf(BroadcastCase(DType::kFloat16, {Shape{64}, Shape{64}})); }

  std::shared_ptr<Nvrtc> nvrtc_;
};

// Warnings are errors. Many kernels a program: most of the time is spent before the first one.
TEST_F(NvrtcTest, TakesEveryOperationAndFormOfBroadcasting) {
  std::vector<ExprCase> cases = AllOpCases();
  for (ExprCase& c : AllBroadcastCases()) cases.push_back(std::move(c));
  std::vector<KernelText> sources;
  std::set<std::string> names;
  for (const ExprCase& c : cases) {
    KernelText source = SourceOf(c);
    if (names.insert(source.name).second) sources.push_back(std::move(source));
  }
  constexpr size_t kKernelsAProgram = 24;
  std::vector<KernelText> programs;
  for (size_t i = 0; i < sources.size(); i += kKernelsAProgram) {
    const auto end = sources.begin() + static_cast<std::ptrdiff_t>(std::min(i + kKernelsAProgram, sources.size()));
    programs.push_back({"kernels", JoinKernels({sources.begin() + static_cast<std::ptrdiff_t>(i), end})});
    nvrtc_->Prefetch(programs.back());
  }
  std::string code;
  for (const KernelText& program : programs) {
    const auto cubin = nvrtc_->Compile(program);
    ASSERT_TRUE(cubin.ok()) << cubin.status();
    code += **cubin;
  }
  for (const std::string& name : names) EXPECT_NE(code.find(name), std::string::npos) << name;
}

TEST_F(NvrtcTest, TakesReductionsOfExpressions) {
  std::vector<KernelText> sources;
  std::set<std::string> names;
  for (KernelText& text : FoldTexts(AllFoldCases())) {
    if (names.insert(text.name).second) sources.push_back(std::move(text));
  }
  const auto cubin = nvrtc_->Compile({"kernels", JoinKernels(sources)});
  ASSERT_TRUE(cubin.ok()) << cubin.status();
  for (const std::string& name : names) EXPECT_NE((*cubin)->find(name), std::string::npos) << name;
  const auto alone = nvrtc_->Compile(sources.front());
  EXPECT_TRUE(alone.ok()) << alone.status();
}

TEST_F(NvrtcTest, ATextAloneIsCode) {
  const auto cubin = nvrtc_->Compile(AnySource());
  ASSERT_TRUE(cubin.ok()) << cubin.status();
  EXPECT_EQ((*cubin)->substr(0, 4),
            "\x7f"
            "ELF");
  EXPECT_EQ(nvrtc_->architecture(), "sm_90a");
  EXPECT_EQ(*nvrtc_->Compile(AnySource()), *cubin);  // the same object
}

TEST_F(NvrtcTest, ErrorsAndWarningsAreReported) {
  const auto error = nvrtc_->Compile({"f", "__global__ void f() { nonsense(); }"});
  EXPECT_EQ(error.status().code(), absl::StatusCode::kInternal);
  EXPECT_NE(std::string(error.status().message()).find("\"nonsense\" is undefined"), std::string::npos);
  const auto warning = nvrtc_->Compile({"f", "__global__ void f() { int unused; }"});
  EXPECT_NE(std::string(warning.status().message()).find("never referenced"), std::string::npos);
}

TEST_F(NvrtcTest, ManyThreadsGetOneResult) {
  std::vector<std::future<StatusOr<std::shared_ptr<const std::string>>>> results;
  for (int i = 0; i < 8; ++i) {
    results.push_back(std::async(std::launch::async, [&] { return nvrtc_->Compile(AnySource()); }));
  }
  for (auto& result : results) EXPECT_EQ(*result.get(), *nvrtc_->Compile(AnySource()));
}

TEST_F(NvrtcTest, PrefetchesAndClosesWhileCompiling) {
  for (int n = 16; n <= 1024; n *= 2) {
    nvrtc_->Prefetch(SourceOf(BroadcastCase(DType::kFloat32, {Shape{n, n}, Shape{n, 1}})));
  }
  EXPECT_TRUE(nvrtc_->Compile(SourceOf(BroadcastCase(DType::kFloat32, {Shape{64, 64}, Shape{64, 1}}))).ok());
  nvrtc_.reset();
}

TEST_F(NvrtcTest, KeepsCodeOnDisk) {
  const std::string directory = ::testing::TempDir() + "/moulin_nvrtc";
  std::filesystem::remove_all(directory);
  const auto first = (*Open(directory))->Compile(AnySource());
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(std::distance(std::filesystem::directory_iterator(directory), {}), 1);
  const auto path = std::filesystem::directory_iterator(directory)->path();
  const auto written = std::filesystem::last_write_time(path);
  const auto second = (*Open(directory))->Compile(AnySource());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(**first, **second);
  EXPECT_EQ(std::filesystem::last_write_time(path), written);  // not compiled again
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_EQ(**(*Open(directory))->Compile(AnySource()), **first);
  EXPECT_NE(std::filesystem::last_write_time(path), written);
}

TEST(NvrtcOpen, SaysWhatIsMissing) {
  NvrtcOptions options;
  options.library_directories = {MOULIN_CUDA_LIBRARY_DIRECTORY};
  options.compute_capability = 12;
  const auto nvrtc = Nvrtc::Open(emulator::SyncCudaApi(), options);
  EXPECT_FALSE(nvrtc.ok());
}

}  // namespace
}  // namespace moulin::cuda
