// Whole files, read and written.
#ifndef MOULIN_FORMATS_FILE_H_
#define MOULIN_FORMATS_FILE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "moulin/status.h"

namespace moulin {

// Owns an open file descriptor.
class OpenFile {
 public:
  // Opens a regular file for reading. E_FILE for what is absent, unreadable or not a regular file (a directory, a FIFO,
  // a device).
  static StatusOr<OpenFile> ForReading(const std::string& path);
  // The same of files that others name: E_FILE also for a symbolic link, and a file that has further names (hard
  // links).
  static StatusOr<OpenFile> ForReadingOwn(const std::string& path);
  OpenFile(OpenFile&& other) noexcept : fd_(other.fd_), size_(other.size_) { other.fd_ = -1; }
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile();

  int64_t size() const { return size_; }  // when it was opened
  // Reads exactly `bytes` at `offset`. E_DATA where the file ends before, E_FILE where reading fails. Thread-safe.
  Status ReadAt(int64_t offset, int64_t bytes, void* to) const;

 private:
  OpenFile(int fd, int64_t size) : fd_(fd), size_(size) {}
  static StatusOr<OpenFile> Open(const std::string& path, bool may_be_link);
  int fd_;
  int64_t size_;
};

// The content of a file. E_LIMIT, before anything is read, for more than `max_bytes`; E_FILE.
StatusOr<std::string> ReadFile(const OpenFile& file, int64_t max_bytes);

// The content of `path`. E_LIMIT, before anything is read, for more than `max_bytes`; E_FILE. Errors name the file.
StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes);

// Takes pieces of a file in order.
using Sink = std::function<Status(absl::string_view piece)>;

// Calls `produce` with a sink that writes a new file beside `path`, which replaces `path` when all went well and is
// removed otherwise. E_FILE, naming the file, and the errors of `produce`.
Status WriteFile(const std::string& path, const std::function<Status(const Sink&)>& produce);
Status WriteFile(const std::string& path, absl::string_view content);

}  // namespace moulin

#endif  // MOULIN_FORMATS_FILE_H_
