// Device and pinned memory of the stand-in for the CUDA runtime (fake_cuda.h).
#ifndef MOULIN_TESTS_CUDA_RUNTIME_FAKE_MEMORY_H_
#define MOULIN_TESTS_CUDA_RUNTIME_FAKE_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace moulin::fake_cuda {

enum class MemoryKind { kPageable, kDevice, kPinned, kFreed };

// Blocks between guard bytes, filled with 0xCB when allocated and when freed. A freed block is kept for a while, so
// that its addresses are known for freed ones. Allocate, Free and CheckGuards are called under the runtime's lock; Find
// from any thread, and it orders nothing.
class Memory {
 public:
  Memory();
  ~Memory();

  // `bytes` > 0; null where the table is full.
  void* Allocate(size_t bytes, MemoryKind kind);
  // False where it is no block of that kind. Adds a line to `problems` for each overrun guard. `may_be_in_use`: the
  // device is lost, and what it was doing is not known to be over.
  bool Free(void* block, MemoryKind kind, bool may_be_in_use, std::vector<std::string>* problems);

  struct Place {
    MemoryKind kind = MemoryKind::kPageable;  // of the block that the address lies in, or just behind
    size_t bytes_left = 0;                    // up to its end
  };
  Place Find(const void* address) const;

  // Of blocks not freed.
  size_t LiveBytes(MemoryKind kind) const;
  int64_t LiveBlocks(MemoryKind kind) const;
  void CheckGuards(std::vector<std::string>* problems) const;
  // Gives back all memory.
  void Clear();

 private:
  struct Slot {
    std::atomic<uintptr_t> begin{0};
    std::atomic<uintptr_t> end{0};
    std::atomic<MemoryKind> kind{MemoryKind::kPageable};  // kPageable: the slot is free
  };
  static constexpr int kMaxBlocks = 1 << 14;
  static constexpr size_t kGuardBytes = 256;
  static constexpr size_t kKeptBytes = size_t{64} << 20;

  int SlotOf(const void* block) const;
  void CheckGuards(const Slot& slot, std::vector<std::string>* problems) const;
  void Release(int slot);

  std::unique_ptr<Slot[]> slots_;
  std::atomic<int> num_slots_{0};  // slots ever used
  std::deque<int> freed_;          // oldest first
  size_t freed_bytes_ = 0;
};

}  // namespace moulin::fake_cuda

#endif  // MOULIN_TESTS_CUDA_RUNTIME_FAKE_MEMORY_H_
