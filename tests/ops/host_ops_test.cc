#include <cmath>

#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

TEST(WhereTest, GivesCoordinatesInOrder) {
  const Tensor x = Floats({2, 3}, {0, 1, -0.0f, std::nanf(""), 0, 2});
  ExpectValues<int64_t>(RunOne(OpKind::kWhere, NoAttrs(), {x}), {3, 2}, {0, 1, 1, 0, 1, 2});
  const Tensor b = Tensor::Of<bool>({3}, {true, false, true});
  ExpectValues<int64_t>(RunOne(OpKind::kWhere, NoAttrs(), {b}), {2, 1}, {0, 2});
}

TEST(WhereTest, ScalarsAndEmptyTensors) {
  ExpectValues<int64_t>(RunOne(OpKind::kWhere, NoAttrs(), {Tensor::Scalar<int32_t>(5)}), {1, 0}, {});
  ExpectValues<int64_t>(RunOne(OpKind::kWhere, NoAttrs(), {Iota({0, 2})}), {0, 2}, {});
}

TEST(WhereTest, TheCountIsUnknownBeforehand) {
  EXPECT_EQ(Inferred(OpKind::kWhere, NoAttrs(), {{DType::kBool, {4, kUnknownDim}}}), "i64[?,2]");
}

TEST(HostOpTest, UnknownOpsAreErrors) {
  HostOpAttrs attrs;
  attrs.op = "NoSuchOp";
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, attrs, {Iota({1})}),
              HasSubstr("E_UNSUPPORTED: there is no kernel for the op NoSuchOp"));
}

}  // namespace
}  // namespace moulin::testing
