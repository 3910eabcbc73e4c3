// Host kernels between strings and code points. Tests: tests/ops/host_kernels_test.cc, tests/cases/host_cases.py.
#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

constexpr int32_t kMalformed = -1;
constexpr int32_t kReplacement = 0xFFFD;

struct CodePoint {
  int32_t value;  // kMalformed where the bytes do not follow the encoding
  int64_t start;
};
using CodePoints = std::vector<CodePoint>;

bool IsSurrogate(int64_t c) { return c >= 0xD800 && c <= 0xDFFF; }
bool IsCodePoint(int64_t c) { return c >= 0 && c <= 0x10FFFF && !IsSurrogate(c); }

// --- Decoding ---

// The code point at `i`, which it moves behind it; of malformed bytes as many as could have begun a character.
int32_t NextUtf8(absl::string_view s, size_t* i) {
  const auto byte = [&](size_t k) { return static_cast<uint8_t>(s[k]); };
  const uint8_t lead = byte((*i)++);
  if (lead < 0x80) return lead;
  if (lead < 0xC2 || lead > 0xF4) return kMalformed;
  const int more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  int32_t value = lead & (0x3F >> more);
  // The second byte's range keeps out surrogates, overlong forms and what is above U+10FFFF.
  uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (int k = 0; k < more; ++k) {
    if (*i >= s.size() || byte(*i) < low || byte(*i) > high) return kMalformed;
    value = (value << 6) | (byte((*i)++) & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return value;
}

// A big-endian unit of `size` bytes; nothing, and the end, where fewer are left.
std::optional<int64_t> NextUnit(absl::string_view s, size_t size, size_t* i) {
  if (*i + size > s.size()) {
    *i = s.size();
    return std::nullopt;
  }
  int64_t value = 0;
  for (size_t k = 0; k < size; ++k) value = (value << 8) | static_cast<uint8_t>(s[(*i)++]);
  return value;
}

int32_t NextUtf16(absl::string_view s, size_t* i) {
  const std::optional<int64_t> first = NextUnit(s, 2, i);
  if (!first || (*first >= 0xDC00 && *first <= 0xDFFF)) return kMalformed;
  if (!IsSurrogate(*first)) return static_cast<int32_t>(*first);
  size_t behind = *i;
  const std::optional<int64_t> second = NextUnit(s, 2, &behind);
  if (!second || *second < 0xDC00 || *second > 0xDFFF) return kMalformed;
  *i = behind;
  return static_cast<int32_t>(0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00));
}

int32_t NextUtf32(absl::string_view s, size_t* i) {
  const std::optional<int64_t> unit = NextUnit(s, 4, i);
  return unit && IsCodePoint(*unit) ? static_cast<int32_t>(*unit) : kMalformed;
}

int32_t NextAscii(absl::string_view s, size_t* i) {
  const auto byte = static_cast<uint8_t>(s[(*i)++]);
  return byte < 0x80 ? byte : kMalformed;
}

int32_t NextLatin1(absl::string_view s, size_t* i) { return static_cast<uint8_t>(s[(*i)++]); }

using Decoder = int32_t (*)(absl::string_view s, size_t* i);

StatusOr<Decoder> FindDecoder(absl::string_view encoding) {
  const std::string name = absl::AsciiStrToUpper(encoding);
  if (name == "UTF-8" || name == "UTF8") return NextUtf8;
  if (name == "UTF-16-BE" || name == "UTF-16BE") return NextUtf16;
  if (name == "UTF-32-BE" || name == "UTF-32BE") return NextUtf32;
  if (name == "US-ASCII" || name == "ASCII") return NextAscii;
  if (name == "ISO-8859-1" || name == "LATIN1") return NextLatin1;
  return MakeError(ErrorCode::kUnsupported, "the encoding ", Printable(encoding));
}

// How a node deals with malformed bytes and control characters.
struct Policy {
  Decoder decoder;
  bool strict = false;
  bool ignore = false;
  bool replace_controls = false;
  int32_t replacement = kReplacement;
};

StatusOr<Policy> ReadPolicy(const HostOpAttrs& attrs) {
  Policy policy;
  MOULIN_ASSIGN_OR_RETURN(policy.decoder, FindDecoder(StringAttr(attrs, "input_encoding", "UTF-8")));
  const absl::string_view errors = StringAttr(attrs, "errors", "replace");
  policy.strict = errors == "strict";
  policy.ignore = errors == "ignore";
  if (!policy.strict && !policy.ignore && errors != "replace") {
    return MakeError(ErrorCode::kAttribute, "errors must be strict, replace or ignore, got ", Printable(errors));
  }
  policy.replace_controls = IntAttr(attrs, "replace_control_characters", 0) != 0;
  const int64_t replacement = IntAttr(attrs, "replacement_char", kReplacement);
  if (!IsCodePoint(replacement)) {
    return MakeError(ErrorCode::kAttribute, "replacement_char must be a code point, got ", replacement);
  }
  policy.replacement = static_cast<int32_t>(replacement);
  return policy;
}

StatusOr<CodePoints> Decode(const std::string& s, const Policy& policy) {
  CodePoints points;
  for (size_t i = 0; i < s.size();) {
    const auto start = static_cast<int64_t>(i);
    int32_t value = policy.decoder(s, &i);
    const bool bad = value == kMalformed;
    if (bad && policy.strict)
      return MakeError(ErrorCode::kValue, "malformed bytes at ", start, " of \"", Printable(s), "\"");
    if (bad || (policy.replace_controls && value < 0x20)) {
      if (policy.ignore) continue;
      value = policy.replacement;
    }
    points.push_back({value, start});
  }
  return points;
}

// --- Encoding ---

void AppendUtf8(int32_t c, std::string* out) {
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
    return;
  }
  constexpr int kLead[] = {0, 0xC0, 0xE0, 0xF0};
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  out->push_back(static_cast<char>(kLead[more] | (c >> (6 * more))));
  for (int k = more - 1; k >= 0; --k) out->push_back(static_cast<char>(0x80 | ((c >> (6 * k)) & 0x3F)));
}

void AppendUnit(int32_t value, int size, std::string* out) {
  for (int k = size - 1; k >= 0; --k) out->push_back(static_cast<char>(value >> (8 * k)));
}

void AppendUtf16(int32_t c, std::string* out) {
  if (c < 0x10000) return AppendUnit(c, 2, out);
  AppendUnit(0xD800 + ((c - 0x10000) >> 10), 2, out);
  AppendUnit(0xDC00 + ((c - 0x10000) & 0x3FF), 2, out);
}

void AppendUtf32(int32_t c, std::string* out) { AppendUnit(c, 4, out); }

using Encoder = void (*)(int32_t c, std::string* out);

StatusOr<Encoder> FindEncoder(const HostOpAttrs& attrs) {
  const absl::string_view name = StringAttr(attrs, "output_encoding", "UTF-8");
  if (name == "UTF-8") return AppendUtf8;
  if (name == "UTF-16-BE") return AppendUtf16;
  if (name == "UTF-32-BE") return AppendUtf32;
  return MakeError(ErrorCode::kAttribute, "output_encoding must be UTF-8, UTF-16-BE or UTF-32-BE, got ",
                   Printable(name));
}

// --- The ops ---

Status InferUnicodeDecode(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand"));
  const int64_t n = c.shape(0).has_rank() ? DimProduct(c.shape(0).dims(), 0, c.shape(0).rank()) : kUnknownDim;
  const std::vector<DType>& types = c.attr<HostOpAttrs>().output_types;
  c.Add(types.empty() ? DType::kInt64 : types[0], PartialShape{n == kUnknownDim ? n : n + 1});
  c.Add(DType::kInt32, PartialShape{kUnknownDim});
  if (c.attr<HostOpAttrs>().op == "UnicodeDecodeWithOffsets") c.Add(DType::kInt64, PartialShape{kUnknownDim});
  return absl::OkStatus();
}

void SetInt(Tensor& t, int64_t i, int64_t value) {
  if (t.dtype() == DType::kInt32) {
    t.mutable_values<int32_t>()[i] = static_cast<int32_t>(value);
  } else {
    t.mutable_values<int64_t>()[i] = value;
  }
}

Status UnicodeDecode(const KernelContext& c) {
  std::vector<TensorType> types;
  MOULIN_RETURN_IF_ERROR(InferFromInputs(c, InferUnicodeDecode, &types));
  if (types[0].dtype != DType::kInt32 && types[0].dtype != DType::kInt64) {
    return MakeError(ErrorCode::kDType, "the splits must be int32 or int64");
  }
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, types[0].dtype, types[0].shape.ToShape()));
  MOULIN_ASSIGN_OR_RETURN(const Policy policy, ReadPolicy(c.attr<HostOpAttrs>()));
  CodePoints all;
  int64_t row = 0;
  for (const std::string& s : c.input(0).strings()) {
    MOULIN_ASSIGN_OR_RETURN(const CodePoints points, Decode(s, policy));
    all.insert(all.end(), points.begin(), points.end());
    SetInt(c.output(0), ++row, static_cast<int64_t>(all.size()));
  }
  const Shape shape{static_cast<int64_t>(all.size())};
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, DType::kInt32, shape));
  for (size_t i = 0; i < all.size(); ++i) c.output(1).mutable_values<int32_t>()[i] = all[i].value;
  if (types.size() == 2) return absl::OkStatus();
  MOULIN_RETURN_IF_ERROR(c.Allocate(2, DType::kInt64, shape));
  for (size_t i = 0; i < all.size(); ++i) c.output(2).mutable_values<int64_t>()[i] = all[i].start;
  return absl::OkStatus();
}

Status InferTranscode(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand"));
  return AddOutput(c, DType::kString, c.shape(0));
}

Status UnicodeTranscode(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferTranscode));
  MOULIN_ASSIGN_OR_RETURN(const Policy policy, ReadPolicy(c.attr<HostOpAttrs>()));
  MOULIN_ASSIGN_OR_RETURN(const Encoder encode, FindEncoder(c.attr<HostOpAttrs>()));
  const absl::Span<const std::string> x = c.input(0).strings();
  for (size_t i = 0; i < x.size(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(const CodePoints points, Decode(x[i], policy));
    for (const CodePoint& point : points) encode(point.value, &c.output(0).mutable_strings()[i]);
  }
  return absl::OkStatus();
}

Status InferEncode(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kInt32, c.dtype(0), "the code points"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 1, "the code points"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(1), 1, "the splits"));
  const int64_t splits = c.shape(1).has_rank() ? c.shape(1).dim(0) : kUnknownDim;
  if (splits == 0) return MakeError(ErrorCode::kShape, "the splits must have an element at least");
  c.Add(DType::kString, PartialShape{splits == kUnknownDim ? splits : splits - 1});
  return absl::OkStatus();
}

Status UnicodeEncode(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferEncode));
  MOULIN_ASSIGN_OR_RETURN(const Policy policy, ReadPolicy(c.attr<HostOpAttrs>()));
  MOULIN_ASSIGN_OR_RETURN(const Encoder encode, FindEncoder(c.attr<HostOpAttrs>()));
  MOULIN_ASSIGN_OR_RETURN(const Ints splits, IntValues(c.input(1)));
  const absl::Span<const int32_t> points = c.input(0).values<int32_t>();
  if (splits.front() != 0 || splits.back() != static_cast<int64_t>(points.size()) ||
      !std::is_sorted(splits.begin(), splits.end())) {
    return MakeError(ErrorCode::kValue, "the splits must rise from 0 to ", points.size());
  }
  for (size_t row = 0; row + 1 < splits.size(); ++row) {
    for (int64_t i = splits[row]; i < splits[row + 1]; ++i) {
      const bool good = IsCodePoint(points[i]);
      if (!good && policy.strict) return MakeError(ErrorCode::kValue, points[i], " is not a code point");
      if (!good && policy.ignore) continue;
      encode(good ? points[i] : policy.replacement, &c.output(0).mutable_strings()[row]);
    }
  }
  return absl::OkStatus();
}

constexpr HostOp kUnicodeKernels[] = {
    {"UnicodeDecode", 1, 1, InferUnicodeDecode, UnicodeDecode},
    {"UnicodeDecodeWithOffsets", 1, 1, InferUnicodeDecode, UnicodeDecode},
    {"UnicodeEncode", 2, 2, InferEncode, UnicodeEncode},
    {"UnicodeTranscode", 1, 1, InferTranscode, UnicodeTranscode},
};

}  // namespace

absl::Span<const HostOp> UnicodeKernels() { return kUnicodeKernels; }

}  // namespace moulin
