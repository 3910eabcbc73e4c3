// Tested by tests/engine/quantization_test.cc.
#include "engine/quantization.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/difference.h"
#include "ops/graph_builder.h"
#include "passes/pass.h"
#include "passes/quantize.h"

namespace moulin::internal {
namespace {

// The TensorFlow tensor that a value stands for, rather than the name of an input.
std::string TensorNameOf(const Value& value) {
  for (const std::string& name : value.names) {
    if (name.find(':') != std::string::npos) return name;
  }
  return std::string(value.name());
}

// The model as it would be quantised, with the least and the largest element of each activation as its outputs.
StatusOr<Graph> Observed(const Graph& graph, const ModelOptions& options, std::vector<std::string>* names) {
  PassOptions passes;
  passes.disabled.insert(options.disabled_passes.begin(), options.disabled_passes.end());
  Graph observed = graph;
  observed.precision = Precision::kStrict;
  MOULIN_RETURN_IF_ERROR(RunPasses(&observed, passes));
  GraphBuilder b(&observed, passes.limits);
  std::vector<GraphOutput> outputs;
  for (const ValueId v : ActivationsWithoutRange(observed)) {
    const ValueId flat = b.Reshape(v, b.Ints({-1}));
    outputs.push_back({absl::StrCat("min", names->size()), b.Reduce(ReduceOp::kMin, flat, {0}, /*keep_dims=*/false)});
    outputs.push_back({absl::StrCat("max", names->size()), b.Reduce(ReduceOp::kMax, flat, {0}, /*keep_dims=*/false)});
    names->push_back(TensorNameOf(observed.value(v)));
  }
  MOULIN_RETURN_IF_ERROR(b.status());
  observed.SetOutputs(std::move(outputs));
  return observed;
}

// Widens the ranges by what one example gave: the ends of each range, one after the other.
Status Widen(const NamedTensors& ends, int example, std::vector<TensorRange>* ranges) {
  for (size_t i = 0; i < ranges->size(); ++i) {
    TensorRange& range = (*ranges)[i];
    const float min = ends[2 * i].second.values<float>()[0], max = ends[2 * i + 1].second.values<float>()[0];
    if (min == INFINITY && max == -INFINITY) continue;  // no elements
    if (!std::isfinite(min) || !std::isfinite(max)) {
      return MakeError(ErrorCode::kValue, "tensor \"", Printable(range.tensor), "\" is not finite on example ", example,
                       ": its elements are between ", min, " and ", max);
    }
    range.min = std::min(range.min, min);
    range.max = std::max(range.max, max);
  }
  return absl::OkStatus();
}

// As Quantization::max_error says.
double ErrorOf(const Tensor& found, const Tensor& expected) {
  const Difference d = Compare(found, expected, {});
  if (d.within()) return 0;
  if (d.mismatches == 0) return INFINITY;  // of other types or shapes
  if (!IsFloating(found.dtype())) {
    return static_cast<double>(d.mismatches) / static_cast<double>(found.num_elements());
  }
  return d.found_nan != d.expected_nan || d.relative_norm == 0 ? INFINITY : d.relative_norm;
}

}  // namespace

Status SetPrecision(const ModelOptions& options, Graph* graph) {
  graph->precision = options.precision;
  if (!IsInt8(options.precision)) return absl::OkStatus();
  for (const TensorRange& range : options.quantization.ranges) {
    graph->ranges.emplace(range.tensor, ValueRange{range.min, range.max});
  }
  if (!graph->ranges.empty()) return absl::OkStatus();
  return MakeError(ErrorCode::kOption, Name(options.precision), " needs ranges of activations: the graph has no ",
                   "FakeQuant nodes that tell them; expected those that `moulin calibrate` writes");
}

StatusOr<std::vector<TensorRange>> MeasureRanges(EngineImpl& engine, const Graph& graph,
                                                 const std::vector<NamedTensors>& examples,
                                                 const ModelOptions& options) {
  if (examples.empty()) return MakeError(ErrorCode::kEmpty, "no examples to measure ranges on");
  std::vector<std::string> names;
  MOULIN_ASSIGN_OR_RETURN(Graph observed, Observed(graph, options, &names));
  std::vector<TensorRange> ranges;
  for (const std::string& name : names) ranges.push_back({name, INFINITY, -INFINITY});
  if (ranges.empty()) return ranges;
  ModelOptions strict;
  strict.disabled_passes = options.disabled_passes;
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<Model> model,
                          engine.LoadGraph(std::make_shared<Graph>(std::move(observed)), "calibration", strict));
  for (size_t i = 0; i < examples.size(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(const NamedTensors ends, model->Run(examples[i]));
    MOULIN_RETURN_IF_ERROR(Widen(ends, static_cast<int>(i), &ranges));
  }
  // Those that never had an element.
  ranges.erase(std::remove_if(ranges.begin(), ranges.end(), [](const TensorRange& r) { return r.min > r.max; }),
               ranges.end());
  return ranges;
}

StatusOr<double> CheckAccuracy(ModelImpl& int8, ModelImpl& exact, const Quantization& quantization) {
  double worst = -1;
  std::string place;
  for (size_t i = 0; i < quantization.examples.size(); ++i) {
    Request request;
    request.inputs = quantization.examples[i];
    MOULIN_ASSIGN_OR_RETURN(const NamedTensors expected, exact.Run(request));
    MOULIN_ASSIGN_OR_RETURN(const NamedTensors found, int8.Run(std::move(request)));
    for (size_t k = 0; k < found.size(); ++k) {
      const double error = ErrorOf(found[k].second, expected[k].second);
      if (error <= worst) continue;
      worst = error;
      place = absl::StrCat("output \"", Printable(found[k].first), "\" on example ", i);
    }
  }
  if (worst <= quantization.max_error) return std::max(worst, 0.0);
  return MakeError(ErrorCode::kAccuracy, "int8 is too far from float32: ", place, " has a relative error of ", worst,
                   ", at most ", quantization.max_error, " is allowed");
}

QuantizedProducts CountQuantized(const Graph& graph) {
  QuantizedProducts products;
  for (const Node& node : graph.nodes()) {
    products.int8 += IsInt8Product(graph, node);
    if (!IsFloatProduct(graph, node)) continue;
    products.left.emplace_back(node.name, WhyNotQuantized(graph, node));
  }
  return products;
}

}  // namespace moulin::internal
