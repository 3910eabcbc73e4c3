// Kernels of the TensorFlow ops that are kept as themselves (OpKind::kHostOp), one row an op.
#ifndef MOULIN_OPS_HOST_OP_H_
#define MOULIN_OPS_HOST_OP_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "ops/op_def.h"

namespace moulin {

struct HostKernel {
  absl::string_view op;  // TensorFlow's name
  int min_inputs;
  int max_inputs;
  InferFn infer;
  ReferenceFn reference;
};

absl::Span<const HostKernel> StringKernels();  // string_ops.cc

// The kernel of an op; null where there is none (the importer asks before it makes a HostOp).
const HostKernel* FindHostKernel(absl::string_view op);

// An attribute of a HostOp, or `otherwise` where it is not given.
int64_t IntAttr(const HostOpAttrs& attrs, absl::string_view name, int64_t otherwise);
double FloatAttr(const HostOpAttrs& attrs, absl::string_view name, double otherwise);
absl::string_view StringAttr(const HostOpAttrs& attrs, absl::string_view name, absl::string_view otherwise);

}  // namespace moulin

#endif  // MOULIN_OPS_HOST_OP_H_
