// Runs graphs of CUDA kernels on the emulator, and compares them with the reference.
#ifndef MOULIN_TESTS_CUDA_KERNEL_TESTING_H_
#define MOULIN_TESTS_CUDA_KERNEL_TESTING_H_

#include <memory>
#include <vector>

#include "cuda/kernel_factory.h"
#include "emulator/run.h"
#include "emulator/sync_cuda_api.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ir/graph.h"
#include "moulin/status.h"
#include "moulin/tensor.h"
#include "ops/op_def.h"

namespace moulin::cuda {

// A device without libraries, NVRTC or a tuner, on emulator::SyncCudaApi().
std::shared_ptr<CudaContext> EmulatedContext();

struct EmulatorOptions {
  std::shared_ptr<CudaContext> context;  // null: EmulatedContext()
  emulator::Schedule schedule;
  bool in_place = false;  // output 0 over a copy of the first input that a kernel can run in place on
};

// Runs a graph of CudaKernels, node after node: prepares each by its factory, allocates exactly what it needs
// (poisoned, between guard bytes that are checked after each node), enqueues it. Views share their operand's memory.
// The outputs of the graph. UNIMPLEMENTED naming the node where the device has no kernel for it.
StatusOr<std::vector<Tensor>> RunOnEmulator(const Graph& graph, const std::vector<Tensor>& inputs,
                                            const EmulatorOptions& options = EmulatorOptions());

// The same by the reference kernels.
StatusOr<std::vector<Tensor>> RunGraphReference(const Graph& graph, const std::vector<Tensor>& inputs);

// Expects what the emulator makes of the graph to be what the reference makes of it: |x - reference| <= tolerance *
// max(1, |reference|) for each element, NaN only where it is NaN, integers and (for tolerance 0) floats equal. And
// expects the very same bits whatever the order of blocks and threads, whatever lay in memory before, and in place.
void ExpectMatchesReference(const Graph& graph, const std::vector<Tensor>& inputs, double tolerance = 0,
                            const EmulatorOptions& options = EmulatorOptions());

// The comparison alone, for a result and what it should be.
void ExpectClose(const Tensor& got, const Tensor& expected, double tolerance);

// A graph of one node with these operands: those in `constants` are constants of the graph, the others its inputs.
// Its outputs are the node's, whose types are inferred; fails the test where they cannot be.
Graph OneNodeGraph(OpKind kind, const Attrs& attrs, const std::vector<Tensor>& operands, InputMask constants);

// ExpectMatchesReference for one node whose operands marked * in ir/op_kind.h (and those in `constants`) are constants.
void ExpectOpMatches(OpKind kind, const Attrs& attrs, const std::vector<Tensor>& operands, double tolerance = 0,
                     InputMask constants = 0, const EmulatorOptions& options = EmulatorOptions());

// Whether the device has a kernel for this node.
bool HasKernel(OpKind kind, const Attrs& attrs, const std::vector<Tensor>& operands, InputMask constants = 0);

// Values of the type that all differ as far as it can tell them apart: floats in [-4, 4), whole numbers over all of
// their range. The same for the same seed.
Tensor RandomTensor(DType type, const Shape& shape, uint64_t seed = 1);
// Whole numbers in [low, high) as the type.
Tensor RandomIntegers(DType type, const Shape& shape, int64_t low, int64_t high, uint64_t seed = 1);

// The types of fixed size that kernels take: all but strings and complex numbers.
std::vector<DType> RealTypes();

}  // namespace moulin::cuda

#endif  // MOULIN_TESTS_CUDA_KERNEL_TESTING_H_
