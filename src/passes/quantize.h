// What the pass `quantize` does and leaves, for those who calibrate a model or tell what became of it.
#ifndef MOULIN_PASSES_QUANTIZE_H_
#define MOULIN_PASSES_QUANTIZE_H_

#include <string>
#include <vector>

#include "ir/graph.h"

namespace moulin {

// Whether a node is a convolution or product of float32 (float16, where precision has been reduced since), and whether
// it is one of int8 with int32 sums.
bool IsFloatProduct(const Graph& graph, const Node& node);
bool IsInt8Product(const Graph& graph, const Node& node);

// Why `quantize` leaves a floating product as it is; "" where it does not.
std::string WhyNotQuantized(const Graph& graph, const Node& node);

// The values that a range is to be found for, so that a product can be quantised; each has a name.
std::vector<ValueId> ActivationsWithoutRange(const Graph& graph);

}  // namespace moulin

#endif  // MOULIN_PASSES_QUANTIZE_H_
