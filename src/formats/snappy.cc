#include "formats/snappy.h"

#include <cstdint>

#include "base/errors.h"
#include "formats/varint.h"

namespace moulin {
namespace {

// The shortest element that makes 64 bytes takes 3.
constexpr uint64_t kMaxSnappyRatio = 22;

enum Tag { kLiteral = 0, kCopy1 = 1, kCopy2 = 2, kCopy4 = 3 };

Status Malformed(const char* what) { return MakeError(ErrorCode::kParse, "Snappy: ", what); }

// A little-endian number of `n` bytes.
bool TakeNumber(absl::string_view* in, int n, uint64_t* value) {
  if (in->size() < static_cast<size_t>(n)) return false;
  *value = 0;
  for (int i = 0; i < n; ++i) *value |= static_cast<uint64_t>(static_cast<uint8_t>((*in)[i])) << (8 * i);
  in->remove_prefix(n);
  return true;
}

Status AppendLiteral(uint8_t tag, absl::string_view* in, uint64_t room, std::string* out) {
  uint64_t length = tag >> 2;
  if (length >= 60 && !TakeNumber(in, static_cast<int>(length - 59), &length)) return Malformed("cut short");
  ++length;
  if (length > in->size()) return Malformed("a literal is cut short");
  if (length > room) return Malformed("more bytes than declared");
  out->append(in->data(), length);
  in->remove_prefix(length);
  return absl::OkStatus();
}

Status AppendCopy(uint8_t tag, absl::string_view* in, uint64_t room, std::string* out) {
  const int kind = tag & 3;
  uint64_t offset;
  if (!TakeNumber(in, kind == kCopy1 ? 1 : kind == kCopy2 ? 2 : 4, &offset)) return Malformed("a copy is cut short");
  uint64_t length = (tag >> 2) + 1;
  if (kind == kCopy1) {
    length = ((tag >> 2) & 7) + 4;
    offset |= static_cast<uint64_t>(tag >> 5) << 8;
  }
  if (offset == 0 || offset > out->size()) return Malformed("a copy from before the beginning");
  if (length > room) return Malformed("more bytes than declared");
  // Source and target may overlap: the copy then repeats what it has just written.
  for (size_t from = out->size() - offset; length > 0; --length, ++from) out->push_back((*out)[from]);
  return absl::OkStatus();
}

}  // namespace

StatusOr<std::string> Unsnappy(absl::string_view compressed) {
  uint64_t length;
  if (!TakeVarint(&compressed, &length)) return Malformed("no length");
  if (length > compressed.size() * kMaxSnappyRatio) return Malformed("a length that so few bytes cannot reach");
  std::string out;
  out.reserve(length);
  while (!compressed.empty()) {
    const uint8_t tag = static_cast<uint8_t>(compressed.front());
    compressed.remove_prefix(1);
    const uint64_t room = length - out.size();
    const Status appended =
        (tag & 3) == kLiteral ? AppendLiteral(tag, &compressed, room, &out) : AppendCopy(tag, &compressed, room, &out);
    if (!appended.ok()) return appended;
  }
  if (out.size() != length) return Malformed("fewer bytes than declared");
  return out;
}

}  // namespace moulin
