// Map: generated code where there is a compiler, else the interpreter. Covered by tests/cuda/kernels/map_test.cc.
#include "cuda/map_kernel.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "cuda/codegen/kernel_compiler.h"
#include "cuda/codegen/map_source.h"
#include "cuda/generated_function.h"
#include "cuda/map_tape.h"

namespace moulin::cuda {
namespace {

// Inputs of the output's shape and element size, which are read only where the output is written.
std::vector<int> InPlaceInputs(absl::Span<const TensorType> inputs, const TensorType& output) {
  std::vector<int> result;
  for (int i = 0; i < static_cast<int>(inputs.size()); ++i) {
    if (inputs[i].shape == output.shape && SizeOf(inputs[i].dtype) == SizeOf(output.dtype)) result.push_back(i);
  }
  return result;
}

KernelPtr MakeInterpreted(const MapProblem& problem, std::vector<int> in_place) {
  std::optional<PreparedTape> prepared = MakeMapTape(problem);
  if (!prepared) return nullptr;
  const int64_t n = problem.output.num_elements();
  auto enqueue = [prepared = *std::move(prepared), n](const LaunchContext& c) -> Status {
    if (n == 0) return absl::OkStatus();
    TapePointers pointers = {};
    for (size_t i = 0; i < prepared.inputs.size(); ++i) pointers.inputs[i] = c.input(prepared.inputs[i]);
    return Launch(c, MapInterpreterFunction(), DimsFor(n), prepared.tape, pointers, c.output(), n);
  };
  return std::make_shared<SimpleKernel>("cuda map (interpreted)", std::move(enqueue), 0, std::move(in_place));
}

class GeneratedMapKernel : public CudaKernel {
 public:
  GeneratedMapKernel(MapSource map, int64_t n, std::vector<int> in_place, const CudaContext& context,
                     KernelPtr fallback)
      : inputs_(std::move(map.inputs)),
        elements_a_thread_(map.elements_a_thread),
        function_(std::move(map.source), context.compiler),
        n_(n),
        in_place_(std::move(in_place)),
        multiprocessors_(context.multiprocessors),
        fallback_(std::move(fallback)) {}

  std::string name() const override { return "cuda map"; }
  bool can_run_in_place(int i) const override {
    return std::find(in_place_.begin(), in_place_.end(), i) != in_place_.end();
  }

  Status Enqueue(const LaunchContext& context) const override {
    if (n_ == 0) return absl::OkStatus();
    // Code that does not compile here (NVRTC without its second library) or load (an old driver) is interpreted.
    const StatusOr<const void*> function = function_.Get();
    if (!function.ok()) return fallback_ != nullptr ? fallback_->Enqueue(context) : function.status();
    std::vector<const void*> addresses;
    for (const int input : inputs_) addresses.push_back(context.inputs[input]);
    addresses.push_back(context.output());
    long long n = n_;
    std::vector<void*> args;
    for (const void*& address : addresses) args.push_back(&address);
    args.push_back(&n);
    return LaunchUntyped(context, function_.name().c_str(), *function, Dims(), args.data());
  }

 private:
  // Small blocks where there are few, to use more of the device.
  LaunchDims Dims() const {
    const int64_t threads = (n_ + elements_a_thread_ - 1) / elements_a_thread_;
    return DimsFor(threads, threads < int64_t{256} * multiprocessors_ ? 64 : 256);
  }

  const std::vector<int> inputs_;
  const int elements_a_thread_;
  const GeneratedFunction function_;
  const int64_t n_;
  const std::vector<int> in_place_;
  const int multiprocessors_;
  const KernelPtr fallback_;  // may be null
};

}  // namespace

StatusOr<KernelPtr> MakeExprKernel(const std::shared_ptr<CudaContext>& context, const Expr& expr,
                                   absl::Span<const TensorType> inputs, const TensorType& output) {
  std::vector<Shape> shapes;
  for (const TensorType& input : inputs) shapes.push_back(input.shape.ToShape());
  const MapProblem problem = {expr, shapes, output.shape.ToShape()};
  const std::vector<int> in_place = InPlaceInputs(inputs, output);
  KernelPtr interpreted = MakeInterpreted(problem, in_place);
  if (context->compiler == nullptr) return interpreted;
  std::optional<MapSource> map = MakeMapSource(problem);
  if (!map) return KernelPtr();
  if (!context->plan_only && problem.output.num_elements() > 0) context->compiler->Prefetch(map->source);
  return std::make_shared<GeneratedMapKernel>(*std::move(map), problem.output.num_elements(), in_place, *context,
                                              std::move(interpreted));
}

StatusOr<KernelPtr> MakeMapKernel(const KernelRequest& request) {
  std::vector<TensorType> inputs;
  for (const ValueId input : request.node.inputs) inputs.push_back(request.graph.value(input).type);
  return MakeExprKernel(request.context, request.node.attr<MapAttrs>().expr, inputs,
                        request.graph.value(request.node.outputs[0]).type);
}

}  // namespace moulin::cuda
