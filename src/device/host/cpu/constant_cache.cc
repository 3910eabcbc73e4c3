#include "device/host/cpu/constant_cache.h"

#include <algorithm>
#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"
#include "device/host/cpu/dnnl_primitive.h"

namespace moulin::cpu {
namespace {

void Reorder(const void* source, const dnnl::memory::desc& from, void* target, const dnnl::memory::desc& to) {
  dnnl::memory src(from, DnnlEngine(), const_cast<void*>(source));
  dnnl::memory dst(to, DnnlEngine(), target);
  dnnl::stream stream(DnnlEngine());
  dnnl::reorder(src, dst).execute(stream, src, dst);
  stream.wait();
}

StatusOr<Tensor> Pack(const Tensor& source, const dnnl::memory::desc& from, const dnnl::memory::desc& to) {
  MOULIN_ASSIGN_OR_RETURN(Tensor packed,
                          Tensor::AllocateUninitialized(DType::kUInt8, Shape({static_cast<int64_t>(to.get_size())})));
  try {
    Reorder(source.data(), from, packed.mutable_data(), to);
  } catch (const dnnl::error& error) {
    return MakeError(ErrorCode::kDevice, "oneDNN cannot pack a constant of ", source.shape().ToString(), ": ",
                     error.what());
  }
  return packed;
}

bool CanReorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to) {
  return static_cast<bool>(dnnl::reorder::primitive_desc(DnnlEngine(), from, DnnlEngine(), to, dnnl::primitive_attr(),
                                                         /*allow_empty=*/true));
}

}  // namespace

void PackedConstant::Restore(void* elements) const { Reorder(packed.data(), to, elements, from); }

std::shared_ptr<const PackedConstant> ConstantCache::Find(const Tensor& source, const dnnl::memory::desc& from,
                                                          const dnnl::memory::desc& to) {
  const auto found = entries_.find(source.data());
  if (found == entries_.end()) return nullptr;
  for (const Entry& entry : found->second) {
    if (entry.from == from && entry.to == to) return entry.constant.lock();
  }
  return nullptr;
}

void ConstantCache::DropExpired() {
  absl::erase_if(entries_, [](auto& item) {
    std::vector<Entry>& entries = item.second;
    entries.erase(std::remove_if(entries.begin(), entries.end(), [](const Entry& e) { return e.constant.expired(); }),
                  entries.end());
    return entries.empty();
  });
}

StatusOr<std::shared_ptr<const PackedConstant>> ConstantCache::Get(const Tensor& source, const dnnl::memory::desc& from,
                                                                   const dnnl::memory::desc& to) {
  // Packing waits for nobody else, so it may happen under the lock: two plans made at once then pack once.
  std::lock_guard lock(mutex_);
  if (auto found = Find(source, from, to)) return found;
  auto constant = std::make_shared<PackedConstant>();
  constant->source = source;
  constant->packed = source;
  constant->from = from;
  constant->to = to;
  if (from != to) {
    MOULIN_ASSIGN_OR_RETURN(constant->packed, Pack(source, from, to));
    constant->is_restorable = CanReorder(to, from);
  }
  std::shared_ptr<const PackedConstant> result = std::move(constant);
  DropExpired();
  entries_[source.data()].push_back({from, to, result});
  return result;
}

int64_t ConstantCache::bytes() const {
  std::lock_guard lock(mutex_);
  int64_t bytes = 0;
  for (const auto& [address, entries] : entries_) {
    for (const Entry& entry : entries) {
      const auto constant = entry.constant.lock();
      if (constant != nullptr && constant->packed.data() != address) bytes += constant->packed.byte_size();
    }
  }
  return bytes;
}

}  // namespace moulin::cpu
