// Holds a model on one device against the reference, value by value.
#ifndef MOULIN_ENGINE_COMPARE_H_
#define MOULIN_ENGINE_COMPARE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "moulin/engine.h"

namespace moulin {

struct CompareOptions {
  ModelOptions model;
  // Two elements agree where |found - expected| <= absolute + relative * |expected|, or both are NaN, or they are
  // equal.
  double absolute = 1e-4;
  double relative = 1e-3;
  // Compare the values inside the graph too, not only its outputs.
  bool layers = true;
};

// One value of the graph, on the device and on the reference.
struct ValueDifference {
  std::string name;  // a TensorFlow tensor name, or an output's key
  std::string op;    // the TensorFlow op that makes it, where known
  std::string type;  // "f32[1,7,7,2048]"
  bool is_output = false;
  double max_absolute = 0;  // over the elements that are numbers on both sides
  double max_relative = 0;  // |found - expected| / |expected|, where that is not 0
  // sqrt(sum (found - expected)^2) / sqrt(sum expected^2) over those elements; 0 where all expected are 0.
  double relative_norm = 0;
  int64_t worst_index = -1;  // flat, of the element that exceeds the tolerance most; -1 where all are equal
  double worst_found = 0;
  double worst_expected = 0;
  int64_t mismatches = 0;     // elements that do not agree
  bool found_nan = false;     // a NaN on the device
  bool expected_nan = false;  // a NaN on the reference
  std::string problem;        // where there is nothing to compare: "shape [2] instead of [3]"; else ""

  bool agrees() const { return mismatches == 0 && problem.empty(); }
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

// The difference of two tensors; `name`, `op` and `is_output` are left to the caller.
ValueDifference CompareTensors(const Tensor& found, const Tensor& expected, const CompareOptions& options);

}  // namespace moulin

#endif  // MOULIN_ENGINE_COMPARE_H_
