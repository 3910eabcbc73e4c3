// The one pool of threads that every model on a CPU device shares.
#ifndef MOULIN_DEVICE_HOST_CPU_THREAD_POOL_H_
#define MOULIN_DEVICE_HOST_CPU_THREAD_POOL_H_

#include <algorithm>
#include <cstdint>

#include "base/denormals.h"
#include "tbb/parallel_for.h"
#include "tbb/partitioner.h"
#include "tbb/task_arena.h"

namespace moulin::cpu {

// Thread-safe: the callers of several streams work in the same arena, which never runs more than `threads` at once.
class ThreadPool {
 public:
  explicit ThreadPool(int threads) : threads_(std::max(threads, 1)), arena_(threads_) {}

  int threads() const { return threads_; }

  // Calls `f` inside the arena. oneDNN's primitives are made and run so: they take the arena's number of threads.
  template <typename F>
  auto Run(F&& f) {
    return arena_.execute([&] {
      const FlushDenormals flush;
      return f();
    });
  }

  // How many parts ParallelFor cuts `n` items into, no part smaller than `grain`.
  int Parts(int64_t n, int64_t grain) const {
    return static_cast<int>(std::clamp<int64_t>(n / std::max<int64_t>(grain, 1), 1, threads_));
  }

  // Calls f(part) for each part in [0, parts), at once; on the calling thread where there is one.
  template <typename F>
  void ParallelParts(int parts, const F& f) {
    const auto run = [&f](int part) {
      const FlushDenormals flush;
      f(part);
    };
    if (parts == 1) {
      run(0);
      return;
    }
    arena_.execute([&] { tbb::parallel_for(0, parts, run, tbb::static_partitioner()); });
  }

  // Calls f(begin, end) for consecutive ranges that cover [0, n). The ranges depend on n, grain and threads() alone,
  // never on load, so that results do not either.
  template <typename F>
  void ParallelFor(int64_t n, int64_t grain, const F& f) {
    if (n <= 0) return;
    const int parts = Parts(n, grain);
    ParallelParts(parts, [&](int part) { f(n * part / parts, n * (part + 1) / parts); });
  }

 private:
  int threads_;
  tbb::task_arena arena_;
};

}  // namespace moulin::cpu

#endif  // MOULIN_DEVICE_HOST_CPU_THREAD_POOL_H_
