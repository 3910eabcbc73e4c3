// Host kernels that draw from what they are given, bit for bit as TensorFlow: shuffles and samples of categories.
// Tests: tests/cases/random_cases.py.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/element.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/philox.h"

namespace moulin {
namespace {

Status InferShuffle(InferContext& c) { return AddOutput(c, c.dtype(0), c.shape(0)); }

// (x) or (x, key, counter, algorithm): the rows in another order: each place takes one of those that are left, from the
// front.
Status Shuffle(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferShuffle));
  const Tensor& x = c.input(0);
  const int64_t rows = x.shape().rank() == 0 ? 1 : x.shape().dim(0);
  Ints order(rows);
  std::iota(order.begin(), order.end(), 0);
  Philox generator = FromAttrs(c.attr<HostOpAttrs>());
  if (c.inputs.size() == 4) {
    MOULIN_ASSIGN_OR_RETURN(generator, FromKey(c.input(1), c.input(2), c.input(3)));
  }
  WordStream words(generator);
  for (int64_t i = 0; i + 1 < rows; ++i) {
    std::swap(order[i], order[i + words.Next() % static_cast<uint32_t>(rows - i)]);
  }
  const int64_t size = x.shape().rank() == 0 ? 1 : DimProduct(x.shape().dims(), 1, x.shape().rank());
  for (int64_t i = 0; i < rows; ++i) CopyElements(x, order[i] * size, c.output(0), i * size, size);
  return absl::OkStatus();
}

// (logits [n, categories], number of samples, ...) -> [n, samples]
Status InferMultinomial(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 2, "logits"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> samples, KnownInt(c, 1, "num_samples"));
  if (samples && *samples < 0) return MakeError(ErrorCode::kValue, "num_samples is negative: ", *samples);
  const auto& types = c.attr<HostOpAttrs>().output_types;
  const int64_t rows = c.shape(0).has_rank() ? c.shape(0).dim(0) : kUnknownDim;
  return AddOutput(c, types.empty() ? DType::kInt64 : types[0], PartialShape{rows, samples.value_or(kUnknownDim)});
}

// The running sums of the weights of the categories; those that are not finite weigh nothing.
template <typename T>
std::vector<double> RunningWeights(const T* logits, int64_t categories) {
  auto most = static_cast<double>(Widen(Lowest<T>()));
  for (int64_t k = 0; k < categories; ++k) {
    const auto logit = static_cast<double>(Widen(logits[k]));
    if (std::isfinite(logit)) most = std::max(most, logit);
  }
  std::vector<double> sums(categories);
  double sum = 0;
  for (int64_t k = 0; k < categories; ++k) {
    const auto logit = static_cast<double>(Widen(logits[k]));
    if (std::isfinite(logit)) sum += std::exp(logit - most);
    sums[k] = sum;
  }
  return sums;
}

Status Multinomial(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferMultinomial));
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  Philox generator;
  if (attrs.op == "StatelessMultinomial") {
    MOULIN_ASSIGN_OR_RETURN(generator, FromSeeds(c.input(2)));
  } else {
    generator = FromAttrs(attrs);
  }
  const int64_t rows = c.output(0).shape().dim(0), samples = c.output(0).shape().dim(1);
  const int64_t categories = c.input(0).shape().dim(1);
  if (rows * samples == 0) return absl::OkStatus();
  if (categories == 0) return MakeError(ErrorCode::kShape, "there are no categories to draw from");
  if (c.output(0).dtype() != DType::kInt32 && c.output(0).dtype() != DType::kInt64) {
    return UnsupportedType(c.output(0).dtype());
  }
  WordStream words(generator);
  return DispatchReal(c.input(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* logits = static_cast<const T*>(c.input(0).data());
    for (int64_t i = 0; i < rows; ++i) {
      const std::vector<double> sums = RunningWeights(logits + i * categories, categories);
      for (int64_t k = 0; k < samples; ++k) {
        const uint32_t high = words.Next(), low = words.Next();
        const double found = UnitDouble(high, low) * sums.back();
        const auto category = std::upper_bound(sums.begin(), sums.end(), found) - sums.begin();
        if (c.output(0).dtype() == DType::kInt32) {
          c.output(0).mutable_values<int32_t>()[i * samples + k] = static_cast<int32_t>(category);
        } else {
          c.output(0).mutable_values<int64_t>()[i * samples + k] = category;
        }
      }
    }
    return absl::OkStatus();
  });
}

constexpr HostOp kRandomOrderKernels[] = {
    {"Multinomial", 2, 2, InferMultinomial, Multinomial},
    {"RandomShuffle", 1, 1, InferShuffle, Shuffle},
    {"StatelessMultinomial", 3, 3, InferMultinomial, Multinomial},
    {"StatelessShuffle", 4, 4, InferShuffle, Shuffle},
};

}  // namespace

absl::Span<const HostOp> RandomOrderKernels() { return kRandomOrderKernels; }

}  // namespace moulin
