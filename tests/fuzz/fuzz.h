// What a fuzz target is: a reader of hostile bytes, and good inputs to start from. Each *_fuzz.cc defines both
// functions and becomes a program twice: with driver.cc, which mutates the seeds by a fixed random seed and so is a
// test, and, where MOULIN_BUILD_FUZZERS is on, with libFuzzer.
#ifndef MOULIN_TESTS_FUZZ_FUZZ_H_
#define MOULIN_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "moulin/status.h"

// Reads one input, whatever it is; a crash, a failed Require or a sanitizer's report is a finding. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace moulin::fuzz {

// Good inputs, small ones.
std::vector<std::string> Seeds();

inline absl::string_view AsText(const uint8_t* data, size_t size) {
  return absl::string_view(reinterpret_cast<const char*>(data), size);
}

inline void Require(bool holds, const char* what, const Status& status = absl::OkStatus()) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s; %s\n", what, std::string(status.message()).c_str());
  std::abort();
}

// An error is an answer as long as it has one of the codes of docs/errors.md and does not blame Moulin itself.
inline void RequireAnswer(const Status& status) {
  if (status.ok()) return;
  Require(absl::StartsWith(status.message(), "E_"), "an error starts with its code", status);
  Require(!absl::StartsWith(status.message(), "E_INTERNAL"), "bad input is no broken invariant", status);
  Require(status.message().size() < 20'000, "an error is one that can be read", status);
}

// Where files are written thousands of times: memory, where the system has a folder of it.
inline std::string MemoryFolder() {
  return std::filesystem::exists("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path().string();
}

// A folder in memory for readers that take a path, removed at exit.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string path = MemoryFolder() + "/moulin_fuzz_XXXXXX";
    Require(mkdtemp(path.data()) != nullptr, "a folder can be made");
    path_ = path;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  std::string Write(const std::string& name, absl::string_view content) const {
    std::ofstream(Path(name), std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
    return Path(name);
  }

 private:
  std::string path_;
};

inline std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Require(file.good(), path.c_str());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace moulin::fuzz

#endif  // MOULIN_TESTS_FUZZ_FUZZ_H_
