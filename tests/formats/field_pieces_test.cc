#include "formats/field_pieces.h"

#include "absl/strings/str_cat.h"
#include "formats/graphdef.h"
#include "formats/proto_io.h"
#include "tests/formats/format_test.h"

namespace moulin {
namespace {

class FieldPiecesTest : public FormatTest {
 protected:
  // The pieces, joined; nothing where reading says false.
  std::optional<std::string> Read(const std::string& content) {
    const std::string path = Path("message");
    EXPECT_TRUE(WriteFile(path, content).ok());
    const OpenFile file = OpenFile::ForReading(path).value();
    std::string joined;
    const bool read = ReadFieldPieces(file, [&](absl::string_view piece) {
      ++pieces_;
      EXPECT_FALSE(piece.empty());
      absl::StrAppend(&joined, piece);
      return true;
    });
    return read ? std::optional(joined) : std::nullopt;
  }
  int pieces_ = 0;
};

// Constants of the given numbers of bytes.
std::string Constants(std::initializer_list<int> sizes) {
  tf::GraphDef graph;
  for (int size : sizes) {
    tf::NodeDef* node = graph.add_node();
    node->set_name(absl::StrCat("c", graph.node_size()));
    node->set_op("Const");
    (*node->mutable_attr())["value"].mutable_tensor()->set_tensor_content(std::string(size, 'x'));
  }
  return SerializeProto(graph, ProtoForm::kBinary).value();
}

TEST_F(FieldPiecesTest, EverythingComesOnceAndInOrder) {
  for (const auto sizes : {std::initializer_list<int>{}, {5}, {1000, 3'000'000, 10, 1'048'000, 600, 5'000'000}}) {
    const std::string content = Constants(sizes);
    EXPECT_EQ(Read(content), content);
  }
  EXPECT_GE(pieces_, 5) << "all at once";
}

TEST_F(FieldPiecesTest, CutAnywhere) {
  const std::string small = Constants({7, 300});
  for (size_t size = 1; size < small.size(); ++size) {
    const std::string cut = small.substr(0, size);
    const std::optional<std::string> read = Read(cut);
    EXPECT_TRUE(!read.has_value() || *read == cut) << size;
  }
  const std::string large = Constants({2'000'000, 2'000'000});
  for (size_t size : {size_t{1'048'576}, size_t{1'999'990}, large.size() - 1}) {
    EXPECT_FALSE(Read(large.substr(0, size)).has_value()) << size;
  }
}

TEST_F(FieldPiecesTest, NoMessage) {
  EXPECT_FALSE(Read(std::string(3'000'000, '\xFF')).has_value());
  EXPECT_FALSE(Read(std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F")).has_value()) << "an endless field";
}

TEST_F(FieldPiecesTest, GraphsThatAreReadSoAreThoseThatWereWritten) {
  const std::string content = Constants({1000, 3'000'000, 10, 1'500'000});
  const std::string path = Path("graph.pb");
  ASSERT_TRUE(WriteFile(path, content).ok());
  const auto graph = ReadGraphDef(path);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(SerializeProto(*graph, ProtoForm::kBinary).value(), content);
  // The slow way tells what is wrong, with the place.
  std::string broken = content;
  broken[broken.size() - 1'500'010] ^= 0x40;
  ASSERT_TRUE(WriteFile(path, broken).ok());
  const auto error = ReadGraphDef(path).status();
  EXPECT_FALSE(error.ok());
  EXPECT_THAT(std::string(error.message()), ::testing::HasSubstr("at byte"));
}

}  // namespace
}  // namespace moulin
