// The requests of a model that wait for an instance.
#ifndef MOULIN_ENGINE_REQUEST_QUEUE_H_
#define MOULIN_ENGINE_REQUEST_QUEUE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/batch.h"
#include "engine/request_state.h"

namespace moulin::internal {

// By priority, then first come, first served. Not thread-safe. A request that is completed while it waits (cancelled,
// too late) stays until its turn or until there are many such; it does not count as waiting.
class RequestQueue {
 public:
  // Adds a request.
  void Push(std::shared_ptr<RequestState> request);
  // The next requests that are still wanted, started; empty where there are none. More than one where those next in
  // turn can be joined to at most `max_rows` rows: as many as have the rows of the first one doubled and doubled again,
  // or `max_rows`, so that few shapes come up.
  Batch Pop(int64_t max_rows = 0);
  // Takes out all of them, not started.
  std::vector<std::shared_ptr<RequestState>> Drain();
  // Entries, those completed meanwhile included.
  size_t size() const { return heap_.size(); }

 private:
  struct Entry {
    int priority;
    uint64_t sequence;
    std::shared_ptr<RequestState> request;
  };
  static bool ComesLater(const Entry& a, const Entry& b);
  Entry Take();
  void PutBack(Entry entry);
  // Entries behind a request of `rows` rows to be joined with it.
  std::vector<Entry> TakeJoinable(const BoundRequest& first, int64_t rows, int64_t max_rows);
  void DropSettled();

  std::vector<Entry> heap_;  // by ComesLater
  uint64_t next_sequence_ = 0;
  size_t sweep_at_ = 64;  // entries at which settled ones are looked for
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_REQUEST_QUEUE_H_
