// Times one kernel of the CPU device, prepared as a plan would have it.
#ifndef MOULIN_BENCH_KERNELS_KERNEL_BENCH_H_
#define MOULIN_BENCH_KERNELS_KERNEL_BENCH_H_

#include <benchmark/benchmark.h>

#include <memory>
#include <utility>
#include <vector>

#include "device/host/cpu/cpu_device.h"
#include "device/host/host_kernel.h"
#include "ops/op_def.h"

namespace moulin::bench {

struct Operand {
  Tensor value;
  bool constant = false;
};

inline Tensor Floats(const Shape& shape) {
  Tensor t = Tensor::Allocate(DType::kFloat32, shape).value();
  float x = 0.1f;
  for (float& v : t.mutable_values<float>()) v = (x = x < 0.9f ? x + 0.013f : 0.1f) - 0.5f;
  return t;
}

// Runs the kernel of a node over and over on all cores and reports `work` (flops or bytes) a second.
inline void RunKernel(benchmark::State& state, OpKind kind, Attrs attrs, const std::vector<Operand>& operands,
                      const char* unit, double work) {
  static const std::shared_ptr<Device> device = NewCpuDevice({});
  Graph graph;
  std::vector<ValueId> ids;
  std::vector<Tensor> inputs;
  for (const Operand& operand : operands) {
    inputs.push_back(operand.value);
    const TensorType type{operand.value.dtype(), operand.value.shape()};
    ids.push_back(operand.constant ? graph.AddConstant(operand.value) : graph.AddInput("x", type));
  }
  Node node;
  node.kind = kind;
  node.attrs = attrs;
  node.inputs.assign(ids.begin(), ids.end());
  std::vector<TensorType> types;
  if (Status status = InferNode(graph, node, Limits(), &types); !status.ok()) {
    state.SkipWithError(std::string(status.message()).c_str());
    return;
  }
  const NodeId id = graph.AddNode(kind, std::move(attrs), ids, types);
  const auto kernel = device->Prepare(graph, graph.node(id)).value();
  std::vector<Tensor> outputs;
  for (const TensorType& type : types) outputs.push_back(Tensor::Allocate(type.dtype, type.shape.ToShape()).value());
  Tensor workspace = Tensor::Allocate(DType::kUInt8, {std::max<int64_t>(kernel->workspace_bytes(), 1)}).value();
  const auto& host_kernel = dynamic_cast<const HostKernel&>(*kernel);
  for (auto _ : state) {
    const Status status = host_kernel.Run(inputs, absl::MakeSpan(outputs), workspace.mutable_data());
    if (!status.ok()) state.SkipWithError(std::string(status.message()).c_str());
  }
  state.SetLabel(kernel->name());
  state.counters[unit] = benchmark::Counter(work, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace moulin::bench

#endif  // MOULIN_BENCH_KERNELS_KERNEL_BENCH_H_
