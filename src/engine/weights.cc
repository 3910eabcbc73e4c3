// Tested by tests/engine/weights_test.cc.
#include "engine/weights.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace moulin::internal {
namespace {

// Gives back the pages that lie wholly within the memory; false where there are none or the kernel says no.
bool GiveBackPages(const void* data, int64_t bytes) {
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(bytes)) / page * page;
  return begin < end && madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED) == 0;
}

// Calls `visit` with the constants of the graphs within the nodes of `graph`.
template <typename Visit>
void ForEachNestedConstant(const Graph& graph, const Visit& visit) {
  const auto within = [&](const Graph& nested) {
    for (ValueId v = 0; v < nested.num_values(); ++v) visit(nested.value(v).constant);
    ForEachNestedConstant(nested, visit);
  };
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kCase) {
      for (const auto& branch : node.attr<CaseAttrs>().branches) within(*branch);
    } else if (node.kind == OpKind::kWhile) {
      within(*node.attr<WhileAttrs>().condition);
      within(*node.attr<WhileAttrs>().body);
    }
  }
}

}  // namespace

Weights::Weights(const Graph& graph) {
  for (ValueId v = 0; v < graph.num_values(); ++v) {
    const Tensor& constant = graph.value(v).constant;
    if (!constant.is_valid() || SizeOf(constant.dtype()) == 0 || constant.byte_size() < kMinBytes) continue;
    auto& weight = weights_[constant.data()];
    if (weight == nullptr) weight = std::make_unique<Weight>(Weight{constant, nullptr});
  }
  ForEachNestedConstant(graph, [&](const Tensor& constant) { weights_.erase(constant.data()); });
}

void Weights::Restore() {
  for (auto& [address, weight] : weights_) {
    if (weight->copy == nullptr) continue;
    weight->copy->Restore(weight->elements.mutable_data());
    weight->copy.reset();
  }
}

void Weights::KeepAll() {
  std::lock_guard<std::mutex> lock(mutex_);
  keeps_all_ = true;
  Restore();
}

int64_t Weights::released_bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  int64_t bytes = 0;
  for (const auto& [address, weight] : weights_) {
    if (weight->copy != nullptr) bytes += weight->elements.byte_size();
  }
  return bytes;
}

void Weights::StopReading(const std::vector<Weight*>& read) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (Weight* weight : read) --weight->readers;
}

Weights::Session::Session(Weights* weights) : weights_(*weights), lock_(weights->mutex_) { weights_.Restore(); }

void Weights::Session::Release(const Tensor& constant, std::shared_ptr<const TensorCopy> copy) {
  const auto found = weights_.weights_.find(constant.data());
  if (found == weights_.weights_.end() || weights_.keeps_all_ || found->second->readers > 0) return;
  Weight& weight = *found->second;
  if (weight.copy == nullptr && GiveBackPages(weight.elements.data(), weight.elements.byte_size())) {
    weight.copy = std::move(copy);
  }
}

std::shared_ptr<const void> Weights::Session::Keep(const Plan& plan) {
  std::vector<Weight*> read;
  for (const Tensor& constant : ConstantsRead(plan)) {
    const auto found = weights_.weights_.find(constant.data());
    if (found == weights_.weights_.end()) continue;
    ++found->second->readers;
    read.push_back(found->second.get());
  }
  // The deleter's handle keeps the weights alive until the plan is gone.
  return std::shared_ptr<const void>(&weights_, [weights = weights_.shared_from_this(),
                                                 read = std::move(read)](const void*) { weights->StopReading(read); });
}

}  // namespace moulin::internal
