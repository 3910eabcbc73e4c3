// saved_model.pb, and the search for its variables' values by the ops and by the objects in it.
#include "formats/proto_io.h"
#include "formats/savedmodel.h"
#include "formats/variable_keys.h"
#include "seed_graph.h"

namespace moulin::fuzz {
namespace {

constexpr char kSeedModel[] = R"(
  saved_model_schema_version: 1
  meta_graphs {
    meta_info_def { tags: "serve" tensorflow_version: "2.15.0" }
    graph_def {
      node { name: "v" op: "VarHandleOp" attr { key: "shared_name" value { s: "v" } }
             attr { key: "dtype" value { type: DT_FLOAT } } }
      node { name: "saver_filename" op: "Placeholder" attr { key: "dtype" value { type: DT_STRING } } }
      node { name: "names" op: "Const" attr { key: "dtype" value { type: DT_STRING } }
             attr { key: "value" value { tensor { dtype: DT_STRING tensor_shape { dim { size: 1 } }
                    string_val: "v/.ATTRIBUTES/VARIABLE_VALUE" } } } }
      node { name: "slices" op: "Const" attr { key: "dtype" value { type: DT_STRING } }
             attr { key: "value" value { tensor { dtype: DT_STRING tensor_shape { dim { size: 1 } }
                    string_val: "4 0,2" } } } }
      node { name: "restore" op: "RestoreV2" input: "saver_filename" input: "names" input: "slices"
             attr { key: "dtypes" value { list { type: [DT_FLOAT] } } } }
      node { name: "assign" op: "AssignVariableOp" input: "v" input: "restore"
             attr { key: "dtype" value { type: DT_FLOAT } } }
      node { name: "restore_all" op: "NoOp" input: "^assign" }
      node { name: "call" op: "StatefulPartitionedCall" input: "v" attr { key: "f" value { func { name: "f" } } } }
      library { function {
        signature { name: "f" input_arg { name: "a" type: DT_RESOURCE } output_arg { name: "r" type: DT_FLOAT } }
        node_def { name: "n" op: "ReadVariableOp" input: "a" attr { key: "dtype" value { type: DT_FLOAT } } }
        ret { key: "r" value: "n:value:0" } } } }
    saver_def { filename_tensor_name: "saver_filename:0" restore_op_name: "restore_all" }
    signature_def { key: "serving_default" value {
      inputs { key: "x" value { name: "x:0" dtype: DT_FLOAT tensor_shape { dim { size: -1 } } } }
      outputs { key: "y" value { name: "call:0" dtype: DT_FLOAT tensor_shape { unknown_rank: true } } }
      method_name: "tensorflow/serving/predict" } }
    object_graph_def {
      nodes { children { node_id: 1 local_name: "v" } }
      nodes { }
      concrete_functions { key: "f" value { bound_inputs: [1] } } }
  }
)";

tf::TrackableObjectGraph StoredObjects() {
  tf::TrackableObjectGraph objects;
  auto* child = objects.add_nodes()->add_children();
  child->set_node_id(1);
  child->set_local_name("v");
  auto* attribute = objects.add_nodes()->add_attributes();
  attribute->set_name("VARIABLE_VALUE");
  attribute->set_full_name("v");
  attribute->set_checkpoint_key("v/.ATTRIBUTES/VARIABLE_VALUE");
  return objects;
}

}  // namespace

std::vector<std::string> Seeds() {
  tf::SavedModel model;
  Require(google::protobuf::TextFormat::ParseFromString(kSeedModel, &model), "the seed is a SavedModel");
  return {*SerializeProto(model, ProtoForm::kBinary), *SerializeProto(model, ProtoForm::kText)};
}

}  // namespace moulin::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace moulin;
  static const fuzz::ScratchFolder folder;
  static const tf::TrackableObjectGraph objects = fuzz::StoredObjects();
  folder.Write("saved_model.pb", fuzz::AsText(data, size));
  const auto model = ReadSavedModel(folder.Path(""));
  fuzz::RequireAnswer(model.status());
  if (!model.ok()) return 0;
  KeysByRestoreOps(model->meta_graph);
  KeysByObjects(model->meta_graph, objects);
  return 0;
}
