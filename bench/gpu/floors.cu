// What the machine can do at best, for the roofs that the benchmark prints beside its results: the cost of launching
// CUDA graphs of empty kernels, the rate of a copy within the device's memory, and that of pinned copies to and from
// the host. (The matrix product's rate is PyTorch's, products.py.) Prints one JSON object.
//
//   nvcc -std=c++17 -O3 -arch=sm_90 -cudart static bench/gpu/floors.cu -o floors
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

void Check(cudaError_t error, const char* call, int line) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "floors.cu:%d: %s: %s\n", line, call, cudaGetErrorString(error));
  std::exit(1);
}
#define CHECK(call) Check(call, #call, __LINE__)

__global__ void Empty() {}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double Microseconds(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double, std::micro>(d).count();
}

// Median milliseconds of `work` on the stream, by events, after one run to warm up.
template <typename Work>
double MedianMilliseconds(cudaStream_t stream, int repeats, const Work& work) {
  cudaEvent_t start, end;
  CHECK(cudaEventCreate(&start));
  CHECK(cudaEventCreate(&end));
  work();
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    CHECK(cudaEventRecord(start, stream));
    work();
    CHECK(cudaEventRecord(end, stream));
    CHECK(cudaEventSynchronize(end));
    float ms = 0;
    CHECK(cudaEventElapsedTime(&ms, start, end));
    times.push_back(ms);
  }
  CHECK(cudaEventDestroy(start));
  CHECK(cudaEventDestroy(end));
  return Median(times);
}

// A graph of `nodes` empty kernels, one after another.
cudaGraphExec_t EmptyGraph(cudaStream_t stream, int nodes) {
  cudaGraph_t graph;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < nodes; ++i) Empty<<<1, 32, 0, stream>>>();
  CHECK(cudaGetLastError());
  CHECK(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  CHECK(cudaGraphDestroy(graph));
  return exec;
}

struct GraphCost {
  int nodes;
  double device_us;   // between events, a replay among many in a row
  double launch_us;   // the host's call
  double latency_us;  // the host's call to the end of a synchronisation
};

GraphCost MeasureGraph(cudaStream_t stream, int nodes) {
  cudaGraphExec_t exec = EmptyGraph(stream, nodes);
  constexpr int kReplays = 200;
  const double ms = MedianMilliseconds(stream, 9, [&] {
    for (int i = 0; i < kReplays; ++i) CHECK(cudaGraphLaunch(exec, stream));
  });
  std::vector<double> launch, latency;
  for (int i = 0; i < 300; ++i) {
    const auto start = std::chrono::steady_clock::now();
    CHECK(cudaGraphLaunch(exec, stream));
    launch.push_back(Microseconds(std::chrono::steady_clock::now() - start));
    CHECK(cudaStreamSynchronize(stream));
    latency.push_back(Microseconds(std::chrono::steady_clock::now() - start));
  }
  CHECK(cudaGraphExecDestroy(exec));
  return {nodes, ms * 1e3 / kReplays, Median(launch), Median(latency)};
}

// Bytes a second of copies of `bytes`; read and written bytes count where both lie on the device.
double CopyRate(cudaStream_t stream, void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const double ms = MedianMilliseconds(stream, 7, [&] { CHECK(cudaMemcpyAsync(to, from, bytes, kind, stream)); });
  return (kind == cudaMemcpyDeviceToDevice ? 2.0 : 1.0) * static_cast<double>(bytes) / (ms * 1e-3);
}

}  // namespace

int main() {
  cudaDeviceProp properties;
  CHECK(cudaGetDeviceProperties(&properties, 0));
  int driver = 0, runtime = 0;
  CHECK(cudaDriverGetVersion(&driver));
  CHECK(cudaRuntimeGetVersion(&runtime));
  cudaStream_t stream;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  constexpr size_t kDeviceBytes = size_t{4} << 30, kHostBytes = size_t{256} << 20;
  void *a, *b, *host;
  CHECK(cudaMalloc(&a, kDeviceBytes));
  CHECK(cudaMalloc(&b, kDeviceBytes));
  CHECK(cudaMallocHost(&host, kHostBytes));
  CHECK(cudaMemset(a, 0x5a, kDeviceBytes));
  std::printf("{\"device\": \"%s\", \"multiprocessors\": %d, \"l2_bytes\": %d, \"memory_bytes\": %zu,\n",
              properties.name, properties.multiProcessorCount, properties.l2CacheSize, properties.totalGlobalMem);
  std::printf(" \"cuda_driver\": %d, \"cuda_runtime\": %d,\n", driver, runtime);
  std::printf(" \"device_copy_bytes_per_s\": %.6g,\n", CopyRate(stream, b, a, kDeviceBytes, cudaMemcpyDeviceToDevice));
  std::printf(" \"h2d_bytes_per_s\": %.6g,\n", CopyRate(stream, a, host, kHostBytes, cudaMemcpyHostToDevice));
  std::printf(" \"d2h_bytes_per_s\": %.6g,\n", CopyRate(stream, host, a, kHostBytes, cudaMemcpyDeviceToHost));
  std::printf(" \"empty_graphs\": [");
  const char* separator = "";
  for (const int nodes : {1, 10, 60, 100}) {
    const GraphCost cost = MeasureGraph(stream, nodes);
    std::printf("%s{\"nodes\": %d, \"device_us\": %.3f, \"launch_us\": %.3f, \"latency_us\": %.3f}", separator,
                cost.nodes, cost.device_us, cost.launch_us, cost.latency_us);
    separator = ", ";
  }
  std::printf("]}\n");
  CHECK(cudaFreeHost(host));
  CHECK(cudaFree(a));
  CHECK(cudaFree(b));
  CHECK(cudaStreamDestroy(stream));
  return 0;
}
