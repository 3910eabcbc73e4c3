// DecodeJSONExample: tf.Example messages in JSON become serialized ones. Features are written in the order of their
// names. Tests: tests/cases/bytes_cases.py.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "nlohmann/json.hpp"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/wire_writer.h"

namespace moulin {
namespace {

using Json = nlohmann::json;

Status Malformed(absl::string_view what, const Json& found) {
  return MakeError(ErrorCode::kValue, "expected ", what, ", got JSON of type ", found.type_name());
}

// The members of an object, of which null ones are as if absent; E_VALUE for other JSON. `known` names those there may
// be; none for any.
StatusOr<std::map<std::string, const Json*>> Members(const Json& json, absl::string_view what,
                                                     std::initializer_list<absl::string_view> known) {
  if (!json.is_object()) return Malformed(absl::StrCat(what, " as an object"), json);
  std::map<std::string, const Json*> members;
  for (const auto& [key, value] : json.items()) {
    if (known.size() > 0 && std::find(known.begin(), known.end(), key) == known.end()) {
      return MakeError(ErrorCode::kValue, what, " has no field \"", Printable(key), "\"");
    }
    if (!value.is_null()) members[key] = &value;
  }
  return members;
}

// --- Values ---

Status AppendBytes(const Json& json, std::string* list) {
  if (!json.is_string()) return Malformed("bytes as a string in base64", json);
  const std::string& text = json.get_ref<const std::string&>();
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) && !absl::WebSafeBase64Unescape(text, &bytes)) {
    return MakeError(ErrorCode::kValue, "expected bytes in base64, got \"", Printable(text), "\"");
  }
  AppendWireBytes(1, bytes, list);
  return absl::OkStatus();
}

StatusOr<double> NumberOf(const Json& json) {
  if (json.is_number()) return json.get<double>();
  if (!json.is_string()) return Malformed("a number", json);
  const std::string& text = json.get_ref<const std::string&>();
  double value = 0;
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  const bool is_number = !text.empty() && text.find_first_not_of("+-.0123456789eE") == std::string::npos;
  if (is_number && absl::SimpleAtod(text, &value)) return value;
  return MakeError(ErrorCode::kValue, "expected a number, got \"", Printable(text), "\"");
}

Status AppendFloat(const Json& json, std::string* list) {
  MOULIN_ASSIGN_OR_RETURN(const double value, NumberOf(json));
  if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) {
    return MakeError(ErrorCode::kValue, value, " is beyond the range of float32");
  }
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  list->push_back(1 << 3 | 5);  // a field of 4 bytes
  for (int i = 0; i < 4; ++i) list->push_back(static_cast<char>(bits >> (8 * i)));
  return absl::OkStatus();
}

Status AppendInt(const Json& json, std::string* list) {
  int64_t value = 0;
  bool fits = false;
  if (json.is_number_unsigned()) {
    fits = json.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    value = static_cast<int64_t>(json.get<uint64_t>());
  } else if (json.is_number_integer()) {
    fits = true;
    value = json.get<int64_t>();
  } else {
    MOULIN_ASSIGN_OR_RETURN(const double number, NumberOf(json));
    fits = json.is_string() ? absl::SimpleAtoi(json.get_ref<const std::string&>(), &value)
                            : number == std::trunc(number) && std::abs(number) < 9.2e18;
    if (fits && json.is_number()) value = static_cast<int64_t>(number);
  }
  if (!fits) return MakeError(ErrorCode::kValue, "expected an integer of 64 bits, got ", Printable(json.dump()));
  AppendWireInt(1, static_cast<uint64_t>(value), list);
  return absl::OkStatus();
}

// --- Messages ---

// A BytesList, FloatList or Int64List (fields 1 to 3 of a Feature). Numbers are fields of their own, not packed, as
// TensorFlow writes them.
StatusOr<std::string> ListOf(int field, const Json& json) {
  MOULIN_ASSIGN_OR_RETURN(const auto members, Members(json, "a list", {"value"}));
  std::string list;
  if (members.empty()) return list;
  const Json& values = *members.begin()->second;
  if (!values.is_array()) return Malformed("the values as an array", values);
  for (const Json& value : values) {
    MOULIN_RETURN_IF_ERROR(field == 1   ? AppendBytes(value, &list)
                           : field == 2 ? AppendFloat(value, &list)
                                        : AppendInt(value, &list));
  }
  return list;
}

StatusOr<std::string> FeatureOf(const Json& json) {
  MOULIN_ASSIGN_OR_RETURN(
      const auto members,
      Members(json, "a feature", {"bytesList", "bytes_list", "floatList", "float_list", "int64List", "int64_list"}));
  if (members.size() > 1) return MakeError(ErrorCode::kValue, "a feature has more than one list");
  std::string feature;
  for (const auto& [key, value] : members) {
    const int field = key[0] == 'b' ? 1 : key[0] == 'f' ? 2 : 3;
    MOULIN_ASSIGN_OR_RETURN(const std::string list, ListOf(field, *value));
    AppendWireBytes(field, list, &feature);
  }
  return feature;
}

StatusOr<std::string> FeaturesOf(const Json& json) {
  MOULIN_ASSIGN_OR_RETURN(const auto members, Members(json, "the features", {"feature"}));
  std::string features;
  if (members.empty()) return features;
  MOULIN_ASSIGN_OR_RETURN(const auto by_name, Members(*members.begin()->second, "the features by name", {}));
  for (const auto& [name, value] : by_name) {
    std::string entry;
    MOULIN_ASSIGN_OR_RETURN(const std::string feature, FeatureOf(*value));
    AppendWireBytes(1, name, &entry);
    AppendWireBytes(2, feature, &entry);
    AppendWireBytes(1, entry, &features);
  }
  return features;
}

StatusOr<std::string> ExampleOf(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return MakeError(ErrorCode::kValue, "the string is no JSON");
  MOULIN_ASSIGN_OR_RETURN(const auto members, Members(json, "an example", {"features"}));
  std::string example;
  if (members.empty()) return example;
  MOULIN_ASSIGN_OR_RETURN(const std::string features, FeaturesOf(*members.begin()->second));
  AppendWireBytes(1, features, &example);
  return example;
}

Status InferJson(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the examples"));
  return AddOutput(c, DType::kString, c.shape(0));
}

Status Decode(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferJson));
  for (int64_t i = 0; i < c.input(0).num_elements(); ++i) {
    StatusOr<std::string> example = ExampleOf(c.input(0).strings()[i]);
    if (!example.ok()) return MakeError(ErrorCode::kValue, "example ", i, ": ", example.status().message());
    c.output(0).mutable_strings()[i] = *std::move(example);
  }
  return absl::OkStatus();
}

constexpr HostOp kJsonKernels[] = {{"DecodeJSONExample", 1, 1, InferJson, Decode}};

}  // namespace

absl::Span<const HostOp> JsonKernels() { return kJsonKernels; }

}  // namespace moulin
