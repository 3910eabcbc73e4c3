// Reductions of expressions, to be computed by generated kernels.
#ifndef MOULIN_TESTS_CUDA_CODEGEN_FOLD_CASES_H_
#define MOULIN_TESTS_CUDA_CODEGEN_FOLD_CASES_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cuda/codegen/fold_source.h"
#include "kernel_testing.h"

namespace moulin::cuda {

// x * a + b, x being of type `from` and the others float32, rounded to `to`, reduced along `axes`.
struct FoldCase {
  DType from = DType::kFloat32, to = DType::kFloat32;
  Shape shape;
  std::vector<int64_t> axes;
  ReduceOp op = ReduceOp::kSum;
  double tolerance = 0;  // as in tests/cuda/kernels/reduce_test.cc

  std::string name() const {
    return absl::StrCat(Name(from), " to ", Name(to), " ", shape.ToString(), " axes ", absl::StrJoin(axes, ","), " op ",
                        static_cast<int>(op));
  }
  ReduceAttrs attrs() const {
    Expr e;
    const int x = e.Cast(e.Input(0, from), DType::kFloat32);
    const int product = e.Binary(ExprOp::kMul, x, e.Input(1, DType::kFloat32));
    e.SetResult(e.Cast(e.Binary(ExprOp::kAdd, product, e.Input(2, DType::kFloat32)), to));
    return {op, /*keep_dims=*/false, e};
  }
  // x, the axes, one a for each column, and one b for each row.
  std::vector<Tensor> operands() const {
    Shape column, row;
    for (int i = 0; i < shape.rank(); ++i) {
      const bool is_last = i + 1 == shape.rank();
      column.push_back(is_last ? shape[i] : 1);
      row.push_back(is_last ? 1 : shape[i]);
    }
    return {from == DType::kUInt8 ? RandomIntegers(from, shape, 0, 5) : RandomTensor(from, shape),
            Tensor::Of<int64_t>(Shape{static_cast<int64_t>(axes.size())}, axes),
            RandomTensor(DType::kFloat32, column, 7), RandomTensor(DType::kFloat32, row, 8)};
  }
  Graph graph() const { return OneNodeGraph(OpKind::kReduce, attrs(), operands(), Input(1)); }
};

// Rows of whole words and not, of one warp and several, and in parts; columns; neither.
inline const std::vector<std::pair<Shape, std::vector<int64_t>>>& FoldForms() {
  static const auto* const forms = new std::vector<std::pair<Shape, std::vector<int64_t>>>{
      {Shape{5, 33}, {1}},    {Shape{10, 64}, {1}},   {Shape{2, 2048}, {1}},    {Shape{20000}, {0}},
      {Shape{2, 40, 9}, {1}}, {Shape{3000, 17}, {0}}, {Shape{3, 4, 5}, {0, 2}},
  };
  return *forms;
}

inline std::vector<FoldCase> AllFoldCases() {
  std::vector<FoldCase> cases;
  for (const FoldCase& types : {FoldCase{.tolerance = 2e-5}, FoldCase{.from = DType::kUInt8, .tolerance = 2e-5},
                                FoldCase{DType::kFloat16, DType::kFloat16, {}, {}, ReduceOp::kSum, 0x1p-9},
                                FoldCase{DType::kFloat32, DType::kBFloat16, {}, {}, ReduceOp::kMean, 0x1p-6},
                                FoldCase{DType::kFloat32, DType::kInt32}}) {
    for (const auto& [shape, axes] : FoldForms()) {
      FoldCase c = types;
      c.shape = shape;
      c.axes = axes;
      cases.push_back(c);
    }
  }
  for (const ReduceOp op : {ReduceOp::kMax, ReduceOp::kMin, ReduceOp::kMean, ReduceOp::kProd}) {
    const bool is_exact = op == ReduceOp::kMax || op == ReduceOp::kMin;
    cases.push_back({DType::kFloat32, DType::kFloat32, Shape{6, 12}, {1}, op, is_exact ? 0 : 2e-5});
    cases.push_back({DType::kFloat32, DType::kFloat64, Shape{6, 12}, {0}, op, is_exact ? 0 : 1e-13});
  }
  for (const ReduceOp op : {ReduceOp::kAny, ReduceOp::kAll}) {
    cases.push_back({DType::kUInt8, DType::kBool, Shape{6, 12}, {1}, op});
  }
  return cases;
}

// Keeps what it is to compile.
class TextCollector : public KernelCompiler {
 public:
  void Prefetch(const KernelText& source) override { texts.push_back(source); }
  StatusOr<const void*> Load(const KernelText&) override { return absl::UnimplementedError("compiles nothing"); }
  std::vector<KernelText> texts;
};

// The texts that the device's kernels for these are made of.
inline std::vector<KernelText> FoldTexts(const std::vector<FoldCase>& cases) {
  const auto collector = std::make_shared<TextCollector>();
  const auto context = EmulatedContext();
  context->compiler = collector;
  for (const FoldCase& c : cases) {
    const Graph graph = c.graph();
    const auto kernel = FactoryFor(OpKind::kReduce)(KernelRequest{{graph, graph.node(0)}, context});
    EXPECT_TRUE(kernel.ok() && *kernel != nullptr) << c.name();
  }
  EXPECT_EQ(collector->texts.size(), cases.size());
  return collector->texts;
}

}  // namespace moulin::cuda

#endif  // MOULIN_TESTS_CUDA_CODEGEN_FOLD_CASES_H_
