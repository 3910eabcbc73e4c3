// TensorFlow ops whose lowering waits (OpKind::kDeferred).
//
// Which primitives an op becomes may hang on what a graph does not say: the rank of an input that is declared without a
// shape, the number of steps of a sequence, an axis that is itself an input. Such an op stays a node until its
// operands' shapes (and, where it needs them, elements) are known, which a request tells or an earlier stage of the
// run; then the pass lower_deferred puts the primitives in its place.
#ifndef MOULIN_OPS_DEFERRED_H_
#define MOULIN_OPS_DEFERRED_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "ops/graph_builder.h"

namespace moulin {

// The lowering of one node. Immutable, so that copies of a graph share it; thread-safe.
class DeferredLowering {
 public:
  struct Result {
    std::vector<ValueId> outputs;  // kNoId for one that is not supported
    // Where it turned out to need still more: what, and the inputs whose elements it needs. There are no outputs then.
    std::string waits_for;
    InputMask constant_inputs = 0;
  };

  virtual ~DeferredLowering() = default;
  // Builds the primitives. The builder is of no further use where this fails or waits.
  virtual StatusOr<Result> Lower(absl::Span<const ValueId> inputs, GraphBuilder* builder) const = 0;
};

}  // namespace moulin

#endif  // MOULIN_OPS_DEFERRED_H_
