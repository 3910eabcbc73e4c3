// Generated elementwise kernels: what they compute (compiled for the emulator), and that NVRTC takes them.
#include "cuda/codegen/map_source.h"

#include "codegen/codegen_testing.h"
#include "codegen/expr_cases.h"
#include "cuda/map_kernel.h"

namespace moulin::cuda {
namespace {

std::vector<ExprCase> AllCases() {
  std::vector<ExprCase> cases = AllOpCases();
  for (ExprCase& c : AllBroadcastCases()) cases.push_back(std::move(c));
  return cases;
}

std::optional<MapSource> SourceOf(const ExprCase& c) {
  const Graph graph = GraphOf(c);
  std::vector<Shape> shapes;
  for (const Tensor& input : c.inputs) shapes.push_back(input.shape());
  return MakeMapSource({c.expr, shapes, graph.value(graph.outputs()[0].value).type.shape.ToShape()});
}

TEST(MapSource, EqualsTheReference) {
  const std::vector<ExprCase> cases = AllCases();
  std::vector<KernelText> sources;
  for (const ExprCase& c : cases) {
    const std::optional<MapSource> map = SourceOf(c);
    ASSERT_TRUE(map.has_value()) << c.name;
    sources.push_back(map->source);
  }
  const auto compiler = std::make_shared<HostCompiler>();
  const Status status = compiler->CompileAll(sources);
  ASSERT_TRUE(status.ok()) << status;
  for (const ExprCase& c : cases) {
    SCOPED_TRACE(c.name);
    ExpectMatchesReference(GraphOf(c), c.inputs, 0, CompiledBy(compiler));
  }
}

void ExpectNoticed(const ExprCase& c, const std::string& from, const std::string& to) {
  cuda::ExpectNoticed(GraphOf(c), c.inputs, 0, from, to);
}

TEST(MapSource, WrongCodeIsNoticed) {
  const ExprCase channels = BroadcastCase(DType::kFloat32, {Shape{2, 5, 5, 16}, Shape{2, 1, 1, 16}, Shape{16}});
  ExpectNoticed(channels, "i % 16u + i / 400u * 16u", "i % 16u");
  ExpectNoticed(channels, "scalar::Mul(t0, t1)", "scalar::Add(t0, t1)");
  ExpectNoticed(BroadcastCase(DType::kFloat16, {Shape{1021}, Shape{1021}, Shape{1021}}),
                "map::RoundToFloat16(scalar::Mul(t0, t1))", "scalar::Mul(t0, t1)");
  ExpectNoticed(BroadcastCase(DType::kFloat32, {Shape{1021}, Shape{1021}}), "(y, first, size, words, r)",
                "(y, first, size + 4u, words, r)");
}

TEST(MapKernel, IsInterpretedWhereNothingCompiles) {
  const ExprCase c = BroadcastCase(DType::kFloat32, {Shape{4, 7}, Shape{7}});
  ExpectMatchesReference(GraphOf(c), c.inputs, 0, CompiledBy(std::make_shared<FailingCompiler>()));
  Expr long_one;  // longer than what can be interpreted
  int x = long_one.Input(0, DType::kFloat32);
  for (int i = 0; i < 200; ++i) x = long_one.Binary(ExprOp::kAdd, x, x);
  const Tensor input = RandomTensor(DType::kFloat32, Shape{2});
  const auto got =
      RunOnEmulator(GraphOf({"", long_one, {input}}), {input}, CompiledBy(std::make_shared<FailingCompiler>()));
  EXPECT_NE(std::string(got.status().message()).find("no compiler"), std::string::npos) << got.status();
}

// As an epilogue is run: some inputs may not be there, and the result may lie on one.
TEST(MapKernel, OfAnExpressionByItself) {
  Expr expr;
  expr.Binary(ExprOp::kAdd, expr.Input(0, DType::kFloat32), expr.Input(2, DType::kFloat32));
  const TensorType types[] = {{DType::kFloat32, Shape{2, 3}}, {DType::kFloat32, Shape{7}}, {DType::kFloat32, Shape{3}}};
  std::vector<float> x = {1, 2, 3, 4, 5, 6}, bias = {10, 20, 30};
  for (const bool is_generated : {false, true}) {
    const auto context = EmulatedContext();
    if (is_generated) context->compiler = std::make_shared<HostCompiler>();
    const auto kernel = MakeExprKernel(context, expr, types, types[0]);
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    EXPECT_TRUE((*kernel)->can_run_in_place(0));
    EXPECT_FALSE((*kernel)->can_run_in_place(2));
    const void* const inputs[] = {x.data(), nullptr, bias.data()};
    void* const outputs[] = {x.data()};
    const Status status = (*kernel)->Enqueue({context->api, nullptr, inputs, outputs, nullptr});
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_THAT(x, ::testing::ElementsAre(21, 42, 63, 24, 45, 66));
}

TEST(MapSource, TextsDoNotDependOnShapesThatDoNotMatter) {
  const auto text = [](const std::vector<Shape>& shapes) {
    return SourceOf(BroadcastCase(DType::kFloat32, shapes))->source.text;
  };
  EXPECT_EQ(text({Shape{4, 8}, Shape{4, 8}}), text({Shape{7}, Shape{7}}));
  EXPECT_EQ(text({Shape{4, 8}, Shape{}}), text({Shape{7}, Shape{1}}));
  EXPECT_EQ(text({Shape{2, 4, 8}, Shape{8}}), text({Shape{8, 8}, Shape{1, 8}}));
  EXPECT_NE(text({Shape{4, 8}, Shape{8}}), text({Shape{4, 16}, Shape{16}}));
  EXPECT_EQ(SourceOf(BroadcastCase(DType::kFloat32, {Shape{7}, Shape{7}}))->elements_a_thread, 4);
}

TEST(MapSource, ManyElementsHave64BitIndices) {
  Expr expr;
  expr.Binary(ExprOp::kAdd, expr.Input(0, DType::kInt8), expr.Input(1, DType::kInt8));
  const Shape big = {1 << 15, 1 << 15, 4};
  EXPECT_NE(MakeMapSource({expr, {big, Shape{4}}, big})->source.text.find("Index = uint64_t"), std::string::npos);
  EXPECT_NE(MakeMapSource({expr, {Shape{4}, Shape{4}}, Shape{4}})->source.text.find("Index = uint32_t"),
            std::string::npos);
}

TEST(MapSource, OtherTypesAreNotCovered) {
  Expr complex;
  complex.Unary(ExprOp::kNeg, complex.Input(0, DType::kComplex64));
  EXPECT_FALSE(MakeMapSource({complex, {Shape{4}}, Shape{4}}).has_value());
  Expr strings;
  strings.Binary(ExprOp::kEqual, strings.Input(0, DType::kString), strings.Input(1, DType::kString));
  EXPECT_FALSE(MakeMapSource({strings, {Shape{4}, Shape{4}}, Shape{4}}).has_value());
  Expr parts;
  parts.Unary(ExprOp::kReal,
              parts.Binary(ExprOp::kComplex, parts.Input(0, DType::kFloat32), parts.Input(1, DType::kFloat32)));
  EXPECT_FALSE(MakeMapSource({parts, {Shape{4}, Shape{4}}, Shape{4}}).has_value());
}

}  // namespace
}  // namespace moulin::cuda
