// Kernels of CUDA as plain C++: the words and the functions of CUDA that the sources of kernels (cuda/kernels/*.cu)
// use, for a host compiler. emulator/run.h runs what is compiled so.
//
// What is here is all that a kernel may use. __shared__ arrays are static, so they are to be of trivial types; those
// declared in a kernel's own function hold poison (run.h) when a block starts. Threads of a cooperative kernel really
// wait for each other at barriers and warp functions, and misuse ends the launch with an error:
//   - a barrier that not all threads of the block reach, or that they reach at different lines;
//   - a warp function of a lane that its mask does not name, or with lanes at different warp functions;
//   - a shuffle from a lane that takes no part in it;
//   - any of these in a kernel that was registered as independent.
// Warps are 32 threads, numbered x first, and run in any order.
#ifndef MOULIN_TESTS_CUDA_EMULATOR_EMULATOR_H_
#define MOULIN_TESTS_CUDA_EMULATOR_EMULATOR_H_

// CUDA's own headers, which other files of a program include, define these words unless they are defined.
#include <vector_functions.h>
#include <vector_types.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>
#include <utility>

#include "emulator/parameter.h"

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __constant__
#undef __forceinline__
#undef __noinline__
#undef __launch_bounds__
#undef __grid_constant__
#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __grid_constant__
#if defined(MOULIN_EMULATE_WITH_THREADS)
#define __shared__ static
#else
#define __shared__ static thread_local
#endif

// Dynamic shared memory as an array of T, aligned to 16 bytes; LaunchDims::shared_bytes long.
#define MOULIN_DYNAMIC_SHARED(T, name) T* const name = static_cast<T*>(::moulin::emulator::DynamicShared())

// The place of the current thread.
#define MOULIN_EMULATOR_TLS __attribute__((tls_model("initial-exec")))
extern constinit thread_local uint3 threadIdx MOULIN_EMULATOR_TLS;
extern constinit thread_local uint3 blockIdx MOULIN_EMULATOR_TLS;
extern constinit thread_local dim3 blockDim MOULIN_EMULATOR_TLS;
extern constinit thread_local dim3 gridDim MOULIN_EMULATOR_TLS;
inline constexpr int warpSize = 32;

namespace moulin::emulator {

// A place in the source.
struct Site {
  const char* file = "";
  int line = 0;
  static Site Of(const std::source_location& where) { return {where.file_name(), static_cast<int>(where.line())}; }
};

enum class WarpOp { kSync, kShuffle, kBallot };

// One thread's part in a function of its warp: waits for all other lanes of `mask`, then yields the `value` of lane
// `source` (kShuffle) or the set of lanes whose value is not 0 (kBallot).
struct WarpCall {
  WarpOp op;
  uint32_t mask;
  uint64_t value;
  int source;
  Site site;
};

void SyncBlock(const Site& site);
uint64_t CallWarp(const WarpCall& call);
int Lane();  // of the current thread in its warp
void* DynamicShared();

// Calls a kernel for the current thread with a launch's arguments.
using KernelCaller = void (*)(const void* kernel, void** args);

template <typename... Params>
void CallKernel(const void* kernel, void** args) {
  [&]<size_t... i>(std::index_sequence<i...>) {
    reinterpret_cast<void (*)(Params...)>(const_cast<void*>(kernel))(
        *static_cast<std::remove_cvref_t<Params>*>(args[i])...);
  }
  (std::index_sequence_for<Params...>());
}

// `parameters` has `num_parameters` entries and lives on.
void RegisterUntyped(const char* name, const void* kernel, bool is_cooperative, KernelCaller caller,
                     const Parameter* parameters, size_t num_parameters);

template <typename... Params>
inline constexpr Parameter kParameters[] = {{sizeof(Params), std::is_pointer_v<Params>}..., {0, false}};

// Makes a kernel known by its address, so that it can be launched; `name` must live on. Again is no harm. Thread-safe.
template <typename... Params>
void Register(const char* name, void (*kernel)(Params...), bool is_cooperative) {
  static_assert((std::is_trivially_copyable_v<Params> && ...), "parameters are copied as bytes");
  static_assert((sizeof(Params) + ... + 0) <= 4096, "more than a launch's parameters may take");
  RegisterUntyped(name, reinterpret_cast<const void*>(kernel), is_cooperative, CallKernel<Params...>,
                  kParameters<Params...>, sizeof...(Params));
}

template <typename T>
T ShuffleFrom(uint32_t mask, T value, int source, const Site& site) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(value));
  bits = CallWarp({WarpOp::kShuffle, mask, bits, source, site});
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace moulin::emulator

#define MOULIN_EMULATOR_SITE const std::source_location& where = std::source_location::current()

inline void __syncthreads(MOULIN_EMULATOR_SITE) { moulin::emulator::SyncBlock(moulin::emulator::Site::Of(where)); }
inline void __syncwarp(unsigned mask = ~0u, MOULIN_EMULATOR_SITE) {
  moulin::emulator::CallWarp({moulin::emulator::WarpOp::kSync, mask, 0, 0, moulin::emulator::Site::Of(where)});
}

// Lanes are grouped in segments of `width`, a power of two; a lane whose source lies beyond its segment gets its own
// value (down, up, xor), as CUDA has it.
template <typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, MOULIN_EMULATOR_SITE) {
  const int first = moulin::emulator::Lane() & ~(width - 1);
  return moulin::emulator::ShuffleFrom(mask, value, first + (source & (width - 1)), moulin::emulator::Site::Of(where));
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, MOULIN_EMULATOR_SITE) {
  const int lane = moulin::emulator::Lane();
  const int source = (lane & (width - 1)) + static_cast<int>(delta) < width ? lane + static_cast<int>(delta) : lane;
  return moulin::emulator::ShuffleFrom(mask, value, source, moulin::emulator::Site::Of(where));
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, MOULIN_EMULATOR_SITE) {
  const int lane = moulin::emulator::Lane();
  const int source = (lane & (width - 1)) >= static_cast<int>(delta) ? lane - static_cast<int>(delta) : lane;
  return moulin::emulator::ShuffleFrom(mask, value, source, moulin::emulator::Site::Of(where));
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, MOULIN_EMULATOR_SITE) {
  const int lane = moulin::emulator::Lane();
  const int source = lane ^ lane_mask;
  const bool beyond = source >= (lane & ~(width - 1)) + width;
  return moulin::emulator::ShuffleFrom(mask, value, beyond ? lane : source, moulin::emulator::Site::Of(where));
}
inline unsigned __ballot_sync(unsigned mask, int predicate, MOULIN_EMULATOR_SITE) {
  return static_cast<unsigned>(moulin::emulator::CallWarp(
      {moulin::emulator::WarpOp::kBallot, mask, predicate != 0, 0, moulin::emulator::Site::Of(where)}));
}
inline int __any_sync(unsigned mask, int predicate, MOULIN_EMULATOR_SITE) {
  return __ballot_sync(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, MOULIN_EMULATOR_SITE) {
  return __ballot_sync(mask, predicate == 0, where) == 0;
}

// Atomics of 32 and 64 bit integers; they order nothing else. Each returns the old value.
template <typename T>
T atomicAdd(T* at, std::type_identity_t<T> value) {
  static_assert(std::is_integral_v<T>, "sums of floating-point atomics depend on the order");
  return __atomic_fetch_add(at, value, __ATOMIC_RELAXED);
}
template <typename T>
T atomicOr(T* at, std::type_identity_t<T> value) {
  return __atomic_fetch_or(at, value, __ATOMIC_RELAXED);
}
template <typename T>
T atomicAnd(T* at, std::type_identity_t<T> value) {
  return __atomic_fetch_and(at, value, __ATOMIC_RELAXED);
}
template <typename T>
T atomicExch(T* at, std::type_identity_t<T> value) {
  return __atomic_exchange_n(at, value, __ATOMIC_RELAXED);
}
template <typename T>
T atomicCAS(T* at, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
template <typename T>
T atomicMax(T* at, std::type_identity_t<T> value) {
  T old = __atomic_load_n(at, __ATOMIC_RELAXED);
  while (old < value && !__atomic_compare_exchange_n(at, &old, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
template <typename T>
T atomicMin(T* at, std::type_identity_t<T> value) {
  T old = __atomic_load_n(at, __ATOMIC_RELAXED);
  while (value < old && !__atomic_compare_exchange_n(at, &old, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// Of conditional nodes of graphs: a stand-in for the runtime has addresses for their handles.
inline void cudaGraphSetConditional(unsigned long long handle, unsigned value) {
  *reinterpret_cast<unsigned*>(handle) = value;
}

// Bits and loads.
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
inline int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
inline float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
inline float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
inline long long __double_as_longlong(double x) { return __builtin_bit_cast(long long, x); }
inline double __longlong_as_double(long long x) { return __builtin_bit_cast(double, x); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32);
}
// Arithmetic that is rounded by itself: nothing here fuses products with sums.
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
template <typename T>
T __ldg(const T* at) {
  return *at;
}

#endif  // MOULIN_TESTS_CUDA_EMULATOR_EMULATOR_H_
