// The large constants of a model, which are in memory once: as they were given, or as the kernels have packed them.
#ifndef MOULIN_ENGINE_WEIGHTS_H_
#define MOULIN_ENGINE_WEIGHTS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/tensor_copy.h"
#include "ir/graph.h"
#include "moulin/tensor.h"
#include "plan/plan.h"

namespace moulin::internal {

// Holds the constants of one graph that nobody else reads. While a Session lives all of them are in memory, but for
// those that it releases: a plan whose kernels all have copies of a constant needs the constant no more, until another
// plan is made. Thread-safe.
class Weights : public std::enable_shared_from_this<Weights> {
 public:
  // Smaller ones are left alone.
  static constexpr int64_t kMinBytes = 1 << 18;

  // `graph` and its copies are read within sessions only. Constants of the graphs within its nodes are left alone.
  explicit Weights(const Graph& graph);

  // The making of one plan. Sessions come one after another.
  class Session {
   public:
    explicit Session(Weights* weights);  // brings back what was released
    // Gives back the pages of a constant, unless a plan reads it.
    void Release(const Tensor& constant, std::shared_ptr<const TensorCopy> copy);
    // Keeps the constants that the plan's steps read as they are from being released, as long as the result lives.
    std::shared_ptr<const void> Keep(const Plan& plan);

   private:
    Weights& weights_;
    const std::lock_guard<std::mutex> lock_;
  };

  // Brings all back, and lets nothing be released again.
  void KeepAll();
  // Bytes that are released now.
  int64_t released_bytes() const;

 private:
  struct Weight {
    Tensor elements;
    std::shared_ptr<const TensorCopy> copy;  // not null while the elements are released
    int readers = 0;                         // plans
  };
  void Restore();  // requires mutex_
  void StopReading(const std::vector<Weight*>& read);

  mutable std::mutex mutex_;
  absl::flat_hash_map<const void*, std::unique_ptr<Weight>> weights_;  // by address; guarded by mutex_
  bool keeps_all_ = false;                                             // guarded by mutex_
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_WEIGHTS_H_
