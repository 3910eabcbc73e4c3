// The headers that generated kernels may include, as text.
#ifndef MOULIN_CUDA_CODEGEN_EMBEDDED_HEADERS_H_
#define MOULIN_CUDA_CODEGEN_EMBEDDED_HEADERS_H_

#include "absl/types/span.h"

namespace moulin::cuda {

struct EmbeddedHeader {
  const char* name;  // as in #include
  const char* text;
};

// Defined in a file made by EmbedHeaders.cmake.
absl::Span<const EmbeddedHeader> EmbeddedHeaders();

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_CODEGEN_EMBEDDED_HEADERS_H_
