// Recognises the expressions behind products that libraries and own kernels compute along with the product.
#ifndef MOULIN_CUDA_EPILOGUE_H_
#define MOULIN_CUDA_EPILOGUE_H_

#include <optional>

#include "absl/types/span.h"
#include "cuda/libraries/primitive_library.h"
#include "ir/expr.h"
#include "ir/graph.h"
#include "moulin/shape.h"

namespace moulin::cuda {

struct RecognisedEpilogue {
  LibraryEpilogue fused;
  int bias_input = -1;  // inputs of the expression; -1 where there is none
  int residual_input = -1;
  // With fused.scaling:
  int factors_input = -1;
  float steps = 0;  // for an int8 result
  // The activation as a function of its input 0: empty where there is none.
  Expr activation;
};

// `epilogue` as an activation of its input 0 plus a bias plus a residual, in any order of adding; nothing where it is
// not that, or its types are not all `type`. `operands` are the shapes of its inputs, that of the product first.
// An activation is recognised by what it computes (it is evaluated at many points), so all spellings are found alike.
std::optional<RecognisedEpilogue> RecogniseEpilogue(const Expr& epilogue, DType type, absl::Span<const Shape> operands,
                                                    int channel_axis);

// The same for the epilogue of an int8 product with int32 sums, as the pass quantize makes it: with fused.scaling.
// `operands` are the types of its inputs.
std::optional<RecognisedEpilogue> RecogniseInt8Epilogue(const Expr& epilogue, absl::Span<const TensorType> operands,
                                                        int channel_axis);

// The part of `recognised` that `done` leaves, as an expression over the same inputs as the epilogue: its input 0 is
// the product with `done` applied, whose activation must be none. Empty where nothing is left.
Expr Remainder(const RecognisedEpilogue& recognised, const LibraryEpilogue& done, DType type);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_EPILOGUE_H_
