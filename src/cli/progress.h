// A line on stderr that says how far long work has come; silent where stderr is no terminal.
#ifndef MOULIN_CLI_PROGRESS_H_
#define MOULIN_CLI_PROGRESS_H_

#include <chrono>
#include <string>

#include "absl/strings/string_view.h"

namespace moulin::cli {

class Progress {
 public:
  // `total` steps; 0 where their number is not known.
  explicit Progress(int total);
  ~Progress();  // wipes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Says that step `done` (from 0) begins; shown at most ten times a second.
  void Show(int done, absl::string_view what);
  // Wipes the line, so that something else can be printed.
  void Clear();

 private:
  int total_;
  bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace moulin::cli

#endif  // MOULIN_CLI_PROGRESS_H_
