// Random windows of images by area, form and how much of an object they hold. Tests: tests/cases/random_cases.py.
#include <algorithm>
#include <cmath>

#include "ops/axes.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/philox.h"

namespace moulin {
namespace {

struct CropBox {
  int32_t left = 0, top = 0, right = 0, bottom = 0;
  float area() const { return static_cast<float>(int64_t{right - left} * (bottom - top)); }
};

float CommonArea(const CropBox& a, const CropBox& b) {
  const CropBox both{std::max(a.left, b.left), std::max(a.top, b.top), std::min(a.right, b.right),
                     std::min(a.bottom, b.bottom)};
  return both.left > both.right || both.top > both.bottom ? 0 : both.area();
}

struct CropRequest {
  int32_t height, width;
  std::vector<CropBox> objects;
  float covered;  // the part of one object that must be inside
  float least_ratio, most_ratio, least_area, most_area;
};

bool HoldsObject(const CropBox& window, const CropRequest& r) {
  if (window.area() < 1) return false;
  return std::any_of(r.objects.begin(), r.objects.end(), [&](const CropBox& object) {
    return object.area() >= 1 && CommonArea(window, object) / object.area() >= r.covered;
  });
}

int64_t Rounded(float x) { return std::lrintf(x); }

// The greatest height whose width, by this ratio, is inside of the image.
int64_t MostHeight(const CropRequest& r, float ratio, float most_area) {
  int64_t most = Rounded(std::sqrt(most_area / ratio));
  if (Rounded(static_cast<float>(most) * ratio) > r.width) {
    constexpr float kBelowHalf = 0.0000001;
    most = static_cast<int64_t>((r.width + 0.5 - kBelowHalf) / ratio);
    if (Rounded(static_cast<float>(most) * ratio) > r.width) --most;
  }
  return std::min<int64_t>(most, r.height);
}

// A window of this ratio somewhere in the image; false where there is none of the areas asked for.
bool TryWindow(const CropRequest& r, float ratio, WordStream* words, CropBox* window) {
  if (r.least_area > r.most_area || r.width <= 0 || r.height <= 0) return false;
  const float least_area = r.least_area * static_cast<float>(r.width) * static_cast<float>(r.height);
  const float most_area = r.most_area * static_cast<float>(r.width) * static_cast<float>(r.height);
  const int64_t most = MostHeight(r, ratio, most_area);
  int64_t height = std::min(Rounded(std::sqrt(least_area / ratio)), most);
  if (height < most) height += words->Below(static_cast<uint32_t>(most - height + 1));
  const auto width_of = [&](int64_t h) { return Rounded(static_cast<float>(h) * ratio); };
  const auto area_of = [&](int64_t h) { return static_cast<float>(width_of(h) * h); };
  if (area_of(height) < least_area) ++height;
  if (area_of(height) > most_area) --height;
  const int64_t width = width_of(height);
  if (area_of(height) < least_area || area_of(height) > most_area || width > r.width || height > r.height ||
      width <= 0 || height <= 0) {
    return false;
  }
  const int64_t top = height < r.height ? words->Below(static_cast<uint32_t>(r.height - height)) : 0;
  const int64_t left = width < r.width ? words->Below(static_cast<uint32_t>(r.width - width)) : 0;
  *window = {static_cast<int32_t>(left), static_cast<int32_t>(top), static_cast<int32_t>(left + width),
             static_cast<int32_t>(top + height)};
  return true;
}

StatusOr<std::vector<CropBox>> ReadBoxes(const Tensor& boxes, int32_t height, int32_t width) {
  const Shape& shape = boxes.shape();
  if (boxes.dtype() != DType::kFloat32 || shape.rank() != 3 || shape.dim(2) != 4) {
    return MakeError(ErrorCode::kShape, "expected float32 boxes [batch,boxes,4], got ", shape.ToString());
  }
  std::vector<CropBox> read;
  const absl::Span<const float> values = boxes.values<float>();
  for (const float value : values) {
    if (!(value >= 0 && value <= 1)) {
      return MakeError(ErrorCode::kValue, "the coordinates of boxes must be in [0, 1], got ", value);
    }
  }
  const auto scaled = [&](int64_t i, int32_t size) {
    return static_cast<int32_t>(values[i] * static_cast<float>(size));
  };
  for (int64_t i = 0; i < boxes.num_elements(); i += 4) {
    read.push_back({scaled(i + 1, width), scaled(i, height), scaled(i + 3, width), scaled(i + 2, height)});
  }
  return read;
}

// The two ends of a range that an attribute tells.
Status ReadRange(const HostOpAttrs& attrs, absl::string_view name, float low, float high, float most, float ends[2]) {
  ends[0] = low;
  ends[1] = high;
  int found = 0;
  for (const auto& [key, value] : attrs.floats) {
    if (key == name && found < 2) ends[found++] = static_cast<float>(value);
  }
  if (found != 1 && ends[0] > 0 && ends[1] > 0 && ends[0] <= most && ends[1] <= most) return absl::OkStatus();
  return MakeError(ErrorCode::kAttribute, name, " must be 2 numbers above 0, at most ", most);
}

constexpr float kMostCoordinate = 2147483520;  // the largest float32 that an int32 holds

StatusOr<CropRequest> ReadCropRequest(const KernelContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const Ints size, IntValues(c.input(0)));
  if (size.size() != 3 || size[0] < 0 || size[1] < 0 || size[0] >= kMostCoordinate || size[1] >= kMostCoordinate) {
    return MakeError(ErrorCode::kValue, "image_size must be 3 sizes, got ", c.input(0).ToString());
  }
  CropRequest r{static_cast<int32_t>(size[0]), static_cast<int32_t>(size[1])};
  MOULIN_ASSIGN_OR_RETURN(r.objects, ReadBoxes(c.input(1), r.height, r.width));
  if (r.objects.empty()) {
    if (IntAttr(attrs, "use_image_if_no_bounding_boxes", 0) == 0) {
      return MakeError(ErrorCode::kValue, "there are no boxes, and use_image_if_no_bounding_boxes is false");
    }
    r.objects.push_back({0, 0, r.width, r.height});
  }
  r.covered = static_cast<float>(FloatAttr(attrs, "min_object_covered", 0.1));
  if (c.inputs.size() > 2) {
    const Tensor& covered = c.input(2);
    if (covered.dtype() != DType::kFloat32 || covered.num_elements() != 1) {
      return MakeError(ErrorCode::kShape, "min_object_covered must be one float32, got ", covered.shape().ToString());
    }
    r.covered = covered.values<float>()[0];
  }
  float ratios[2], areas[2];
  MOULIN_RETURN_IF_ERROR(ReadRange(attrs, "aspect_ratio_range", 0.75f, 1.33f, kMostCoordinate, ratios));
  MOULIN_RETURN_IF_ERROR(ReadRange(attrs, "area_range", 0.05f, 1, 1, areas));
  r.least_ratio = ratios[0];
  r.most_ratio = ratios[1];
  r.least_area = areas[0];
  r.most_area = areas[1];
  return r;
}

// A thousand times TensorFlow's default: a graph that asks for more would be busy with one image for minutes.
constexpr int64_t kMostAttempts = 100000;

// The first window that holds enough of an object; the whole image where none is found.
CropBox FindWindow(const CropRequest& r, int64_t attempts, const Philox& generator) {
  WordStream words(generator);
  for (int64_t i = 0; i < attempts; ++i) {
    const float ratio = UnitFloat(words.Next()) * (r.most_ratio - r.least_ratio) + r.least_ratio;
    CropBox window;
    if (TryWindow(r, ratio, &words, &window) && HoldsObject(window, r)) return window;
  }
  return {0, 0, r.width, r.height};
}

Status InferWindow(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(0), PartialShape{3}));
  MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(0), PartialShape{3}));
  return AddOutput(c, DType::kFloat32, PartialShape{1, 1, 4});
}

// (image size, boxes), (..., part covered) or (..., part covered, seed) -> begin and size of a slice, the window as a
// box.
Status SampleWindow(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferWindow));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const CropRequest r, ReadCropRequest(c));
  Philox generator = FromAttrs(attrs);
  if (c.inputs.size() == 4) {
    MOULIN_ASSIGN_OR_RETURN(generator, FromSeeds(c.input(3)));
  }
  const int64_t attempts = IntAttr(attrs, "max_attempts", 100);
  if (attempts < 1 || attempts > kMostAttempts) {
    return MakeError(attempts < 1 ? ErrorCode::kAttribute : ErrorCode::kLimit, "expected max_attempts of 1 to ",
                     kMostAttempts, ", got ", attempts);
  }
  const CropBox w = FindWindow(r, attempts, generator);
  MOULIN_RETURN_IF_ERROR(StoreInts({w.top, w.left, 0}, &c.output(0)));
  MOULIN_RETURN_IF_ERROR(StoreInts({w.bottom - w.top, w.right - w.left, -1}, &c.output(1)));
  const auto height = static_cast<float>(r.height), width = static_cast<float>(r.width);
  const float box[] = {static_cast<float>(w.top) / height, static_cast<float>(w.left) / width,
                       static_cast<float>(w.bottom) / height, static_cast<float>(w.right) / width};
  std::copy(std::begin(box), std::end(box), c.output(2).mutable_values<float>().begin());
  return absl::OkStatus();
}

constexpr HostOp kRandomCropKernels[] = {
    {"SampleDistortedBoundingBox", 2, 2, InferWindow, SampleWindow},
    {"SampleDistortedBoundingBoxV2", 3, 3, InferWindow, SampleWindow},
    {"StatelessSampleDistortedBoundingBox", 4, 4, InferWindow, SampleWindow},
};

}  // namespace

absl::Span<const HostOp> RandomCropKernels() { return kRandomCropKernels; }

}  // namespace moulin
