// moulin verify: the goldens that a bundle carries.
#include <cstdio>

#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/command.h"
#include "cli/json_text.h"
#include "engine/bundle_examples.h"
#include "moulin/engine.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

struct VerifyFlags {
  std::string bundle;
  bool json = false;
  DeviceFlags device;
};

void Print(const internal::GoldenResult& result) {
  const std::string model = Printable(result.model);
  const std::string golden = Printable(result.golden);
  if (!result.passed) {
    std::printf("failed %s %s: %s\n", model.c_str(), golden.c_str(), Printable(result.reason, 2000).c_str());
  } else if (result.golden.empty()) {
    std::printf("loads  %s, which has no goldens\n", model.c_str());
  } else {
    std::printf("passed %s %s: max abs error %g, max rel error %g\n", model.c_str(), golden.c_str(), result.max_abs,
                result.max_rel);
  }
}

void PrintJson(const std::vector<internal::GoldenResult>& results) {
  nlohmann::json out = nlohmann::json::array();
  for (const internal::GoldenResult& r : results) {
    out.push_back({{"model", Printable(r.model)}, {"golden", Printable(r.golden)}, {"passed", r.passed}});
    // JSON has no infinity: an error without bound (another shape, a NaN) is null.
    out.back()["max_abs"] = r.max_abs;
    out.back()["max_rel"] = r.max_rel;
    if (!r.reason.empty()) out.back()["reason"] = Printable(r.reason, 2000);
  }
  std::printf("%s\n", JsonText(out, 1).c_str());
}

StatusOr<int> Verify(const VerifyFlags& flags) {
  MOULIN_ASSIGN_OR_RETURN(const auto engine, OpenEngine(flags.device.engine_options()));
  ModelOptions options;
  MOULIN_RETURN_IF_ERROR(SetPrecision(flags.device, &options));
  MOULIN_ASSIGN_OR_RETURN(const std::vector<internal::GoldenResult> results,
                          internal::VerifyBundle(*engine, flags.bundle, options));
  int failed = 0;
  for (const internal::GoldenResult& result : results) failed += result.passed ? 0 : 1;
  if (flags.json) {
    PrintJson(results);
  } else {
    for (const internal::GoldenResult& result : results) Print(result);
  }
  return failed == 0 ? kDone : kNo;
}

}  // namespace

void AddVerify(CLI::App& app, Action* action) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* command = app.add_subcommand("verify", "Run the goldens that a bundle carries for its models");
  command->add_option("bundle", flags->bundle, "a bundle, or one model of it")->required()->type_name("BUNDLE");
  command->add_flag("--json", flags->json, "as JSON");
  AddDeviceFlags(command, &flags->device);
  command->callback([=] { *action = [flags] { return Verify(*flags); }; });
}

}  // namespace moulin::cli
