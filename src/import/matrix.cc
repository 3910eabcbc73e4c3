// Band parts and diagonals of the innermost matrices (Matrix...), and of tensors as a whole (Diag, DiagPart).
#include "absl/strings/str_split.h"
#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

void LowerBandPart(LoweringContext& c) { c.Output(c.b.Add(OpKind::kMatrixBandPart, NoAttrs{}, c.inputs())); }

// `align` of the third versions: how short superdiagonals, then short subdiagonals, are aligned. Versions without it
// align all to the left.
bool ReadAlign(LoweringContext& c, MatrixDiagAttrs* attrs) {
  const std::string align = c.String("align", absl::EndsWith(c.op(), "V3") ? "RIGHT_LEFT" : "LEFT_LEFT");
  const std::vector<std::string> sides = absl::StrSplit(align, '_');
  const auto is_side = [](const std::string& side) { return side == "LEFT" || side == "RIGHT"; };
  if (sides.size() != 2 || !is_side(sides[0]) || !is_side(sides[1])) {
    c.BadAttr("align", absl::StrCat("should be two of LEFT and RIGHT joined by _, found \"", Printable(align), "\""));
    return false;
  }
  attrs->superdiagonals_left = sides[0] == "LEFT";
  attrs->subdiagonals_left = sides[1] == "LEFT";
  return c.b.ok();
}

void LowerMatrixDiag(LoweringContext& c) {
  GraphBuilder& b = c.b;
  c.Output(b.Add(OpKind::kMatrixDiag, MatrixDiagAttrs{},
                 {c.input(0), b.Int(0), b.Int(-1), b.Int(-1), b.ScalarLike(c.input(0), 0)}));
}

void LowerMatrixDiagPart(LoweringContext& c) {
  GraphBuilder& b = c.b;
  c.Output(b.Add(OpKind::kMatrixDiagPart, MatrixDiagAttrs{}, {c.input(0), b.Int(0), b.ScalarLike(c.input(0), 0)}));
}

void LowerMatrixSetDiag(LoweringContext& c) {
  c.Output(c.b.Add(OpKind::kMatrixSetDiag, MatrixDiagAttrs{}, {c.input(0), c.input(1), c.b.Int(0)}));
}

// The later versions take which diagonals, their size and the padding as inputs, in the primitives' order.
template <OpKind kind>
void LowerManyDiagonals(LoweringContext& c) {
  MatrixDiagAttrs attrs;
  if (!ReadAlign(c, &attrs)) return;
  c.Output(c.b.Add(kind, attrs, c.inputs()));
}

template <OpKind kind>
void LowerDiag(LoweringContext& c) {
  c.Output(c.b.Add(kind, NoAttrs{}, c.inputs()));
}

constexpr OpLowering kMatrixLowerings[] = {
    {"MatrixBandPart", 3, 3, LowerBandPart},
    {"BatchMatrixBandPart", 3, 3, LowerBandPart},
    {"MatrixDiag", 1, 1, LowerMatrixDiag},
    {"BatchMatrixDiag", 1, 1, LowerMatrixDiag},
    {"MatrixDiagPart", 1, 1, LowerMatrixDiagPart},
    {"BatchMatrixDiagPart", 1, 1, LowerMatrixDiagPart},
    {"MatrixSetDiag", 2, 2, LowerMatrixSetDiag},
    {"BatchMatrixSetDiag", 2, 2, LowerMatrixSetDiag},
    {"MatrixDiagV2", 5, 5, LowerManyDiagonals<OpKind::kMatrixDiag>},
    {"MatrixDiagV3", 5, 5, LowerManyDiagonals<OpKind::kMatrixDiag>},
    {"MatrixDiagPartV2", 3, 3, LowerManyDiagonals<OpKind::kMatrixDiagPart>},
    {"MatrixDiagPartV3", 3, 3, LowerManyDiagonals<OpKind::kMatrixDiagPart>},
    {"MatrixSetDiagV2", 3, 3, LowerManyDiagonals<OpKind::kMatrixSetDiag>},
    {"MatrixSetDiagV3", 3, 3, LowerManyDiagonals<OpKind::kMatrixSetDiag>},
    {"Diag", 1, 1, LowerDiag<OpKind::kDiag>},
    {"DiagPart", 1, 1, LowerDiag<OpKind::kDiagPart>},
};

}  // namespace

absl::Span<const OpLowering> MatrixLowerings() { return kMatrixLowerings; }

}  // namespace moulin
