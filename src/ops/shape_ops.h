// Values that follow from types alone.
#ifndef MOULIN_OPS_SHAPE_OPS_H_
#define MOULIN_OPS_SHAPE_OPS_H_

#include <optional>

#include "absl/types/span.h"
#include "ir/graph.h"

namespace moulin {

// What ShapeOf, SizeOfTensor or RankOf gives for operands of these types, where that much of the shape is known: every
// size for the first two (or one size being 0 for SizeOfTensor), the rank for the last. Nothing for other primitives.
std::optional<Tensor> ConstantOfShape(const Node& node, absl::Span<const TensorType> inputs);

}  // namespace moulin

#endif  // MOULIN_OPS_SHAPE_OPS_H_
