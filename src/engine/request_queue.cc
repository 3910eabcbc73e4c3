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
  PutBack({priority, next_sequence_++, std::move(request)});
}

RequestQueue::Entry RequestQueue::Take() {
  std::pop_heap(heap_.begin(), heap_.end(), ComesLater);
  Entry entry = std::move(heap_.back());
  heap_.pop_back();
  return entry;
}

void RequestQueue::PutBack(Entry entry) {
  heap_.push_back(std::move(entry));
  std::push_heap(heap_.begin(), heap_.end(), ComesLater);
}

Batch RequestQueue::Pop(int64_t max_rows) {
  Batch batch;
  while (batch.empty() && !heap_.empty()) {
    Entry entry = Take();
    if (entry.request->Start()) batch.push_back(std::move(entry.request));
  }
  if (batch.empty() || max_rows <= 1) return batch;
  const BoundRequest& first = batch[0]->request();
  const int64_t rows = RowsOf(first);
  if (rows == 0 || rows >= max_rows) return batch;
  for (Entry& entry : TakeJoinable(first, rows, max_rows)) {
    if (entry.request->Start()) batch.push_back(std::move(entry.request));
  }
  return batch;
}

std::vector<RequestQueue::Entry> RequestQueue::TakeJoinable(const BoundRequest& first, int64_t rows, int64_t max_rows) {
  std::vector<Entry> taken;
  size_t kept = 0;  // of `taken`
  int64_t total = rows, doubled = 2 * rows;
  while (!heap_.empty()) {
    if (heap_.front().request->is_settled()) {
      Take();
      continue;
    }
    const BoundRequest& next = heap_.front().request->request();
    if (!CanJoin(first, next) || RowsOf(next) > max_rows - total) break;
    total += RowsOf(next);
    taken.push_back(Take());
    while (doubled < total) doubled *= 2;
    if (total == doubled || total == max_rows) kept = taken.size();
  }
  for (size_t i = kept; i < taken.size(); ++i) PutBack(std::move(taken[i]));
  taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(kept), taken.end());
  return taken;
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
