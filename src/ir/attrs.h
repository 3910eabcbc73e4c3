// The static attributes of the primitives, one struct each, and the variant a node holds.
#ifndef MOULIN_IR_ATTRS_H_
#define MOULIN_IR_ATTRS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "ir/expr.h"
#include "moulin/dtype.h"

namespace moulin {

class DeferredLowering;  // ops/deferred.h
class Graph;

using SpatialDims = absl::InlinedVector<int64_t, 3>;

struct NoAttrs {
  bool operator==(const NoAttrs&) const = default;
};

struct MapAttrs {
  Expr expr;
  bool operator==(const MapAttrs&) const = default;
};

// The prologue, if it has any instruction, is an expression whose input 0 is x and whose input i > 0 is the node's i-th
// input behind the axes: what is reduced is its value for x and these, broadcast together.
enum class ReduceOp { kSum, kMean, kProd, kMax, kMin, kAny, kAll };
struct ReduceAttrs {
  ReduceOp op = ReduceOp::kSum;
  bool keep_dims = false;
  Expr prologue;
  bool operator==(const ReduceAttrs&) const = default;
};

struct ArgReduceAttrs {
  bool is_max = true;  // else the minimum; the first of equals wins
  DType index_type = DType::kInt64;
  bool operator==(const ArgReduceAttrs&) const = default;
};

enum class ScanOp { kSum, kProd, kLogSumExp };
struct ScanAttrs {
  ScanOp op = ScanOp::kSum;
  bool exclusive = false;
  bool reverse = false;
  bool operator==(const ScanAttrs&) const = default;
};

struct TopKAttrs {
  bool sorted = true;
  DType index_type = DType::kInt32;
  bool operator==(const TopKAttrs&) const = default;
};

enum class SegmentOp { kSum, kMean, kProd, kMax, kMin };
struct SegmentReduceAttrs {
  SegmentOp op = SegmentOp::kSum;
  bool sorted = true;  // ids ascend and the number of segments is last id + 1; else it is an operand
  bool operator==(const SegmentReduceAttrs&) const = default;
};

// y = a x b over the two innermost axes; the others broadcast. `product_type` is that of the sums where it is not the
// operands' own: int32 for int8 operands. The epilogue, if it has any instruction, is an
// expression whose input 0 is the product and whose input i > 0 is the node's i-th further input, broadcast to it.
struct ContractAttrs {
  bool transpose_a = false;
  bool transpose_b = false;
  bool conjugate_a = false;
  bool conjugate_b = false;
  DType product_type = DType::kInvalid;
  Expr epilogue;
  bool operator==(const ContractAttrs&) const = default;
};

struct MatrixDiagAttrs {
  bool superdiagonals_left = false;  // alignment of short diagonals, as in TensorFlow's `align`
  bool subdiagonals_left = true;
  bool operator==(const MatrixDiagAttrs&) const = default;
};

struct LinearAlgebraAttrs {
  std::string op;  // TensorFlow's op: "Cholesky", "MatrixInverse", "Svd"... (ops/linear_algebra.cc lists them)
  bool adjoint = false;
  bool lower = true;
  bool full = false;
  bool vectors = true;               // Svd, SelfAdjointEigV2: without them these outputs are empty
  DType index_type = DType::kInt32;  // Lu: of the permutation
  bool operator==(const LinearAlgebraAttrs&) const = default;
};

enum class Padding { kValid, kSame, kExplicit };

// Windows over the spatial axes. x is [n, spatial..., c] (channels_last) or [n, c, spatial...]; the filter is
// [spatial..., c / groups, filters], for ConvTranspose [spatial..., filters, c] as TensorFlow has it.
struct ConvAttrs {
  SpatialDims strides;
  SpatialDims dilations;
  Padding padding = Padding::kValid;
  SpatialDims pad_before;  // for kExplicit
  SpatialDims pad_after;
  int64_t groups = 1;
  bool channels_last = true;
  DType product_type = DType::kInvalid;  // as ContractAttrs::product_type
  Expr epilogue;                         // as ContractAttrs::epilogue; input 0 is the convolution
  bool operator==(const ConvAttrs&) const = default;
};

enum class PoolOp { kMax, kAverage };  // an average counts no padding
struct PoolAttrs {
  PoolOp op = PoolOp::kMax;
  SpatialDims window;
  SpatialDims strides;
  Padding padding = Padding::kValid;
  SpatialDims pad_before;
  SpatialDims pad_after;
  bool channels_last = true;
  DType index_type = DType::kInt64;     // MaxPoolWithArgmax
  bool include_batch_in_index = false;  // MaxPoolWithArgmax
  bool operator==(const PoolAttrs&) const = default;
};

struct PatchesAttrs {
  SpatialDims window;
  SpatialDims strides;
  SpatialDims dilations;
  Padding padding = Padding::kValid;
  bool operator==(const PatchesAttrs&) const = default;
};

struct BatchNormAttrs {
  double epsilon = 1e-3;
  bool channels_last = true;
  bool operator==(const BatchNormAttrs&) const = default;
};

struct LayerNormAttrs {
  double epsilon = 1e-3;
  bool operator==(const LayerNormAttrs&) const = default;
};

struct SoftmaxAttrs {
  bool log = false;
  bool operator==(const SoftmaxAttrs&) const = default;
};

struct LocalResponseNormAttrs {
  int64_t radius = 5;
  double bias = 1;
  double alpha = 1;
  double beta = 0.5;
  bool operator==(const LocalResponseNormAttrs&) const = default;
};

// softmax(scale * q k^T + mask) v for q [..., m, d], k [..., n, d], v [..., n, e].
struct AttentionAttrs {
  double scale = 1;
  bool transpose_k = true;  // k is [..., n, d]; else it is already [..., d, n]
  bool operator==(const AttentionAttrs&) const = default;
};

enum class ResizeMethod { kNearest, kBilinear, kBicubic, kArea };
struct ResizeAttrs {
  ResizeMethod method = ResizeMethod::kBilinear;
  bool align_corners = false;
  bool half_pixel_centers = false;
  DType output_type = DType::kFloat32;
  bool operator==(const ResizeAttrs&) const = default;
};

struct CropAndResizeAttrs {
  bool nearest = false;
  double extrapolation_value = 0;
  bool operator==(const CropAndResizeAttrs&) const = default;
};

struct NonMaxSuppressionAttrs {
  // Outputs by TensorFlow's version: V1..V3 indices; V4 indices, valid count; V5 indices, scores, valid count.
  int version = 3;
  bool pad_to_max_output_size = false;
  bool operator==(const NonMaxSuppressionAttrs&) const = default;
};

struct SqueezeAttrs {
  std::vector<int64_t> axes;  // empty: every axis of size 1
  bool operator==(const SqueezeAttrs&) const = default;
};

struct BitcastAttrs {
  DType type = DType::kInvalid;
  bool operator==(const BitcastAttrs&) const = default;
};

struct StridedSliceAttrs {
  uint64_t begin_mask = 0;
  uint64_t end_mask = 0;
  uint64_t ellipsis_mask = 0;
  uint64_t new_axis_mask = 0;
  uint64_t shrink_axis_mask = 0;
  bool operator==(const StridedSliceAttrs&) const = default;
};

enum class PadMode { kConstant, kReflect, kSymmetric };
struct PadAttrs {
  PadMode mode = PadMode::kConstant;
  bool operator==(const PadAttrs&) const = default;
};

struct ReverseSequenceAttrs {
  int64_t sequence_axis = 0;
  int64_t batch_axis = 0;
  bool operator==(const ReverseSequenceAttrs&) const = default;
};

struct BlockAttrs {
  int64_t block = 2;
  bool channels_last = true;
  bool operator==(const BlockAttrs&) const = default;
};

struct GatherAttrs {
  int64_t batch_dims = 0;
  bool operator==(const GatherAttrs&) const = default;
};

enum class ScatterOp { kAdd, kSub, kUpdate, kMin, kMax };
struct ScatterAttrs {
  ScatterOp op = ScatterOp::kAdd;
  bool operator==(const ScatterAttrs&) const = default;
};

struct OneHotAttrs {
  int64_t axis = -1;
  bool operator==(const OneHotAttrs&) const = default;
};

struct ShapeOfAttrs {
  DType type = DType::kInt32;
  bool operator==(const ShapeOfAttrs&) const = default;
};

struct UniqueAttrs {
  DType index_type = DType::kInt32;
  bool operator==(const UniqueAttrs&) const = default;
};

// A TensorFlow op kept as itself, with the attributes its host kernel reads.
struct HostOpAttrs {
  std::string op;
  std::vector<DType> output_types;
  std::vector<std::pair<std::string, int64_t>> ints;
  std::vector<std::pair<std::string, double>> floats;
  std::vector<std::pair<std::string, std::string>> strings;
  bool operator==(const HostOpAttrs&) const = default;
};

// A TensorFlow op that cannot be made of primitives before more is known of its operands.
struct DeferredAttrs {
  std::shared_ptr<const DeferredLowering> lowering;
  std::vector<DType> output_types;
  std::string waits_for;         // in words, for messages
  uint64_t constant_inputs = 0;  // the inputs whose elements it needs to know, as bits
  bool operator==(const DeferredAttrs&) const = default;
};

// One graph a branch, chosen by the node's input 0; each takes the other inputs and gives the node's outputs.
struct CaseAttrs {
  std::vector<std::shared_ptr<const Graph>> branches;
  bool operator==(const CaseAttrs&) const = default;
};

// Both graphs take the node's inputs, the loop's variables. `body` gives their next values, `condition` one bool that
// says whether there is another iteration.
struct WhileAttrs {
  std::shared_ptr<const Graph> condition;
  std::shared_ptr<const Graph> body;
  bool operator==(const WhileAttrs&) const = default;
};

// The type of the product in front of the epilogue of a Contract or Conv whose operands are of type `operand`.
template <typename ProductAttrs>
DType ProductTypeOf(const ProductAttrs& attrs, DType operand) {
  return attrs.product_type == DType::kInvalid ? operand : attrs.product_type;
}

using Attrs = std::variant<NoAttrs, MapAttrs, ReduceAttrs, ArgReduceAttrs, ScanAttrs, TopKAttrs, SegmentReduceAttrs,
                           ContractAttrs, MatrixDiagAttrs, LinearAlgebraAttrs, ConvAttrs, PoolAttrs, PatchesAttrs,
                           BatchNormAttrs, LayerNormAttrs, SoftmaxAttrs, LocalResponseNormAttrs, AttentionAttrs,
                           ResizeAttrs, CropAndResizeAttrs, NonMaxSuppressionAttrs, SqueezeAttrs, BitcastAttrs,
                           StridedSliceAttrs, PadAttrs, ReverseSequenceAttrs, BlockAttrs, GatherAttrs, ScatterAttrs,
                           OneHotAttrs, ShapeOfAttrs, UniqueAttrs, HostOpAttrs, DeferredAttrs, CaseAttrs, WhileAttrs>;

}  // namespace moulin

#endif  // MOULIN_IR_ATTRS_H_
