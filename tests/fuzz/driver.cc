// Runs a fuzz target without a fuzzer.
//
//   moulin_fuzz_NAME [-runs=N] [-max_total_time=S] [-seed=N]   the regressions, the seeds, then mutations of the seeds
//   moulin_fuzz_NAME FILE...                                   these inputs, once each
//   moulin_fuzz_NAME -write_seeds=DIR                          the seeds as files, for libFuzzer to start from
//
// The same arguments, the same inputs. The input at hand when a run crashes is in the file that is named first.
#include <algorithm>
#include <chrono>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "fuzz.h"

namespace moulin::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxInputBytes = 1 << 16;

struct Options {
  int64_t runs = 20'000;
  int64_t seconds = 10;
  uint64_t seed = 1;
  std::string write_seeds;
  std::vector<std::string> files;
};

class Mutator {
 public:
  Mutator(std::vector<std::string> corpus, uint64_t seed) : corpus_(std::move(corpus)), random_(seed) {}

  std::string Next() {
    std::string input = corpus_[Below(corpus_.size())];
    for (size_t n = 1 + Below(4); n > 0; --n) Change(&input);
    if (input.size() > kMaxInputBytes) input.resize(kMaxInputBytes);
    return input;
  }

 private:
  size_t Below(size_t n) { return n == 0 ? 0 : std::uniform_int_distribution<size_t>(0, n - 1)(random_); }

  void Change(std::string* input) {
    const size_t at = Below(input->size());
    const size_t some = std::min(input->size() - at, 1 + Below(32));
    switch (Below(7)) {
      case 0:
        if (!input->empty()) (*input)[at] = static_cast<char>((*input)[at] ^ (1 << Below(8)));
        break;
      case 1:
        if (!input->empty()) (*input)[at] = Interesting();
        break;
      case 2:
        input->insert(at, 1 + Below(8), Interesting());
        break;
      case 3:
        input->erase(at, some);
        break;
      case 4:
        input->insert(Below(input->size() + 1), input->substr(at, some));
        break;
      case 5: {
        const std::string& other = corpus_[Below(corpus_.size())];
        const size_t from = Below(other.size());
        input->replace(at, some, other.substr(from, 1 + Below(64)));
        break;
      }
      default:
        input->resize(at);
    }
  }

  // Ends of ranges, tags of small fields, and anything.
  char Interesting() {
    constexpr unsigned char kBytes[] = {0x00, 0x01, 0x7F, 0x80, 0xFF, 0x08, 0x0A,
                                        0x12, 0x1A, 0x22, 0x2A, '{',  '"',  '9'};
    return static_cast<char>(Below(2) ? kBytes[Below(std::size(kBytes))] : Below(256));
  }

  const std::vector<std::string> corpus_;
  std::mt19937_64 random_;
};

void RunOn(const std::string& input) {
  // A copy of its own, so that AddressSanitizer sees a read past the end.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

// Keeps the input until it has been answered.
class Keeper {
 public:
  explicit Keeper(const std::string& program)
      : path_((fs::path(MemoryFolder()) / absl::StrCat(fs::path(program).filename().string(), ".crash")).string()) {}
  void Run(const std::string& input) const {
    std::ofstream(path_, std::ios::binary) << input;
    RunOn(input);
  }
  ~Keeper() { fs::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

bool ParseOption(absl::string_view argument, Options* options) {
  if (!absl::ConsumePrefix(&argument, "-")) {
    options->files.emplace_back(argument);
    return true;
  }
  if (absl::ConsumePrefix(&argument, "write_seeds=")) {
    options->write_seeds = std::string(argument);
    return true;
  }
  if (absl::ConsumePrefix(&argument, "runs=")) return absl::SimpleAtoi(argument, &options->runs);
  if (absl::ConsumePrefix(&argument, "max_total_time=")) return absl::SimpleAtoi(argument, &options->seconds);
  return absl::ConsumePrefix(&argument, "seed=") && absl::SimpleAtoi(argument, &options->seed);
}

void WriteSeeds(const std::string& directory) {
  fs::create_directories(directory);
  int number = 0;
  for (const std::string& seed : Seeds()) {
    std::ofstream(fs::path(directory) / absl::StrCat("seed", number++), std::ios::binary) << seed;
  }
}

void Mutate(const Options& options, const Keeper& keeper) {
  const std::vector<std::string> seeds = Seeds();
  for (const std::string& seed : seeds) keeper.Run(seed);
  Mutator mutator(seeds, options.seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.seconds);
  int64_t runs = 0;
  while (runs < options.runs && std::chrono::steady_clock::now() < end) {
    keeper.Run(mutator.Next());
    ++runs;
  }
  std::printf("%lld inputs, no finding\n", static_cast<long long>(runs));
}

}  // namespace
}  // namespace moulin::fuzz

int main(int argc, char** argv) {
  using namespace moulin::fuzz;
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (ParseOption(argv[i], &options)) continue;
    std::fprintf(stderr, "unknown option %s\n", argv[i]);
    return 2;
  }
  if (!options.write_seeds.empty()) {
    WriteSeeds(options.write_seeds);
    return 0;
  }
  for (const std::string& file : options.files) RunOn(ReadWhole(file));
  if (!options.files.empty()) return 0;
  const Keeper keeper(argv[0]);
  std::printf("a finding's input is in %s\n", keeper.path().c_str());
  std::fflush(stdout);
  Mutate(options, keeper);
  return 0;
}
