// tests/cli/tensorboard_test.py holds the same against TensorBoard.
#include "formats/events.h"

#include "absl/strings/escaping.h"
#include "formats/crc32c.h"
#include "formats/file.h"
#include "tests/formats/format_test.h"

namespace moulin {
namespace {

using ::testing::HasSubstr;

// The records of an event file, their checksums checked.
std::vector<tf::Event> ReadEvents(const std::string& file) {
  std::vector<tf::Event> events;
  const auto number = [&file](size_t at, int bytes) {
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(file.at(at + i));
    return value;
  };
  for (size_t at = 0; at < file.size();) {
    const uint64_t bytes = number(at, 8);
    EXPECT_EQ(number(at + 8, 4), MaskCrc32c(Crc32c(file.substr(at, 8))));
    const std::string record = file.substr(at + 12, bytes);
    EXPECT_EQ(number(at + 12 + bytes, 4), MaskCrc32c(Crc32c(record)));
    EXPECT_TRUE(events.emplace_back().ParseFromString(record));
    at += 16 + bytes;
  }
  return events;
}

// The record that TensorBoard's own writer writes for "abc".
TEST(EventsTest, Framing) {
  EXPECT_EQ(absl::BytesToHexString(FrameRecord("abc")), "0300000000000000b099490e6162636e57f121");
}

class EventFileTest : public FormatTest {};

TEST_F(EventFileTest, HoldsTheGraph) {
  tf::GraphDef graph;
  graph.add_node()->set_name("x");
  graph.mutable_node(0)->set_op("Placeholder");
  graph.mutable_library()->add_function()->mutable_signature()->set_name("f");
  const auto path = WriteGraphEvents(graph, Path("logs/run"));
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_THAT(*path, HasSubstr("/logs/run/events.out.tfevents."));
  const std::vector<tf::Event> events = ReadEvents(*ReadFile(*path, 1 << 20));
  ASSERT_EQ(events.size(), 2);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_GT(events[0].wall_time(), 1.7e9);
  tf::GraphDef read;
  ASSERT_TRUE(read.ParseFromString(events[1].graph_def()));
  EXPECT_EQ(read.ShortDebugString(), graph.ShortDebugString());
}

TEST_F(EventFileTest, FoldersThatCannotBeMade) {
  const std::string file = Write("a_file", "x");
  EXPECT_THAT(WriteGraphEvents({}, file + "/run"), FailsWith("E_FILE"));
}

}  // namespace
}  // namespace moulin
