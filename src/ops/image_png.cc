#include <png.h>

#include <algorithm>
#include <cstring>

#include "ops/image_files.h"

namespace moulin {
namespace {

// Longer than zlib can compress zeros, and room for the file's frame.
constexpr int64_t kMostRatio = 1100;

// What the C library's callbacks and jumps see; nothing of it has a destructor to be jumped over.
struct PngState {
  png_structp png = nullptr;
  png_infop info = nullptr;
  const char* next = nullptr;
  size_t left = 0;
  char message[128] = {};
};

void OnError(png_structp png, png_const_charp message) {
  auto* state = static_cast<PngState*>(png_get_error_ptr(png));
  std::strncpy(state->message, message, sizeof(state->message) - 1);
  longjmp(png_jmpbuf(png), 1);
}

void OnWarning(png_structp, png_const_charp) {}

void OnRead(png_structp png, png_bytep out, size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  if (count > state->left) png_error(png, "the file is cut short");
  std::memcpy(out, state->next, count);
  state->next += count;
  state->left -= count;
}

bool ReadHeader(PngState* state) {
  if (setjmp(png_jmpbuf(state->png))) return false;
  png_set_read_fn(state->png, state, OnRead);
  png_read_info(state->png, state->info);
  return true;
}

int FileChannels(const PngState& s) {
  if (png_get_color_type(s.png, s.info) != PNG_COLOR_TYPE_PALETTE) return png_get_channels(s.png, s.info);
  return png_get_valid(s.png, s.info, PNG_INFO_tRNS) != 0 ? 4 : 3;
}

// Asks the library for the channels and depth wanted.
bool SetTransforms(PngState* s, int channels, int bits) {
  if (setjmp(png_jmpbuf(s->png))) return false;
  const int color = png_get_color_type(s->png, s->info);
  const int depth = png_get_bit_depth(s->png, s->info);
  const bool has_transparency = png_get_valid(s->png, s->info, PNG_INFO_tRNS) != 0;
  const bool has_alpha = (color & PNG_COLOR_MASK_ALPHA) != 0;
  if (channels % 2 == 1) {
    if (has_alpha || has_transparency) png_set_strip_alpha(s->png);
  } else if (!has_alpha && has_transparency) {
    png_set_tRNS_to_alpha(s->png);
  } else if (!has_alpha) {
    png_set_add_alpha(s->png, (1u << std::max(depth, 8)) - 1, PNG_FILLER_AFTER);
  }
  if (depth > 8 && bits == 8) png_set_strip_16(s->png);
  png_set_packing(s->png);
  png_set_interlace_handling(s->png);
  if (depth > 8 && bits == 16) png_set_swap(s->png);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(s->png);
  const bool is_gray = (color & PNG_COLOR_MASK_COLOR) == 0;
  if (is_gray && depth < 8) png_set_expand_gray_1_2_4_to_8(s->png);
  if (is_gray && channels >= 3) png_set_gray_to_rgb(s->png);
  if (!is_gray && channels < 3) png_set_rgb_to_gray(s->png, 1, 0.299, 0.587);
  png_read_update_info(s->png, s->info);
  return true;
}

bool ReadRows(PngState* s, png_bytep* rows) {
  if (setjmp(png_jmpbuf(s->png))) return false;
  png_read_image(s->png, rows);
  return true;
}

Status Failed(const PngState& s) { return MakeError(ErrorCode::kValue, "malformed PNG: ", Printable(s.message)); }

Status CheckSize(const PngState& s, size_t file_size) {
  const int64_t height = png_get_image_height(s.png, s.info);
  const int64_t width = png_get_image_width(s.png, s.info);
  if (width * height > kMostPixels) {
    return MakeError(ErrorCode::kLimit, "expected at most ", kMostPixels, " pixels, got ", width, " x ", height);
  }
  const int64_t bits = width * png_get_bit_depth(s.png, s.info) * png_get_channels(s.png, s.info);
  if (height * (bits / 8) > kMostRatio * (static_cast<int64_t>(file_size) + 64)) {
    return MakeError(ErrorCode::kValue, "malformed PNG: too short for ", width, " x ", height, " pixels");
  }
  return absl::OkStatus();
}

// 8 bits to 16, in place of a file that has no more.
void DoubleDepth(DecodedImage* image) {
  std::string wide(image->bytes.size() * 2, '\0');
  for (size_t i = 0; i < image->bytes.size(); ++i) wide[2 * i] = wide[2 * i + 1] = image->bytes[i];
  image->bytes = std::move(wide);
}

StatusOr<DecodedImage> Decode(PngState* s, size_t file_size, int channels, int bits) {
  if (!ReadHeader(s)) return Failed(*s);
  const Status size = CheckSize(*s, file_size);
  if (!size.ok()) return size;
  DecodedImage image;
  image.channels = channels == 0 ? FileChannels(*s) : channels;
  const bool widen = bits == 16 && png_get_bit_depth(s->png, s->info) <= 8;
  if (!SetTransforms(s, static_cast<int>(image.channels), bits)) return Failed(*s);
  image.height = png_get_image_height(s->png, s->info);
  image.width = png_get_image_width(s->png, s->info);
  image.bits = bits;
  const size_t row = png_get_rowbytes(s->png, s->info);
  if (row != static_cast<size_t>(image.width * image.channels * (bits == 16 && !widen ? 2 : 1))) {
    return MakeError(ErrorCode::kUnsupported, "PNG files of this kind");
  }
  image.bytes.resize(row * image.height);
  std::vector<png_bytep> rows;
  for (int64_t i = 0; i < image.height; ++i) rows.push_back(reinterpret_cast<png_bytep>(image.bytes.data()) + i * row);
  if (!ReadRows(s, rows.data())) return Failed(*s);
  if (widen) DoubleDepth(&image);
  return image;
}

}  // namespace

StatusOr<DecodedImage> DecodePngFile(absl::string_view file, int channels, int bits) {
  PngState s;
  s.next = file.data();
  s.left = file.size();
  s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, OnError, OnWarning);
  if (s.png == nullptr) return MakeError(ErrorCode::kMemory, "not enough memory to read a PNG file");
  s.info = png_create_info_struct(s.png);
  StatusOr<DecodedImage> image = Decode(&s, file.size(), channels, bits);
  png_destroy_read_struct(&s.png, &s.info, nullptr);
  return image;
}

}  // namespace moulin
