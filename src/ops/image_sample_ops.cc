// Host kernels that sample images: ScaleAndTranslate, ExtractGlimpse. Tests: tests/cases/pooling_cases.py.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "ops/element.h"
#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

// --- Filters ---

constexpr float kPiFloat = std::numbers::pi_v<float>;

struct Filter {
  absl::string_view name;
  float radius;
  float (*at)(float distance);  // of distances that are not negative
};

template <int kRadius>
float Lanczos(float x) {
  if (x > kRadius) return 0;
  if (x <= 1e-3f) return 1;
  return kRadius * std::sin(kPiFloat * x) * std::sin(kPiFloat * x / kRadius) / (kPiFloat * kPiFloat * x * x);
}
float Gaussian(float x) { return x >= 1.5f ? 0 : std::exp(-x * x / (2 * 0.5f * 0.5f)); }
float Box(float x) { return x < 0.5f ? 1 : x == 0.5f ? 0.5f : 0; }
float Triangle(float x) { return x < 1 ? 1 - x : 0; }
float KeysCubic(float x) {
  if (x >= 2) return 0;
  return x >= 1 ? ((-0.5f * x + 2.5f) * x - 4) * x + 2 : ((1.5f * x - 2.5f) * x) * x + 1;
}
float MitchellCubic(float x) {
  if (x >= 2) return 0;
  return x >= 1 ? (((-7.0f / 18) * x + 2) * x - 10.0f / 3) * x + 16.0f / 9 : ((7.0f / 6) * x - 2) * x * x + 8.0f / 9;
}

constexpr Filter kFilters[] = {
    {"lanczos1", 1, Lanczos<1>},
    {"lanczos3", 3, Lanczos<3>},
    {"lanczos5", 5, Lanczos<5>},
    {"gaussian", 1.5f, Gaussian},
    {"box", 1, Box},
    {"triangle", 1, Triangle},
    {"keyscubic", 2, KeysCubic},
    {"mitchellcubic", 2, MitchellCubic},
};

// What one place of the output is made of: weights of places of the input from `start` on; none outside of the image.
struct Span {
  int64_t start = 0;
  std::vector<float> weights;
};

std::vector<Span> SpansOf(const Filter& filter, int64_t output, int64_t input, float scale, float translation,
                          bool antialias) {
  const float inverse = 1.0f / scale;
  const float shift = -inverse * translation;
  const float stretch = antialias ? std::max(inverse, 1.0f) : 1.0f;
  const float reach = filter.radius * stretch;
  std::vector<Span> spans(output);
  for (int64_t i = 0; i < output; ++i) {
    const float at = (static_cast<float>(i) + 0.5f) * inverse + shift;
    if (!(at >= 0 && at <= static_cast<float>(input))) continue;
    const auto last = static_cast<float>(input - 1);
    spans[i].start = static_cast<int64_t>(std::clamp(std::ceil(at - reach - 0.5f), 0.0f, last));
    const auto end = static_cast<int64_t>(std::clamp(std::floor(at + reach - 0.5f), 0.0f, last)) + 1;
    float sum = 0;
    for (int64_t k = spans[i].start; k < end; ++k) {
      spans[i].weights.push_back(filter.at(std::abs(static_cast<float>(k) + 0.5f - at) * (1.0f / stretch)));
      sum += spans[i].weights.back();
    }
    const bool vanishes = !(std::abs(sum) >= 1000 * std::numeric_limits<float>::min());
    for (float& weight : spans[i].weights) weight = vanishes ? 0 : weight * (1.0f / sum);
  }
  return spans;
}

// (images [n,h,w,c], size, scale, translation) -> float32 images of the size
Status InferScale(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 4, "the images"));
  for (const int i : {2, 3})
    MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat32, c.dtype(i), "scale and translation"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> size, KnownInts(c, 1));
  PartialShape out = c.shape(0).has_rank() ? c.shape(0) : PartialShape::OfRank(4);
  if (size && (size->size() != 2 || (*size)[0] < 1 || (*size)[1] < 1)) {
    return MakeError(ErrorCode::kValue, "size must be two numbers above 0");
  }
  for (const int d : {1, 2}) {
    if (out.dim(d) == 0) return MakeError(ErrorCode::kShape, "the images are empty");
    out.set_dim(d, size ? (*size)[d - 1] : kUnknownDim);
  }
  return AddOutput(c, DType::kFloat32, out);
}

template <typename T>
void Resample(const T* in, int64_t images, int64_t height, int64_t width, int64_t channels,
              const std::vector<Span>& rows, const std::vector<Span>& cols, float* out) {
  const auto out_width = static_cast<int64_t>(cols.size());
  std::vector<float> line(width * channels);
  for (int64_t n = 0; n < images; ++n) {
    for (const Span& row : rows) {
      std::fill(line.begin(), line.end(), 0.0f);
      for (size_t k = 0; k < row.weights.size(); ++k) {
        const T* from = in + (n * height + row.start + static_cast<int64_t>(k)) * width * channels;
        for (int64_t i = 0; i < width * channels; ++i) line[i] += row.weights[k] * static_cast<float>(Widen(from[i]));
      }
      for (int64_t j = 0; j < out_width; ++j, out += channels) {
        std::fill(out, out + channels, 0.0f);
        for (size_t k = 0; k < cols[j].weights.size(); ++k) {
          const float* from = line.data() + (cols[j].start + static_cast<int64_t>(k)) * channels;
          for (int64_t ch = 0; ch < channels; ++ch) out[ch] += cols[j].weights[k] * from[ch];
        }
      }
    }
  }
}

Status ScaleAndTranslate(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferScale));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const absl::string_view name = StringAttr(attrs, "kernel_type", "lanczos3");
  const auto filter =
      std::find_if(std::begin(kFilters), std::end(kFilters), [&](const Filter& f) { return f.name == name; });
  if (filter == std::end(kFilters)) {
    return MakeError(ErrorCode::kAttribute, "unknown kernel_type \"", Printable(name), "\"");
  }
  const bool antialias = IntAttr(attrs, "antialias", 1) != 0;
  if (c.input(2).num_elements() != 2 || c.input(3).num_elements() != 2) {
    return MakeError(ErrorCode::kShape, "scale and translation must have 2 elements each");
  }
  const Shape& shape = c.input(0).shape();
  std::vector<Span> spans[2];
  for (int d = 0; d < 2; ++d) {
    const float scale = c.input(2).values<float>()[d], translation = c.input(3).values<float>()[d];
    if (!(scale > 0)) return MakeError(ErrorCode::kValue, "scale must be above 0, got ", scale);
    spans[d] = SpansOf(*filter, c.output(0).shape().dim(d + 1), shape.dim(d + 1), scale, translation, antialias);
  }
  if (c.output(0).num_elements() == 0) return absl::OkStatus();
  return DispatchReal(c.input(0).dtype(), "the images", [&](auto tag) {
    Resample(static_cast<const decltype(tag)*>(c.input(0).data()), shape.dim(0), shape.dim(1), shape.dim(2),
             shape.dim(3), spans[0], spans[1], c.output(0).mutable_values<float>().data());
    return absl::OkStatus();
  });
}

// --- ExtractGlimpse ---

// (images [n,h,w,c], size, offsets [n,2])
Status InferGlimpse(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 4, "the images"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(2), 2, "offsets"));
  for (const int i : {0, 2}) MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat32, c.dtype(i), "images and offsets"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> size, KnownInts(c, 1));
  if (size && size->size() != 2) return MakeError(ErrorCode::kShape, "size must have 2 elements, got ", size->size());
  PartialShape out = c.shape(0).has_rank() ? c.shape(0) : PartialShape::OfRank(4);
  if (c.shape(2).has_rank()) {
    MOULIN_RETURN_IF_ERROR(MergeDims(out.dim(0), c.shape(2).dim(0), "the number of offsets").status());
    MOULIN_RETURN_IF_ERROR(MergeDims(2, c.shape(2).dim(1), "the elements of an offset").status());
  }
  for (const int d : {1, 2}) out.set_dim(d, size ? (*size)[d - 1] : kUnknownDim);
  return AddOutput(c, DType::kFloat32, out);
}

// Where a window begins in an image of a size, along one axis.
int64_t GlimpseStart(const HostOpAttrs& attrs, float at, int64_t size, int64_t window) {
  const bool normalized = IntAttr(attrs, "normalized", 1) != 0, centered = IntAttr(attrs, "centered", 1) != 0;
  const auto half = static_cast<float>(size) / 2, half_window = static_cast<float>(window) / 2;
  if (normalized) at *= static_cast<float>(size);
  if (attrs.op == "ExtractGlimpse") {
    if (centered) at = at / 2 + half;
    at -= half_window;
  } else if (centered) {
    at = normalized ? at / 2 + half - half_window : at + half;
  }
  return std::abs(at) < 1e9f ? static_cast<int64_t>(at) : int64_t{1} << 40;  // far outside, NaN too
}

// What fills a window outside of the image.
class Noise {
 public:
  explicit Noise(const HostOpAttrs& attrs) : kind_(StringAttr(attrs, "noise", "uniform")) {
    if (kind_.empty()) kind_ = IntAttr(attrs, "uniform_noise", 1) != 0 ? "uniform" : "gaussian";
    if (kind_ != "zero") engine_.seed(std::random_device()());
  }
  Status Check() const {
    if (kind_ == "zero" || kind_ == "uniform" || kind_ == "gaussian") return absl::OkStatus();
    return MakeError(ErrorCode::kAttribute, "noise must be uniform, gaussian or zero, found \"", Printable(kind_),
                     "\"");
  }
  float Draw() {
    if (kind_ == "zero") return 0;
    return kind_ == "uniform" ? std::uniform_real_distribution<float>(0, 1)(engine_)
                              : std::normal_distribution<float>(0, 1)(engine_);
  }

 private:
  std::string kind_;
  std::mt19937 engine_;
};

Status ExtractGlimpse(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferGlimpse));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  Noise noise(attrs);
  MOULIN_RETURN_IF_ERROR(noise.Check());
  const Shape &shape = c.input(0).shape(), &window = c.output(0).shape();
  const float* offsets = c.input(2).values<float>().data();
  const float* in = c.input(0).values<float>().data();
  float* out = c.output(0).mutable_values<float>().data();
  for (int64_t n = 0; n < window.dim(0); ++n) {
    const int64_t top = GlimpseStart(attrs, offsets[2 * n], shape.dim(1), window.dim(1));
    const int64_t left = GlimpseStart(attrs, offsets[2 * n + 1], shape.dim(2), window.dim(2));
    for (int64_t i = top; i < top + window.dim(1); ++i) {
      for (int64_t j = left; j < left + window.dim(2); ++j) {
        const bool inside = i >= 0 && i < shape.dim(1) && j >= 0 && j < shape.dim(2);
        const int64_t from = inside ? ((n * shape.dim(1) + i) * shape.dim(2) + j) * shape.dim(3) : 0;
        for (int64_t ch = 0; ch < shape.dim(3); ++ch) *out++ = inside ? in[from + ch] : noise.Draw();
      }
    }
  }
  return absl::OkStatus();
}

constexpr HostOp kImageSampleKernels[] = {
    {"ExtractGlimpse", 3, 3, InferGlimpse, ExtractGlimpse},
    {"ExtractGlimpseV2", 3, 3, InferGlimpse, ExtractGlimpse},
    {"ScaleAndTranslate", 4, 4, InferScale, ScaleAndTranslate},
};

}  // namespace

absl::Span<const HostOp> ImageSampleKernels() { return kImageSampleKernels; }

}  // namespace moulin
