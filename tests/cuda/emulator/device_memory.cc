#include "emulator/device_memory.h"

#include <cstring>

#include "base/errors.h"

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

DeviceMemory& DeviceMemory::Get() {
  static DeviceMemory* const memory = new DeviceMemory;
  return *memory;
}

void* DeviceMemory::Allocate(size_t bytes, uint8_t poison) {
  if (bytes == 0) return nullptr;
  Block block = {std::make_unique<uint8_t[]>(bytes + 2 * kGuardBytes + 2 * kAlignment), bytes};
  const uintptr_t first = reinterpret_cast<uintptr_t>(block.memory.get()) + kGuardBytes;
  const uintptr_t aligned = ((first + kAlignment - 1) & ~(kAlignment - 1)) + kAlignment / 2;
  uint8_t* const start = reinterpret_cast<uint8_t*>(aligned);
  std::memset(start, poison, bytes);
  std::memset(start - kGuardBytes, kGuard, kGuardBytes);
  std::memset(start + bytes, kGuard, kGuardBytes);
  SetReachable(start - kGuardBytes, kGuardBytes, false);
  SetReachable(start + bytes, kGuardBytes, false);
  const std::lock_guard<std::mutex> lock(mutex_);
  blocks_.emplace(start, std::move(block));
  return start;
}

bool DeviceMemory::Free(void* memory) {
  if (memory == nullptr) return true;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = blocks_.find(static_cast<const uint8_t*>(memory));
  if (found == blocks_.end()) return false;
  SetReachable(found->first - kGuardBytes, found->second.bytes + 2 * kGuardBytes, true);
  blocks_.erase(found);
  return true;
}

bool DeviceMemory::Contains(const void* memory, size_t bytes) const {
  const uint8_t* const first = static_cast<const uint8_t*>(memory);
  const std::lock_guard<std::mutex> lock(mutex_);
  auto after = blocks_.upper_bound(first);
  if (after == blocks_.begin()) return false;
  const auto& [start, block] = *--after;
  const size_t offset = static_cast<size_t>(first - start);
  return offset <= block.bytes && bytes <= block.bytes - offset;
}

bool DeviceMemory::IsIntact(const uint8_t* start, const Block& block) {
  SetReachable(start - kGuardBytes, block.bytes + 2 * kGuardBytes, true);
  const bool is_intact = IsGuard(start - kGuardBytes) && IsGuard(start + block.bytes);
  SetReachable(start - kGuardBytes, kGuardBytes, false);
  SetReachable(start + block.bytes, kGuardBytes, false);
  return is_intact;
}

Status DeviceMemory::Check() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [start, block] : blocks_) {
    if (!IsIntact(start, block)) {
      return MakeError(ErrorCode::kInternal, "a write beyond a block of ", block.bytes, " bytes of device memory");
    }
  }
  return absl::OkStatus();
}

int64_t DeviceMemory::num_blocks() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int64_t>(blocks_.size());
}

}  // namespace moulin::emulator
