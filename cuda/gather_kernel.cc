// Gather, GatherNd and OneHot for every type of fixed size. Covered by tests/cuda/kernels/gather_test.cc.
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cuda/index_type.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/gather.h"
#include "cuda/strided_copy.h"
#include "ops/op_util.h"

namespace moulin::cuda {
namespace {

KernelPtr Gather(const KernelRequest& request, IndexType index_type) {
  const Shape x = request.shape(0), indices = request.shape(1);
  const std::vector<int64_t> given = request.ints(2);
  if (given.size() != 1) return nullptr;
  const int axis = static_cast<int>(given[0] < 0 ? given[0] + x.rank() : given[0]);
  const int64_t batch_dims = request.node.attr<GatherAttrs>().batch_dims;
  const int batch = static_cast<int>(batch_dims < 0 ? batch_dims + indices.rank() : batch_dims);
  const int64_t row_bytes = DimProduct(x.dims(), axis + 1, x.rank()) * request.output_element_bytes();
  const int64_t unit = WidestUnit({row_bytes});
  GatherParams p;
  p.index_type = index_type;
  p.units = request.output_shape().num_elements() * request.output_element_bytes() / unit;
  p.size = x[axis];
  p.inner = Divisor(row_bytes / unit);
  p.count = Divisor(DimProduct(indices.dims(), batch, indices.rank()));
  p.outer = Divisor(DimProduct(x.dims(), batch, axis));
  return std::make_shared<SimpleKernel>(absl::StrCat("cuda gather by ", unit), [p, unit](const LaunchContext& c) {
    return Launch(c, GatherFunction(unit), DimsFor(p.units), c.input(0), c.input(1), c.output(), p);
  });
}

KernelPtr GatherNd(const KernelRequest& request, IndexType index_type) {
  const Shape x = request.shape(0), indices = request.shape(1);
  const int batch = static_cast<int>(request.node.attr<GatherAttrs>().batch_dims);
  const int depth = static_cast<int>(indices[indices.rank() - 1]);
  if (depth > kMaxMapRank) return nullptr;
  const int64_t row_bytes = DimProduct(x.dims(), batch + depth, x.rank()) * request.output_element_bytes();
  const int64_t unit = WidestUnit({row_bytes});
  GatherNdParams p;
  p.index_type = index_type;
  p.depth = depth;
  p.units = request.output_shape().num_elements() * request.output_element_bytes() / unit;
  p.batch_stride = DimProduct(x.dims(), batch, x.rank()) * request.output_element_bytes() / unit;
  p.inner = Divisor(row_bytes / unit);
  p.rows = Divisor(DimProduct(indices.dims(), batch, indices.rank() - 1));
  for (int d = 0; d < depth; ++d) p.sizes[d] = x[batch + d];
  return std::make_shared<SimpleKernel>(absl::StrCat("cuda gather by ", unit), [p, unit](const LaunchContext& c) {
    return Launch(c, GatherNdFunction(unit), DimsFor(p.units), c.input(0), c.input(1), c.output(), p);
  });
}

KernelPtr OneHot(const KernelRequest& request, IndexType index_type) {
  const Shape indices = request.shape(0);
  const int64_t given = request.node.attr<OneHotAttrs>().axis;
  const int axis = static_cast<int>(given < 0 ? indices.rank() : given);
  OneHotParams p;
  p.index_type = index_type;
  p.elements = request.output_shape().num_elements();
  p.inner = Divisor(DimProduct(indices.dims(), axis, indices.rank()));
  p.depth = Divisor(request.output_shape()[axis]);
  const int64_t bytes = request.output_element_bytes();
  return std::make_shared<SimpleKernel>("cuda one hot", [p, bytes](const LaunchContext& c) {
    return Launch(c, OneHotFunction(bytes), DimsFor(p.elements), c.input(0), c.input(2), c.input(3), c.output(), p);
  });
}

}  // namespace

StatusOr<KernelPtr> MakeGatherKernel(const KernelRequest& request) {
  const bool is_one_hot = request.node.kind == OpKind::kOneHot;
  const std::optional<IndexType> index_type = IndexTypeOf(request.dtype(is_one_hot ? 0 : 1));
  if (request.output_element_bytes() == 0 || !index_type.has_value()) return KernelPtr();
  if (request.output_shape().num_elements() == 0) return NothingToDo();
  switch (request.node.kind) {
    case OpKind::kGather:
      return Gather(request, *index_type);
    case OpKind::kGatherNd:
      return GatherNd(request, *index_type);
    default:
      return OneHot(request, *index_type);
  }
}

}  // namespace moulin::cuda
