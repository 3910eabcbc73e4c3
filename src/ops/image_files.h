// Image files in memory to pixels. What a file claims is checked against its own length before memory is taken.
#ifndef MOULIN_OPS_IMAGE_FILES_H_
#define MOULIN_OPS_IMAGE_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/errors.h"
#include "moulin/status.h"

namespace moulin {

// Rows of pixels of `channels` values, 8 bits each, or 16 in the machine's order.
struct DecodedImage {
  int64_t frames = 1;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  int bits = 8;
  std::string bytes;
};

// `channels`: 0 for those of the file, or how many to convert to (1, 3 or 4). All fail with E_VALUE for files that are
// malformed or cut short, E_LIMIT for larger ones than these pixels.
inline constexpr int64_t kMostPixels = int64_t{1} << 28;

// `bits`: 8 or 16.
StatusOr<DecodedImage> DecodePngFile(absl::string_view file, int channels, int bits);

// Part of a picture.
struct ImageWindow {
  int64_t y, x, height, width;
};

struct JpegOptions {
  int channels = 0;  // 0, 1 or 3
  int ratio = 1;     // 1, 2, 4 or 8: how much smaller
  bool fancy_upscaling = true;
  bool try_recover_truncated = false;
  bool accurate = false;  // the slower transform
  // Where set, only this part is decoded: of the blocks that it touches, so that pixels at its edges may differ a
  // little from those of the whole picture. E_VALUE where it is not inside.
  std::optional<ImageWindow> window;
};
StatusOr<DecodedImage> DecodeJpegFile(absl::string_view file, const JpegOptions& options);
// The sizes alone, without the pixels.
StatusOr<DecodedImage> ReadJpegSizes(absl::string_view file);
StatusOr<DecodedImage> DecodeBmpFile(absl::string_view file, int channels);
// All frames, or the first one; always 3 channels.
StatusOr<DecodedImage> DecodeGifFile(absl::string_view file, bool all_frames);

}  // namespace moulin

#endif  // MOULIN_OPS_IMAGE_FILES_H_
