// A stack of its own to run a function on, left and entered again as often as one likes. Internal to the emulator.
#ifndef MOULIN_TESTS_CUDA_EMULATOR_FIBER_H_
#define MOULIN_TESTS_CUDA_EMULATOR_FIBER_H_

#include <cstddef>
#include <functional>
#include <memory>

namespace moulin::emulator {

// Belongs to the thread of the machine that made it.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // What to run next; the last function must have ended. `body` must not throw.
  void Start(std::function<void()>* body);
  // Runs the function until it pauses or ends. Not from within a fiber.
  void Resume();
  // Leaves the fiber that is running, until it is resumed.
  static void Pause();
  bool has_ended() const { return has_ended_; }

 private:
  struct Context;
  static void Main();
  void SwitchIn();
  void SwitchOut(bool for_good);

  std::unique_ptr<unsigned char[]> stack_;
  std::unique_ptr<Context> context_;
  std::function<void()>* body_ = nullptr;
  bool has_ended_ = true;
};

}  // namespace moulin::emulator

#endif  // MOULIN_TESTS_CUDA_EMULATOR_FIBER_H_
