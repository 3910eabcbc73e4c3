// What the tests of generated kernels share: compilers to put in a context, and planted faults.
#ifndef MOULIN_TESTS_CUDA_CODEGEN_CODEGEN_TESTING_H_
#define MOULIN_TESTS_CUDA_CODEGEN_CODEGEN_TESTING_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "codegen/host_compiler.h"
#include "gtest/gtest-spi.h"
#include "kernel_testing.h"

namespace moulin::cuda {

inline EmulatorOptions CompiledBy(std::shared_ptr<KernelCompiler> compiler) {
  EmulatorOptions options;
  options.context = EmulatedContext();
  options.context->compiler = std::move(compiler);
  return options;
}

class FailingCompiler : public KernelCompiler {
 public:
  StatusOr<const void*> Load(const KernelText&) override { return absl::InternalError("no compiler"); }
};

// Compiles a kernel that is spoilt in one place.
class SpoilingCompiler : public KernelCompiler {
 public:
  SpoilingCompiler(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  StatusOr<const void*> Load(const KernelText& source) override {
    KernelText spoilt = source;
    if (absl::StrReplaceAll({{from_, to_}}, &spoilt.text) == 0)
      ADD_FAILURE() << "no " << from_ << " in\n" << source.text;
    return compiler_.Load(spoilt);
  }

 private:
  const std::string from_, to_;
  HostCompiler compiler_;
};

// Expects that the comparison with the reference fails where the graph's kernel has `to` in place of `from`.
inline void ExpectNoticed(const Graph& graph, const std::vector<Tensor>& inputs, double tolerance,
                          const std::string& from, const std::string& to) {
  SCOPED_TRACE(from);
  const auto expected = RunGraphReference(graph, inputs);
  const auto got = RunOnEmulator(graph, inputs, CompiledBy(std::make_shared<SpoilingCompiler>(from, to)));
  ASSERT_TRUE(expected.ok()) << expected.status();
  if (!got.ok()) return;  // the emulator noticed
  static Tensor x, y;     // EXPECT_NONFATAL_FAILURE takes nothing local
  static double allowed;
  x = (*got)[0];
  y = (*expected)[0];
  allowed = tolerance;
  EXPECT_NONFATAL_FAILURE(ExpectClose(x, y, allowed), "");
}

}  // namespace moulin::cuda

#endif  // MOULIN_TESTS_CUDA_CODEGEN_CODEGEN_TESTING_H_
