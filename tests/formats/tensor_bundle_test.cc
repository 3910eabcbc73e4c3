#include "formats/tensor_bundle.h"

#include <algorithm>
#include <functional>

#include "formats/crc32c.h"
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
constexpr char kData[] = "tests/formats/data/";

// A checkpoint of one's own making.
class TensorBundleTest : public FormatTest {
 protected:
  static std::string Serialize(const google::protobuf::Message& m) {
    return SerializeProto(m, ProtoForm::kBinary).value();
  }

  static tf::BundleHeaderProto Header(int shards = 1) {
    tf::BundleHeaderProto header;
    header.set_num_shards(shards);
    header.mutable_version()->set_producer(1);
    return header;
  }
  static tf::BundleEntryProto Entry(const Shape& shape, const std::string& data, int64_t offset = 0) {
    tf::BundleEntryProto entry;
    entry.set_dtype(tf::DT_FLOAT);
    ShapeToProto(shape, entry.mutable_shape());
    entry.set_offset(offset);
    entry.set_size(static_cast<int64_t>(data.size()));
    entry.set_crc32c(MaskCrc32c(Crc32c(data)));
    return entry;
  }
  static std::string Floats(const std::vector<float>& values) {
    return std::string(reinterpret_cast<const char*>(values.data()), 4 * values.size());
  }

  // Writes the index with `entries` and returns the prefix.
  std::string WriteIndex(const TableBuilder::Entries& entries, const tf::BundleHeaderProto& header = Header()) {
    TableBuilder::Entries all = {{"", Serialize(header)}};
    all.insert(all.end(), entries.begin(), entries.end());
    Write("c.index", TableBuilder::Table(all));
    return Path("c");
  }
  // What comes of reading "x", whose entry and data file are these.
  StatusOr<Tensor> ReadOne(const tf::BundleEntryProto& entry, const std::string& data) {
    Write("c.data-00000-of-00001", data);
    return ReadOf(WriteIndex({{"x", Serialize(entry)}}), "x");
  }
  static StatusOr<Tensor> ReadOf(const std::string& prefix, const std::string& name) {
    StatusOr<TensorBundle> bundle = TensorBundle::Open(prefix);
    if (!bundle.ok()) return bundle.status();
    return bundle->Read(name);
  }
  // Of a tensor of shape [4] in slices of the given places.
  StatusOr<Tensor> ReadSliced(const std::vector<TensorSlice::Extent>& extents) {
    const std::string data = Floats({1, 2, 3, 4});
    tf::BundleEntryProto whole = Entry({4}, "");
    TableBuilder::Entries entries;
    for (const TensorSlice::Extent& e : extents) {
      tf::TensorSliceProto::Extent* extent = whole.add_slices()->add_extent();
      extent->set_start(e.start);
      extent->set_length(e.length);
      const std::string part = data.substr(0, 4 * std::min<int64_t>(std::max<int64_t>(e.length, 0), 4));
      const TensorSlice slice{{e}};
      entries.emplace_back(EncodeSliceKey("x", slice), Serialize(Entry({std::max<int64_t>(e.length, 0)}, part)));
    }
    std::sort(entries.begin(), entries.end());
    entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
    entries.emplace_back("x", Serialize(whole));
    Write("c.data-00000-of-00001", data);
    return ReadOf(WriteIndex(entries), "x");
  }
};

TEST_F(TensorBundleTest, EveryType) {
  auto bundle = TensorBundle::Open(std::string(kData) + "types");
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  ExpectStoredTypes(*bundle);
  const auto read = [&](const char* name) { return bundle->Read(name).value(); };
  const auto expected = ElementsAre(0, 1, 2, 100);
  EXPECT_THAT(AsDoubles<uint16_t>(read("uint16")), expected);
  EXPECT_THAT(AsDoubles<uint32_t>(read("uint32")), expected);
  EXPECT_THAT(AsDoubles<uint64_t>(read("uint64")), expected);
  EXPECT_THAT(read("bfloat16").values<uint16_t>(), ElementsAre(0, 0x3f80, 0x4000, 0x42c8));
  EXPECT_EQ(read("bfloat16").dtype(), DType::kBFloat16);
}

TEST_F(TensorBundleTest, NamesAndShapes) {
  auto bundle = TensorBundle::Open(std::string(kData) + "types");
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(bundle->Read("scalar").value().shape(), Shape());
  EXPECT_THAT(bundle->Read("matrix").value().values<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(bundle->names().size(), 20);
  EXPECT_FALSE(bundle->Contains("other"));
  EXPECT_THAT(bundle->Read("other"), FailsWith("E_NAME"));
  EXPECT_THAT(bundle->Read(""), FailsWith("E_NAME"));
}

TEST_F(TensorBundleTest, PartitionedTensorsArePutTogether) {
  auto bundle = TensorBundle::Open(std::string(kData) + "sliced");
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_THAT(bundle->names(), ElementsAre("blocks", "rows", "whole", "words"));
  const Tensor rows = bundle->Read("rows").value();
  ASSERT_EQ(rows.shape(), Shape({10, 4}));
  for (int i = 0; i < 40; ++i) EXPECT_EQ(rows.values<float>()[i], i);
  const Tensor blocks = bundle->Read("blocks").value();
  ASSERT_EQ(blocks.shape(), Shape({3, 200}));
  for (int i = 0; i < 600; ++i) EXPECT_EQ(blocks.values<int32_t>()[i], i);
  EXPECT_THAT(bundle->Read("words").value().strings(), ElementsAre("a", "bb", "ccc", "dddd"));
}

TEST_F(TensorBundleTest, SlicesOfTensors) {
  auto bundle = TensorBundle::Open(std::string(kData) + "sliced");
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  const auto read = [&](const char* name, const char* slice) {
    return bundle->ReadSlice(name, SliceFromString(slice).value());
  };
  EXPECT_EQ(read("rows", "3,3:-")->values<float>()[0], 12);                    // as it was saved
  EXPECT_THAT(read("rows", "5,2:1,1")->values<float>(), ElementsAre(21, 25));  // across two
  EXPECT_THAT(read("whole", "1,2")->values<float>(), ElementsAre(1, 2));       // of one saved whole
  EXPECT_EQ(read("rows", "-:-")->num_elements(), 40);
  EXPECT_THAT(read("rows", "8,3:-"), FailsWith("E_SHAPE"));
  EXPECT_THAT(read("rows", "-"), FailsWith("E_SHAPE"));
}

TEST_F(TensorBundleTest, SeveralDataFiles) {
  const std::string prefix = std::string(kData) + "sharded";
  auto bundle = TensorBundle::Open(prefix);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  for (int i = 0; i < 3; ++i) {
    const std::string shard = "shard" + std::to_string(i);
    EXPECT_EQ(bundle->Read(shard + "/w")->values<float>()[3], i + 0.5);
    EXPECT_EQ(bundle->Read(shard + "/s")->strings()[0], "words of " + std::to_string(i));
  }
  // One of them is missing.
  Write("c.index", Read(prefix + ".index"));
  Write("c.data-00000-of-00003", Read(prefix + ".data-00000-of-00003"));
  EXPECT_TRUE(ReadOf(Path("c"), "shard0/w").ok());
  EXPECT_THAT(Message(ReadOf(Path("c"), "shard1/w")), AllOf(HasSubstr("E_FILE"), HasSubstr("data-00001-of-00003")));
}

// TensorFlow's own files, cut at every byte and with every byte changed: never a crash, never another value.
TEST_F(TensorBundleTest, EveryTruncationAndFlippedByte) {
  const std::string index = Read(std::string(kData) + "sharded.index");
  const std::string data = Read(std::string(kData) + "sharded.data-00000-of-00003");
  Write("c.data-00000-of-00003", data);
  Write("c.index", index);
  const Tensor good = ReadOf(Path("c"), "shard0/w").value();
  for (size_t n = 0; n < index.size(); ++n) {
    Write("c.index", index.substr(0, n));
    EXPECT_THAT(Message(TensorBundle::Open(Path("c"))), HasSubstr("c.index")) << n;
  }
  for (size_t i = 0; i < index.size(); ++i) {
    std::string bad = index;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    Write("c.index", bad);
    const auto read = ReadOf(Path("c"), "shard0/w");
    if (read.ok()) {
      EXPECT_EQ(read->ToString(), good.ToString()) << i;  // the change is in what is not read
    }
  }
  Write("c.index", index);
  for (size_t i = 0; i < data.size(); ++i) {
    std::string bad = data;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    Write("c.data-00000-of-00003", bad);
    EXPECT_NE(ReadOf(Path("c"), "shard0/w").ok(), ReadOf(Path("c"), "shard0/s").ok()) << i;
    Write("c.data-00000-of-00003", data.substr(0, i));
    EXPECT_FALSE(ReadOf(Path("c"), "shard0/w").ok() && ReadOf(Path("c"), "shard0/s").ok()) << i;
  }
}

TEST_F(TensorBundleTest, ErrorsNameTensorAndFile) {
  const std::string data = Floats({1, 2});
  tf::BundleEntryProto entry = Entry({2}, data);
  entry.set_crc32c(entry.crc32c() ^ 1);
  EXPECT_THAT(Message(ReadOne(entry, data)),
              AllOf(HasSubstr("E_DATA: fails its checksum"), HasSubstr("\"x\""), HasSubstr(Path("c"))));
}

TEST_F(TensorBundleTest, Headers) {
  const auto open = [&](const tf::BundleHeaderProto& header) { return TensorBundle::Open(WriteIndex({}, header)); };
  EXPECT_TRUE(open(Header()).ok());
  EXPECT_TRUE(open(Header(INT32_MAX)).ok());  // nothing is opened before it is read
  EXPECT_THAT(open(Header(0)), FailsWith("E_PARSE"));
  EXPECT_THAT(open(Header(-1)), FailsWith("E_PARSE"));
  tf::BundleHeaderProto header = Header();
  header.set_endianness(tf::BundleHeaderProto::BIG);
  EXPECT_THAT(open(header), FailsWith("E_UNSUPPORTED"));
  header = Header();
  header.mutable_version()->set_min_consumer(2);
  EXPECT_THAT(open(header), FailsWith("E_UNSUPPORTED"));
  Write("c.index", TableBuilder::Table({{"x", ""}}));
  EXPECT_THAT(TensorBundle::Open(Path("c")), FailsWith("E_PARSE"));
  Write("c.index", TableBuilder::Table({}));
  EXPECT_THAT(TensorBundle::Open(Path("c")), FailsWith("E_PARSE"));
  Write("c.index", "");
  EXPECT_THAT(TensorBundle::Open(Path("c")), FailsWith("E_EMPTY"));
  EXPECT_THAT(TensorBundle::Open(Path("none")), FailsWith("E_FILE"));
}

TEST_F(TensorBundleTest, EntriesThatDoNotFitTheFile) {
  const std::string data = Floats({1, 2});
  const auto read = [&](const std::function<void(tf::BundleEntryProto*)>& change) {
    tf::BundleEntryProto entry = Entry({2}, data);
    change(&entry);
    return ReadOne(entry, data);
  };
  EXPECT_TRUE(read([](auto*) {}).ok());
  EXPECT_THAT(read([](auto* e) { e->set_offset(4); }), FailsWith("E_DATA"));
  EXPECT_THAT(read([](auto* e) { e->set_offset(INT64_MAX); }), FailsWith("E_DATA"));
  EXPECT_THAT(read([](auto* e) { e->set_offset(-1); }), FailsWith("E_PARSE"));
  EXPECT_THAT(read([](auto* e) { e->set_size(-8); }), FailsWith("E_PARSE"));
  EXPECT_THAT(read([](auto* e) { e->set_size(INT64_MAX); }), FailsWith("E_DATA"));
  EXPECT_THAT(read([](auto* e) { e->set_shard_id(1); }), FailsWith("E_PARSE"));
  EXPECT_THAT(read([](auto* e) { e->set_shard_id(-1); }), FailsWith("E_PARSE"));
  EXPECT_THAT(read([](auto* e) { ShapeToProto(Shape({1}), e->mutable_shape()); }), FailsWith("E_TENSOR"));
  EXPECT_THAT(read([](auto* e) { ShapeToProto(Shape({int64_t{1} << 62}), e->mutable_shape()); }),
              FailsWith("E_TENSOR"));
  EXPECT_THAT(read([](auto* e) { e->mutable_shape()->mutable_dim(0)->set_size(-1); }), FailsWith("E_SHAPE"));
  EXPECT_THAT(read([](auto* e) { e->mutable_shape()->mutable_dim(0)->set_size(-2); }), FailsWith("E_SHAPE"));
  EXPECT_THAT(read([](auto* e) { e->set_dtype(tf::DT_DOUBLE); }), FailsWith("E_TENSOR"));
  EXPECT_THAT(read([](auto* e) { e->set_dtype(tf::DT_VARIANT); }), FailsWith("E_DTYPE"));
  EXPECT_THAT(read([](auto* e) { e->set_dtype(tf::DT_RESOURCE); }), FailsWith("E_DTYPE"));
  EXPECT_THAT(read([](auto* e) { e->set_dtype(tf::DT_INVALID); }), FailsWith("E_DTYPE"));
  EXPECT_THAT(read([](auto* e) { e->set_dtype(tf::DT_INT4); }), FailsWith("E_DTYPE"));
  EXPECT_THAT(read([](auto* e) { e->set_dtype(static_cast<tf::DataType>(9999)); }), FailsWith("E_DTYPE"));
}

TEST_F(TensorBundleTest, StringsThatDoNotFitTheirBytes) {
  const auto read = [&](const std::string& lengths, const std::string& characters, int64_t count) {
    const std::string data = lengths + Fixed32(0) + characters;
    tf::BundleEntryProto entry = Entry({count}, data);
    entry.set_dtype(tf::DT_STRING);
    return ReadOne(entry, data);
  };
  EXPECT_THAT(read(Varint(uint64_t{2} << 30), "a", 1), FailsWith("E_TENSOR"));
  EXPECT_THAT(read(Varint(UINT64_MAX), "a", 1), FailsWith("E_TENSOR"));
  EXPECT_THAT(read(Varint(1), "a", 1), FailsWith("E_DATA"));  // the checksum of the lengths
  EXPECT_THAT(read(Varint(1), "a", int64_t{1} << 40), FailsWith("E_TENSOR"));
}

TEST_F(TensorBundleTest, SlicesMustTile) {
  EXPECT_THAT(ReadSliced({{0, 1}, {1, 3}})->values<float>(), ElementsAre(1, 1, 2, 3));
  EXPECT_TRUE(ReadSliced({{1, 3}, {0, 1}}).ok());
  EXPECT_THAT(ReadSliced({{0, 2}, {1, 3}}), FailsWith("E_SHAPE"));  // overlap
  EXPECT_THAT(ReadSliced({{0, 2}, {0, 2}}), FailsWith("E_SHAPE"));
  EXPECT_THAT(ReadSliced({{0, 1}, {2, 2}}), FailsWith("E_SHAPE"));  // a gap
  EXPECT_THAT(ReadSliced({{0, 2}}), FailsWith("E_SHAPE"));
  EXPECT_THAT(ReadSliced({{0, 2}, {2, 3}}), FailsWith("E_SHAPE"));  // beyond the end
  EXPECT_THAT(ReadSliced({{-1, 2}, {1, 3}}), FailsWith("E_SHAPE"));
  EXPECT_THAT(ReadSliced({{0, INT64_MAX}}), FailsWith("E_SHAPE"));
  EXPECT_THAT(ReadSliced({{INT64_MAX, 2}}), FailsWith("E_SHAPE"));
}

TEST_F(TensorBundleTest, SliceWithoutEntry) {
  tf::BundleEntryProto whole = Entry({4}, "");
  whole.add_slices()->add_extent();
  EXPECT_THAT(ReadOne(whole, ""), FailsWith("E_PARSE"));
}

// Two names for the same bytes are no fault.
TEST_F(TensorBundleTest, EntriesMayShareBytes) {
  const std::string data = Floats({1, 2});
  Write("c.data-00000-of-00001", data);
  const std::string prefix =
      WriteIndex({{"a", Serialize(Entry({2}, data))}, {"b", Serialize(Entry({1}, data.substr(4), 4))}});
  EXPECT_TRUE(ReadOf(prefix, "a").ok());
  EXPECT_EQ(ReadOf(prefix, "b")->values<float>()[0], 2);
}

TEST_F(TensorBundleTest, TensorLimit) {
  Limits limits;
  limits.tensor_bytes = 15;
  auto bundle = TensorBundle::Open(std::string(kData) + "types", limits);
  EXPECT_THAT(bundle->Read("float32"), FailsWith("E_LIMIT"));
  EXPECT_TRUE(bundle->Read("int8").ok());
}

TEST(TensorSlice, Text) {
  for (const char* text : {"0,2:-", "-", "3,1:4,1:-", ""}) EXPECT_EQ(ToString(SliceFromString(text).value()), text);
  for (const char* text : {"0", "a,b", "0,1,2", "0,1:x"}) EXPECT_THAT(SliceFromString(text), FailsWith("E_PARSE"));
}

}  // namespace
}  // namespace moulin
