// How a graph comes to be computed in int8: the ranges it is given or measured with, and the check of what was lost.
#ifndef MOULIN_ENGINE_QUANTIZATION_H_
#define MOULIN_ENGINE_QUANTIZATION_H_

#include <string>
#include <utility>
#include <vector>

#include "engine/engine_impl.h"
#include "ir/graph.h"
#include "moulin/model.h"
#include "moulin/quantization.h"
#include "moulin/status.h"

namespace moulin::internal {

// Gives a graph, as imported, the precision that `options` asks for and the ranges that go with it. E_OPTION where
// int8 is asked for and no range is known.
Status SetPrecision(const ModelOptions& options, Graph* graph);

// The ranges that int8 would need beside those that the graph has. E_VALUE for activations that are not finite, and the
// errors of loading and running.
StatusOr<std::vector<TensorRange>> MeasureRanges(EngineImpl& engine, const Graph& graph,
                                                 const std::vector<NamedTensors>& examples,
                                                 const ModelOptions& options);

// The largest error of any output on any of the examples, as Quantization::max_error measures it. E_ACCURACY where that
// is above the bound.
StatusOr<double> CheckAccuracy(ModelImpl& int8, ModelImpl& exact, const Quantization& quantization);

// How many convolutions and products of a graph are computed in int8, and the names of those left in float with what
// kept them there.
struct QuantizedProducts {
  int int8 = 0;
  std::vector<std::pair<std::string, std::string>> left;
};
QuantizedProducts CountQuantized(const Graph& graph);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_QUANTIZATION_H_
