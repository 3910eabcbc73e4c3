#include "formats/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

Status FileError(absl::string_view doing, const std::string& path) {
  return AtFile(MakeError(ErrorCode::kFile, "cannot ", doing, ": ", std::strerror(errno)), path);
}

Status WriteAll(int fd, absl::string_view piece) {
  while (!piece.empty()) {
    const ssize_t n = ::write(fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return MakeError(ErrorCode::kFile, "cannot write: ", std::strerror(errno));
    piece.remove_prefix(n);
  }
  return absl::OkStatus();
}

}  // namespace

// O_NONBLOCK keeps the open of a FIFO, which is refused right after, from waiting for a writer.
StatusOr<OpenFile> OpenFile::Open(const std::string& path, bool may_be_link) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | (may_be_link ? 0 : O_NOFOLLOW));
  if (fd < 0 && errno == ELOOP && !may_be_link) {
    return AtFile(MakeError(ErrorCode::kFile, "is a symbolic link, which is not followed here"), path);
  }
  if (fd < 0) return FileError("open", path);
  struct stat info;
  if (::fstat(fd, &info) != 0) {
    const Status error = FileError("stat", path);
    ::close(fd);
    return error;
  }
  OpenFile file(fd, info.st_size);
  if (!S_ISREG(info.st_mode)) {
    return AtFile(MakeError(ErrorCode::kFile, S_ISDIR(info.st_mode) ? "is a directory" : "is not a regular file"),
                  path);
  }
  if (!may_be_link && info.st_nlink > 1) {
    return AtFile(MakeError(ErrorCode::kFile, "has ", info.st_nlink, " names (hard links), which is not allowed here"),
                  path);
  }
  return file;
}

StatusOr<OpenFile> OpenFile::ForReading(const std::string& path) { return Open(path, /*may_be_link=*/true); }
StatusOr<OpenFile> OpenFile::ForReadingOwn(const std::string& path) { return Open(path, /*may_be_link=*/false); }

OpenFile::~OpenFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status OpenFile::ReadAt(int64_t offset, int64_t bytes, void* to) const {
  char* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t n = ::pread(fd_, at, bytes, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return MakeError(ErrorCode::kFile, "cannot read: ", std::strerror(errno));
    if (n == 0) return MakeError(ErrorCode::kData, "file ends at byte ", offset, ", ", bytes, " bytes early");
    at += n;
    offset += n;
    bytes -= n;
  }
  return absl::OkStatus();
}

StatusOr<std::string> ReadFile(const OpenFile& file, int64_t max_bytes) {
  if (file.size() > max_bytes) {
    return MakeError(ErrorCode::kLimit, "file has ", file.size(), " bytes, the limit is ", max_bytes);
  }
  std::string content(file.size(), '\0');
  MOULIN_RETURN_IF_ERROR(file.ReadAt(0, file.size(), content.data()));
  return content;
}

StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  MOULIN_ASSIGN_OR_RETURN(const OpenFile file, OpenFile::ForReading(path));
  StatusOr<std::string> content = ReadFile(file, max_bytes);
  if (!content.ok()) return AtFile(content.status(), path);
  return content;
}

// Two writers of the same file, be they threads or processes, get different temporary names.
Status WriteFile(const std::string& path, const std::function<Status(const Sink&)>& produce) {
  static std::atomic<int> next{0};
  const std::string temporary = absl::StrCat(path, ".", ::getpid(), ".", next++, ".tmp");
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return FileError("create", path);
  Status status = produce([fd](absl::string_view piece) { return WriteAll(fd, piece); });
  if (::close(fd) != 0 && status.ok()) status = FileError("write", path);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) status = FileError("replace", path);
  if (!status.ok()) ::unlink(temporary.c_str());
  return AtFile(status, path);
}

Status WriteFile(const std::string& path, absl::string_view content) {
  return WriteFile(path, [content](const Sink& sink) { return sink(content); });
}

}  // namespace moulin
