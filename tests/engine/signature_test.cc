// Signatures that do not fit their graph.
#include "engine/signature.h"

#include "formats/proto_io.h"
#include "moulin/engine.h"
#include "tests/formats/format_test.h"

namespace moulin::internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SignatureTest : public FormatTest {
 protected:
  // x (f32[?,2]) -> relu, and a signature "s" that says so.
  static tf::SavedModel Model() {
    tf::SavedModel model;
    tf::MetaGraphDef& graph = *model.add_meta_graphs();
    graph.mutable_meta_info_def()->add_tags("serve");
    tf::NodeDef& x = *graph.mutable_graph_def()->add_node();
    x.set_name("x");
    x.set_op("Placeholder");
    (*x.mutable_attr())["dtype"].set_type(tf::DT_FLOAT);
    auto& shape = *(*x.mutable_attr())["shape"].mutable_shape();
    shape.add_dim()->set_size(-1);
    shape.add_dim()->set_size(2);
    tf::NodeDef& relu = *graph.mutable_graph_def()->add_node();
    relu.set_name("relu");
    relu.set_op("Relu");
    relu.add_input("x");
    (*relu.mutable_attr())["T"].set_type(tf::DT_FLOAT);
    tf::SignatureDef& signature = (*graph.mutable_signature_def())["s"];
    for (auto* info : {&(*signature.mutable_inputs())["in"], &(*signature.mutable_outputs())["out"]}) {
      info->set_dtype(tf::DT_FLOAT);
      info->mutable_tensor_shape()->add_dim()->set_size(-1);
      info->mutable_tensor_shape()->add_dim()->set_size(2);
    }
    (*signature.mutable_inputs())["in"].set_name("x:0");
    (*signature.mutable_outputs())["out"].set_name("relu:0");
    return model;
  }

  // What loading says of the signature that `change` has changed; "" where it loads.
  template <typename Change>
  std::string Judged(const Change& change) {
    tf::SavedModel model = Model();
    change((*model.mutable_meta_graphs(0)->mutable_signature_def())["s"]);
    Write("m/saved_model.pb", SerializeProto(model, ProtoForm::kBinary).value());
    const auto engine = Engine::Create({.device = "reference"});
    return Message((*engine)->Load(Path("m"), {}));
  }
};

TEST_F(SignatureTest, OneThatFits) {
  EXPECT_EQ(Judged([](tf::SignatureDef&) {}), "");
  // What is not declared contradicts nothing; nor does a size where the graph leaves it open.
  EXPECT_EQ(Judged([](tf::SignatureDef& s) {
              tf::TensorInfo& out = (*s.mutable_outputs())["out"];
              out.clear_dtype();
              out.clear_tensor_shape();
              (*s.mutable_inputs())["in"].mutable_tensor_shape()->mutable_dim(0)->set_size(8);
            }),
            "");
}

TEST_F(SignatureTest, TensorsThatAreNotInTheGraph) {
  EXPECT_THAT(Judged([](tf::SignatureDef& s) { (*s.mutable_outputs())["out"].set_name("rleu:0"); }),
              AllOf(HasSubstr("E_OUTPUT"), HasSubstr("\"rleu:0\""), HasSubstr("signature \"s\", \"out\""),
                    HasSubstr("did you mean \"relu\"")));
  EXPECT_THAT(Judged([](tf::SignatureDef& s) { (*s.mutable_inputs())["in"].set_name("gone:0"); }),
              AllOf(HasSubstr("E_OUTPUT"), HasSubstr("signature \"s\", \"in\"")));
  EXPECT_THAT(Judged([](tf::SignatureDef& s) { (*s.mutable_outputs())["out"].set_name("relu:7"); }), HasSubstr("E_"));
}

TEST_F(SignatureTest, TypesAndShapesThatContradictTheGraph) {
  EXPECT_THAT(Judged([](tf::SignatureDef& s) { (*s.mutable_outputs())["out"].set_dtype(tf::DT_INT64); }),
              AllOf(HasSubstr("E_DTYPE"), HasSubstr("float32"), HasSubstr("DT_INT64"), HasSubstr("\"out\"")));
  EXPECT_THAT(Judged([](tf::SignatureDef& s) { (*s.mutable_inputs())["in"].set_dtype(tf::DT_HALF); }),
              AllOf(HasSubstr("E_DTYPE"), HasSubstr("\"in\"")));
  EXPECT_THAT(
      Judged(
          [](tf::SignatureDef& s) { (*s.mutable_inputs())["in"].mutable_tensor_shape()->mutable_dim(1)->set_size(3); }),
      AllOf(HasSubstr("E_SHAPE"), HasSubstr("[?,2]"), HasSubstr("[?,3]"), HasSubstr("signature \"s\", \"in\"")));
  EXPECT_THAT(
      Judged([](tf::SignatureDef& s) { (*s.mutable_inputs())["in"].mutable_tensor_shape()->add_dim()->set_size(1); }),
      HasSubstr("E_SHAPE"));
}

}  // namespace
}  // namespace moulin::internal
