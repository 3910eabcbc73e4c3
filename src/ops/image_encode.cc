// Host kernels that make image files. Tests: tests/cases/bytes_cases.py.
// clang-format off
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>
// clang-format on

#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// One image of a tensor: rows of pixels of `channels` values of 8 or 16 bits.
struct Pixels {
  const char* data;
  int64_t height, width, channels;
  int bits;
  size_t row_bytes() const { return static_cast<size_t>(width * channels * bits / 8); }
  const unsigned char* row(int64_t y) const {
    return reinterpret_cast<const unsigned char*>(data) + static_cast<size_t>(y) * row_bytes();
  }
};

Status CheckSize(const Pixels& p) {
  constexpr int64_t kMost = 65500;  // what a JPEG file holds; beyond it PNG files serve nothing
  if (p.height > 0 && p.width > 0 && p.height <= (1 << 27) && p.width <= kMost) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, "an image of ", p.height, " by ", p.width, " pixels cannot be written");
}

// --- PNG ---

// What the C library's callbacks and jumps see; nothing on the way has a destructor to be jumped over.
struct PngWriter {
  std::string* out;
  char message[128] = {};
};

void OnPngError(png_structp png, png_const_charp message) {
  auto* writer = static_cast<PngWriter*>(png_get_error_ptr(png));
  std::strncpy(writer->message, message, sizeof(writer->message) - 1);
  longjmp(png_jmpbuf(png), 1);
}
void OnPngWarning(png_structp, png_const_charp) {}
void OnPngWrite(png_structp png, png_bytep bytes, size_t count) {
  static_cast<PngWriter*>(png_get_io_ptr(png))->out->append(reinterpret_cast<const char*>(bytes), count);
}
void OnPngFlush(png_structp) {}

bool WritePng(png_structp png, png_infop info, PngWriter* writer, const Pixels& p, int compression) {
  constexpr int kColors[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGBA};
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_write_fn(png, writer, OnPngWrite, OnPngFlush);
  png_set_compression_level(png, compression < 0 ? Z_DEFAULT_COMPRESSION : compression);
  png_set_compression_mem_level(png, MAX_MEM_LEVEL);
  png_set_IHDR(png, info, static_cast<png_uint_32>(p.width), static_cast<png_uint_32>(p.height), p.bits,
               kColors[p.channels - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  if (p.bits == 16) png_set_swap(png);
  for (int64_t y = 0; y < p.height; ++y) png_write_row(png, const_cast<png_bytep>(p.row(y)));
  png_write_end(png, nullptr);
  return true;
}

Status EncodePngImage(const Pixels& p, int compression, std::string* out) {
  MOULIN_RETURN_IF_ERROR(CheckSize(p));
  PngWriter writer{out};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer, OnPngError, OnPngWarning);
  if (png == nullptr) return MakeError(ErrorCode::kMemory, "not enough memory to write a PNG file");
  png_infop info = png_create_info_struct(png);
  const bool ok = info != nullptr && WritePng(png, info, &writer, p, compression);
  png_destroy_write_struct(&png, &info);
  if (ok) return absl::OkStatus();
  return MakeError(ErrorCode::kValue, "the PNG file cannot be written: ", Printable(writer.message));
}

// (images [...,h,w,c]) -> a file each
Status InferPng(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 3, "the image"));
  if (c.dtype(0) != DType::kUInt8 && c.dtype(0) != DType::kUInt16) return UnsupportedType(c.dtype(0));
  if (!x.has_rank()) return AddOutput(c, DType::kString, PartialShape());
  const int64_t channels = x.dim(x.rank() - 1);
  if (channels == 0 || channels > 4) return MakeError(ErrorCode::kShape, "expected 1 to 4 channels, got ", channels);
  PartialShape out{Shape()};
  for (int d = 0; d + 3 < x.rank(); ++d) out.push_back(x.dim(d));
  return AddOutput(c, DType::kString, out);
}

Pixels ImageOf(const Tensor& x, int64_t number) {
  const Shape& s = x.shape();
  Pixels p{static_cast<const char*>(x.data()), s.dim(s.rank() - 3), s.dim(s.rank() - 2), s.dim(s.rank() - 1),
           static_cast<int>(8 * SizeOf(x.dtype()))};
  p.data += static_cast<size_t>(number * p.height) * p.row_bytes();
  return p;
}

Status EncodePng(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferPng));
  const int64_t compression = IntAttr(c.attr<HostOpAttrs>(), "compression", -1);
  if (compression < -1 || compression > 9) {
    return MakeError(ErrorCode::kAttribute, "compression must be in [-1, 9], found ", compression);
  }
  for (int64_t i = 0; i < c.output(0).num_elements(); ++i) {
    MOULIN_RETURN_IF_ERROR(
        EncodePngImage(ImageOf(c.input(0), i), static_cast<int>(compression), &c.output(0).mutable_strings()[i]));
  }
  return absl::OkStatus();
}

// --- JPEG ---

struct JpegFlags {
  int quality = 95;
  bool progressive = false, optimize = false, downsample = true;
  int density_unit = 1;  // 1: inches, 2: centimetres
  int x_density = 300, y_density = 300;
};

struct JpegWriter {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jmp_buf back;
  char message[JMSG_LENGTH_MAX] = {};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT: the library's type
};

void OnJpegError(j_common_ptr jpeg) {
  auto* writer = static_cast<JpegWriter*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, writer->message);
  longjmp(writer->back, 1);
}
void OnJpegMessage(j_common_ptr, int) {}

void SetJpegOptions(jpeg_compress_struct* j, const Pixels& p, const JpegFlags& flags) {
  j->image_width = static_cast<JDIMENSION>(p.width);
  j->image_height = static_cast<JDIMENSION>(p.height);
  j->input_components = static_cast<int>(p.channels);
  j->in_color_space = p.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(j);
  if (flags.optimize) j->optimize_coding = TRUE;
  j->density_unit = static_cast<UINT8>(flags.density_unit);
  j->X_density = static_cast<UINT16>(flags.x_density);
  j->Y_density = static_cast<UINT16>(flags.y_density);
  jpeg_set_quality(j, flags.quality, TRUE);
  if (flags.progressive) jpeg_simple_progression(j);
  for (int i = 0; i < j->num_components && !flags.downsample; ++i) {
    j->comp_info[i].h_samp_factor = 1;
    j->comp_info[i].v_samp_factor = 1;
  }
}

bool WriteJpeg(JpegWriter* w, const Pixels& p, const JpegFlags& flags) {
  if (setjmp(w->back)) return false;
  jpeg_create_compress(&w->jpeg);
  w->jpeg.client_data = w;
  jpeg_mem_dest(&w->jpeg, &w->bytes, &w->size);
  SetJpegOptions(&w->jpeg, p, flags);
  jpeg_start_compress(&w->jpeg, TRUE);
  for (int64_t y = 0; y < p.height; ++y) {
    auto* row = const_cast<unsigned char*>(p.row(y));
    jpeg_write_scanlines(&w->jpeg, &row, 1);
  }
  jpeg_finish_compress(&w->jpeg);
  return true;
}

Status EncodeJpegImage(const Pixels& p, const JpegFlags& flags, std::string* out) {
  MOULIN_RETURN_IF_ERROR(CheckSize(p));
  if (p.channels != 1 && p.channels != 3) {
    return MakeError(ErrorCode::kShape, "expected 1 or 3 channels, got ", p.channels);
  }
  if (flags.quality < 0 || flags.quality > 100) {
    return MakeError(ErrorCode::kValue, "quality must be in [0, 100], got ", flags.quality);
  }
  JpegWriter w;
  w.jpeg.err = jpeg_std_error(&w.errors);
  w.errors.error_exit = OnJpegError;
  w.errors.emit_message = OnJpegMessage;
  w.jpeg.client_data = &w;
  const bool ok = WriteJpeg(&w, p, flags);
  if (ok) out->assign(reinterpret_cast<const char*>(w.bytes), w.size);
  jpeg_destroy_compress(&w.jpeg);
  std::free(w.bytes);
  if (ok) return absl::OkStatus();
  return MakeError(ErrorCode::kValue, "the JPEG file cannot be written: ", Printable(w.message));
}

StatusOr<JpegFlags> ReadFlags(const HostOpAttrs& attrs) {
  JpegFlags flags;
  flags.quality = static_cast<int>(std::clamp<int64_t>(IntAttr(attrs, "quality", 95), -1, 101));
  flags.progressive = IntAttr(attrs, "progressive", 0) != 0;
  flags.optimize = IntAttr(attrs, "optimize_size", 0) != 0;
  flags.downsample = IntAttr(attrs, "chroma_downsampling", 1) != 0;
  const absl::string_view unit = StringAttr(attrs, "density_unit", "in");
  if (unit != "in" && unit != "cm") {
    return MakeError(ErrorCode::kAttribute, "density_unit must be in or cm, found \"", Printable(unit), "\"");
  }
  flags.density_unit = unit == "in" ? 1 : 2;
  flags.x_density = static_cast<int>(IntAttr(attrs, "x_density", 300));
  flags.y_density = static_cast<int>(IntAttr(attrs, "y_density", 300));
  if (!StringAttr(attrs, "xmp_metadata", "").empty()) {
    return MakeError(ErrorCode::kUnsupported, "xmp_metadata in a JPEG file");
  }
  return flags;
}

Status CheckFormat(absl::string_view format, int64_t channels) {
  const int64_t expected = format == "grayscale" ? 1 : format == "rgb" ? 3 : channels;
  if (!format.empty() && format != "grayscale" && format != "rgb") {
    return MakeError(ErrorCode::kAttribute, "format must be \"\", grayscale or rgb, found \"", Printable(format), "\"");
  }
  if (expected == channels) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, "format ", format, ": expected ", expected, " channels, got ", channels);
}

// (image [h,w,c]) or (images [...,h,w,c], quality)
Status InferJpeg(InferContext& c) {
  if (c.dtype(0) != DType::kUInt8) return UnsupportedType(c.dtype(0));
  const PartialShape& x = c.shape(0);
  if (c.num_inputs() == 1) MOULIN_RETURN_IF_ERROR(CheckRank(x, 3, "the image"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 3, "the images"));
  PartialShape out{Shape()};
  for (int d = 0; x.has_rank() && d + 3 < x.rank(); ++d) out.push_back(x.dim(d));
  return AddOutput(c, DType::kString, x.has_rank() ? out : PartialShape());
}

Status EncodeJpeg(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferJpeg));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  JpegFlags flags;
  const Shape& shape = c.input(0).shape();
  if (c.inputs.size() == 1) {
    MOULIN_ASSIGN_OR_RETURN(flags, ReadFlags(attrs));
    MOULIN_RETURN_IF_ERROR(CheckFormat(StringAttr(attrs, "format", ""), shape.dim(shape.rank() - 1)));
  } else {
    MOULIN_ASSIGN_OR_RETURN(const Ints quality, IntValues(c.input(1)));
    if (quality.size() != 1) return MakeError(ErrorCode::kShape, "quality must be a scalar");
    flags.quality = static_cast<int>(std::clamp<int64_t>(quality[0], -1, 101));
  }
  for (int64_t i = 0; i < c.output(0).num_elements(); ++i) {
    MOULIN_RETURN_IF_ERROR(EncodeJpegImage(ImageOf(c.input(0), i), flags, &c.output(0).mutable_strings()[i]));
  }
  return absl::OkStatus();
}

constexpr HostOp kImageEncodeKernels[] = {
    {"EncodeJpeg", 1, 1, InferJpeg, EncodeJpeg},
    {"EncodeJpegVariableQuality", 2, 2, InferJpeg, EncodeJpeg},
    {"EncodePng", 1, 1, InferPng, EncodePng},
};

}  // namespace

absl::Span<const HostOp> ImageEncodeKernels() { return kImageEncodeKernels; }

}  // namespace moulin
