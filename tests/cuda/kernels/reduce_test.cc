// Reduce and ArgReduce.
//
// Tolerances: floats are summed in float by threads that each add at most n elements of about 4 one after another, so a
// sum of up to 2^18 of them is within n * 2^-24 of its absolute sum; relative to max(1, |sum|) that is below 2e-3 for
// the random signs used here, and far below for short ones. Results in float16 (bfloat16) are rounded once: 2^-11
// (2^-8).
#include "cuda/kernels/reduce.h"

#include "absl/strings/str_join.h"
#include "kernel_testing.h"

namespace moulin::cuda {
namespace {

Tensor Axes(std::vector<int64_t> axes) {
  return Tensor::Of<int64_t>(Shape{static_cast<int64_t>(axes.size())}, absl::MakeConstSpan(axes));
}

double ToleranceOf(DType type) {
  switch (type) {
    case DType::kFloat32:
      return 2e-5;
    case DType::kFloat64:
      return 1e-13;
    case DType::kFloat16:
      return 1e-3;
    case DType::kBFloat16:
      return 8e-3;
    default:
      return 0;
  }
}

void ExpectReduces(ReduceOp op, const Tensor& x, const std::vector<int64_t>& axes, double tolerance,
                   bool keep_dims = false) {
  SCOPED_TRACE(absl::StrCat(Name(x.dtype()), " ", x.shape().ToString(), " axes ", absl::StrJoin(axes, ","), " op ",
                            static_cast<int>(op)));
  ExpectOpMatches(OpKind::kReduce, ReduceAttrs{op, keep_dims}, {x, Axes(axes)}, tolerance);
}

// Rows, columns and what is neither, whole and in parts.
const std::vector<std::pair<Shape, std::vector<int64_t>>>& Forms() {
  static const auto* const forms = new std::vector<std::pair<Shape, std::vector<int64_t>>>{
      {Shape{5, 7}, {1}},                    // short rows
      {Shape{3, 64}, {-1}},                  // rows in words
      {Shape{9, 3}, {1}},                    // a thread a row
      {Shape{2, 1000}, {1}},                 // several warps a row
      {Shape{50000}, {0}},                   // in parts
      {Shape{2, 20003}, {1}},                // in parts, not in words
      {Shape{7, 5}, {0}},                    // columns
      {Shape{2, 9, 70}, {1}},                // columns, several tiles
      {Shape{3000, 17}, {0}},                // columns in parts
      {Shape{2, 4, 4, 5}, {1, 2}},           // joined to columns
      {Shape{3, 4, 5}, {0, 2}},              // neither
      {Shape{2, 3, 2, 3, 2, 3}, {0, 2, 4}},  // neither, rank 6
      {Shape{3, 8, 700}, {0, 2}},            // neither, several warps
      {Shape{4, 3}, {}},                     // nothing to reduce
      {Shape{}, {}},                         // a scalar
      {Shape{4, 1, 3}, {1}},                 // an axis of one
      {Shape{0, 3}, {0}},                    // the reduction of nothing
      {Shape{3, 0}, {1}},
      {Shape{0, 3}, {1}},  // no results
  };
  return *forms;
}

TEST(ReduceKernel, SumsOfEveryFormAndType) {
  for (const DType type : RealTypes()) {
    if (type == DType::kBool) continue;
    for (const auto& [shape, axes] : Forms()) {
      ExpectReduces(ReduceOp::kSum, RandomTensor(type, shape), axes, ToleranceOf(type));
    }
  }
}

TEST(ReduceKernel, EveryOperation) {
  for (const DType type : RealTypes()) {
    if (type == DType::kBool) continue;
    for (const ReduceOp op : {ReduceOp::kMean, ReduceOp::kProd, ReduceOp::kMax, ReduceOp::kMin}) {
      const bool is_exact = op == ReduceOp::kMax || op == ReduceOp::kMin;
      for (const auto& [shape, axes] : Forms()) {
        if (op == ReduceOp::kProd && shape.num_elements() > 1000) continue;  // overflows
        ExpectReduces(op, RandomTensor(type, shape), axes, is_exact ? 0 : ToleranceOf(type));
      }
    }
  }
}

TEST(ReduceKernel, AnyAndAll) {
  for (const ReduceOp op : {ReduceOp::kAny, ReduceOp::kAll}) {
    for (const auto& [shape, axes] : Forms()) {
      ExpectReduces(op, RandomTensor(DType::kBool, shape), axes, 0);
      Tensor rare = Tensor::Allocate(DType::kBool, shape).value();
      const bool is_any = op == ReduceOp::kAny;
      for (int64_t i = 0; i < rare.num_elements(); ++i) rare.mutable_values<bool>()[i] = (i % 101 == 100) == is_any;
      ExpectReduces(op, rare, axes, 0);
    }
  }
}

TEST(ReduceKernel, KeepsDims) {
  ExpectReduces(ReduceOp::kMean, RandomTensor(DType::kFloat32, Shape{2, 3, 4}), {1}, 1e-6, true);
}

TEST(ReduceKernel, NanWins) {
  Tensor x = RandomTensor(DType::kFloat32, Shape{3, 3000});
  x.mutable_values<float>()[4000] = std::numeric_limits<float>::quiet_NaN();
  for (const ReduceOp op : {ReduceOp::kMax, ReduceOp::kMin, ReduceOp::kSum}) {
    ExpectReduces(op, x, {1}, 1e-4);
    ExpectReduces(op, x, {0}, 1e-4);
  }
}

TEST(ReduceKernel, ProductsDoNotOverflowBetween) {
  const Tensor x = Tensor::Of<float>(Shape{4}, {1e30f, 1e30f, 1e-30f, 1e-30f});
  ExpectReduces(ReduceOp::kProd, x, {0}, 1e-6);
}

// x * y + z, of x, one y a column and one z a row, rounded to `type`.
Expr ScaledAndShifted(DType type) {
  Expr e;
  const int product = e.Binary(ExprOp::kMul, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  e.SetResult(e.Cast(e.Binary(ExprOp::kAdd, product, e.Input(2, DType::kFloat32)), type));
  return e;
}

// Without a compiler: a map before the reduction.
TEST(ReduceKernel, PrologueOfEveryFormAndType) {
  for (const DType type : {DType::kFloat32, DType::kFloat16, DType::kInt32}) {
    for (const auto& [shape, axes] : Forms()) {
      SCOPED_TRACE(absl::StrCat(Name(type), " ", shape.ToString(), " axes ", absl::StrJoin(axes, ",")));
      Shape column, row;
      for (int i = 0; i < shape.rank(); ++i) {
        column.push_back(i + 1 == shape.rank() ? shape[i] : 1);
        row.push_back(i + 1 == shape.rank() ? 1 : shape[i]);
      }
      const Tensor x = RandomTensor(DType::kFloat32, shape);
      const Tensor y = RandomTensor(DType::kFloat32, column, 2), z = RandomTensor(DType::kFloat32, row, 3);
      ExpectOpMatches(OpKind::kReduce, ReduceAttrs{ReduceOp::kMean, false, ScaledAndShifted(type)},
                      {x, Axes(axes), y, z}, ToleranceOf(type));
    }
  }
}

TEST(ReduceKernel, TruthsOfAPrologue) {
  Expr less;
  less.Binary(ExprOp::kLess, less.Input(0, DType::kFloat32), less.Input(1, DType::kFloat32));
  for (const ReduceOp op : {ReduceOp::kAny, ReduceOp::kAll}) {
    ExpectOpMatches(OpKind::kReduce, ReduceAttrs{op, false, less},
                    {RandomTensor(DType::kFloat32, Shape{40, 7}), Axes({1}), Tensor::Scalar<float>(-2.0f)});
  }
}

TEST(ArgReduceKernel, EveryFormAndType) {
  const std::pair<Shape, int64_t> forms[] = {{Shape{5, 7}, 1},     {Shape{2, 1000}, 1},  {Shape{50000}, 0},
                                             {Shape{7, 5}, 0},     {Shape{2, 9, 70}, 1}, {Shape{3000, 17}, 0},
                                             {Shape{2, 3, 1}, -1}, {Shape{0, 3}, 1}};
  for (const DType type : RealTypes()) {
    for (const auto& [shape, axis] : forms) {
      for (const bool is_max : {true, false}) {
        SCOPED_TRACE(absl::StrCat(Name(type), " ", shape.ToString(), " axis ", axis));
        const ArgReduceAttrs attrs{is_max, is_max ? DType::kInt64 : DType::kInt32};
        ExpectOpMatches(OpKind::kArgReduce, attrs, {RandomTensor(type, shape), Tensor::Scalar<int64_t>(axis)});
        // Many equals: the first one wins.
        ExpectOpMatches(OpKind::kArgReduce, attrs, {RandomIntegers(type, shape, 0, 2), Tensor::Scalar<int64_t>(axis)});
      }
    }
  }
}

TEST(ArgReduceKernel, NansLose) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::Of<float>(Shape{4, 3}, {kNan, 1, 2,                    //
                                                   kNan, kNan, kNan,              //
                                                   -kInfinity, -kInfinity, kNan,  //
                                                   kNan, -kInfinity, kInfinity});
  for (const bool is_max : {true, false}) {
    for (const int64_t axis : {0, 1}) {
      ExpectOpMatches(OpKind::kArgReduce, ArgReduceAttrs{is_max, DType::kInt64}, {x, Tensor::Scalar<int64_t>(axis)});
    }
  }
}

TEST(ArgReduceKernel, IndexTypes) {
  for (const DType type : {DType::kInt16, DType::kUInt16, DType::kInt32, DType::kInt64}) {
    ExpectOpMatches(OpKind::kArgReduce, ArgReduceAttrs{true, type},
                    {RandomTensor(DType::kFloat32, Shape{3, 50}), Tensor::Scalar<int64_t>(1)});
  }
}

TEST(ReduceKernel, ComplexIsTheHosts) {
  EXPECT_FALSE(HasKernel(OpKind::kReduce, ReduceAttrs{}, {RandomTensor(DType::kComplex128, Shape{3}), Axes({0})}));
}

}  // namespace
}  // namespace moulin::cuda
