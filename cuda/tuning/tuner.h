// Chooses among ways to compute the same thing by timing them on the device, and remembers.
#ifndef MOULIN_CUDA_TUNING_TUNER_H_
#define MOULIN_CUDA_TUNING_TUNER_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "cuda/kernel_factory.h"
#include "cuda/tuning/tuning_cache.h"

namespace moulin::cuda {

// One way: its name is the same in every process, and no other candidate's. `make` may take seconds; an error or null
// means that this way does not work after all.
struct TuningCandidate {
  std::string name;
  std::function<StatusOr<KernelPtr>()> make;
};

struct TuningTensor {
  DType type;
  int64_t bytes;
};

// What is computed: `key` says all that the times depend on, but for the device.
struct TuningProblem {
  std::string key;
  std::vector<TuningTensor> inputs, outputs;
};

// The problem of a node: `what` and its operands.
TuningProblem TuningProblemFor(const KernelRequest& request, absl::string_view what);

struct TunerOptions {
  std::string device;      // name of the device, versions of driver and libraries: another one's times are not used
  std::string cache_file;  // empty: choices are remembered in memory alone
  int64_t max_bytes = int64_t{1} << 30;  // of operands and workspace together; what needs more is not timed
  int max_candidates = 12;               // more are not timed
  int num_samples = 5;
  double sample_us = 200;  // a sample is as many runs as take about so long
};

// Thread-safe: one candidate is timed at a time.
class Tuner {
 public:
  // Reads the cache file.
  Tuner(const CudaApi& api, TunerOptions options);

  // The fastest kernel: the remembered one where it can still be made, else the first where none can be timed. Null
  // where no candidate can be made.
  StatusOr<KernelPtr> Choose(const TuningProblem& problem, const std::vector<TuningCandidate>& candidates);

 private:
  struct Buffers;
  StatusOr<KernelPtr> Time(const TuningProblem& problem, const std::vector<TuningCandidate>& candidates);
  // The median time of a run in microseconds.
  StatusOr<double> TimeOne(const CudaKernel& kernel, const Buffers& buffers);
  StatusOr<double> Sample(const CudaKernel& kernel, const Buffers& buffers, int runs);

  const CudaApi& api_;
  const TunerOptions options_;
  std::mutex mutex_;
  TuningCache cache_;  // guarded by mutex_
};

// By the context's tuner; where it has none, or only plans, the first candidate that can be made. Null where none can.
StatusOr<KernelPtr> ChooseKernel(const CudaContext& context, const TuningProblem& problem,
                                 std::vector<TuningCandidate> candidates);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_TUNING_TUNER_H_
