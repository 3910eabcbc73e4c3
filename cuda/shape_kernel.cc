// Tensors made from shapes and scalars. Covered by tests/cuda/kernels/shape_test.cc.
#include <memory>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/shape.h"
#include "ops/op_def.h"

namespace moulin::cuda {
namespace {

// A result that is known now is a constant, which is copied.
KernelPtr ConstantKernel(const KernelRequest& request, const Tensor& value) {
  std::shared_ptr<const DeviceConstant> constant = request.context->constants->Get(value);
  return std::make_shared<SimpleKernel>("cuda constant", [constant](const LaunchContext& c) -> Status {
    MOULIN_ASSIGN_OR_RETURN(const void* address, constant->Address());
    return ToStatus(*c.api,
                    c.api->MemcpyAsync(c.output(), address, static_cast<size_t>(constant->bytes()),
                                       cudaMemcpyDeviceToDevice, c.stream),
                    "copying a constant");
  });
}

// What the reference makes of the node; of operands that are not constant only the type counts here.
StatusOr<Tensor> Evaluate(const KernelRequest& request) {
  std::vector<Tensor> operands, results;
  std::vector<TensorType> types;
  for (int i = 0; i < request.num_inputs(); ++i) {
    const Tensor* constant = request.constant(i);
    if (constant != nullptr) {
      operands.push_back(*constant);
      continue;
    }
    // Only the shape of it is looked at, so its elements need not exist.
    static const char none = 0;
    operands.push_back(Tensor::Borrow(request.dtype(i), request.shape(i), nullptr, &none));
  }
  for (ValueId output : request.node.outputs) types.push_back(request.graph.value(output).type);
  MOULIN_RETURN_IF_ERROR(RunReference(request.node, types, operands, Limits(), &results));
  return results[0];
}

StatusOr<KernelPtr> FromShape(const KernelRequest& request) {
  MOULIN_ASSIGN_OR_RETURN(const Tensor value, Evaluate(request));
  return ConstantKernel(request, value);
}

StatusOr<KernelPtr> BroadcastShapes(const KernelRequest& request) {
  if (request.constant(0) == nullptr || request.constant(1) == nullptr) return KernelPtr();
  return FromShape(request);
}

KernelPtr Progression(const KernelRequest& request, const char* name,
                      const DeviceFunction<const void*, const void*, void*, int64_t>& function, int second) {
  if (!function) return nullptr;
  const int64_t n = request.output_shape().num_elements();
  return std::make_shared<SimpleKernel>(name, [function, n, second](const LaunchContext& c) {
    return n == 0 ? absl::OkStatus() : Launch(c, function, DimsFor(n), c.input(0), c.input(second), c.output(), n);
  });
}

}  // namespace

StatusOr<KernelPtr> MakeShapeKernel(const KernelRequest& request) {
  switch (request.node.kind) {
    case OpKind::kShapeOf:
    case OpKind::kSizeOfTensor:
    case OpKind::kRankOf:
      return FromShape(request);
    case OpKind::kBroadcastShapes:
      return BroadcastShapes(request);
    case OpKind::kRange:
      return Progression(request, "cuda range", RangeFunction(request.output_dtype()), 2);
    case OpKind::kLinSpace:
      return Progression(request, "cuda linspace", LinSpaceFunction(request.output_dtype()), 1);
    default:
      return KernelPtr();
  }
}

}  // namespace moulin::cuda
