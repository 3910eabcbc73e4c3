// What a primitive is: its arity, its shape function and its reference kernel. One file a family in this folder;
// ops/registry.cc lists the families.
#ifndef MOULIN_OPS_OP_DEF_H_
#define MOULIN_OPS_OP_DEF_H_

#include <cstdint>

#include "absl/types/span.h"
#include "base/errors.h"
#include "base/limits.h"
#include "base/status_macros.h"
#include "ir/graph.h"
#include "moulin/tensor.h"

namespace moulin {

// What a shape function is given: attributes, the inputs' types, and the inputs' elements where they are known.
struct InferContext {
  const Attrs& attrs;
  absl::Span<const TensorType> inputs;
  absl::Span<const Tensor* const> constants;  // per input; null where not known (yet)
  const Limits& limits;
  std::vector<TensorType>* outputs;  // to be filled, one entry an output

  template <typename T>
  const T& attr() const {
    return std::get<T>(attrs);
  }
  int num_inputs() const { return static_cast<int>(inputs.size()); }
  const PartialShape& shape(int i) const { return inputs[i].shape; }
  DType dtype(int i) const { return inputs[i].dtype; }
  const Tensor* constant(int i) const { return constants[i]; }
  void Add(DType dtype, PartialShape shape) { outputs->push_back({dtype, std::move(shape)}); }
};

// What a reference kernel is given. outputs[i] has been allocated (zeroed) where the shape function knew its shape and
// its type has fixed size or is string; otherwise it is invalid, and the kernel allocates it.
struct KernelContext {
  const Attrs& attrs;
  absl::Span<const Tensor> inputs;
  absl::Span<Tensor> outputs;
  const Limits& limits;

  template <typename T>
  const T& attr() const {
    return std::get<T>(attrs);
  }
  const Tensor& input(int i) const { return inputs[i]; }
  Tensor& output(int i) const { return outputs[i]; }
  // Makes outputs[i] valid with this shape, unless it has it already.
  Status Allocate(int i, DType type, const Shape& shape) const;
};

using InferFn = Status (*)(InferContext&);
using ReferenceFn = Status (*)(const KernelContext&);

// A set of inputs by number, as bits.
using InputMask = uint64_t;
constexpr InputMask Input(int i) { return InputMask{1} << i; }

struct OpDef {
  OpKind kind;
  int min_inputs;
  int max_inputs;  // kAnyNumber: no bound
  InferFn infer;
  ReferenceFn reference;  // null for control flow, which the engine runs
  // Inputs whose elements decide the shape of an output (those marked * in op_kind.h): a plan needs them constant.
  InputMask shape_inputs = 0;
  // The shape of an output depends on elements of the other inputs (Where, Unique...): the plan is cut behind it.
  bool dynamic_output = false;
};
inline constexpr int kAnyNumber = 1 << 20;

// The definition of a primitive.
const OpDef& GetOpDef(OpKind kind);

// The families; each in a file of its own.
absl::Span<const OpDef> MapOps();            // map.cc
absl::Span<const OpDef> ReductionOps();      // reduction.cc: Reduce, ArgReduce, Scan
absl::Span<const OpDef> SortOps();           // sort.cc: TopK, Unique
absl::Span<const OpDef> SegmentOps();        // segment.cc
absl::Span<const OpDef> ContractOps();       // contract.cc
absl::Span<const OpDef> MatrixOps();         // matrix.cc: band part, diagonals
absl::Span<const OpDef> LinearAlgebraOps();  // linear_algebra.cc
absl::Span<const OpDef> ConvOps();           // conv.cc: Conv, ConvTranspose, Dilation, Patches
absl::Span<const OpDef> PoolOps();           // pool.cc
absl::Span<const OpDef> NormalizeOps();      // normalize.cc: BatchNorm, LayerNorm, Softmax, LocalResponseNorm
absl::Span<const OpDef> AttentionOps();      // attention.cc
absl::Span<const OpDef> ImageOps();          // image.cc: Resize, CropAndResize
absl::Span<const OpDef> DetectionOps();      // detection.cc: NonMaxSuppression
absl::Span<const OpDef> ViewOps();           // view.cc: Reshape, Squeeze, ExpandDims, Bitcast
absl::Span<const OpDef> SliceOps();          // slice.cc: Slice, StridedSlice, StridedSliceUpdate, Split
absl::Span<const OpDef> LayoutOps();         // layout.cc: Transpose, Concat, Pad, Broadcast, Tile, Reverse, Roll...
absl::Span<const OpDef> BlockOps();          // block.cc: space to batch and depth, and back
absl::Span<const OpDef> GatherOps();         // gather.cc: Gather, GatherNd, ScatterNd, TensorScatter, OneHot
absl::Span<const OpDef> ShapeOps();          // shape_ops.cc: ShapeOf, SizeOfTensor, RankOf, BroadcastShapes, Range...
absl::Span<const OpDef> HostOps();           // host_ops.cc: Where, HostOp
absl::Span<const OpDef> ControlOps();        // control.cc: Case, While
absl::Span<const OpDef> DeferredOps();       // deferred.cc

// The types that `node` gives for its inputs' current types and constants. Errors name the node.
Status InferNode(const Graph& graph, const Node& node, const Limits& limits, std::vector<TensorType>* outputs);

// Runs the reference kernel of a node on these inputs; `outputs` is resized and filled. Errors name the node.
Status RunReference(const Node& node, absl::Span<const TensorType> output_types, absl::Span<const Tensor> inputs,
                    const Limits& limits, std::vector<Tensor>* outputs);

}  // namespace moulin

#endif  // MOULIN_OPS_OP_DEF_H_
