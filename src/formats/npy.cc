// The .npy format: magic, version, length of the header, a Python dictionary literal padded to 64 bytes, the elements.
// Described in NumPy's documentation under numpy.lib.format. Tested by tests/formats/npy_test.cc.
#include "formats/npy.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/file.h"
#include "formats/utf8.h"

namespace moulin {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are written as they lie in memory");

constexpr absl::string_view kNpyMagic("\x93NUMPY", 6);
constexpr size_t kAlignment = 64;
constexpr int64_t kMaxHeaderBytes = 1 << 20;

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// Reads the header's dictionary. Knows the literals that NumPy writes: strings, True and False, tuples of integers.
class HeaderParser {
 public:
  explicit HeaderParser(absl::string_view text) : text_(text), rest_(text) {}

  StatusOr<Header> Parse() {
    Header header;
    int seen = 0;
    if (!Eat('{')) return Fault("'{'");
    while (!Eat('}')) {
      std::string key;
      if (!ReadString(&key) || !Eat(':')) return Fault("a key");
      if (key == "descr") {
        if (AtChar('[')) return MakeError(ErrorCode::kDType, "records are not supported: descr is a list of fields");
        if (!ReadString(&header.descr)) return Fault("a type string");
      } else if (key == "fortran_order") {
        if (!ReadBool(&header.fortran_order)) return Fault("True or False");
      } else if (key == "shape") {
        if (!ReadTuple(&header.shape)) return Fault("a tuple of sizes");
      } else {
        return Fault("no other key than descr, fortran_order, shape");
      }
      ++seen;
      if (!Eat(',') && !AtChar('}')) return Fault("',' or '}'");
    }
    Skip();
    if (!rest_.empty()) return Fault("the end");
    if (seen != 3 || header.descr.empty()) return Fault("descr, fortran_order and shape, once each");
    return header;
  }

 private:
  Status Fault(absl::string_view expected) const {
    return MakeError(ErrorCode::kParse, "malformed header at byte ", text_.size() - rest_.size(), ": ", expected,
                     " is expected; the header is \"", Printable(absl::StripAsciiWhitespace(text_)), "\"");
  }
  void Skip() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }
  bool AtChar(char c) {
    Skip();
    return absl::StartsWith(rest_, absl::string_view(&c, 1));
  }
  bool Eat(char c) {
    if (!AtChar(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool ReadString(std::string* value) {
    const char quote = AtChar('"') ? '"' : '\'';
    if (!Eat(quote)) return false;
    const size_t end = rest_.find(quote);
    if (end == absl::string_view::npos) return false;
    *value = std::string(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool ReadBool(bool* value) {
    Skip();
    *value = absl::ConsumePrefix(&rest_, "True");
    return *value || absl::ConsumePrefix(&rest_, "False");
  }
  bool ReadTuple(std::vector<int64_t>* values) {
    if (!Eat('(')) return false;
    while (!Eat(')')) {
      Skip();
      size_t end = 0;
      while (end < rest_.size() && absl::ascii_isdigit(rest_[end])) ++end;
      int64_t value;
      if (!absl::SimpleAtoi(rest_.substr(0, end), &value)) return false;
      values->push_back(value);
      rest_.remove_prefix(end);
      absl::ConsumePrefix(&rest_, "L");  // Python 2's long integers
      if (!Eat(',') && !AtChar(')')) return false;
    }
    return true;
  }

  const absl::string_view text_;
  absl::string_view rest_;
};

// The elements of a .npy file, as `descr` tells them: "<f4", "|b1", "|S16", ">U3".
struct ElementType {
  DType dtype = DType::kInvalid;
  char kind = 0;         // NumPy's letter
  int64_t bytes = 0;     // of one element in the file
  bool swapped = false;  // big-endian

  // The bytes that byte order is about: half of a complex number, one character of a 'U', nothing in an 'S'.
  int64_t unit() const {
    switch (kind) {
      case 'c':
        return bytes / 2;
      case 'U':
        return 4;
      case 'S':
        return 1;
      default:
        return bytes;
    }
  }
};

struct DescrRow {
  const char* descr;
  DType dtype;
};

constexpr DescrRow kDescrs[] = {
    {"b1", DType::kBool},      {"i1", DType::kInt8},        {"i2", DType::kInt16},   {"i4", DType::kInt32},
    {"i8", DType::kInt64},     {"u1", DType::kUInt8},       {"u2", DType::kUInt16},  {"u4", DType::kUInt32},
    {"u8", DType::kUInt64},    {"f2", DType::kFloat16},     {"f4", DType::kFloat32}, {"f8", DType::kFloat64},
    {"c8", DType::kComplex64}, {"c16", DType::kComplex128},
};

StatusOr<ElementType> ParseDescr(const std::string& descr) {
  const auto error = [&](absl::string_view why) {
    return MakeError(ErrorCode::kDType, "element type \"", Printable(descr), "\" is not supported", why);
  };
  absl::string_view text = descr;
  text.remove_prefix(std::min(descr.find_first_not_of("<>=|"), descr.size()));
  ElementType type;
  type.swapped = absl::StartsWith(descr, ">");
  for (const DescrRow& row : kDescrs) {
    if (text != row.descr) continue;
    type.dtype = row.dtype;
    type.kind = text[0];
    type.bytes = static_cast<int64_t>(SizeOf(row.dtype));
    return type;
  }
  if (absl::StartsWith(text, "O")) return error(": objects are Python pickles");
  int64_t width;
  if (text.size() < 2 || (text[0] != 'S' && text[0] != 'U') || !absl::SimpleAtoi(text.substr(1), &width) || width < 0 ||
      width > INT32_MAX) {
    return error("");
  }
  type.dtype = DType::kString;
  type.kind = text[0];
  type.bytes = type.kind == 'U' ? 4 * width : width;
  return type;
}

// Splits a file into its header and its elements.
StatusOr<std::pair<absl::string_view, absl::string_view>> SplitFile(absl::string_view bytes) {
  if (bytes.empty()) return MakeError(ErrorCode::kEmpty, "nothing in it, a .npy array is expected");
  if (!absl::StartsWith(bytes, kNpyMagic) || bytes.size() < 10) {
    return MakeError(ErrorCode::kParse, "not a .npy array: it does not start with \\x93NUMPY and a version");
  }
  const uint8_t major = bytes[6];
  if (major < 1 || major > 3) return MakeError(ErrorCode::kParse, ".npy version ", int{major}, ", 1 to 3 are known");
  const size_t length_bytes = major == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_bytes) return MakeError(ErrorCode::kData, "cut short in the header");
  uint32_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data() + 8, length_bytes);
  const absl::string_view rest = bytes.substr(8 + length_bytes);
  if (header_bytes > kMaxHeaderBytes) return MakeError(ErrorCode::kLimit, "a header of ", header_bytes, " bytes");
  if (header_bytes > rest.size()) return MakeError(ErrorCode::kData, "cut short in the header");
  return std::make_pair(rest.substr(0, header_bytes), rest.substr(header_bytes));
}

// The number of bytes that the elements take in the file and, as a bound, in memory. Strings of width 0 take none in
// the file, so that their number is held to the bound of constants that a file does not spell out.
Status CheckSizes(const ElementType& type, const Shape& shape, size_t found, const Limits& limits) {
  const int64_t in_memory = std::max<int64_t>(type.dtype == DType::kString ? sizeof(std::string) : 0, type.bytes);
  const int64_t limit = type.bytes > 0 ? limits.tensor_bytes : limits.constant_bytes;
  if (shape.num_elements() > limit / in_memory) {
    return MakeError(ErrorCode::kLimit, Name(type.dtype), shape.ToString(), " takes more than the limit of ", limit,
                     " bytes");
  }
  const int64_t expected = shape.num_elements() * type.bytes;
  if (expected == static_cast<int64_t>(found)) return absl::OkStatus();
  return MakeError(ErrorCode::kData, "has ", found, " bytes of elements, ", Name(type.dtype), shape.ToString(),
                   " takes ", expected);
}

// Copies `units` pieces of `unit` bytes each, their bytes reversed.
void CopySwapped(const char* from, int64_t units, int64_t unit, char* to) {
  for (int64_t i = 0; i < units; ++i, from += unit, to += unit) std::reverse_copy(from, from + unit, to);
}

// Calls visit(i, j) for each element: i in row-major order, j its place in a column-major array.
template <typename Visit>
void ForEachColumnMajor(const Shape& shape, const Visit& visit) {
  const int rank = shape.rank();
  std::vector<int64_t> stride(rank, 1);
  for (int d = 1; d < rank; ++d) stride[d] = stride[d - 1] * shape[d - 1];
  std::vector<int64_t> at(rank, 0);
  int64_t j = 0;
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    visit(i, j);
    for (int d = rank - 1; d >= 0; --d) {
      j += stride[d];
      if (++at[d] < shape[d]) break;
      j -= stride[d] * at[d];
      at[d] = 0;
    }
  }
}

// The elements in row-major order and native byte order, in `to`.
void CopyElements(absl::string_view from, const ElementType& type, const Shape& shape, bool column_major, char* to) {
  std::string native;
  if (type.swapped && type.unit() > 1) {
    native.resize(from.size());
    CopySwapped(from.data(), static_cast<int64_t>(from.size()) / type.unit(), type.unit(), native.data());
    from = native;
  }
  if (column_major && shape.rank() > 1) {
    ForEachColumnMajor(shape, [&](int64_t i, int64_t j) {
      std::memcpy(to + i * type.bytes, from.data() + j * type.bytes, type.bytes);
    });
  } else if (!from.empty()) {
    std::memcpy(to, from.data(), from.size());
  }
}

absl::string_view WithoutTrailingNuls(absl::string_view text) {
  const size_t last = text.find_last_not_of('\0');
  return text.substr(0, last == absl::string_view::npos ? 0 : last + 1);
}

Status DecodeUtf32(absl::string_view units, std::string* text) {
  std::string decoded;
  size_t end = 0;  // past the last character that is not NUL
  for (size_t i = 0; i + 4 <= units.size(); i += 4) {
    uint32_t code_point;
    std::memcpy(&code_point, units.data() + i, 4);
    if (!AppendUtf8(code_point, &decoded)) {
      return MakeError(ErrorCode::kData, "a character of ", code_point, " is not Unicode");
    }
    if (code_point != 0) end = decoded.size();
  }
  decoded.resize(end);
  *text = std::move(decoded);
  return absl::OkStatus();
}

StatusOr<Tensor> ToStrings(absl::string_view elements, const ElementType& type, const Shape& shape) {
  std::vector<std::string> strings(shape.num_elements());
  for (size_t i = 0; i < strings.size(); ++i) {
    const absl::string_view element = elements.substr(i * type.bytes, type.bytes);
    if (type.kind == 'U') {
      MOULIN_RETURN_IF_ERROR(DecodeUtf32(element, &strings[i]));
    } else {
      strings[i] = std::string(WithoutTrailingNuls(element));
    }
  }
  return Tensor::OfStrings(shape, std::move(strings));
}

// A byte other than 0 and 1 is no bool in C++.
void NormalizeBools(Tensor* tensor) {
  for (uint8_t& b : tensor->mutable_values<uint8_t>()) b = b != 0;
}

// The integer type that NumPy has in the place of `type`.
DType StoredType(DType type) {
  switch (type) {
    case DType::kBFloat16:
    case DType::kQUInt16:
      return DType::kUInt16;
    case DType::kQInt8:
      return DType::kInt8;
    case DType::kQUInt8:
      return DType::kUInt8;
    case DType::kQInt16:
      return DType::kInt16;
    case DType::kQInt32:
      return DType::kInt32;
    default:
      return type;
  }
}

// A width of 0 would be read as "any" by NumPy, so empty strings take one byte.
size_t StringWidth(const Tensor& tensor) {
  size_t width = 1;
  for (const std::string& s : tensor.strings()) width = std::max(width, s.size());
  return width;
}

StatusOr<std::string> DescrOf(const Tensor& tensor) {
  if (tensor.dtype() == DType::kString) return absl::StrCat("|S", StringWidth(tensor));
  const DType stored = StoredType(tensor.dtype());
  for (const DescrRow& row : kDescrs) {
    if (row.dtype == stored) return absl::StrCat(SizeOf(stored) == 1 ? "|" : "<", row.descr);
  }
  return MakeError(ErrorCode::kDType, "a tensor of type ", Name(tensor.dtype()), " has no .npy form");
}

// Elements as bytes of a .npy file.
std::string EncodeStrings(const Tensor& tensor) {
  const size_t width = StringWidth(tensor);
  std::string padded(width * tensor.num_elements(), '\0');
  char* to = padded.data();
  for (const std::string& s : tensor.strings()) {
    std::copy(s.begin(), s.end(), to);
    to += width;
  }
  return padded;
}

}  // namespace

StatusOr<Tensor> ParseNpy(absl::string_view bytes, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const auto parts, SplitFile(bytes));
  const auto& [header_text, elements] = parts;
  MOULIN_ASSIGN_OR_RETURN(const Header header, HeaderParser(header_text).Parse());
  MOULIN_ASSIGN_OR_RETURN(const ElementType type, ParseDescr(header.descr));
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(header.shape));
  MOULIN_RETURN_IF_ERROR(CheckSizes(type, shape, elements.size(), limits));
  if (type.dtype == DType::kString) {
    std::string ordered(elements.size(), '\0');
    CopyElements(elements, type, shape, header.fortran_order, ordered.data());
    return ToStrings(ordered, type, shape);
  }
  MOULIN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(type.dtype, shape));
  CopyElements(elements, type, shape, header.fortran_order, static_cast<char*>(tensor.mutable_data()));
  if (type.dtype == DType::kBool) NormalizeBools(&tensor);
  return tensor;
}

StatusOr<Tensor> ReadNpy(const std::string& path, const Limits& limits) {
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, limits.tensor_bytes));
  StatusOr<Tensor> tensor = ParseNpy(bytes, limits);
  if (!tensor.ok()) return AtFile(tensor.status(), path);
  return tensor;
}

StatusOr<std::string> EncodeNpyHeader(const Tensor& tensor) {
  MOULIN_ASSIGN_OR_RETURN(const std::string descr, DescrOf(tensor));
  const bool one_axis = tensor.shape().rank() == 1;
  std::string header = absl::StrCat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (",
                                    absl::StrJoin(tensor.shape().dims(), ", "), one_axis ? ",), }" : "), }");
  const size_t fixed = kNpyMagic.size() + 4;
  header.append((kAlignment - (fixed + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header.push_back('\n');
  // Rank 254 with sizes of 19 digits stays below 64 KiB.
  const uint16_t length = static_cast<uint16_t>(header.size());
  std::string start(kNpyMagic);
  start.append({1, 0, static_cast<char>(length & 0xFF), static_cast<char>(length >> 8)});
  return start + header;
}

StatusOr<std::string> EncodeNpy(const Tensor& tensor) {
  MOULIN_ASSIGN_OR_RETURN(std::string bytes, EncodeNpyHeader(tensor));
  if (tensor.dtype() == DType::kString) {
    bytes += EncodeStrings(tensor);
  } else {
    bytes.append(static_cast<const char*>(tensor.data()), tensor.byte_size());
  }
  return bytes;
}

Status WriteNpy(const std::string& path, const Tensor& tensor) {
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, EncodeNpy(tensor));
  return WriteFile(path, bytes);
}

StatusOr<Tensor> CastStored(const Tensor& stored, DType declared) {
  if (stored.dtype() == declared) return stored;
  if (stored.dtype() == StoredType(declared)) return stored.Reinterpreted(declared, stored.shape());
  return MakeError(ErrorCode::kDType, "an array of type ", Name(stored.dtype()), " given where ", Name(declared),
                   " is declared");
}

}  // namespace moulin
