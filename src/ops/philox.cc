#include "ops/philox.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>

#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;
constexpr double kLeastUniform = 1e-7;  // keeps the logarithm finite

}  // namespace

std::array<double, 2> NormalPair(const Words& words) {
  const double u = std::max(UnitDouble(words[0], words[1]), kLeastUniform);
  const double angle = kTwoPi * UnitDouble(words[2], words[3]);
  const double radius = std::sqrt(-2.0 * std::log(u));
  return {std::sin(angle) * radius, std::cos(angle) * radius};
}

std::array<float, 2> NormalFloats(uint32_t x0, uint32_t x1) {
  const float u = std::max(UnitFloat(x0), static_cast<float>(kLeastUniform));
  const auto angle = static_cast<float>(kTwoPi * UnitFloat(x1));
  const float radius = std::sqrt(-2.0f * std::log(u));
  return {std::sin(angle) * radius, std::cos(angle) * radius};
}

Philox FromState(uint64_t key, uint64_t counter0, uint64_t counter1) {
  return {{Low(counter0), High(counter0), Low(counter1), High(counter1)}, {Low(key), High(key)}};
}

StatusOr<Philox> FromSeeds(const Tensor& seeds) {
  MOULIN_ASSIGN_OR_RETURN(const Ints values, IntValues(seeds));
  if (values.size() != 2) return MakeError(ErrorCode::kShape, "seed must have 2 elements, got ", values.size());
  Philox scrambler = FromState(0, static_cast<uint64_t>(values[0]), static_cast<uint64_t>(values[1]));
  scrambler.key = {0x3ec8f720, 0x02461e29};
  const Words mix = scrambler.Next();
  return Philox{{0, 0, mix[2], mix[3]}, {mix[0], mix[1]}};
}

StatusOr<Philox> FromKey(const Tensor& key, const Tensor& counter, const Tensor& algorithm_tensor) {
  constexpr int64_t kPhilox = 1;
  constexpr int64_t kAuto = 3;
  MOULIN_ASSIGN_OR_RETURN(const Ints algorithm, IntValues(algorithm_tensor));
  if (algorithm.size() != 1) return MakeError(ErrorCode::kShape, "alg must be a scalar");
  if (algorithm[0] != kPhilox && algorithm[0] != kAuto) {
    return MakeError(ErrorCode::kUnsupported, "the random algorithm ", algorithm[0], "; Philox is 1");
  }
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kUInt64, key.dtype(), "key"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kUInt64, counter.dtype(), "counter"));
  if (key.num_elements() != 1 || counter.num_elements() < 2) {
    return MakeError(ErrorCode::kShape, "expected a key of 1 element and a counter of 2, got ", key.shape().ToString(),
                     " and ", counter.shape().ToString());
  }
  return FromState(key.values<uint64_t>()[0], counter.values<uint64_t>()[0], counter.values<uint64_t>()[1]);
}

Philox FromAttrs(const HostOpAttrs& attrs) {
  auto seed = static_cast<uint64_t>(IntAttr(attrs, "seed", 0));
  auto seed2 = static_cast<uint64_t>(IntAttr(attrs, "seed2", 0));
  if (seed == 0 && seed2 == 0) {
    std::random_device device;
    seed = uint64_t{device()} << 32 | device();
    seed2 = uint64_t{device()} << 32 | device();
  }
  return FromState(seed, 0, seed2);
}

}  // namespace moulin
