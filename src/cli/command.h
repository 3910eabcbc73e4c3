// What the subcommands of `moulin` share: how one is registered, what exit statuses mean, how errors are told.
#ifndef MOULIN_CLI_COMMAND_H_
#define MOULIN_CLI_COMMAND_H_

#include <functional>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "moulin/engine.h"
#include "moulin/status.h"

namespace moulin::cli {

// Exit statuses (docs/command-line.md).
inline constexpr int kDone = 0;
inline constexpr int kNo = 1;   // the command did its work and the answer is "no": a mismatch
inline constexpr int kBad = 2;  // the command or its input is bad

// A subcommand's work: an exit status, or an error that is printed and ends in kBad.
using Action = std::function<StatusOr<int>()>;

// Each registers its subcommand and options on `app`, and sets `*action` when the subcommand is chosen.
void AddShow(CLI::App& app, Action* action);
void AddRun(CLI::App& app, Action* action);
void AddCheck(CLI::App& app, Action* action);
void AddCompare(CLI::App& app, Action* action);
void AddBench(CLI::App& app, Action* action);
void AddBundle(CLI::App& app, Action* action);
void AddVerify(CLI::App& app, Action* action);
void AddGraph(CLI::App& app, Action* action);
void AddFreeze(CLI::App& app, Action* action);
void AddExport(CLI::App& app, Action* action);
void AddCalibrate(CLI::App& app, Action* action);

// Options that most subcommands take.
struct DeviceFlags {
  std::string device;
  int threads = 0;
  Precision precision = Precision::kStrict;
  std::string ranges;  // a file, for int8

  EngineOptions engine_options() const { return {.device = device, .threads = threads}; }
  // To look at plans without running them: a GPU need not be there where it is named.
  EngineOptions planning_options() const {
    return {.device = device, .threads = threads, .plan_only = device == "cuda"};
  }
};
// An engine on the device asked for. Where "auto" finds no GPU it says why on stderr and takes the CPU.
StatusOr<std::unique_ptr<Engine>> OpenEngine(const EngineOptions& options);
// Sets the precision asked for, with the ranges that the file named for it holds.
Status SetPrecision(const DeviceFlags& flags, ModelOptions* options);
void AddDeviceFlags(CLI::App* command, DeviceFlags* flags, const std::string& default_device = "auto");

// Parses the command line, runs what it asks for and returns the exit status. Prints to stdout and stderr.
int Main(int argc, const char* const* argv);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_COMMAND_H_
