#include "cli/signature_file.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/proto_io.h"
#include "nlohmann/json.hpp"

namespace moulin::cli {
namespace {

using internal::SignatureChange;
using internal::SignatureEdits;
using internal::SignatureTensor;
using nlohmann::json;
// As the file has it: the order of keys is kept.
using ordered = nlohmann::ordered_json;

constexpr int kMaxDepth = 16;

template <typename... Parts>
Status Malformed(const std::string& where, const Parts&... parts) {
  return MakeError(ErrorCode::kParse, where, ": ", parts...);
}

// The parser keeps one of two equal keys; they are told while it reads.
StatusOr<ordered> ParseJson(absl::string_view text) {
  MOULIN_RETURN_IF_ERROR(CheckTextNesting(text, kMaxDepth));
  std::vector<std::set<std::string>> keys;
  std::string twice;
  const auto watch = [&](int, json::parse_event_t event, ordered& parsed) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second && twice.empty()) {
      twice = absl::StrCat("\"", Printable(parsed.get<std::string>()), "\"");
    }
    return true;
  };
  try {
    ordered parsed = ordered::parse(text.begin(), text.end(), watch);
    if (!twice.empty()) return MakeError(ErrorCode::kDuplicate, "the key ", twice, " is given twice");
    return parsed;
  } catch (const json::parse_error& error) {  // tells line and column
    return MakeError(ErrorCode::kParse, "no JSON: ", Printable(error.what()));
  }
}

Status CheckMembers(const std::string& where, const ordered& object, std::initializer_list<absl::string_view> known) {
  if (!object.is_object()) return Malformed(where, "expected an object, {...}");
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return Malformed(where, "unknown member \"", Printable(key), "\"");
    }
  }
  return absl::OkStatus();
}

StatusOr<std::string> Text(const std::string& where, const ordered& value) {
  if (!value.is_string()) return Malformed(where, "expected a string");
  return value.get<std::string>();
}

StatusOr<PartialShape> ParseShape(const std::string& where, const ordered& value) {
  if (value.is_null()) return PartialShape::UnknownRank();
  if (!value.is_array()) return Malformed(where, "expected a shape, [null, 3]");
  PartialShape shape = PartialShape::OfRank(0);
  for (const ordered& size : value) {
    const bool known = size.is_number_integer() && size.get<int64_t>() >= 0;
    if (!known && !size.is_null()) return Malformed(where, "expected sizes or null in the shape");
    shape.push_back(known ? size.get<int64_t>() : kUnknownDim);
  }
  return shape;
}

StatusOr<SignatureTensor> ParseTensor(const std::string& where, const std::string& key, const ordered& value) {
  SignatureTensor tensor;
  tensor.key = key;
  if (value.is_string()) {
    tensor.tensor = value.get<std::string>();
    return tensor;
  }
  MOULIN_RETURN_IF_ERROR(CheckMembers(where, value, {"tensor", "dtype", "shape"}));
  if (!value.contains("tensor")) return Malformed(where, "expected \"tensor\"");
  MOULIN_ASSIGN_OR_RETURN(tensor.tensor, Text(where, value["tensor"]));
  if (value.contains("dtype")) {
    MOULIN_ASSIGN_OR_RETURN(const std::string name, Text(where, value["dtype"]));
    tensor.dtype = DTypeFromName(name);
    if (tensor.dtype == DType::kInvalid) {
      return MakeError(ErrorCode::kDType, where, ": unknown type \"", Printable(name), "\"");
    }
  }
  if (value.contains("shape")) {
    MOULIN_ASSIGN_OR_RETURN(tensor.shape, ParseShape(where, value["shape"]));
  }
  return tensor;
}

StatusOr<std::vector<SignatureTensor>> ParseTensors(const std::string& where, const ordered& value) {
  if (!value.is_object()) return Malformed(where, "expected an object, {\"key\": \"tensor\"}");
  std::vector<SignatureTensor> tensors;
  for (const auto& [key, tensor] : value.items()) {
    MOULIN_ASSIGN_OR_RETURN(SignatureTensor parsed,
                            ParseTensor(absl::StrCat(where, ", \"", Printable(key), "\""), key, tensor));
    tensors.push_back(std::move(parsed));
  }
  return tensors;
}

StatusOr<SignatureChange> ParseChange(const std::string& key, const ordered& value) {
  const std::string where = absl::StrCat("signature \"", Printable(key), "\"");
  MOULIN_RETURN_IF_ERROR(CheckMembers(where, value, {"method", "inputs", "outputs"}));
  SignatureChange change;
  change.key = key;
  if (value.contains("method")) {
    MOULIN_ASSIGN_OR_RETURN(change.method, Text(where + ", method", value["method"]));
  }
  if (value.contains("inputs")) {
    MOULIN_ASSIGN_OR_RETURN(change.inputs, ParseTensors(where + ", inputs", value["inputs"]));
  }
  if (value.contains("outputs")) {
    MOULIN_ASSIGN_OR_RETURN(change.outputs, ParseTensors(where + ", outputs", value["outputs"]));
  }
  return change;
}

}  // namespace

StatusOr<SignatureEdits> ParseSignatureEdits(absl::string_view text) {
  MOULIN_ASSIGN_OR_RETURN(const ordered parsed, ParseJson(text));
  MOULIN_RETURN_IF_ERROR(CheckMembers("the file", parsed, {"remove", "rename", "signatures"}));
  SignatureEdits edits;
  const ordered remove = parsed.value("remove", ordered::array());
  if (!remove.is_array()) return Malformed("remove", "expected a list of keys");
  for (const ordered& key : remove) {
    MOULIN_ASSIGN_OR_RETURN(edits.remove.emplace_back(), Text("remove", key));
  }
  const ordered rename = parsed.value("rename", ordered::object());
  if (!rename.is_object()) return Malformed("rename", "expected an object, {\"from\": \"to\"}");
  for (const auto& [from, to] : rename.items()) {
    MOULIN_ASSIGN_OR_RETURN(std::string name, Text("rename", to));
    edits.rename.emplace_back(from, std::move(name));
  }
  const ordered signatures = parsed.value("signatures", ordered::object());
  if (!signatures.is_object()) return Malformed("signatures", "expected an object");
  for (const auto& [key, value] : signatures.items()) {
    MOULIN_ASSIGN_OR_RETURN(SignatureChange change, ParseChange(key, value));
    edits.change.push_back(std::move(change));
  }
  return edits;
}

StatusOr<SignatureTensor> ParseKeyAndTensor(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    return MakeError(ErrorCode::kOption, "expected KEY=TENSOR, found \"", Printable(text), "\"");
  }
  SignatureTensor tensor;
  tensor.key = text.substr(0, equals);
  tensor.tensor = text.substr(equals + 1);
  return tensor;
}

}  // namespace moulin::cli
