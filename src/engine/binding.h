// A model's interface: the names, types and shapes it takes and gives, and the check of requests against them.
#ifndef MOULIN_ENGINE_BINDING_H_
#define MOULIN_ENGINE_BINDING_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "engine/request_state.h"
#include "ir/graph.h"
#include "moulin/model.h"

namespace moulin::internal {

// Immutable, thread-safe.
class ModelInterface {
 public:
  // The interface of `graph`, as requests of the model `name` see it. `max_batch` as of ModelOptions.
  ModelInterface(std::string name, const Graph& graph, int64_t max_batch = 0);

  const std::string& name() const { return name_; }
  const std::vector<TensorInfo>& inputs() const { return inputs_; }
  const std::vector<TensorInfo>& outputs() const { return outputs_; }

  // Whether requests may run as one, a row behind another: E_OPTION where an input or output has no open first size.
  Status CheckJoinable() const;

  // Puts the inputs in order and checks them: E_NAME, E_DUPLICATE, E_MISSING_INPUT, E_DTYPE, E_SHAPE, E_LIMIT, each
  // naming the model, the input, what was expected and what was found.
  StatusOr<BoundRequest> Bind(Request request) const;
  // Shapes of all inputs in order; those not given must be known from the graph.
  StatusOr<std::vector<Shape>> BindShapes(absl::Span<const InputShape> shapes) const;
  // The outputs of one request, under the names it asked for them by.
  NamedTensors NameOutputs(const std::vector<int>& wanted, std::vector<Tensor> outputs) const;

 private:
  using Index = absl::flat_hash_map<std::string, int>;
  static void AddToIndex(const std::vector<TensorInfo>& infos, Index* index);
  StatusOr<int> Find(const Index& index, const std::vector<TensorInfo>& infos, const char* what,
                     absl::string_view name) const;
  StatusOr<std::vector<Tensor>> BindInputs(NamedTensors inputs) const;
  Status CheckInput(const TensorInfo& info, const Tensor& tensor) const;
  Status CheckBatch(const TensorInfo& info, const Shape& shape) const;
  StatusOr<std::vector<int>> BindOutputs(const std::vector<std::string>& names) const;

  const std::string name_;
  const int64_t max_batch_;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  Index input_index_;  // by name and by tensor, without ":0"
  Index output_index_;
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_BINDING_H_
