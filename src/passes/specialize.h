// Makes a graph of concrete shapes from one with unknown sizes.
#ifndef MOULIN_PASSES_SPECIALIZE_H_
#define MOULIN_PASSES_SPECIALIZE_H_

#include <memory>

#include "absl/types/span.h"
#include "ir/graph.h"
#include "moulin/tensor.h"
#include "passes/pass.h"

namespace moulin {

// What is known of one input of the graph.
struct InputFact {
  Shape shape;
  const Tensor* value = nullptr;  // where the elements too are to be built in; the input stays, unread
};

// A copy of `graph` for inputs of these shapes, with the pipeline run over it. Constants are shared with `graph`.
// INVALID_ARGUMENT where an input does not fit its declared type, or two do not fit each other, naming the node.
StatusOr<std::shared_ptr<Graph>> Specialize(const Graph& graph, absl::Span<const InputFact> inputs,
                                            const PassOptions& options);

}  // namespace moulin

#endif  // MOULIN_PASSES_SPECIALIZE_H_
