#include "formats/checkpoint.h"

#include <sys/inotify.h>
#include <unistd.h>

#include "formats/proto_io.h"
#include "formats/variable_keys.h"
#include "tests/formats/format_test.h"
#include "tests/formats/table_builder.h"

namespace moulin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Made by TensorFlow; see make_checkpoints.py there.
constexpr char kManager[] = "tests/formats/data/manager";
constexpr char kTypes[] = "tests/formats/data/types";

class CheckpointTest : public FormatTest {
 protected:
  // A directory with the checkpoint "a" and this `checkpoint` file.
  StatusOr<std::string> FindWith(const std::string& state) const {
    Write("d/a.index", Read(std::string(kTypes) + ".index"));
    Write("d/checkpoint", state);
    return FindCheckpoint(Path("d"));
  }
  StatusOr<Checkpoint> OpenWithObjects(const tf::TrackableObjectGraph& objects) const {
    const std::string graph = SerializeProto(objects, ProtoForm::kBinary).value();
    return OpenWithObjects(graph);
  }
  StatusOr<Checkpoint> OpenWithObjects(const std::string& graph) const {
    const std::string length = Fixed32(static_cast<uint32_t>(graph.size()));
    const std::string check = Fixed32(MaskCrc32c(Crc32c(length)));
    const std::string data = Varint(graph.size()) + check + graph;
    tf::BundleEntryProto entry;
    entry.set_dtype(tf::DT_STRING);
    entry.mutable_shape();
    entry.set_size(static_cast<int64_t>(data.size()));
    entry.set_crc32c(MaskCrc32c(Crc32c(length + check + graph)));
    tf::BundleHeaderProto header;
    header.set_num_shards(1);
    Write("c.index", TableBuilder::Table({{"", header.SerializeAsString()},
                                          {"_CHECKPOINTABLE_OBJECT_GRAPH", entry.SerializeAsString()}}));
    Write("c.data-00000-of-00001", data);
    return Checkpoint::Open(Path("c"));
  }
};

TEST_F(CheckpointTest, DirectoryOfAManager) {
  EXPECT_TRUE(IsCheckpoint(kManager));
  EXPECT_EQ(FindCheckpoint(kManager).value(), std::string(kManager) + "/ckpt-3");
  auto checkpoint = Checkpoint::Open(kManager);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->Read("step/.ATTRIBUTES/VARIABLE_VALUE")->values<int64_t>()[0], 30);
  auto older = Checkpoint::Open(std::string(kManager) + "/ckpt-2");
  ASSERT_TRUE(older.ok()) << older.status();
  EXPECT_EQ(older->Read("step/.ATTRIBUTES/VARIABLE_VALUE")->values<int64_t>()[0], 20);
}

TEST_F(CheckpointTest, NamesOfObjectsAndVariables) {
  const auto checkpoint = Checkpoint::Open(kManager);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const std::string key = "net/kernel/.ATTRIBUTES/VARIABLE_VALUE";
  EXPECT_EQ(checkpoint->FindKey(key), key);
  EXPECT_EQ(checkpoint->FindKey("net/kernel"), key);
  EXPECT_EQ(checkpoint->FindKey("my_kernel"), key);
  EXPECT_EQ(checkpoint->FindKey("second"), "net/layers/1/.ATTRIBUTES/VARIABLE_VALUE");
  EXPECT_EQ(checkpoint->FindKey("third"), "");
  EXPECT_EQ(checkpoint->FindKey(""), "");
  bool found = false;
  for (const CheckpointTensor& tensor : checkpoint->tensors()) {
    if (tensor.key != key) continue;
    found = true;
    EXPECT_EQ(tensor.variable, "my_kernel");
    EXPECT_EQ(tensor.shape, Shape({2, 2}));
    EXPECT_EQ(tensor.type, tf::DT_FLOAT);
  }
  EXPECT_TRUE(found);
}

TEST_F(CheckpointTest, PrefixAndIndexFile) {
  EXPECT_TRUE(IsCheckpoint(kTypes));
  EXPECT_TRUE(IsCheckpoint(std::string(kTypes) + ".index"));
  EXPECT_EQ(FindCheckpoint(std::string(kTypes) + ".index").value(), kTypes);
  EXPECT_FALSE(IsCheckpoint(Path("none")));
  EXPECT_FALSE(IsCheckpoint(Path("")));
  EXPECT_THAT(Checkpoint::Open(Path("none")), FailsWith("E_FILE"));
}

TEST_F(CheckpointTest, V1) {
  const std::string v1 = "tests/formats/data/v1";
  EXPECT_TRUE(IsCheckpoint(v1));
  EXPECT_THAT(Checkpoint::Open(v1)->Read("w")->values<float>(), ElementsAre(1, 2));
  Write("d/model", Read(v1));
  Write("d/checkpoint", "model_checkpoint_path: \"model\"");
  EXPECT_EQ(Checkpoint::Open(Path("d"))->tensors().size(), 2);
  // In several files, of which one is missing.
  Write("s-00000-of-00002", Read(v1));
  EXPECT_TRUE(IsCheckpoint(Path("s")));
  EXPECT_THAT(Message(Checkpoint::Open(Path("s"))), AllOf(HasSubstr("E_FILE"), HasSubstr("s-00001-of-00002")));
}

// How often a folder is opened, which reading its list of files does.
class FolderOpens {
 public:
  explicit FolderOpens(const std::string& folder) : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    EXPECT_GE(inotify_add_watch(fd_, folder.c_str(), IN_OPEN | IN_ONLYDIR), 0);
  }
  ~FolderOpens() { ::close(fd_); }
  int Count() const {
    alignas(inotify_event) char buffer[4096];
    int opens = 0;
    for (ssize_t n; (n = ::read(fd_, buffer, sizeof(buffer))) > 0;) {
      for (ssize_t at = 0; at < n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        opens += (event->mask & IN_ISDIR) != 0;
        at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      }
    }
    return opens;
  }

 private:
  const int fd_;
};

TEST_F(CheckpointTest, TheFolderOfSeveralV1FilesIsListedOnce) {
  for (const char* file : {"-00000-of-00002", "-00001-of-00002"}) {
    Write(std::string("d/m") + file, Read(std::string("tests/formats/data/v1_sliced") + file));
  }
  Write("d/checkpoint", "model_checkpoint_path: \"m\"");
  const FolderOpens opens(Path("d"));
  EXPECT_EQ(Checkpoint::Open(Path("d"))->Read("rows")->shape(), Shape({10, 4}));
  EXPECT_EQ(opens.Count(), 1);
  EXPECT_TRUE(Checkpoint::Open(Path("d/m")).ok());
  EXPECT_EQ(opens.Count(), 1);
  EXPECT_TRUE(Checkpoint::OpenPrefix(Path("d/m")).ok());
  EXPECT_EQ(opens.Count(), 1);
}

TEST_F(CheckpointTest, StateFiles) {
  const std::string a = Path("d/a");
  EXPECT_EQ(FindWith("model_checkpoint_path: \"a\"").value(), a);
  EXPECT_EQ(FindWith("model_checkpoint_path: \"a\" future_field: 7").value(), a);
  EXPECT_EQ(FindWith("model_checkpoint_path: \"/moved/away/a\"").value(), a);
  EXPECT_THAT(FindWith("model_checkpoint_path: \"../d/a\""), FailsWith("E_NAME"));
  EXPECT_THAT(FindWith("model_checkpoint_path: \"/etc/passwd\""), FailsWith("E_FILE"));
  EXPECT_THAT(FindWith("model_checkpoint_path: \"/etc/\""), FailsWith("E_EMPTY"));
  EXPECT_THAT(FindWith("model_checkpoint_path: \"a\\000b\""), FailsWith("E_NAME"));
  EXPECT_THAT(FindWith("model_checkpoint_path: \"b\""), FailsWith("E_FILE"));
  EXPECT_THAT(FindWith("all_model_checkpoint_paths: \"a\""), FailsWith("E_EMPTY"));
  EXPECT_THAT(FindWith(""), FailsWith("E_EMPTY"));
  EXPECT_THAT(FindWith("model_checkpoint_path: \"a"), FailsWith("E_PARSE"));
  EXPECT_THAT(Message(FindWith("\nmodel_checkpoint_path: {")), AllOf(HasSubstr("E_PARSE"), HasSubstr("d/checkpoint")));
  std::string many = "model_checkpoint_path: \"a\"\n";
  for (int i = 0; i < 100'000; ++i) many += "all_model_checkpoint_paths: \"ckpt-" + std::to_string(i) + "\"\n";
  EXPECT_EQ(FindWith(many).value(), a);
  while (many.size() <= size_t{16} << 20) many += many;
  EXPECT_THAT(Message(FindWith(many)), AllOf(HasSubstr("E_LIMIT"), HasSubstr("d/checkpoint")));
}

// A writer that saves under the same name while the checkpoint is read: the values are all of the old one, or there is
// an error.
TEST_F(CheckpointTest, ReplacedWhileItIsRead) {
  const auto put = [&](const std::string& data) {
    std::filesystem::remove(Path("r.data-00000-of-00001"));
    Write("r.data-00000-of-00001", data);
  };
  const std::string old_data = Read(std::string(kTypes) + ".data-00000-of-00001");
  std::string new_data = old_data;
  for (char& c : new_data) c = static_cast<char>(c ^ 1);
  Write("r.index", Read(std::string(kTypes) + ".index"));
  put(old_data);
  auto before_data = Checkpoint::Open(Path("r"));
  ASSERT_TRUE(before_data.ok()) << before_data.status();
  put(new_data);
  EXPECT_THAT(Message(before_data->Read("matrix")), AllOf(HasSubstr("E_DATA"), HasSubstr("matrix")));
  put(old_data);
  auto after_data = Checkpoint::Open(Path("r"));
  ASSERT_TRUE(after_data.ok()) << after_data.status();
  ASSERT_TRUE(after_data->Read("scalar").ok());
  put(new_data);
  EXPECT_EQ(after_data->Read("matrix")->values<float>()[5], 6) << "the file that was opened stays";
  put(old_data.substr(0, 1));
  auto cut = Checkpoint::Open(Path("r"));
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_THAT(cut->Read("matrix"), FailsWith("E_DATA"));
}

TEST_F(CheckpointTest, MalformedGraphOfObjects) {
  tf::TrackableObjectGraph objects;
  auto* child = objects.add_nodes()->add_children();
  child->set_local_name("self");  // a cycle is fine
  EXPECT_TRUE(OpenWithObjects(objects).ok());
  for (const int bad : {1, -1, INT32_MAX}) {
    child = objects.mutable_nodes(0)->mutable_children(0);
    child->set_node_id(bad);
    EXPECT_THAT(OpenWithObjects(objects), FailsWith("E_PARSE"));
  }
  EXPECT_THAT(OpenWithObjects("\xff\xff"), FailsWith("E_PARSE"));
}

TEST_F(CheckpointTest, NameOfTwoVariablesTellsNeither) {
  tf::TrackableObjectGraph objects;
  for (const char* key : {"a/.ATTRIBUTES/VARIABLE_VALUE", "b/.ATTRIBUTES/VARIABLE_VALUE"}) {
    auto* attribute = objects.add_nodes()->add_attributes();
    attribute->set_full_name("twin");
    attribute->set_checkpoint_key(key);
  }
  EXPECT_EQ(OpenWithObjects(objects)->FindKey("twin"), "");
}

// A saved graph of objects need not fit the checkpoint's, nor hold together.
TEST(VariableKeys, MalformedObjectsAreSkipped) {
  tf::MetaGraphDef meta_graph;
  tf::NodeDef* call = meta_graph.mutable_graph_def()->add_node();
  call->set_op("StatefulPartitionedCall");
  (*call->mutable_attr())["f"].mutable_func()->set_name("f");
  call->add_input("v");
  call->add_input("^v");
  tf::SavedObjectGraph& saved = *meta_graph.mutable_object_graph_def();
  auto* child = saved.add_nodes()->add_children();
  child->set_local_name("v");
  tf::TrackableObjectGraph stored;
  stored.add_nodes()->add_children()->set_local_name("v");
  auto* attribute = stored.mutable_nodes(0)->add_attributes();
  attribute->set_name("VARIABLE_VALUE");
  attribute->set_checkpoint_key("key");
  auto& bound = *(*saved.mutable_concrete_functions())["f"].mutable_bound_inputs();
  for (const int object : {-1, 1, INT32_MAX}) {
    child->set_node_id(object);
    bound.Clear();
    bound.Add(object);
    EXPECT_TRUE(KeysByObjects(meta_graph, stored).empty());
  }
  bound.Clear();
  bound.Add(0);
  EXPECT_EQ(KeysByObjects(meta_graph, stored).at("v").key, "key");
  bound.Add(0);  // more than the call has inputs
  EXPECT_TRUE(KeysByObjects(meta_graph, stored).empty());
}

}  // namespace
}  // namespace moulin
