#include "import/op_signature.h"

#include <algorithm>
#include <mutex>

#include "absl/container/node_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/tensor_proto.h"
#include "import/attr_kind.h"

namespace moulin {
namespace {

using AttrMap = google::protobuf::Map<std::string, tf::AttrValue>;

struct TableRow {
  absl::string_view op;
  const char* inputs;
  const char* outputs;
  const char* attrs;
};

// In the order of their names.
constexpr TableRow kTable[] = {
#include "import/op_signature_table.inc"
};

ArgSpec ParseArg(absl::string_view text) {
  ArgSpec arg;
  std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(text, absl::MaxSplits(':', 1));
  arg.name = std::string(halves.first);
  absl::string_view type = halves.second;
  if (absl::ConsumePrefix(&type, "*")) {
    arg.type_list_attr = std::string(type);
    return arg;
  }
  halves = absl::StrSplit(type, absl::MaxSplits('*', 1));
  arg.number_attr = std::string(halves.second);
  arg.type = halves.first == "resource"  ? DType::kResource
             : halves.first == "variant" ? DType::kVariant
                                         : DTypeFromName(halves.first);
  if (arg.type == DType::kInvalid) arg.type_attr = std::string(halves.first);
  return arg;
}

std::vector<ArgSpec> ParseArgs(absl::string_view text) {
  std::vector<ArgSpec> args;
  for (absl::string_view arg : absl::StrSplit(text, ' ', absl::SkipEmpty())) args.push_back(ParseArg(arg));
  return args;
}

OpSignature ParseRow(const TableRow& row) {
  OpSignature signature{ParseArgs(row.inputs), ParseArgs(row.outputs), {}};
  for (absl::string_view attr : absl::StrSplit(row.attrs, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(attr, absl::MaxSplits('=', 1));
    signature.attrs.push_back({std::string(halves.first), attr.find('=') == attr.npos, std::string(halves.second)});
  }
  return signature;
}

ArgSpec ArgOf(const tf::OpDef::ArgDef& def) {
  ArgSpec arg;
  arg.name = def.name();
  arg.type_attr = def.type_attr();
  arg.type_list_attr = def.type_list_attr();
  arg.number_attr = def.number_attr();
  const int number = def.type() > 100 ? def.type() - 100 : def.type();
  if (number >= 0 && number <= 255) arg.type = static_cast<DType>(number);
  return arg;
}

const AttrSpec* FindSpec(absl::Span<const AttrSpec> attrs, absl::string_view name) {
  const auto it = std::find_if(attrs.begin(), attrs.end(), [&](const AttrSpec& spec) { return spec.name == name; });
  return it == attrs.end() ? nullptr : &*it;
}

// Evaluates attributes that arguments refer to, with their defaults.
class AttrReader {
 public:
  AttrReader(absl::Span<const AttrSpec> specs, const AttrMap& values) : specs_(specs), values_(values) {}

  StatusOr<int64_t> Number(const std::string& name) const {
    MOULIN_ASSIGN_OR_RETURN(const tf::AttrValue* value, Find(name, tf::AttrValue::kI));
    if (value != nullptr) return value->i();
    int64_t number = 0;
    if (absl::SimpleAtoi(FindSpec(specs_, name)->default_value, &number)) return number;
    return MakeError(ErrorCode::kInternal, "default of attribute \"", name, "\" is no number");
  }

  StatusOr<DType> Type(const std::string& name) const {
    MOULIN_ASSIGN_OR_RETURN(const tf::AttrValue* value, Find(name, tf::AttrValue::kType));
    if (value != nullptr) return AtAttr(DTypeFromProto(value->type()), name);
    return DTypeFromName(FindSpec(specs_, name)->default_value);
  }

  StatusOr<std::vector<DType>> TypeList(const std::string& name) const {
    MOULIN_ASSIGN_OR_RETURN(const tf::AttrValue* value, Find(name, tf::AttrValue::kList));
    std::vector<DType> types;
    if (value == nullptr) return types;  // the defaults of type lists are all empty
    for (const int number : value->list().type()) {
      MOULIN_ASSIGN_OR_RETURN(const DType type, AtAttr(DTypeFromProto(static_cast<tf::DataType>(number)), name));
      types.push_back(type);
    }
    return types;
  }

 private:
  static StatusOr<DType> AtAttr(StatusOr<DType> type, const std::string& name) {
    if (type.ok()) return type;
    return Status(type.status().code(), absl::StrCat(type.status().message(), " in attribute \"", name, "\""));
  }

  // Null where the default is to be taken.
  StatusOr<const tf::AttrValue*> Find(const std::string& name, tf::AttrValue::ValueCase kind) const {
    const auto it = values_.find(name);
    if (it == values_.end()) {
      const AttrSpec* spec = FindSpec(specs_, name);
      if (spec != nullptr && !spec->required) return nullptr;
      return MakeError(ErrorCode::kAttribute, "missing attribute \"", name, "\"");
    }
    if (it->second.value_case() == kind) return &it->second;
    return MakeError(ErrorCode::kAttribute, "attribute \"", name, "\": expected ", KindName(kind), ", got ",
                     KindName(it->second.value_case()));
  }

  absl::Span<const AttrSpec> specs_;
  const AttrMap& values_;
};

bool HoldsAnyType(DType type) { return type == DType::kResource || type == DType::kVariant; }

}  // namespace

// A row is read when it is first asked for: a graph has few of TensorFlow's ops.
const OpSignature* FindSignature(absl::string_view op) {
  const auto* row = std::lower_bound(std::begin(kTable), std::end(kTable), op,
                                     [](const TableRow& x, absl::string_view name) { return x.op < name; });
  if (row == std::end(kTable) || row->op != op) return nullptr;
  static std::mutex mutex;
  static auto* const read = new absl::node_hash_map<absl::string_view, OpSignature>;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto [it, is_new] = read->try_emplace(row->op);
  if (is_new) it->second = ParseRow(*row);
  return &it->second;
}

OpSignature SignatureOf(const tf::OpDef& function) {
  OpSignature signature;
  for (const auto& arg : function.input_arg()) signature.inputs.push_back(ArgOf(arg));
  for (const auto& arg : function.output_arg()) signature.outputs.push_back(ArgOf(arg));
  for (const auto& attr : function.attr()) signature.attrs.push_back({attr.name(), true, ""});
  return signature;
}

StatusOr<std::vector<TensorSpec>> ExpandArgs(absl::Span<const ArgSpec> args, absl::Span<const AttrSpec> attrs,
                                             const AttrMap& values, const Limits& limits) {
  const AttrReader reader(attrs, values);
  std::vector<TensorSpec> tensors;
  for (int a = 0; a < args.size(); ++a) {
    const ArgSpec& arg = args[a];
    if (!arg.type_list_attr.empty()) {
      MOULIN_ASSIGN_OR_RETURN(const std::vector<DType> types, reader.TypeList(arg.type_list_attr));
      for (int i = 0; i < types.size(); ++i) tensors.push_back({a, i, types[i]});
      continue;
    }
    DType type = arg.type;
    if (!arg.type_attr.empty()) {
      MOULIN_ASSIGN_OR_RETURN(type, reader.Type(arg.type_attr));
    }
    int64_t count = 1;
    if (!arg.number_attr.empty()) {
      MOULIN_ASSIGN_OR_RETURN(count, reader.Number(arg.number_attr));
    }
    if (count < 0) {
      return MakeError(ErrorCode::kAttribute, "attribute \"", arg.number_attr, "\": expected at least 0, got ", count);
    }
    if (count > limits.inputs_per_node) {
      return MakeError(ErrorCode::kLimit, "expected at most ", limits.inputs_per_node, " tensors, got ", count,
                       " by \"", arg.number_attr, "\"");
    }
    for (int i = 0; i < count; ++i) tensors.push_back({a, i, type});
  }
  return tensors;
}

Status CheckSignature(const OpSignature& signature, const tf::NodeDef& node, absl::Span<const DType> input_types,
                      const Limits& limits) {
  for (const AttrSpec& attr : signature.attrs) {
    if (attr.required && node.attr().count(attr.name) == 0) {
      return MakeError(ErrorCode::kAttribute, "missing attribute \"", attr.name, "\"");
    }
  }
  MOULIN_ASSIGN_OR_RETURN(const std::vector<TensorSpec> expected,
                          ExpandArgs(signature.inputs, signature.attrs, node.attr(), limits));
  if (expected.size() != input_types.size()) {
    return MakeError(ErrorCode::kArity, "expected ", expected.size(), " inputs, got ", input_types.size());
  }
  for (int i = 0; i < expected.size(); ++i) {
    const TensorSpec& spec = expected[i];
    if (spec.type == input_types[i] || HoldsAnyType(spec.type) || HoldsAnyType(input_types[i])) continue;
    const ArgSpec& arg = signature.inputs[spec.arg];
    return MakeError(ErrorCode::kDType, "input ", i, " (", arg.name, "): expected ", Name(spec.type), ", got ",
                     Name(input_types[i]));
  }
  return absl::OkStatus();
}

}  // namespace moulin
