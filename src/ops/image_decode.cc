// Host kernels that decode image files. Tests: tests/ops/host_kernels_test.cc, tests/cases/host_cases.py.
#include <cstring>

#include "absl/strings/match.h"
#include "ops/axes.h"
#include "ops/host_op.h"
#include "ops/image_files.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

enum class Format { kPng, kJpeg, kGif, kBmp, kUnknown };

Format FormatOf(absl::string_view file) {
  if (absl::StartsWith(file, "\xff\xd8\xff")) return Format::kJpeg;
  if (absl::StartsWith(file, "\x89PNG\r\n\x1a\n")) return Format::kPng;
  if (absl::StartsWith(file, "GIF8")) return Format::kGif;
  if (absl::StartsWith(file, "BM")) return Format::kBmp;
  return Format::kUnknown;
}

// What the ops have in common: each decodes any of the formats but BMP, which only its own and DecodeImage do.
struct Request {
  DType type;
  int channels;
  bool bmp_only, allows_bmp;
  bool four_axes;  // a GIF's frames are an axis
  JpegOptions jpeg;
};

StatusOr<Request> ReadRequest(const HostOpAttrs& attrs) {
  Request r;
  r.type = attrs.output_types.empty() ? DType::kUInt8 : attrs.output_types[0];
  if (r.type != DType::kUInt8 && r.type != DType::kUInt16 && r.type != DType::kFloat32) {
    return MakeError(ErrorCode::kDType, "images are uint8, uint16 or float32, not ", Name(r.type));
  }
  const int64_t channels = IntAttr(attrs, "channels", 0);
  if (channels != 0 && channels != 1 && channels != 3 && channels != 4) {
    return MakeError(ErrorCode::kAttribute, "channels must be 0, 1, 3 or 4, got ", channels);
  }
  r.channels = static_cast<int>(channels);
  r.bmp_only = attrs.op == "DecodeBmp";
  r.allows_bmp = r.bmp_only || attrs.op == "DecodeImage";
  r.four_axes = attrs.op == "DecodeGif" || (attrs.op == "DecodeImage" && IntAttr(attrs, "expand_animations", 1) != 0);
  const int64_t ratio = IntAttr(attrs, "ratio", 1);
  if (ratio != 1 && ratio != 2 && ratio != 4 && ratio != 8) {
    return MakeError(ErrorCode::kAttribute, "ratio must be 1, 2, 4 or 8, got ", ratio);
  }
  r.jpeg.ratio = static_cast<int>(ratio);
  r.jpeg.channels = r.channels;
  r.jpeg.fancy_upscaling = IntAttr(attrs, "fancy_upscaling", 1) != 0;
  r.jpeg.try_recover_truncated = IntAttr(attrs, "try_recover_truncated", 0) != 0;
  r.jpeg.accurate = StringAttr(attrs, "dct_method", "") == "INTEGER_ACCURATE";
  return r;
}

Status InferDecode(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the contents"));
  MOULIN_ASSIGN_OR_RETURN(const Request r, ReadRequest(c.attr<HostOpAttrs>()));
  const std::string& op = c.attr<HostOpAttrs>().op;
  const int64_t channels = r.channels == 0 ? kUnknownDim : r.channels;
  if (op == "DecodeGif") {
    c.Add(r.type, PartialShape{kUnknownDim, kUnknownDim, kUnknownDim, 3});
  } else if (r.four_axes) {
    c.Add(r.type, PartialShape());
  } else {
    c.Add(r.type, PartialShape{kUnknownDim, kUnknownDim, channels});
  }
  return absl::OkStatus();
}

StatusOr<DecodedImage> Decode(const std::string& file, const Request& r) {
  const Format format = FormatOf(file);
  if (r.bmp_only || (format == Format::kBmp && r.allows_bmp)) return DecodeBmpFile(file, r.channels);
  if (format == Format::kPng) return DecodePngFile(file, r.channels, r.type == DType::kUInt8 ? 8 : 16);
  if (format == Format::kJpeg) {
    if (r.channels == 4) return MakeError(ErrorCode::kValue, "a JPEG file has no 4 channels");
    return DecodeJpegFile(file, r.jpeg);
  }
  if (format == Format::kGif) {
    if (r.channels == 1 || r.channels == 4) return MakeError(ErrorCode::kValue, "a GIF file has 3 channels");
    return DecodeGifFile(file, r.four_axes);
  }
  return MakeError(ErrorCode::kValue, "the contents are no file of a format that this op reads");
}

// Writes the pixels in the type wanted: floats are of [0, 1].
void Write(const DecodedImage& image, Tensor& out) {
  const auto* narrow = reinterpret_cast<const uint8_t*>(image.bytes.data());
  const int64_t n = out.num_elements();
  if (out.dtype() == DType::kUInt8 || (out.dtype() == DType::kUInt16 && image.bits == 16)) {
    std::memcpy(out.mutable_data(), narrow, image.bytes.size());
  } else if (out.dtype() == DType::kUInt16) {
    for (int64_t i = 0; i < n; ++i) out.mutable_values<uint16_t>()[i] = static_cast<uint16_t>(narrow[i] * 256);
  } else if (image.bits == 8) {
    for (int64_t i = 0; i < n; ++i) out.mutable_values<float>()[i] = static_cast<float>(narrow[i]) * (1.0f / 255.0f);
  } else {
    for (int64_t i = 0; i < n; ++i) {
      uint16_t value;
      std::memcpy(&value, narrow + 2 * i, 2);
      out.mutable_values<float>()[i] = static_cast<float>(value) * (1.0f / 65535.0f);
    }
  }
}

Status DecodeImage(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const Request r, ReadRequest(c.attr<HostOpAttrs>()));
  MOULIN_ASSIGN_OR_RETURN(const std::string file, OnlyString(c.input(0), "the contents"));
  MOULIN_ASSIGN_OR_RETURN(const DecodedImage image, Decode(file, r));
  Shape shape{image.height, image.width, image.channels};
  const bool is_gif = FormatOf(file) == Format::kGif;
  const bool is_gif_op = c.attr<HostOpAttrs>().op == "DecodeGif";
  if (is_gif_op || (r.four_axes && is_gif)) shape = Shape{image.frames, image.height, image.width, image.channels};
  if (is_gif_op && image.channels != 3)
    return MakeError(ErrorCode::kValue, "expected 3 channels, got ", image.channels);
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, r.type, shape));
  Write(image, c.output(0));
  return absl::OkStatus();
}

Status InferCropped(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the contents"));
  MOULIN_ASSIGN_OR_RETURN(const Request r, ReadRequest(c.attr<HostOpAttrs>()));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> window, KnownInts(c, 1));
  PartialShape shape{kUnknownDim, kUnknownDim, r.channels == 0 ? kUnknownDim : r.channels};
  if (window && window->size() == 4) {
    shape.set_dim(0, (*window)[2]);
    shape.set_dim(1, (*window)[3]);
  }
  return AddOutput(c, r.type, shape);
}

// (contents, window: y, x, height and width)
Status DecodeCropped(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(Request r, ReadRequest(c.attr<HostOpAttrs>()));
  MOULIN_ASSIGN_OR_RETURN(const std::string file, OnlyString(c.input(0), "the contents"));
  MOULIN_ASSIGN_OR_RETURN(const Ints window, IntValues(c.input(1)));
  if (window.size() != 4) return MakeError(ErrorCode::kShape, "expected 4 numbers of a window, got ", window.size());
  if (r.channels == 4) return MakeError(ErrorCode::kValue, "a JPEG file has no 4 channels");
  r.jpeg.window = ImageWindow{window[0], window[1], window[2], window[3]};
  MOULIN_ASSIGN_OR_RETURN(const DecodedImage image, DecodeJpegFile(file, r.jpeg));
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, r.type, Shape{image.height, image.width, image.channels}));
  Write(image, c.output(0));
  return absl::OkStatus();
}

Status InferJpegShape(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the contents"));
  const std::vector<DType>& types = c.attr<HostOpAttrs>().output_types;
  return AddOutput(c, types.empty() ? DType::kInt32 : types[0], PartialShape{3});
}

// Height, width and channels of the file.
Status JpegShape(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferJpegShape));
  MOULIN_ASSIGN_OR_RETURN(const std::string file, OnlyString(c.input(0), "the contents"));
  MOULIN_ASSIGN_OR_RETURN(const DecodedImage image, ReadJpegSizes(file));
  return StoreInts({image.height, image.width, image.channels}, &c.output(0));
}

constexpr HostOp kImageDecodeKernels[] = {
    {"DecodeAndCropJpeg", 2, 2, InferCropped, DecodeCropped},
    {"ExtractJpegShape", 1, 1, InferJpegShape, JpegShape},
    {"DecodeBmp", 1, 1, InferDecode, DecodeImage},
    {"DecodeGif", 1, 1, InferDecode, DecodeImage},
    {"DecodeImage", 1, 1, InferDecode, DecodeImage},
    {"DecodeJpeg", 1, 1, InferDecode, DecodeImage},
    {"DecodePng", 1, 1, InferDecode, DecodeImage},
};

}  // namespace

absl::Span<const HostOp> ImageDecodeKernels() { return kImageDecodeKernels; }

}  // namespace moulin
