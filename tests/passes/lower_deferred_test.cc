// Ops that wait for what is known later: when they are lowered, when they go on waiting, and when that is an error.
#include "ops/deferred.h"
#include "tests/passes/pass_test.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

// Reverses the axes of input 0, whose rank it must know, and scales by the elements of input 1 if `needs_factor`.
class Transposing : public DeferredLowering {
 public:
  explicit Transposing(bool needs_factor) : needs_factor_(needs_factor) {}
  StatusOr<Result> Lower(absl::Span<const ValueId> inputs, GraphBuilder* b) const override {
    if (needs_factor_ && b->constant(inputs[1]) == nullptr) return Result{{}, "the factor", Input(1)};
    std::vector<int64_t> order;
    for (int axis = b->shape(inputs[0]).rank() - 1; axis >= 0; --axis) order.push_back(axis);
    return Result{{b->Transpose(inputs[0], order)}, "", 0};
  }

 private:
  const bool needs_factor_;
};

// Never has enough.
class Insatiable : public DeferredLowering {
 public:
  StatusOr<Result> Lower(absl::Span<const ValueId>, GraphBuilder*) const override {
    return Result{{}, "more than there is", 0};
  }
};

class LowerDeferredTest : public PassTest {
 protected:
  ValueId Deferred(std::shared_ptr<const DeferredLowering> lowering, std::initializer_list<ValueId> inputs) {
    DeferredAttrs attrs;
    attrs.lowering = std::move(lowering);
    attrs.output_types = {DType::kFloat32};
    attrs.waits_for = "the rank";
    return b_.Add(OpKind::kDeferred, std::move(attrs), inputs);
  }
  StatusOr<bool> Run() { return LowerDeferred(&graph_, options_); }
};

TEST_F(LowerDeferredTest, WaitsForTheShape) {
  const ValueId x = Input("x", PartialShape::OfRank(2));
  Output(Deferred(std::make_shared<Transposing>(false), {x}));
  EXPECT_THAT(Run(), ::testing::Eq(StatusOr<bool>(false)));
  EXPECT_EQ(Count(OpKind::kDeferred), 1);
  graph_.value(graph_.inputs()[0]).type.shape = Shape{2, 3};
  EXPECT_THAT(Run(), ::testing::Eq(StatusOr<bool>(true)));
  EXPECT_EQ(Count(OpKind::kDeferred), 0);
  EXPECT_EQ(graph_.value(graph_.outputs()[0].value).type.shape, PartialShape({3, 2}));
}

TEST_F(LowerDeferredTest, OneGivesTheShapeThatAnotherWaitsFor) {
  const ValueId x = Input("x", {2, 3});
  const ValueId y = Deferred(std::make_shared<Transposing>(false), {x});
  Output(Deferred(std::make_shared<Transposing>(false), {b_.Unary(ExprOp::kNeg, y)}));
  EXPECT_THAT(Run(), ::testing::Eq(StatusOr<bool>(true)));
  EXPECT_EQ(Count(OpKind::kDeferred), 0);
  EXPECT_EQ(graph_.value(graph_.outputs()[0].value).type.shape, PartialShape({2, 3}));
}

TEST_F(LowerDeferredTest, LearnsWhoseElementsItWaitsFor) {
  const ValueId x = Input("x", {2, 3}), factor = Input("factor", Shape{});
  Output(Deferred(std::make_shared<Transposing>(true), {x, factor}));
  EXPECT_THAT(Run(), ::testing::Eq(StatusOr<bool>(true)));
  ASSERT_EQ(Count(OpKind::kDeferred), 1);
  EXPECT_EQ(graph_.node(0).attr<DeferredAttrs>().constant_inputs, moulin::Input(1));
  EXPECT_THAT(Run(), ::testing::Eq(StatusOr<bool>(false)));
}

TEST_F(LowerDeferredTest, NothingMoreToWaitForIsAnError) {
  Output(Deferred(std::make_shared<Insatiable>(), {Input("x", {2})}));
  const StatusOr<bool> changed = Run();
  ASSERT_FALSE(changed.ok());
  EXPECT_THAT(changed.status().ToString(), HasSubstr("E_UNSUPPORTED: more than there is"));
}

}  // namespace
}  // namespace moulin::testing
