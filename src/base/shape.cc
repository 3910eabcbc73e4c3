#include "moulin/shape.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"

namespace moulin {
namespace {

constexpr int kMaxRank = 254;  // TensorFlow's own bound

}  // namespace

StatusOr<Shape> Shape::Make(absl::Span<const int64_t> dims) {
  if (dims.size() > kMaxRank) {
    return MakeError(ErrorCode::kLimit, "rank ", dims.size(), " is above the limit of ", kMaxRank);
  }
  // Sizes before a zero must not overflow either, so the product is taken over the nonzero ones.
  int64_t product = 1;
  for (int64_t d : dims) {
    if (d < 0) {
      return MakeError(ErrorCode::kShape, "negative size in shape [", absl::StrJoin(dims, ","), "]");
    }
    if (d != 0 && __builtin_mul_overflow(product, d, &product)) {
      return MakeError(ErrorCode::kShape, "the number of elements of shape [", absl::StrJoin(dims, ","),
                       "] overflows 64 bits");
    }
  }
  return Shape(dims);
}

int64_t Shape::num_elements() const {
  int64_t n = 1;
  for (int64_t d : dims_) n *= d;
  return n;
}

std::string Shape::ToString() const { return absl::StrCat("[", absl::StrJoin(dims_, ","), "]"); }

bool PartialShape::IsFullyKnown() const {
  if (!known_rank_) return false;
  for (int64_t d : dims_) {
    if (d < 0) return false;
  }
  return true;
}

bool PartialShape::Accepts(const Shape& shape) const {
  if (!known_rank_) return true;
  if (rank() != shape.rank()) return false;
  for (int i = 0; i < rank(); ++i) {
    if (dims_[i] >= 0 && dims_[i] != shape.dim(i)) return false;
  }
  return true;
}

std::string PartialShape::ToString() const {
  if (!known_rank_) return "<unknown rank>";
  return absl::StrCat(
      "[",
      absl::StrJoin(dims_, ",",
                    [](std::string* out, int64_t d) { d < 0 ? absl::StrAppend(out, "?") : absl::StrAppend(out, d); }),
      "]");
}

}  // namespace moulin
