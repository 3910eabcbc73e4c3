// TopK, whose operand is taken as rows of its innermost axis. Results are sorted whether or not that was asked for, as
// TensorFlow's are on a GPU.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "cuda/kernel_factory.h"
#include "cuda/kernels/sort.h"
#include "cuda/real_type.h"

namespace moulin::cuda {
namespace {

// Denormal numbers count as zero, as they do in the reference (base/denormals.h); those of float16 are floats like
// others.
KeyCodec CodecOf(RealType type) {
  switch (type) {
    case RealType::kFloat32:
      return {KeyCodec::kFloat, 0x7f800000u, 0x00800000u};
    case RealType::kFloat64:
      return {KeyCodec::kFloat, 0x7ff0000000000000u, 0x0010000000000000u};
    case RealType::kFloat16:
      return {KeyCodec::kFloat, 0x7c00u, 1};
    case RealType::kBFloat16:
      return {KeyCodec::kFloat, 0x7f80u, 0x0080u};
    case RealType::kUInt8:
    case RealType::kUInt16:
    case RealType::kUInt32:
    case RealType::kUInt64:
      return {KeyCodec::kUnsigned, 0, 0};
    default:
      return {KeyCodec::kSigned, 0, 0};
  }
}

// A block for each of `count` rows or tiles, which stride over more than a grid may have.
LaunchDims BlockEach(int64_t count, int threads = kSortThreads) {
  return {dim3(static_cast<unsigned>(std::min<int64_t>(count, 1 << 20))), dim3(static_cast<unsigned>(threads)), 0};
}

// Threads to sort `n` items, of which each compares two at a time.
int ThreadsFor(int64_t n) {
  int threads = 32;
  while (threads < kSortThreads && 2 * threads < n) threads *= 2;
  return threads;
}

// Sorts the items of each row in the workspace.
Status SortItems(const LaunchContext& context, int element_size, int64_t rows, int64_t padded) {
  const int64_t num_items = rows * padded;
  const int64_t tile = std::min<int64_t>(padded, kSortTile);
  MOULIN_RETURN_IF_ERROR(Launch(context, SortTilesFunction(element_size), BlockEach(num_items / tile, ThreadsFor(tile)),
                                context.workspace, num_items, tile, padded));
  for (int64_t size = 2 * tile; size <= padded; size *= 2) {
    for (int64_t stride = size / 2; stride >= kSortTile; stride /= 2) {
      MOULIN_RETURN_IF_ERROR(Launch(context, MergeStepFunction(element_size), DimsFor(num_items / 2), context.workspace,
                                    num_items, size, stride, padded));
    }
    MOULIN_RETURN_IF_ERROR(Launch(context, MergeTilesFunction(element_size), BlockEach(num_items / kSortTile),
                                  context.workspace, num_items, size, padded));
  }
  return absl::OkStatus();
}

Status TopKOfLongRows(const LaunchContext& context, int element_size, const TopKParameters& p) {
  MOULIN_RETURN_IF_ERROR(
      Launch(context, SelectFunction(element_size), BlockEach(p.rows), context.input(0), context.workspace, p));
  MOULIN_RETURN_IF_ERROR(SortItems(context, element_size, p.rows, p.padded));
  return Launch(context, StoreTopFunction(element_size), DimsFor(p.rows * p.k), context.input(0), context.workspace,
                context.output(0), context.output(1), p);
}

}  // namespace

StatusOr<KernelPtr> MakeTopKKernel(const KernelRequest& request) {
  const std::optional<RealType> type = RealTypeOf(request.dtype(0));
  const size_t index_bytes = SizeOf(request.output_dtype(1));
  if (!type || (index_bytes != 4 && index_bytes != 8)) return nullptr;
  const Shape x = request.shape(0), y = request.output_shape();
  TopKParameters p;
  p.codec = CodecOf(*type);
  p.n = x.dim(x.rank() - 1);
  p.k = y.dim(y.rank() - 1);
  p.rows = p.n == 0 ? 0 : x.num_elements() / p.n;
  p.index_bytes = static_cast<int32_t>(index_bytes);
  if (p.n >= int64_t{0xffffffff} || (index_bytes == 4 && p.n > int64_t{0x7fffffff})) return nullptr;
  const int element_size = static_cast<int>(SizeOf(request.dtype(0)));
  if (p.rows == 0 || p.k == 0 || p.n <= kSortTile) {
    return std::make_shared<SimpleKernel>("top_k:sort", [=](const LaunchContext& context) -> Status {
      if (p.rows == 0 || p.k == 0) return absl::OkStatus();
      return Launch(context, SortRowsFunction(element_size), BlockEach(p.rows, ThreadsFor(p.n)), context.input(0),
                    context.output(0), context.output(1), p);
    });
  }
  for (p.padded = 1; p.padded < p.k;) p.padded *= 2;
  return std::make_shared<SimpleKernel>(
      "top_k:select", [=](const LaunchContext& context) { return TopKOfLongRows(context, element_size, p); },
      p.rows * p.padded * SortItemBytes(element_size));
}

}  // namespace moulin::cuda
