// Host kernels of regular expressions, on RE2. Tests: tests/ops/host_kernels_test.cc, tests/cases/host_cases.py.
#include <re2/re2.h>

#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

Status InferPerString(InferContext& c) {
  for (int i = 0; i < c.num_inputs(); ++i) {
    MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(i), "an operand of a regular expression"));
  }
  return AddOutput(c, DType::kString, c.shape(0));
}

Status InferMatch(InferContext& c) {
  for (int i = 0; i < c.num_inputs(); ++i) {
    MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(i), "an operand of a regular expression"));
  }
  return AddOutput(c, DType::kBool, c.shape(0));
}

// Input `i` where the node has it, else the attribute.
StatusOr<std::string> TextOf(const KernelContext& c, size_t i, absl::string_view attr) {
  if (i < c.inputs.size()) return OnlyString(c.input(static_cast<int>(i)), attr);
  return std::string(StringAttr(c.attr<HostOpAttrs>(), attr, ""));
}

Status CheckPattern(const RE2& regex) {
  if (regex.ok()) return absl::OkStatus();
  return MakeError(ErrorCode::kValue, "the pattern \"", Printable(regex.pattern()), "\": ", Printable(regex.error()));
}

Status Replace(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferPerString));
  MOULIN_ASSIGN_OR_RETURN(const std::string pattern, TextOf(c, 1, "pattern"));
  MOULIN_ASSIGN_OR_RETURN(const std::string rewrite, TextOf(c, 2, "rewrite"));
  const RE2 regex(pattern, RE2::Quiet);
  MOULIN_RETURN_IF_ERROR(CheckPattern(regex));
  const bool all = IntAttr(c.attr<HostOpAttrs>(), "replace_global", 1) != 0;
  std::string unused;
  // A rewrite that names groups which the pattern lacks replaces nothing, as in TensorFlow.
  const bool replaces = regex.CheckRewriteString(rewrite, &unused);
  const absl::Span<const std::string> x = c.input(0).strings();
  for (size_t i = 0; i < x.size(); ++i) {
    std::string& y = c.output(0).mutable_strings()[i];
    y = x[i];
    if (!replaces) continue;
    if (all) {
      RE2::GlobalReplace(&y, regex, rewrite);
    } else {
      RE2::Replace(&y, regex, rewrite);
    }
  }
  return absl::OkStatus();
}

Status FullMatch(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferMatch));
  MOULIN_ASSIGN_OR_RETURN(const std::string pattern, TextOf(c, 1, "pattern"));
  const RE2 regex(pattern, RE2::Quiet);
  MOULIN_RETURN_IF_ERROR(CheckPattern(regex));
  const absl::Span<const std::string> x = c.input(0).strings();
  for (size_t i = 0; i < x.size(); ++i) c.output(0).mutable_values<bool>()[i] = RE2::FullMatch(x[i], regex);
  return absl::OkStatus();
}

constexpr HostOp kRegexKernels[] = {
    {"RegexFullMatch", 2, 2, InferMatch, FullMatch},
    {"RegexReplace", 3, 3, InferPerString, Replace},
    {"StaticRegexFullMatch", 1, 1, InferMatch, FullMatch},
    {"StaticRegexReplace", 1, 1, InferPerString, Replace},
};

}  // namespace

absl::Span<const HostOp> RegexKernels() { return kRegexKernels; }

}  // namespace moulin
