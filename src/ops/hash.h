// The hashes of bytes that TensorFlow's ops are made of.
#ifndef MOULIN_OPS_HASH_H_
#define MOULIN_OPS_HASH_H_

#include <farmhash.h>

#include <bit>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace moulin {

inline uint64_t LoadWord(const char* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

// The last bytes of a text, fewer than 8, lowest first.
inline uint64_t LoadTail(const char* p, size_t count) {
  uint64_t value = 0;
  std::memcpy(&value, p, count);
  return value;
}

inline uint64_t Fingerprint(absl::string_view bytes) { return util::Fingerprint64(bytes.data(), bytes.size()); }

// One fingerprint of two, in their order.
inline uint64_t JoinFingerprints(uint64_t first, uint64_t second) {
  constexpr uint64_t kMul = 0xc6a4a7935bd1e995;
  const auto mix = [](uint64_t x) { return x ^ (x >> 47); };
  const uint64_t joined = (first ^ kMul ^ (mix(second * kMul) * kMul)) * kMul;
  return mix(mix(joined) * kMul);
}

// SipHash-2-4.
class SipHash {
 public:
  SipHash(uint64_t key0, uint64_t key1)
      : v0_(key0 ^ 0x736f6d6570736575),
        v1_(key1 ^ 0x646f72616e646f6d),
        v2_(key0 ^ 0x6c7967656e657261),
        v3_(key1 ^ 0x7465646279746573) {}

  uint64_t operator()(absl::string_view text) {
    const uint64_t length = text.size();
    while (text.size() >= 8) {
      Absorb(LoadWord(text.data()));
      text.remove_prefix(8);
    }
    Absorb(LoadTail(text.data(), text.size()) | (length << 56));
    v2_ ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void Absorb(uint64_t word) {
    v3_ ^= word;
    Round();
    Round();
    v0_ ^= word;
  }
  void Round() {
    v0_ += v1_;
    v2_ += v3_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v1_;
    v0_ += v3_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_, v1_, v2_, v3_;
};

}  // namespace moulin

#endif  // MOULIN_OPS_HASH_H_
