// Rounds of requests to models that are measured together.
#ifndef MOULIN_CLI_BENCH_ROUNDS_H_
#define MOULIN_CLI_BENCH_ROUNDS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "moulin/model.h"
#include "moulin/request.h"
#include "moulin/status.h"

namespace moulin::cli {

using Clock = std::chrono::steady_clock;

inline double Milliseconds(Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

struct BenchModel {
  std::string path;
  std::shared_ptr<Model> model;
  std::vector<NamedTensors> input_sets;  // requests take turns, so that no run finds its inputs in a cache
  size_t turn = 0;
  int priority = 0;
  double load_ms = 0;
  double first_ms = 0;
  std::vector<double> latencies_ms;    // of the measured requests
  std::vector<double> submit_us;       // that Submit took
  std::vector<NamedTensors> expected;  // with --verify: what each input set gives when the model runs alone
  int64_t different = 0;               // requests that gave other bits

  size_t NextTurn() { return turn++ % input_sets.size(); }
};

// Rounds one after another until `end`, each request awaited before the next; at least one.
Status RunSync(std::vector<BenchModel>& models, Clock::time_point end);

// Keeps `concurrency` rounds in flight until `end`, then waits for all. The first error of any request.
Status RunAsync(std::vector<BenchModel>& models, int concurrency, Clock::time_point end);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_BENCH_ROUNDS_H_
