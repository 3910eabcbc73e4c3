#include "engine/signature_objects.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace moulin::internal {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A model of TensorFlow 2 with a variable, object 1, and the signatures "serving_default" and "other", objects 3 and 4.
tf::MetaGraphDef Model() {
  tf::MetaGraphDef model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    graph_def {
      node { name: "arg_0" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
      node { name: "v" op: "VarHandleOp" attr { key: "dtype" value { type: DT_FLOAT } }
             attr { key: "shape" value { shape {} } } }
      node { name: "u" op: "VarHandleOp" attr { key: "dtype" value { type: DT_FLOAT } }
             attr { key: "shape" value { shape {} } } }
      node { name: "call" op: "StatefulPartitionedCall" input: "arg_0" input: "v"
             attr { key: "f" value { func { name: "__inference_f_1" } } }
             attr { key: "Tin" value { list { type: DT_FLOAT type: DT_RESOURCE } } }
             attr { key: "Tout" value { list { type: DT_FLOAT } } } }
      node { name: "split" op: "Unpack" input: "call" input: "^arg_0" attr { key: "T" value { type: DT_FLOAT } }
             attr { key: "num" value { i: 2 } } attr { key: "_class" value { list { s: "loc:@arg_0" } } } }
      node { name: "read" op: "ReadVariableOp" input: "u" attr { key: "dtype" value { type: DT_FLOAT } } }
      node { name: "odd" op: "NobodyKnowsThis" input: "call" }
      node { name: "behind" op: "Identity" input: "odd:1" attr { key: "T" value { type: DT_FLOAT } } }
      library { function { signature { name: "__inference_f_1" } } } }
    signature_def { key: "serving_default" value {} }
    object_graph_def {
      nodes { children { node_id: 1 local_name: "v" } children { node_id: 2 local_name: "signatures" } user_object {} }
      nodes { variable { dtype: DT_FLOAT } }
      nodes { children { node_id: 3 local_name: "serving_default" } children { node_id: 4 local_name: "other" }
              dependencies { node_id: 4 local_name: "other" } user_object { identifier: "signature_map" } }
      nodes { bare_concrete_function {} }
      nodes { bare_concrete_function {} }
      concrete_functions { key: "__inference_f_1" value { bound_inputs: 1 } } })",
                                                            &model));
  return model;
}

// The signature "serving_default" with these inputs and outputs, keys and tensors.
Status Change(const std::map<std::string, std::string>& inputs, const std::map<std::string, std::string>& outputs,
              tf::MetaGraphDef* model) {
  tf::SignatureDef& signature = (*model->mutable_signature_def())["serving_default"];
  const auto set = [](const std::map<std::string, std::string>& from, auto* to) {
    for (const auto& [key, tensor] : from) {
      (*to)[key].set_name(tensor);
      (*to)[key].set_dtype(tf::DT_FLOAT);
    }
  };
  set(inputs, signature.mutable_inputs());
  set(outputs, signature.mutable_outputs());
  SignatureEdits edits;
  edits.change.push_back({"serving_default", "", std::vector<SignatureTensor>(), std::nullopt});
  return EditSignatureObjects(edits, {}, model);
}

std::vector<std::string> Signatures(const tf::MetaGraphDef& model, int map = 2) {
  std::vector<std::string> names;
  for (const auto& child : model.object_graph_def().nodes(map).children()) {
    names.push_back(child.local_name() + " " + std::to_string(child.node_id()));
  }
  return names;
}

TEST(SignatureObjectsTest, RemovedAndRenamed) {
  tf::MetaGraphDef model = Model();
  SignatureEdits edits;
  edits.remove = {"serving_default", "not_among_the_objects"};
  edits.rename = {{"other", "main"}};
  ASSERT_TRUE(EditSignatureObjects(edits, {}, &model).ok());
  EXPECT_THAT(Signatures(model), ElementsAre("main 4"));
  EXPECT_EQ(model.object_graph_def().nodes(2).dependencies(0).local_name(), "main");
  EXPECT_EQ(model.object_graph_def().nodes_size(), 5) << "all numbers stay";
}

TEST(SignatureObjectsTest, MethodsAreNoMatter) {
  tf::MetaGraphDef model = Model();
  SignatureEdits edits;
  edits.change.push_back({"serving_default", "predict", std::nullopt, std::nullopt});
  ASSERT_TRUE(EditSignatureObjects(edits, {}, &model).ok());
  EXPECT_EQ(model.DebugString(), Model().DebugString());
}

TEST(SignatureObjectsTest, AChangedOneIsAFunction) {
  tf::MetaGraphDef model = Model();
  ASSERT_TRUE(Change({{"x", "arg_0:0"}, {"a", "split:0"}}, {{"z", "split:1"}, {"b", "split:0"}}, &model).ok());
  EXPECT_THAT(Signatures(model), ElementsAre("serving_default 5", "other 4"));
  const tf::SavedObjectGraph& objects = model.object_graph_def();
  const auto& bare = objects.nodes(5).bare_concrete_function();
  EXPECT_THAT(bare.argument_keywords(), ElementsAre("a", "x"));
  const auto& concrete = objects.concrete_functions().at(bare.concrete_function_name());
  EXPECT_THAT(concrete.bound_inputs(), ElementsAre(1));
  const tf::FunctionDef& f = model.graph_def().library().function(1);
  EXPECT_EQ(f.signature().name(), bare.concrete_function_name());
  ASSERT_EQ(f.signature().input_arg_size(), 3);
  EXPECT_EQ(f.signature().input_arg(2).type(), tf::DT_RESOURCE);
  const auto arg = [&](int i) { return f.signature().input_arg(i).name(); };
  EXPECT_NE(arg(0), "arg_0") << "the name of a node";
  EXPECT_EQ(f.ret().at("output_0"), arg(0));
  EXPECT_EQ(f.ret().at("output_1"), "split:output:1");
  ASSERT_EQ(f.node_def_size(), 2);
  for (const tf::NodeDef& node : f.node_def()) {
    const std::vector<std::string> inputs(node.input().begin(), node.input().end());
    const std::vector<std::string> of_call = {arg(1), arg(2)}, of_split = {"call:output:0"};
    EXPECT_EQ(inputs, node.name() == "call" ? of_call : of_split) << node.name();
    EXPECT_FALSE(node.attr().contains("_class"));
  }
}

TEST(SignatureObjectsTest, ModelsWithoutSignatures) {
  tf::MetaGraphDef model = Model();
  model.mutable_object_graph_def()->mutable_nodes(0)->mutable_children()->RemoveLast();
  ASSERT_TRUE(Change({{"x", "arg_0"}}, {{"y", "call"}}, &model).ok());
  const auto& root = model.object_graph_def().nodes(0);
  EXPECT_EQ(root.children(1).local_name(), "signatures");
  EXPECT_THAT(Signatures(model, root.children(1).node_id()), ElementsAre("serving_default 6"));
}

TEST(SignatureObjectsTest, WhatIsNoFunction) {
  const auto message = [](const std::map<std::string, std::string>& inputs, const std::string& output) {
    tf::MetaGraphDef model = Model();
    return std::string(Change(inputs, {{"y", output}}, &model).message());
  };
  EXPECT_THAT(message({}, "call:0"),
              AllOf(HasSubstr("E_UNSUPPORTED"), HasSubstr("arg_0"), HasSubstr("serving_default")));
  EXPECT_THAT(message({{"x", "arg_0:0"}}, "read:0"), AllOf(HasSubstr("E_UNSUPPORTED"), HasSubstr("\"u\"")));
  EXPECT_THAT(message({{"x", "arg_0:0"}}, "behind:0"), AllOf(HasSubstr("E_UNSUPPORTED"), HasSubstr("\"odd\"")));
  EXPECT_THAT(message({{"x", "arg_0:0"}}, "none:0"), HasSubstr("E_OUTPUT"));
  tf::MetaGraphDef model = Model();
  model.mutable_object_graph_def()->mutable_nodes(2)->mutable_user_object()->set_identifier("a dictionary");
  EXPECT_THAT(std::string(Change({{"x", "arg_0"}}, {{"y", "call"}}, &model).message()), HasSubstr("E_UNSUPPORTED"));
  model.mutable_object_graph_def()->clear_nodes();
  EXPECT_THAT(std::string(Change({{"x", "arg_0"}}, {{"y", "call"}}, &model).message()), HasSubstr("E_UNSUPPORTED"));
}

}  // namespace
}  // namespace moulin::internal
