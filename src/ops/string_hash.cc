// Host kernels that hash strings into buckets, bit for bit as TensorFlow's. Tests: tests/ops/host_kernels_test.cc,
// tests/cases/host_cases.py.
#include "ops/hash.h"
#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

// MurmurHash64A, with the seed of TensorFlow's first hash.
uint64_t Murmur(absl::string_view text) {
  constexpr uint64_t kSeed = 0xDECAFCAFFE;
  constexpr uint64_t kMul = 0xc6a4a7935bd1e995;
  uint64_t hash = kSeed ^ (text.size() * kMul);
  while (text.size() >= 8) {
    uint64_t block = LoadWord(text.data()) * kMul;
    block = (block ^ (block >> 47)) * kMul;
    hash = (hash ^ block) * kMul;
    text.remove_prefix(8);
  }
  if (!text.empty()) hash = (hash ^ LoadTail(text.data(), text.size())) * kMul;
  hash = (hash ^ (hash >> 47)) * kMul;
  return hash ^ (hash >> 47);
}

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
  return Buckets(c, [](const std::string& s) { return Fingerprint(s); });
}

Status SipBuckets(const KernelContext& c) {
  const std::vector<int64_t> key = IntsAttr(c.attr<HostOpAttrs>(), "key");
  if (key.size() != 2) return MakeError(ErrorCode::kAttribute, "key must have 2 elements, got ", key.size());
  return Buckets(c, [&](const std::string& s) {
    return SipHash(static_cast<uint64_t>(key[0]), static_cast<uint64_t>(key[1]))(s);
  });
}

constexpr HostOp kStringHashKernels[] = {
    {"StringToHashBucket", 1, 1, InferBuckets, MurmurBuckets},
    {"StringToHashBucketFast", 1, 1, InferBuckets, FarmBuckets},
    {"StringToHashBucketStrong", 1, 1, InferBuckets, SipBuckets},
};

}  // namespace

absl::Span<const HostOp> StringHashKernels() { return kStringHashKernels; }

}  // namespace moulin
