#include "formats/tensor_proto.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/half.h"
#include "tests/formats/format_test.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

tf::TensorProto Proto(tf::DataType type, std::initializer_list<int64_t> sizes) {
  tf::TensorProto proto;
  proto.set_dtype(type);
  for (int64_t size : sizes) proto.mutable_tensor_shape()->add_dim()->set_size(size);
  return proto;
}

template <typename T>
std::string BytesOf(std::initializer_list<T> values) {
  return std::string(reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T));
}

template <typename T>
std::vector<T> Values(const StatusOr<Tensor>& tensor) {
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  if (!tensor.ok()) return {};
  return std::vector<T>(tensor->values<T>().begin(), tensor->values<T>().end());
}

TEST(TensorFromProto, Content) {
  tf::TensorProto proto = Proto(tf::DT_FLOAT, {2, 2});
  proto.set_tensor_content(BytesOf<float>({1, 2, 3, 4}));
  const auto tensor = TensorFromProto(proto);
  EXPECT_THAT(Values<float>(tensor), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(tensor->shape(), Shape({2, 2}));
  EXPECT_EQ(proto.tensor_content().size(), 16) << "the const form leaves the proto alone";
}

TEST(TensorFromProto, LargeContentIsNotCopied) {
  tf::TensorProto proto = Proto(tf::DT_INT32, {4096});
  proto.set_tensor_content(std::string(4 * 4096, '\x01'));
  const void* where = proto.tensor_content().data();
  const auto tensor = TensorFromProto(std::move(proto));
  ASSERT_TRUE(tensor.ok());
  EXPECT_EQ(tensor->data(), where);
  EXPECT_EQ(tensor->values<int32_t>()[4095], 0x01010101);
}

TEST(TensorFromProto, ContentWinsOverValues) {
  tf::TensorProto proto = Proto(tf::DT_FLOAT, {1});
  proto.set_tensor_content(BytesOf<float>({7}));
  proto.add_float_val(8);
  proto.add_int_val(9);
  EXPECT_THAT(Values<float>(TensorFromProto(proto)), ElementsAre(7));
}

TEST(TensorFromProto, EveryList) {
  tf::TensorProto proto = Proto(tf::DT_FLOAT, {2});
  proto.add_float_val(0.5f);
  proto.add_float_val(-1);
  EXPECT_THAT(Values<float>(TensorFromProto(proto)), ElementsAre(0.5f, -1));

  proto = Proto(tf::DT_DOUBLE, {1});
  proto.add_double_val(0.1);
  EXPECT_THAT(Values<double>(TensorFromProto(proto)), ElementsAre(0.1));

  proto = Proto(tf::DT_INT64, {1});
  proto.add_int64_val(INT64_MIN);
  EXPECT_THAT(Values<int64_t>(TensorFromProto(proto)), ElementsAre(INT64_MIN));

  proto = Proto(tf::DT_BOOL, {2});
  proto.add_bool_val(true);
  proto.add_bool_val(false);
  EXPECT_THAT(Values<bool>(TensorFromProto(proto)), ElementsAre(true, false));

  proto = Proto(tf::DT_UINT32, {1});
  proto.add_uint32_val(UINT32_MAX);
  EXPECT_THAT(Values<uint32_t>(TensorFromProto(proto)), ElementsAre(UINT32_MAX));

  proto = Proto(tf::DT_UINT64, {1});
  proto.add_uint64_val(UINT64_MAX);
  EXPECT_THAT(Values<uint64_t>(TensorFromProto(proto)), ElementsAre(UINT64_MAX));
}

TEST(TensorFromProto, HalvesAreBits) {
  for (tf::DataType type : {tf::DT_HALF, tf::DT_BFLOAT16}) {
    tf::TensorProto proto = Proto(type, {2});
    proto.add_half_val(0x3F80);
    proto.add_half_val(0x12340001);  // the low 16 bits count
    EXPECT_THAT(Values<uint16_t>(TensorFromProto(proto)), ElementsAre(0x3F80, 1));
  }
}

TEST(TensorFromProto, SmallIntegersAndQuantizedTypesAreInIntVal) {
  for (tf::DataType type : {tf::DT_INT8, tf::DT_QINT8}) {
    tf::TensorProto proto = Proto(type, {3});
    for (int v : {-128, 127, 300}) proto.add_int_val(v);
    EXPECT_THAT(Values<int8_t>(TensorFromProto(proto)), ElementsAre(-128, 127, 44));
  }
  for (tf::DataType type : {tf::DT_UINT8, tf::DT_QUINT8}) {
    tf::TensorProto proto = Proto(type, {2});
    for (int v : {255, -1}) proto.add_int_val(v);
    EXPECT_THAT(Values<uint8_t>(TensorFromProto(proto)), ElementsAre(255, 255));
  }
  for (tf::DataType type : {tf::DT_INT16, tf::DT_QINT16}) {
    tf::TensorProto proto = Proto(type, {1});
    proto.add_int_val(-32768);
    EXPECT_THAT(Values<int16_t>(TensorFromProto(proto)), ElementsAre(-32768));
  }
  for (tf::DataType type : {tf::DT_UINT16, tf::DT_QUINT16}) {
    tf::TensorProto proto = Proto(type, {1});
    proto.add_int_val(65535);
    EXPECT_THAT(Values<uint16_t>(TensorFromProto(proto)), ElementsAre(65535));
  }
  for (tf::DataType type : {tf::DT_INT32, tf::DT_QINT32}) {
    tf::TensorProto proto = Proto(type, {1});
    proto.add_int_val(INT32_MIN);
    EXPECT_THAT(Values<int32_t>(TensorFromProto(proto)), ElementsAre(INT32_MIN));
  }
}

TEST(TensorFromProto, ComplexNumbersAreInterleaved) {
  tf::TensorProto proto = Proto(tf::DT_COMPLEX64, {3});
  for (float v : {1, 2, 3, 4}) proto.add_scomplex_val(v);
  const auto single = TensorFromProto(proto);
  ASSERT_TRUE(single.ok());
  const float* parts = static_cast<const float*>(single->data());
  EXPECT_EQ(std::vector<float>(parts, parts + 6), (std::vector<float>{1, 2, 3, 4, 3, 4})) << "both parts repeat";

  proto = Proto(tf::DT_COMPLEX128, {1});
  proto.add_dcomplex_val(5);
  EXPECT_THAT(TensorFromProto(proto), FailsWith("E_TENSOR")) << "half a number";
  proto.add_dcomplex_val(6);
  const auto twice = TensorFromProto(proto);
  ASSERT_TRUE(twice.ok());
  EXPECT_EQ(static_cast<const double*>(twice->data())[1], 6);
}

TEST(TensorFromProto, LastValueIsRepeated) {
  tf::TensorProto proto = Proto(tf::DT_INT32, {2, 3});
  proto.add_int_val(4);
  EXPECT_THAT(Values<int32_t>(TensorFromProto(proto)), ElementsAre(4, 4, 4, 4, 4, 4));
  proto.add_int_val(5);
  EXPECT_THAT(Values<int32_t>(TensorFromProto(proto)), ElementsAre(4, 5, 5, 5, 5, 5));
}

TEST(TensorFromProto, NoValuesAreZeros) {
  EXPECT_THAT(Values<float>(TensorFromProto(Proto(tf::DT_FLOAT, {2}))), ElementsAre(0, 0));
  EXPECT_EQ(TensorFromProto(Proto(tf::DT_STRING, {2}))->strings()[1], "");
}

TEST(TensorFromProto, ScalarsAndEmptyTensors) {
  tf::TensorProto proto = Proto(tf::DT_FLOAT, {});
  proto.add_float_val(3);
  EXPECT_EQ(TensorFromProto(proto)->shape(), Shape());
  EXPECT_EQ(TensorFromProto(Proto(tf::DT_FLOAT, {3, 0}))->num_elements(), 0);
  EXPECT_EQ(TensorFromProto(Proto(tf::DT_STRING, {0}))->num_elements(), 0);
}

TEST(TensorFromProto, Strings) {
  tf::TensorProto proto = Proto(tf::DT_STRING, {3});
  proto.add_string_val(std::string("a\0b", 3));
  proto.add_string_val("\xFF");
  const auto tensor = TensorFromProto(proto);
  ASSERT_TRUE(tensor.ok());
  EXPECT_THAT(tensor->strings(), ElementsAre(std::string("a\0b", 3), "\xFF", "\xFF"));
}

TEST(TensorFromProto, StringsInContent) {
  tf::TensorProto proto = Proto(tf::DT_STRING, {3});
  const std::string good = std::string("\x02\x00\x80\x01", 4) + "ab" + std::string(128, 'x');
  proto.set_tensor_content(good);
  const auto tensor = TensorFromProto(proto);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->strings(), ElementsAre("ab", "", std::string(128, 'x')));
  for (size_t size = 1; size < good.size(); ++size) {
    proto.set_tensor_content(good.substr(0, size));
    EXPECT_THAT(TensorFromProto(proto), FailsWith("E_TENSOR")) << size;
  }
  proto.set_tensor_content(good + "y");
  EXPECT_THAT(TensorFromProto(proto), FailsWith("E_TENSOR"));
  proto.set_tensor_content(
      "\xFF\xFF\xFF\xFF\x07"
      "ab");  // a length of 2 GiB
  EXPECT_THAT(TensorFromProto(proto), FailsWith("E_TENSOR"));
  proto.set_tensor_content("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
  EXPECT_THAT(TensorFromProto(proto), FailsWith("E_TENSOR"));
}

TEST(TensorFromProto, BoolBytesBecomeTrue) {
  tf::TensorProto proto = Proto(tf::DT_BOOL, {3});
  proto.set_tensor_content(std::string("\x00\x07\x01", 3));
  EXPECT_THAT(Values<uint8_t>(TensorFromProto(proto)), ElementsAre(0, 1, 1));
  proto = Proto(tf::DT_BOOL, {5000});
  proto.set_tensor_content(std::string(5000, '\x07'));
  EXPECT_EQ(TensorFromProto(std::move(proto))->values<uint8_t>()[4999], 1);
}

TEST(TensorFromProto, ContentMustFit) {
  for (size_t size : {1, 15, 17, 20}) {
    tf::TensorProto proto = Proto(tf::DT_FLOAT, {4});
    proto.set_tensor_content(std::string(size, 'x'));
    EXPECT_THAT(Message(TensorFromProto(proto)),
                AllOf(HasSubstr("E_TENSOR"), HasSubstr(absl::StrCat(size, " bytes")), HasSubstr("takes 16")));
  }
}

TEST(TensorFromProto, MoreValuesThanElements) {
  tf::TensorProto proto = Proto(tf::DT_FLOAT, {1});
  proto.add_float_val(1);
  proto.add_float_val(2);
  EXPECT_THAT(TensorFromProto(proto), FailsWith("E_TENSOR"));
  proto = Proto(tf::DT_STRING, {1});
  proto.add_string_val("a");
  proto.add_string_val("b");
  EXPECT_THAT(TensorFromProto(proto), FailsWith("E_TENSOR"));
}

// As TensorFlow writes tf.zeros([0], tf.string).
TEST(TensorFromProto, AValueOfATensorWithoutElementsIsIgnored) {
  for (const tf::DataType type : {tf::DT_STRING, tf::DT_FLOAT}) {
    tf::TensorProto proto = Proto(type, {0});
    if (type == tf::DT_STRING) proto.add_string_val("");
    if (type == tf::DT_FLOAT) proto.add_float_val(1);
    const StatusOr<Tensor> tensor = TensorFromProto(proto);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(tensor->shape(), Shape({0}));
  }
}

TEST(TensorFromProto, ValuesOfAnotherType) {
  tf::TensorProto proto = Proto(tf::DT_FLOAT, {1});
  proto.add_double_val(1);
  EXPECT_THAT(Message(TensorFromProto(proto)), AllOf(HasSubstr("E_TENSOR"), HasSubstr("double_val")));
}

TEST(TensorFromProto, Types) {
  for (int number : {0, 20, 21, 24, 29, 34, 100, 101, 123, 200, 9999, -1}) {
    tf::TensorProto proto = Proto(static_cast<tf::DataType>(number), {});
    EXPECT_THAT(TensorFromProto(proto), FailsWith("E_DTYPE")) << number;
  }
  EXPECT_THAT(Message(DTypeFromProto(tf::DT_FLOAT_REF)), HasSubstr("reference"));
  EXPECT_THAT(Message(DTypeFromProto(tf::DT_INT4)), HasSubstr("DT_INT4"));
  EXPECT_EQ(DTypeFromProto(tf::DT_RESOURCE).value(), DType::kResource);
  for (int number = 1; number <= 23; ++number) {
    EXPECT_EQ(DTypeToProto(DTypeFromProto(static_cast<tf::DataType>(number)).value()), number);
  }
}

TEST(TensorFromProto, Shapes) {
  EXPECT_THAT(TensorFromProto(Proto(tf::DT_FLOAT, {-3})), FailsWith("E_SHAPE"));
  EXPECT_THAT(TensorFromProto(Proto(tf::DT_FLOAT, {-1})), FailsWith("E_SHAPE"));
  EXPECT_THAT(TensorFromProto(Proto(tf::DT_FLOAT, {int64_t{1} << 62, 4})), FailsWith("E_SHAPE"));
  EXPECT_THAT(TensorFromProto(Proto(tf::DT_FLOAT, {int64_t{1} << 32, int64_t{1} << 32})), FailsWith("E_SHAPE"));
  EXPECT_THAT(TensorFromProto(Proto(tf::DT_FLOAT, {int64_t{1} << 61, 2})), FailsWith("E_SHAPE")) << "bytes overflow";
  EXPECT_THAT(TensorFromProto(Proto(tf::DT_FLOAT, {0, INT64_MAX})), FailsWith("E_SHAPE"));
  EXPECT_THAT(TensorFromProto(Proto(tf::DT_FLOAT, {(int64_t{1} << 32) + 1, (int64_t{1} << 32) - 1, 3})),
              FailsWith("E_SHAPE"));
  tf::TensorProto proto = Proto(tf::DT_FLOAT, {});
  proto.mutable_tensor_shape()->set_unknown_rank(true);
  EXPECT_THAT(TensorFromProto(proto), FailsWith("E_SHAPE"));
  for (int i = 0; i < 255; ++i) proto.mutable_tensor_shape()->add_dim()->set_size(1);
  EXPECT_THAT(Message(TensorFromProto(proto)), AllOf(HasSubstr("E_SHAPE"), HasSubstr("unknown rank with 255 sizes")));
  proto.mutable_tensor_shape()->set_unknown_rank(false);
  EXPECT_THAT(TensorFromProto(proto), FailsWith("E_LIMIT"));
}

TEST(TensorFromProto, ExpansionIsBounded) {
  tf::TensorProto proto = Proto(tf::DT_FLOAT, {100'000, 1'000'000});
  EXPECT_THAT(TensorFromProto(proto), FailsWith("E_LIMIT"));
  proto.add_float_val(1);
  EXPECT_THAT(Message(TensorFromProto(proto)), AllOf(HasSubstr("E_LIMIT"), HasSubstr("100000000000 elements")));
  EXPECT_THAT(TensorFromProto(Proto(tf::DT_STRING, {1'000'000'000})), FailsWith("E_LIMIT"));
  Limits limits;
  limits.constant_bytes = 40;
  proto = Proto(tf::DT_FLOAT, {10});
  EXPECT_TRUE(TensorFromProto(proto, limits).ok());
  proto = Proto(tf::DT_FLOAT, {11});
  EXPECT_THAT(TensorFromProto(proto, limits), FailsWith("E_LIMIT"));
  for (int i = 0; i < 11; ++i) proto.add_float_val(static_cast<float>(i));
  EXPECT_TRUE(TensorFromProto(proto, limits).ok()) << "the file spells it out";
}

TEST(TensorToProto, ComesBack) {
  const Tensor tensors[] = {
      Tensor::Of<float>({2, 2}, {1, 2, 3, 4}),
      Tensor::Of<bool>({2}, {true, false}),
      Tensor::Of<int64_t>({0, 3}, {}),
      Tensor::Scalar<uint8_t>(9),
      Tensor::Of<BFloat16>({1}, {BFloat16(1.5f)}),
      Tensor::OfStrings({2}, {"", std::string("\0x", 2)}),
  };
  for (const Tensor& tensor : tensors) {
    tf::TensorProto proto;
    proto.add_int_val(1);  // to be cleared
    TensorToProto(tensor, &proto);
    const auto back = TensorFromProto(proto);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->ToString(100), tensor.ToString(100));
  }
}

TEST(ShapeFromProto, UnknownSizesAndRanks) {
  tf::TensorShapeProto proto;
  EXPECT_EQ(ShapeFromProto(proto).value(), PartialShape(Shape()));
  proto.add_dim()->set_size(-1);
  proto.add_dim()->set_size(3);
  EXPECT_EQ(ShapeFromProto(proto).value(), PartialShape({-1, 3}));
  proto.mutable_dim(0)->set_size(-2);
  EXPECT_THAT(ShapeFromProto(proto), FailsWith("E_SHAPE"));
  proto.Clear();
  proto.set_unknown_rank(true);
  EXPECT_FALSE(ShapeFromProto(proto)->has_rank());
  for (const PartialShape& shape : {PartialShape(), PartialShape({-1, 3}), PartialShape(Shape())}) {
    ShapeToProto(shape, &proto);
    EXPECT_EQ(ShapeFromProto(proto).value(), shape);
  }
}

}  // namespace
}  // namespace moulin
