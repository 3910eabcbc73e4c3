// Softmax, layer and batch normalisation of float32. Covered by tests/device/cpu/normalize_kernel_test.cc.
#include <cmath>
#include <memory>
#include <utility>

#include "device/host/cpu/kernel_factory.h"
#include "device/host/cpu/map_program.h"

namespace moulin::cpu {
namespace {

// A part of the work smaller than this many elements is not worth a thread.
constexpr int64_t kNormalizeGrain = 8192;

struct Rows {
  int64_t count, size;
};

Rows RowsOf(const Shape& shape) {
  const int64_t size = shape[shape.rank() - 1];
  return {size == 0 ? 0 : shape.num_elements() / size, size};
}

int64_t GrainRows(const Rows& rows) { return std::max<int64_t>(1, kNormalizeGrain / std::max<int64_t>(rows.size, 1)); }

// y = softmax(x) or log(softmax(x)) along rows; the largest element is taken away first, so nothing overflows.
class SoftmaxKernel : public HostKernel {
 public:
  SoftmaxKernel(Rows rows, bool log, std::shared_ptr<CpuContext> context)
      : rows_(rows), log_(log), context_(std::move(context)) {}
  std::string name() const override { return "cpu softmax"; }
  // The logarithm needs x again after y has been written.
  bool can_run_in_place(int i) const override { return i == 0 && !log_; }
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void*) const override {
    const float* x = static_cast<const float*>(inputs[0].data());
    float* y = static_cast<float*>(outputs[0].mutable_data());
    context_->pool.ParallelFor(rows_.count, GrainRows(rows_), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) RunRow(x + r * rows_.size, y + r * rows_.size);
    });
    return absl::OkStatus();
  }

 private:
  void RunRow(const float* x, float* y) const {
    const TileOps& tiles = context_->tiles;
    const int64_t n = rows_.size;
    const float max = tiles.row_max(x, n);
    const float sum = tiles.row_exp_sum(x, max, y, n);
    if (log_) {
      tiles.row_subtract(x, max, y, n);
      tiles.row_subtract(y, std::log(sum), y, n);
    } else {
      tiles.row_scale(y, 1 / sum, y, n);
    }
  }

  Rows rows_;
  bool log_;
  std::shared_ptr<CpuContext> context_;
};

// y = (x - mean) / sqrt(variance + epsilon) * scale + offset along rows.
class LayerNormKernel : public HostKernel {
 public:
  LayerNormKernel(Rows rows, double epsilon, std::shared_ptr<CpuContext> context)
      : rows_(rows), epsilon_(epsilon), context_(std::move(context)) {}
  std::string name() const override { return "cpu layer norm"; }
  bool can_run_in_place(int i) const override { return i == 0; }
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void*) const override {
    const float* x = static_cast<const float*>(inputs[0].data());
    const float* scale = static_cast<const float*>(inputs[1].data());
    const float* offset = static_cast<const float*>(inputs[2].data());
    float* y = static_cast<float*>(outputs[0].mutable_data());
    const TileOps& tiles = context_->tiles;
    const int64_t n = rows_.size;
    context_->pool.ParallelFor(rows_.count, GrainRows(rows_), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const float mean = tiles.row_sum(x + r * n, n) / static_cast<float>(n);
        const double variance = tiles.row_sum_squared_differences(x + r * n, mean, n) / static_cast<double>(n);
        const float inverse = static_cast<float>(1 / std::sqrt(variance + epsilon_));
        tiles.row_normalize(x + r * n, mean, inverse, scale, offset, y + r * n, n);
      }
    });
    return absl::OkStatus();
  }

 private:
  Rows rows_;
  double epsilon_;
  std::shared_ptr<CpuContext> context_;
};

// y = (x - mean) * factor + offset, the factors of the channels computed first, in the workspace.
class BatchNormKernel : public HostKernel {
 public:
  BatchNormKernel(MapProgram program, int64_t channels, double epsilon, std::shared_ptr<CpuContext> context)
      : program_(std::move(program)), channels_(channels), epsilon_(epsilon), context_(std::move(context)) {}
  std::string name() const override { return "cpu batch norm"; }
  int64_t workspace_bytes() const override { return channels_ * static_cast<int64_t>(sizeof(float)); }
  bool can_run_in_place(int i) const override { return i == 0; }
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void* workspace) const override {
    const float* scale = static_cast<const float*>(inputs[1].data());
    const float* variance = static_cast<const float*>(inputs[4].data());
    float* factor = static_cast<float*>(workspace);
    for (int64_t c = 0; c < channels_; ++c) {
      factor[c] = static_cast<float>(scale[c] / std::sqrt(static_cast<double>(variance[c]) + epsilon_));
    }
    const void* addresses[] = {inputs[0].data(), inputs[3].data(), factor, inputs[2].data()};
    program_.Run(addresses, outputs[0].mutable_data(), context_->pool);
    return absl::OkStatus();
  }

 private:
  MapProgram program_;
  int64_t channels_;
  double epsilon_;
  std::shared_ptr<CpuContext> context_;
};

bool AllFloat32(const KernelRequest& request) {
  for (int i = 0; i < request.num_inputs(); ++i) {
    if (request.dtype(i) != DType::kFloat32) return false;
  }
  return true;
}

}  // namespace

StatusOr<KernelPtr> MakeSoftmaxKernel(const KernelRequest& request) {
  if (!AllFloat32(request) || request.shape(0).rank() == 0) return KernelPtr();
  return std::make_shared<SoftmaxKernel>(RowsOf(request.shape(0)), request.node.attr<SoftmaxAttrs>().log,
                                         request.context);
}

StatusOr<KernelPtr> MakeLayerNormKernel(const KernelRequest& request) {
  if (!AllFloat32(request) || request.shape(0).rank() == 0) return KernelPtr();
  return std::make_shared<LayerNormKernel>(RowsOf(request.shape(0)), request.node.attr<LayerNormAttrs>().epsilon,
                                           request.context);
}

StatusOr<KernelPtr> MakeBatchNormKernel(const KernelRequest& request) {
  const BatchNormAttrs& attrs = request.node.attr<BatchNormAttrs>();
  const Shape x = request.shape(0);
  if (!AllFloat32(request) || x.rank() < 2) return KernelPtr();
  const int channel_axis = attrs.channels_last ? x.rank() - 1 : 1;
  Shape channels;
  for (int i = channel_axis; i < x.rank(); ++i) channels.push_back(i == channel_axis ? x[i] : 1);
  Expr e;
  const int centred = e.Binary(ExprOp::kSub, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  const int scaled = e.Binary(ExprOp::kMul, centred, e.Input(2, DType::kFloat32));
  e.Binary(ExprOp::kAdd, scaled, e.Input(3, DType::kFloat32));
  auto program = MapProgram::Compile(e, {x, channels, channels, channels}, x, request.context->tiles);
  if (!program.has_value()) return KernelPtr();
  return std::make_shared<BatchNormKernel>(*std::move(program), x[channel_axis], attrs.epsilon, request.context);
}

}  // namespace moulin::cpu
