// Shapes of tensors, known entirely (Shape) or in part (PartialShape).
#ifndef MOULIN_SHAPE_H_
#define MOULIN_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "moulin/status.h"

namespace moulin {

// The sizes of a tensor's axes, outermost first; a scalar has rank 0. Invariant: each size is >= 0 and the
// number of elements fits in int64_t (guaranteed by Make; the constructors are for sizes known to be good).
class Shape {
 public:
  using Dims = absl::InlinedVector<int64_t, 6>;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : dims_(dims) {}
  explicit Shape(absl::Span<const int64_t> dims) : dims_(dims.begin(), dims.end()) {}

  // Checks sizes from outside: INVALID_ARGUMENT where one is negative, the rank is above 254 or the product of
  // the sizes overflows int64_t.
  static StatusOr<Shape> Make(absl::Span<const int64_t> dims);

  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t dim(int i) const { return dims_[i]; }
  int64_t operator[](int i) const { return dims_[i]; }
  absl::Span<const int64_t> dims() const { return dims_; }
  int64_t num_elements() const;
  void set_dim(int i, int64_t size) { dims_[i] = size; }
  void push_back(int64_t size) { dims_.push_back(size); }

  std::string ToString() const;  // "[2,56,56,64]"
  friend bool operator==(const Shape& a, const Shape& b) { return a.dims_ == b.dims_; }
  template <typename H>
  friend H AbslHashValue(H h, const Shape& s) {
    return H::combine(std::move(h), s.dims_);
  }

 private:
  Dims dims_;
};

inline constexpr int64_t kUnknownDim = -1;

// A shape of which the rank, or some sizes, may be unknown until a request arrives.
class PartialShape {
 public:
  PartialShape() = default;  // unknown rank
  PartialShape(const Shape& shape) : known_rank_(true), dims_(shape.dims().begin(), shape.dims().end()) {}
  explicit PartialShape(absl::Span<const int64_t> dims) : known_rank_(true), dims_(dims.begin(), dims.end()) {}
  PartialShape(std::initializer_list<int64_t> dims) : known_rank_(true), dims_(dims) {}

  static PartialShape UnknownRank() { return PartialShape(); }
  static PartialShape OfRank(int rank) {
    PartialShape s;
    s.known_rank_ = true;
    s.dims_.assign(rank, kUnknownDim);
    return s;
  }

  bool has_rank() const { return known_rank_; }
  int rank() const { return known_rank_ ? static_cast<int>(dims_.size()) : -1; }
  int64_t dim(int i) const { return dims_[i]; }
  void set_dim(int i, int64_t size) { dims_[i] = size; }
  void push_back(int64_t size) { dims_.push_back(size); }
  absl::Span<const int64_t> dims() const { return dims_; }
  bool IsFullyKnown() const;
  // The shape, which must be fully known.
  Shape ToShape() const { return Shape(absl::MakeConstSpan(dims_)); }
  // Whether a tensor of this shape may be given where `*this` is declared.
  bool Accepts(const Shape& shape) const;

  std::string ToString() const;  // "[?,56,56,64]", or "<unknown rank>"
  friend bool operator==(const PartialShape& a, const PartialShape& b) {
    return a.known_rank_ == b.known_rank_ && a.dims_ == b.dims_;
  }

 private:
  bool known_rank_ = false;
  Shape::Dims dims_;
};

}  // namespace moulin

#endif  // MOULIN_SHAPE_H_
