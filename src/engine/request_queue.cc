#include "engine/request_queue.h"

#include <algorithm>
#include <utility>

namespace moulin::internal {

bool RequestQueue::ComesLater(const Entry& a, const Entry& b) {
  return a.priority != b.priority ? a.priority < b.priority : a.sequence > b.sequence;
}

void RequestQueue::Push(std::shared_ptr<RequestState> request) {
  if (heap_.size() >= sweep_at_) DropSettled();
  const int priority = request->request().priority;
  heap_.push_back({priority, next_sequence_++, std::move(request)});
  std::push_heap(heap_.begin(), heap_.end(), ComesLater);
}

std::shared_ptr<RequestState> RequestQueue::Pop() {
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), ComesLater);
    std::shared_ptr<RequestState> request = std::move(heap_.back().request);
    heap_.pop_back();
    if (request->Start()) return request;
  }
  return nullptr;
}

std::vector<std::shared_ptr<RequestState>> RequestQueue::Drain() {
  std::sort(heap_.begin(), heap_.end(), [](const Entry& a, const Entry& b) { return ComesLater(b, a); });
  std::vector<std::shared_ptr<RequestState>> requests;
  for (Entry& entry : heap_) requests.push_back(std::move(entry.request));
  heap_.clear();
  return requests;
}

void RequestQueue::DropSettled() {
  const auto is_settled = [](const Entry& entry) { return entry.request->is_settled(); };
  heap_.erase(std::remove_if(heap_.begin(), heap_.end(), is_settled), heap_.end());
  std::make_heap(heap_.begin(), heap_.end(), ComesLater);
  sweep_at_ = std::max<size_t>(64, 2 * heap_.size());
}

}  // namespace moulin::internal
