// The large constants of an engine's models, which are in memory once: as they were given, or as the kernels have
// packed them, and the same for all models that have the same.
#ifndef MOULIN_ENGINE_WEIGHTS_H_
#define MOULIN_ENGINE_WEIGHTS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "base/tensor_copy.h"
#include "ir/graph.h"
#include "moulin/tensor.h"
#include "plan/plan.h"

namespace moulin::internal {

// The constants of a graph, and of the graphs within its nodes, that are worth keeping once: each block of memory once.
std::vector<Tensor> LargeConstants(const Graph& graph);

// All that an engine's models have. Thread-safe.
class WeightStore {
 public:
  // Smaller ones are left alone.
  static constexpr int64_t kMinBytes = 1 << 18;

 private:
  friend class Weights;
  struct Weight {
    Tensor elements;
    uint64_t key = 0;                           // of by_key_
    int users = 0;                              // Weights and sessions
    int sessions = 0;                           // that read the elements
    int readers = 0;                            // plans
    bool is_kept = false;                       // somebody may read the elements at any time
    std::shared_ptr<const TensorCopy> copy;     // not null while the elements are released
    std::shared_ptr<const TensorCopy> waiting;  // what they are released for when the last session ends
  };

  // All require mutex_.
  Weight* Find(const Tensor& constant) const;
  Weight* FindEqual(const Tensor& constant, uint64_t key, absl::Span<Weight* const> others) const;
  Weight* Add(const Tensor& constant, uint64_t key);
  void Drop(Weight* weight);
  static void Restore(Weight* weight);
  static void Keep(Weight* weight);
  // Releases what waits, where no more than these many sessions and no plan read it.
  static void ReleaseWaiting(Weight* weight, int sessions);

  mutable std::mutex mutex_;
  absl::flat_hash_map<const void*, std::unique_ptr<Weight>> weights_;  // by address; guarded by mutex_
  absl::flat_hash_map<uint64_t, std::vector<Weight*>> by_key_;         // by a digest of elements; guarded by mutex_
};

// Those of one model. Nobody reads their elements outside of a session, but for plans: a plan whose kernels all have
// copies of a constant needs the constant no more, and it is released, until another plan is made. Thread-safe.
class Weights {
 public:
  // Takes in the constants of `graph`. Where the store has one with the same elements, the graph has that from now on.
  static std::shared_ptr<Weights> Of(std::shared_ptr<WeightStore> store, Graph* graph);
  // Takes in these as they are.
  static std::shared_ptr<Weights> Of(std::shared_ptr<WeightStore> store, absl::Span<const Tensor> constants);
  ~Weights();

  // While it lives the elements of some constants are in memory, but for those that it releases: the making of a plan.
  class Session {
   public:
    // Brings back what was released.
    Session(std::shared_ptr<Weights> weights, absl::Span<const Tensor> constants);
    Session(const Session&) = delete;
    ~Session();
    // Gives back the pages of a constant, unless a plan or another session reads it. No more is read of it here.
    void Release(const Tensor& constant, std::shared_ptr<const TensorCopy> copy);
    // Keeps the constants that the plan's steps read as they are from being released, as long as the result lives.
    std::shared_ptr<const void> Keep(const Plan& plan);

   private:
    const std::shared_ptr<Weights> weights_;
    std::vector<WeightStore::Weight*> read_;
  };

  // Brings constants back, and lets them never be released again.
  void KeepAlways(absl::Span<const Tensor> constants);
  void KeepAll();
  // Bytes that are released now.
  int64_t released_bytes() const;

 private:
  explicit Weights(std::shared_ptr<WeightStore> store) : store_(std::move(store)) {}
  // The weight that stands for a constant of this model, in the store from now on; requires the store's mutex. Null
  // where its memory is that of another one.
  WeightStore::Weight* Take(const Tensor& constant, bool may_be_another);
  void StopReading(const std::vector<WeightStore::Weight*>& read);

  const std::shared_ptr<WeightStore> store_;
  std::vector<WeightStore::Weight*> weights_;  // each is used once by this
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_WEIGHTS_H_
