// Dynamic shared memory of a block.
#include <cstring>

#include "emulator/block.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace moulin::emulator {
namespace {

constexpr size_t kGuardBytes = 256;
constexpr uint8_t kGuard = 0x5C;
constexpr uintptr_t kAlignment = 128;

void SetReachable([[maybe_unused]] const void* memory, [[maybe_unused]] size_t bytes,
                  [[maybe_unused]] bool is_reachable) {
#if defined(__SANITIZE_ADDRESS__)
  if (is_reachable) {
    __asan_unpoison_memory_region(memory, bytes);
  } else {
    __asan_poison_memory_region(memory, bytes);
  }
#endif
}

bool IsGuard(const uint8_t* memory) {
  for (size_t i = 0; i < kGuardBytes; ++i) {
    if (memory[i] != kGuard) return false;
  }
  return true;
}

}  // namespace

DynamicSharedMemory::DynamicSharedMemory(size_t bytes, uint8_t poison)
    : bytes_(bytes), poison_(poison), memory_(new uint8_t[bytes + 2 * kGuardBytes + kAlignment]) {
  const uintptr_t start = reinterpret_cast<uintptr_t>(memory_.get()) + kGuardBytes;
  data_ = reinterpret_cast<uint8_t*>((start + kAlignment - 1) & ~(kAlignment - 1));
  std::memset(data_ - kGuardBytes, kGuard, kGuardBytes);
  std::memset(data_ + bytes_, kGuard, kGuardBytes);
  SetReachable(data_ - kGuardBytes, kGuardBytes, false);
  SetReachable(data_ + bytes_, kGuardBytes, false);
}

DynamicSharedMemory::~DynamicSharedMemory() { SetReachable(data_ - kGuardBytes, bytes_ + 2 * kGuardBytes, true); }

void DynamicSharedMemory::Poison() { std::memset(data_, poison_, bytes_); }

bool DynamicSharedMemory::IsIntact() const {
  SetReachable(data_ - kGuardBytes, bytes_ + 2 * kGuardBytes, true);
  const bool is_intact = IsGuard(data_ - kGuardBytes) && IsGuard(data_ + bytes_);
  SetReachable(data_ - kGuardBytes, kGuardBytes, false);
  SetReachable(data_ + bytes_, kGuardBytes, false);
  return is_intact;
}

}  // namespace moulin::emulator
