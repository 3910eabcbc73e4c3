#include "cli/bench_rounds.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/status_macros.h"

namespace moulin::cli {
namespace {

bool SameBits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  if (a.dtype() == DType::kString) return a.strings() == b.strings();
  return std::memcmp(a.data(), b.data(), static_cast<size_t>(a.byte_size())) == 0;
}

// Whether a request gave other bits than the model gave alone; false where that is not known.
bool Differs(const BenchModel& m, size_t set, const NamedTensors& outputs) {
  if (m.expected.empty()) return false;
  const NamedTensors& expected = m.expected[set];
  return !std::equal(outputs.begin(), outputs.end(), expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return SameBits(a.second, b.second); });
}

// Counts the requests in flight of each round and hands out rounds as they end.
class AsyncRounds {
 public:
  AsyncRounds(std::vector<BenchModel>& models, int concurrency) : models_(models), idle_(concurrency) {}

  Status Run(Clock::time_point end) {
    do {
      WaitForIdle(1);
      MOULIN_RETURN_IF_ERROR(SubmitRound());
    } while (Clock::now() < end && ok());
    return Finish();
  }

  // Waits for every round, also after an error.
  Status Finish() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return in_flight_ == 0; });
    return status_;
  }

 private:
  bool ok() {
    std::lock_guard<std::mutex> lock(mutex_);
    return status_.ok();
  }

  void WaitForIdle(int rounds) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return idle_ >= rounds; });
    idle_ -= rounds;
  }

  Status SubmitRound() {
    auto left = std::make_shared<int>(static_cast<int>(models_.size()));  // guarded by mutex_
    for (BenchModel& m : models_) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        ++in_flight_;
      }
      Request request;
      const size_t set = m.NextTurn();
      request.inputs = m.input_sets[set];
      request.priority = m.priority;
      const Clock::time_point start = Clock::now();
      request.callback = [this, &m, set, left, start](const StatusOr<NamedTensors>& result) {
        const double latency_ms = Milliseconds(Clock::now() - start);
        const bool different = result.ok() && Differs(m, set, *result);
        Done(m, left.get(), latency_ms, different, result.status());
      };
      const Status status = m.model->Submit(std::move(request)).status();
      m.submit_us.push_back(Milliseconds(Clock::now() - start) * 1e3);
      if (!status.ok()) Done(m, left.get(), 0, false, status);
    }
    return absl::OkStatus();
  }

  void Done(BenchModel& m, int* left, double latency_ms, bool different, const Status& status) {
    std::lock_guard<std::mutex> lock(mutex_);
    m.different += different ? 1 : 0;
    if (status.ok()) m.latencies_ms.push_back(latency_ms);
    if (status_.ok()) status_ = status;
    --in_flight_;
    if (--*left == 0) ++idle_;
    changed_.notify_all();
  }

  std::vector<BenchModel>& models_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int idle_;           // rounds that may start
  int in_flight_ = 0;  // requests
  Status status_;      // the first error
};

}  // namespace

Status RunSync(std::vector<BenchModel>& models, Clock::time_point end) {
  do {
    for (BenchModel& m : models) {
      const Clock::time_point start = Clock::now();
      const size_t set = m.NextTurn();
      MOULIN_ASSIGN_OR_RETURN(const NamedTensors outputs, m.model->Run(m.input_sets[set]));
      m.latencies_ms.push_back(Milliseconds(Clock::now() - start));
      if (Differs(m, set, outputs)) ++m.different;
    }
  } while (Clock::now() < end);
  return absl::OkStatus();
}

Status RunAsync(std::vector<BenchModel>& models, int concurrency, Clock::time_point end) {
  return AsyncRounds(models, concurrency).Run(end);
}

}  // namespace moulin::cli
