// Tested by tests/engine/weights_test.cc.
#include "engine/weights.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace moulin::internal {
namespace {

// Gives back the pages that lie wholly within the memory; false where there are none or the kernel says no.
bool GiveBackPages(const void* data, int64_t bytes) {
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(bytes)) / page * page;
  return begin < end && madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED) == 0;
}

bool IsLarge(const Tensor& constant) {
  return constant.is_valid() && SizeOf(constant.dtype()) > 0 && constant.byte_size() >= WeightStore::kMinBytes;
}

// Of the elements here and there, which tells most weights apart at the price of a few pages.
uint64_t Digest(const Tensor& constant) {
  constexpr int kSamples = 64;
  std::array<uint64_t, kSamples> samples;
  const char* data = static_cast<const char*>(constant.data());
  const int64_t last = constant.byte_size() - static_cast<int64_t>(sizeof(uint64_t));
  for (int i = 0; i < kSamples; ++i) std::memcpy(&samples[i], data + last / (kSamples - 1) * i, sizeof(uint64_t));
  return absl::HashOf(constant.dtype(), constant.byte_size(), samples);
}

bool HasElementsOf(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.byte_size() == b.byte_size() &&
         std::memcmp(a.data(), b.data(), a.byte_size()) == 0;
}

template <typename Visit>
void ForEachRegion(const Node& node, const Visit& visit) {
  if (node.kind == OpKind::kCase) {
    for (const auto& branch : node.attr<CaseAttrs>().branches) visit(branch);
  } else if (node.kind == OpKind::kWhile) {
    visit(node.attr<WhileAttrs>().condition);
    visit(node.attr<WhileAttrs>().body);
  }
}

// Calls `visit` with the constants of the graph and of those within its nodes.
template <typename Visit>
void ForEachConstant(const Graph& graph, const Visit& visit) {
  for (ValueId v = 0; v < graph.num_values(); ++v) visit(graph.value(v).constant);
  for (const Node& node : graph.nodes()) {
    ForEachRegion(node, [&](const std::shared_ptr<const Graph>& region) { ForEachConstant(*region, visit); });
  }
}

// Puts `replacement(constant)` in the place of each large constant of the graph and of those within its nodes.
template <typename Replacement>
void ReplaceLargeConstants(Graph* graph, const Replacement& replacement) {
  for (ValueId v = 0; v < graph->num_values(); ++v) {
    Tensor& constant = graph->value(v).constant;
    if (IsLarge(constant)) constant = replacement(constant);
  }
  for (NodeId n = 0; n < graph->num_nodes(); ++n) {
    const auto renewed = [&](std::shared_ptr<const Graph>* region) {
      std::shared_ptr<Graph> copy = (*region)->Clone();
      ReplaceLargeConstants(copy.get(), replacement);
      *region = std::move(copy);
    };
    if (auto* choice = std::get_if<CaseAttrs>(&graph->node(n).attrs)) {
      for (auto& branch : choice->branches) renewed(&branch);
    } else if (auto* loop = std::get_if<WhileAttrs>(&graph->node(n).attrs)) {
      renewed(&loop->condition);
      renewed(&loop->body);
    }
  }
}

}  // namespace

std::vector<Tensor> LargeConstants(const Graph& graph) {
  std::vector<Tensor> constants;
  absl::flat_hash_set<const void*> seen;
  ForEachConstant(graph, [&](const Tensor& constant) {
    if (IsLarge(constant) && seen.insert(constant.data()).second) constants.push_back(constant);
  });
  return constants;
}

WeightStore::Weight* WeightStore::Find(const Tensor& constant) const {
  const auto found = weights_.find(constant.data());
  const bool is_same = found != weights_.end() && found->second->elements.byte_size() == constant.byte_size();
  return is_same ? found->second.get() : nullptr;
}

WeightStore::Weight* WeightStore::FindEqual(const Tensor& constant, uint64_t key,
                                            absl::Span<Weight* const> others) const {
  const auto candidates = by_key_.find(key);
  if (candidates == by_key_.end()) return nullptr;
  for (Weight* weight : candidates->second) {
    if (std::find(others.begin(), others.end(), weight) != others.end()) continue;
    if (weight->copy != nullptr) weight->copy->Restore(weight->elements.mutable_data());
    const bool is_equal = HasElementsOf(weight->elements, constant);
    if (is_equal) weight->copy.reset();
    if (weight->copy != nullptr) GiveBackPages(weight->elements.data(), weight->elements.byte_size());
    if (is_equal) return weight;
  }
  return nullptr;
}

WeightStore::Weight* WeightStore::Add(const Tensor& constant, uint64_t key) {
  auto& weight = weights_[constant.data()];
  weight = std::make_unique<Weight>();
  weight->elements = constant;
  weight->key = key;
  by_key_[key].push_back(weight.get());
  return weight.get();
}

void WeightStore::Drop(Weight* weight) {
  if (--weight->users > 0) return;
  const auto same_key = by_key_.find(weight->key);
  same_key->second.erase(std::find(same_key->second.begin(), same_key->second.end(), weight));
  if (same_key->second.empty()) by_key_.erase(same_key);
  weights_.erase(weight->elements.data());
}

void WeightStore::Restore(Weight* weight) {
  if (weight->copy == nullptr) return;
  weight->copy->Restore(weight->elements.mutable_data());
  weight->copy.reset();
}

void WeightStore::Keep(Weight* weight) {
  weight->is_kept = true;
  weight->waiting.reset();
  Restore(weight);
}

void WeightStore::ReleaseWaiting(Weight* weight, int sessions) {
  if (weight->waiting == nullptr || weight->sessions > sessions) return;
  const bool is_read = weight->readers > 0 || weight->is_kept;
  if (!is_read && GiveBackPages(weight->elements.data(), weight->elements.byte_size())) {
    weight->copy = std::move(weight->waiting);
  }
  weight->waiting.reset();
}

std::shared_ptr<Weights> Weights::Of(std::shared_ptr<WeightStore> store, Graph* graph) {
  std::shared_ptr<Weights> weights(new Weights(std::move(store)));
  absl::flat_hash_map<const void*, WeightStore::Weight*> taken;  // by the address that the graph has for it
  std::lock_guard<std::mutex> lock(weights->store_->mutex_);
  ReplaceLargeConstants(graph, [&](const Tensor& constant) {
    WeightStore::Weight*& weight = taken[constant.data()];
    if (weight == nullptr) weight = weights->Take(constant, /*may_be_another=*/true);
    if (weight == nullptr || weight->elements.byte_size() != constant.byte_size()) return constant;
    return weight->elements.Reinterpreted(constant.dtype(), constant.shape());
  });
  return weights;
}

std::shared_ptr<Weights> Weights::Of(std::shared_ptr<WeightStore> store, absl::Span<const Tensor> constants) {
  std::shared_ptr<Weights> weights(new Weights(std::move(store)));
  std::lock_guard<std::mutex> lock(weights->store_->mutex_);
  for (const Tensor& constant : constants) weights->Take(constant, /*may_be_another=*/false);
  return weights;
}

WeightStore::Weight* Weights::Take(const Tensor& constant, bool may_be_another) {
  WeightStore::Weight* weight = store_->Find(constant);
  if (weight == nullptr) {
    if (store_->weights_.contains(constant.data())) return nullptr;  // of another size
    const uint64_t key = Digest(constant);
    if (may_be_another) weight = store_->FindEqual(constant, key, weights_);
    if (weight == nullptr) weight = store_->Add(constant, key);
  }
  ++weight->users;
  weights_.push_back(weight);
  return weight;
}

Weights::~Weights() {
  std::lock_guard<std::mutex> lock(store_->mutex_);
  for (WeightStore::Weight* weight : weights_) store_->Drop(weight);
}

void Weights::KeepAlways(absl::Span<const Tensor> constants) {
  std::lock_guard<std::mutex> lock(store_->mutex_);
  for (const Tensor& constant : constants) {
    if (WeightStore::Weight* weight = store_->Find(constant)) WeightStore::Keep(weight);
  }
}

void Weights::KeepAll() {
  std::lock_guard<std::mutex> lock(store_->mutex_);
  for (WeightStore::Weight* weight : weights_) WeightStore::Keep(weight);
}

int64_t Weights::released_bytes() const {
  std::lock_guard<std::mutex> lock(store_->mutex_);
  int64_t bytes = 0;
  for (const WeightStore::Weight* weight : weights_) {
    if (weight->copy != nullptr) bytes += weight->elements.byte_size();
  }
  return bytes;
}

Weights::Session::Session(std::shared_ptr<Weights> weights, absl::Span<const Tensor> constants)
    : weights_(std::move(weights)) {
  std::lock_guard<std::mutex> lock(weights_->store_->mutex_);
  for (const Tensor& constant : constants) {
    WeightStore::Weight* weight = weights_->store_->Find(constant);
    if (weight == nullptr) continue;
    ++weight->users;
    ++weight->sessions;
    WeightStore::Restore(weight);
    read_.push_back(weight);
  }
}

Weights::Session::~Session() {
  std::lock_guard<std::mutex> lock(weights_->store_->mutex_);
  for (WeightStore::Weight* weight : read_) {
    --weight->sessions;
    WeightStore::ReleaseWaiting(weight, /*sessions=*/0);
    weights_->store_->Drop(weight);
  }
}

void Weights::Session::Release(const Tensor& constant, std::shared_ptr<const TensorCopy> copy) {
  std::lock_guard<std::mutex> lock(weights_->store_->mutex_);
  WeightStore::Weight* weight = weights_->store_->Find(constant);
  if (weight == nullptr || weight->copy != nullptr) return;
  weight->waiting = std::move(copy);
  WeightStore::ReleaseWaiting(weight, /*sessions=*/1);
}

std::shared_ptr<const void> Weights::Session::Keep(const Plan& plan) {
  std::vector<WeightStore::Weight*> read;
  std::lock_guard<std::mutex> lock(weights_->store_->mutex_);
  for (const Tensor& constant : ConstantsRead(plan)) {
    WeightStore::Weight* weight = weights_->store_->Find(constant);
    if (weight == nullptr) continue;
    ++weight->users;
    ++weight->readers;
    read.push_back(weight);
  }
  return std::shared_ptr<const void>(
      weights_.get(), [weights = weights_, read = std::move(read)](const void*) { weights->StopReading(read); });
}

void Weights::StopReading(const std::vector<WeightStore::Weight*>& read) {
  std::lock_guard<std::mutex> lock(store_->mutex_);
  for (WeightStore::Weight* weight : read) {
    --weight->readers;
    store_->Drop(weight);
  }
}

}  // namespace moulin::internal
