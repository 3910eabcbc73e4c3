#include "ops/control.h"

#include "ops/graph_builder.h"
#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

// A graph of one argument whose result `make` adds.
template <typename Make>
std::shared_ptr<const Graph> Region(const TensorType& arg, Make make) {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", arg);
  graph->AddOutput("y", make(b, x));
  EXPECT_TRUE(b.ok()) << b.status();
  return graph;
}

const TensorType kVector = {DType::kFloat32, {kUnknownDim}};

std::shared_ptr<const Graph> Twice() {  // the vector twice over
  return Region(kVector, [](GraphBuilder& b, ValueId x) { return b.Concat({x, x}, 0); });
}
std::shared_ptr<const Graph> Negated() {
  return Region(kVector, [](GraphBuilder& b, ValueId x) { return b.Unary(ExprOp::kNeg, x); });
}
std::shared_ptr<const Graph> IsPositive() {
  return Region(kVector, [](GraphBuilder& b, ValueId x) {
    return b.Binary(ExprOp::kGreater, b.Reduce(ReduceOp::kSum, x, {0}, false), b.Scalar(DType::kFloat32, 0));
  });
}

TEST(CommonShapeTest, KeepsWhatBothSay) {
  EXPECT_EQ(CommonShape({2, 3}, {2, 3}), (PartialShape{2, 3}));
  EXPECT_EQ(CommonShape({2, 3}, {2, 4}), (PartialShape{2, kUnknownDim}));
  EXPECT_FALSE(CommonShape({2, 3}, {2}).has_rank());
  const PartialShape unknown;
  EXPECT_FALSE(CommonShape(unknown, {2}).has_rank());
}

TEST(BranchOfTest, AnIndexOfNoneTakesTheLast) {
  EXPECT_EQ(BranchOf(0, 3), 0);
  EXPECT_EQ(BranchOf(2, 3), 2);
  EXPECT_EQ(BranchOf(3, 3), 2);
  EXPECT_EQ(BranchOf(-1, 3), 2);
}

TEST(CaseTest, ResultsHaveWhatAllBranchesSay) {
  const Operand index(Tensor::Scalar<int32_t>(0));
  EXPECT_EQ(Inferred(OpKind::kCase, CaseAttrs{{Twice(), Negated()}}, {index, {DType::kFloat32, {3}}}), "f32[?]");
  EXPECT_EQ(Inferred(OpKind::kCase, CaseAttrs{{Negated(), Negated()}}, {index, {DType::kFloat32, {3}}}), "f32[3]");
}

TEST(CaseTest, ABranchThatCannotRunIsNoErrorUntilItIsTaken) {
  const auto fails = Region(kVector, [](GraphBuilder& b, ValueId x) {
    return b.Binary(ExprOp::kAdd, x, b.Constant(Tensor::Of<float>(Shape{2}, {1, 2})));
  });
  const Operand index(Tensor::Scalar<int32_t>(0));
  EXPECT_EQ(Inferred(OpKind::kCase, CaseAttrs{{fails, Negated()}}, {index, {DType::kFloat32, {3}}}),
            "f32<unknown rank>");
}

TEST(CaseTest, TheIndexIsAnInt32Scalar) {
  const CaseAttrs choice{{Negated()}};
  EXPECT_THAT(InferOp(OpKind::kCase, choice, {Tensor::Scalar<float>(0), {DType::kFloat32, {3}}}).status().message(),
              HasSubstr("E_DTYPE"));
  EXPECT_THAT(InferOp(OpKind::kCase, choice, {{DType::kInt32, {2}}, {DType::kFloat32, {3}}}).status().message(),
              HasSubstr("E_SHAPE"));
}

TEST(WhileTest, VariablesThatGrowHaveNoKnownSize) {
  EXPECT_EQ(Inferred(OpKind::kWhile, WhileAttrs{IsPositive(), Twice()}, {{DType::kFloat32, {3}}}), "f32[?]");
  EXPECT_EQ(Inferred(OpKind::kWhile, WhileAttrs{IsPositive(), Negated()}, {{DType::kFloat32, {3}}}), "f32[3]");
}

TEST(WhileTest, TheConditionIsOneTruthValue) {
  EXPECT_THAT(InferOp(OpKind::kWhile, WhileAttrs{Negated(), Negated()}, {{DType::kFloat32, {3}}}).status().message(),
              HasSubstr("the condition of a loop"));
}

TEST(InferRegionTest, ArgumentsAreChecked) {
  const std::vector<TensorType> two = {kVector, kVector};
  EXPECT_THAT(InferRegion(*Negated(), two, Limits()).status().message(), HasSubstr("E_ARITY"));
  const std::vector<TensorType> ints = {{DType::kInt32, {3}}};
  EXPECT_THAT(InferRegion(*Negated(), ints, Limits()).status().message(), HasSubstr("E_DTYPE"));
}

}  // namespace
}  // namespace moulin::testing
