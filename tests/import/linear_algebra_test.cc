#include "import/one_op.h"

namespace moulin::testing {
namespace {

TEST(LinearAlgebraTest, OldSpellings) {
  const Tensor x = Floats({2, 2}, {2, 0, 0, 4});
  ExpectFloats(OneOp("BatchMatrixInverse").Fed(x).Run(), 0, {2, 2}, {0.5f, 0, 0, 0.25f});
  ExpectFloats(OneOp("MatrixDeterminant").Fed(x).Run(), 0, {}, {8});
}

TEST(LinearAlgebraTest, FactorsThatNobodyAskedForAreEmpty) {
  const auto y = OneOp("Svd").Fed(Floats({2, 2}, {2, 0, 0, 4})).Attr("compute_uv", "b: false").Run();
  ExpectFloats(y, 0, {2}, {4, 2});
  ExpectFloats(y, 1, {0}, {});
}

}  // namespace
}  // namespace moulin::testing
