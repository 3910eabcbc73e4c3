#include "cli/progress.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace moulin::cli {

using std::chrono::steady_clock;

Progress::Progress(int total) : total_(total), enabled_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { Clear(); }

void Progress::Show(int done, absl::string_view what) {
  const auto now = steady_clock::now();
  if (!enabled_ || (shown_ && now - last_ < std::chrono::milliseconds(100))) return;
  last_ = now;
  shown_ = true;
  const std::string count = total_ > 0 ? absl::StrCat("[", done + 1, "/", total_, "] ") : "";
  std::fprintf(stderr, "\r\033[K%s%s", count.c_str(), Printable(what, 100).c_str());
  std::fflush(stderr);
}

void Progress::Clear() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
  shown_ = false;
}

}  // namespace moulin::cli
