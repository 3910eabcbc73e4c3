// The primitive ops of the IR. Each has a schema, a shape function and a reference kernel in src/ops/.
//
// Operands that decide a result's shape (axes, sizes, paddings...) are ordinary inputs, marked * below: TensorFlow
// gives them as tensors, and most fold to constants once the shapes of a request are known.
#ifndef MOULIN_IR_OP_KIND_H_
#define MOULIN_IR_OP_KIND_H_

#include "absl/strings/string_view.h"

namespace moulin {

// X(enumerator, attributes struct in ir/attrs.h)
#define MOULIN_OP_KINDS(X)                                                                             \
  /* elementwise: any number of inputs, broadcast together; the attribute is the expression */         \
  X(Map, MapAttrs)                                                                                     \
  /* reductions */                                                                                     \
  X(Reduce, ReduceAttrs)               /* (x, axes*, prologue inputs...) */                            \
  X(ArgReduce, ArgReduceAttrs)         /* (x, axis*) */                                                \
  X(Scan, ScanAttrs)                   /* (x, axis*) */                                                \
  X(TopK, TopKAttrs)                   /* (x, k*) -> values, indices */                                \
  X(SegmentReduce, SegmentReduceAttrs) /* (data, ids) or (data, ids, num_segments*) */                 \
  /* linear algebra */                                                                                 \
  X(Contract, ContractAttrs)           /* (a, b, epilogue inputs...) */                                \
  X(MatrixBandPart, NoAttrs)           /* (x, lower, upper) */                                         \
  X(MatrixDiag, MatrixDiagAttrs)       /* (diagonal, k*, rows*, cols*, padding) */                     \
  X(MatrixDiagPart, MatrixDiagAttrs)   /* (x, k*, padding) */                                          \
  X(MatrixSetDiag, MatrixDiagAttrs)    /* (x, diagonal, k*) */                                         \
  X(Diag, NoAttrs)                     /* (x): rank r to 2r */                                         \
  X(DiagPart, NoAttrs)                 /* (x): rank 2r to r */                                         \
  X(LinearAlgebra, LinearAlgebraAttrs) /* inverse, solve, Cholesky... on the innermost matrices */     \
  /* convolution and pooling, of 1 to 3 spatial axes */                                                \
  X(Conv, ConvAttrs)              /* (x, filter, epilogue inputs...) */                                \
  X(ConvTranspose, ConvAttrs)     /* (output size*, filter, x, epilogue inputs...) */                  \
  X(Pool, PoolAttrs)              /* (x) */                                                            \
  X(MaxPoolWithArgmax, PoolAttrs) /* (x) -> values, flat indices */                                    \
  X(Dilation, ConvAttrs)          /* (x, filter): grey-scale morphology */                             \
  X(Patches, PatchesAttrs)        /* (x): im2col */                                                    \
  /* normalisation */                                                                                  \
  X(BatchNorm, BatchNormAttrs)                 /* (x, scale, offset, mean, variance), inference */     \
  X(LayerNorm, LayerNormAttrs)                 /* (x, scale, offset) over the innermost axis */        \
  X(Softmax, SoftmaxAttrs)                     /* (x) over the innermost axis */                       \
  X(LocalResponseNorm, LocalResponseNormAttrs) /* (x) */                                               \
  X(Attention, AttentionAttrs)                 /* (q, k, v) or (q, k, v, mask added to the scores) */  \
  /* images */                                                                                         \
  X(Resize, ResizeAttrs)                       /* (x, size*) NHWC */                                   \
  X(CropAndResize, CropAndResizeAttrs)         /* (image, boxes, box indices, crop size*) */           \
  X(NonMaxSuppression, NonMaxSuppressionAttrs) /* (boxes, scores, max size*, iou, score, sigma) */     \
  /* views: the same elements under another shape */                                                   \
  X(Reshape, NoAttrs)      /* (x, shape*) */                                                           \
  X(Squeeze, SqueezeAttrs) /* (x) */                                                                   \
  X(ExpandDims, NoAttrs)   /* (x, axis*) */                                                            \
  X(Bitcast, BitcastAttrs) /* (x) */                                                                   \
  /* data movement */                                                                                  \
  X(Transpose, NoAttrs)                    /* (x, permutation*) */                                     \
  X(Slice, NoAttrs)                        /* (x, begin*, size*) */                                    \
  X(StridedSlice, StridedSliceAttrs)       /* (x, begin*, end*, strides*) */                           \
  X(StridedSliceUpdate, StridedSliceAttrs) /* (x, begin*, end*, strides*, value) */                    \
  X(Split, NoAttrs)                        /* (x, axis*, sizes*) -> as many outputs as sizes */        \
  X(Concat, NoAttrs)                       /* (axis*, x...) */                                         \
  X(Pad, PadAttrs)                         /* (x, paddings*, value) */                                 \
  X(Broadcast, NoAttrs)                    /* (x, shape*) */                                           \
  X(Tile, NoAttrs)                         /* (x, multiples*) */                                       \
  X(Reverse, NoAttrs)                      /* (x, axes*) */                                            \
  X(ReverseSequence, ReverseSequenceAttrs) /* (x, lengths) */                                          \
  X(Roll, NoAttrs)                         /* (x, shifts, axes) */                                     \
  X(SpaceToBatch, NoAttrs)                 /* (x, block*, paddings*) */                                \
  X(BatchToSpace, NoAttrs)                 /* (x, block*, crops*) */                                   \
  X(SpaceToDepth, BlockAttrs)              /* (x) */                                                   \
  X(DepthToSpace, BlockAttrs)              /* (x) */                                                   \
  X(Gather, GatherAttrs)                   /* (x, indices, axis*) */                                   \
  X(GatherNd, GatherAttrs)                 /* (x, indices) */                                          \
  X(ScatterNd, ScatterAttrs)               /* (indices, updates, shape*), onto zeros */                \
  X(TensorScatter, ScatterAttrs)           /* (x, indices, updates) */                                 \
  X(OneHot, OneHotAttrs)                   /* (indices, depth*, on, off) */                            \
  /* made from shapes and scalars */                                                                   \
  X(ShapeOf, ShapeOfAttrs)      /* (x) -> the sizes of its axes */                                     \
  X(SizeOfTensor, ShapeOfAttrs) /* (x) -> the number of its elements */                                \
  X(RankOf, NoAttrs)            /* (x) -> the number of its axes */                                    \
  X(BroadcastShapes, NoAttrs)   /* (shape, shape) -> the shape both broadcast to */                    \
  X(Range, NoAttrs)             /* (start*, limit*, delta*) */                                         \
  X(LinSpace, NoAttrs)          /* (start, stop, count*) */                                            \
  /* results whose shape depends on the elements */                                                    \
  X(Where, NoAttrs)      /* (x) -> coordinates of the nonzero elements */                              \
  X(Unique, UniqueAttrs) /* (x, axis*) -> values, index of each element, counts */                     \
  /* control flow: graphs within the graph */                                                          \
  X(Case, CaseAttrs)   /* (index, args...): runs one of the branches, the last for an index of none */ \
  X(While, WhileAttrs) /* (variables...) -> their values when the condition has become false */        \
  /* ops with one rare kernel of their own, run on the host: see ops/host_ops.cc */                    \
  X(HostOp, HostOpAttrs)                                                                               \
  /* ops that wait for what only a request tells; never in a plan: see ops/deferred.h */               \
  X(Deferred, DeferredAttrs)

enum class OpKind {
#define MOULIN_ENUMERATOR(name, attrs) k##name,
  MOULIN_OP_KINDS(MOULIN_ENUMERATOR)
#undef MOULIN_ENUMERATOR
};

inline constexpr int kNumOpKinds = 0
#define MOULIN_COUNT(name, attrs) +1
    MOULIN_OP_KINDS(MOULIN_COUNT)
#undef MOULIN_COUNT
    ;

absl::string_view Name(OpKind kind);

}  // namespace moulin

#endif  // MOULIN_IR_OP_KIND_H_
