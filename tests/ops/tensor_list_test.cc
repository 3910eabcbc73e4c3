// Lists themselves, and the errors of the ops on them; what they give otherwise is in tests/cases/control_cases.py.
#include "ops/tensor_list.h"

#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::HasSubstr;

HostOpAttrs Op(const char* op, DType result = DType::kVariant) {
  HostOpAttrs attrs;
  attrs.op = op;
  attrs.output_types = {result};
  return attrs;
}

TensorList ListOfRows(int64_t n) {
  TensorList list(DType::kFloat32, PartialShape{2}, n);
  for (int64_t i = 0; i < n; ++i) list.Set(i, Floats({2}, {static_cast<float>(i), 1}));
  return list;
}

float First(const TensorList& list, int64_t i) { return list.at(i).values<float>()[0]; }

TEST(TensorListTest, AChangeLeavesTheOriginalAsItWas) {
  const TensorList before = ListOfRows(100);
  const TensorList after = before.With(70, Floats({2}, {-5, 0}));
  EXPECT_EQ(First(before, 70), 70);
  EXPECT_EQ(First(after, 70), -5);
  EXPECT_EQ(First(after, 71), 71);
  TensorList copy = after;
  copy.Set(70, Floats({2}, {-6, 0}));
  EXPECT_EQ(First(after, 70), -5);
}

TEST(TensorListTest, WhatWasCutOffDoesNotComeBack) {
  for (const int64_t n : {0, 1, 31, 32, 33, 64}) {
    const TensorList list = ListOfRows(70).Resized(n).Resized(70);
    EXPECT_EQ(list.size(), 70);
    for (int64_t i = 0; i < 70; ++i) EXPECT_EQ(list.at(i).is_valid(), i < n) << n << ": " << i;
  }
}

TEST(TensorListTest, ElementsThatWereNeverWrittenAreSharedByNobody) {
  TensorList a(DType::kFloat32, PartialShape(), 10);
  a.Set(0, Floats({2}, {1, 2}));
  EXPECT_FALSE(TensorList(DType::kFloat32, PartialShape(), 10).at(0).is_valid());
}

TEST(TensorListOpTest, IndicesAreChecked) {
  const Tensor list = ListTensor(ListOfRows(3));
  const Tensor shape = Tensor::Of<int32_t>({1}, {2});
  for (const int32_t i : {-1, 3}) {
    const Tensor index = Tensor::Scalar<int32_t>(i);
    EXPECT_THAT(ErrorOf(OpKind::kHostOp, Op("TensorListGetItem", DType::kFloat32), {list, index, shape}),
                HasSubstr(absl::StrCat("E_VALUE: element ", i, " of a list of 3")));
    EXPECT_THAT(ErrorOf(OpKind::kHostOp, Op("TensorListSetItem"), {list, index, Floats({2}, {0, 0})}),
                HasSubstr(absl::StrCat("E_VALUE: element ", i, " of a list of 3")));
  }
}

TEST(TensorListOpTest, ElementsAreOfOneTypeAndShape) {
  const Tensor list = ListTensor(ListOfRows(3));
  const Tensor zero = Tensor::Scalar<int32_t>(0);
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, Op("TensorListSetItem"), {list, zero, Floats({3}, {0, 0, 0})}),
              HasSubstr("E_SHAPE: expected an element of shape [2], got [3]"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, Op("TensorListSetItem"), {list, zero, Tensor::Of<int32_t>({2}, {0, 0})}),
              HasSubstr("E_DTYPE"));
}

TEST(TensorListOpTest, SizesAreBounded) {
  HostOpAttrs reserve = Op("TensorListReserve");
  reserve.ints = {{"element_dtype", 1}};
  for (const int32_t n : {-1, INT32_MAX}) {
    EXPECT_THAT(ErrorOf(OpKind::kHostOp, reserve, {Tensor::Scalar<int32_t>(-1), Tensor::Scalar<int32_t>(n)}),
                HasSubstr("E_LIMIT"));
  }
}

TEST(TensorListOpTest, NothingIsReadFromElementsOfUnknownShape) {
  const Tensor list = ListTensor(TensorList(DType::kFloat32, PartialShape(), 2));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, Op("TensorListStack", DType::kFloat32), {list, Tensor::Scalar<int32_t>(-1)}),
              HasSubstr("E_VALUE"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, Op("TensorListPopBack", DType::kFloat32),
                      {ListTensor(TensorList(DType::kFloat32, PartialShape{2}, 0)), Tensor::Of<int32_t>({1}, {2})}),
              HasSubstr("the list is empty"));
}

TEST(TensorListOpTest, OtherOperandsAreNoLists) {
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, Op("TensorListLength", DType::kInt32), {Floats({2}, {0, 0})}),
              HasSubstr("E_DTYPE"));
}

}  // namespace
}  // namespace moulin::testing
