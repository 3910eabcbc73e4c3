#include "import/one_op.h"

namespace moulin::testing {
namespace {

const Tensor& Square() {
  static const Tensor x = Floats({2, 2}, {1, 2, 3, 4});
  return x;
}

StatusOr<std::vector<Tensor>> Einsum(const std::string& equation, std::initializer_list<Tensor> operands,
                                     bool unknown = false) {
  OneOp op("Einsum");
  if (unknown) op.AllUnknown();
  for (const Tensor& x : operands) op.Fed(x);
  return op.Attr("equation", "s: \"" + equation + "\"").Run();
}

TEST(MatMulTest, Transposes) {
  const Tensor x = Floats({1, 2}, {1, 10});
  ExpectFloats(OneOp("MatMul").Fed(x).Fed(Square()).Run(), 0, {1, 2}, {31, 42});
  ExpectFloats(OneOp("MatMul").Fed(x).Fed(Square()).Attr("transpose_b", "b: true").Run(), 0, {1, 2}, {21, 43});
  ExpectError(OneOp("MatMul").Fed(Floats({3}, {1, 2, 3})).Fed(Square()).Run(), "E_SHAPE", "rank 2");
}

TEST(MatMulTest, SparseOperand) {
  OneOp op("SparseTensorDenseMatMul");
  op.Fed(Tensor::Of<int64_t>({2, 2}, {0, 1, 1, 0})).Fed(Floats({2}, {2, 3}));
  op.Constant(Tensor::Of<int64_t>({2}, {2, 2})).Fed(Square());
  ExpectFloats(op.Run(), 0, {2, 2}, {6, 8, 3, 6});
}

TEST(FusedMatMulTest, AddsTheBias) {
  OneOp op("_FusedMatMul");
  op.Fed(Floats({1, 2}, {1, -10})).Fed(Square()).Fed(Floats({2}, {100, 1}));
  ExpectFloats(op.Attr("fused_ops", "list { s: [\"BiasAdd\", \"Relu\"] }").Run(), 0, {1, 2}, {71, 0});
}

TEST(EinsumTest, OneOperand) {
  ExpectFloats(Einsum("ij->ji", {Square()}), 0, {2, 2}, {1, 3, 2, 4});
  ExpectFloats(Einsum("ij->", {Square()}), 0, {}, {10});
  ExpectFloats(Einsum("ii->i", {Square()}), 0, {2}, {1, 4});
  ExpectFloats(Einsum("ii->", {Square()}), 0, {}, {5});
  ExpectFloats(Einsum("i->ii", {Floats({2}, {5, 6})}), 0, {2, 2}, {5, 0, 0, 6});
  ExpectFloats(Einsum("...i->...", {Square()}), 0, {2}, {3, 7});
}

TEST(EinsumTest, TwoOperands) {
  const Tensor v = Floats({2}, {1, 10});
  ExpectFloats(Einsum("ij,jk->ik", {Square(), Square()}), 0, {2, 2}, {7, 10, 15, 22});
  ExpectFloats(Einsum("ij,jk->ki", {Square(), Square()}), 0, {2, 2}, {7, 15, 10, 22});
  ExpectFloats(Einsum("i,j->ij", {v, v}), 0, {2, 2}, {1, 10, 10, 100});
  ExpectFloats(Einsum("ij,ij->i", {Square(), Square()}), 0, {2}, {5, 25});
  ExpectFloats(Einsum("ij,kl->", {Square(), Square()}), 0, {}, {100});
  ExpectFloats(Einsum("ii,i->i", {Square(), v}), 0, {2}, {1, 40});
}

TEST(EinsumTest, EllipsesBroadcast) {
  const Tensor x = Floats({2, 1, 2}, {1, 2, 3, 4});
  ExpectFloats(Einsum("...ij,jk->...ik", {x, Square()}), 0, {2, 1, 2}, {7, 10, 15, 22});
  ExpectFloats(Einsum("...i,...i->...", {x, Square()}), 0, {2, 2}, {5, 11, 11, 25});
}

TEST(EinsumTest, SizesMayBeUnknown) {
  ExpectFloats(Einsum("abcd,acbe->ade", {Floats({1, 2, 1, 2}, {1, 2, 3, 4}), Floats({1, 1, 2, 1}, {1, 10})}, true), 0,
               {1, 2, 1}, {31, 42});
}

TEST(EinsumTest, RefusesMalformedEquations) {
  ExpectError(Einsum("ij,jk", {Square(), Square()}), "E_ATTR", "->");
  ExpectError(Einsum("ij->ik", {Square()}), "E_ATTR", "label");
  ExpectError(Einsum("ijk->i", {Square()}), "E_ATTR", "does not fit");
  ExpectError(Einsum("i?->i", {Square()}), "E_ATTR", "does not fit");
  ExpectError(Einsum("ij->i", {Square(), Square()}), "E_ATTR", "2 operands, found 1");
}

}  // namespace
}  // namespace moulin::testing
