#include "cli/saved_model_listing.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/function_names.h"
#include "cli/python_value.h"
#include "import/functions.h"

namespace moulin::cli {
namespace {

using Value = tf::StructuredValue;

void AppendTensor(const tf::TensorInfo& info, std::string* out) {
  std::string shape = "unknown_rank";
  if (!info.tensor_shape().unknown_rank()) {
    const auto size = [](std::string* text, const auto& dim) { absl::StrAppend(text, dim.size()); };
    shape = absl::StrCat("(", absl::StrJoin(info.tensor_shape().dim(), ", ", size), ")");
  }
  absl::StrAppend(out, "        dtype: ", tf::DataType_Name(info.dtype()), "\n        shape: ", shape,
                  "\n        name: ", info.name(), "\n");
}

template <typename Map>
std::map<std::string, const typename Map::mapped_type*> Sorted(const Map& map) {
  std::map<std::string, const typename Map::mapped_type*> sorted;
  for (const auto& [key, value] : map) sorted.emplace(key, &value);
  return sorted;
}

void AppendSignature(const tf::SignatureDef& signature, std::string* out) {
  absl::StrAppend(out, "  The given SavedModel SignatureDef contains the following input(s):\n");
  for (const auto& [key, info] : Sorted(signature.inputs())) {
    absl::StrAppend(out, "    inputs['", key, "'] tensor_info:\n");
    AppendTensor(*info, out);
  }
  absl::StrAppend(out, "  The given SavedModel SignatureDef contains the following output(s):\n");
  for (const auto& [key, info] : Sorted(signature.outputs())) {
    absl::StrAppend(out, "    outputs['", key, "'] tensor_info:\n");
    AppendTensor(*info, out);
  }
  absl::StrAppend(out, "  Method name is: ", signature.method_name(), "\n");
}

// The ops of the graph and of the functions that it calls. Functions that are only named by attributes of other ops
// than calls do not count.
std::set<std::string> OpsOf(const tf::GraphDef& graph) {
  absl::flat_hash_map<absl::string_view, const tf::FunctionDef*> functions;
  for (const tf::FunctionDef& f : graph.library().function()) functions.emplace(f.signature().name(), &f);
  std::set<std::string> ops;
  absl::flat_hash_set<std::string> called;
  std::vector<const tf::FunctionDef*> to_visit;
  const auto add = [&](const std::string& op) {
    const auto function = functions.find(op);
    if (function == functions.end()) {
      ops.insert(op);
    } else if (called.insert(op).second) {
      to_visit.push_back(function->second);
    }
  };
  const auto add_nodes = [&](const auto& nodes) {
    for (const tf::NodeDef& node : nodes) {
      add(node.op());
      const auto callee = node.attr().find("f");
      if (!IsCallByAttr(node.op())) continue;
      add(callee == node.attr().end() ? "" : callee->second.func().name());
    }
  };
  add_nodes(graph.node());
  while (!to_visit.empty()) {
    const tf::FunctionDef* function = to_visit.back();
    to_visit.pop_back();
    add_nodes(function->node_def());
  }
  return ops;
}

template <typename Strings>
std::string Quoted(const Strings& strings) {
  return absl::StrJoin(strings, ", ", [](std::string* out, const std::string& s) { *out += PythonRepr(s); });
}

void AppendGraph(const tf::MetaGraphDef& graph, std::string* out) {
  const auto& tags = graph.meta_info_def().tags();
  absl::StrAppend(out, "\nMetaGraphDef with tag-set: '", absl::StrJoin(tags, ", "),
                  "' contains the following SignatureDefs:\n");
  for (const auto& [key, signature] : Sorted(graph.signature_def())) {
    absl::StrAppend(out, "\nsignature_def['", key, "']:\n");
    AppendSignature(*signature, out);
  }
  const std::set<std::string> ops = OpsOf(graph.graph_def());
  absl::StrAppend(out, "The MetaGraph with tag set [", Quoted(tags),
                  "] contains the following ops: ", ops.empty() ? "set()" : absl::StrCat("{", Quoted(ops), "}"), "\n");
}

// The elements that a loop over the value gives; false where Python's value has none.
bool Elements(const Value& value, std::vector<std::string>* elements) {
  const auto add = [&](const Value& v) {
    elements->push_back(v.kind_case() == Value::kStringValue ? absl::StrCat("'", v.string_value(), "'") : PythonStr(v));
  };
  switch (value.kind_case()) {
    case Value::kListValue:
      for (const Value& v : value.list_value().values()) add(v);
      return true;
    case Value::kTupleValue:
      for (const Value& v : value.tuple_value().values()) add(v);
      return true;
    case Value::kNamedTupleValue:
      for (const tf::PairValue& p : value.named_tuple_value().values()) add(p.value());
      return true;
    case Value::kDictValue:
      for (const auto& [key, v] : Sorted(value.dict_value().fields())) {
        add(*v);
        elements->back() = absl::StrCat("'", key, "': ", elements->back());
      }
      return true;
    default:
      return false;
  }
}

// saved_model_cli takes the last comma back with two backspaces.
std::string ValueText(const Value& value) {
  std::vector<std::string> elements;
  if (!Elements(value, &elements)) return PythonStr(value);
  const bool is_dict = value.kind_case() == Value::kDictValue;
  std::string out = is_dict ? "{" : "[";
  for (const std::string& element : elements) absl::StrAppend(&out, element, ", ");
  return absl::StrCat(out, "\b\b", is_dict ? "}" : "]");
}

void AppendArgument(const Value& value, std::string* out) {
  if (value.kind_case() == Value::kStringValue) {
    absl::StrAppend(out, "          ", value.string_value(), "\n");
  } else if (value.kind_case() == Value::kTensorSpecValue || value.kind_case() == Value::kBoundedTensorSpecValue) {
    const std::string& name = value.kind_case() == Value::kTensorSpecValue ? value.tensor_spec_value().name()
                                                                           : value.bounded_tensor_spec_value().name();
    absl::StrAppend(out, "          ", name.empty() ? "None" : name, ": ", PythonRepr(value), "\n");
  } else {
    absl::StrAppend(out, "          DType: ", PythonTypeName(value), "\n          Value: ", ValueText(value), "\n");
  }
}

void AppendArguments(const char* title, const std::vector<Value>& arguments, std::string* out) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::StrAppend(out, "        ", title, " #", i + 1, "\n");
    AppendArgument(arguments[i], out);
  }
}

std::vector<Value> Strings(const std::vector<std::string>& strings) {
  std::vector<Value> values(strings.size());
  for (size_t i = 0; i < strings.size(); ++i) values[i].set_string_value(strings[i]);
  return values;
}

// What a function can be called with; a bare one may only know the names of its arguments.
struct Trace {
  std::string loaded_name;
  std::vector<Value> positional;
  std::vector<Value> named;
};

Trace TraceOf(const Value& signature, const std::vector<std::string>& keywords) {
  Trace trace;
  const auto& parts = signature.tuple_value().values();
  if (signature.kind_case() == Value::kNoneValue || parts.size() != 2) {
    trace.positional = Strings(keywords);
    return trace;
  }
  const auto& positional = parts[0].tuple_value().values();
  trace.positional.assign(positional.begin(), positional.end());
  std::vector<std::string> names;
  for (const auto& [name, value] : Sorted(parts[1].dict_value().fields())) names.push_back(name);
  trace.named = Strings(names);
  return trace;
}

void AppendTraces(std::vector<Trace> traces, std::string* out) {
  std::stable_sort(traces.begin(), traces.end(),
                   [](const Trace& a, const Trace& b) { return a.loaded_name < b.loaded_name; });
  for (size_t i = 0; i < traces.size(); ++i) {
    if (!traces[i].positional.empty()) {
      absl::StrAppend(out, "    Option #", i + 1, "\n      Callable with:\n");
      AppendArguments("Argument", traces[i].positional, out);
    }
    AppendArguments("Named Argument", traces[i].named, out);
  }
}

class FunctionListing {
 public:
  explicit FunctionListing(const tf::MetaGraphDef& graph)
      : objects_(graph.object_graph_def()), loaded_names_(LoadedFunctionNames(graph.graph_def().library())) {}

  // False where TensorFlow would not load the functions.
  bool Append(std::string* out) const {
    if (!loaded_names_ || objects_.nodes_size() == 0) return false;
    for (const auto& [name, function] : objects_.concrete_functions()) {
      if (!IsPythonValue(function.canonicalized_input_signature())) return false;
    }
    std::map<std::string, const tf::SavedObject*> children;
    for (const auto& child : objects_.nodes(0).children()) {
      if (child.node_id() < 0 || child.node_id() >= objects_.nodes_size()) return false;
      children[child.local_name()] = &objects_.nodes(child.node_id());
    }
    for (const auto& [name, object] : children) {
      if (!AppendFunction(name, *object, out)) return false;
    }
    return true;
  }

 private:
  bool AppendFunction(const std::string& name, const tf::SavedObject& object, std::string* out) const {
    std::vector<Trace> traces;
    if (object.has_function()) {
      for (const std::string& f : object.function().concrete_functions()) {
        if (!AddTrace(f, {}, &traces)) return false;
      }
    } else if (object.has_bare_concrete_function()) {
      const auto& bare = object.bare_concrete_function();
      const auto& keywords = bare.argument_keywords();
      if (!AddTrace(bare.concrete_function_name(), {keywords.begin(), keywords.end()}, &traces)) return false;
    } else {
      return true;
    }
    absl::StrAppend(out, "\n  Function Name: '", name, "'\n");
    AppendTraces(std::move(traces), out);
    return true;
  }

  bool AddTrace(const std::string& function, const std::vector<std::string>& keywords,
                std::vector<Trace>* traces) const {
    const auto signature = objects_.concrete_functions().find(function);
    const auto loaded = loaded_names_->find(function);
    if (signature == objects_.concrete_functions().end() || loaded == loaded_names_->end()) return false;
    traces->push_back(TraceOf(signature->second.canonicalized_input_signature(), keywords));
    traces->back().loaded_name = loaded->second;
    return true;
  }

  const tf::SavedObjectGraph& objects_;
  const std::optional<absl::flat_hash_map<std::string, std::string>> loaded_names_;
};

// Only a model of one graph is loaded as TensorFlow 2 does.
void AppendFunctions(const tf::SavedModel& model, std::string* out) {
  const auto has_objects = [](const tf::MetaGraphDef& g) { return g.has_object_graph_def(); };
  if (std::none_of(model.meta_graphs().begin(), model.meta_graphs().end(), has_objects)) return;
  absl::StrAppend(out, "\nConcrete Functions:");
  std::string functions;
  if (model.meta_graphs_size() == 1 && FunctionListing(model.meta_graphs(0)).Append(&functions)) {
    absl::StrAppend(out, functions);
  } else {
    absl::StrAppend(out, " N/A (could not be listed due to unknown reasons)\n");
  }
}

}  // namespace

std::string SavedModelListing(const tf::SavedModel& model) {
  std::vector<const tf::MetaGraphDef*> graphs;
  for (const tf::MetaGraphDef& graph : model.meta_graphs()) graphs.push_back(&graph);
  std::stable_sort(graphs.begin(), graphs.end(), [](const tf::MetaGraphDef* a, const tf::MetaGraphDef* b) {
    const auto& x = a->meta_info_def().tags();
    const auto& y = b->meta_info_def().tags();
    return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end());
  });
  std::string out;
  for (const tf::MetaGraphDef* graph : graphs) AppendGraph(*graph, &out);
  AppendFunctions(model, &out);
  return out;
}

}  // namespace moulin::cli
