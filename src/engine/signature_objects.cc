// Tested by tests/engine/signature_objects_test.cc.
#include "engine/signature_objects.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "engine/signature_function.h"
#include "formats/variable_keys.h"

namespace moulin::internal {
namespace {

constexpr char kSignatures[] = "signatures";
constexpr char kMapIdentifier[] = "signature_map";

using References = google::protobuf::RepeatedPtrField<tf::SavedObject::ObjectReference>;

References::iterator Find(References* references, const std::string& name) {
  return std::find_if(references->begin(), references->end(), [&](const auto& r) { return r.local_name() == name; });
}

void Remove(References* references, const std::string& name) {
  const auto found = Find(references, name);
  if (found != references->end()) references->erase(found);
}

void Rename(References* references, const std::string& from, const std::string& to) {
  const auto found = Find(references, from);
  if (found != references->end()) found->set_local_name(to);
}

void Set(References* references, const std::string& name, int object) {
  auto found = Find(references, name);
  if (found == references->end()) {
    references->Add()->set_local_name(name);
    found = references->end() - 1;
  }
  found->set_node_id(object);
}

// The object that lists the signatures, which is added where there is none.
StatusOr<int> SignatureMap(tf::SavedObjectGraph* objects) {
  if (objects->nodes_size() == 0) return MakeError(ErrorCode::kUnsupported, "there is no root object");
  References* of_root = objects->mutable_nodes(0)->mutable_children();
  const auto found = Find(of_root, kSignatures);
  if (found == of_root->end()) {
    const int added = objects->nodes_size();
    tf::SavedUserObject* user_object = objects->add_nodes()->mutable_user_object();
    user_object->set_identifier(kMapIdentifier);
    user_object->mutable_version()->set_producer(1);
    user_object->mutable_version()->set_min_consumer(1);
    Set(objects->mutable_nodes(0)->mutable_children(), kSignatures, added);
    return added;
  }
  const int number = found->node_id();
  if (number >= 0 && number < objects->nodes_size() &&
      objects->nodes(number).user_object().identifier() == kMapIdentifier) {
    return number;
  }
  return MakeError(ErrorCode::kUnsupported, "what the root object calls \"", kSignatures, "\" is no list of them");
}

// A name as TensorFlow gives to the functions of signatures: it renames those when it loads them.
std::string NewFunctionName(const tf::MetaGraphDef& meta_graph, const std::string& key) {
  std::string readable = key;
  for (char& c : readable) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  const auto is_taken = [&](const std::string& name) {
    const auto& functions = meta_graph.graph_def().library().function();
    return std::any_of(functions.begin(), functions.end(), [&](const auto& f) { return f.signature().name() == name; });
  };
  for (int i = 0;; ++i) {
    std::string name = absl::StrCat("__inference_signature_wrapper_", readable, "_", i);
    if (!is_taken(name)) return name;
  }
}

// A dictionary of the tensors by their keys.
tf::StructuredValue Specifications(const google::protobuf::Map<std::string, tf::TensorInfo>& infos) {
  tf::StructuredValue dictionary;
  auto& fields = *dictionary.mutable_dict_value()->mutable_fields();
  for (const auto& [key, info] : infos) {
    tf::TensorSpecProto* spec = fields[key].mutable_tensor_spec_value();
    spec->set_name(key);
    *spec->mutable_shape() = info.tensor_shape();
    spec->set_dtype(info.dtype());
  }
  return dictionary;
}

void AddConcreteFunction(const tf::SignatureDef& signature, const SignatureFunction& made,
                         tf::SavedObjectGraph* objects) {
  tf::SavedConcreteFunction& concrete = (*objects->mutable_concrete_functions())[made.function.signature().name()];
  for (const int object : made.bound_inputs) concrete.add_bound_inputs(object);
  tf::TupleValue* arguments = concrete.mutable_canonicalized_input_signature()->mutable_tuple_value();
  arguments->add_values()->mutable_tuple_value();  // none by place
  *arguments->add_values() = Specifications(signature.inputs());
  *concrete.mutable_output_signature() = Specifications(signature.outputs());
}

// The number of the new object.
int AddFunctionObject(const tf::SignatureDef& signature, const std::string& function, tf::SavedObjectGraph* objects) {
  tf::SavedBareConcreteFunction* bare = objects->add_nodes()->mutable_bare_concrete_function();
  bare->set_concrete_function_name(function);
  std::vector<std::string> keys;
  for (const auto& [key, info] : signature.inputs()) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  for (std::string& key : keys) bare->add_argument_keywords(std::move(key));
  bare->set_allowed_positional_arguments(signature.inputs_size() == 1 ? 1 : 0);
  return objects->nodes_size() - 1;
}

StatusOr<int> AddSignature(const std::string& key, const Limits& limits, tf::MetaGraphDef* meta_graph) {
  const tf::SignatureDef& signature = meta_graph->signature_def().at(key);
  MOULIN_ASSIGN_OR_RETURN(SignatureFunction made,
                          MakeSignatureFunction(meta_graph->graph_def(), signature, ObjectsOfNodes(*meta_graph),
                                                NewFunctionName(*meta_graph, key), limits));
  tf::SavedObjectGraph* objects = meta_graph->mutable_object_graph_def();
  AddConcreteFunction(signature, made, objects);
  const int object = AddFunctionObject(signature, made.function.signature().name(), objects);
  *meta_graph->mutable_graph_def()->mutable_library()->add_function() = std::move(made.function);
  return object;
}

// Does the same to the children of an object and to what it depends on, which lists some of them once more.
template <typename Edit>
void EditReferences(tf::SavedObject* object, const Edit& edit) {
  edit(object->mutable_children());
  edit(object->mutable_dependencies());
}

}  // namespace

Status EditSignatureObjects(const SignatureEdits& edits, const Limits& limits, tf::MetaGraphDef* meta_graph) {
  tf::SavedObjectGraph* objects = meta_graph->mutable_object_graph_def();
  MOULIN_ASSIGN_OR_RETURN(const int map, SignatureMap(objects));
  for (const std::string& key : edits.remove) {
    EditReferences(objects->mutable_nodes(map), [&](References* references) { Remove(references, key); });
  }
  for (const auto& [from, to] : edits.rename) {
    EditReferences(objects->mutable_nodes(map),
                   [&, &from = from, &to = to](References* references) { Rename(references, from, to); });
  }
  for (const SignatureChange& change : edits.change) {
    if (!change.inputs && !change.outputs) continue;  // of the method, which the objects do not tell
    const StatusOr<int> object = AddSignature(change.key, limits, meta_graph);
    if (!object.ok()) {
      return Status(object.status().code(),
                    absl::StrCat(object.status().message(), "; signature \"", Printable(change.key), "\""));
    }
    // The object that the key had goes from what the map depends on: a function depends on nothing.
    Remove(objects->mutable_nodes(map)->mutable_dependencies(), change.key);
    Set(objects->mutable_nodes(map)->mutable_children(), change.key, *object);
  }
  return absl::OkStatus();
}

}  // namespace moulin::internal
