// Reductions and normalisations of expressions, to be computed by generated kernels.
#ifndef MOULIN_TESTS_CUDA_CODEGEN_PROLOGUE_CASES_H_
#define MOULIN_TESTS_CUDA_CODEGEN_PROLOGUE_CASES_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cuda/codegen/prologue_source.h"
#include "kernel_testing.h"

namespace moulin::cuda {

// x is [outer, size, inner], folded or normalised along `size`; inner is 1 but for columns.
struct PrologueCase {
  PrologueReader reader = PrologueReader::kSoftmax;
  DType from = DType::kFloat32, result = DType::kFloat32;  // of x, and of the expression
  int64_t outer = 1, size = 1, inner = 1;
  double tolerance = 0;      // of sums of some hundred terms of magnitude 4 in float32, rounded to the result's type
  int words = 1;             // in registers; softmax and layer norm
  bool is_log = false;       // softmax
  FoldOp op = FoldOp::kSum;  // reductions
  int64_t chunk = 0;         // reductions in parts; 0: in one

  bool is_fold() const { return reader == PrologueReader::kFoldRows || reader == PrologueReader::kFoldColumns; }
  Shape shape() const { return inner == 1 ? Shape{outer, size} : Shape{outer, size, inner}; }
  std::string name() const {
    return absl::StrCat("reader ", static_cast<int>(reader), " ", Name(from), " to ", Name(result), " ",
                        shape().ToString(), " words ", words, " log ", is_log, " op ", static_cast<int>(op));
  }
};

// x * a + b, rounded to `result`, x being of type `from` and the others float32.
inline Expr ScaledAndShifted(DType from, DType result) {
  Expr e;
  const int x = e.Cast(e.Input(0, from), DType::kFloat32);
  const int product = e.Binary(ExprOp::kMul, x, e.Input(1, DType::kFloat32));
  e.SetResult(e.Cast(e.Binary(ExprOp::kAdd, product, e.Input(2, DType::kFloat32)), result));
  return e;
}

// x, and the further operands of that: one a column, and one a row.
inline std::vector<Tensor> OperandsOf(const PrologueCase& c) {
  const Shape x = c.shape();
  Shape column, row;
  for (int i = 0; i < x.rank(); ++i) {
    const bool is_last = i + 1 == x.rank();
    column.push_back(is_last ? x[i] : 1);
    row.push_back(is_last ? 1 : x[i]);
  }
  return {c.from == DType::kUInt8 ? RandomIntegers(c.from, x, 0, 5) : RandomTensor(c.from, x),
          RandomTensor(DType::kFloat32, column, 7), RandomTensor(DType::kFloat32, row, 8)};
}

// Calls f(problem) with the case's problem, which refers to what lives no longer than that call.
template <typename F>
auto WithProblem(const PrologueCase& c, const F& f) {
  const Expr expr = ScaledAndShifted(c.from, c.result);
  std::vector<Shape> shapes;
  for (const Tensor& operand : OperandsOf(c)) shapes.push_back(operand.shape());
  PrologueProblem problem = {{expr, shapes, c.shape()}, c.reader};
  problem.row_size = c.size;
  problem.words = c.words;
  problem.parameter = DType::kFloat32;
  problem.op = c.op;
  return f(problem);
}
inline PrologueSource SourceOf(const PrologueCase& c) {
  return WithProblem(c, [](const PrologueProblem& problem) { return *MakePrologueSource(problem); });
}

inline std::vector<PrologueCase> RowCases(const PrologueCase& types) {
  std::vector<PrologueCase> cases;
  for (const int64_t size : {7, 64, 129, 2048}) {
    for (const int words : {1, 4}) {
      PrologueCase c = types;
      c.outer = size == 64 ? 10 : 3;
      c.size = size;
      c.words = words;
      cases.push_back(c);
      c.is_log = true;
      cases.push_back(c);
      c.reader = PrologueReader::kLayerNorm;
      c.tolerance *= 8;
      cases.push_back(c);
    }
  }
  return cases;
}

inline std::vector<PrologueCase> FoldCases(const PrologueCase& types) {
  std::vector<PrologueCase> cases;
  for (const FoldOp op : {FoldOp::kSum, FoldOp::kProd, FoldOp::kMax, FoldOp::kMin}) {
    PrologueCase c = types;
    c.op = op;
    c.reader = PrologueReader::kFoldRows;
    c.outer = 5;
    c.size = op == FoldOp::kProd ? 9 : 33;  // beyond which a product leaves float16
    cases.push_back(c);
    c.size = op == FoldOp::kProd ? 8 : 64;
    cases.push_back(c);
    c.reader = PrologueReader::kFoldColumns;
    c.inner = 9;
    c.size = op == FoldOp::kProd ? 7 : 40;
    cases.push_back(c);
  }
  if (types.result != DType::kFloat32) return cases;  // sums of parts are float32
  PrologueCase parts = types;
  parts.reader = PrologueReader::kFoldRows;
  parts.outer = 2;
  parts.size = 1000;
  parts.chunk = 304;
  cases.push_back(parts);
  return cases;
}

// Rows of whole words and not, in one word a thread and in several; columns; parts; types that are cast on the way.
inline std::vector<PrologueCase> AllPrologueCases() {
  std::vector<PrologueCase> cases;
  for (const PrologueCase& types :
       {PrologueCase{.from = DType::kFloat32, .result = DType::kFloat32, .tolerance = 2e-5},
        PrologueCase{.from = DType::kFloat16, .result = DType::kFloat32, .tolerance = 2e-5},
        PrologueCase{.from = DType::kUInt8, .result = DType::kFloat32, .tolerance = 2e-5},
        PrologueCase{.from = DType::kFloat16, .result = DType::kFloat16, .tolerance = 0x1p-9},
        PrologueCase{.from = DType::kFloat32, .result = DType::kBFloat16, .tolerance = 0x1p-6}}) {
    for (const PrologueCase& c : RowCases(types)) cases.push_back(c);
    for (const PrologueCase& c : FoldCases(types)) cases.push_back(c);
  }
  return cases;
}

}  // namespace moulin::cuda

#endif  // MOULIN_TESTS_CUDA_CODEGEN_PROLOGUE_CASES_H_
