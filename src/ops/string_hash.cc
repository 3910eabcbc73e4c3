// Host kernels that hash strings into buckets, bit for bit as TensorFlow's. Tests: tests/ops/host_kernels_test.cc,
// tests/cases/host_cases.py.
#include <farmhash.h>

#include <bit>
#include <cstring>

#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

uint64_t Load64(const char* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

// The last bytes of a text, fewer than 8, lowest first.
uint64_t LoadTail(const char* p, size_t count) {
  uint64_t value = 0;
  std::memcpy(&value, p, count);
  return value;
}

// MurmurHash64A, with the seed of TensorFlow's first hash.
uint64_t Murmur(absl::string_view text) {
  constexpr uint64_t kSeed = 0xDECAFCAFFE;
  constexpr uint64_t kMul = 0xc6a4a7935bd1e995;
  uint64_t hash = kSeed ^ (text.size() * kMul);
  while (text.size() >= 8) {
    uint64_t block = Load64(text.data()) * kMul;
    block = (block ^ (block >> 47)) * kMul;
    hash = (hash ^ block) * kMul;
    text.remove_prefix(8);
  }
  if (!text.empty()) hash = (hash ^ LoadTail(text.data(), text.size())) * kMul;
  hash = (hash ^ (hash >> 47)) * kMul;
  return hash ^ (hash >> 47);
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
      Absorb(Load64(text.data()));
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

Status InferBuckets(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand of a hash"));
  return AddOutput(c, DType::kInt64, c.shape(0));
}

template <typename Hash>
Status Buckets(const KernelContext& c, Hash hash) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferBuckets));
  const int64_t buckets = IntAttr(c.attr<HostOpAttrs>(), "num_buckets", 0);
  if (buckets < 1) return MakeError(ErrorCode::kAttribute, "num_buckets must be at least 1, got ", buckets);
  const absl::Span<const std::string> x = c.input(0).strings();
  for (size_t i = 0; i < x.size(); ++i) {
    c.output(0).mutable_values<int64_t>()[i] = static_cast<int64_t>(hash(x[i]) % static_cast<uint64_t>(buckets));
  }
  return absl::OkStatus();
}

Status MurmurBuckets(const KernelContext& c) { return Buckets(c, Murmur); }

Status FarmBuckets(const KernelContext& c) {
  return Buckets(c, [](const std::string& s) { return util::Fingerprint64(s.data(), s.size()); });
}

Status SipBuckets(const KernelContext& c) {
  const std::vector<int64_t> key = IntsAttr(c.attr<HostOpAttrs>(), "key");
  if (key.size() != 2) return MakeError(ErrorCode::kAttribute, "key must have 2 elements, got ", key.size());
  return Buckets(c, [&](const std::string& s) {
    return SipHash(static_cast<uint64_t>(key[0]), static_cast<uint64_t>(key[1]))(s);
  });
}

constexpr HostOp kKernels[] = {
    {"StringToHashBucket", 1, 1, InferBuckets, MurmurBuckets},
    {"StringToHashBucketFast", 1, 1, InferBuckets, FarmBuckets},
    {"StringToHashBucketStrong", 1, 1, InferBuckets, SipBuckets},
};

}  // namespace

absl::Span<const HostOp> StringHashKernels() { return kKernels; }

}  // namespace moulin
