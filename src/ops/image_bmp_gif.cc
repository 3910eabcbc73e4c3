// BMP and GIF files, which need no library.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/status_macros.h"
#include "base/wire.h"
#include "ops/image_files.h"

namespace moulin {
namespace {

Status CheckPixels(int64_t width, int64_t height, int64_t frames = 1) {
  if (width < 1 || height < 1) return MakeError(ErrorCode::kValue, "an image of ", width, " x ", height, " pixels");
  if (width * height <= kMostPixels / frames) return absl::OkStatus();
  return MakeError(ErrorCode::kLimit, "expected at most ", kMostPixels, " pixels, got ", frames, " x ", width, " x ",
                   height);
}

// --- GIF ---

using Palette = absl::string_view;  // 3 bytes a colour

// The codes of a GIF frame, of growing width, lowest bit first.
class GifCodes {
 public:
  explicit GifCodes(std::string data) : data_(std::move(data)) {}

  std::optional<int> Next(int width) {
    int code = 0;
    for (int i = 0; i < width; ++i, ++bit_) {
      if (bit_ / 8 >= data_.size()) return std::nullopt;
      code |= (static_cast<uint8_t>(data_[bit_ / 8]) >> (bit_ % 8) & 1) << i;
    }
    return code;
  }

 private:
  std::string data_;
  size_t bit_ = 0;
};

// Lempel, Ziv and Welch's decoding, up to `count` colour numbers.
StatusOr<std::string> Unpack(std::string data, int bits, int64_t count) {
  constexpr int kMostCodes = 4096;
  if (bits < 1 || bits > 8) return MakeError(ErrorCode::kValue, "malformed GIF: codes of ", bits, " bits");
  const int clear = 1 << bits;
  std::array<int, kMostCodes> prefix{};
  std::array<char, kMostCodes> last{};
  GifCodes codes(std::move(data));
  std::string out;
  int width = bits + 1, next = clear + 2, previous = -1;
  char first = 0;
  while (static_cast<int64_t>(out.size()) < count) {
    const std::optional<int> code = codes.Next(width);
    if (!code || *code == clear + 1) break;
    if (*code == clear) {
      width = bits + 1;
      next = clear + 2;
      previous = -1;
      continue;
    }
    if (*code > next || (*code == next && previous < 0) || (previous < 0 && *code > clear)) {
      return MakeError(ErrorCode::kValue, "malformed GIF: a code that is not there yet");
    }
    std::string text;  // backwards
    int at = *code;
    if (at == next) {
      text.push_back(first);
      at = previous;
    }
    for (; at > clear; at = prefix[at]) text.push_back(last[at]);
    first = static_cast<char>(at);
    text.push_back(first);
    out.append(text.rbegin(), text.rend());
    if (previous >= 0 && next < kMostCodes) {
      prefix[next] = previous;
      last[next++] = first;
      if (next == 1 << width && width < 12) ++width;
    }
    previous = *code;
  }
  if (static_cast<int64_t>(out.size()) < count)
    return MakeError(ErrorCode::kValue, "malformed GIF: a frame is cut short");
  out.resize(count);
  return out;
}

struct GifFrame {
  int64_t left, top, width, height;
  bool interlaced;
  Palette palette;
  int transparent;  // -1: none
  std::string colors;
};

// The row that comes i-th in an interlaced frame.
std::vector<int64_t> RowOrder(int64_t height, bool interlaced) {
  std::vector<int64_t> rows;
  constexpr int kPasses[][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  for (const auto& [start, step] : kPasses) {
    for (int64_t y = start; interlaced && y < height; y += step) rows.push_back(y);
  }
  for (int64_t y = 0; !interlaced && y < height; ++y) rows.push_back(y);
  return rows;
}

class GifReader {
 public:
  explicit GifReader(absl::string_view file) : rest_(file) {}

  StatusOr<DecodedImage> Read(bool all_frames) {
    MOULIN_RETURN_IF_ERROR(ReadHeader());
    image_.frames = 0;
    while (!rest_.empty() && rest_[0] != ';' && (all_frames || image_.frames == 0)) {
      const char kind = rest_[0];
      rest_.remove_prefix(1);
      if (kind == '!') {
        MOULIN_RETURN_IF_ERROR(ReadExtension());
      } else if (kind == ',') {
        MOULIN_ASSIGN_OR_RETURN(const GifFrame frame, ReadFrame());
        MOULIN_RETURN_IF_ERROR(Paint(frame));
      } else {
        return MakeError(ErrorCode::kValue, "malformed GIF: an unknown block");
      }
    }
    if (image_.frames == 0) return MakeError(ErrorCode::kValue, "malformed GIF: no frame");
    return std::move(image_);
  }

 private:
  StatusOr<absl::string_view> Take(size_t count) {
    if (count > rest_.size()) return MakeError(ErrorCode::kValue, "malformed GIF: it is cut short");
    const absl::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }

  StatusOr<std::string> TakeBlocks() {
    std::string data;
    for (;;) {
      MOULIN_ASSIGN_OR_RETURN(const absl::string_view size, Take(1));
      if (size[0] == 0) return data;
      MOULIN_ASSIGN_OR_RETURN(const absl::string_view block, Take(static_cast<uint8_t>(size[0])));
      data.append(block.data(), block.size());
    }
  }

  StatusOr<Palette> TakePalette(uint32_t flags, Palette otherwise) {
    if ((flags & 0x80) == 0) return otherwise;
    return Take(size_t{3} << ((flags & 7) + 1));
  }

  Status ReadHeader() {
    MOULIN_ASSIGN_OR_RETURN(const absl::string_view head, Take(13));
    if (head.substr(0, 4) != "GIF8") return MakeError(ErrorCode::kValue, "this is no GIF file");
    image_.width = LittleEndian(head.substr(6, 2));
    image_.height = LittleEndian(head.substr(8, 2));
    image_.channels = 3;
    MOULIN_RETURN_IF_ERROR(CheckPixels(image_.width, image_.height));
    MOULIN_ASSIGN_OR_RETURN(palette_, TakePalette(LittleEndian(head.substr(10, 1)), Palette()));
    return absl::OkStatus();
  }

  Status ReadExtension() {
    MOULIN_ASSIGN_OR_RETURN(const absl::string_view label, Take(1));
    MOULIN_ASSIGN_OR_RETURN(const std::string data, TakeBlocks());
    if (static_cast<uint8_t>(label[0]) != 0xF9 || data.size() < 4) return absl::OkStatus();
    transparent_ = (data[0] & 1) != 0 ? static_cast<uint8_t>(data[3]) : -1;
    return absl::OkStatus();
  }

  StatusOr<GifFrame> ReadFrame() {
    MOULIN_ASSIGN_OR_RETURN(const absl::string_view head, Take(9));
    GifFrame frame{LittleEndian(head.substr(0, 2)),
                   LittleEndian(head.substr(2, 2)),
                   LittleEndian(head.substr(4, 2)),
                   LittleEndian(head.substr(6, 2)),
                   (head[8] & 0x40) != 0,
                   Palette(),
                   transparent_,
                   ""};
    transparent_ = -1;
    MOULIN_ASSIGN_OR_RETURN(frame.palette, TakePalette(LittleEndian(head.substr(8, 1)), palette_));
    MOULIN_ASSIGN_OR_RETURN(const absl::string_view bits, Take(1));
    MOULIN_ASSIGN_OR_RETURN(std::string data, TakeBlocks());
    // A code of 3 bits or more stands for 4096 colours at most.
    if (frame.width * frame.height > 4096 * 3 * static_cast<int64_t>(data.size() + 1)) {
      return MakeError(ErrorCode::kValue, "malformed GIF: a frame is cut short");
    }
    MOULIN_ASSIGN_OR_RETURN(frame.colors, Unpack(std::move(data), bits[0], frame.width * frame.height));
    return frame;
  }

  // A new frame: what was there before, and this one over it.
  Status Paint(const GifFrame& frame) {
    MOULIN_RETURN_IF_ERROR(CheckPixels(image_.width, image_.height, ++image_.frames));
    const int64_t size = image_.width * image_.height * 3;
    const int64_t base = size * (image_.frames - 1);
    image_.bytes.resize(base + size);
    if (base > 0) std::memcpy(image_.bytes.data() + base, image_.bytes.data() + base - size, size);
    const std::vector<int64_t> rows = RowOrder(frame.height, frame.interlaced);
    for (int64_t i = 0; i < frame.height; ++i) {
      for (int64_t x = 0; x < frame.width; ++x) {
        const int color = static_cast<uint8_t>(frame.colors[i * frame.width + x]);
        const int64_t to_y = frame.top + rows[i], to_x = frame.left + x;
        if (color == frame.transparent || to_y >= image_.height || to_x >= image_.width) continue;
        if (3 * (color + 1) > static_cast<int64_t>(frame.palette.size())) {
          return MakeError(ErrorCode::kValue, "malformed GIF: color ", color, " is not in the palette");
        }
        std::memcpy(image_.bytes.data() + base + 3 * (to_y * image_.width + to_x), frame.palette.data() + 3 * color, 3);
      }
    }
    return absl::OkStatus();
  }

  absl::string_view rest_;
  Palette palette_;
  int transparent_ = -1;
  DecodedImage image_;
};

}  // namespace

StatusOr<DecodedImage> DecodeBmpFile(absl::string_view file, int channels) {
  if (file.size() < 30 || file.substr(0, 2) != "BM") return MakeError(ErrorCode::kValue, "this is no BMP file");
  const auto offset = static_cast<int64_t>(LittleEndian(file.substr(10, 4)));
  const int64_t height = static_cast<int32_t>(LittleEndian(file.substr(22, 4)));
  const uint32_t bits = LittleEndian(file.substr(28, 2));
  DecodedImage image;
  image.width = static_cast<int32_t>(LittleEndian(file.substr(18, 4)));
  image.height = std::abs(height);
  image.channels = bits / 8;
  if (bits != 8 && bits != 24 && bits != 32) {
    return MakeError(ErrorCode::kValue, "a BMP file has 8, 24 or 32 bits a pixel, this one ", bits);
  }
  if (channels != 0 && channels != image.channels) {
    return MakeError(ErrorCode::kValue, "expected ", channels, " channels, the BMP file has ", image.channels);
  }
  MOULIN_RETURN_IF_ERROR(CheckPixels(image.width, image.height));
  const int64_t row = (image.width * bits + 31) / 32 * 4;
  const int64_t used = image.width * image.channels;
  if (offset + row * (image.height - 1) + used > static_cast<int64_t>(file.size())) {
    return MakeError(ErrorCode::kValue, "the BMP file is cut short");
  }
  image.bytes.resize(image.height * used);
  for (int64_t y = 0; y < image.height; ++y) {
    const char* from = file.data() + offset + (height < 0 ? y : image.height - 1 - y) * row;
    char* to = image.bytes.data() + y * used;
    std::memcpy(to, from, used);
    // Blue comes first in the file.
    for (int64_t x = 0; image.channels >= 3 && x < used; x += image.channels) std::swap(to[x], to[x + 2]);
  }
  return image;
}

StatusOr<DecodedImage> DecodeGifFile(absl::string_view file, bool all_frames) {
  return GifReader(file).Read(all_frames);
}

}  // namespace moulin
