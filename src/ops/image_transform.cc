// Projective transforms of images, and boxes drawn on them. Tests: tests/ops/host_kernels_test.cc,
// tests/cases/host_cases.py.
#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/ascii.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// --- ImageProjectiveTransformV2 and V3 ---

enum class FillMode { kConstant, kReflect, kWrap, kNearest };

StatusOr<FillMode> ReadFillMode(const HostOpAttrs& attrs) {
  const std::string mode = absl::AsciiStrToUpper(StringAttr(attrs, "fill_mode", "CONSTANT"));
  if (mode == "CONSTANT") return FillMode::kConstant;
  if (mode == "REFLECT") return FillMode::kReflect;
  if (mode == "WRAP") return FillMode::kWrap;
  if (mode == "NEAREST") return FillMode::kNearest;
  return MakeError(ErrorCode::kAttribute, "fill_mode must be CONSTANT, REFLECT, WRAP or NEAREST, got ",
                   Printable(mode));
}

// abcd as ...dcba|abcd|dcba...
float Reflect(float x, float size) {
  if (x < 0) {
    if (size <= 1) return 0;
    const float period = 2 * size;
    if (x < period) x += period * std::trunc(-x / period);
    x = x < -size ? x + period : -x - 1;
  } else if (x > size - 1) {
    if (size <= 1) return 0;
    const float period = 2 * size;
    x -= period * std::trunc(x / period);
    if (x >= size) x = period - x - 1;
  }
  return std::clamp(x, 0.0f, size - 1);
}

// abcd as ...abcd|abcd|abcd...
float Wrap(float x, float size) {
  if (size <= 1 && (x < 0 || x > size - 1)) return 0;
  if (x < 0) {
    x += size * (std::trunc(-x / (size - 1)) + 1);
  } else if (x > size - 1) {
    x -= size * std::trunc(x / (size - 1));
  }
  return std::clamp(x, 0.0f, size - 1);
}

float MapCoordinate(float x, float size, FillMode mode) {
  if (size < 1) return x;
  if (mode == FillMode::kReflect) return Reflect(x, size);
  if (mode == FillMode::kWrap) return Wrap(x, size);
  if (mode == FillMode::kNearest) return std::clamp(x, 0.0f, size - 1);
  return x;
}

Status InferTransform(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 4, "the images"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat32, c.dtype(1), "the transforms"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 2, "the transforms"));
  if (c.shape(1).has_rank()) MOULIN_RETURN_IF_ERROR(MergeDims(c.shape(1).dim(1), 8, "a transform").status());
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> size, KnownInts(c, 2));
  if (size && size->size() != 2)
    return MakeError(ErrorCode::kShape, "output_shape must have 2 elements, got ", size->size());
  if (size && ((*size)[0] < 1 || (*size)[1] < 1)) return MakeError(ErrorCode::kValue, "output_shape must be positive");
  PartialShape out = c.shape(0).has_rank() ? c.shape(0) : PartialShape::OfRank(4);
  for (int i = 0; i < 2; ++i) out.set_dim(1 + i, size ? (*size)[i] : kUnknownDim);
  return AddOutput(c, c.dtype(0), out);
}

// The pixels of one image, with what stands for those outside.
template <typename T>
struct Picture {
  const T* pixels;
  int64_t rows, columns, channels;
  T fill;

  T At(int64_t row, int64_t column, int64_t channel) const {
    if (row < 0 || row >= rows || column < 0 || column >= columns) return fill;
    return pixels[(row * columns + column) * channels + channel];
  }
  // Coordinates far outside would overflow as integers.
  static int64_t Index(float x) { return static_cast<int64_t>(std::clamp(x, -1e9f, 1e9f)); }

  T Nearest(float y, float x, int64_t channel) const { return At(Index(std::round(y)), Index(std::round(x)), channel); }

  T Bilinear(float y, float x, int64_t channel) const {
    const float top = std::floor(y);
    const float left = std::floor(x);
    const auto row = [&](float r) {
      const auto at = [&](float column) {
        return static_cast<float>(static_cast<ArithmeticOf<T>>(At(Index(r), Index(column), channel)));
      };
      return (left + 1 - x) * at(left) + (x - left) * at(left + 1);
    };
    return static_cast<T>((top + 1 - y) * row(top) + (y - top) * row(top + 1));
  }
};

template <typename T>
Status TransformImages(const KernelContext& c, FillMode mode, bool bilinear) {
  const Tensor& images = c.input(0);
  Tensor& out = c.output(0);
  Picture<T> picture{static_cast<const T*>(images.data()), images.shape().dim(1), images.shape().dim(2),
                     images.shape().dim(3), static_cast<T>(0.0f)};
  if (c.inputs.size() > 3) {
    picture.fill = static_cast<T>(c.input(3).values<float>()[0]);
  }
  T* y = static_cast<T*>(out.mutable_data());
  for (int64_t b = 0; b < out.shape().dim(0);
       ++b, picture.pixels += picture.rows * picture.columns * picture.channels) {
    const float* t = &c.input(1).values<float>()[c.input(1).shape().dim(0) == 1 ? 0 : 8 * b];
    for (int64_t row = 0; row < out.shape().dim(1); ++row) {
      for (int64_t column = 0; column < out.shape().dim(2); ++column) {
        const auto fx = static_cast<float>(column);
        const auto fy = static_cast<float>(row);
        const float scale = t[6] * fx + t[7] * fy + 1.0f;
        const float x = (t[0] * fx + t[1] * fy + t[2]) / scale;
        const float z = (t[3] * fx + t[4] * fy + t[5]) / scale;
        const bool is_finite = scale != 0 && std::isfinite(x) && std::isfinite(z);  // else on the horizon
        const float in_x = MapCoordinate(x, static_cast<float>(picture.columns), mode);
        const float in_y = MapCoordinate(z, static_cast<float>(picture.rows), mode);
        for (int64_t channel = 0; channel < picture.channels; ++channel) {
          *y++ = !is_finite ? picture.fill
                 : bilinear ? picture.Bilinear(in_y, in_x, channel)
                            : picture.Nearest(in_y, in_x, channel);
        }
      }
    }
  }
  return absl::OkStatus();
}

Status ProjectiveTransform(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferTransform));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const FillMode mode, ReadFillMode(attrs));
  const std::string interpolation = absl::AsciiStrToUpper(StringAttr(attrs, "interpolation", ""));
  if (interpolation != "NEAREST" && interpolation != "BILINEAR") {
    return MakeError(ErrorCode::kAttribute, "interpolation must be NEAREST or BILINEAR, got ",
                     Printable(interpolation));
  }
  const int64_t transforms = c.input(1).shape().dim(0);
  if (transforms != 1 && transforms != c.input(0).shape().dim(0)) {
    return MakeError(ErrorCode::kShape, "expected a transform, or one for each of ", c.input(0).shape().dim(0),
                     " images, got ", transforms);
  }
  if (c.inputs.size() > 3 && (c.input(3).dtype() != DType::kFloat32 || c.input(3).num_elements() != 1)) {
    return MakeError(ErrorCode::kShape, "fill_value must be a float32 scalar");
  }
  const bool bilinear = interpolation == "BILINEAR";
  return DispatchReal(c.input(0).dtype(), [&](auto tag) { return TransformImages<decltype(tag)>(c, mode, bilinear); });
}

// --- DrawBoundingBoxes ---

using Color = std::array<float, 4>;

constexpr Color kColors[] = {{1, 1, 0, 1},     {0, 0, 1, 1},   {1, 0, 0, 1},   {0, 1, 0, 1}, {0.5, 0, 0.5, 1},
                             {0.5, 0.5, 0, 1}, {0.5, 0, 0, 1}, {0, 0, 0.5, 1}, {0, 1, 1, 1}, {1, 0, 1, 1}};

Status InferBoxes(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 4, "the images"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat32, c.dtype(1), "the boxes"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 3, "the boxes"));
  if (c.shape(0).has_rank() && c.shape(1).has_rank()) {
    MOULIN_RETURN_IF_ERROR(MergeDims(c.shape(0).dim(0), c.shape(1).dim(0), "the images and boxes").status());
    MOULIN_RETURN_IF_ERROR(MergeDims(c.shape(1).dim(2), 4, "a box").status());
  }
  return AddOutput(c, c.dtype(0), c.shape(0));
}

// The colours to take in turn: the third operand's, cut or padded to four parts, or TensorFlow's own.
StatusOr<std::vector<Color>> ReadColors(const KernelContext& c, int64_t channels) {
  std::vector<Color> colors(std::begin(kColors), std::end(kColors));
  if (c.inputs.size() > 2 && c.input(2).num_elements() > 0) {
    const Tensor& given = c.input(2);
    MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat32, given.dtype(), "the colors"));
    if (given.shape().rank() != 2 || given.shape().dim(1) < channels) {
      return MakeError(ErrorCode::kShape, "expected colors of ", channels, " parts, got ", given.shape().ToString());
    }
    colors.assign(given.shape().dim(0), Color{});
    for (size_t i = 0; i < colors.size(); ++i) {
      for (int64_t k = 0; k < channels; ++k) colors[i][k] = given.values<float>()[i * given.shape().dim(1) + k];
    }
  }
  if (channels == 1) {
    for (Color& color : colors) color[0] = 1;
  }
  return colors;
}

// Draws on one image.
template <typename T>
class Canvas {
 public:
  Canvas(T* pixels, const Shape& shape)
      : pixels_(pixels), rows_(shape.dim(1)), columns_(shape.dim(2)), channels_(shape.dim(3)) {}

  void Draw(const float* box, const Color& color) {
    for (int i = 0; i < 4; ++i) {
      if (!std::isfinite(box[i])) return;
    }
    const int64_t top = Scaled(box[0], rows_), left = Scaled(box[1], columns_);
    const int64_t bottom = Scaled(box[2], rows_), right = Scaled(box[3], columns_);
    if (top > bottom || left > right) return;
    if (top >= rows_ || bottom < 0 || left >= columns_ || right < 0) return;
    for (int64_t x = std::max<int64_t>(left, 0); x <= std::min(right, columns_ - 1); ++x) {
      Set(top, x, color);
      Set(bottom, x, color);
    }
    for (int64_t y = std::max<int64_t>(top, 0); y <= std::min(bottom, rows_ - 1); ++y) {
      Set(y, left, color);
      Set(y, right, color);
    }
  }

 private:
  static int64_t Scaled(float x, int64_t size) {
    return static_cast<int64_t>(std::clamp(x * static_cast<float>(size - 1), -1e9f, 1e9f));
  }
  void Set(int64_t y, int64_t x, const Color& color) {
    if (y < 0 || y >= rows_ || x < 0 || x >= columns_) return;
    for (int64_t k = 0; k < channels_; ++k) pixels_[(y * columns_ + x) * channels_ + k] = static_cast<T>(color[k]);
  }

  T* pixels_;
  int64_t rows_, columns_, channels_;
};

Status DrawBoxes(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferBoxes));
  const Shape& shape = c.input(0).shape();
  if (shape.dim(3) != 1 && shape.dim(3) != 3 && shape.dim(3) != 4) {
    return MakeError(ErrorCode::kShape, "the images must have 1, 3 or 4 channels, got ", shape.dim(3));
  }
  MOULIN_ASSIGN_OR_RETURN(const std::vector<Color> colors, ReadColors(c, shape.dim(3)));
  CopyElements(c.input(0), 0, c.output(0), 0, c.input(0).num_elements());
  const int64_t boxes = c.input(1).shape().dim(1);
  return DispatchFloating(c.input(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    auto* pixels = static_cast<T*>(c.output(0).mutable_data());
    for (int64_t b = 0; b < shape.dim(0); ++b) {
      Canvas<T> canvas(pixels + b * (shape.dim(1) * shape.dim(2) * shape.dim(3)), shape);
      for (int64_t i = 0; i < boxes; ++i) {
        canvas.Draw(&c.input(1).values<float>()[(b * boxes + i) * 4], colors[i % colors.size()]);
      }
    }
    return absl::OkStatus();
  });
}

constexpr HostOp kImageTransformKernels[] = {
    {"DrawBoundingBoxes", 2, 2, InferBoxes, DrawBoxes},
    {"DrawBoundingBoxesV2", 3, 3, InferBoxes, DrawBoxes},
    {"ImageProjectiveTransformV2", 3, 3, InferTransform, ProjectiveTransform},
    {"ImageProjectiveTransformV3", 4, 4, InferTransform, ProjectiveTransform},
};

}  // namespace

absl::Span<const HostOp> ImageTransformKernels() { return kImageTransformKernels; }

}  // namespace moulin
