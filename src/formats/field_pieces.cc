// Tested by tests/formats/field_pieces_test.cc.
#include "formats/field_pieces.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "base/wire.h"

namespace moulin {
namespace {

constexpr int64_t kWindowBytes = 1 << 20;

// A part of a file in memory, which moves on over it.
class FileWindow {
 public:
  explicit FileWindow(const OpenFile& file) : file_(file) {}

  absl::string_view bytes() const { return {buffer_.get(), static_cast<size_t>(filled_)}; }
  int64_t bytes_left() const { return file_.size() - offset_; }  // from the start of the window

  // Lets go of the first `used` bytes and reads on: a window's worth, or `wanted` bytes where that is more.
  bool Advance(int64_t used, int64_t wanted) {
    offset_ += used;
    const int64_t kept = filled_ - used;
    const int64_t capacity = std::max(wanted, kWindowBytes);
    if (capacity == capacity_) {
      std::memmove(buffer_.get(), buffer_.get() + used, kept);
    } else {  // a window that was large for one field is small again for the next
      std::unique_ptr<char[]> buffer(new (std::nothrow) char[capacity]);
      if (buffer == nullptr) return false;
      if (kept > 0) std::memcpy(buffer.get(), buffer_.get() + used, kept);
      buffer_ = std::move(buffer);
      capacity_ = capacity;
    }
    filled_ = std::min(capacity, bytes_left());
    return file_.ReadAt(offset_ + kept, filled_ - kept, buffer_.get() + kept).ok();
  }

 private:
  const OpenFile& file_;
  std::unique_ptr<char[]> buffer_;
  int64_t capacity_ = 0;
  int64_t offset_ = 0;  // in the file
  int64_t filled_ = 0;
};

// The bytes that the field at the start of `bytes` takes by its own account; 0 where it has none.
int64_t FieldBytes(absl::string_view bytes) {
  const char* start = bytes.data();
  uint64_t tag, length;
  if (TakeWireVarint(&bytes, &tag) != nullptr || static_cast<WireType>(tag & 7) != WireType::kBytes) return 0;
  if (TakeWireVarint(&bytes, &length) != nullptr || length > INT64_MAX / 2) return 0;
  return bytes.data() - start + static_cast<int64_t>(length);
}

int64_t WholeFieldBytes(absl::string_view bytes) {
  WireReader reader(bytes);
  WireField field;
  int64_t end = 0;
  while (reader.Next(&field)) end = reader.offset();
  return end;
}

}  // namespace

bool ReadFieldPieces(const OpenFile& file, const std::function<bool(absl::string_view piece)>& take) {
  FileWindow window(file);
  if (!window.Advance(0, 0)) return false;
  while (window.bytes_left() > 0) {
    const int64_t whole = WholeFieldBytes(window.bytes());
    if (whole > 0 && !take(window.bytes().substr(0, whole))) return false;
    const int64_t next = FieldBytes(window.bytes().substr(whole));
    if (next > window.bytes_left() - whole) return false;
    if (whole == 0 && next <= static_cast<int64_t>(window.bytes().size()))
      return false;  // no field, however far we read
    if (!window.Advance(whole, next)) return false;
  }
  return true;
}

}  // namespace moulin
