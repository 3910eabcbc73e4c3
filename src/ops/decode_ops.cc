// Host kernels of raw bytes and comma-separated values. Tests: tests/ops/host_kernels_test.cc,
// tests/cases/host_cases.py.
#include <algorithm>
#include <cstring>

#include "absl/strings/numbers.h"
#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

// --- DecodeRaw, DecodePaddedRaw ---

StatusOr<DType> RawType(const HostOpAttrs& attrs) {
  const DType type = attrs.output_types.empty() ? DType::kUInt8 : attrs.output_types[0];
  if (type != DType::kString && SizeOf(type) > 0) return type;
  return MakeError(ErrorCode::kDType, "bytes cannot be read as ", Name(type));
}

Status InferRaw(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand"));
  MOULIN_ASSIGN_OR_RETURN(const DType type, RawType(c.attr<HostOpAttrs>()));
  PartialShape out = c.shape(0);
  if (out.has_rank()) out.push_back(kUnknownDim);
  c.Add(type, out);
  return absl::OkStatus();
}

// Copies elements, each turned round where the bytes are big-endian. The parts of a complex number are turned apart.
void CopyRaw(const std::string& from, size_t bytes, DType type, bool little_endian, char* to) {
  bytes = std::min(bytes, from.size());
  std::memcpy(to, from.data(), bytes);
  if (little_endian) return;
  const size_t unit = IsComplex(type) ? SizeOf(type) / 2 : SizeOf(type);
  for (size_t i = 0; i + unit <= bytes; i += unit) std::reverse(to + i, to + i + unit);
}

Status FillRaw(const KernelContext& c, size_t bytes) {
  MOULIN_ASSIGN_OR_RETURN(const DType type, RawType(c.attr<HostOpAttrs>()));
  if (bytes % SizeOf(type) != 0) {
    return MakeError(ErrorCode::kValue, bytes, " bytes are no multiple of the ", SizeOf(type), " of ", Name(type));
  }
  Shape shape = c.input(0).shape();
  shape.push_back(static_cast<int64_t>(bytes / SizeOf(type)));
  MOULIN_ASSIGN_OR_RETURN(shape, Shape::Make(shape.dims()));
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, type, shape));
  const bool little_endian = IntAttr(c.attr<HostOpAttrs>(), "little_endian", 1) != 0;
  char* out = static_cast<char*>(c.output(0).mutable_data());
  for (const std::string& s : c.input(0).strings()) {
    CopyRaw(s, bytes, type, little_endian, out);
    out += bytes;
  }
  // Bytes are what a file says; a bool is 0 or 1.
  if (type == DType::kBool) {
    auto* begin = static_cast<uint8_t*>(c.output(0).mutable_data());
    std::transform(begin, begin + c.output(0).num_elements(), begin, [](uint8_t b) { return b != 0; });
  }
  return absl::OkStatus();
}

Status DecodeRaw(const KernelContext& c) {
  const absl::Span<const std::string> x = c.input(0).strings();
  const size_t bytes = x.empty() ? 0 : x[0].size();
  for (const std::string& s : x) {
    if (s.size() == bytes) continue;
    return MakeError(ErrorCode::kValue, "the strings must have one length, got ", bytes, " and ", s.size(), " bytes");
  }
  return FillRaw(c, bytes);
}

Status DecodePaddedRaw(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const Ints length, IntValues(c.input(1)));
  constexpr int64_t kMost = int64_t{1} << 31;
  if (length.size() != 1) return MakeError(ErrorCode::kShape, "fixed_length must be a scalar");
  if (length[0] < 1 || length[0] > kMost) {
    return MakeError(ErrorCode::kValue, "fixed_length must be in [1, ", kMost, "], got ", length[0]);
  }
  return FillRaw(c, static_cast<size_t>(length[0]));
}

// --- DecodeCSV ---

struct CsvFormat {
  char delimiter = ',';
  bool quotes = true;
  std::string missing;
  std::vector<int64_t> columns;  // those kept; all where empty
};

StatusOr<CsvFormat> ReadCsvFormat(const HostOpAttrs& attrs) {
  CsvFormat format;
  const absl::string_view delimiter = StringAttr(attrs, "field_delim", ",");
  if (delimiter.size() != 1) return MakeError(ErrorCode::kAttribute, "field_delim must be one character");
  format.delimiter = delimiter[0];
  format.quotes = IntAttr(attrs, "use_quote_delim", 1) != 0;
  format.missing = std::string(StringAttr(attrs, "na_value", ""));
  format.columns = IntsAttr(attrs, "select_cols");
  for (size_t i = 0; i < format.columns.size(); ++i) {
    if (format.columns[i] > (i == 0 ? -1 : format.columns[i - 1])) continue;
    return MakeError(ErrorCode::kAttribute, "select_cols must rise and not be negative");
  }
  return format;
}

// The fields of one record.
class CsvReader {
 public:
  CsvReader(absl::string_view record, const CsvFormat& format) : rest_(record), format_(format) {}

  StatusOr<std::vector<std::string>> Fields() {
    std::vector<std::string> fields;
    int64_t column = 0;
    while (more_ || !rest_.empty()) {
      MOULIN_ASSIGN_OR_RETURN(std::string field, Next());
      if (IsKept(column++)) fields.push_back(std::move(field));
    }
    return fields;
  }

 private:
  StatusOr<std::string> Next() { return format_.quotes && !rest_.empty() && rest_[0] == '"' ? Quoted() : Plain(); }

  StatusOr<std::string> Plain() {
    std::string field(rest_.substr(0, rest_.find(format_.delimiter)));
    if (field.find_first_of(format_.quotes ? "\"\r\n" : "\r\n") != std::string::npos) {
      return MakeError(ErrorCode::kValue, "a field without quotes must not have quotes or line ends inside");
    }
    rest_.remove_prefix(field.size());
    TakeDelimiter();
    return field;
  }

  StatusOr<std::string> Quoted() {
    std::string field;
    for (rest_.remove_prefix(1);; rest_.remove_prefix(1)) {
      if (rest_.empty()) return MakeError(ErrorCode::kValue, "a quoted field has no closing quote");
      if (rest_[0] != '"') {
        field.push_back(rest_[0]);
        continue;
      }
      if (rest_.size() == 1 || rest_[1] == format_.delimiter) break;
      if (rest_[1] != '"') return MakeError(ErrorCode::kValue, "a quote inside a field must be doubled");
      rest_.remove_prefix(1);
      field.push_back('"');
    }
    rest_.remove_prefix(1);
    TakeDelimiter();
    return field;
  }

  // Behind a delimiter there is another field, be it empty.
  void TakeDelimiter() {
    more_ = !rest_.empty();
    if (more_) rest_.remove_prefix(1);
  }

  bool IsKept(int64_t column) const {
    return format_.columns.empty() || std::binary_search(format_.columns.begin(), format_.columns.end(), column);
  }

  absl::string_view rest_;
  const CsvFormat& format_;
  bool more_ = false;
};

Status InferCsv(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the records of DecodeCSV"));
  for (int i = 1; i < c.num_inputs(); ++i) {
    const int64_t n = KnownElements(c.shape(i));
    if (n > 1) return MakeError(ErrorCode::kShape, "field ", i - 1, " has ", n, " defaults, expected 1 or none");
    MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(i), c.shape(0)));
  }
  return absl::OkStatus();
}

template <typename T, typename Parse>
bool ParseInto(const std::string& text, Tensor& out, int64_t i, Parse parse) {
  return parse(text, &out.mutable_values<T>()[i]);
}

bool ParseField(const std::string& text, Tensor& out, int64_t i) {
  switch (out.dtype()) {
    case DType::kString:
      out.mutable_strings()[i] = text;
      return true;
    case DType::kFloat32:
      return ParseInto<float>(text, out, i, [](const std::string& s, float* v) { return absl::SimpleAtof(s, v); });
    case DType::kFloat64:
      return ParseInto<double>(text, out, i, [](const std::string& s, double* v) { return absl::SimpleAtod(s, v); });
    case DType::kInt32:
      return ParseInto<int32_t>(text, out, i, [](const std::string& s, int32_t* v) { return absl::SimpleAtoi(s, v); });
    case DType::kInt64:
      return ParseInto<int64_t>(text, out, i, [](const std::string& s, int64_t* v) { return absl::SimpleAtoi(s, v); });
    default:
      return false;
  }
}

Status SetField(const KernelContext& c, const CsvFormat& format, const std::string& text, int field, int64_t record) {
  Tensor& out = c.output(field);
  if (text.empty() || text == format.missing) {
    if (c.input(field + 1).num_elements() == 0) {
      return MakeError(ErrorCode::kValue, "field ", field, " is required but missing in record ", record);
    }
    CopyElements(c.input(field + 1), 0, out, record, 1);
    return absl::OkStatus();
  }
  if (ParseField(text, out, record)) return absl::OkStatus();
  return MakeError(ErrorCode::kValue, "field ", field, " of record ", record, ": \"", Printable(text),
                   "\" is not of type ", Name(out.dtype()));
}

Status DecodeCsv(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferCsv));
  MOULIN_ASSIGN_OR_RETURN(const CsvFormat format, ReadCsvFormat(c.attr<HostOpAttrs>()));
  const absl::Span<const std::string> records = c.input(0).strings();
  for (size_t r = 0; r < records.size(); ++r) {
    MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> fields, CsvReader(records[r], format).Fields());
    if (fields.size() != c.outputs.size()) {
      return MakeError(ErrorCode::kValue, "expected ", c.outputs.size(), " fields, got ", fields.size(), " in record ",
                       r);
    }
    for (size_t f = 0; f < fields.size(); ++f) {
      MOULIN_RETURN_IF_ERROR(SetField(c, format, fields[f], static_cast<int>(f), static_cast<int64_t>(r)));
    }
  }
  return absl::OkStatus();
}

constexpr HostOp kDecodeKernels[] = {
    {"DecodeCSV", 2, kAnyNumber, InferCsv, DecodeCsv},
    {"DecodePaddedRaw", 2, 2, InferRaw, DecodePaddedRaw},
    {"DecodeRaw", 1, 1, InferRaw, DecodeRaw},
};

}  // namespace

absl::Span<const HostOp> DecodeKernels() { return kDecodeKernels; }

}  // namespace moulin
