// Host kernels against values of TensorFlow's own, and what they do with bad input.
#include "tests/ops/run_op.h"

namespace moulin::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor Text(std::string value) { return Tensor::OfStrings({}, {std::move(value)}); }

TEST(HostKernelsTest, SplitsAtSpace) {
  const HostOpAttrs attrs = HostAttrs("StringSplitV2", {DType::kInt64, DType::kString, DType::kInt64});
  const auto y = RunOp(OpKind::kHostOp, attrs, {Tensor::OfStrings({2}, {" a bc", ""}), Text("")});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_THAT((*y)[1].strings(), ElementsAre("a", "bc"));
  ExpectValues<int64_t>((*y)[2], {2}, {2, 2});
}

TEST(HostKernelsTest, BadPatternIsAnError) {
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, HostAttrs("RegexFullMatch", {DType::kBool}), {Text("b"), Text("(b")}),
              HasSubstr("E_VALUE"));
}

TEST(HostKernelsTest, HashesAsTensorFlow) {
  HostOpAttrs attrs = HostAttrs("StringToHashBucketFast", {DType::kInt64});
  attrs.ints = {{"num_buckets", 1000}};
  ExpectValues<int64_t>(RunOne(OpKind::kHostOp, attrs, {Tensor::OfStrings({2}, {"Hello", ""})}), {2}, {151, 263});
}

TEST(HostKernelsTest, RandomIntegersAsTensorFlow) {
  const Tensor y = RunOne(OpKind::kHostOp, HostAttrs("StatelessRandomUniformInt", {DType::kInt32}),
                          {Ints({3}), Ints({7, 11}), Tensor::Scalar<int32_t>(0), Tensor::Scalar<int32_t>(100)});
  ExpectValues<int32_t>(y, {3}, {5, 47, 62});
}

TEST(HostKernelsTest, MalformedFilesAreErrors) {
  for (const char* op : {"DecodePng", "DecodeJpeg", "DecodeImage", "DecodeGif", "DecodeBmp"}) {
    for (const char* file : {"", "BM", "GIF89a", "\x89PNG\r\n\x1a\n....", "\xff\xd8\xff\xe0"}) {
      EXPECT_NE(ErrorOf(OpKind::kHostOp, HostAttrs(op, {DType::kUInt8}), {Text(file)}), "") << op;
    }
  }
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, HostAttrs("DecodeWav", {DType::kFloat32, DType::kInt32}), {Text("RIFF")}),
              HasSubstr("E_VALUE"));
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, HostAttrs("ParseTensor", {DType::kFloat32}), {Text("\xff\xff")}),
              HasSubstr("E_VALUE"));
}

TEST(HostKernelsTest, TablesRefuseTwoValuesOfOneKey) {
  const HostOpAttrs attrs = HostAttrs("LookupTableFindV2", {DType::kInt64});
  ExpectValues<int64_t>(RunOne(OpKind::kHostOp, attrs, {Ints({3, 4}), Ints({30, 40}), Ints({4, 5}), Int(-1)}), {2},
                        {40, -1});
  EXPECT_THAT(ErrorOf(OpKind::kHostOp, attrs, {Ints({3, 3}), Ints({30, 40}), Ints({4}), Int(-1)}),
              HasSubstr("E_VALUE"));
}

// An operand may lie where a later step writes.
TEST(RaggedTensorToSparseTest, ValuesAreCopied) {
  const HostOpAttrs attrs = HostAttrs("RaggedTensorToSparse", {DType::kInt64, DType::kFloat32, DType::kInt64});
  const Tensor splits = Tensor::Of<int64_t>({3}, {0, 2, 3}), values = Floats({3}, {1, 2, 3});
  const auto results = RunOp(OpKind::kHostOp, attrs, {splits, values});
  ASSERT_TRUE(results.ok()) << results.status();
  ExpectValues<float>(results->at(1), {3}, {1, 2, 3});
  EXPECT_NE(results->at(1).storage_id(), values.storage_id());
}

}  // namespace
}  // namespace moulin::testing
