#include "formats/v1_checkpoint.h"

#include "formats/proto_io.h"
#include "formats/tensor_proto.h"
#include "tests/formats/format_test.h"
#include "tests/formats/stored_types.h"
#include "tests/formats/table_builder.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Made by TensorFlow; see make_checkpoints.py there.
constexpr char kV1Data[] = "tests/formats/data/";

class V1CheckpointTest : public FormatTest {
 protected:
  static StatusOr<V1Checkpoint> Open(const std::string& prefix) {
    return V1Checkpoint::Open(prefix, V1Checkpoint::FindFiles(prefix));
  }
  static std::string Serialize(const google::protobuf::Message& m) {
    return SerializeProto(m, ProtoForm::kBinary).value();
  }

  // The header of a file with a float tensor "x" of shape [4] in slices of the given places.
  static tf::SavedTensorSlices Header(const std::vector<TensorSlice::Extent>& extents) {
    tf::SavedTensorSlices slices;
    tf::SavedSliceMeta* meta = slices.mutable_meta()->add_tensor();
    meta->set_name("x");
    meta->set_type(tf::DT_FLOAT);
    ShapeToProto(PartialShape({4}), meta->mutable_shape());
    for (const TensorSlice::Extent& e : extents) *meta->add_slice()->add_extent() = ToProto(e);
    return slices;
  }
  static std::pair<std::string, std::string> Values(TensorSlice::Extent place, int count) {
    tf::SavedTensorSlices slices;
    slices.mutable_data()->set_name("x");
    for (int i = 0; i < count; ++i) slices.mutable_data()->mutable_data()->add_float_val(static_cast<float>(i));
    return {EncodeSliceKey("x", TensorSlice{{place}}), Serialize(slices)};
  }
  StatusOr<V1Checkpoint> OpenWith(const tf::SavedTensorSlices& header, TableBuilder::Entries values) {
    values.insert(values.begin(), {"", Serialize(header)});
    Write("c", TableBuilder::Table(values));
    return Open(Path("c"));
  }
  static StatusOr<Tensor> ReadX(StatusOr<V1Checkpoint> checkpoint) {
    if (!checkpoint.ok()) return checkpoint.status();
    return checkpoint->Read("x");
  }

 private:
  static tf::TensorSliceProto::Extent ToProto(const TensorSlice::Extent& e) {
    tf::TensorSliceProto::Extent extent;
    extent.set_start(e.start);
    if (e.length != TensorSlice::kWholeAxis) extent.set_length(e.length);
    return extent;
  }
};

constexpr TensorSlice::Extent kWhole = {};

TEST_F(V1CheckpointTest, EveryType) {
  auto checkpoint = Open(std::string(kV1Data) + "v1_types");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  ExpectStoredTypes(*checkpoint);
}

TEST_F(V1CheckpointTest, SlicesInSeveralFiles) {
  const std::string prefix = std::string(kV1Data) + "v1_sliced";
  EXPECT_EQ(V1Checkpoint::FindFiles(prefix).size(), 2);
  auto checkpoint = Open(prefix);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->Find("rows")->slices.size(), 3);
  const Tensor rows = checkpoint->Read("rows").value();
  ASSERT_EQ(rows.shape(), Shape({10, 4}));
  for (int i = 0; i < 40; ++i) EXPECT_EQ(rows.values<float>()[i], i);
  EXPECT_THAT(checkpoint->ReadSlice("rows", SliceFromString("5,2:1,1").value())->values<float>(), ElementsAre(21, 25));
}

TEST_F(V1CheckpointTest, EveryTruncationAndFlippedByte) {
  const std::string good = Read(std::string(kV1Data) + "v1");
  for (size_t n = 0; n < good.size(); ++n) {
    Write("c", good.substr(0, n));
    EXPECT_TRUE(V1Checkpoint::FindFiles(Path("c")).empty()) << n;  // its footer is gone
  }
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    Write("c", bad);
    if (V1Checkpoint::FindFiles(Path("c")).empty()) continue;
    auto checkpoint = Open(Path("c"));
    if (!checkpoint.ok()) continue;
    EXPECT_THAT(checkpoint->Read("w")->values<float>(), ElementsAre(1, 2)) << i;  // the change is in what is not read
  }
}

TEST_F(V1CheckpointTest, HeaderAndValuesMustAgree) {
  EXPECT_THAT(ReadX(OpenWith(Header({kWhole}), {Values(kWhole, 4)}))->values<float>(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(ReadX(OpenWith(Header({{0, 1}, {1, 3}}), {Values({0, 1}, 1), Values({1, 3}, 3)}))->values<float>(),
              ElementsAre(0, 0, 1, 2));
  EXPECT_THAT(Message(ReadX(OpenWith(Header({kWhole}), {Values(kWhole, 3)}))),
              AllOf(HasSubstr("E_TENSOR: 3 values for [4]"), HasSubstr("\"x\""), HasSubstr(Path("c"))));
  EXPECT_THAT(ReadX(OpenWith(Header({kWhole}), {Values(kWhole, 5)})), FailsWith("E_TENSOR"));
  EXPECT_THAT(ReadX(OpenWith(Header({kWhole}), {})), FailsWith("E_PARSE"));
  EXPECT_THAT(ReadX(OpenWith(Header({}), {})), FailsWith("E_PARSE"));
  EXPECT_THAT(ReadX(OpenWith(Header({}), {Values(kWhole, 4)})), FailsWith("E_PARSE"));
  EXPECT_THAT(ReadX(OpenWith(Header({kWhole, kWhole}), {})), FailsWith("E_DUP"));
  EXPECT_THAT(ReadX(OpenWith(Header({{0, 2}, {0, 2}}), {})), FailsWith("E_DUP"));
  EXPECT_THAT(ReadX(OpenWith(Header({{0, 1}, {2, 2}}), {Values({0, 1}, 1), Values({2, 2}, 2)})), FailsWith("E_SHAPE"));
  EXPECT_THAT(ReadX(OpenWith(Header({{2, 3}}), {})), FailsWith("E_SHAPE"));
}

TEST_F(V1CheckpointTest, TypesAndVersions) {
  tf::SavedTensorSlices header = Header({kWhole});
  header.mutable_meta()->mutable_tensor(0)->set_type(tf::DT_RESOURCE);
  EXPECT_THAT(ReadX(OpenWith(header, {Values(kWhole, 4)})), FailsWith("E_DTYPE"));
  header = Header({kWhole});
  header.mutable_meta()->mutable_versions()->set_min_consumer(2);
  EXPECT_THAT(ReadX(OpenWith(header, {Values(kWhole, 4)})), FailsWith("E_UNSUPPORTED"));
  header = Header({kWhole});
  header.mutable_meta()->mutable_tensor(0)->set_name("");
  EXPECT_THAT(ReadX(OpenWith(header, {})), FailsWith("E_NAME"));
  Write("c", TableBuilder::Table({Values(kWhole, 4)}));
  EXPECT_THAT(Open(Path("c")), FailsWith("E_PARSE"));
}

}  // namespace
}  // namespace moulin
