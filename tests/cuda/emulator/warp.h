// The functions of one warp: who waits, and what each lane gets. Internal to the emulator; callers serialise.
#ifndef MOULIN_TESTS_CUDA_EMULATOR_WARP_H_
#define MOULIN_TESTS_CUDA_EMULATOR_WARP_H_

#include <cstdint>

#include "emulator/block.h"

namespace moulin::emulator {

class Warp {
 public:
  // Starts anew with `lanes` running.
  void Reset(int lanes);
  // A lane calls a function. Returns the lanes that may now go on: all of the call's, or none while some are awaited.
  // Throws Failure.
  uint32_t Arrive(int lane, const WarpCall& call);
  // A lane ends, and is awaited no more. Returns the lanes that may go on for that. Throws Failure.
  uint32_t Exit(int lane);
  bool is_waiting(int lane) const { return (waiting_ >> lane & 1) != 0; }
  uint64_t result(int lane) const { return results_[lane]; }
  const WarpCall& call(int lane) const { return calls_[lane]; }

 private:
  uint32_t TryComplete(uint32_t mask);
  uint64_t ResultOf(int lane, uint32_t group) const;

  uint32_t alive_ = 0;
  uint32_t waiting_ = 0;
  WarpCall calls_[32];
  uint64_t results_[32];
};

}  // namespace moulin::emulator

#endif  // MOULIN_TESTS_CUDA_EMULATOR_WARP_H_
