// The device's memory in the host's: blocks between guard bytes. Internal to the emulator.
#ifndef MOULIN_TESTS_CUDA_EMULATOR_DEVICE_MEMORY_H_
#define MOULIN_TESTS_CUDA_EMULATOR_DEVICE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "moulin/status.h"

namespace moulin::emulator {

// Thread-safe.
class DeviceMemory {
 public:
  static DeviceMemory& Get();

  // `bytes` poisoned bytes, aligned to 64 bytes and no more (as buffers in an arena are). Null for 0 bytes.
  void* Allocate(size_t bytes, uint8_t poison);
  // False where no block starts there.
  bool Free(void* memory);
  // Whether all of [memory, memory + bytes) lies in one block.
  bool Contains(const void* memory, size_t bytes) const;
  Status Check() const;
  int64_t num_blocks() const;

 private:
  struct Block {
    std::unique_ptr<uint8_t[]> memory;
    size_t bytes;
  };
  static bool IsIntact(const uint8_t* start, const Block& block);

  mutable std::mutex mutex_;
  std::map<const uint8_t*, Block> blocks_;  // guarded by mutex_
};

}  // namespace moulin::emulator

#endif  // MOULIN_TESTS_CUDA_EMULATOR_DEVICE_MEMORY_H_
