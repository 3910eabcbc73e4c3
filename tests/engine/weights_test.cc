// Weights that the CPU's kernels have packed are in memory once.
#include "engine/weights.h"

#include <filesystem>
#include <thread>

#include "engine/model_impl.h"
#include "formats/graphdef.h"
#include "formats/tensor_proto.h"
#include "tests/engine/engine_testing.h"

namespace moulin {
namespace {

constexpr int64_t kSide = 300;  // a weight of 360 kB

Tensor Weight() {
  Tensor t = Tensor::Allocate(DType::kFloat32, Shape({kSide, kSide})).value();
  for (int64_t i = 0; i < kSide * kSide; ++i) t.mutable_values<float>()[i] = static_cast<float>(i % 7);
  return t;
}
// The first element of the product of ones and the weight.
float ExpectedFirst() {
  float sum = 0;
  for (int64_t i = 0; i < kSide; ++i) sum += static_cast<float>((i * kSide) % 7);
  return sum;
}

tf::NodeDef* AddNode(tf::GraphDef* graph, const std::string& name, const std::string& op, const char* type,
                     const std::vector<std::string>& inputs) {
  tf::NodeDef* node = graph->add_node();
  node->set_name(name);
  node->set_op(op);
  (*node->mutable_attr())[type].set_type(tf::DT_FLOAT);
  for (const std::string& input : inputs) node->add_input(input);
  return node;
}

// A file with y = x w, and z = w * x where `is_read`.
class WeightsTest : public ::testing::Test {
 protected:
  WeightsTest()
      : path_(
            (std::filesystem::path(::testing::TempDir()) /
             (std::string("moulin_weights_") + ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".pb"))
                .string()) {}
  ~WeightsTest() override { std::filesystem::remove(path_); }

  void Write(bool is_read) const {
    tf::GraphDef graph;
    tf::NodeDef* x = AddNode(&graph, "x", "Placeholder", "dtype", {});
    ShapeToProto(PartialShape({kUnknownDim, kSide}), (*x->mutable_attr())["shape"].mutable_shape());
    tf::NodeDef* w = AddNode(&graph, "w", "Const", "dtype", {});
    TensorToProto(Weight(), (*w->mutable_attr())["value"].mutable_tensor());
    AddNode(&graph, "y", "MatMul", "T", {"x", "w"});
    if (is_read) AddNode(&graph, "z", "Mul", "T", {"w", "x"});
    ASSERT_TRUE(WriteGraphDef(graph, path_).ok());
  }
  std::shared_ptr<Model> Load(Engine& engine) const {
    auto model = engine.Load(path_);
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  }
  static int64_t Released(Model& model) { return model.impl().program()->weights()->released_bytes(); }
  static float First(Model& model, int64_t rows) { return FirstValue(model.Run({{"x", Ones(rows, kSide)}}, {"y"})); }

  const std::string path_;
};

TEST_F(WeightsTest, PackedOnesAreReleasedAndComeBack) {
  Write(false);
  const auto engine = Engine::Create({.device = "cpu", .threads = 1}).value();
  const auto model = Load(*engine);
  EXPECT_EQ(Released(*model), 0);
  EXPECT_EQ(First(*model, 4), ExpectedFirst());
  if (Released(*model) == 0) GTEST_SKIP() << "this CPU's kernels take the weight as it is";
  EXPECT_EQ(Released(*model), Weight().byte_size());
  EXPECT_LT(model->stats().constant_bytes, 2 * Weight().byte_size());
  // Other shapes, whose plans may want the weight packed otherwise or not at all.
  for (const int64_t rows : {1, 40, 4, 3}) EXPECT_EQ(First(*model, rows), ExpectedFirst()) << rows;
  // Whoever looks at the graph finds the elements as they were.
  const std::shared_ptr<const Graph> graph = model->impl().program()->shared_graph();
  EXPECT_EQ(Released(*model), 0);
  for (ValueId v = 0; v < graph->num_values(); ++v) {
    const Tensor& constant = graph->value(v).constant;
    if (!constant.is_valid() || constant.num_elements() != kSide * kSide) continue;
    EXPECT_EQ(constant.values<float>(), Weight().values<float>());
  }
  EXPECT_EQ(First(*model, 5), ExpectedFirst());
  EXPECT_EQ(Released(*model), 0) << "somebody may still be looking";
}

TEST_F(WeightsTest, WhatAnotherKernelReadsIsKept) {
  Write(true);
  const auto engine = Engine::Create({.device = "cpu", .threads = 1}).value();
  const auto model = Load(*engine);
  EXPECT_EQ(First(*model, 1), ExpectedFirst());
  EXPECT_EQ(Released(*model), 0);
}

TEST_F(WeightsTest, TheReferenceReadsThem) {
  Write(false);
  const auto engine = ReferenceEngine();
  const auto model = Load(*engine);
  EXPECT_EQ(First(*model, 2), ExpectedFirst());
  EXPECT_EQ(Released(*model), 0);
}

// Plans are made while others run.
TEST_F(WeightsTest, ThreadsWithShapesOfTheirOwn) {
  Write(false);
  const auto engine = Engine::Create({.device = "cpu", .threads = 1, .plan_cache_entries = 2}).value();
  const auto model = Load(*engine);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t rows = 1; rows < 8; ++rows) EXPECT_EQ(First(*model, rows + t), ExpectedFirst());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A plan that reads a constant, and one whose kernels have a copy of it.
class Bytes : public TensorCopy {
 public:
  explicit Bytes(const Tensor& t) : bytes_(static_cast<const char*>(t.data()), t.byte_size()) {}
  void Restore(void* to) const override { std::memcpy(to, bytes_.data(), bytes_.size()); }

 private:
  const std::string bytes_;
};

class WeightsSessionTest : public ::testing::Test {
 protected:
  using Weights = internal::Weights;
  // A plan that reads the constant `w` of `graph`.
  static Plan Reader(const Graph& graph, ValueId w) {
    Plan plan;
    plan.graph = std::make_shared<Graph>(graph);
    plan.buffers.push_back({BufferKind::kConstant, w, 0, graph.value(w).constant.byte_size(), MemorySpace::kHost, 0});
    Step copy;
    copy.kind = StepKind::kCopy;
    copy.reads = {0};
    copy.writes = {0};
    plan.steps.push_back(copy);
    return plan;
  }

  const std::shared_ptr<internal::WeightStore> store = std::make_shared<internal::WeightStore>();
  const Tensor weight = Weight();
  const std::vector<Tensor> all = {weight};
  const std::shared_ptr<const Bytes> copy = std::make_shared<Bytes>(weight);
};

TEST_F(WeightsSessionTest, ReadersKeepThem) {
  Graph graph;
  const ValueId w = graph.AddConstant(weight, "w");
  const auto weights = Weights::Of(store, &graph);
  std::shared_ptr<const void> kept;
  {
    Weights::Session session(weights, all);
    kept = session.Keep(Reader(graph, w));
    session.Release(weight, copy);
  }
  EXPECT_EQ(weights->released_bytes(), 0);
  kept.reset();
  {
    Weights::Session session(weights, all);
    session.Release(weight, copy);
    session.Release(Weight(), copy);  // not one of them
  }
  EXPECT_EQ(weights->released_bytes(), weight.byte_size());
  weights->KeepAll();
  EXPECT_EQ(weight.values<float>(), Weight().values<float>());
  Weights::Session(weights, all).Release(weight, copy);
  EXPECT_EQ(weights->released_bytes(), 0);
}

TEST_F(WeightsSessionTest, TheLastSessionReleasesThem) {
  const auto weights = Weights::Of(store, all);
  auto first = std::make_unique<Weights::Session>(weights, all);
  auto second = std::make_unique<Weights::Session>(weights, all);
  first->Release(weight, copy);
  first.reset();
  EXPECT_EQ(weights->released_bytes(), 0);
  EXPECT_EQ(weight.values<float>(), Weight().values<float>());
  second.reset();
  EXPECT_EQ(weights->released_bytes(), weight.byte_size());
  // A new session finds them again, and one that keeps them has the last word.
  first = std::make_unique<Weights::Session>(weights, all);
  EXPECT_EQ(weight.values<float>(), Weight().values<float>());
  second = std::make_unique<Weights::Session>(weights, all);
  first->Release(weight, copy);
  weights->KeepAlways(all);
  first.reset();
  second.reset();
  EXPECT_EQ(weights->released_bytes(), 0);
}

TEST_F(WeightsSessionTest, EqualOnesAreOne) {
  Graph first, second, other;
  const ValueId a = first.AddConstant(weight, "a");
  const auto first_weights = Weights::Of(store, &first);
  Weights::Session(first_weights, all).Release(weight, copy);
  ASSERT_EQ(first_weights->released_bytes(), weight.byte_size());
  // Equal elements, under another shape: the first one's memory, which is brought back.
  const ValueId b = second.AddConstant(Weight().Reshaped(Shape({kSide * kSide})), "b");
  const auto second_weights = Weights::Of(store, &second);
  EXPECT_EQ(second.value(b).constant.data(), first.value(a).constant.data());
  EXPECT_EQ(second.value(b).constant.shape(), Shape({kSide * kSide}));
  EXPECT_EQ(weight.values<float>(), Weight().values<float>());
  // One element differs, which the digest does not see.
  Tensor almost = Weight();
  almost.mutable_values<float>()[kSide + 1] = 77;
  Weights::Session(first_weights, all).Release(weight, copy);
  const ValueId c = other.AddConstant(almost, "c");
  const auto other_weights = Weights::Of(store, &other);
  EXPECT_EQ(other.value(c).constant.data(), almost.data());
  EXPECT_EQ(first_weights->released_bytes(), weight.byte_size());
  // Two of a graph stay two: each may be packed in a form of its own.
  Graph twins;
  twins.AddConstant(Weight(), "d");
  twins.AddConstant(Weight(), "e");
  const auto twins_weights = Weights::Of(store, &twins);
  EXPECT_EQ(twins.value(0).constant.data(), weight.data());
  EXPECT_NE(twins.value(1).constant.data(), weight.data());
}

// Models come and go, and their plans are made, while others with the same weights do the same.
TEST_F(WeightsSessionTest, ThreadsShareThem) {
  const Tensor expected = Weight();
  const auto come_and_go = [&] {
    for (int i = 0; i < 20; ++i) {
      Graph graph;
      const ValueId w = graph.AddConstant(Weight(), "w");
      const auto weights = Weights::Of(store, &graph);
      for (int plan = 0; plan < 3; ++plan) {
        const std::vector<Tensor> constants = internal::LargeConstants(graph);
        Weights::Session session(weights, constants);
        EXPECT_EQ(constants[0].values<float>(), expected.values<float>());
        const std::shared_ptr<const void> kept = plan == 1 ? session.Keep(Reader(graph, w)) : nullptr;
        session.Release(constants[0], copy);
        if (kept == nullptr) continue;
        EXPECT_EQ(constants[0].values<float>(), expected.values<float>());
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) threads.emplace_back(come_and_go);
  for (std::thread& thread : threads) thread.join();
}

TEST_F(WeightsSessionTest, TheyGoWithTheLastModel) {
  std::weak_ptr<const void> memory;
  {
    Graph graph;
    const auto block = std::make_shared<std::vector<float>>(kSide * kSide, 3.f);
    memory = block;
    graph.AddConstant(Tensor::Borrow(DType::kFloat32, Shape({kSide, kSide}), block, block->data()), "w");
    const auto weights = Weights::Of(store, &graph);
    auto again = std::make_unique<Graph>(graph);
    const auto others = Weights::Of(store, again.get());
  }
  EXPECT_TRUE(memory.expired());
}

TEST_F(WeightsSessionTest, GraphsWithinNodesHaveThemToo) {
  auto branch = std::make_shared<Graph>();
  branch->AddOutput("w", branch->AddConstant(Weight(), "w"));
  Graph graph;
  const ValueId index = graph.AddInput("index", {DType::kInt32, PartialShape(std::vector<int64_t>{})});
  CaseAttrs attrs;
  attrs.branches = {branch, branch};
  graph.AddNode(OpKind::kCase, attrs, {index}, {{DType::kFloat32, PartialShape({kSide, kSide})}});
  Graph other;
  other.AddConstant(weight, "w");
  const auto weights = Weights::Of(store, &other);
  const auto nested = Weights::Of(store, &graph);
  const std::vector<Tensor> constants = internal::LargeConstants(graph);
  ASSERT_EQ(constants.size(), 1);
  EXPECT_EQ(constants[0].data(), weight.data());
  EXPECT_NE(branch->value(0).constant.data(), weight.data()) << "the graph that was given has changed";
}

}  // namespace
}  // namespace moulin
