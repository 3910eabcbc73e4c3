#include "runtime/fake_memory.h"

#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/invisible.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(begin, size) ((void)(begin), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(begin, size) ((void)(begin), (void)(size))
#endif

namespace moulin::fake_cuda {
namespace {

constexpr int kPoison = 0xCB;
constexpr unsigned char kGuard = 0xA5;

unsigned char* At(uintptr_t address) { return reinterpret_cast<unsigned char*>(address); }

int64_t CountOverrun(const unsigned char* guard, size_t bytes) {
  ASAN_UNPOISON_MEMORY_REGION(guard, bytes);
  int64_t overrun = 0;
  for (size_t i = 0; i < bytes; ++i) overrun += guard[i] != kGuard;
  ASAN_POISON_MEMORY_REGION(guard, bytes);
  return overrun;
}

}  // namespace

Memory::Memory() : slots_(new Slot[kMaxBlocks]) {}
Memory::~Memory() { Clear(); }

void* Memory::Allocate(size_t bytes, MemoryKind kind) {
  int i = 0;
  const int used = num_slots_.load(std::memory_order_relaxed);
  while (i < used && slots_[i].kind.load(std::memory_order_relaxed) != MemoryKind::kPageable) ++i;
  if (i == kMaxBlocks) return nullptr;
  // Aligned as cudaMalloc promises, and no better: to an odd multiple of 256.
  const size_t whole = (bytes + 3 * kGuardBytes + 511) / 512 * 512;
  auto* base = static_cast<unsigned char*>(std::aligned_alloc(512, whole));
  if (base == nullptr) return nullptr;
  unsigned char* block = base + kGuardBytes;
  std::memset(base, kGuard, kGuardBytes);
  std::memset(block, kPoison, bytes);
  std::memset(block + bytes, kGuard, kGuardBytes);
  ASAN_POISON_MEMORY_REGION(base, kGuardBytes);
  ASAN_POISON_MEMORY_REGION(block + bytes, kGuardBytes);
  Slot& slot = slots_[i];
  slot.begin.store(reinterpret_cast<uintptr_t>(block), std::memory_order_relaxed);
  slot.end.store(reinterpret_cast<uintptr_t>(block) + bytes, std::memory_order_relaxed);
  slot.kind.store(kind, std::memory_order_relaxed);
  if (i == used) num_slots_.store(used + 1, std::memory_order_relaxed);
  return block;
}

bool Memory::Free(void* block, MemoryKind kind, bool may_be_in_use, std::vector<std::string>* problems) {
  const int i = SlotOf(block);
  if (i < 0 || slots_[i].kind.load(std::memory_order_relaxed) != kind) return false;
  Slot& slot = slots_[i];
  if (!may_be_in_use) CheckGuards(slot, problems);
  slot.kind.store(MemoryKind::kFreed, std::memory_order_relaxed);
  const size_t bytes = slot.end - slot.begin;
  if (!may_be_in_use) {
    const Shown shown;  // work that may still use the block is a race
    std::memset(block, kPoison, bytes);
  }
  ASAN_POISON_MEMORY_REGION(block, bytes);
  freed_.push_back(i);
  freed_bytes_ += bytes;
  while (freed_bytes_ > kKeptBytes && freed_.size() > 1) {
    const int oldest = freed_.front();
    freed_.pop_front();
    freed_bytes_ -= slots_[oldest].end - slots_[oldest].begin;
    Release(oldest);
  }
  return true;
}

Memory::Place Memory::Find(const void* address) const {
  const uintptr_t at = reinterpret_cast<uintptr_t>(address);
  const int n = num_slots_.load(std::memory_order_relaxed);
  for (int i = 0; i < n; ++i) {
    const MemoryKind kind = slots_[i].kind.load(std::memory_order_relaxed);
    const uintptr_t end = slots_[i].end.load(std::memory_order_relaxed);
    if (kind == MemoryKind::kPageable || at > end || at < slots_[i].begin.load(std::memory_order_relaxed)) continue;
    return {kind, end - at};
  }
  return {};
}

size_t Memory::LiveBytes(MemoryKind kind) const {
  size_t bytes = 0;
  for (int i = 0; i < num_slots_; ++i) {
    if (slots_[i].kind == kind) bytes += slots_[i].end - slots_[i].begin;
  }
  return bytes;
}

int64_t Memory::LiveBlocks(MemoryKind kind) const {
  int64_t blocks = 0;
  for (int i = 0; i < num_slots_; ++i) blocks += slots_[i].kind == kind;
  return blocks;
}

void Memory::CheckGuards(std::vector<std::string>* problems) const {
  for (int i = 0; i < num_slots_; ++i) {
    const MemoryKind kind = slots_[i].kind;
    if (kind == MemoryKind::kDevice || kind == MemoryKind::kPinned) CheckGuards(slots_[i], problems);
  }
}

void Memory::Clear() {
  for (int i = 0; i < num_slots_; ++i) {
    if (slots_[i].kind != MemoryKind::kPageable) Release(i);
  }
  num_slots_ = 0;
  freed_.clear();
  freed_bytes_ = 0;
}

int Memory::SlotOf(const void* block) const {
  for (int i = 0; i < num_slots_; ++i) {
    if (slots_[i].kind != MemoryKind::kPageable && slots_[i].begin == reinterpret_cast<uintptr_t>(block)) return i;
  }
  return -1;
}

void Memory::CheckGuards(const Slot& slot, std::vector<std::string>* problems) const {
  const int64_t before = CountOverrun(At(slot.begin) - kGuardBytes, kGuardBytes);
  const int64_t behind = CountOverrun(At(slot.end), kGuardBytes);
  if (before == 0 && behind == 0) return;
  problems->push_back(absl::StrCat("a block of ", slot.end - slot.begin, " bytes was overrun: ", before,
                                   " bytes before and ", behind, " behind it were written"));
}

void Memory::Release(int slot) {
  const uintptr_t begin = slots_[slot].begin;
  const size_t bytes = slots_[slot].end - begin;
  slots_[slot].kind.store(MemoryKind::kPageable, std::memory_order_relaxed);
  ASAN_UNPOISON_MEMORY_REGION(At(begin) - kGuardBytes, bytes + 2 * kGuardBytes);
  std::free(At(begin) - kGuardBytes);
}

}  // namespace moulin::fake_cuda
