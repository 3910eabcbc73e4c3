// Elementwise ops: unary, binary and ternary functions, comparisons, bits, complex parts, casts, selections and sums.
#include <cmath>

#include "import/lowering.h"
#include "import/lowering_util.h"

namespace moulin {
namespace {

// --- Ops that are one instruction ---

template <ExprOp kOp>
void LowerBinary(LoweringContext& c) {
  c.Output(c.b.Binary(kOp, c.input(0), c.input(1)));
}

// --- Ops that are a few instructions ---

int Square(Expr& e, int x) { return e.Binary(ExprOp::kMul, x, x); }

// exp(|x|) times the scaled Bessel function.
int BesselI0(Expr& e, int x) {
  return e.Binary(ExprOp::kMul, e.Unary(ExprOp::kExp, e.Unary(ExprOp::kAbs, x)), e.Unary(ExprOp::kBesselI0e, x));
}
int BesselI1(Expr& e, int x) {
  return e.Binary(ExprOp::kMul, e.Unary(ExprOp::kExp, e.Unary(ExprOp::kAbs, x)), e.Unary(ExprOp::kBesselI1e, x));
}

// x / y rounded towards zero.
int TruncateDiv(Expr& e, int x, int y) {
  const int q = e.Binary(ExprOp::kDiv, x, y);
  const DType type = e[q].type;
  if (!IsFloating(type)) return q;
  const int is_negative = e.Binary(ExprOp::kLess, q, e.Constant(type, 0));
  return e.Ternary(ExprOp::kSelect, is_negative, e.Unary(ExprOp::kCeil, q), e.Unary(ExprOp::kFloor, q));
}

// (x - y) times its conjugate.
int SquaredDifference(Expr& e, int x, int y) {
  const int d = e.Binary(ExprOp::kSub, x, y);
  return e.Binary(ExprOp::kMul, d, IsComplex(e[d].type) ? e.Unary(ExprOp::kConj, d) : d);
}

// --- Comparisons ---

bool CannotBroadcast(const PartialShape& a, const PartialShape& b) {
  if (!a.has_rank() || !b.has_rank()) return false;
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    const int64_t m = a.dim(a.rank() - i);
    const int64_t n = b.dim(b.rank() - i);
    if (m != n && m > 1 && n > 1) return true;
    if ((m == 0 && n > 1) || (n == 0 && m > 1)) return true;
  }
  return false;
}

// Without `incompatible_shape_error`, tensors of shapes that do not broadcast are as a whole unequal.
template <ExprOp kOp>
void LowerEquality(LoweringContext& c) {
  if (!c.Bool("incompatible_shape_error", true) && CannotBroadcast(c.shape(0), c.shape(1))) {
    c.Output(c.b.Constant(Tensor::Scalar<bool>(kOp == ExprOp::kNotEqual)));
    return;
  }
  LowerBinary<kOp>(c);
}

void LowerApproximateEqual(LoweringContext& c) {
  const float tolerance = c.Float("tolerance", 1e-5f);
  Expr e;
  const int x = e.Input(0, c.dtype(0));
  const int y = e.Input(1, c.dtype(1));
  const int distance = e.Unary(ExprOp::kAbs, e.Binary(ExprOp::kSub, x, y));
  const DType type = e[distance].type;
  e.Binary(ExprOp::kLess, distance, e.Constant(type, tolerance));
  c.Output(c.b.Map(std::move(e), {c.input(0), c.input(1)}));
}

// --- Casts ---

int MantissaBits(DType type) {
  switch (type) {
    case DType::kFloat64:
      return 52;
    case DType::kFloat32:
      return 23;
    case DType::kFloat16:
      return 10;
    case DType::kBFloat16:
      return 7;
    default:
      return 0;
  }
}

// `Truncate` rounds towards zero: the bits that `to` has no room for are cleared first.
ValueId Truncated(GraphBuilder& b, ValueId x, DType to) {
  const DType from = b.dtype(x);
  const int surplus = MantissaBits(from) - MantissaBits(to);
  const bool has_bits = from == DType::kFloat32 || from == DType::kFloat64;
  if (!IsFloating(to) || !has_bits || surplus <= 0) return x;
  const DType bits = from == DType::kFloat64 ? DType::kUInt64 : DType::kUInt32;
  const uint64_t mask = ~uint64_t{0} << surplus;
  const uint64_t mask_of_type = bits == DType::kUInt32 ? mask & 0xffffffffu : mask;
  Expr e;
  const int value = e.Input(0, bits);
  e.Binary(ExprOp::kBitAnd, value, e.IntConstant(bits, static_cast<int64_t>(mask_of_type)));
  const ValueId as_bits = b.Add(OpKind::kBitcast, BitcastAttrs{bits}, {x});
  return b.Add(OpKind::kBitcast, BitcastAttrs{from}, {b.Map(std::move(e), {as_bits})});
}

void LowerCast(LoweringContext& c) {
  const DType to = c.Type("DstT", c.dtype(0));
  const ValueId x = c.Bool("Truncate", false) ? Truncated(c.b, c.input(0), to) : c.input(0);
  if (SizeOf(c.dtype(0)) == 0 || SizeOf(to) == 0) {
    c.Unsupported(absl::StrCat("a cast from ", Name(c.dtype(0)), " to ", Name(to)));
    return;
  }
  c.Output(c.b.Cast(x, to));
}

// The parts of a complex number; of a real one, itself and zero.
template <ExprOp kOp>
void LowerComplexPart(LoweringContext& c) {
  if (!IsComplex(c.dtype(0))) {
    c.b.Fail(MakeError(ErrorCode::kDType, "expected a complex type, got ", Name(c.dtype(0))));
    return;
  }
  const ValueId part = c.b.Unary(kOp, c.input(0));
  const DType type = c.dtype(0) == DType::kComplex128 ? DType::kFloat64 : DType::kFloat32;
  c.Output(c.b.Cast(part, c.Type("Tout", type)));
}

// --- Ternary ---

void LowerClipByValue(LoweringContext& c) {
  Expr e;
  const int x = e.Input(0, c.dtype(0));
  const int low = e.Input(1, c.dtype(1));
  const int high = e.Input(2, c.dtype(2));
  // The lower bound wins where it lies above the upper one.
  e.Binary(ExprOp::kMax, e.Binary(ExprOp::kMin, x, high), low);
  c.Output(c.b.Map(std::move(e), c.inputs()));
}

void LowerBetainc(LoweringContext& c) {
  Expr e;
  const int a = e.Input(0, c.dtype(0));
  const int b = e.Input(1, c.dtype(1));
  e.Ternary(ExprOp::kBetainc, a, b, e.Input(2, c.dtype(2)));
  c.Output(c.b.Map(std::move(e), c.inputs()));
}

// For each place of x, in its shape, where its element is among all of them.
ValueId NumbersOf(GraphBuilder& b, ValueId x) {
  const ValueId size = b.Add(OpKind::kSizeOfTensor, ShapeOfAttrs{DType::kInt64}, {x});
  return b.Reshape(b.Add(OpKind::kRange, NoAttrs{}, {b.Int(0), size, b.Int(1)}), b.ShapeOf(x));
}

// x where the condition holds, else y. Strings are no elements of expressions: their places are selected.
ValueId SelectAny(GraphBuilder& b, ValueId condition, ValueId x, ValueId y) {
  if (b.dtype(x) != DType::kString) return b.Select(condition, x, y);
  const ValueId size = b.Add(OpKind::kSizeOfTensor, ShapeOfAttrs{DType::kInt64}, {x});
  const ValueId places = b.Select(condition, NumbersOf(b, x), b.Binary(ExprOp::kAdd, NumbersOf(b, y), size));
  return b.Add(OpKind::kGather, GatherAttrs{}, {b.Concat({Flatten(b, x), Flatten(b, y)}, 0), places, b.Int(0)});
}

void LowerSelectV2(LoweringContext& c) { c.Output(SelectAny(c.b, c.input(0), c.input(1), c.input(2))); }

// Select of TensorFlow 1: the condition has the shape of x, or is a scalar, or a vector over the first axis of x.
void LowerSelect(LoweringContext& c) {
  if (!RankIsKnown(c, 0)) return;
  ValueId condition = c.input(0);
  const PartialShape& x = c.shape(1).has_rank() ? c.shape(1) : c.shape(2);
  if (c.shape(0).rank() == 1 && x.has_rank() && x.rank() > 1) {
    std::vector<int64_t> shape(x.rank(), 1);
    shape[0] = -1;
    condition = c.b.Reshape(condition, c.b.Ints(shape));
  } else if (c.shape(0).rank() == 1 && !x.has_rank()) {
    // [n, 1, 1...] with as many axes as x turns out to have.
    const ValueId rank = c.b.Cast(c.b.Add(OpKind::kRankOf, NoAttrs{}, {c.input(1)}), DType::kInt64);
    const ValueId others = c.b.Reshape(c.b.Binary(ExprOp::kSub, rank, c.b.Int(1)), c.b.Ints({1}));
    const ValueId ones = c.b.Add(OpKind::kBroadcast, NoAttrs{}, {c.b.Int(1), others});
    condition = c.b.Reshape(condition, c.b.Concat({c.b.ShapeOf(condition), ones}, 0));
  }
  c.Output(SelectAny(c.b, condition, c.input(1), c.input(2)));
}

// --- Sums and products ---

// Strings are joined.
void LowerAdd(LoweringContext& c) {
  if (c.dtype(0) != DType::kString) return c.Output(c.b.Binary(ExprOp::kAdd, c.input(0), c.input(1)));
  GraphBuilder& b = c.b;
  const ValueId shape = b.Add(OpKind::kBroadcastShapes, NoAttrs{}, {b.ShapeOf(c.input(0)), b.ShapeOf(c.input(1))});
  const auto broadcast = [&](int i) { return b.Add(OpKind::kBroadcast, NoAttrs{}, {c.input(i), shape}); };
  HostOpAttrs join;
  join.op = "StringJoin";
  join.output_types = {DType::kString};
  c.Output(b.Add(OpKind::kHostOp, std::move(join), {broadcast(0), broadcast(1)}));
}

// No broadcasting here: the shapes must agree.
void LowerAddN(LoweringContext& c) {
  constexpr int kMostOfOneMap = 16;
  for (int i = 1; i < c.num_inputs(); ++i) {
    if (c.shape(0).has_rank() && c.shape(i).has_rank() && c.shape(0).rank() != c.shape(i).rank()) {
      c.b.Fail(MakeError(ErrorCode::kShape, "input ", i, ": expected ", c.shape(0).ToString(), ", got ",
                         c.shape(i).ToString()));
      return;
    }
  }
  ValueId sum = c.input(0);
  for (int next = 1; next < c.num_inputs();) {
    std::vector<ValueId> terms = {sum};
    while (next < c.num_inputs() && terms.size() < kMostOfOneMap) terms.push_back(c.input(next++));
    Expr e;
    int total = e.Input(0, c.dtype(0));
    for (size_t i = 1; i < terms.size(); ++i) total = e.Binary(ExprOp::kAdd, total, e.Input(i, c.dtype(0)));
    e.SetResult(total);
    sum = c.b.Map(std::move(e), terms);
  }
  c.Output(sum);
}

// The cross product of vectors of three along the last axis: a' b" - a" b', where ' and " rotate the components.
void LowerCross(LoweringContext& c) {
  const int rank = c.shape(0).rank();
  if (!RankIsKnown(c, 0)) return;
  if (rank == 0 || (c.shape(0).dim(rank - 1) != kUnknownDim && c.shape(0).dim(rank - 1) != 3)) {
    c.b.Fail(MakeError(ErrorCode::kShape, "expected a last axis of size 3, got ", c.shape(0).ToString()));
    return;
  }
  const auto rotate = [&](ValueId x, std::initializer_list<int64_t> order) {
    return c.b.Add(OpKind::kGather, GatherAttrs{}, {x, c.b.Ints(order), c.b.Int(rank - 1)});
  };
  const auto product = [&](std::initializer_list<int64_t> a, std::initializer_list<int64_t> b) {
    return c.b.Binary(ExprOp::kMul, rotate(c.input(0), a), rotate(c.input(1), b));
  };
  c.Output(c.b.Binary(ExprOp::kSub, product({1, 2, 0}, {2, 0, 1}), product({2, 0, 1}, {1, 2, 0})));
}

// A value in the shape of x.
template <int kValue>
void LowerLike(LoweringContext& c) {
  if (SizeOf(c.dtype(0)) == 0 && c.dtype(0) != DType::kString) {
    c.Unsupported(absl::StrCat("elements of type ", Name(c.dtype(0))));
    return;
  }
  const ValueId value =
      c.dtype(0) == DType::kString ? c.b.Constant(Tensor::OfStrings({}, {""})) : c.b.Scalar(c.dtype(0), kValue);
  c.Output(c.b.Add(OpKind::kBroadcast, NoAttrs{}, {value, c.b.ShapeOf(c.input(0))}));
}

constexpr OpLowering kElementwiseLowerings[] = {
    {"Abs", 1, 1, LowerUnary<ExprOp::kAbs>},
    {"AccumulateNV2", 1, kAnyNumber, LowerAddN},
    {"Acos", 1, 1, LowerUnary<ExprOp::kAcos>},
    {"Acosh", 1, 1, LowerUnary<ExprOp::kAcosh>},
    {"Add", 2, 2, LowerAdd},
    {"AddN", 1, kAnyNumber, LowerAddN},
    {"AddV2", 2, 2, LowerBinary<ExprOp::kAdd>},
    {"Angle", 1, 1, LowerComplexPart<ExprOp::kAngle>},
    {"ApproximateEqual", 2, 2, LowerApproximateEqual},
    {"Asin", 1, 1, LowerUnary<ExprOp::kAsin>},
    {"Asinh", 1, 1, LowerUnary<ExprOp::kAsinh>},
    {"Atan", 1, 1, LowerUnary<ExprOp::kAtan>},
    {"Atan2", 2, 2, LowerBinary<ExprOp::kAtan2>},
    {"Atanh", 1, 1, LowerUnary<ExprOp::kAtanh>},
    {"BesselI0", 1, 1, LowerBuilt<BesselI0>},
    {"BesselI0e", 1, 1, LowerUnary<ExprOp::kBesselI0e>},
    {"BesselI1", 1, 1, LowerBuilt<BesselI1>},
    {"BesselI1e", 1, 1, LowerUnary<ExprOp::kBesselI1e>},
    {"Betainc", 3, 3, LowerBetainc},
    {"BitwiseAnd", 2, 2, LowerBinary<ExprOp::kBitAnd>},
    {"BitwiseOr", 2, 2, LowerBinary<ExprOp::kBitOr>},
    {"BitwiseXor", 2, 2, LowerBinary<ExprOp::kBitXor>},
    {"Cast", 1, 1, LowerCast},
    {"Ceil", 1, 1, LowerUnary<ExprOp::kCeil>},
    {"ClipByValue", 3, 3, LowerClipByValue},
    {"Complex", 2, 2, LowerBinary<ExprOp::kComplex>},
    {"ComplexAbs", 1, 1, LowerComplexPart<ExprOp::kComplexAbs>},
    {"Conj", 1, 1, LowerUnary<ExprOp::kConj>},
    {"Cos", 1, 1, LowerUnary<ExprOp::kCos>},
    {"Cosh", 1, 1, LowerUnary<ExprOp::kCosh>},
    {"Cross", 2, 2, LowerCross},
    {"Digamma", 1, 1, LowerUnary<ExprOp::kDigamma>},
    {"Div", 2, 2, LowerBinary<ExprOp::kDiv>},
    {"DivNoNan", 2, 2, LowerBinary<ExprOp::kDivNoNan>},
    {"Equal", 2, 2, LowerEquality<ExprOp::kEqual>},
    {"Erf", 1, 1, LowerUnary<ExprOp::kErf>},
    {"Erfc", 1, 1, LowerUnary<ExprOp::kErfc>},
    {"Erfinv", 1, 1, LowerUnary<ExprOp::kErfinv>},
    {"Exp", 1, 1, LowerUnary<ExprOp::kExp>},
    {"Expm1", 1, 1, LowerUnary<ExprOp::kExpm1>},
    {"Floor", 1, 1, LowerUnary<ExprOp::kFloor>},
    {"FloorDiv", 2, 2, LowerBinary<ExprOp::kFloorDiv>},
    {"FloorMod", 2, 2, LowerBinary<ExprOp::kFloorMod>},
    {"Greater", 2, 2, LowerBinary<ExprOp::kGreater>},
    {"GreaterEqual", 2, 2, LowerBinary<ExprOp::kGreaterEqual>},
    {"Igamma", 2, 2, LowerBinary<ExprOp::kIgamma>},
    {"Igammac", 2, 2, LowerBinary<ExprOp::kIgammac>},
    {"Imag", 1, 1, LowerComplexPart<ExprOp::kImag>},
    {"Inv", 1, 1, LowerUnary<ExprOp::kReciprocal>},
    {"Invert", 1, 1, LowerUnary<ExprOp::kBitNot>},
    {"IsFinite", 1, 1, LowerUnary<ExprOp::kIsFinite>},
    {"IsInf", 1, 1, LowerUnary<ExprOp::kIsInf>},
    {"IsNan", 1, 1, LowerUnary<ExprOp::kIsNan>},
    {"LeftShift", 2, 2, LowerBinary<ExprOp::kShiftLeft>},
    {"Less", 2, 2, LowerBinary<ExprOp::kLess>},
    {"LessEqual", 2, 2, LowerBinary<ExprOp::kLessEqual>},
    {"Lgamma", 1, 1, LowerUnary<ExprOp::kLgamma>},
    {"Log", 1, 1, LowerUnary<ExprOp::kLog>},
    {"Log1p", 1, 1, LowerUnary<ExprOp::kLog1p>},
    {"LogicalAnd", 2, 2, LowerBinary<ExprOp::kAnd>},
    {"LogicalNot", 1, 1, LowerUnary<ExprOp::kNot>},
    {"LogicalOr", 2, 2, LowerBinary<ExprOp::kOr>},
    {"Maximum", 2, 2, LowerBinary<ExprOp::kMax>},
    {"Minimum", 2, 2, LowerBinary<ExprOp::kMin>},
    {"Mod", 2, 2, LowerBinary<ExprOp::kTruncMod>},
    {"Mul", 2, 2, LowerBinary<ExprOp::kMul>},
    {"MulNoNan", 2, 2, LowerBinary<ExprOp::kMulNoNan>},
    {"Ndtri", 1, 1, LowerUnary<ExprOp::kNdtri>},
    {"Neg", 1, 1, LowerUnary<ExprOp::kNeg>},
    {"NextAfter", 2, 2, LowerBinary<ExprOp::kNextAfter>},
    {"NotEqual", 2, 2, LowerEquality<ExprOp::kNotEqual>},
    {"OnesLike", 1, 1, LowerLike<1>},
    {"Polygamma", 2, 2, LowerBinary<ExprOp::kPolygamma>},
    {"PopulationCount", 1, 1, LowerUnary<ExprOp::kPopCount>},
    {"Pow", 2, 2, LowerBinary<ExprOp::kPow>},
    {"Real", 1, 1, LowerComplexPart<ExprOp::kReal>},
    {"RealDiv", 2, 2, LowerBinary<ExprOp::kDiv>},
    {"Reciprocal", 1, 1, LowerUnary<ExprOp::kReciprocal>},
    {"RightShift", 2, 2, LowerBinary<ExprOp::kShiftRight>},
    {"Rint", 1, 1, LowerUnary<ExprOp::kRound>},
    {"Round", 1, 1, LowerUnary<ExprOp::kRound>},
    {"Rsqrt", 1, 1, LowerUnary<ExprOp::kRsqrt>},
    {"Select", 3, 3, LowerSelect},
    {"SelectV2", 3, 3, LowerSelectV2},
    {"Sigmoid", 1, 1, LowerUnary<ExprOp::kSigmoid>},
    {"Sign", 1, 1, LowerUnary<ExprOp::kSign>},
    {"Sin", 1, 1, LowerUnary<ExprOp::kSin>},
    {"Sinh", 1, 1, LowerUnary<ExprOp::kSinh>},
    {"Sqrt", 1, 1, LowerUnary<ExprOp::kSqrt>},
    {"Square", 1, 1, LowerBuilt<Square>},
    {"SquaredDifference", 2, 2, LowerBuilt<SquaredDifference>},
    {"Sub", 2, 2, LowerBinary<ExprOp::kSub>},
    {"Tan", 1, 1, LowerUnary<ExprOp::kTan>},
    {"Tanh", 1, 1, LowerUnary<ExprOp::kTanh>},
    {"TruncateDiv", 2, 2, LowerBuilt<TruncateDiv>},
    {"TruncateMod", 2, 2, LowerBinary<ExprOp::kTruncMod>},
    {"Xdivy", 2, 2, LowerBinary<ExprOp::kXdivy>},
    {"Xlog1py", 2, 2, LowerBinary<ExprOp::kXlog1py>},
    {"Xlogy", 2, 2, LowerBinary<ExprOp::kXlogy>},
    {"ZerosLike", 1, 1, LowerLike<0>},
    {"Zeta", 2, 2, LowerBinary<ExprOp::kZeta>},
};

}  // namespace

absl::Span<const OpLowering> ElementwiseLowerings() { return kElementwiseLowerings; }

}  // namespace moulin
