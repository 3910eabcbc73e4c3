// One inference: what is given, what is asked for, and the future that answers.
#ifndef MOULIN_REQUEST_H_
#define MOULIN_REQUEST_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "moulin/status.h"
#include "moulin/tensor.h"

namespace moulin {

// Tensors by name, in an order of the caller's. A name is a signature's key or a TensorFlow tensor name; ":0" at its
// end may be given or left out.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

// The tensor called `name` (a trailing ":0" on either side does not matter), or null.
const Tensor* FindTensor(const NamedTensors& tensors, absl::string_view name);

// What one request gives and asks for. Tensors are shared, not copied: their elements must not be written until the
// request is complete.
struct Request {
  // One tensor for each input of the model, in any order.
  NamedTensors inputs;
  // The outputs wanted, in the order they shall come back in. Empty: all of the model's, in the model's order.
  std::vector<std::string> outputs;
  // Waiting requests of higher priority run first; equal ones in the order of submission.
  int priority = 0;
  // The request completes with E_DEADLINE (DEADLINE_EXCEEDED) where it has no result by then. A run that has begun is
  // not stopped; its result is dropped.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  // Called exactly once, with what the future then holds, on a thread of the engine (or of the caller of Cancel or
  // Shutdown). The future is ready when it is called. It must not block for long: later requests of the model may wait
  // behind it. It may submit further requests.
  std::function<void(const StatusOr<NamedTensors>& result)> callback;
};

namespace internal {
class RequestState;
}  // namespace internal

// The answer to an accepted request. A handle: copies speak of the same request, and dropping all of them leaves the
// request running. Every accepted request completes exactly once. Thread-safe.
class Future {
 public:
  Future() = default;
  explicit Future(std::shared_ptr<internal::RequestState> state) : state_(std::move(state)) {}

  // False for a default-constructed future, on which nothing else may be called.
  bool valid() const { return state_ != nullptr; }
  // Whether the request is complete. Does not block.
  bool ready() const;
  // Blocks until the request is complete.
  void Wait() const;
  // Blocks until the request is complete or the time has passed; true where it is complete.
  bool WaitFor(std::chrono::nanoseconds timeout) const;
  // Blocks until the request is complete; its outputs, or the error it ended with.
  StatusOr<NamedTensors> Get() const;
  // Completes the request at once with E_CANCELLED (CANCELLED), unless it is complete already: then false. A request
  // that waits leaves the queue; of one that runs the result is dropped when it comes.
  bool Cancel() const;

 private:
  std::shared_ptr<internal::RequestState> state_;
};

}  // namespace moulin

#endif  // MOULIN_REQUEST_H_
