#include "formats/tensor_slice.h"

#include <cstring>

#include "absl/numeric/bits.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

// Every two slices are compared.
constexpr size_t kMaxSlices = 4'096;

bool Overlap(const TensorSlice& a, const TensorSlice& b) {
  for (size_t i = 0; i < a.extents.size(); ++i) {
    const TensorSlice::Extent &x = a.extents[i], &y = b.extents[i];
    if (x.start + x.length <= y.start || y.start + y.length <= x.start) return false;
  }
  return true;
}

// Keys sort as the names and numbers in them do. Numbers: a byte of how many follow, then the bytes that are not zero,
// the highest first.
void AppendNumber(uint64_t value, std::string* key) {
  const int bytes = (64 - absl::countl_zero(value) + 7) / 8;
  key->push_back(static_cast<char>(bytes));
  for (int i = bytes - 1; i >= 0; --i) key->push_back(static_cast<char>(value >> (8 * i)));
}

// Names: \0 and \xff are escaped, and an end is marked.
void AppendName(absl::string_view name, std::string* key) {
  for (const char c : name) {
    key->push_back(c);
    if (c == '\0') key->push_back('\xff');
    if (c == '\xff') key->push_back('\0');
  }
  key->append("\0\1", 2);
}

// Signed numbers: as UTF-8 does, the number of leading ones tells the length, and the sign is the bit before them, so
// that a byte holds 6 bits and the sign, two bytes 13, and so on up to ten.
void AppendSigned(int64_t value, std::string* key) {
  const uint64_t magnitude = value < 0 ? ~static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const int length = (64 - absl::countl_zero(magnitude)) / 7 + 1;
  char bytes[10];
  std::memset(bytes, value < 0 ? 0xff : 0, sizeof(bytes));
  for (int i = 0; i < 8; ++i) bytes[9 - i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
  const uint32_t ones = 0xffffu << (16 - length) & 0xffffu;
  char* begin = bytes + 10 - length;
  begin[0] = static_cast<char>(begin[0] ^ static_cast<char>(ones >> 8));
  if (length > 1) begin[1] = static_cast<char>(begin[1] ^ static_cast<char>(ones));
  key->append(begin, length);
}

// Calls copy(offset in the whole, offset in the part, elements) for each run of elements that lie together in both.
template <typename Copy>
void ForEachRun(const Shape& whole, const TensorSlice& slice, const Copy& copy) {
  const int rank = whole.rank();
  const Shape part = ShapeOf(slice);
  if (part.num_elements() == 0) return;
  const int64_t run = rank == 0 ? 1 : part[rank - 1];
  const int64_t runs = part.num_elements() / run;
  std::vector<int64_t> index(rank, 0);
  for (int64_t r = 0; r < runs; ++r) {
    int64_t at = 0;
    for (int i = 0; i < rank; ++i) at = at * whole[i] + slice.extents[i].start + index[i];
    copy(at, r * run, run);
    for (int i = rank - 2; i >= 0 && ++index[i] == part[i]; --i) index[i] = 0;
  }
}

void CopyRun(const Tensor& from, int64_t from_at, int64_t elements, Tensor* to, int64_t to_at) {
  if (from.dtype() == DType::kString) {
    for (int64_t i = 0; i < elements; ++i) to->mutable_strings()[to_at + i] = from.strings()[from_at + i];
    return;
  }
  const int64_t size = static_cast<int64_t>(SizeOf(from.dtype()));
  std::memcpy(static_cast<char*>(to->mutable_data()) + to_at * size,
              static_cast<const char*>(from.data()) + from_at * size, elements * size);
}

}  // namespace

TensorSlice SliceFromProto(const tf::TensorSliceProto& proto) {
  TensorSlice slice;
  for (const auto& extent : proto.extent()) {
    const bool has_length = extent.has_length_case() == tf::TensorSliceProto::Extent::kLength;
    slice.extents.push_back({extent.start(), has_length ? extent.length() : TensorSlice::kWholeAxis});
  }
  return slice;
}

StatusOr<TensorSlice> SliceFromString(absl::string_view text) {
  TensorSlice slice;
  for (absl::string_view axis : absl::StrSplit(text, ':', absl::SkipEmpty())) {
    TensorSlice::Extent extent;
    if (axis != "-") {
      const std::pair<absl::string_view, absl::string_view> numbers = absl::StrSplit(axis, absl::MaxSplits(',', 1));
      if (!absl::SimpleAtoi(numbers.first, &extent.start) || !absl::SimpleAtoi(numbers.second, &extent.length)) {
        return MakeError(ErrorCode::kParse, "expected a slice (\"0,2:-\"), found \"", Printable(text), "\"");
      }
    }
    slice.extents.push_back(extent);
  }
  return slice;
}

std::string ToString(const TensorSlice& slice) {
  std::string text;
  for (const TensorSlice::Extent& e : slice.extents) {
    if (!text.empty()) text += ':';
    text += e.length == TensorSlice::kWholeAxis ? "-" : absl::StrCat(e.start, ",", e.length);
  }
  return text;
}

StatusOr<TensorSlice> Resolve(const TensorSlice& slice, const Shape& whole) {
  const auto fails = [&](const char* how) {
    return MakeError(ErrorCode::kShape, "the slice ", ToString(slice), " ", how, " ", whole.ToString());
  };
  if (slice.extents.size() != static_cast<size_t>(whole.rank())) return fails("has another rank than");
  TensorSlice resolved = slice;
  for (int i = 0; i < whole.rank(); ++i) {
    TensorSlice::Extent& e = resolved.extents[i];
    if (e.length == TensorSlice::kWholeAxis) e = {0, whole[i]};
    if (e.start < 0 || e.length < 0 || e.start > whole[i] || e.length > whole[i] - e.start) {
      return fails("reaches beyond");
    }
  }
  return resolved;
}

Shape ShapeOf(const TensorSlice& resolved) {
  Shape shape;
  for (const TensorSlice::Extent& e : resolved.extents) shape.push_back(e.length);
  return shape;
}

Status CheckSlicesTile(absl::Span<const TensorSlice> resolved, const Shape& whole) {
  if (resolved.size() > kMaxSlices) {
    return MakeError(ErrorCode::kLimit, resolved.size(), " slices, at most ", kMaxSlices, " are allowed");
  }
  int64_t covered = 0;
  for (size_t i = 0; i < resolved.size(); ++i) {
    const int64_t elements = ShapeOf(resolved[i]).num_elements();
    for (size_t j = 0; elements > 0 && j < i; ++j) {
      if (!Overlap(resolved[i], resolved[j]) || ShapeOf(resolved[j]).num_elements() == 0) continue;
      return MakeError(ErrorCode::kShape, "the slices ", ToString(resolved[j]), " and ", ToString(resolved[i]),
                       " overlap");
    }
    covered += elements;  // cannot overflow: what does not overlap fits the whole
  }
  if (covered != whole.num_elements()) {
    return MakeError(ErrorCode::kShape, "the slices hold ", covered, " elements, expected the ", whole.num_elements(),
                     " of ", whole.ToString());
  }
  return absl::OkStatus();
}

std::string EncodeSliceKey(absl::string_view tensor, const TensorSlice& slice) {
  std::string key;
  AppendNumber(0, &key);  // keeps these keys apart from names, which do not begin with \0
  AppendName(tensor, &key);
  AppendNumber(slice.extents.size(), &key);
  for (const TensorSlice::Extent& e : slice.extents) {
    AppendSigned(e.start, &key);
    AppendSigned(e.length, &key);
  }
  return key;
}

void CopySliceInto(const Tensor& part, const TensorSlice& slice, Tensor* whole) {
  ForEachRun(whole->shape(), slice, [&](int64_t in_whole, int64_t in_part, int64_t elements) {
    CopyRun(part, in_part, elements, whole, in_whole);
  });
}

StatusOr<Tensor> CopySliceOf(const Tensor& whole, const TensorSlice& slice) {
  MOULIN_ASSIGN_OR_RETURN(Tensor part, Tensor::Allocate(whole.dtype(), ShapeOf(slice)));
  ForEachRun(whole.shape(), slice, [&](int64_t in_whole, int64_t in_part, int64_t elements) {
    CopyRun(whole, in_whole, elements, &part, in_part);
  });
  return part;
}

}  // namespace moulin
