// Tested by tests/engine/compare_test.cc.
#include "engine/compare.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/half.h"
#include "base/status_macros.h"
#include "engine/engine_impl.h"
#include "engine/model_source.h"
#include "passes/specialize.h"
#include "plan/stage.h"

namespace moulin {
namespace {

// --- two tensors ---

// Adds element i of both sides to the account.
class Comparer {
 public:
  // Integers and truth values must be equal: `is_exact`.
  Comparer(const CompareOptions& options, bool is_exact, ValueDifference* difference)
      : absolute_(is_exact ? 0 : options.absolute),
        relative_(is_exact ? 0 : options.relative),
        difference_(difference) {}
  ~Comparer() {
    if (expected_squared_ > 0) difference_->relative_norm = std::sqrt(error_squared_ / expected_squared_);
  }

  void Add(int64_t i, double found, double expected) {
    difference_->found_nan |= std::isnan(found);
    difference_->expected_nan |= std::isnan(expected);
    if (std::isfinite(found) && std::isfinite(expected)) {
      error_squared_ += (found - expected) * (found - expected);
      expected_squared_ += expected * expected;
    }
    if (found == expected || (std::isnan(found) && std::isnan(expected))) return;
    const double error = std::abs(found - expected);
    const double allowed = absolute_ + relative_ * std::abs(expected);
    double excess = error - allowed;
    if (std::isfinite(error)) {
      difference_->max_absolute = std::max(difference_->max_absolute, error);
      if (expected != 0) difference_->max_relative = std::max(difference_->max_relative, error / std::abs(expected));
    } else {
      excess = INFINITY;  // a NaN or an infinity on one side only
    }
    if (excess > 0) ++difference_->mismatches;
    if (difference_->worst_index < 0 || excess > worst_excess_) {
      worst_excess_ = excess;
      difference_->worst_index = i;
      difference_->worst_found = found;
      difference_->worst_expected = expected;
    }
  }

 private:
  const double absolute_, relative_;
  ValueDifference* difference_;
  double worst_excess_ = 0;
  double error_squared_ = 0, expected_squared_ = 0;
};

template <typename T>
void AddAll(const Tensor& found, const Tensor& expected, Comparer* comparer) {
  for (int64_t i = 0; i < found.num_elements(); ++i) {
    comparer->Add(i, static_cast<double>(found.values<T>()[i]), static_cast<double>(expected.values<T>()[i]));
  }
}

template <typename T>
void AddHalves(const Tensor& found, const Tensor& expected, Comparer* comparer) {
  for (int64_t i = 0; i < found.num_elements(); ++i) {
    comparer->Add(i, static_cast<float>(found.values<T>()[i]), static_cast<float>(expected.values<T>()[i]));
  }
}

// Complex numbers part by part: index 2i is the real part of element i.
template <typename T>
void AddComplexes(const Tensor& found, const Tensor& expected, Comparer* comparer) {
  const T* f = static_cast<const T*>(found.data());
  const T* e = static_cast<const T*>(expected.data());
  for (int64_t i = 0; i < 2 * found.num_elements(); ++i) comparer->Add(i, f[i], e[i]);
}

void AddStrings(const Tensor& found, const Tensor& expected, ValueDifference* difference) {
  for (int64_t i = 0; i < found.num_elements(); ++i) {
    if (found.strings()[i] == expected.strings()[i]) continue;
    if (difference->mismatches++ == 0) difference->worst_index = i;
  }
}

void AddElements(const Tensor& found, const Tensor& expected, const CompareOptions& options, ValueDifference* d) {
  Comparer comparer(options, !IsFloating(found.dtype()) && !IsComplex(found.dtype()), d);
  switch (found.dtype()) {
    case DType::kFloat32:
      return AddAll<float>(found, expected, &comparer);
    case DType::kFloat64:
      return AddAll<double>(found, expected, &comparer);
    case DType::kFloat16:
      return AddHalves<Half>(found, expected, &comparer);
    case DType::kBFloat16:
      return AddHalves<BFloat16>(found, expected, &comparer);
    case DType::kBool:
    case DType::kUInt8:
    case DType::kQUInt8:
      return AddAll<uint8_t>(found, expected, &comparer);
    case DType::kInt8:
    case DType::kQInt8:
      return AddAll<int8_t>(found, expected, &comparer);
    case DType::kInt16:
    case DType::kQInt16:
      return AddAll<int16_t>(found, expected, &comparer);
    case DType::kUInt16:
    case DType::kQUInt16:
      return AddAll<uint16_t>(found, expected, &comparer);
    case DType::kInt32:
    case DType::kQInt32:
      return AddAll<int32_t>(found, expected, &comparer);
    case DType::kUInt32:
      return AddAll<uint32_t>(found, expected, &comparer);
    case DType::kInt64:
      return AddAll<int64_t>(found, expected, &comparer);
    case DType::kUInt64:
      return AddAll<uint64_t>(found, expected, &comparer);
    case DType::kComplex64:
      return AddComplexes<float>(found, expected, &comparer);
    case DType::kComplex128:
      return AddComplexes<double>(found, expected, &comparer);
    case DType::kString:
      return AddStrings(found, expected, d);
    default:
      d->problem = absl::StrCat("cannot compare elements of type ", Name(found.dtype()));
  }
}

std::string TypeText(const Tensor& t) { return absl::StrCat(ShortName(t.dtype()), t.shape().ToString()); }

// --- a graph on two devices ---

// A value to be compared, by its ids in the graph as it runs on the device and in the graph as imported.
struct Probe {
  ValueDifference description;
  ValueId device_value = kNoId;
  ValueId reference_value = kNoId;
};

// The graph as the device would run it on these inputs.
StatusOr<std::shared_ptr<Graph>> OptimizeFor(const Graph& graph, const std::vector<Tensor>& inputs,
                                             const PassOptions& passes, Precision precision) {
  auto optimized = std::make_shared<Graph>(graph);
  optimized->precision = precision;
  MOULIN_RETURN_IF_ERROR(RunPasses(optimized.get(), passes));
  const std::vector<bool> read_as_shapes = InputsReadAsShapes(*optimized);
  std::vector<InputFact> facts;
  for (size_t i = 0; i < inputs.size(); ++i) {
    facts.push_back({inputs[i].shape(), read_as_shapes[i] ? &inputs[i] : nullptr});
  }
  return Specialize(*optimized, facts, passes);
}

absl::flat_hash_map<std::string, ValueId> ValuesByName(const Graph& graph) {
  absl::flat_hash_map<std::string, ValueId> values;
  for (ValueId v = 0; v < graph.num_values(); ++v) {
    for (const std::string& name : graph.value(v).names) values.emplace(name, v);
  }
  return values;
}

// The values inside the graph that have the same name on both sides.
std::vector<Probe> LayerProbes(const Graph& device, const Graph& reference) {
  const absl::flat_hash_map<std::string, ValueId> by_name = ValuesByName(reference);
  std::vector<Probe> probes;
  for (const Node& node : device.nodes()) {
    for (ValueId v : node.outputs) {
      for (const std::string& name : device.value(v).names) {
        const auto it = by_name.find(name);
        if (device.value(v).type.dtype == DType::kVariant) continue;  // lists: what is read from them is compared
        if (it == by_name.end() || reference.value(it->second).type.dtype != device.value(v).type.dtype) continue;
        Probe probe;
        probe.description.name = name;
        probe.description.op = node.tf_op;
        probe.device_value = v;
        probe.reference_value = it->second;
        probes.push_back(std::move(probe));
        break;  // one name a value
      }
    }
  }
  return probes;
}

std::vector<Probe> OutputProbes(const Graph& device, const Graph& reference) {
  std::vector<Probe> probes;
  for (size_t i = 0; i < device.outputs().size(); ++i) {
    Probe probe;
    probe.description.name = device.outputs()[i].name;
    probe.description.is_output = true;
    probe.device_value = device.outputs()[i].value;
    probe.reference_value = reference.outputs()[i].value;
    const NodeId producer = device.value(probe.device_value).producer;
    if (producer != kNoId) probe.description.op = device.node(producer).tf_op;
    probes.push_back(std::move(probe));
  }
  return probes;
}

// Runs `graph` with one output a probe.
StatusOr<NamedTensors> RunProbes(Engine& engine, Graph graph, const std::vector<Probe>& probes, ValueId Probe::*value,
                                 const NamedTensors& inputs, const ModelOptions& options) {
  std::vector<GraphOutput> outputs;
  for (size_t i = 0; i < probes.size(); ++i) outputs.push_back({absl::StrCat("probe", i), probes[i].*value});
  graph.SetOutputs(std::move(outputs));
  ModelOptions plain;
  plain.optimize = options.optimize;
  plain.disabled_passes = options.disabled_passes;
  plain.max_lanes = options.max_lanes;
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<Model> model,
                          engine.impl().LoadGraph(std::make_shared<Graph>(std::move(graph)), "compare", plain));
  return model->Run(inputs);
}

CompareReport MakeReport(const std::vector<Probe>& probes, const NamedTensors& found, const NamedTensors& expected,
                         const CompareOptions& options) {
  CompareReport report;
  for (size_t i = 0; i < probes.size(); ++i) {
    ValueDifference difference = CompareTensors(found[i].second, expected[i].second, options);
    difference.name = probes[i].description.name;
    difference.op = probes[i].description.op;
    difference.is_output = probes[i].description.is_output;
    const int index = static_cast<int>(i);
    if (!difference.agrees() && report.first_divergence < 0) report.first_divergence = index;
    if (difference.found_nan && !difference.expected_nan && report.first_nan < 0) report.first_nan = index;
    report.values.push_back(std::move(difference));
  }
  return report;
}

}  // namespace

ValueDifference CompareTensors(const Tensor& found, const Tensor& expected, const CompareOptions& options) {
  ValueDifference difference;
  difference.type = TypeText(found);
  if (found.dtype() != expected.dtype() || found.shape() != expected.shape()) {
    difference.problem = absl::StrCat(TypeText(found), " instead of ", TypeText(expected));
    return difference;
  }
  AddElements(found, expected, options, &difference);
  return difference;
}

StatusOr<CompareReport> CompareGraph(Engine& device, Engine& reference, const Graph& graph, const NamedTensors& inputs,
                                     const CompareOptions& options) {
  Request request;
  request.inputs = inputs;
  const internal::ModelInterface interface("compare", graph);
  MOULIN_ASSIGN_OR_RETURN(const internal::BoundRequest bound, interface.Bind(std::move(request)));
  const PassOptions passes = internal::PassOptionsFor(options.model, device.impl().device_info(), Limits());
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<Graph> optimized,
                          OptimizeFor(graph, bound.inputs, passes, options.model.precision));
  std::vector<Probe> probes;
  if (options.layers) probes = LayerProbes(*optimized, graph);
  for (Probe& probe : OutputProbes(*optimized, graph)) probes.push_back(std::move(probe));
  MOULIN_ASSIGN_OR_RETURN(const NamedTensors found,
                          RunProbes(device, *optimized, probes, &Probe::device_value, inputs, options.model));
  ModelOptions plain;  // strict
  plain.optimize = false;
  MOULIN_ASSIGN_OR_RETURN(const NamedTensors expected,
                          RunProbes(reference, graph, probes, &Probe::reference_value, inputs, plain));
  return MakeReport(probes, found, expected, options);
}

StatusOr<CompareReport> CompareModel(Engine& device, Engine& reference, const std::string& path,
                                     const NamedTensors& inputs, const CompareOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(const internal::SourceModel source, internal::ReadModel(path, options.model, Limits()));
  StatusOr<CompareReport> report = CompareGraph(device, reference, *source.graph, inputs, options);
  if (!report.ok()) return AtFile(report.status(), path);
  return report;
}

}  // namespace moulin
