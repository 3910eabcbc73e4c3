// Holds a model on one device against the reference, value by value.
#ifndef MOULIN_ENGINE_COMPARE_H_
#define MOULIN_ENGINE_COMPARE_H_

#include <string>
#include <vector>

#include "engine/difference.h"
#include "ir/graph.h"
#include "moulin/engine.h"

namespace moulin {

struct CompareOptions {
  ModelOptions model;
  internal::Tolerance tolerance = {.rtol = 1e-3, .atol = 1e-4};
  // Compare the values inside the graph too, not only its outputs.
  bool layers = true;
};

// One value of the graph, on the device and on the reference.
struct ValueDifference {
  std::string name;  // a TensorFlow tensor name, or an output's key
  std::string op;    // the TensorFlow op that makes it, where known
  std::string type;  // "f32[1,7,7,2048]"
  bool is_output = false;
  internal::Difference difference;

  bool agrees() const { return difference.within(); }
};

struct CompareReport {
  std::vector<ValueDifference> values;  // in topological order of the graph that ran on the device
  // Indices into `values`; -1 where there is none.
  int first_divergence = -1;
  int first_nan = -1;  // the first value with a NaN on the device that the reference does not have

  bool agrees() const { return first_divergence < 0; }
};

// Reads the model twice: optimised for and run on `device`, and as imported on `reference` (an engine whose device is
// "reference"); compares every value that has kept its name. Blocks; both engines must be running. Errors as of
// Engine::Load and Model::Run.
StatusOr<CompareReport> CompareModel(Engine& device, Engine& reference, const std::string& path,
                                     const NamedTensors& inputs, const CompareOptions& options);

// The same for a graph at hand.
StatusOr<CompareReport> CompareGraph(Engine& device, Engine& reference, const Graph& graph, const NamedTensors& inputs,
                                     const CompareOptions& options);

}  // namespace moulin

#endif  // MOULIN_ENGINE_COMPARE_H_
