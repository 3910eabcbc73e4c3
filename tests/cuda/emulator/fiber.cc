// On x86-64 a switch is a dozen instructions, which save what a function call must leave as it was; elsewhere, and that
// is some fifty times slower, ucontext does it.
#include "emulator/fiber.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace moulin::emulator {
namespace {

// Sanitizers' frames are larger. ThreadSanitizer takes the fibers of a thread for one thread, as they are meant to be
// where streams are looked at; the callers that its reports name are then those of any fiber.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kStackBytes = 256 << 10;
#else
constexpr size_t kStackBytes = 64 << 10;
#endif
constexpr uint64_t kStackEnd = 0x5AFE57AC5AFE57AC;

thread_local Fiber* running = nullptr;

}  // namespace

#if defined(__x86_64__)

// Saves the callee's registers on this stack and its top in *from, then takes up the stack whose top is `to`.
extern "C" void MoulinSwitchStack(void** from, void* to);
asm(R"(
  .text
  .type MoulinSwitchStack, @function
MoulinSwitchStack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size MoulinSwitchStack, .-MoulinSwitchStack
)");

struct Fiber::Context {
  void* fiber = nullptr;  // tops of the stacks that are not running
  void* scheduler = nullptr;
  void* fake_stack = nullptr;  // of AddressSanitizer
  void* scheduler_fake_stack = nullptr;
  const void* scheduler_bottom = nullptr;
  size_t scheduler_bytes = 0;

  void Prepare(unsigned char* stack, void (*main)()) {
    // As if main had just been called: what lies above its return address (none) is aligned to 16 bytes.
    uint64_t* top = reinterpret_cast<uint64_t*>((reinterpret_cast<uintptr_t>(stack) + kStackBytes) & ~uintptr_t{15});
    *--top = 0;
    *--top = reinterpret_cast<uint64_t>(main);
    for (int i = 0; i < 6; ++i) *--top = 0;
    fiber = top;
  }
  void Enter() { MoulinSwitchStack(&scheduler, fiber); }
  void Leave() { MoulinSwitchStack(&fiber, scheduler); }
};

#else

struct Fiber::Context {
  ucontext_t fiber, scheduler;
  void* fake_stack = nullptr;
  void* scheduler_fake_stack = nullptr;
  const void* scheduler_bottom = nullptr;
  size_t scheduler_bytes = 0;

  void Prepare(unsigned char* stack, void (*main)()) {
    getcontext(&fiber);
    fiber.uc_stack.ss_sp = stack;
    fiber.uc_stack.ss_size = kStackBytes;
    fiber.uc_link = nullptr;
    makecontext(&fiber, main, 0);
  }
  void Enter() { swapcontext(&scheduler, &fiber); }
  void Leave() { swapcontext(&fiber, &scheduler); }
};

#endif

Fiber::Fiber() : stack_(new unsigned char[kStackBytes]), context_(new Context) {
  std::memcpy(stack_.get(), &kStackEnd, sizeof(kStackEnd));
}

Fiber::~Fiber() = default;

void Fiber::Start(std::function<void()>* body) {
  body_ = body;
  has_ended_ = false;
  context_->Prepare(stack_.get(), Main);
}

void Fiber::Resume() {
  running = this;
  SwitchIn();
  running = nullptr;
  uint64_t end;
  std::memcpy(&end, stack_.get(), sizeof(end));
  if (end == kStackEnd) return;
  std::fputs("emulator: a kernel's frames are too large for a fiber's stack\n", stderr);
  std::abort();
}

void Fiber::Pause() { running->SwitchOut(/*for_good=*/false); }

void Fiber::Main() {
#if defined(__SANITIZE_ADDRESS__)
  Context& context = *running->context_;
  __sanitizer_finish_switch_fiber(nullptr, &context.scheduler_bottom, &context.scheduler_bytes);
#endif
  (*running->body_)();
  running->has_ended_ = true;
  running->SwitchOut(/*for_good=*/true);
  std::abort();  // nobody resumes a fiber that has ended
}

void Fiber::SwitchIn() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&context_->scheduler_fake_stack, stack_.get(), kStackBytes);
  context_->Enter();
  __sanitizer_finish_switch_fiber(context_->scheduler_fake_stack, nullptr, nullptr);
#else
  context_->Enter();
#endif
}

void Fiber::SwitchOut(bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(for_good ? nullptr : &context_->fake_stack, context_->scheduler_bottom,
                                 context_->scheduler_bytes);
  context_->Leave();
  __sanitizer_finish_switch_fiber(context_->fake_stack, &context_->scheduler_bottom, &context_->scheduler_bytes);
#else
  (void)for_good;
  context_->Leave();
#endif
}

}  // namespace moulin::emulator
