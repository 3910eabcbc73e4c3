#include "import/one_op.h"

namespace moulin::testing {
namespace {

TEST(MatrixDiagTest, MainDiagonal) {
  ExpectFloats(OneOp("MatrixDiag").Fed(Floats({2}, {1, 2})).Run(), 0, {2, 2}, {1, 0, 0, 2});
  ExpectFloats(OneOp("MatrixDiagPart").Fed(Floats({2, 2}, {1, 2, 3, 4})).Run(), 0, {2}, {1, 4});
  ExpectFloats(OneOp("MatrixSetDiag").Fed(Floats({2, 2}, {1, 2, 3, 4})).Fed(Floats({2}, {8, 9})).Run(), 0, {2, 2},
               {8, 2, 3, 9});
}

TEST(MatrixDiagTest, AlignsShortDiagonals) {
  const auto part = [](const std::string& align) {
    OneOp op("MatrixDiagPartV3");
    op.Fed(Floats({2, 2}, {1, 2, 3, 4})).Constant(Int32s({2}, {0, 1})).Constant(Floats({}, {-1}));
    return op.Attr("align", "s: \"" + align + "\"").Run();
  };
  ExpectFloats(part("RIGHT_LEFT"), 0, {2, 2}, {-1, 2, 1, 4});
  ExpectFloats(part("LEFT_RIGHT"), 0, {2, 2}, {2, -1, 1, 4});
  ExpectError(part("UP"), "E_ATTR", "align");
}

}  // namespace
}  // namespace moulin::testing
