// jpeglib.h needs what <cstdio> declares.
// clang-format off
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "base/status_macros.h"
#include "ops/image_files.h"

namespace moulin {
namespace {

// What the C library's callbacks and jumps see; nothing of it has a destructor to be jumped over.
struct JpegState {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jmp_buf back;
  bool recover = false;
  char message[JMSG_LENGTH_MAX] = {};
};

void OnError(j_common_ptr jpeg) {
  auto* state = static_cast<JpegState*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, state->message);
  longjmp(state->back, 1);
}

// A file that is cut short is a mere warning to the library.
void OnMessage(j_common_ptr jpeg, int level) {
  auto* state = static_cast<JpegState*>(jpeg->client_data);
  if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF && !state->recover) OnError(jpeg);
}

bool ReadHeader(JpegState* s, absl::string_view file) {
  if (setjmp(s->back)) return false;
  jpeg_create_decompress(&s->jpeg);
  s->jpeg.client_data = s;
  jpeg_mem_src(&s->jpeg, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  jpeg_read_header(&s->jpeg, TRUE);
  return true;
}

bool Start(JpegState* s, const JpegOptions& options, int channels) {
  if (setjmp(s->back)) return false;
  jpeg_decompress_struct& j = s->jpeg;
  j.out_color_space = channels == 1 ? JCS_GRAYSCALE : j.num_components == 4 ? JCS_CMYK : JCS_RGB;
  j.do_fancy_upsampling = options.fancy_upscaling ? TRUE : FALSE;
  j.scale_num = 1;
  j.scale_denom = options.ratio;
  j.dct_method = options.accurate ? JDCT_ISLOW : JDCT_IFAST;
  jpeg_start_decompress(&j);
  return true;
}

// Moves to the rows of a window and narrows the rows to the blocks that it touches, whose first column *x becomes.
bool NarrowToWindow(JpegState* s, const ImageWindow& window, JDIMENSION* x) {
  if (setjmp(s->back)) return false;
  *x = static_cast<JDIMENSION>(window.x);
  auto width = static_cast<JDIMENSION>(window.width);
  jpeg_crop_scanline(&s->jpeg, x, &width);
  return jpeg_skip_scanlines(&s->jpeg, static_cast<JDIMENSION>(window.y)) == window.y;
}

bool ReadRow(JpegState* s, unsigned char* row) {
  if (setjmp(s->back)) return false;
  return jpeg_read_scanlines(&s->jpeg, &row, 1) == 1;
}

// Four inks to three colours; Adobe's files hold them inverted.
void ToRgb(const unsigned char* inks, int64_t width, bool inverted, char* out) {
  for (int64_t i = 0; i < width; ++i, inks += 4) {
    for (int k = 0; k < 3; ++k) {
      const int light = inverted ? inks[3] * inks[k] : (255 - inks[3]) * (255 - inks[k]);
      *out++ = static_cast<char>(light / 255);
    }
  }
}

Status CheckWindow(const ImageWindow& w, int64_t height, int64_t width) {
  if (w.y >= 0 && w.x >= 0 && w.height > 0 && w.width > 0 && w.y < height && w.x < width && w.height <= height - w.y &&
      w.width <= width - w.x) {
    return absl::OkStatus();
  }
  return MakeError(ErrorCode::kValue, "the window of ", w.height, " x ", w.width, " pixels at (", w.y, ", ", w.x,
                   ") is not inside of the picture of ", height, " x ", width);
}

Status Failed(const JpegState& s) { return MakeError(ErrorCode::kValue, "malformed JPEG: ", Printable(s.message)); }

StatusOr<DecodedImage> Decode(JpegState* s, absl::string_view file, const JpegOptions& options) {
  if (!ReadHeader(s, file)) return Failed(*s);
  const int64_t pixels = int64_t{s->jpeg.image_width} * s->jpeg.image_height;
  if (pixels > kMostPixels)
    return MakeError(ErrorCode::kLimit, "expected at most ", kMostPixels, " pixels, got ", pixels);
  DecodedImage image;
  image.channels = options.channels != 0 ? options.channels : s->jpeg.num_components == 1 ? 1 : 3;
  if (!Start(s, options, static_cast<int>(image.channels))) return Failed(*s);
  image.width = s->jpeg.output_width;
  image.height = s->jpeg.output_height;
  int64_t skipped = 0;  // columns in front of the window, of the blocks that it touches
  if (options.window) {
    MOULIN_RETURN_IF_ERROR(CheckWindow(*options.window, image.height, image.width));
    JDIMENSION x = 0;
    if (!NarrowToWindow(s, *options.window, &x)) return Failed(*s);
    skipped = options.window->x - static_cast<int64_t>(x);
    image.width = options.window->width;
    image.height = options.window->height;
  }
  const bool four = s->jpeg.out_color_space == JCS_CMYK;
  if (s->jpeg.output_components != (four ? 4 : image.channels)) {
    return MakeError(ErrorCode::kUnsupported, "JPEG files of ", s->jpeg.output_components, " components");
  }
  std::vector<unsigned char> row(int64_t{s->jpeg.output_width} * s->jpeg.output_components);
  const unsigned char* pixels_of_row = row.data() + skipped * s->jpeg.output_components;
  const int64_t row_bytes = image.width * image.channels;
  // Grows row by row: a short file stops it.
  for (int64_t y = 0; y < image.height; ++y) {
    if (!ReadRow(s, row.data())) return Failed(*s);
    image.bytes.resize((y + 1) * row_bytes);
    char* out = image.bytes.data() + y * row_bytes;
    if (four) {
      ToRgb(pixels_of_row, image.width, s->jpeg.saw_Adobe_marker, out);
    } else {
      std::memcpy(out, pixels_of_row, row_bytes);
    }
  }
  return image;
}

StatusOr<DecodedImage> Sizes(JpegState* s, absl::string_view file) {
  if (!ReadHeader(s, file)) return Failed(*s);
  DecodedImage image;
  image.height = s->jpeg.image_height;
  image.width = s->jpeg.image_width;
  image.channels = s->jpeg.num_components;
  return image;
}

void Prepare(JpegState* s) {
  s->jpeg.err = jpeg_std_error(&s->errors);
  s->errors.error_exit = OnError;
  s->errors.emit_message = OnMessage;
  s->jpeg.client_data = s;
}

}  // namespace

StatusOr<DecodedImage> ReadJpegSizes(absl::string_view file) {
  JpegState s;
  Prepare(&s);
  StatusOr<DecodedImage> image = Sizes(&s, file);
  jpeg_destroy_decompress(&s.jpeg);
  return image;
}

StatusOr<DecodedImage> DecodeJpegFile(absl::string_view file, const JpegOptions& options) {
  JpegState s;
  s.recover = options.try_recover_truncated;
  Prepare(&s);
  StatusOr<DecodedImage> image = Decode(&s, file, options);
  jpeg_destroy_decompress(&s.jpeg);
  return image;
}

}  // namespace moulin
