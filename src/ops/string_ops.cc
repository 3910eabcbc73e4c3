// Host kernels of string ops. Tests: tests/ops/string_ops_test.cc.
#include <algorithm>
#include <charconv>
#include <functional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

DType OutputType(const HostOpAttrs& attrs, DType otherwise) {
  return attrs.output_types.empty() ? otherwise : attrs.output_types[0];
}

// One output of the first input's shape.
Status InferLikeFirst(InferContext& c) {
  c.Add(OutputType(c.attr<HostOpAttrs>(), DType::kString), c.shape(0));
  return absl::OkStatus();
}

Status InferStringsLikeFirst(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand"));
  return InferLikeFirst(c);
}

// Calls f(string) -> string for every element.
template <typename F>
Status MapStrings(const KernelContext& c, F f) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferStringsLikeFirst));
  const absl::Span<const std::string> x = c.input(0).strings();
  const absl::Span<std::string> y = c.output(0).mutable_strings();
  for (size_t i = 0; i < x.size(); ++i) y[i] = f(x[i]);
  return absl::OkStatus();
}

// --- UTF-8 ---

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The byte offsets of the characters, and the end.
std::vector<size_t> CharacterOffsets(const std::string& s, bool utf8) {
  std::vector<size_t> offsets;
  for (size_t i = 0; i < s.size(); ++i) {
    if (!utf8 || !IsContinuation(s[i])) offsets.push_back(i);
  }
  offsets.push_back(s.size());
  return offsets;
}

StatusOr<bool> IsUtf8Unit(const HostOpAttrs& attrs) {
  const absl::string_view unit = StringAttr(attrs, "unit", "BYTE");
  if (unit == "BYTE" || unit == "UTF8_CHAR") return unit == "UTF8_CHAR";
  return MakeError(ErrorCode::kAttribute, "unit must be BYTE or UTF8_CHAR, got ", Printable(unit));
}

Status StringLength(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferStringsLikeFirst));
  MOULIN_ASSIGN_OR_RETURN(const bool utf8, IsUtf8Unit(c.attr<HostOpAttrs>()));
  const absl::Span<const std::string> x = c.input(0).strings();
  const absl::Span<int32_t> y = c.output(0).mutable_values<int32_t>();
  for (size_t i = 0; i < x.size(); ++i) {
    y[i] = static_cast<int32_t>(
        std::count_if(x[i].begin(), x[i].end(), [&](char ch) { return !utf8 || !IsContinuation(ch); }));
  }
  return absl::OkStatus();
}

Status InferStringLength(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand of StringLength"));
  c.Add(DType::kInt32, c.shape(0));
  return absl::OkStatus();
}

// --- case and white space ---

// Letters outside ASCII would need Unicode's tables.
Status CheckAsciiCase(const KernelContext& c) {
  if (StringAttr(c.attr<HostOpAttrs>(), "encoding", "").empty()) return absl::OkStatus();
  for (const std::string& s : c.input(0).strings()) {
    for (char ch : s) {
      if (absl::ascii_isascii(static_cast<unsigned char>(ch))) continue;
      return MakeError(ErrorCode::kUnsupported, "the case of letters outside ASCII");
    }
  }
  return absl::OkStatus();
}

Status StringLower(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckAsciiCase(c));
  return MapStrings(c, [](const std::string& s) { return absl::AsciiStrToLower(s); });
}

Status StringUpper(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckAsciiCase(c));
  return MapStrings(c, [](const std::string& s) { return absl::AsciiStrToUpper(s); });
}

Status StringStrip(const KernelContext& c) {
  return MapStrings(c, [](const std::string& s) { return std::string(absl::StripAsciiWhitespace(s)); });
}

// --- StringJoin ---

Status InferStringJoin(InferContext& c) {
  PartialShape out;
  bool all_scalars = true;
  for (int i = 0; i < c.num_inputs(); ++i) {
    MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(i), "the operands of StringJoin"));
    const bool is_scalar = c.shape(i).has_rank() && c.shape(i).rank() == 0;
    all_scalars = all_scalars && is_scalar;
    if (is_scalar) continue;
    MOULIN_ASSIGN_OR_RETURN(out, MergeShapes(out, c.shape(i), "the operands of StringJoin"));
  }
  c.Add(DType::kString, all_scalars ? PartialShape(Shape()) : out);
  return absl::OkStatus();
}

Status StringJoin(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferStringJoin));
  const absl::string_view separator = StringAttr(c.attr<HostOpAttrs>(), "separator", "");
  const absl::Span<std::string> y = c.output(0).mutable_strings();
  for (size_t i = 0; i < y.size(); ++i) {
    for (size_t k = 0; k < c.inputs.size(); ++k) {
      const Tensor& x = c.inputs[k];
      absl::StrAppend(&y[i], k > 0 ? separator : "", x.strings()[x.shape().rank() == 0 ? 0 : i]);
    }
  }
  return absl::OkStatus();
}

// --- Substr ---

Status InferSubstr(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand of Substr"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(1), c.dtype(2), "the length of Substr"));
  MOULIN_RETURN_IF_ERROR(MergeShapes(c.shape(1), c.shape(2), "the lengths of Substr").status());
  MOULIN_ASSIGN_OR_RETURN(const PartialShape out, BroadcastPartial(c.shape(0), c.shape(1)));
  return AddOutput(c, DType::kString, out);
}

StatusOr<std::string> SubstringOf(const std::string& s, int64_t position, int64_t length, bool utf8) {
  const std::vector<size_t> offsets = CharacterOffsets(s, utf8);
  const int64_t characters = static_cast<int64_t>(offsets.size()) - 1;
  if (position < -characters || position > characters) {
    return MakeError(ErrorCode::kValue, "position ", position, " is outside a string of length ", characters);
  }
  const int64_t begin = position < 0 ? position + characters : position;
  const int64_t end = begin + std::clamp<int64_t>(length, 0, characters - begin);
  return s.substr(offsets[begin], offsets[end] - offsets[begin]);
}

Status Substr(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSubstr));
  MOULIN_ASSIGN_OR_RETURN(const bool utf8, IsUtf8Unit(c.attr<HostOpAttrs>()));
  MOULIN_ASSIGN_OR_RETURN(const Ints positions, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const Ints lengths, IntValues(c.input(2)));
  const Shape& shape = c.output(0).shape();
  MOULIN_ASSIGN_OR_RETURN(const StridedMap strings, BroadcastMap(c.input(0).shape(), shape));
  MOULIN_ASSIGN_OR_RETURN(const StridedMap numbers, BroadcastMap(c.input(1).shape(), shape));
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(
        c.output(0).mutable_strings()[i],
        SubstringOf(c.input(0).strings()[strings(i)], positions[numbers(i)], lengths[numbers(i)], utf8));
  }
  return absl::OkStatus();
}

// --- numbers ---

template <typename T>
bool ParseNumber(absl::string_view text, T* value) {
  if constexpr (std::is_same_v<T, float>) return absl::SimpleAtof(text, value);
  if constexpr (std::is_same_v<T, double>) return absl::SimpleAtod(text, value);
  if constexpr (std::is_integral_v<T>) return absl::SimpleAtoi(text, value);
  return false;
}

template <typename T>
Status ParseAll(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferStringsLikeFirst));
  const absl::Span<const std::string> x = c.input(0).strings();
  const absl::Span<T> y = c.output(0).mutable_values<T>();
  for (size_t i = 0; i < x.size(); ++i) {
    if (ParseNumber(x[i], &y[i])) continue;
    return MakeError(ErrorCode::kValue, "\"", Printable(x[i]), "\" is not a number of type ",
                     ShortName(DTypeOf<T>::value));
  }
  return absl::OkStatus();
}

Status StringToNumber(const KernelContext& c) {
  const DType type = OutputType(c.attr<HostOpAttrs>(), DType::kFloat32);
  switch (type) {
    case DType::kFloat32:
      return ParseAll<float>(c);
    case DType::kFloat64:
      return ParseAll<double>(c);
    case DType::kInt32:
      return ParseAll<int32_t>(c);
    case DType::kInt64:
      return ParseAll<int64_t>(c);
    case DType::kUInt32:
      return ParseAll<uint32_t>(c);
    case DType::kUInt64:
      return ParseAll<uint64_t>(c);
    default:
      return UnsupportedType(type);
  }
}

// How AsString prints: the parts of printf's conversion.
struct NumberFormat {
  std::string fill;
  int width = -1;
  int precision = -1;
  char conversion = 'f';  // of floats
};

StatusOr<NumberFormat> ReadNumberFormat(const HostOpAttrs& attrs) {
  constexpr int64_t kMax = 1000;  // longer texts serve nobody but an attacker
  NumberFormat f;
  f.fill = std::string(StringAttr(attrs, "fill", ""));
  f.width = static_cast<int>(std::clamp<int64_t>(IntAttr(attrs, "width", -1), -1, kMax));
  f.precision = static_cast<int>(std::clamp<int64_t>(IntAttr(attrs, "precision", -1), -1, kMax));
  const bool scientific = IntAttr(attrs, "scientific", 0) != 0;
  const bool shortest = IntAttr(attrs, "shortest", 0) != 0;
  if (scientific && shortest) return MakeError(ErrorCode::kAttribute, "scientific and shortest exclude each other");
  if (f.fill.size() > 1 || (!f.fill.empty() && absl::string_view(" +-0#").find(f.fill[0]) == absl::string_view::npos)) {
    return MakeError(ErrorCode::kAttribute, "fill must be one of \" +-0#\" or empty, got ", Printable(f.fill));
  }
  if (scientific) f.conversion = 'e';
  if (shortest) f.conversion = 'g';
  return f;
}

std::string FormatWith(const NumberFormat& f, absl::string_view suffix,
                       const std::function<int(char*, size_t, const char*)>& print) {
  std::string format = absl::StrCat("%", f.fill);
  if (f.width >= 0) absl::StrAppend(&format, f.width);
  if (f.precision >= 0) absl::StrAppend(&format, ".", f.precision);
  absl::StrAppend(&format, suffix);
  std::string out(static_cast<size_t>(std::max(print(nullptr, 0, format.c_str()), 0)), '\0');
  print(out.data(), out.size() + 1, format.c_str());
  return out;
}

template <typename T>
std::string FormatNumber(const NumberFormat& f, T value) {
  if constexpr (std::is_integral_v<T>) {
    using Wide = std::conditional_t<std::is_signed_v<T>, long long, unsigned long long>;  // NOLINT: printf's types
    NumberFormat integer = f;
    integer.precision = -1;
    return FormatWith(integer, std::is_signed_v<T> ? "lld" : "llu", [&](char* out, size_t size, const char* format) {
      return std::snprintf(out, size, format, static_cast<Wide>(value));
    });
  } else {
    const double wide = static_cast<double>(static_cast<ArithmeticOf<T>>(value));
    return FormatWith(f, std::string(1, f.conversion), [&](char* out, size_t size, const char* format) {
      return std::snprintf(out, size, format, wide);
    });
  }
}

Status AsString(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferLikeFirst));
  MOULIN_ASSIGN_OR_RETURN(const NumberFormat format, ReadNumberFormat(c.attr<HostOpAttrs>()));
  const Tensor& x = c.input(0);
  const absl::Span<std::string> y = c.output(0).mutable_strings();
  if (x.dtype() == DType::kBool) {
    for (size_t i = 0; i < y.size(); ++i) y[i] = x.values<bool>()[i] ? "true" : "false";
    return absl::OkStatus();
  }
  if (x.dtype() == DType::kString) {
    CopyElements(x, 0, c.output(0), 0, x.num_elements());
    return absl::OkStatus();
  }
  if (IsComplex(x.dtype())) {
    return DispatchComplex(x.dtype(), [&](auto tag) {
      const auto* values = static_cast<const decltype(tag)*>(x.data());
      for (size_t i = 0; i < y.size(); ++i) {
        y[i] =
            absl::StrCat("(", FormatNumber(format, values[i].real()), ",", FormatNumber(format, values[i].imag()), ")");
      }
      return absl::OkStatus();
    });
  }
  return DispatchReal(x.dtype(), [&](auto tag) {
    const auto* values = static_cast<const decltype(tag)*>(x.data());
    for (size_t i = 0; i < y.size(); ++i) y[i] = FormatNumber(format, values[i]);
    return absl::OkStatus();
  });
}

// --- base64, web-safe ---

Status EncodeBase64(const KernelContext& c) {
  const bool pad = IntAttr(c.attr<HostOpAttrs>(), "pad", 0) != 0;
  return MapStrings(c, [&](const std::string& s) {
    std::string out = absl::WebSafeBase64Escape(s);
    while (pad && out.size() % 4 != 0) out.push_back('=');
    return out;
  });
}

Status DecodeBase64(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferStringsLikeFirst));
  const absl::Span<const std::string> x = c.input(0).strings();
  for (size_t i = 0; i < x.size(); ++i) {
    if (absl::WebSafeBase64Unescape(x[i], &c.output(0).mutable_strings()[i])) continue;
    return MakeError(ErrorCode::kValue, "\"", Printable(x[i]), "\" is not web-safe base64");
  }
  return absl::OkStatus();
}

constexpr HostOp kStringKernels[] = {
    {"AsString", 1, 1, InferLikeFirst, AsString},
    {"DecodeBase64", 1, 1, InferStringsLikeFirst, DecodeBase64},
    {"EncodeBase64", 1, 1, InferStringsLikeFirst, EncodeBase64},
    {"StringJoin", 1, kAnyNumber, InferStringJoin, StringJoin},
    {"StringLength", 1, 1, InferStringLength, StringLength},
    {"StringLower", 1, 1, InferStringsLikeFirst, StringLower},
    {"StringStrip", 1, 1, InferStringsLikeFirst, StringStrip},
    {"StringToNumber", 1, 1, InferStringsLikeFirst, StringToNumber},
    {"StringUpper", 1, 1, InferStringsLikeFirst, StringUpper},
    {"Substr", 3, 3, InferSubstr, Substr},
};

}  // namespace

absl::Span<const HostOp> StringKernels() { return kStringKernels; }

}  // namespace moulin
