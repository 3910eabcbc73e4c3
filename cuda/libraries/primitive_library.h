// The interface to libraries that have tuned kernels for convolution, products and attention (cuDNN, cuBLASLt).
//
// A problem says what is to be computed, in the library's terms; a library answers with candidates, best guess first,
// which the tuner times where there is a GPU.
#ifndef MOULIN_CUDA_LIBRARIES_PRIMITIVE_LIBRARY_H_
#define MOULIN_CUDA_LIBRARIES_PRIMITIVE_LIBRARY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cuda/runtime/cuda_api.h"
#include "ir/attrs.h"
#include "moulin/dtype.h"
#include "moulin/model.h"
#include "moulin/shape.h"
#include "moulin/status.h"

namespace moulin::cuda {

enum class Activation { kNone, kRelu, kRelu6, kSigmoid, kTanh, kElu, kGeluErf, kGeluTanh, kSwish };

// Around the epilogue of an int8 problem, which is computed in float32: the int32 sums are multiplied by a float32 a
// filter or column before it; an int8 result is multiplied by one float32, rounded half to even and saturated behind
// it.
struct Int8Scaling {
  DType residual = DType::kFloat32;  // or float16
  DType result = DType::kFloat32;    // or float16, int8
  bool operator==(const Int8Scaling&) const = default;
};

// What follows a product or convolution, in this order: bias, residual, activation.
struct LibraryEpilogue {
  bool bias = false;      // one value a filter or column, of type `type` (float32 with `scaling`)
  bool residual = false;  // of the result's shape and type (with `scaling`: of its type there)
  Activation activation = Activation::kNone;
  std::optional<Int8Scaling> scaling;  // of int8 alone; without it the result are the int32 sums, and nothing follows
  bool operator==(const LibraryEpilogue&) const = default;
};

// y = epilogue(conv(x, filter)). x is [n, spatial..., c]; the filter [k, spatial..., c / groups], so that channels are
// innermost in both (packed so from TensorFlow's layout when the node is prepared); y is [n, spatial..., k].
// For a transposed convolution x and y change places: it is the gradient of the convolution from y to x.
struct ConvProblem {
  DType type = DType::kFloat32;  // of x, filter, bias, residual and y: float32, float16, bfloat16; or int8
  bool allow_tf32 = false;       // float32 products may be rounded to TF32
  bool transposed = false;
  Shape x, filter, y;
  SpatialDims strides, dilations, pad_before, pad_after;
  int64_t groups = 1;
  LibraryEpilogue epilogue;
};

// y = epilogue(a b) over the two innermost axes; the others are equal, or 1 in an operand. Row-major.
struct MatmulProblem {
  DType type = DType::kFloat32;  // as ConvProblem::type
  bool allow_tf32 = false;
  bool transpose_a = false, transpose_b = false;
  int64_t batch = 1, m = 0, n = 0, k = 0;
  bool broadcast_a = false, broadcast_b = false;  // one matrix for the whole batch
  LibraryEpilogue epilogue;                       // bias: [n]
};

// y = softmax(scale q k^T + mask) v for q [batch, heads, m, d], k [batch, heads, n, d], v [batch, heads, n, e].
struct AttentionProblem {
  DType type = DType::kFloat16;
  int64_t batch = 1, heads = 1, m = 0, n = 0, d = 0, e = 0;
  double scale = 1;
  bool has_mask = false;
  Shape mask;  // broadcast to [batch, heads, m, n]
};

// The type of the result of a problem of this type.
inline DType ResultTypeOf(DType type, const LibraryEpilogue& epilogue) {
  if (type != DType::kInt8) return type;
  return epilogue.scaling.has_value() ? epilogue.scaling->result : DType::kInt32;
}

// A problem in a line, equal for equal problems: "conv f16 [8,56,56,64] [64,3,3,64] ...": a part of cache keys.
std::string ToString(const LibraryEpilogue& epilogue);
std::string ToString(const ConvProblem& problem);
std::string ToString(const MatmulProblem& problem);
std::string ToString(const AttentionProblem& problem);

// The tensors of a problem, by device address; null where the problem has no such tensor.
struct LibraryOperands {
  const void* x = nullptr;  // also a, q
  const void* w = nullptr;  // filter; also b, k
  const void* v = nullptr;
  const void* bias = nullptr;
  const void* residual = nullptr;
  const void* mask = nullptr;
  void* y = nullptr;
  const void* factors = nullptr;  // of Int8Scaling: one a filter or column
  const void* steps = nullptr;    // the one behind, for an int8 result
};

// One way to compute a problem. Immutable, thread-safe; may be enqueued while a graph is captured.
class LibraryPlan {
 public:
  virtual ~LibraryPlan() = default;
  // "cudnn:engine 41 {2=3,13=0}": stable over processes for the same library version, so it serves as a cache key.
  virtual std::string name() const = 0;
  // Compiles what Enqueue needs, which may take a second: an error where this way does not work after all. The other
  // methods below do so too; name() does not.
  virtual Status Prepare() const { return absl::OkStatus(); }
  virtual int64_t workspace_bytes() const = 0;
  virtual Status Enqueue(cudaStream_t stream, const LibraryOperands& operands, void* workspace) const = 0;
};

using LibraryPlans = std::vector<std::shared_ptr<const LibraryPlan>>;

// Thread-safe. Each method gives candidates, best guess first, and none (not an error) for what it does not take.
// Needs no GPU.
class PrimitiveLibrary {
 public:
  virtual ~PrimitiveLibrary() = default;
  // "cuDNN 9.19.0": part of the tuning cache's key.
  virtual std::string version() const = 0;
  virtual LibraryPlans Convolution(const ConvProblem& problem) = 0;
  virtual LibraryPlans Matmul(const MatmulProblem& problem) = 0;
  virtual LibraryPlans Attention(const AttentionProblem& problem) = 0;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_LIBRARIES_PRIMITIVE_LIBRARY_H_
