// Gather of whole rows. Covered by tests/device/cpu/gather_kernel_test.cc.
#include <cstring>
#include <memory>
#include <utility>

#include "base/errors.h"
#include "device/host/cpu/kernel_factory.h"

namespace moulin::cpu {
namespace {

constexpr int64_t kGrainBytes = 64 << 10;

// x [outer, size, row], indices [count] -> [outer, count, row].
struct GatherSizes {
  int64_t outer, size, count, row_bytes;
  int axis;
};

template <typename Index>
class GatherKernel : public HostKernel {
 public:
  GatherKernel(GatherSizes sizes, std::shared_ptr<CpuContext> context) : s_(sizes), context_(std::move(context)) {}
  std::string name() const override { return "cpu gather"; }
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void*) const override {
    const absl::Span<const Index> indices = inputs[1].values<Index>();
    for (int64_t i = 0; i < s_.count; ++i) {
      if (indices[i] < 0 || indices[i] >= s_.size) {
        return MakeError(ErrorCode::kValue, "index ", i, " = ", indices[i], " is outside [0, ", s_.size, ") on axis ",
                         s_.axis, " of ", inputs[0].shape().ToString());
      }
    }
    const char* x = static_cast<const char*>(inputs[0].data());
    char* y = static_cast<char*>(outputs[0].mutable_data());
    context_->pool.ParallelFor(s_.outer * s_.count, std::max<int64_t>(1, kGrainBytes / s_.row_bytes),
                               [&](int64_t begin, int64_t end) {
                                 for (int64_t i = begin; i < end; ++i) {
                                   const int64_t from = i / s_.count * s_.size + indices[i % s_.count];
                                   std::memcpy(y + i * s_.row_bytes, x + from * s_.row_bytes, s_.row_bytes);
                                 }
                               });
    return absl::OkStatus();
  }

 private:
  GatherSizes s_;
  std::shared_ptr<CpuContext> context_;
};

}  // namespace

StatusOr<KernelPtr> MakeGatherKernel(const KernelRequest& request) {
  const Shape x = request.shape(0);
  const std::vector<int64_t> given = request.ints(2);
  const int64_t element_bytes = static_cast<int64_t>(SizeOf(request.dtype(0)));
  if (request.node.attr<GatherAttrs>().batch_dims != 0 || given.size() != 1 || element_bytes == 0) return KernelPtr();
  const int axis = static_cast<int>(given[0] < 0 ? given[0] + x.rank() : given[0]);
  GatherSizes sizes{1, x[axis], request.shape(1).num_elements(), element_bytes, axis};
  for (int i = 0; i < axis; ++i) sizes.outer *= x[i];
  for (int i = axis + 1; i < x.rank(); ++i) sizes.row_bytes *= x[i];
  if (sizes.row_bytes == 0) return KernelPtr();
  switch (request.dtype(1)) {
    case DType::kInt32:
      return std::make_shared<GatherKernel<int32_t>>(sizes, request.context);
    case DType::kInt64:
      return std::make_shared<GatherKernel<int64_t>>(sizes, request.context);
    default:
      return KernelPtr();
  }
}

}  // namespace moulin::cpu
