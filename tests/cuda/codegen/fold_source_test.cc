// Generated reductions of expressions: what they compute (compiled for the emulator), against the reference and against
// a map followed by a reduction.
#include "cuda/codegen/fold_source.h"

#include "codegen/codegen_testing.h"
#include "codegen/fold_cases.h"

namespace moulin::cuda {
namespace {

std::vector<Tensor> InputsOf(const FoldCase& c) {
  std::vector<Tensor> inputs = c.operands();
  inputs.erase(inputs.begin() + 1);  // the axes are a constant
  return inputs;
}

std::shared_ptr<HostCompiler> CompilerOf(const std::vector<FoldCase>& cases) {
  const auto compiler = std::make_shared<HostCompiler>();
  const Status status = compiler->CompileAll(FoldTexts(cases));
  EXPECT_TRUE(status.ok()) << status;
  return compiler;
}

TEST(FoldSource, EqualsTheReference) {
  const std::vector<FoldCase> cases = AllFoldCases();
  const auto compiler = CompilerOf(cases);
  for (const FoldCase& c : cases) {
    SCOPED_TRACE(c.name());
    ExpectMatchesReference(c.graph(), InputsOf(c), c.tolerance, CompiledBy(compiler));
  }
}

// Threads take the same elements as of a tensor: one at a time, or words of as many.
TEST(FoldSource, HasTheBitsOfAMapAndAReduction) {
  std::vector<FoldCase> cases;
  for (const auto& [shape, axes] : FoldForms()) {
    if (shape[shape.rank() - 1] % 4 == 0 || axes[0] == 0 || shape.rank() > 2) {
      cases.push_back({DType::kFloat32, DType::kFloat32, shape, axes, ReduceOp::kMean});
    }
  }
  ASSERT_GE(cases.size(), 6u);
  const auto compiler = CompilerOf(cases);
  for (const FoldCase& c : cases) {
    SCOPED_TRACE(c.name());
    const auto apart = RunOnEmulator(c.graph(), InputsOf(c));
    const auto fused = RunOnEmulator(c.graph(), InputsOf(c), CompiledBy(compiler));
    ASSERT_TRUE(apart.ok() && fused.ok()) << apart.status() << fused.status();
    ExpectClose(fused->front(), apart->front(), 0);
  }
}

TEST(FoldSource, WrongCodeIsNoticed) {
  const auto expect_noticed = [](const FoldCase& c, const std::string& from, const std::string& to) {
    ExpectNoticed(c.graph(), InputsOf(c), c.tolerance, from, to);
  };
  const FoldCase rows = {DType::kFloat32, DType::kFloat32, Shape{6, 64}, {1}, ReduceOp::kSum, 2e-5};
  expect_noticed(rows, "static_cast<Index>(start + at)", "static_cast<Index>(at)");
  expect_noticed(rows, "i % 64u", "i % 32u");
  const FoldCase columns = {DType::kFloat32, DType::kFloat32, Shape{2, 40, 9}, {1}, ReduceOp::kSum, 2e-5};
  expect_noticed(columns, "scalar::Mul(", "scalar::Add(");
  expect_noticed(columns, "FoldOp::kSum>", "FoldOp::kMax>");
  const FoldCase halves = {DType::kFloat16, DType::kFloat16, Shape{3, 4, 5}, {0, 2}, ReduceOp::kMax};
  expect_noticed(halves, "i / 5u", "i / 4u");  // one b for each 5 elements
}

TEST(FoldKernel, IsAMapAndAReductionWhereNothingCompiles) {
  const FoldCase c = {DType::kFloat16, DType::kFloat32, Shape{20000}, {0}, ReduceOp::kSum, 2e-5};
  ExpectMatchesReference(c.graph(), InputsOf(c), c.tolerance, CompiledBy(std::make_shared<FailingCompiler>()));
  Expr long_one;  // longer than what can be interpreted
  int x = long_one.Input(0, DType::kFloat32);
  for (int i = 0; i < 200; ++i) x = long_one.Binary(ExprOp::kAdd, x, x);
  const Tensor input = RandomTensor(DType::kFloat32, Shape{2}), axes = Tensor::Of<int64_t>(Shape{1}, {0});
  const ReduceAttrs attrs{ReduceOp::kSum, false, long_one};
  const auto got = RunOnEmulator(OneNodeGraph(OpKind::kReduce, attrs, {input, axes}, Input(1)), {input},
                                 CompiledBy(std::make_shared<FailingCompiler>()));
  EXPECT_THAT(std::string(got.status().message()), testing::HasSubstr("no compiler"));
}

int ElementsAtATime(DType type, const Shape& shape, FoldWalk walk) {
  Expr half;
  half.Binary(ExprOp::kMul, half.Input(0, type), half.Constant(type, 0.5));
  const std::vector<Shape> shapes = {shape};
  return MakeFoldSource({{half, shapes, shape}, walk, shape[shape.rank() - 1]})->elements_at_a_time;
}

TEST(FoldSource, ReadsInWordsOfWholeRowsAlone) {
  EXPECT_EQ(ElementsAtATime(DType::kFloat32, Shape{4, 64}, FoldWalk::kRows), 4);
  EXPECT_EQ(ElementsAtATime(DType::kFloat16, Shape{4, 64}, FoldWalk::kRows), 8);
  EXPECT_EQ(ElementsAtATime(DType::kFloat16, Shape{4, 66}, FoldWalk::kRows), 2);
  EXPECT_EQ(ElementsAtATime(DType::kFloat16, Shape{4, 67}, FoldWalk::kRows), 1);
  EXPECT_EQ(ElementsAtATime(DType::kFloat16, Shape{4, 64}, FoldWalk::kColumns), 1);
}

TEST(FoldSource, OtherTypesAreNotCovered) {
  Expr complex;
  complex.Unary(ExprOp::kReal, complex.Input(0, DType::kComplex64));
  const std::vector<Shape> shapes = {Shape{4}};
  EXPECT_FALSE(MakeFoldSource({{complex, shapes, shapes[0]}}).has_value());
}

}  // namespace
}  // namespace moulin::cuda
