// Tested by tests/engine/compare_test.cc.
#include "engine/compare.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/engine_impl.h"
#include "engine/model_source.h"
#include "engine/quantization.h"
#include "passes/specialize.h"
#include "plan/stage.h"

namespace moulin {
namespace {

std::string TypeText(const Tensor& t) { return absl::StrCat(ShortName(t.dtype()), t.shape().ToString()); }

// A value to be compared, by its ids in the graph as it runs on the device and in the graph as imported.
struct Probe {
  ValueDifference description;
  ValueId device_value = kNoId;
  ValueId reference_value = kNoId;
};

// The graph as the device would run it on these inputs.
StatusOr<std::shared_ptr<Graph>> OptimizeFor(const Graph& graph, const std::vector<Tensor>& inputs,
                                             const PassOptions& passes, const ModelOptions& options) {
  auto optimized = std::make_shared<Graph>(graph);
  MOULIN_RETURN_IF_ERROR(internal::SetPrecision(options, optimized.get()));
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
    ValueDifference value = probes[i].description;
    value.type = TypeText(found[i].second);
    value.difference = internal::Compare(found[i].second, expected[i].second, options.tolerance);
    const int index = static_cast<int>(i);
    if (!value.agrees() && report.first_divergence < 0) report.first_divergence = index;
    const bool new_nan = value.difference.found_nan && !value.difference.expected_nan;
    if (new_nan && report.first_nan < 0) report.first_nan = index;
    report.values.push_back(std::move(value));
  }
  return report;
}

}  // namespace

StatusOr<CompareReport> CompareGraph(Engine& device, Engine& reference, const Graph& graph, const NamedTensors& inputs,
                                     const CompareOptions& options) {
  Request request;
  request.inputs = inputs;
  const internal::ModelInterface interface("compare", graph);
  MOULIN_ASSIGN_OR_RETURN(const internal::BoundRequest bound, interface.Bind(std::move(request)));
  const PassOptions passes = internal::PassOptionsFor(options.model, device.impl().device_info(), Limits());
  MOULIN_ASSIGN_OR_RETURN(const std::shared_ptr<Graph> optimized,
                          OptimizeFor(graph, bound.inputs, passes, options.model));
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
