// Denormal numbers count as zero, as they do in TensorFlow's CPU kernels (and they are slow).
#ifndef MOULIN_BASE_DENORMALS_H_
#define MOULIN_BASE_DENORMALS_H_

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace moulin {

// While it lives, this thread reads denormals as zero and writes zero for them; then it does as before. Where the
// processor has no such switch nothing happens.
class FlushDenormals {
 public:
#if defined(__SSE__)
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | kFlushToZero | kDenormalsAreZero); }
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  static constexpr unsigned kFlushToZero = 0x8000;
  static constexpr unsigned kDenormalsAreZero = 0x0040;
  unsigned before_;
#else
  FlushDenormals() {}
#endif

 public:
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
};

}  // namespace moulin

#endif  // MOULIN_BASE_DENORMALS_H_
