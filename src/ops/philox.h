// The generator of TensorFlow's random numbers, Philox 4x32-10, and the states that its ops start it in.
#ifndef MOULIN_OPS_PHILOX_H_
#define MOULIN_OPS_PHILOX_H_

#include <array>
#include <bit>
#include <cstdint>

#include "moulin/tensor.h"
#include "ops/op_def.h"

namespace moulin {

using Words = std::array<uint32_t, 4>;

inline uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
inline uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

struct Philox {
  Words counter{};
  std::array<uint32_t, 2> key{};

  // The words at the counter, which moves on.
  Words Next() {
    const Words words = Compute();
    Skip(1);
    return words;
  }

  void Skip(uint64_t count) {
    const uint64_t low = (uint64_t{counter[1]} << 32 | counter[0]) + count;
    const uint64_t high = (uint64_t{counter[3]} << 32 | counter[2]) + (low < count ? 1 : 0);
    counter = {Low(low), High(low), Low(high), High(high)};
  }

 private:
  Words Compute() const {
    Words c = counter;
    std::array<uint32_t, 2> k = key;
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = uint64_t{0xD2511F53} * c[0];
      const uint64_t b = uint64_t{0xCD9E8D57} * c[2];
      c = {High(b) ^ c[1] ^ k[0], Low(b), High(a) ^ c[3] ^ k[1], Low(a)};
      k[0] += 0x9E3779B9;
      k[1] += 0xBB67AE85;
    }
    return c;
  }
};

// The words of a generator one at a time.
class WordStream {
 public:
  explicit WordStream(const Philox& generator) : generator_(generator) {}
  // A number in [0, count), all equally likely: words that would favour some are passed over.
  uint32_t Below(uint32_t count) {
    if (count == 0 || (count & (count - 1)) == 0) return Next() & (count == 0 ? 0 : count - 1);
    const uint32_t spare = ~uint32_t{0} % count + 1;
    uint32_t word = Next();
    while (word < spare) word = Next();
    return word % count;
  }
  uint32_t Next() {
    if (used_ == 4) {
      words_ = generator_.Next();
      used_ = 0;
    }
    return words_[used_++];
  }

 private:
  Philox generator_;
  Words words_{};
  int used_ = 4;
};

// A value in [0, 1) of as many bits of these words as the mantissa holds.
inline float UnitFloat(uint32_t x) { return std::bit_cast<float>((uint32_t{127} << 23) | (x & 0x7fffff)) - 1.0f; }
inline double UnitDouble(uint32_t high, uint32_t low) {
  return std::bit_cast<double>((uint64_t{1023} << 52) | (uint64_t{high & 0xfffff} << 32) | low) - 1.0;
}

// Two normal values of uniform ones (Box and Muller).
std::array<double, 2> NormalPair(const Words& words);
std::array<float, 2> NormalFloats(uint32_t x0, uint32_t x1);

Philox FromState(uint64_t key, uint64_t counter0, uint64_t counter1);
// The generator of a stateless op: the two seeds scrambled.
StatusOr<Philox> FromSeeds(const Tensor& seeds);
// The generator of a stateless op of the second version: key, counter, algorithm.
StatusOr<Philox> FromKey(const Tensor& key, const Tensor& counter, const Tensor& algorithm);
// The generator of a stateful op as it stands when a session first runs it, which here is every time; without seeds,
// another each time.
Philox FromAttrs(const HostOpAttrs& attrs);

}  // namespace moulin

#endif  // MOULIN_OPS_PHILOX_H_
