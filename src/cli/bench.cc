// moulin bench: throughput and latency, of one model or of several at once.
//
// With several models a round is one request to each. Synchronously, a round's requests run one after another and the
// next round follows; asynchronously, `concurrency` rounds are kept in flight. Latency is from submission to result.
//
// With --blocks the models stay loaded and a script says when to measure: each line "MODE CONCURRENCY SECONDS" of the
// standard input is answered by one line, the records of that block. So two programs can be measured in turns.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <mutex>
#include <sstream>

#include "absl/strings/match.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/input_expression.h"
#include "cli/input_file.h"
#include "cli/progress.h"
#include "cli/random_inputs.h"
#include "moulin/engine.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchFlags {
  std::vector<std::string> models;
  std::vector<std::string> inputs;
  std::vector<std::string> expressions;
  std::vector<std::string> shapes;
  int64_t batch = 1;
  int concurrency = 1;
  int instances = 0;
  std::string mode = "sync";
  double seconds = 2;
  bool json = false;
  bool blocks = false;
  bool device_time = false;
  bool verify = false;
  std::vector<int> priorities;
  std::vector<int> multiprocessors;
  DeviceFlags device;
};

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

double Milliseconds(Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

// The inputs that no expression gives.
std::vector<TensorInfo> NotGiven(std::vector<TensorInfo> infos, const std::vector<std::string>& expressions) {
  for (const std::string& e : expressions) {
    std::erase_if(infos, [&](const TensorInfo& info) { return absl::StartsWith(e, info.name + "="); });
  }
  return infos;
}

StatusOr<BenchModel> LoadModel(Engine& engine, const BenchFlags& flags, size_t index) {
  const std::string& path = flags.models[index];
  BenchModel m;
  m.path = path;
  ModelOptions options;
  options.instances = flags.instances;
  MOULIN_RETURN_IF_ERROR(SetPrecision(flags.device, &options));
  if (index < flags.multiprocessors.size()) options.multiprocessors = flags.multiprocessors[index];
  options.queue_capacity = (flags.blocks ? 4096 : std::max(flags.concurrency, 1)) + 1;
  const Clock::time_point start = Clock::now();
  MOULIN_ASSIGN_OR_RETURN(m.model, engine.Load(path, options));
  m.load_ms = Milliseconds(Clock::now() - start);
  if (flags.inputs.empty()) {
    MOULIN_ASSIGN_OR_RETURN(NamedTensors set,
                            RandomInputs(NotGiven(m.model->inputs(), flags.expressions), {flags.batch, flags.shapes}));
    m.input_sets.push_back(std::move(set));
  }
  for (const std::string& file : flags.inputs) {
    MOULIN_ASSIGN_OR_RETURN(NamedTensors set, ReadInputFile(file, m.model->inputs()));
    m.input_sets.push_back(std::move(set));
  }
  for (NamedTensors& set : m.input_sets) {
    MOULIN_RETURN_IF_ERROR(AddInputExpressions(flags.expressions, m.model->inputs(), &set));
  }
  const Clock::time_point first = Clock::now();
  MOULIN_RETURN_IF_ERROR(m.model->Run(m.input_sets[0]).status());
  m.first_ms = Milliseconds(Clock::now() - first);
  for (size_t i = 0; flags.verify && i < m.input_sets.size(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(NamedTensors outputs, m.model->Run(m.input_sets[i]));
    m.expected.push_back(std::move(outputs));
  }
  return m;
}

bool SameBits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  if (a.dtype() == DType::kString) return a.strings() == b.strings();
  return std::memcmp(a.data(), b.data(), static_cast<size_t>(a.byte_size())) == 0;
}

// Whether a request gave other bits than the model gave alone; false where that is not known.
bool Differs(const BenchModel& m, size_t set, const NamedTensors& outputs) {
  if (m.expected.empty()) return false;
  const NamedTensors& expected = m.expected[set];
  return !std::equal(outputs.begin(), outputs.end(), expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return SameBits(a.second, b.second); });
}

// Rounds one after another, each request awaited before the next.
Status RunSync(std::vector<BenchModel>& models, Clock::time_point end) {
  do {
    for (BenchModel& m : models) {
      const Clock::time_point start = Clock::now();
      const size_t set = m.NextTurn();
      MOULIN_ASSIGN_OR_RETURN(const NamedTensors outputs, m.model->Run(m.input_sets[set]));
      m.latencies_ms.push_back(Milliseconds(Clock::now() - start));
      if (Differs(m, set, outputs)) ++m.different;
    }
  } while (Clock::now() < end);
  return absl::OkStatus();
}

// Counts the requests in flight of each round and hands out rounds as they end.
class AsyncRounds {
 public:
  AsyncRounds(std::vector<BenchModel>& models, int concurrency) : models_(models), idle_(concurrency) {}

  Status Run(Clock::time_point end) {
    do {
      WaitForIdle(1);
      MOULIN_RETURN_IF_ERROR(SubmitRound());
    } while (Clock::now() < end && ok());
    return Finish();
  }

  // Waits for every round, also after an error.
  Status Finish() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return in_flight_ == 0; });
    return status_;
  }

 private:
  bool ok() {
    std::lock_guard<std::mutex> lock(mutex_);
    return status_.ok();
  }

  void WaitForIdle(int rounds) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return idle_ >= rounds; });
    idle_ -= rounds;
  }

  Status SubmitRound() {
    auto left = std::make_shared<int>(static_cast<int>(models_.size()));  // guarded by mutex_
    for (BenchModel& m : models_) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        ++in_flight_;
      }
      Request request;
      const size_t set = m.NextTurn();
      request.inputs = m.input_sets[set];
      request.priority = m.priority;
      const Clock::time_point start = Clock::now();
      request.callback = [this, &m, set, left, start](const StatusOr<NamedTensors>& result) {
        const double latency_ms = Milliseconds(Clock::now() - start);
        const bool different = result.ok() && Differs(m, set, *result);
        Done(m, left.get(), latency_ms, different, result.status());
      };
      const Status status = m.model->Submit(std::move(request)).status();
      m.submit_us.push_back(Milliseconds(Clock::now() - start) * 1e3);
      if (!status.ok()) Done(m, left.get(), 0, false, status);
    }
    return absl::OkStatus();
  }

  void Done(BenchModel& m, int* left, double latency_ms, bool different, const Status& status) {
    std::lock_guard<std::mutex> lock(mutex_);
    m.different += different ? 1 : 0;
    if (status.ok()) m.latencies_ms.push_back(latency_ms);
    if (status_.ok()) status_ = status;
    --in_flight_;
    if (--*left == 0) ++idle_;
    changed_.notify_all();
  }

  std::vector<BenchModel>& models_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int idle_;           // rounds that may start
  int in_flight_ = 0;  // requests
  Status status_;      // the first error
};

double Percentile(const std::vector<double>& sorted, double p) {
  if (sorted.empty()) return 0;
  const size_t i = static_cast<size_t>(p / 100 * static_cast<double>(sorted.size() - 1) + 0.5);
  return sorted[std::min(i, sorted.size() - 1)];
}

int64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

int64_t Rows(const BenchModel& m, int64_t batch) {
  // Inputs from a file bring their own batch: the first axis that the model leaves open.
  for (const TensorInfo& info : m.model->inputs()) {
    if (!info.shape.has_rank() || info.shape.rank() == 0 || info.shape.dim(0) != kUnknownDim) continue;
    if (const Tensor* t = FindTensor(m.input_sets[0], info.name)) return t->shape().dim(0);
  }
  return batch;
}

nlohmann::json Percentiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {{"p50", Percentile(values, 50)}, {"p90", Percentile(values, 90)}, {"p99", Percentile(values, 99)}};
}

nlohmann::json Record(const BenchModel& m, const BenchFlags& flags, double seconds) {
  const int64_t rows = Rows(m, flags.batch);
  const double requests = static_cast<double>(m.latencies_ms.size());
  nlohmann::json record = {
      {"model", m.path},
      {"device", m.model->device()},
      {"mode", flags.mode},
      {"batch", rows},
      {"concurrency", flags.mode == "sync" ? 1 : flags.concurrency},
      {"threads", flags.device.threads},
      {"requests", m.latencies_ms.size()},
      {"seconds", seconds},
      {"throughput_per_s", requests * static_cast<double>(rows) / seconds},
      {"latency_ms", Percentiles(m.latencies_ms)},
      {"load_ms", m.load_ms},
      {"first_ms", m.first_ms},
      // Of the whole process, as no single model's share of code, pools and allocator can be told apart.
      {"peak_bytes", PeakBytes()}};
  if (!m.submit_us.empty()) record["submit_us"] = Percentiles(m.submit_us);
  if (flags.device_time) record["device_ms"] = {{"p50", m.model->stats().device_ms}};
  if (flags.verify) record["different"] = m.different;
  return record;
}

void PrintTable(const nlohmann::json& records) {
  std::printf("%-36s %10s %12s %9s %9s %9s %9s %9s\n", "model", "requests", "rows/s", "p50 ms", "p90 ms", "p99 ms",
              "load ms", "first ms");
  for (const nlohmann::json& r : records) {
    const nlohmann::json& latency = r["latency_ms"];
    std::printf("%-36s %10lld %12.1f %9.3f %9.3f %9.3f %9.1f %9.1f\n", r["model"].get<std::string>().c_str(),
                static_cast<long long>(r["requests"].get<int64_t>()), r["throughput_per_s"].get<double>(),
                latency["p50"].get<double>(), latency["p90"].get<double>(), latency["p99"].get<double>(),
                r["load_ms"].get<double>(), r["first_ms"].get<double>());
  }
  const nlohmann::json& first = records[0];
  std::printf("%s, %s, batch %lld, concurrency %d, %.2f s; peak memory %.1f MiB\n",
              first["device"].get<std::string>().c_str(), first["mode"].get<std::string>().c_str(),
              static_cast<long long>(first["batch"].get<int64_t>()), first["concurrency"].get<int>(),
              first["seconds"].get<double>(), static_cast<double>(first["peak_bytes"].get<int64_t>()) / (1 << 20));
}

nlohmann::json Records(const std::vector<BenchModel>& models, const BenchFlags& flags, double seconds) {
  nlohmann::json records = nlohmann::json::array();
  for (const BenchModel& m : models) records.push_back(Record(m, flags, seconds));
  return records;
}

Status RunFor(std::vector<BenchModel>& models, const BenchFlags& flags, double seconds) {
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  return flags.mode == "sync" ? RunSync(models, end) : AsyncRounds(models, flags.concurrency).Run(end);
}

// Fills the models' latencies; the seconds that it took.
StatusOr<double> Measure(std::vector<BenchModel>& models, const BenchFlags& flags) {
  for (BenchModel& m : models) {
    m.latencies_ms.clear();
    m.submit_us.clear();
    m.different = 0;
  }
  const Clock::time_point start = Clock::now();
  MOULIN_RETURN_IF_ERROR(RunFor(models, flags, flags.seconds));
  return Milliseconds(Clock::now() - start) / 1e3;
}

// Reads what a block is to be from a line of the standard input.
Status ParseBlock(const std::string& line, BenchFlags* flags) {
  std::istringstream words(line);
  const bool complete = static_cast<bool>(words >> flags->mode >> flags->concurrency >> flags->seconds);
  const bool valid = (flags->mode == "sync" || flags->mode == "async") && flags->concurrency >= 1 &&
                     flags->concurrency <= 4096 && flags->seconds > 0 && flags->seconds <= 3600;
  if (complete && valid) return absl::OkStatus();
  return MakeError(ErrorCode::kOption, "--blocks: expected \"sync|async CONCURRENCY SECONDS\", found \"",
                   Printable(line), "\"");
}

// One line for "ready", then one for each block asked for, until the standard input ends.
StatusOr<int> AnswerBlocks(std::vector<BenchModel>& models, BenchFlags flags) {
  std::cout << Records(models, flags, 1).dump() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    MOULIN_RETURN_IF_ERROR(ParseBlock(line, &flags));
    MOULIN_ASSIGN_OR_RETURN(const double seconds, Measure(models, flags));
    std::cout << Records(models, flags, seconds).dump() << std::endl;
  }
  return kDone;
}

StatusOr<int> Bench(const BenchFlags& flags) {
  EngineOptions options = flags.device.engine_options();
  options.measure_device_time = flags.device_time;
  MOULIN_ASSIGN_OR_RETURN(const auto engine, OpenEngine(options));
  std::vector<BenchModel> models;
  Progress progress(0);
  for (size_t i = 0; i < flags.models.size(); ++i) {
    progress.Show(0, "loading " + flags.models[i]);
    MOULIN_ASSIGN_OR_RETURN(BenchModel m, LoadModel(*engine, flags, i));
    models.push_back(std::move(m));
  }
  for (size_t i = 0; i < models.size() && i < flags.priorities.size(); ++i) models[i].priority = flags.priorities[i];
  if (flags.blocks) {
    progress.Clear();
    return AnswerBlocks(models, flags);
  }
  progress.Show(0, "warming up");
  MOULIN_RETURN_IF_ERROR(RunFor(models, flags, flags.seconds / 5));
  progress.Clear();
  progress.Show(0, "measuring");
  MOULIN_ASSIGN_OR_RETURN(const double seconds, Measure(models, flags));
  progress.Clear();
  const nlohmann::json records = Records(models, flags, seconds);
  if (flags.json) {
    std::printf("%s\n", records.dump(1).c_str());
  } else {
    PrintTable(records);
  }
  return kDone;
}

}  // namespace

void AddBench(CLI::App& app, Action* action) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* command = app.add_subcommand("bench", "Measure throughput and latency of one model, or several at once");
  command->add_option("models", flags->models, "the models; with several, a round is one request to each")
      ->required()
      ->type_name("MODEL");
  command->add_option("--batch", flags->batch, "rows a request")->check(CLI::Range(1, 1 << 20))->capture_default_str();
  command->add_option("--mode", flags->mode, "sync: one request after another; async: rounds kept in flight")
      ->check(CLI::IsMember({"sync", "async"}))
      ->capture_default_str();
  command->add_option("--concurrency", flags->concurrency, "rounds in flight (async)")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      ->add_option("--instances", flags->instances,
                   "requests of one model that run at once; 0: as many as suits the device")
      ->check(CLI::Range(0, 256));
  command->add_option("--seconds", flags->seconds, "how long to measure, after a fifth of it to warm up")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  command
      ->add_option("--inputs", flags->inputs,
                   "inputs for every model instead of random ones; given again: requests take turns")
      ->type_name("IN.npz")
      ->allow_extra_args(false);
  command
      ->add_option("--input", flags->expressions, "one input of every model: x=ones((2,3)); see docs/command-line.md")
      ->type_name("NAME=EXPRESSION")
      ->allow_extra_args(false);
  command->add_option("--shape", flags->shapes, "shape of an input that the model leaves open")
      ->type_name("NAME=SIZE,SIZE...");
  command->add_option("--priority", flags->priorities, "of each model's requests, in the models' order")
      ->delimiter(',')
      ->type_name("INT,INT...")
      ->allow_extra_args(false);
  command
      ->add_option("--multiprocessors", flags->multiprocessors,
                   "of a GPU, set aside for each model, in the models' order; 0: all, shared")
      ->delimiter(',')
      ->type_name("INT,INT...")
      ->allow_extra_args(false);
  command->add_flag("--verify", flags->verify, "count requests that give other bits than the model gave alone");
  command->add_flag("--json", flags->json, "print a list with a record for each model");
  command->add_flag("--blocks", flags->blocks,
                    "measure once for each line \"sync|async CONCURRENCY SECONDS\" of the standard input");
  command->add_flag("--device-time", flags->device_time,
                    "with --json: also the time that a GPU is busy with a request");
  AddDeviceFlags(command, &flags->device);
  command->callback([=] { *action = [flags] { return Bench(*flags); }; });
}

}  // namespace moulin::cli
