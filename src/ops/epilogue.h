// Epilogues: the elementwise expression fused behind a convolution or a matrix product.
#ifndef MOULIN_OPS_EPILOGUE_H_
#define MOULIN_OPS_EPILOGUE_H_

#include "ir/expr.h"
#include "ops/op_def.h"

namespace moulin {

// The type of the sums of products of `operands`, where `asked` is the attribute product_type: the operands' own, or
// int32 for int8. E_DTYPE for any other.
StatusOr<DType> InferProductType(DType operands, DType asked);

// The type of a node's result whose product has type `product`: the product itself where the epilogue is empty. The
// epilogue's input i > 0 is the node's input first_input + i - 1, which must broadcast to the product's shape.
// Errors: E_DTYPE, E_SHAPE, E_ARITY.
StatusOr<DType> InferEpilogue(const InferContext& c, const Expr& epilogue, int first_input, const TensorType& product);

// Computes the epilogue of `product` into outputs[0], which must be allocated.
Status RunEpilogue(const KernelContext& c, const Expr& epilogue, int first_input, const Tensor& product);

}  // namespace moulin

#endif  // MOULIN_OPS_EPILOGUE_H_
