// softmax(scale q k^T + mask) v of float32, the scores of a few queries at a time staying in cache.
// Covered by tests/device/cpu/attention_kernel_test.cc.
//
// Work is shared out by matrices of the batch and blocks of queries. A thread keeps the keys of the matrix that it
// works on transposed, which the product reads row by row.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/math.h"
#include "device/host/cpu/kernel_factory.h"

namespace moulin::cpu {
namespace {

constexpr int64_t kQueries = 48;  // of a block: a multiple of the product's rows, scores of 128 keys take 24 KiB

struct AttentionSizes {
  int64_t batch, m, n, d, e;
  float scale;
  bool transpose_k;
};

// For each matrix of the batch, where it starts in an operand.
using Starts = std::vector<int64_t>;

struct Operands {
  Starts q, k, v, mask;
  int64_t mask_row_stride = 0;  // 0 where all queries share a row
  int64_t mask_column_stride = 0;
  bool has_mask = false;
};

class AttentionKernel : public HostKernel {
 public:
  AttentionKernel(AttentionSizes sizes, Operands operands, std::shared_ptr<CpuContext> context)
      : s_(sizes), operands_(std::move(operands)), context_(std::move(context)) {
    blocks_ = CeilDiv(s_.m, kQueries);
    parts_ = context_->pool.Parts(s_.batch * blocks_, 1);
  }
  std::string name() const override { return "cpu attention"; }
  int64_t workspace_bytes() const override { return parts_ * PartFloats() * static_cast<int64_t>(sizeof(float)); }

  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void* workspace) const override {
    const auto floats = [&](int i) { return static_cast<const float*>(inputs[i].data()); };
    const float* mask = operands_.has_mask ? floats(3) : nullptr;
    float* y = static_cast<float*>(outputs[0].mutable_data());
    const int64_t units = s_.batch * blocks_;
    context_->pool.ParallelParts(parts_, [&](int part) {
      float* keys = static_cast<float*>(workspace) + part * PartFloats();
      int64_t prepared = -1;
      for (int64_t u = units * part / parts_; u < units * (part + 1) / parts_; ++u) {
        const int64_t matrix = u / blocks_;
        const float* k = floats(1) + operands_.k[matrix];
        if (s_.transpose_k && matrix != prepared) context_->tiles.transpose(k, keys, s_.n, s_.d, s_.d, s_.n);
        prepared = matrix;
        RunBlock(matrix, u % blocks_ * kQueries, floats(0) + operands_.q[matrix], s_.transpose_k ? keys : k,
                 floats(2) + operands_.v[matrix], mask, keys + Padded(s_.d * s_.n), y + matrix * s_.m * s_.e);
      }
    });
    return absl::OkStatus();
  }

 private:
  static int64_t Padded(int64_t floats) { return (floats + 15) / 16 * 16; }
  int64_t PartFloats() const { return Padded(s_.d * s_.n) + Padded(kQueries * s_.n); }

  // `k` is [d, n].
  void RunBlock(int64_t matrix, int64_t first, const float* q, const float* k, const float* v, const float* mask,
                float* scores, float* y) const {
    const TileOps& tiles = context_->tiles;
    const int64_t rows = std::min(kQueries, s_.m - first);
    tiles.small_matmul(q + first * s_.d, k, scores, rows, s_.n, s_.d, s_.d, s_.n, s_.n);
    float inverse[kQueries];
    for (int64_t r = 0; r < rows; ++r) {
      float* row = scores + r * s_.n;
      tiles.row_scale(row, s_.scale, row, s_.n);
      if (mask != nullptr) AddMask(mask + operands_.mask[matrix] + (first + r) * operands_.mask_row_stride, row);
      const float max = tiles.row_max(row, s_.n);
      inverse[r] = 1 / tiles.row_exp_sum(row, max, row, s_.n);
    }
    float* result = y + first * s_.e;
    tiles.small_matmul(scores, v, result, rows, s_.e, s_.n, s_.n, s_.e, s_.e);
    for (int64_t r = 0; r < rows; ++r) tiles.row_scale(result + r * s_.e, inverse[r], result + r * s_.e, s_.e);
  }

  void AddMask(const float* mask, float* row) const {
    if (operands_.mask_column_stride == 1) {
      context_->tiles.accumulate_sum(mask, row, s_.n);
    } else {
      for (int64_t j = 0; j < s_.n; ++j) row[j] += mask[0];
    }
  }

  AttentionSizes s_;
  Operands operands_;
  int64_t blocks_;
  int parts_;
  std::shared_ptr<CpuContext> context_;
};

// Where each matrix of the batch starts in an operand whose leading axes broadcast to `batch`.
Starts StartsOf(const Shape& operand, const Shape& batch) {
  const int skipped = batch.rank() + 2 - operand.rank();
  std::vector<int64_t> strides(batch.rank(), 0);
  int64_t stride = 1;
  for (int i = operand.rank() - 1; i >= 0; --i) {
    if (i < operand.rank() - 2 && operand[i] != 1) strides[i + skipped] = stride;
    stride *= operand[i];
  }
  Starts starts(batch.num_elements());
  for (size_t m = 0; m < starts.size(); ++m) {
    int64_t rest = static_cast<int64_t>(m);
    for (int i = batch.rank() - 1; i >= 0; --i) {
      starts[m] += rest % batch[i] * strides[i];
      rest /= batch[i];
    }
  }
  return starts;
}

}  // namespace

StatusOr<KernelPtr> MakeAttentionKernel(const KernelRequest& request) {
  const AttentionAttrs& attrs = request.node.attr<AttentionAttrs>();
  for (int i = 0; i < request.num_inputs(); ++i) {
    if (request.dtype(i) != DType::kFloat32) return KernelPtr();
  }
  const Shape q = request.shape(0), k = request.shape(1), v = request.shape(2), y = request.output_shape();
  const int rank = y.rank();
  const Shape batch(y.dims().first(rank - 2));
  AttentionSizes sizes{batch.num_elements(), y[rank - 2], v[v.rank() - 2],
                       q[q.rank() - 1],      y[rank - 1], static_cast<float>(attrs.scale),
                       attrs.transpose_k};
  if (y.num_elements() == 0 || sizes.n == 0 || sizes.d == 0 || q[q.rank() - 2] != sizes.m) return KernelPtr();
  Operands operands{StartsOf(q, batch), StartsOf(k, batch), StartsOf(v, batch), {}};
  if (request.num_inputs() > 3) {
    Shape mask = request.shape(3);
    while (mask.rank() < 2) {
      Shape wider({1});
      for (int64_t size : mask.dims()) wider.push_back(size);
      mask = wider;
    }
    operands.has_mask = true;
    operands.mask = StartsOf(mask, batch);
    operands.mask_column_stride = mask[mask.rank() - 1] == 1 ? 0 : 1;
    operands.mask_row_stride = mask[mask.rank() - 2] == 1 ? 0 : mask[mask.rank() - 1];
  }
  return std::make_shared<AttentionKernel>(sizes, std::move(operands), request.context);
}

}  // namespace moulin::cpu
