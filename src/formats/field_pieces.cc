// Tested by tests/formats/field_pieces_test.cc.
#include "formats/field_pieces.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "base/wire.h"

namespace moulin {
namespace {

constexpr int64_t kWindowBytes = 1 << 20;

// Memory of its own pages. From the heap, a buffer that grows to the size of a weight and goes again would leave a hole
// among the weights that are made meanwhile, and have the allocator take those from the heap as well, where they leave
// holes too.
class PageBuffer {
 public:
  PageBuffer() = default;
  PageBuffer(const PageBuffer&) = delete;
  ~PageBuffer() {
    if (data_ != nullptr) munmap(data_, capacity_);
  }
  char* data() const { return data_; }
  // Makes room for so many bytes, keeping those that are in it; false where there is no memory. A buffer that was very
  // large for one field is small again for the next.
  bool Reserve(size_t bytes) {
    constexpr size_t kKeptBytes = 16 << 20;
    if (bytes <= capacity_ && capacity_ <= kKeptBytes) return true;
    void* memory = data_ == nullptr ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                    : mremap(data_, capacity_, bytes, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) return false;
    data_ = static_cast<char*>(memory);
    capacity_ = bytes;
    return true;
  }

 private:
  char* data_ = nullptr;
  size_t capacity_ = 0;
};

// A part of a file in memory, which moves on over it.
class FileWindow {
 public:
  explicit FileWindow(const OpenFile& file) : file_(file) {}

  absl::string_view bytes() const { return {buffer_.data(), static_cast<size_t>(filled_)}; }
  int64_t bytes_left() const { return file_.size() - offset_; }  // from the start of the window

  // Lets go of the first `used` bytes and reads on: a window's worth, or `wanted` bytes where that is more.
  bool Advance(int64_t used, int64_t wanted) {
    offset_ += used;
    const int64_t kept = filled_ - used;
    const int64_t capacity = std::max(wanted, kWindowBytes);
    if (kept > 0) std::memmove(buffer_.data(), buffer_.data() + used, kept);
    if (!buffer_.Reserve(capacity)) return false;
    filled_ = std::min(capacity, bytes_left());
    return file_.ReadAt(offset_ + kept, filled_ - kept, buffer_.data() + kept).ok();
  }

 private:
  const OpenFile& file_;
  PageBuffer buffer_;
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
