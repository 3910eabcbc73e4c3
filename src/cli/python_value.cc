#include "cli/python_value.h"

#include <charconv>
#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace moulin::cli {
namespace {

using Value = tf::StructuredValue;

// The name of a type without "tf.".
std::string TypeName(tf::DataType type) {
  std::string name = absl::AsciiStrToLower(absl::StripPrefix(tf::DataType_Name(type), "DT_"));
  const std::string suffix = absl::EndsWith(name, "_ref") ? "_ref" : "";
  const absl::string_view base = absl::StripSuffix(name, suffix);
  if (base == "half") return absl::StrCat("float16", suffix);
  if (base == "float") return absl::StrCat("float32", suffix);
  if (base == "double") return absl::StrCat("float64", suffix);
  return name;
}

std::vector<std::string> Dims(const tf::TensorShapeProto& shape) {
  std::vector<std::string> dims;
  for (const auto& dim : shape.dim()) dims.push_back(dim.size() < 0 ? "None" : absl::StrCat(dim.size()));
  return dims;
}

std::string Tuple(const std::vector<std::string>& elements) {
  return absl::StrCat("(", absl::StrJoin(elements, ", "), elements.size() == 1 ? ",)" : ")");
}

std::string ShapeStr(const tf::TensorShapeProto& shape) {
  return shape.unknown_rank() ? "<unknown>" : Tuple(Dims(shape));
}

std::string ShapeRepr(const tf::TensorShapeProto& shape) {
  if (shape.unknown_rank()) return "TensorShape(None)";
  return absl::StrCat("TensorShape([", absl::StrJoin(Dims(shape), ", "), "])");
}

template <typename Spec>
std::string SpecRepr(const char* type, const Spec& spec) {
  return absl::StrCat(type, "(shape=", ShapeStr(spec.shape()), ", dtype=", PythonDType(spec.dtype()),
                      ", name=", spec.name().empty() ? "None" : PythonRepr(spec.name()), ")");
}

template <typename List>
std::vector<std::string> Reprs(const List& list) {
  std::vector<std::string> reprs;
  for (const Value& value : list.values()) reprs.push_back(PythonRepr(value));
  return reprs;
}

std::string DictRepr(const tf::DictValue& dict) {
  std::map<std::string, std::string> sorted;
  for (const auto& [key, value] : dict.fields()) sorted.emplace(key, PythonRepr(value));
  const auto item = [](std::string* out, const auto& kv) {
    absl::StrAppend(out, PythonRepr(kv.first), ": ", kv.second);
  };
  return absl::StrCat("{", absl::StrJoin(sorted, ", ", item), "}");
}

std::string NamedTupleRepr(const tf::NamedTupleValue& tuple) {
  const auto item = [](std::string* out, const tf::PairValue& p) {
    absl::StrAppend(out, p.key(), "=", PythonRepr(p.value()));
  };
  return absl::StrCat(tuple.name(), "(", absl::StrJoin(tuple.values(), ", ", item), ")");
}

// Digits and exponent as Python lays them out: plain from 1e-4 to 1e16.
std::string PlaceDigits(absl::string_view digits, int exponent) {
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    return absl::StrFormat("%s%s%se%c%02d", digits.substr(0, 1), count > 1 ? "." : "", digits.substr(1),
                           exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return absl::StrCat("0.", std::string(-exponent - 1, '0'), digits);
  if (exponent >= count - 1) return absl::StrCat(digits, std::string(exponent - count + 1, '0'), ".0");
  return absl::StrCat(digits.substr(0, exponent + 1), ".", digits.substr(exponent + 1));
}

}  // namespace

std::string PythonRepr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), std::fabs(value), std::chars_format::scientific).ptr;
  const absl::string_view text(buffer, end - buffer);
  const size_t e = text.find('e');
  int exponent = 0;
  const size_t digits_at = text[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(text.data() + digits_at, end, exponent);
  std::string digits(text.substr(0, e));
  std::erase(digits, '.');
  return absl::StrCat(std::signbit(value) ? "-" : "", PlaceDigits(digits, exponent));
}

std::string PythonRepr(absl::string_view text) {
  const char quote = absl::StrContains(text, '\'') && !absl::StrContains(text, '"') ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (c == quote || c == '\\') {
          out += {'\\', c};
        } else if (absl::ascii_iscntrl(c)) {
          absl::StrAppendFormat(&out, "\\x%02x", c);
        } else {
          out += c;
        }
    }
  }
  return out + quote;
}

std::string PythonRepr(const Value& value) {
  switch (value.kind_case()) {
    case Value::kFloat64Value:
      return PythonRepr(value.float64_value());
    case Value::kInt64Value:
      return absl::StrCat(value.int64_value());
    case Value::kStringValue:
      return PythonRepr(value.string_value());
    case Value::kBoolValue:
      return value.bool_value() ? "True" : "False";
    case Value::kTensorShapeValue:
      return ShapeRepr(value.tensor_shape_value());
    case Value::kTensorDtypeValue:
      return PythonDType(value.tensor_dtype_value());
    case Value::kTensorSpecValue:
      return SpecRepr("TensorSpec", value.tensor_spec_value());
    case Value::kBoundedTensorSpecValue:
      return SpecRepr("BoundedTensorSpec", value.bounded_tensor_spec_value());
    case Value::kTypeSpecValue:
      return absl::StrCat(PythonTypeName(value), PythonRepr(value.type_spec_value().type_state()));
    case Value::kListValue:
      return absl::StrCat("[", absl::StrJoin(Reprs(value.list_value()), ", "), "]");
    case Value::kTupleValue:
      return Tuple(Reprs(value.tuple_value()));
    case Value::kDictValue:
      return DictRepr(value.dict_value());
    case Value::kNamedTupleValue:
      return NamedTupleRepr(value.named_tuple_value());
    case Value::kTensorValue:
    case Value::kNumpyValue:
      return "array(...)";
    case Value::kNoneValue:
    case Value::KIND_NOT_SET:
      break;
  }
  return "None";
}

std::string PythonStr(const Value& value) {
  if (value.kind_case() == Value::kStringValue) return value.string_value();
  if (value.kind_case() == Value::kTensorShapeValue) return ShapeStr(value.tensor_shape_value());
  if (value.kind_case() == Value::kTensorDtypeValue) {
    return absl::StrCat("<dtype: '", TypeName(value.tensor_dtype_value()), "'>");
  }
  return PythonRepr(value);
}

std::string PythonTypeName(const Value& value) {
  switch (value.kind_case()) {
    case Value::kFloat64Value:
      return "float";
    case Value::kInt64Value:
      return "int";
    case Value::kStringValue:
      return "str";
    case Value::kBoolValue:
      return "bool";
    case Value::kTensorShapeValue:
      return "TensorShape";
    case Value::kTensorDtypeValue:
      return "DType";
    case Value::kTensorSpecValue:
      return "TensorSpec";
    case Value::kBoundedTensorSpecValue:
      return "BoundedTensorSpec";
    case Value::kTypeSpecValue: {
      const std::string& name = value.type_spec_value().type_spec_class_name();
      return name.substr(name.rfind('.') + 1);
    }
    case Value::kListValue:
      return "list";
    case Value::kTupleValue:
      return "tuple";
    case Value::kDictValue:
      return "dict";
    case Value::kNamedTupleValue:
      return value.named_tuple_value().name();
    case Value::kTensorValue:
      return "EagerTensor";
    case Value::kNumpyValue:
      return "ndarray";
    case Value::kNoneValue:
    case Value::KIND_NOT_SET:
      break;
  }
  return "NoneType";
}

std::string PythonDType(tf::DataType type) { return absl::StrCat("tf.", TypeName(type)); }

bool IsPythonValue(const Value& value) {
  const auto all = [](const auto& list) {
    for (const Value& v : list.values()) {
      if (!IsPythonValue(v)) return false;
    }
    return true;
  };
  switch (value.kind_case()) {
    case Value::KIND_NOT_SET:
      return false;
    case Value::kListValue:
      return all(value.list_value());
    case Value::kTupleValue:
      return all(value.tuple_value());
    case Value::kDictValue:
      for (const auto& [key, v] : value.dict_value().fields()) {
        if (!IsPythonValue(v)) return false;
      }
      return true;
    case Value::kNamedTupleValue:
      for (const tf::PairValue& p : value.named_tuple_value().values()) {
        if (!IsPythonValue(p.value())) return false;
      }
      return true;
    default:
      return true;
  }
}

}  // namespace moulin::cli
