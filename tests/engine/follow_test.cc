// Models that follow the checkpoints of a manager (ModelOptions::follow). Those without files run under
// ThreadSanitizer.
#include <filesystem>
#include <future>
#include <thread>

#include "engine/checkpoint_watch.h"
#include "engine/model_impl.h"
#include "formats/checkpoint.h"
#include "formats/crc32c.h"
#include "formats/file.h"
#include "formats/proto_io.h"
#include "formats/tensor_proto.h"
#include "proto/saved_model.pb.h"
#include "proto/tensor_bundle.pb.h"
#include "tests/engine/engine_testing.h"
#include "tests/formats/table_builder.h"

namespace moulin {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Binary(const google::protobuf::Message& m) { return SerializeProto(m, ProtoForm::kBinary).value(); }

tf::NodeDef* AddNode(tf::GraphDef* graph, const std::string& name, const std::string& op, DType type) {
  tf::NodeDef* node = graph->add_node();
  node->set_name(name);
  node->set_op(op);
  (*node->mutable_attr())[op == "Mul" ? "T" : "dtype"].set_type(DTypeToProto(type));
  return node;
}

// y = x * w for x of [n, 3] and the variable w of [3].
tf::MetaGraphDef ProductGraph(int64_t columns) {
  tf::MetaGraphDef meta;
  tf::GraphDef* graph = meta.mutable_graph_def();
  tf::NodeDef* x = AddNode(graph, "x", "Placeholder", DType::kFloat32);
  ShapeToProto(PartialShape({kUnknownDim, columns}), (*x->mutable_attr())["shape"].mutable_shape());
  tf::NodeDef* w = AddNode(graph, "w", "VariableV2", DType::kFloat32);
  ShapeToProto(PartialShape({columns}), (*w->mutable_attr())["shape"].mutable_shape());
  tf::NodeDef* y = AddNode(graph, "y", "Mul", DType::kFloat32);
  y->add_input("x");
  y->add_input("w");
  return meta;
}

// A directory of checkpoints, which a manager saves.
class FollowTest : public ::testing::Test {
 protected:
  FollowTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(::testing::TempDir()) / (std::string("moulin_follow_") + info->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    options_.inputs = {{"x", "x:0"}};
    options_.outputs = {{"y", "y:0"}};
    options_.follow = true;
    options_.follow_interval = milliseconds(1);
    options_.on_checkpoint = [this](const std::string& checkpoint, const Status& status) {
      std::lock_guard<std::mutex> lock(mutex_);
      seen_.emplace_back(fs::path(checkpoint).filename().string(), status);
      changed_.notify_all();
    };
  }
  ~FollowTest() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& content) const {
    ASSERT_TRUE(WriteFile((folder_ / name).string(), content).ok());
  }

  // The files of a checkpoint whose w is `value` everywhere.
  void WriteCheckpoint(const std::string& name, float value, int64_t columns = 3) const {
    const std::vector<float> w(columns, value);
    const std::string data(reinterpret_cast<const char*>(w.data()), 4 * w.size());
    tf::BundleHeaderProto header;
    header.set_num_shards(1);
    header.mutable_version()->set_producer(1);
    tf::BundleEntryProto entry;
    entry.set_dtype(tf::DT_FLOAT);
    ShapeToProto(PartialShape({columns}), entry.mutable_shape());
    entry.set_size(static_cast<int64_t>(data.size()));
    entry.set_crc32c(MaskCrc32c(Crc32c(data)));
    Write(name + ".meta", Binary(ProductGraph(columns)));
    Write(name + ".index", TableBuilder::Table({{"", Binary(header)}, {"w", Binary(entry)}}));
    Write(name + ".data-00000-of-00001", data);
  }
  void Announce(const std::string& name) const { Write("checkpoint", "model_checkpoint_path: \"" + name + "\"\n"); }
  void Save(int step, float value, int64_t columns = 3) const {
    const std::string name = "model-" + std::to_string(step);
    WriteCheckpoint(name, value, columns);
    Announce(name);
  }

  // Waits until the model has looked at a checkpoint of this name with this outcome; the error's text.
  std::string WaitFor(const std::string& name, bool is_taken) {
    std::unique_lock<std::mutex> lock(mutex_);
    std::string message;
    const auto is_it = [&](const auto& seen) { return seen.first == name && seen.second.ok() == is_taken; };
    const bool came = changed_.wait_for(lock, std::chrono::seconds(30), [&] {
      const auto found = std::find_if(seen_.rbegin(), seen_.rend(), is_it);
      if (found == seen_.rend()) return false;
      message = Message(found->second);
      return true;
    });
    EXPECT_TRUE(came) << name << " was not " << (is_taken ? "taken" : "refused");
    return message;
  }

  std::shared_ptr<Model> Load(Engine& engine) {
    auto model = engine.Load(folder_.string(), options_);
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  }
  static float ValueNow(Model& model) { return FirstValue(model.Run({{"x", Rows(1, 1)}})); }

  fs::path folder_;
  ModelOptions options_;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::string, Status>> seen_;  // guarded by mutex_
};

// The weights of a model are swapped while several threads use it, one of them with shapes that are not planned yet.
TEST(RenewTest, RequestsOfSeveralThreads) {
  constexpr int kRenewals = 50;
  const auto engine = ReferenceEngine();
  ModelOptions options;
  options.instances = 2;
  const auto model = LoadGraph(*engine, ScaleGraph(1), "m", options);
  std::atomic<bool> stop{false};
  std::vector<std::thread> clients;
  for (int c = 0; c < 3; ++c) {
    clients.emplace_back([&, c] {
      float last = 0;
      for (int64_t i = 0; !stop; ++i) {
        Request request = RequestOf(Rows(c == 2 ? 1 + i % 40 : 1, 1));
        const auto result =
            c == 0 ? model->Run(std::move(request.inputs)) : model->Submit(std::move(request)).value().Get();
        const float value = FirstValue(result);
        EXPECT_GE(value, last);
        last = value;
      }
    });
  }
  for (int i = 2; i <= kRenewals; ++i) {
    EXPECT_TRUE(model->impl().Renew(ScaleGraph(static_cast<float>(i)), nullptr).ok());
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 1)}})), kRenewals + 1);
  EXPECT_EQ(model->stats().failed, 0);
}

TEST(RenewTest, AnotherModelIsRefused) {
  const auto engine = ReferenceEngine();
  const auto model = LoadGraph(*engine, ScaleGraph(1), "m");
  auto other = ScaleGraph(2);
  const ValueId y = other->outputs()[0].value;
  other->SetOutputs({{"z", y}});
  EXPECT_THAT(Message(model->impl().Renew(other, nullptr)),
              AllOf(HasSubstr("E_NAME"), HasSubstr("\"z\""), HasSubstr("\"y\"")));
  other->SetOutputs({{"y", y}, {"z", y}});
  EXPECT_THAT(Message(model->impl().Renew(other, nullptr)), HasSubstr("E_NAME"));
  EXPECT_EQ(FirstValue(model->Run({{"x", Rows(1, 1)}})), 2);
}

TEST_F(FollowTest, TakesWhatIsSavedLater) {
  Save(1, 10);
  const auto engine = ReferenceEngine();
  const auto model = Load(*engine);
  EXPECT_EQ(ValueNow(*model), 10);
  Save(2, 20);
  WaitFor("model-2", true);
  EXPECT_EQ(ValueNow(*model), 20);
  EXPECT_EQ(model->stats().plans, 1) << "not planned before it is used";
  // The same name again, as a manager that starts anew does.
  WriteCheckpoint("model-2", 30);
  while (ValueNow(*model) == 20) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(ValueNow(*model), 30);
  EXPECT_GE(model->stats().checkpoints_taken, 2);
}

TEST_F(FollowTest, WeightsOfAnotherCheckpointThanTheModelsOwn) {
  Save(1, 10);
  Write("graph.pb", Binary(ProductGraph(3).graph_def()));
  options_.checkpoint = folder_.string();
  const auto engine = ReferenceEngine();
  auto model = engine->Load((folder_ / "graph.pb").string(), options_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(ValueNow(**model), 10);
  Save(2, 20);
  WaitFor("model-2", true);
  EXPECT_EQ(ValueNow(**model), 20);
}

TEST_F(FollowTest, BrokenOnesAreRefusedAndTheOldOneGoesOn) {
  Save(1, 10);
  const auto engine = ReferenceEngine();
  const auto model = Load(*engine);
  WriteCheckpoint("model-2", 20);
  Write("model-2.data-00000-of-00001", "short");
  Announce("model-2");
  EXPECT_THAT(WaitFor("model-2", false), AllOf(HasSubstr("E_DATA"), HasSubstr("model-2.data")));
  EXPECT_EQ(ValueNow(*model), 10);
  // The rest of it comes.
  WriteCheckpoint("model-2", 20);
  WaitFor("model-2", true);
  EXPECT_EQ(ValueNow(*model), 20);
  Announce("model-3");
  EXPECT_THAT(WaitFor("", false), AllOf(HasSubstr("E_FILE"), HasSubstr("model-3")));
  EXPECT_EQ(ValueNow(*model), 20);
  EXPECT_GE(model->stats().checkpoints_refused, 2);
}

TEST_F(FollowTest, AnotherModelsIsRefused) {
  Save(1, 10);
  const auto engine = ReferenceEngine();
  const auto model = Load(*engine);
  Save(2, 20, /*columns=*/4);
  EXPECT_THAT(WaitFor("model-2", false), AllOf(HasSubstr("E_SHAPE"), HasSubstr("[?,4]"), HasSubstr("[?,3]")));
  EXPECT_EQ(ValueNow(*model), 10);
}

// Requests come from several threads while checkpoints are saved: each gets an answer of one checkpoint or another, and
// none of an older one than the one before.
TEST_F(FollowTest, NoRequestIsLost) {
  constexpr int kCheckpoints = 20;
  Save(1, 1);
  const auto engine = EngineOn(NewReferenceDevice());
  options_.instances = 2;
  const auto model = Load(*engine);
  std::atomic<bool> stop{false};
  std::atomic<int64_t> answers{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 3; ++c) {
    clients.emplace_back([&, c] {
      float last = 0;
      while (!stop) {
        Request request = RequestOf(Rows(1 + c, 1));
        const auto result =
            c == 0 ? model->Run(std::move(request.inputs)) : model->Submit(std::move(request)).value().Get();
        const float value = FirstValue(result);
        EXPECT_GE(value, last);
        EXPECT_EQ(result->front().second.values<float>().back(), value) << "a mix of two checkpoints";
        last = value;
        ++answers;
      }
    });
  }
  for (int step = 2; step <= kCheckpoints; ++step) {
    Save(step, static_cast<float>(step));
    WaitFor("model-" + std::to_string(step), true);
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  const ModelStats stats = model->stats();
  EXPECT_EQ(stats.succeeded, answers);
  EXPECT_EQ(stats.failed + stats.refused, 0);
  EXPECT_EQ(ValueNow(*model), kCheckpoints);
}

// A request that runs when the weights change has the old ones, and those behind it the new ones.
TEST_F(FollowTest, RequestsInFlightKeepTheirWeights) {
  Save(1, 10);
  const auto gate = std::make_shared<Gate>();
  const auto device = std::make_shared<HookedDevice>();
  device->hooks["y"] = [gate] {
    gate->Pass();
    return absl::OkStatus();
  };
  const auto engine = EngineOn(device);
  options_.instances = 1;
  const auto model = Load(*engine);
  const Future running = model->Submit(RequestOf(Rows(1, 1))).value();
  gate->WaitForArrivals(1);
  const Future waiting = model->Submit(RequestOf(Rows(1, 1))).value();
  Save(2, 20);
  WaitFor("model-2", true);
  gate->Open();
  EXPECT_EQ(FirstValue(running.Get()), 10);
  EXPECT_EQ(FirstValue(waiting.Get()), 20);
}

TEST_F(FollowTest, EndsWithTheModelAndTheEngine) {
  Save(1, 10);
  const auto engine = ReferenceEngine();
  Load(*engine);  // and lets go of it
  const auto model = Load(*engine);
  engine->Shutdown();
  Save(2, 20);
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(model->stats().checkpoints_taken, 0);
}

// The thread waits for the first watch's time while more watches come and all of them go.
TEST_F(FollowTest, WatchesComeAndGoWhileTheThreadWaits) {
  internal::CheckpointWatcher watcher{Limits()};
  for (int i = 0; i < 5; ++i) {
    watcher.Add({folder_.string(), std::chrono::hours(1), "", [] { return true; }, [](const auto&) {}});
    std::this_thread::sleep_for(milliseconds(5));
  }
  watcher.Stop();
}

TEST_F(FollowTest, WhatCannotBeFollowed) {
  Save(1, 10);
  const auto engine = ReferenceEngine();
  const std::string prefix = (folder_ / "model-1").string();
  EXPECT_THAT(Message(engine->Load(prefix, options_).status()), HasSubstr("E_OPTION"));
  options_.checkpoint = prefix;
  EXPECT_THAT(Message(engine->Load(folder_.string(), options_).status()), HasSubstr("E_OPTION"));
}

TEST_F(FollowTest, LookingTellsEveryChange) {
  Save(1, 10);
  const auto text = [&] { return internal::LookAtCheckpoint(folder_.string(), Limits()).text; };
  const std::string first = text();
  EXPECT_EQ(text(), first);
  Write("model-1.data-00000-of-00001", "longer than before");
  const std::string second = text();
  EXPECT_NE(second, first);
  fs::remove(folder_ / "model-1.index");
  EXPECT_NE(text(), second);
  EXPECT_FALSE(internal::LookAtCheckpoint(folder_.string(), Limits()).status.ok());
}

}  // namespace
}  // namespace moulin
