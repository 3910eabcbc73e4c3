// Launches on the stand-in for the CUDA runtime.
#include <cstring>

#include "cuda/kernels/device_code.h"
#include "runtime/fake_testing.h"

namespace moulin::fake_cuda {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Terms {
  int64_t add;
  int32_t times;
};

__global__ void Compute(const int32_t* x, int32_t* y, int64_t n, Terms terms) {
  for (int64_t i = cuda::GlobalThread(); i < n; i += cuda::GlobalThreads()) {
    y[i] = x[i] * terms.times + static_cast<int32_t>(terms.add);
  }
}

// Each block writes the sum of its threads' numbers, by way of dynamic shared memory.
__global__ void SumOfThreads(int32_t* y) {
  MOULIN_DYNAMIC_SHARED(int32_t, numbers);
  numbers[threadIdx.x] = static_cast<int32_t>(threadIdx.x);
  __syncthreads();
  if (threadIdx.x != 0) return;
  y[blockIdx.x] = 0;
  for (unsigned i = 0; i < blockDim.x; ++i) y[blockIdx.x] += numbers[i];
}

const void* ComputeKernel() { return cuda::IndependentKernel("Compute", Compute).address; }
const void* SumKernel() { return cuda::CooperativeKernel("SumOfThreads", SumOfThreads).address; }

class FakeKernelTest : public FakeCudaTest {
 protected:
  static cudaError_t Launch(const void* function, cudaStream_t stream, unsigned blocks, unsigned threads,
                            std::vector<void*> args, size_t shared_bytes = 0) {
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared_bytes;
    config.stream = stream;
    return Api().LaunchKernelExC(&config, function, args.data());
  }
  // y[i] = 3 x[i] + 1 for n elements of x and y.
  static cudaError_t LaunchCompute(cudaStream_t stream, const int32_t* x, int32_t* y, int64_t n) {
    Terms terms = {1, 3};
    return Launch(ComputeKernel(), stream, 2, 32, {&x, &y, &n, &terms});  // whose lifetimes end here
  }
};

TEST_F(FakeKernelTest, RunsInOrderWithTheArgumentsOfTheLaunch) {
  for (const Schedule schedule : {Schedule::kImmediate, Schedule::kDelayed, Schedule::kGated}) {
    Options options;
    options.schedule = schedule;
    Reset(options);
    const cudaStream_t stream = NewStream();
    auto* x = NewDevice<int32_t>(400);
    auto* out = NewPinned<int32_t>(400);
    EXPECT_EQ(Api().MemsetAsync(x, 0, 400, stream), cudaSuccess);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(LaunchCompute(stream, x, x, 100), cudaSuccess);
    EXPECT_EQ(Api().MemcpyAsync(out, x, 400, cudaMemcpyDeviceToHost, stream), cudaSuccess);
    Sync(stream);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(out[i], 1 + 3 + 9 + 27);
    EXPECT_EQ(Counters().launches, 4);
    EXPECT_EQ(Counters().kernels_run, 4);
    EXPECT_THAT(Violations(), IsEmpty());
  }
}

TEST_F(FakeKernelTest, CapturedLaunchesRunAgain) {
  const cudaStream_t stream = NewStream();
  auto* x = NewDevice<int32_t>(400);
  *x = 0;
  Begin(stream);
  EXPECT_EQ(LaunchCompute(stream, x, x, 1), cudaSuccess);
  const cudaGraphExec_t executable = EndAndInstantiate(stream);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Api().GraphLaunch(executable, stream), cudaSuccess);
  Sync(stream);
  EXPECT_EQ(*x, 13);
  EXPECT_EQ(Counters().launches, 0);
  EXPECT_EQ(Counters().kernels_run, 3);
}

TEST_F(FakeKernelTest, CooperativeKernelsOfSeveralStreams) {
  const cudaStream_t streams[] = {NewStream(), NewStream(), NewStream()};
  auto* y = NewDevice<int32_t>(3 * 8 * sizeof(int32_t));
  for (int i = 0; i < 3; ++i) {
    int32_t* part = y + 8 * i;
    EXPECT_EQ(Launch(SumKernel(), streams[i], 8, 64, {&part}, 64 * sizeof(int32_t)), cudaSuccess);
  }
  EXPECT_EQ(Api().DeviceSynchronize(), cudaSuccess);
  for (int i = 0; i < 24; ++i) EXPECT_EQ(y[i], 63 * 32);
}

TEST_F(FakeKernelTest, LaunchesThatCannotBe) {
  const cudaStream_t stream = NewStream();
  auto* y = NewDevice<int32_t>(1 << 20);
  int unknown = 0;
  EXPECT_EQ(Launch(&unknown, stream, 1, 1, {}), cudaErrorInvalidDeviceFunction);
  EXPECT_EQ(Launch(SumKernel(), stream, 0, 1, {&y}), cudaErrorInvalidConfiguration);
  EXPECT_EQ(Launch(SumKernel(), stream, 1, 1025, {&y}), cudaErrorInvalidConfiguration);
  EXPECT_EQ(Launch(SumKernel(), nullptr, 1, 1, {&y}), cudaErrorInvalidResourceHandle);
  const int large = 100 << 10;
  EXPECT_EQ(Launch(SumKernel(), stream, 1, 32, {&y}, large), cudaErrorInvalidValue);
  EXPECT_EQ(Api().FuncSetAttribute(SumKernel(), cudaFuncAttributeMaxDynamicSharedMemorySize, 228 << 10),
            cudaErrorInvalidValue);
  EXPECT_EQ(Api().FuncSetAttribute(SumKernel(), cudaFuncAttributeMaxDynamicSharedMemorySize, large), cudaSuccess);
  EXPECT_EQ(Launch(SumKernel(), stream, 1, 32, {&y}, large), cudaSuccess);
  Sync(stream);
}

TEST_F(FakeKernelTest, PointersMustBeToDeviceMemory) {
  const cudaStream_t stream = NewStream();
  auto* y = NewDevice<int32_t>(16);
  int32_t on_host = 0;
  EXPECT_EQ(LaunchCompute(stream, nullptr, y, 0), cudaSuccess);  // an operand that is not there
  Sync(stream);
  EXPECT_EQ(LaunchCompute(stream, &on_host, y, 1), cudaSuccess);
  EXPECT_EQ(Api().StreamSynchronize(stream), cudaErrorIllegalAddress);
  EXPECT_THAT(Complaints(), HasSubstr("kernel Compute was given memory that is not the device's"));
}

TEST_F(FakeKernelTest, ABrokenKernelLosesTheDevice) {
  const cudaStream_t stream = NewStream();
  auto* y = NewDevice<int32_t>(16);
  // Registered as a kernel without barriers, which it is not.
  cuda::IndependentKernel("SumOfThreads", SumOfThreads);
  const void* broken = reinterpret_cast<const void*>(SumOfThreads);
  EXPECT_EQ(Launch(broken, stream, 1, 2, {&y}, 8), cudaSuccess);
  EXPECT_EQ(Api().StreamSynchronize(stream), cudaErrorLaunchFailure);
  EXPECT_THAT(Complaints(), HasSubstr("registered as independent"));
}

TEST_F(FakeKernelTest, AnInjectedLaunchFails) {
  Options options;
  options.fail_launch = 2;
  Reset(options);
  const cudaStream_t stream = NewStream();
  auto* x = NewDevice<int32_t>(4);
  EXPECT_EQ(LaunchCompute(stream, x, x, 1), cudaSuccess);
  EXPECT_EQ(LaunchCompute(stream, x, x, 1), cudaErrorLaunchOutOfResources);
  EXPECT_EQ(LaunchCompute(stream, x, x, 1), cudaSuccess);
  Sync(stream);
  EXPECT_FALSE(IsLost());
}

// Code is the name of its only kernel, which stores the launch's number of threads.
class CountingModule : public CodeModule {
 public:
  explicit CountingModule(const char* name) : name_(name) {}
  bool Find(const std::string& name, HostKernel* kernel) override {
    if (name != name_) return false;
    *kernel = {name, {sizeof(void*)}, {true}, [](dim3 grid, dim3 block, size_t, void** args) {
                 **static_cast<int32_t**>(args[0]) = static_cast<int32_t>(grid.x * block.x);
               }};
    return true;
  }

 private:
  const std::string name_;
};

TEST_F(FakeKernelTest, LoadedCode) {
  const auto load = [](const char* code, cudaLibrary_t* library) {
    return Api().LibraryLoadData(library, code, nullptr, nullptr, 0, nullptr, nullptr, 0);
  };
  cudaLibrary_t library = nullptr;
  cudaKernel_t kernel = nullptr;
  SetCodeLoader(nullptr);
  EXPECT_EQ(load("count", &library), cudaErrorInvalidKernelImage);
  SetCodeLoader([](const void* code) { return std::make_shared<CountingModule>(static_cast<const char*>(code)); });
  EXPECT_EQ(load("count", &library), cudaSuccess);
  EXPECT_EQ(Api().LibraryGetKernel(&kernel, library, "other"), cudaErrorSymbolNotFound);
  EXPECT_EQ(Api().LibraryGetKernel(&kernel, library, "count"), cudaSuccess);
  const cudaStream_t stream = NewStream();
  auto* y = NewDevice<int32_t>(4);
  EXPECT_EQ(Launch(kernel, stream, 3, 7, {&y}), cudaSuccess);
  Sync(stream);
  EXPECT_EQ(*y, 21);
  EXPECT_EQ(Live().libraries, 1);
  EXPECT_EQ(Api().LibraryUnload(library), cudaSuccess);
  EXPECT_EQ(Launch(kernel, stream, 3, 7, {&y}), cudaErrorInvalidDeviceFunction);
  SetCodeLoader(nullptr);
}

}  // namespace
}  // namespace moulin::fake_cuda
