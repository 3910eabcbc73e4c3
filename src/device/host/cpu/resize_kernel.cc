// Nearest and bilinear resizing of float32 images [n, h, w, c]; the taps of each row and column are worked out once.
// Covered by tests/device/cpu/resize_kernel_test.cc.
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "device/host/cpu/kernel_factory.h"
#include "kernels/resize.h"

namespace moulin::cpu {
namespace {

constexpr int64_t kResizeGrain = 8192;

class ResizeKernel : public HostKernel {
 public:
  ResizeKernel(const ResizeGeometry& g, int64_t batch, bool nearest, std::shared_ptr<CpuContext> context)
      : g_(g), batch_(batch), nearest_(nearest), context_(std::move(context)) {
    for (int64_t y = 0; y < g.out_h; ++y) rows_.push_back(Taps(y, g.scale_h, g.in_h));
    for (int64_t x = 0; x < g.out_w; ++x) columns_.push_back(Taps(x, g.scale_w, g.in_w));
  }
  std::string name() const override { return nearest_ ? "cpu resize nearest" : "cpu resize bilinear"; }
  Status Run(absl::Span<const Tensor> inputs, absl::Span<Tensor> outputs, void*) const override {
    const float* image = static_cast<const float*>(inputs[0].data());
    float* result = static_cast<float*>(outputs[0].mutable_data());
    const int64_t row = g_.out_w * g_.channels;
    context_->pool.ParallelFor(batch_ * g_.out_h, std::max<int64_t>(1, kResizeGrain / std::max<int64_t>(row, 1)),
                               [&](int64_t begin, int64_t end) {
                                 for (int64_t i = begin; i < end; ++i) RunRow(image, i, result + i * row);
                               });
    return absl::OkStatus();
  }

 private:
  // The nearest source is its own neighbour.
  LinearTaps Taps(int64_t i, float scale, int64_t size) const {
    LinearTaps taps(g_.Source(i, scale), size);
    if (nearest_) taps.lower = taps.upper = NearestMap{g_}.Nearest(i, scale, size);
    return taps;
  }

  void RunRow(const float* image, int64_t i, float* result) const {
    const LinearTaps& y = rows_[i % g_.out_h];
    const int64_t n = i / g_.out_h;
    const float* top = image + g_.Element(n, y.lower, 0, 0);
    const float* bottom = image + g_.Element(n, y.upper, 0, 0);
    const int64_t c = g_.channels;
    for (const LinearTaps& x : columns_) {
      if (nearest_) {
        std::memcpy(result, top + x.lower * c, c * sizeof(float));
      } else {
        const float* taps[] = {top + x.lower * c, top + x.upper * c, bottom + x.lower * c, bottom + x.upper * c};
        context_->tiles.row_bilinear(taps, x.weight, y.weight, result, c);
      }
      result += c;
    }
  }

  ResizeGeometry g_;
  int64_t batch_;
  bool nearest_;
  std::vector<LinearTaps> rows_, columns_;
  std::shared_ptr<CpuContext> context_;
};

}  // namespace

StatusOr<KernelPtr> MakeResizeKernel(const KernelRequest& request) {
  const ResizeAttrs& attrs = request.node.attr<ResizeAttrs>();
  const bool nearest = attrs.method == ResizeMethod::kNearest;
  const bool bilinear = attrs.method == ResizeMethod::kBilinear;
  if ((!nearest && !bilinear) || request.dtype(0) != DType::kFloat32 || request.output_dtype() != DType::kFloat32) {
    return KernelPtr();
  }
  const Shape x = request.shape(0), y = request.output_shape();
  ResizeGeometry g;
  g.in_h = x[1];
  g.in_w = x[2];
  g.out_h = y[1];
  g.out_w = y[2];
  g.channels = x[3];
  g.align_corners = attrs.align_corners;
  g.half_pixel_centers = attrs.half_pixel_centers;
  g.scale_h = ResizeGeometry::Scale(g.in_h, g.out_h, attrs.align_corners);
  g.scale_w = ResizeGeometry::Scale(g.in_w, g.out_w, attrs.align_corners);
  return std::make_shared<ResizeKernel>(g, x[0], nearest, request.context);
}

}  // namespace moulin::cpu
