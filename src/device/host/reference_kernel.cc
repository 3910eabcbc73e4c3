#include "device/host/reference_kernel.h"

#include <cstring>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/status_macros.h"
#include "device/host/host_kernel.h"
#include "ops/op_def.h"

namespace moulin {
namespace {

class ReferenceKernel : public HostKernel {
 public:
  ReferenceKernel(const Node& node, std::vector<TensorType> output_types)
      : attrs_(node.attrs), reference_(GetOpDef(node.kind).reference), output_types_(std::move(output_types)) {}

  std::string name() const override { return "reference"; }

  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void*) const override {
    absl::InlinedVector<const void*, 2> places;
    for (size_t i = 0; i < outputs.size(); ++i) {
      MOULIN_RETURN_IF_ERROR(MakeReady(output_types_[i], &outputs[i]));
      places.push_back(outputs[i].is_valid() ? outputs[i].data() : nullptr);
    }
    MOULIN_RETURN_IF_ERROR(reference_({attrs_, inputs, outputs, limits_}));
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (places[i] != nullptr && outputs[i].data() != places[i]) {
        return MakeError(ErrorCode::kInternal, "the kernel gave ", outputs[i].shape().ToString(), " where ",
                         output_types_[i].ToString(), " was inferred");
      }
    }
    return absl::OkStatus();
  }

 private:
  // Reference kernels are given zeroed results, and strings allocated, where the shape is known.
  static Status MakeReady(const TensorType& type, Tensor* output) {
    if (output->is_valid()) {
      std::memset(output->mutable_data(), 0, output->byte_size());
    } else if (type.dtype == DType::kString && type.shape.IsFullyKnown()) {
      MOULIN_ASSIGN_OR_RETURN(*output, Tensor::Allocate(type.dtype, type.shape.ToShape()));
    }
    return absl::OkStatus();
  }

  const Attrs attrs_;
  const ReferenceFn reference_;
  const std::vector<TensorType> output_types_;
  const Limits limits_;
};

}  // namespace

StatusOr<std::shared_ptr<const Kernel>> PrepareReference(const Graph& graph, const Node& node) {
  if (GetOpDef(node.kind).reference == nullptr) {
    return MakeError(ErrorCode::kUnsupported, "no reference kernel for ", Name(node.kind));
  }
  std::vector<TensorType> output_types;
  for (ValueId v : node.outputs) output_types.push_back(graph.value(v).type);
  return std::shared_ptr<const Kernel>(std::make_shared<ReferenceKernel>(node, std::move(output_types)));
}

}  // namespace moulin
