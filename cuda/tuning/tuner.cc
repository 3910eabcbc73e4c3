// Covered by tests/cuda/tuning/tuner_test.cc.
#include "cuda/tuning/tuner.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <utility>

#include "base/errors.h"
#include "base/half.h"
#include "base/math.h"
#include "base/status_macros.h"
#include "cuda/memory.h"

namespace moulin::cuda {
namespace {

int64_t OperandBytes(const TuningProblem& problem) {
  int64_t bytes = 0;
  for (const TuningTensor& t : problem.inputs) bytes += RoundUp(t.bytes, kMemoryAlignment);
  for (const TuningTensor& t : problem.outputs) bytes += RoundUp(t.bytes, kMemoryAlignment);
  return bytes;
}

// Floats in [-1, 1); other types are zeros, which are good as indices and sizes.
std::vector<char> RandomBytes(const TuningTensor& tensor) {
  std::vector<char> bytes(tensor.bytes, 0);
  std::minstd_rand random(7);
  std::uniform_real_distribution<float> number(-1, 1);
  const auto fill = [&](auto tag) {
    using T = decltype(tag);
    T* values = reinterpret_cast<T*>(bytes.data());
    for (size_t i = 0; i < bytes.size() / sizeof(T); ++i) values[i] = T(number(random));
  };
  if (tensor.type == DType::kFloat32) fill(float());
  if (tensor.type == DType::kFloat64) fill(double());
  if (tensor.type == DType::kFloat16) fill(Half());
  if (tensor.type == DType::kBFloat16) fill(BFloat16());
  return bytes;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

StatusOr<KernelPtr> FirstThatWorks(const std::vector<TuningCandidate>& candidates) {
  for (const TuningCandidate& candidate : candidates) {
    StatusOr<KernelPtr> kernel = candidate.make();
    if (kernel.ok() && *kernel != nullptr) return kernel;
  }
  return KernelPtr();
}

}  // namespace

// Memory on the device for one problem, a stream and two events.
struct Tuner::Buffers {
  explicit Buffers(const CudaApi& cuda) : api(cuda) {}
  ~Buffers() {
    if (start != nullptr) api.EventDestroy(start);
    if (end != nullptr) api.EventDestroy(end);
    if (stream != nullptr) api.StreamDestroy(stream);
    if (memory != nullptr) api.Free(memory);
  }
  Buffers(const Buffers&) = delete;

  Status Make(const TuningProblem& problem, int64_t workspace_bytes) {
    MOULIN_RETURN_IF_ERROR(ToStatus(api,
                                    api.Malloc(&memory, OperandBytes(problem) + workspace_bytes + kMemoryAlignment),
                                    "allocating memory to time kernels in"));
    MOULIN_RETURN_IF_ERROR(
        ToStatus(api, api.StreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0), "making a stream"));
    MOULIN_RETURN_IF_ERROR(ToStatus(api, api.EventCreateWithFlags(&start, cudaEventDefault), "making an event"));
    MOULIN_RETURN_IF_ERROR(ToStatus(api, api.EventCreateWithFlags(&end, cudaEventDefault), "making an event"));
    char* next = static_cast<char*>(memory);
    for (const TuningTensor& t : problem.inputs) {
      const std::vector<char> values = RandomBytes(t);
      MOULIN_RETURN_IF_ERROR(
          ToStatus(api, api.MemcpyAsync(next, values.data(), values.size(), cudaMemcpyHostToDevice, stream),
                   "copying operands"));
      MOULIN_RETURN_IF_ERROR(ToStatus(api, api.StreamSynchronize(stream), "copying operands"));
      inputs.push_back(next);
      next += RoundUp(t.bytes, kMemoryAlignment);
    }
    for (const TuningTensor& t : problem.outputs) {
      outputs.push_back(next);
      next += RoundUp(t.bytes, kMemoryAlignment);
    }
    workspace = next;
    return absl::OkStatus();
  }

  const CudaApi& api;
  void* memory = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t start = nullptr, end = nullptr;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  void* workspace = nullptr;
};

TuningProblem TuningProblemFor(const KernelRequest& request, absl::string_view what) {
  TuningProblem problem;
  problem.key = absl::StrCat(Name(request.node.kind), " ", what);
  for (int i = 0; i < request.num_inputs(); ++i) {
    problem.inputs.push_back(
        {request.dtype(i), request.shape(i).num_elements() * static_cast<int64_t>(SizeOf(request.dtype(i)))});
  }
  for (int i = 0; i < request.num_outputs(); ++i) {
    problem.outputs.push_back({request.output_dtype(i), request.output_shape(i).num_elements() *
                                                            static_cast<int64_t>(SizeOf(request.output_dtype(i)))});
  }
  return problem;
}

Tuner::Tuner(const CudaApi& api, TunerOptions options)
    : api_(api), options_(std::move(options)), cache_(options_.device) {
  if (!options_.cache_file.empty()) cache_.Load(options_.cache_file);
}

StatusOr<KernelPtr> Tuner::Choose(const TuningProblem& problem, const std::vector<TuningCandidate>& candidates) {
  if (candidates.size() < 2) return FirstThatWorks(candidates);
  std::lock_guard<std::mutex> lock(mutex_);
  if (const std::optional<TuningChoice> known = cache_.Find(problem.key)) {
    for (const TuningCandidate& candidate : candidates) {
      if (candidate.name != known->name) continue;
      StatusOr<KernelPtr> kernel = candidate.make();
      if (kernel.ok() && *kernel != nullptr) return kernel;
    }
  }
  return Time(problem, candidates);
}

StatusOr<KernelPtr> Tuner::Time(const TuningProblem& problem, const std::vector<TuningCandidate>& candidates) {
  const int64_t operands = OperandBytes(problem);
  std::vector<std::pair<KernelPtr, std::string>> kernels;
  int64_t workspace = 0;
  for (const TuningCandidate& candidate : candidates) {
    if (static_cast<int>(kernels.size()) == options_.max_candidates) break;
    StatusOr<KernelPtr> kernel = candidate.make();
    if (!kernel.ok() || *kernel == nullptr || operands + (*kernel)->workspace_bytes() > options_.max_bytes) continue;
    workspace = std::max(workspace, (*kernel)->workspace_bytes());
    kernels.push_back({*std::move(kernel), candidate.name});
  }
  if (kernels.empty()) return FirstThatWorks(candidates);
  Buffers buffers(api_);
  if (kernels.size() == 1 || !buffers.Make(problem, workspace).ok()) return kernels[0].first;
  size_t best = 0;
  double least = HUGE_VAL;
  for (size_t i = 0; i < kernels.size(); ++i) {
    const StatusOr<double> time = TimeOne(*kernels[i].first, buffers);
    if (time.ok() && *time < least) {
      best = i;
      least = *time;
    }
  }
  if (least == HUGE_VAL) return kernels[0].first;
  cache_.Insert(problem.key, {kernels[best].second, least});
  // Without a file the times are taken again next time.
  if (!options_.cache_file.empty()) cache_.Save(options_.cache_file).IgnoreError();
  return kernels[best].first;
}

StatusOr<double> Tuner::TimeOne(const CudaKernel& kernel, const Buffers& buffers) {
  MOULIN_RETURN_IF_ERROR(Sample(kernel, buffers, 1).status());  // loads code, uploads weights
  MOULIN_ASSIGN_OR_RETURN(const double once, Sample(kernel, buffers, 1));
  const int runs = static_cast<int>(std::clamp(options_.sample_us / std::max(once, 0.5), 1.0, 100.0));
  std::vector<double> samples;
  for (int i = 0; i < options_.num_samples; ++i) {
    MOULIN_ASSIGN_OR_RETURN(const double sample, Sample(kernel, buffers, runs));
    samples.push_back(sample);
  }
  return Median(std::move(samples));
}

StatusOr<double> Tuner::Sample(const CudaKernel& kernel, const Buffers& buffers, int runs) {
  const LaunchContext context{&api_, buffers.stream, buffers.inputs, buffers.outputs, buffers.workspace};
  MOULIN_RETURN_IF_ERROR(ToStatus(api_, api_.EventRecord(buffers.start, buffers.stream), "timing a kernel"));
  for (int i = 0; i < runs; ++i) MOULIN_RETURN_IF_ERROR(kernel.Enqueue(context));
  MOULIN_RETURN_IF_ERROR(ToStatus(api_, api_.EventRecord(buffers.end, buffers.stream), "timing a kernel"));
  MOULIN_RETURN_IF_ERROR(ToStatus(api_, api_.EventSynchronize(buffers.end), "timing a kernel"));
  float milliseconds = 0;
  MOULIN_RETURN_IF_ERROR(
      ToStatus(api_, api_.EventElapsedTime(&milliseconds, buffers.start, buffers.end), "timing a kernel"));
  return static_cast<double>(milliseconds) * 1000 / runs;
}

StatusOr<KernelPtr> ChooseKernel(const CudaContext& context, const TuningProblem& problem,
                                 std::vector<TuningCandidate> candidates) {
  if (context.tuner != nullptr && !context.plan_only) return context.tuner->Choose(problem, candidates);
  return FirstThatWorks(candidates);
}

}  // namespace moulin::cuda
