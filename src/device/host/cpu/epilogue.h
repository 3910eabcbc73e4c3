// Runs the expression fused behind a product or convolution: inside a oneDNN primitive where it can, else behind it.
#ifndef MOULIN_DEVICE_HOST_CPU_EPILOGUE_H_
#define MOULIN_DEVICE_HOST_CPU_EPILOGUE_H_

#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "ir/expr.h"
#include "moulin/shape.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace moulin::cpu {

// One elementwise step on the accumulator.
struct PostOp {
  enum class Kind { kEltwise, kBinary, kSum } kind;  // kSum: plus what is in the result's memory before
  dnnl::algorithm algorithm;
  float alpha = 0;  // of kEltwise
  float beta = 0;
  int input = 0;  // of kBinary: which input of the expression is the other operand
};

// `epilogue` as a chain of oneDNN's post-ops on its input 0, first one first; nothing where it is not such a chain.
// A function of one value and constants is recognised by what it computes: it is evaluated in double at many points
// (among them both sides of every constant in it), and is taken for relu, clip, gelu, swish... where it agrees with
// that everywhere. So all spellings of an activation are found alike. NaN is the exception: oneDNN's relu and clip turn
// it into a bound, the expression keeps it.
std::optional<std::vector<PostOp>> ToPostOps(const Expr& epilogue);

// How an epilogue's operand spreads over the product.
enum class Spread { kScalar, kChannel, kFull, kOther };
// `channel_axis` is of `product`.
Spread SpreadOf(const Shape& operand, const Shape& product, int channel_axis);

}  // namespace moulin::cpu

#endif  // MOULIN_DEVICE_HOST_CPU_EPILOGUE_H_
