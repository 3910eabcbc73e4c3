// Rearranging ops: lowered, then run on the reference kernels.
#include "tests/import/import_testing.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;

const std::string kN2 = kT + IntAttr("N", 2);

const std::string kX = Placeholder("x", {2, 3});
const Tensor X() { return Floats({2, 3}, {1, 2, 3, 4, 5, 6}); }

TEST(ArrayTest, ConcatInBothVersions) {
  const std::string axis = IntText("axis", 1);
  const Tensor v1 = ImportAndRun(kX + axis + NodeText("y", "Concat", {"axis", "x", "x"}, kN2), {X()});
  EXPECT_EQ(v1.shape(), Shape({2, 6}));
  EXPECT_THAT(ValuesOf<float>(v1), ElementsAre(1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6));
  const Tensor v2 = ImportAndRun(kX + axis + NodeText("y", "ConcatV2", {"x", "x", "axis"}, kN2), {X()});
  EXPECT_EQ(ValuesOf<float>(v2), ValuesOf<float>(v1));
  EXPECT_THAT(Import(kX + IntText("axis", 99) + NodeText("y", "ConcatV2", {"x", "x", "axis"}, kN2)),
              FailsWith("E_ATTR", "node \"y\""));
  EXPECT_THAT(Import(axis + NodeText("y", "ConcatV2", {"axis"}, kT + IntAttr("N", 0))), FailsWith("E_ATTR", "\"N\""));
}

TEST(ArrayTest, PackAndUnpack) {
  const Tensor packed = ImportAndRun(
      Placeholder("x", {2}) + Placeholder("z", {2}) + NodeText("y", "Pack", {"x", "z"}, kN2 + IntAttr("axis", -1)),
      {Floats({2}, {1, 2}), Floats({2}, {3, 4})});
  EXPECT_EQ(packed.shape(), Shape({2, 2}));
  EXPECT_THAT(ValuesOf<float>(packed), ElementsAre(1, 3, 2, 4));
  const Tensor last = ImportAndRun(kX + NodeText("u", "Unpack", {"x"}, kT + IntAttr("num", 3) + IntAttr("axis", 1)) +
                                       NodeText("y", "Sub", {"u:2", "u"}, kT),
                                   {X()});
  EXPECT_THAT(ValuesOf<float>(last), ElementsAre(2, 2));
}

TEST(ArrayTest, SplitAlongAnAxisOfUnknownSize) {
  const std::string text = Placeholder("x", {-1, -1}) + IntText("axis", -1) +
                           NodeText("s", "Split", {"axis", "x"}, kT + IntAttr("num_split", 3)) +
                           NodeText("y", "Sub", {"s:2", "s:1"}, kT);
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(text, {X()})), ElementsAre(1, 1));
  EXPECT_THAT(Import(kX + IntText("axis", 0) + NodeText("y", "Split", {"axis", "x"}, kT + IntAttr("num_split", 4))),
              FailsWith("E_SHAPE", "node \"y\""));
  EXPECT_THAT(Import(kX + IntText("axis", 7) + NodeText("y", "Split", {"axis", "x"}, kT + IntAttr("num_split", 2))),
              FailsWith("E_ATTR", "node \"y\""));
}

TEST(ArrayTest, SplitV) {
  const Tensor y = ImportAndRun(
      kX + IntsText("sizes", {1, -1}) + IntText("axis", 1) +
          NodeText("s", "SplitV", {"x", "sizes", "axis"}, kT + TypeAttr("Tlen", "DT_INT32") + IntAttr("num_split", 2)) +
          NodeText("y", "Add", {"s:1", "s:0"}, kT),
      {X()});
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(3, 4, 9, 10));
}

TEST(ArrayTest, StridedSliceReadsItsMasks) {
  const std::string index = TypeAttr("Index", "DT_INT32");
  const std::string operands = kX + IntsText("b", {0, 1}) + IntsText("e", {0, 3}) + IntsText("s", {1, 1});
  const Tensor y = ImportAndRun(
      operands + NodeText("y", "StridedSlice", {"x", "b", "e", "s"}, kT + index + IntAttr("end_mask", 1)), {X()});
  EXPECT_EQ(y.shape(), Shape({2, 2}));
  EXPECT_THAT(ValuesOf<float>(y), ElementsAre(2, 3, 5, 6));
  const Tensor row = ImportAndRun(
      operands + NodeText("y", "StridedSlice", {"x", "b", "e", "s"}, kT + index + IntAttr("shrink_axis_mask", 1)),
      {X()});
  EXPECT_EQ(row.shape(), Shape({2}));
  EXPECT_THAT(ValuesOf<float>(row), ElementsAre(2, 3));
}

TEST(ArrayTest, Pads) {
  const std::string paddings = ConstText("p", "DT_INT32", {1, 2}, "int_val: [1, 2]");
  const std::string x = Placeholder("x", {3});
  const Tensor v = Floats({3}, {1, 2, 3});
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(x + paddings + NodeText("y", "Pad", {"x", "p"}, kT), {v})),
              ElementsAre(0, 1, 2, 3, 0, 0));
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(x + paddings + ConstText("c", "DT_FLOAT", {}, "float_val: 9") +
                                               NodeText("y", "PadV2", {"x", "p", "c"}, kT),
                                           {v})),
              ElementsAre(9, 1, 2, 3, 9, 9));
  const auto mirror = [&](const std::string& mode) {
    return x + paddings + NodeText("y", "MirrorPad", {"x", "p"}, kT + StringAttr("mode", mode));
  };
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(mirror("REFLECT"), {v})), ElementsAre(2, 1, 2, 3, 2, 1));
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(mirror("SYMMETRIC"), {v})), ElementsAre(1, 1, 2, 3, 3, 2));
  EXPECT_THAT(Import(mirror("WRAP")), FailsWith("E_ATTR", "WRAP"));
}

TEST(ArrayTest, ReverseTakesBoolsOrAxes) {
  const std::string text =
      kX + ConstText("d", "DT_BOOL", {2}, "bool_val: [false, true]") + NodeText("y", "Reverse", {"x", "d"}, kT);
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(text, {X()})), ElementsAre(3, 2, 1, 6, 5, 4));
  const std::string open = kX + Placeholder("d", {2}, "DT_BOOL") + NodeText("y", "Reverse", {"x", "d"}, kT);
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(open, {X(), Tensor::Of<bool>({2}, {true, false})})),
              ElementsAre(4, 5, 6, 1, 2, 3));
  const std::string v2 = kX + IntsText("a", {0, -1}) + NodeText("y", "ReverseV2", {"x", "a"}, kT);
  EXPECT_THAT(ValuesOf<float>(ImportAndRun(v2, {X()})), ElementsAre(6, 5, 4, 3, 2, 1));
}

TEST(ArrayTest, InvertPermutation) {
  const std::string node = NodeText("y", "InvertPermutation", {"p"}, TypeAttr("T", "DT_INT32"));
  const Tensor y = ImportAndRun(Placeholder("p", {-1}, "DT_INT32") + node, {Tensor::Of<int32_t>({4}, {2, 0, 3, 1})});
  EXPECT_THAT(ValuesOf<int32_t>(y), ElementsAre(1, 3, 0, 2));
}

TEST(ArrayTest, ShapesAndFills) {
  const Tensor shape = ImportAndRun(Placeholder("x", {-1, 3}) + NodeText("y", "Shape", {"x"}, kT), {X()});
  EXPECT_THAT(ValuesOf<int32_t>(shape), ElementsAre(2, 3));
  const Tensor size = ImportAndRun(
      Placeholder("x", {-1, 3}) + NodeText("y", "Size", {"x"}, kT + TypeAttr("out_type", "DT_INT64")), {X()});
  EXPECT_THAT(ValuesOf<int64_t>(size), ElementsAre(6));
  const Tensor rank = ImportAndRun(kX + NodeText("y", "Rank", {"x"}, kT), {X()});
  EXPECT_THAT(ValuesOf<int32_t>(rank), ElementsAre(2));
  const Tensor filled = ImportAndRun(
      IntsText("d", {2, 2}) + Placeholder("v", {}) + NodeText("y", "Fill", {"d", "v"}, kT), {Floats({}, {7})});
  EXPECT_EQ(filled.shape(), Shape({2, 2}));
  EXPECT_THAT(ValuesOf<float>(filled), ElementsAre(7, 7, 7, 7));
  EXPECT_THAT(Import(IntsText("d", {2}) + Placeholder("v", {3}) + NodeText("y", "Fill", {"d", "v"}, kT)),
              FailsWith("E_SHAPE", "node \"y\""));
  EXPECT_THAT(Import(ConstText("d", "DT_INT64", {2}, "int64_val: [1099511627776, 1048576]") + Placeholder("v", {}) +
                     NodeText("y", "Fill", {"d", "v"}, kT + TypeAttr("index_type", "DT_INT64"))),
              FailsWith("E_LIMIT", "node \"y\""));
}

TEST(ArrayTest, ConcatOffset) {
  const std::string text = IntText("axis", -1) + IntsText("s0", {2, 3}) + IntsText("s1", {2, 5}) +
                           IntsText("s2", {2, 1}) +
                           NodeText("o", "ConcatOffset", {"axis", "s0", "s1", "s2"}, IntAttr("N", 3));
  const auto graph = Import(text, {"o", "o:1", "o:2"});
  ASSERT_TRUE(graph.ok()) << graph.status();
  const std::vector<Tensor> outputs = RunGraph(**graph, {});
  EXPECT_THAT(ValuesOf<int32_t>(outputs[0]), ElementsAre(0, 0));
  EXPECT_THAT(ValuesOf<int32_t>(outputs[1]), ElementsAre(0, 3));
  EXPECT_THAT(ValuesOf<int32_t>(outputs[2]), ElementsAre(0, 8));
}

TEST(ArrayTest, DepthAttributes) {
  const std::string x = Placeholder("x", {1, 2, 2, 1});
  const auto lower = [&](const std::string& attrs) {
    return Import(x + NodeText("y", "SpaceToDepth", {"x"}, kT + attrs));
  };
  const auto good = lower(IntAttr("block_size", 2));
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ((*good)->value((*good)->outputs()[0].value).type.shape, PartialShape(Shape({1, 1, 1, 4})));
  EXPECT_THAT(lower(IntAttr("block_size", 0)), FailsWith("E_ATTR", "block_size"));
  EXPECT_THAT(lower(""), FailsWith("E_ATTR", "missing attribute \"block_size\""));
  EXPECT_THAT(lower(IntAttr("block_size", 2) + StringAttr("data_format", "FOO")), FailsWith("E_ATTR", "FOO"));
  EXPECT_THAT(lower(IntAttr("block_size", 2) + StringAttr("data_format", "NCHW_VECT_C")),
              FailsWith("E_UNSUPPORTED", "NCHW_VECT_C"));
}

}  // namespace
}  // namespace moulin
