// jpeglib.h needs what <cstdio> declares.
// clang-format off
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>
#include <jerror.h>
// clang-format on

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
  const bool four = s->jpeg.out_color_space == JCS_CMYK;
  if (s->jpeg.output_components != (four ? 4 : image.channels)) {
    return MakeError(ErrorCode::kUnsupported, "JPEG files of ", s->jpeg.output_components, " components");
  }
  std::vector<unsigned char> row(image.width * s->jpeg.output_components);
  const int64_t row_bytes = image.width * image.channels;
  // Grows row by row: a short file stops it.
  for (int64_t y = 0; y < image.height; ++y) {
    if (!ReadRow(s, row.data())) return Failed(*s);
    image.bytes.resize((y + 1) * row_bytes);
    char* out = image.bytes.data() + y * row_bytes;
    if (four) {
      ToRgb(row.data(), image.width, s->jpeg.saw_Adobe_marker, out);
    } else {
      std::memcpy(out, row.data(), row_bytes);
    }
  }
  return image;
}

}  // namespace

StatusOr<DecodedImage> DecodeJpegFile(absl::string_view file, const JpegOptions& options) {
  JpegState s;
  s.recover = options.try_recover_truncated;
  s.jpeg.err = jpeg_std_error(&s.errors);
  s.errors.error_exit = OnError;
  s.errors.emit_message = OnMessage;
  s.jpeg.client_data = &s;
  StatusOr<DecodedImage> image = Decode(&s, file, options);
  jpeg_destroy_decompress(&s.jpeg);
  return image;
}

}  // namespace moulin
