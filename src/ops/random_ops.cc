// Random numbers, bit for bit those of TensorFlow: Philox 4x32-10 and the distributions made of its words.
// Tests: tests/ops/host_kernels_test.cc, tests/cases/host_cases.py.
#include <cmath>

#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/random_groups.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// --- From words to values ---

template <typename T>
void IntGroup(const Words& w, T* out) {
  for (int i = 0; i < 4 / (kIsWide<T> ? 2 : 1); ++i) {
    out[i] = static_cast<T>(kIsWide<T> ? uint64_t{w[2 * i % 4]} | uint64_t{w[(2 * i + 1) % 4]} << 32 : w[i]);
  }
}

// Fills y by groups of values, each from one step of the generator.
template <typename T, typename Group>
void FillGroups(Philox generator, absl::Span<T> y, Group group) {
  constexpr size_t kGroup = kGroupOf<T>;
  T values[4] = {};
  for (size_t i = 0; i < y.size(); i += kGroup) {
    group(generator.Next(), values);
    std::copy(values, values + std::min(kGroup, y.size() - i), &y[i]);
  }
}

// Normal values within two standard deviations: each group draws until it is full, from 64 words for each value kept
// for it.
template <typename T>
void FillTruncated(const Philox& base, absl::Span<T> y) {
  constexpr size_t kGroup = kGroupOf<T>;
  constexpr uint64_t kSteps = kGroup * 64;
  for (size_t i = 0; i < y.size(); i += kGroup) {
    Philox generator = base;
    generator.Skip(i / kGroup * kSteps);
    const size_t end = std::min(i + kGroup, y.size());
    for (size_t k = i; k < end;) {
      T values[4] = {};
      NormalGroup<T>(generator.Next(), values);
      for (size_t n = 0; n < kGroup && k < end; ++n) {
        if (std::abs(static_cast<double>(static_cast<ArithmeticOf<T>>(values[n]))) < 2) y[k++] = values[n];
      }
    }
  }
}

enum class Distribution { kUniform, kNormal, kTruncatedNormal };

template <typename T>
absl::Span<T> Elements(Tensor& t) {
  return {static_cast<T*>(t.mutable_data()), static_cast<size_t>(t.num_elements())};
}

Status FillReal(const Philox& generator, Distribution distribution, Tensor& y) {
  return DispatchFloating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    if (distribution == Distribution::kUniform) FillGroups<T>(generator, Elements<T>(y), UniformGroup<T>);
    if (distribution == Distribution::kNormal) FillGroups<T>(generator, Elements<T>(y), NormalGroup<T>);
    if (distribution == Distribution::kTruncatedNormal) FillTruncated<T>(generator, Elements<T>(y));
    return absl::OkStatus();
  });
}

template <typename T>
Status FillRange(const Philox& generator, const Tensor& low, const Tensor& high, Tensor& y) {
  using U = std::make_unsigned_t<T>;
  if (low.num_elements() != 1 || high.num_elements() != 1) {
    return MakeError(ErrorCode::kShape, "minval and maxval must be scalars");
  }
  const T from = low.values<T>()[0];
  const T to = high.values<T>()[0];
  if (from >= to) {
    if (y.num_elements() == 0) return absl::OkStatus();
    return MakeError(ErrorCode::kValue, "minval must be below maxval, got ", from, " and ", to);
  }
  const U range = static_cast<U>(to) - static_cast<U>(from);
  const absl::Span<U> out = Elements<U>(y);
  FillGroups<U>(generator, out, IntGroup<U>);
  for (U& value : out) value = static_cast<U>(from) + value % range;
  return absl::OkStatus();
}

template <typename F>
Status DispatchWord(DType type, F f) {
  if (type == DType::kInt32) return f(int32_t());
  if (type == DType::kInt64) return f(int64_t());
  if (type == DType::kUInt32) return f(uint32_t());
  if (type == DType::kUInt64) return f(uint64_t());
  return UnsupportedType(type);
}

enum class SeedKind { kStateful, kSeeds, kKey };

// --- The ops ---

// The shape is the first operand.
Status InferRandom(InferContext& c) {
  const std::vector<DType>& types = c.attr<HostOpAttrs>().output_types;
  const DType type = types.empty() ? DType::kFloat32 : types[0];
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> dims, KnownInts(c, 0));
  if (dims) {
    MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(*dims));
    return AddOutput(c, type, shape);
  }
  const int64_t rank = KnownElements(c.shape(0));
  return AddOutput(c, type,
                   rank == kUnknownDim || rank > 254 ? PartialShape() : PartialShape::OfRank(static_cast<int>(rank)));
}

StatusOr<Philox> GeneratorOf(const KernelContext& c, SeedKind kind) {
  if (kind == SeedKind::kSeeds) return FromSeeds(c.input(1));
  if (kind == SeedKind::kKey) return FromKey(c.input(1), c.input(2), c.input(3));
  return FromAttrs(c.attr<HostOpAttrs>());
}

template <SeedKind kSeed, Distribution kDistribution>
Status RandomReal(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferRandom));
  MOULIN_ASSIGN_OR_RETURN(const Philox generator, GeneratorOf(c, kSeed));
  return FillReal(generator, kDistribution, c.output(0));
}

// Integers in [minval, maxval), the last two operands.
template <SeedKind kSeed>
Status RandomInt(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferRandom));
  MOULIN_ASSIGN_OR_RETURN(const Philox generator, GeneratorOf(c, kSeed));
  const int last = static_cast<int>(c.inputs.size()) - 1;
  for (const int i : {last - 1, last}) {
    MOULIN_RETURN_IF_ERROR(CheckSameType(c.output(0).dtype(), c.input(i).dtype(), "the range of random integers"));
  }
  return DispatchWord(c.output(0).dtype(), [&](auto tag) {
    return FillRange<decltype(tag)>(generator, c.input(last - 1), c.input(last), c.output(0));
  });
}

template <SeedKind kSeed>
Status RandomBits(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferRandom));
  MOULIN_ASSIGN_OR_RETURN(const Philox generator, GeneratorOf(c, kSeed));
  return DispatchWord(c.output(0).dtype(), [&](auto tag) {
    using T = decltype(tag);
    FillGroups<T>(generator, Elements<T>(c.output(0)), IntGroup<T>);
    return absl::OkStatus();
  });
}

Status InferKeyCounter(InferContext& c) {
  c.Add(DType::kUInt64, Shape{1});
  c.Add(DType::kUInt64, Shape{2});
  if (c.attr<HostOpAttrs>().op == "StatelessRandomGetKeyCounterAlg") c.Add(DType::kInt32, PartialShape::OfRank(0));
  return absl::OkStatus();
}

Status KeyCounter(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferKeyCounter));
  MOULIN_ASSIGN_OR_RETURN(const Philox generator, FromSeeds(c.input(0)));
  c.output(0).mutable_values<uint64_t>()[0] = uint64_t{generator.key[1]} << 32 | generator.key[0];
  c.output(1).mutable_values<uint64_t>()[0] = 0;
  c.output(1).mutable_values<uint64_t>()[1] = uint64_t{generator.counter[3]} << 32 | generator.counter[2];
  if (c.outputs.size() > 2) c.output(2).mutable_values<int32_t>()[0] = 1;
  return absl::OkStatus();
}

Status InferAlgorithm(InferContext& c) {
  c.Add(DType::kInt32, PartialShape::OfRank(0));
  return absl::OkStatus();
}

Status Algorithm(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferAlgorithm));
  c.output(0).mutable_values<int32_t>()[0] = 1;
  return absl::OkStatus();
}

using enum Distribution;
using enum SeedKind;
constexpr HostOp kRandomKernels[] = {
    {"RandomStandardNormal", 1, 1, InferRandom, RandomReal<kStateful, kNormal>},
    {"RandomUniform", 1, 1, InferRandom, RandomReal<kStateful, kUniform>},
    {"RandomUniformInt", 3, 3, InferRandom, RandomInt<kStateful>},
    {"StatelessRandomGetAlg", 0, 0, InferAlgorithm, Algorithm},
    {"StatelessRandomGetKeyCounter", 1, 1, InferKeyCounter, KeyCounter},
    {"StatelessRandomGetKeyCounterAlg", 1, 1, InferKeyCounter, KeyCounter},
    {"StatelessRandomNormal", 2, 2, InferRandom, RandomReal<kSeeds, kNormal>},
    {"StatelessRandomNormalV2", 4, 4, InferRandom, RandomReal<kKey, kNormal>},
    {"StatelessRandomUniform", 2, 2, InferRandom, RandomReal<kSeeds, kUniform>},
    {"StatelessRandomUniformFullInt", 2, 2, InferRandom, RandomBits<kSeeds>},
    {"StatelessRandomUniformFullIntV2", 4, 4, InferRandom, RandomBits<kKey>},
    {"StatelessRandomUniformInt", 4, 4, InferRandom, RandomInt<kSeeds>},
    {"StatelessRandomUniformIntV2", 6, 6, InferRandom, RandomInt<kKey>},
    {"StatelessRandomUniformV2", 4, 4, InferRandom, RandomReal<kKey, kUniform>},
    {"StatelessTruncatedNormal", 2, 2, InferRandom, RandomReal<kSeeds, kTruncatedNormal>},
    {"StatelessTruncatedNormalV2", 4, 4, InferRandom, RandomReal<kKey, kTruncatedNormal>},
    {"TruncatedNormal", 1, 1, InferRandom, RandomReal<kStateful, kTruncatedNormal>},
};

}  // namespace

absl::Span<const HostOp> RandomKernels() { return kRandomKernels; }

}  // namespace moulin
