// int8 from calibration and from a graph's own FakeQuant nodes, and the gate that refuses what loses too much. On the
// cpu device, for the reference runs graphs as they were imported.
#include "engine/quantization.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_join.h"
#include "engine/describe.h"
#include "tests/engine/engine_testing.h"
#include "tests/support/values.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kSize = 16;

Tensor RandomRows(int64_t rows, uint32_t seed) {
  return Tensor::Of<float>(Shape({rows, kSize}), testing::Values(rows * kSize, seed));
}

NamedTensors Example(uint32_t seed) { return {{"x", RandomRows(5, seed)}}; }

// y = relu(x a) b, and which of its 16 elements is the largest.
std::shared_ptr<Graph> TwoLayers() {
  auto graph = std::make_shared<Graph>();
  GraphBuilder b(graph.get(), Limits());
  const ValueId x = graph->AddInput("x", {DType::kFloat32, PartialShape({kUnknownDim, kSize})});
  graph->AddName(x, "x:0");
  const auto layer = [&](ValueId from, const std::string& name, uint32_t seed) {
    b.SetOrigin(name, "MatMul");
    const Shape shape({kSize, kSize});
    const ValueId weights = b.Constant(Tensor::Of<float>(shape, testing::Values(kSize * kSize, seed)));
    return b.Add(OpKind::kContract, ContractAttrs(), {from, weights});
  };
  const ValueId hidden = b.Unary(ExprOp::kRelu, layer(x, "first", 3));
  graph->AddName(hidden, "hidden:0");
  const ValueId y = layer(hidden, "second", 4);
  graph->AddName(y, "y:0");
  graph->AddOutput("y", y);
  graph->AddOutput("best", b.Add(OpKind::kArgReduce, ArgReduceAttrs(), {y, b.Int(1)}));
  EXPECT_TRUE(b.ok()) << b.status();
  return graph;
}

ModelOptions Int8Options(std::vector<TensorRange> ranges, std::vector<NamedTensors> examples = {}) {
  ModelOptions options;
  options.precision = Precision::kInt8;
  options.quantization.ranges = std::move(ranges);
  options.quantization.examples = std::move(examples);
  return options;
}

class Int8Test : public ::testing::Test {
 protected:
  StatusOr<std::shared_ptr<Model>> Load(const ModelOptions& options) {
    return engine_->impl().LoadGraph(TwoLayers(), "two_layers", options);
  }
  StatusOr<std::vector<TensorRange>> Measure(const std::vector<NamedTensors>& examples) {
    return internal::MeasureRanges(engine_->impl(), *TwoLayers(), examples, {});
  }
  const std::unique_ptr<Engine> engine_ = Engine::Create({.device = "cpu", .threads = 1}).value();
};

TEST_F(Int8Test, MeasuresTheEndsOfEachActivation) {
  const std::vector<NamedTensors> examples = {Example(1), Example(2)};
  const auto ranges = Measure(examples);
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  ASSERT_THAT(*ranges, SizeIs(2));
  EXPECT_EQ((*ranges)[0].tensor, "x:0");
  float min = 0, max = 0;
  for (const NamedTensors& example : examples) {
    for (const float v : example[0].second.values<float>()) {
      min = std::min(min, v);
      max = std::max(max, v);
    }
  }
  EXPECT_EQ((*ranges)[0].min, min);
  EXPECT_EQ((*ranges)[0].max, max);
  EXPECT_EQ((*ranges)[1].tensor, "hidden:0");
  EXPECT_EQ((*ranges)[1].min, 0);
  EXPECT_GT((*ranges)[1].max, 1);
}

TEST_F(Int8Test, RangesAreMeasuredOnSomethingFinite) {
  EXPECT_THAT(Measure({}).status().message(), HasSubstr("E_EMPTY"));
  NamedTensors infinite = Example(1);
  infinite[0].second.mutable_values<float>()[3] = INFINITY;
  EXPECT_THAT(Measure({Example(2), infinite}).status().message(),
              AllOf(HasSubstr("E_VALUE"), HasSubstr("\"x:0\""), HasSubstr("example 1")));
  EXPECT_THAT(Measure({{{"x", RandomRows(0, 1)}}}).value(), IsEmpty());  // no elements: no range
}

TEST_F(Int8Test, WithoutAnyRangeItIsRefused) {
  EXPECT_THAT(Load(Int8Options({})).status().message(), AllOf(HasSubstr("E_OPTION"), HasSubstr("moulin calibrate")));
}

TEST_F(Int8Test, ComputesInInt8AndTellsWhatStays) {
  const auto all = Load(Int8Options(Measure({Example(1)}).value()));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(internal::CountQuantized(*internal::GraphOf(**all)).int8, 2);
  EXPECT_EQ((*all)->stats().quantization_error, 0);  // nothing was checked
  const auto some = Load(Int8Options({{"hidden:0", 0, 8}}));
  ASSERT_TRUE(some.ok()) << some.status();
  const internal::QuantizedProducts products = internal::CountQuantized(*internal::GraphOf(**some));
  EXPECT_EQ(products.int8, 1);
  EXPECT_THAT(products.left, ElementsAre(std::make_pair("first", "the range of its input is not known")));
}

// Two layers, each off by about 1.5 %.
TEST_F(Int8Test, ExamplesAreMeasuredAndChecked) {
  const auto model = Load(Int8Options({}, {Example(1), Example(2)}));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_GT((*model)->stats().quantization_error, 1e-4);
  EXPECT_LT((*model)->stats().quantization_error, 0.05);
  const auto exact = Load({});
  const Tensor expected = (*exact)->Run(Example(1)).value()[0].second;
  const Tensor found = (*model)->Run(Example(1)).value()[0].second;
  double error = 0, size = 0;
  for (int64_t i = 0; i < expected.num_elements(); ++i) {
    error += std::pow(found.values<float>()[i] - expected.values<float>()[i], 2);
    size += std::pow(expected.values<float>()[i], 2);
  }
  EXPECT_GT(error, 0);
  EXPECT_LE(std::sqrt(error / size), (*model)->stats().quantization_error * 1.0001);
}

TEST_F(Int8Test, WhatLosesTooMuchIsRefusedWithTheFigure) {
  ModelOptions strict = Int8Options({}, {Example(1)});
  strict.quantization.max_error = 1e-4;
  const auto refused = Load(strict);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.status().message(), AllOf(HasSubstr("E_ACCURACY"), HasSubstr("output \"y\" on example 0"),
                                                HasSubstr("relative error of 0.0"), HasSubstr("at most 0.0001")));
  // Ranges that are too narrow clamp what is there.
  const auto clamped = Load(Int8Options({{"x:0", -0.1f, 0.1f}, {"hidden:0", 0, 0.1f}}, {Example(1)}));
  EXPECT_THAT(clamped.status().message(), HasSubstr("E_ACCURACY"));
}

TEST_F(Int8Test, OutputsOfOtherTypesAreCounted) {
  ModelOptions options = Int8Options({{"x:0", -0.01f, 0.01f}, {"hidden:0", 0, 0.01f}}, {Example(1)});
  auto graph = TwoLayers();
  graph->SetOutputs({graph->outputs()[1]});
  const auto refused = engine_->impl().LoadGraph(graph, "best", options);
  EXPECT_THAT(refused.status().message(), AllOf(HasSubstr("E_ACCURACY"), HasSubstr("output \"best\"")));
}

// --- a graph with FakeQuant nodes ---

std::string Const(const std::string& name, const std::vector<float>& values, const std::string& shape) {
  return absl::StrCat("node { name: \"", name, "\" op: \"Const\" attr { key: \"dtype\" value { type: DT_FLOAT } } ",
                      "attr { key: \"value\" value { tensor { dtype: DT_FLOAT tensor_shape { ", shape,
                      " } float_val: [", absl::StrJoin(values, ","), "] } } } }\n");
}

std::string NodeOf(const std::string& name, const std::string& op, const std::vector<std::string>& inputs) {
  std::string text = absl::StrCat("node { name: \"", name, "\" op: \"", op, "\" ");
  for (const std::string& input : inputs) absl::StrAppend(&text, "input: \"", input, "\" ");
  return text;
}

// y = FakeQuant(x) w. Both lie on the steps of int8: x by FakeQuant with a symmetric range of 254 steps, w because its
// columns are whole numbers up to 127. Then int8 loses nothing.
TEST_F(Int8Test, FakeQuantNodesTellTheRanges) {
  const std::string path = (std::filesystem::path(::testing::TempDir()) / "moulin_fake_quant.pbtxt").string();
  std::vector<float> weights;
  for (int64_t i = 0; i < kSize * kSize; ++i) weights.push_back(static_cast<float>(i * 37 % 255 - 127));
  for (int64_t i = 0; i < kSize; ++i) weights[i] = 127;
  const std::string float_type = "attr { key: \"T\" value { type: DT_FLOAT } } }\n";
  std::ofstream(path) << "node { name: \"x\" op: \"Placeholder\" attr { key: \"dtype\" value { type: DT_FLOAT } } "
                         "attr { key: \"shape\" value { shape { dim { size: -1 } dim { size: 16 } } } } }\n"
                      << Const("least", {-2}, "") << Const("most", {2}, "")
                      << Const("w", weights, "dim { size: 16 } dim { size: 16 }")
                      << NodeOf("q", "FakeQuantWithMinMaxVars", {"x", "least", "most"})
                      << "attr { key: \"narrow_range\" value { b: true } } }\n"
                      << NodeOf("y", "MatMul", {"q", "w"}) << float_type;
  ModelOptions options;
  options.precision = Precision::kInt8;
  options.quantization.examples = {{{"x", RandomRows(7, 5)}}};
  options.quantization.max_error = 1e-6;
  const auto model = engine_->Load(path, options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(internal::CountQuantized(*internal::GraphOf(**model)).int8, 1);
  // What the graph says goes before what others say.
  options.quantization.ranges = {{"q:0", -1000, 1000}};
  EXPECT_TRUE(engine_->Load(path, options).ok());
  EXPECT_THAT(engine_->Calibrate(path, options.quantization.examples).value(), IsEmpty());
  std::filesystem::remove(path);
}

TEST_F(Int8Test, CalibrateNamesTheFile) {
  EXPECT_THAT(engine_->Calibrate("/no/such/model.pb", {Example(1)}).status().message(),
              AllOf(HasSubstr("E_FILE"), HasSubstr("model.pb")));
}

}  // namespace
}  // namespace moulin
