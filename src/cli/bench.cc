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
#include <cstdio>
#include <iostream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/bench_rounds.h"
#include "cli/command.h"
#include "cli/input_expression.h"
#include "cli/input_file.h"
#include "cli/json_text.h"
#include "cli/progress.h"
#include "cli/random_inputs.h"
#include "cli/step_report.h"
#include "engine/model_impl.h"
#include "moulin/engine.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

constexpr size_t kSlowestSteps = 20;

struct BenchFlags {
  std::vector<std::string> models;
  std::vector<std::string> inputs;
  std::vector<std::string> expressions;
  std::vector<std::string> shapes;
  int64_t batch = 1;
  int concurrency = 1;
  int instances = 0;
  int64_t join = 0;
  std::string mode = "sync";
  double seconds = 2;
  bool json = false;
  bool blocks = false;
  bool device_time = false;
  bool verify = false;
  bool profile = false;
  std::string tensorboard;
  std::string checkpoint;
  bool follow = false;
  std::vector<int> priorities;
  std::vector<int> multiprocessors;
  DeviceFlags device;
};

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
  options.batch_rows = flags.join;
  MOULIN_RETURN_IF_ERROR(SetPrecision(flags.device, &options));
  if (index < flags.multiprocessors.size()) options.multiprocessors = flags.multiprocessors[index];
  options.checkpoint = flags.checkpoint;
  options.follow = flags.follow;
  options.follow_interval = std::chrono::milliseconds(200);
  options.on_checkpoint = [path](const std::string& checkpoint, const Status& status) {
    std::fprintf(stderr, "%s: %s: %s\n", Printable(path).c_str(), Printable(checkpoint).c_str(),
                 status.ok() ? "its weights are used from now on" : std::string(status.message()).c_str());
  };
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
  if (flags.join > 0) {
    record["joined"] = {{"requests", m.model->stats().joined}, {"runs", m.model->stats().batches}};
  }
  if (flags.verify) record["different"] = m.different;
  if (flags.follow) {
    record["checkpoints"] = {{"taken", m.model->stats().checkpoints_taken},
                             {"refused", m.model->stats().checkpoints_refused}};
  }
  if (flags.profile) record["steps"] = ToJson(m.model->impl().step_profile().totals());
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
  return flags.mode == "sync" ? RunSync(models, end) : RunAsync(models, flags.concurrency, end);
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
  std::cout << JsonText(Records(models, flags, 1)) << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    MOULIN_RETURN_IF_ERROR(ParseBlock(line, &flags));
    MOULIN_ASSIGN_OR_RETURN(const double seconds, Measure(models, flags));
    std::cout << JsonText(Records(models, flags, seconds)) << std::endl;
  }
  return kDone;
}

Status ReportSteps(const std::vector<BenchModel>& models, const BenchFlags& flags) {
  for (const BenchModel& m : models) {
    MOULIN_ASSIGN_OR_RETURN(internal::StepProfile * profile, ProfileOf(*m.model));
    if (!flags.json) {
      std::printf("\n%s\n%s", m.path.c_str(), SlowestSteps(profile->totals(), kSlowestSteps).c_str());
    }
    if (flags.tensorboard.empty()) continue;
    // A folder a model: TensorBoard shows one graph of each.
    const std::string logdir =
        models.size() == 1 ? flags.tensorboard : absl::StrCat(flags.tensorboard, "/", m.model->name());
    MOULIN_ASSIGN_OR_RETURN(const std::string file, WriteStepEvents(*m.model, m.path, logdir));
    if (!flags.json) std::printf("%s\n", Printable(file).c_str());
  }
  return absl::OkStatus();
}

StatusOr<int> Bench(const BenchFlags& flags) {
  EngineOptions options = flags.device.engine_options();
  options.measure_steps = flags.profile;
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
  for (BenchModel& m : models) m.model->impl().step_profile().Clear();
  progress.Clear();
  progress.Show(0, "measuring");
  MOULIN_ASSIGN_OR_RETURN(const double seconds, Measure(models, flags));
  progress.Clear();
  const nlohmann::json records = Records(models, flags, seconds);
  if (flags.json) {
    std::printf("%s\n", JsonText(records, 1).c_str());
  } else {
    PrintTable(records);
  }
  if (flags.profile) MOULIN_RETURN_IF_ERROR(ReportSteps(models, flags));
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
  command
      ->add_option("--join", flags->join,
                   "run requests that wait as one of up to this many rows (async); 0: each by itself")
      ->check(CLI::Range(0, 1 << 20));
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
  CLI::Option* profile =
      command->add_flag("--profile", flags->profile, "measure each step and print the slowest; with --json: all");
  command->add_option("--tensorboard", flags->tensorboard, "with --profile: write the graph and the steps' times")
      ->type_name("LOGDIR")
      ->needs(profile);
  command->add_option("--checkpoint", flags->checkpoint, "take the variables' values from there")
      ->type_name("PREFIX_OR_DIR");
  command->add_flag("--follow", flags->follow,
                    "take newer checkpoints as a manager saves them in the directory of --checkpoint, or MODEL");
  AddDeviceFlags(command, &flags->device);
  command->callback([=] { *action = [flags] { return Bench(*flags); }; });
}

}  // namespace moulin::cli
