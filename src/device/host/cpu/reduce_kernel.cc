// Reductions of float32 over any axes, and arg reductions. Covered by tests/device/cpu/reduce_kernel_test.cc.
//
// Axes are joined until kept and reduced ones alternate; up to [kept, reduced, kept, reduced] is done here. Long sums
// run block by block into a double, so that their error stays that of a block; blocks do not depend on the number of
// threads.
#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/math.h"
#include "device/host/cpu/kernel_factory.h"

namespace moulin::cpu {
namespace {

constexpr int64_t kReduceGrain = 16384;
constexpr int64_t kSumBlock = 4096;  // elements of a row that are summed in float

// x seen as [kept0, reduced0, kept1, reduced1]; the result is [kept0, kept1].
struct Extents {
  int64_t kept0 = 1, reduced0 = 1, kept1 = 1, reduced1 = 1;
};

// Nothing where the axes alternate more often.
std::optional<Extents> ExtentsOf(const Shape& x, absl::Span<const int64_t> axes) {
  std::vector<bool> reduced(x.rank());
  for (int64_t axis : axes) reduced[axis < 0 ? axis + x.rank() : axis] = true;
  std::vector<std::pair<bool, int64_t>> runs;
  for (int i = 0; i < x.rank(); ++i) {
    if (x[i] == 1) continue;
    if (!runs.empty() && runs.back().first == reduced[i]) {
      runs.back().second *= x[i];
    } else {
      runs.push_back({reduced[i], x[i]});
    }
  }
  if (!runs.empty() && runs.front().first) runs.insert(runs.begin(), {false, 1});
  if (runs.size() > 4) return std::nullopt;
  Extents e;
  int64_t* const slots[] = {&e.kept0, &e.reduced0, &e.kept1, &e.reduced1};
  for (size_t i = 0; i < runs.size(); ++i) *slots[i] = runs[i].second;
  // [kept, reduced] alone: the reduced run is the innermost.
  if (runs.size() == 2) std::swap(e.reduced0, e.reduced1);
  return e;
}

struct Folding {
  float (*row)(const float* x, int64_t n);
  void (*accumulate)(const float* x, float* y, int64_t n);
  float (*combine)(float a, float b);
  float initial;
};

float CombineSum(float a, float b) { return a + b; }
float CombineProd(float a, float b) { return a * b; }
float CombineMax(float a, float b) { return a > b || a != a ? a : b; }
float CombineMin(float a, float b) { return a < b || a != a ? a : b; }

std::optional<Folding> FoldingOf(ReduceOp op, const TileOps& tiles) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  switch (op) {
    case ReduceOp::kSum:
    case ReduceOp::kMean:
      return Folding{tiles.row_sum, tiles.accumulate_sum, CombineSum, 0};
    case ReduceOp::kProd:
      return Folding{tiles.row_prod, tiles.accumulate_prod, CombineProd, 1};
    case ReduceOp::kMax:
      return Folding{tiles.row_max, tiles.accumulate_max, CombineMax, -kInfinity};
    case ReduceOp::kMin:
      return Folding{tiles.row_min, tiles.accumulate_min, CombineMin, kInfinity};
    default:
      return std::nullopt;
  }
}

class ReduceKernel : public HostKernel {
 public:
  ReduceKernel(Extents extents, Folding folding, ReduceOp op, std::shared_ptr<CpuContext> context)
      : e_(extents), folding_(folding), op_(op), context_(std::move(context)) {}
  std::string name() const override { return "cpu reduce"; }
  // Partial results of blocks, where one long row is all there is.
  int64_t workspace_bytes() const override {
    return IsOneRow() ? NumBlocks() * static_cast<int64_t>(sizeof(float)) : 0;
  }

  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void* workspace) const override {
    const float* x = static_cast<const float*>(inputs[0].data());
    float* y = static_cast<float*>(outputs[0].mutable_data());
    if (IsOneRow()) {
      y[0] = ReduceOneRow(x, static_cast<float*>(workspace));
    } else if (e_.reduced1 > 1) {
      ReduceInnermost(x, y);
    } else {
      ReduceMiddle(x, y);
    }
    if (op_ == ReduceOp::kMean) {
      const int64_t n = e_.kept0 * e_.kept1;
      const float count = static_cast<float>(e_.reduced0 * e_.reduced1);
      for (int64_t i = 0; i < n; ++i) y[i] /= count;
    }
    return absl::OkStatus();
  }

 private:
  bool IsSum() const { return op_ == ReduceOp::kSum || op_ == ReduceOp::kMean; }
  bool IsOneRow() const { return e_.kept0 == 1 && e_.reduced0 == 1 && e_.kept1 == 1 && e_.reduced1 > 4 * kSumBlock; }
  int64_t NumBlocks() const { return CeilDiv(e_.reduced1, kSumBlock); }

  float ReduceOneRow(const float* x, float* partial) const {
    context_->pool.ParallelFor(NumBlocks(), kReduceGrain / kSumBlock, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        partial[b] = folding_.row(x + b * kSumBlock, std::min(kSumBlock, e_.reduced1 - b * kSumBlock));
      }
    });
    return Combine(partial, NumBlocks());
  }

  float Combine(const float* values, int64_t n) const {
    if (IsSum()) {
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += values[i];
      return static_cast<float>(sum);
    }
    float result = folding_.initial;
    for (int64_t i = 0; i < n; ++i) result = folding_.combine(result, values[i]);
    return result;
  }

  // Each result is made of reduced0 rows of reduced1 elements.
  void ReduceInnermost(const float* x, float* y) const {
    const int64_t n = e_.reduced1;
    const int64_t results = e_.kept0 * e_.kept1;
    const int64_t grain = std::max<int64_t>(1, kReduceGrain / (n * e_.reduced0));
    context_->pool.ParallelFor(results, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float* first = x + (i / e_.kept1 * e_.reduced0 * e_.kept1 + i % e_.kept1) * n;
        y[i] = e_.reduced0 == 1 && n <= kSumBlock ? folding_.row(first, n) : ReduceRows(first, e_.kept1 * n);
      }
    });
  }

  float ReduceRows(const float* first, int64_t step) const {
    double sum = 0;
    float other = folding_.initial;
    for (int64_t r = 0; r < e_.reduced0; ++r) {
      for (int64_t b = 0; b < e_.reduced1; b += kSumBlock) {
        const float part = folding_.row(first + r * step + b, std::min(kSumBlock, e_.reduced1 - b));
        sum += part;
        other = folding_.combine(other, part);
      }
    }
    return IsSum() ? static_cast<float>(sum) : other;
  }

  // Each result row is made of reduced0 rows of kept1 elements; columns are shared out in strips.
  void ReduceMiddle(const float* x, float* y) const {
    const int64_t strips = CeilDiv(e_.kept1, kStrip);
    const int64_t strip_elements = std::min(kStrip, e_.kept1) * e_.reduced0;
    const int64_t grain = std::max<int64_t>(1, kReduceGrain / std::max<int64_t>(strip_elements, 1));
    context_->pool.ParallelFor(e_.kept0 * strips, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t k0 = i / strips, column = i % strips * kStrip;
        ReduceStrip(x + k0 * e_.reduced0 * e_.kept1 + column, y + k0 * e_.kept1 + column,
                    std::min(kStrip, e_.kept1 - column));
      }
    });
  }

  // Rows are added up in groups first, as long chains of additions lose digits.
  void ReduceStrip(const float* x, float* y, int64_t width) const {
    constexpr int64_t kGroup = 128;
    float group[kStrip];
    std::fill_n(y, width, folding_.initial);
    for (int64_t r0 = 0; r0 < e_.reduced0; r0 += kGroup) {
      std::fill_n(group, width, folding_.initial);
      const int64_t r1 = std::min(r0 + kGroup, e_.reduced0);
      for (int64_t r = r0; r < r1; ++r) folding_.accumulate(x + r * e_.kept1, group, width);
      folding_.accumulate(group, y, width);
    }
  }

  static constexpr int64_t kStrip = 256;
  Extents e_;
  Folding folding_;
  ReduceOp op_;
  std::shared_ptr<CpuContext> context_;
};

// The index of the largest or smallest element along an axis, the first of equals; NaNs lose.
template <typename T, typename Index>
class ArgReduceKernel : public HostKernel {
 public:
  ArgReduceKernel(int64_t outer, int64_t size, int64_t inner, bool is_max, std::shared_ptr<CpuContext> context)
      : outer_(outer), size_(size), inner_(inner), is_max_(is_max), context_(std::move(context)) {}
  std::string name() const override { return "cpu arg reduce"; }
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void*) const override {
    const T* x = static_cast<const T*>(inputs[0].data());
    Index* y = static_cast<Index*>(outputs[0].mutable_data());
    context_->pool.ParallelFor(outer_ * inner_, std::max<int64_t>(1, kReduceGrain / size_),
                               [&](int64_t begin, int64_t end) {
                                 for (int64_t i = begin; i < end; ++i) {
                                   y[i] = Best(x + i / inner_ * size_ * inner_ + i % inner_);
                                 }
                               });
    return absl::OkStatus();
  }

 private:
  Index Best(const T* x) const {
    constexpr T kInfinity = std::numeric_limits<T>::infinity();
    int64_t best = 0;
    T value = is_max_ ? -kInfinity : kInfinity;
    for (int64_t k = 0; k < size_; ++k) {
      const T candidate = x[k * inner_];
      if (is_max_ ? candidate > value : candidate < value) {
        value = candidate;
        best = k;
      }
    }
    return static_cast<Index>(best);
  }

  int64_t outer_, size_, inner_;
  bool is_max_;
  std::shared_ptr<CpuContext> context_;
};

}  // namespace

StatusOr<KernelPtr> MakeReduceKernel(const KernelRequest& request) {
  const ReduceAttrs& attrs = request.node.attr<ReduceAttrs>();
  const Shape x = request.shape(0);
  if (request.dtype(0) != DType::kFloat32 || x.num_elements() == 0 || !attrs.prologue.empty()) return KernelPtr();
  const std::optional<Extents> extents = ExtentsOf(x, request.ints(1));
  const std::optional<Folding> folding = FoldingOf(attrs.op, request.context->tiles);
  if (!extents.has_value() || !folding.has_value()) return KernelPtr();
  return std::make_shared<ReduceKernel>(*extents, *folding, attrs.op, request.context);
}

StatusOr<KernelPtr> MakeArgReduceKernel(const KernelRequest& request) {
  const ArgReduceAttrs& attrs = request.node.attr<ArgReduceAttrs>();
  const Shape x = request.shape(0);
  const std::vector<int64_t> axes = request.ints(1);
  if (request.dtype(0) != DType::kFloat32 || axes.size() != 1 || x.num_elements() == 0) return KernelPtr();
  const int64_t axis = axes[0] < 0 ? axes[0] + x.rank() : axes[0];
  int64_t outer = 1, inner = 1;
  for (int64_t i = 0; i < axis; ++i) outer *= x[i];
  for (int64_t i = axis + 1; i < x.rank(); ++i) inner *= x[i];
  switch (attrs.index_type) {
    case DType::kInt64:
      return std::make_shared<ArgReduceKernel<float, int64_t>>(outer, x[axis], inner, attrs.is_max, request.context);
    case DType::kInt32:
      return std::make_shared<ArgReduceKernel<float, int32_t>>(outer, x[axis], inner, attrs.is_max, request.context);
    default:
      return KernelPtr();
  }
}

}  // namespace moulin::cpu
