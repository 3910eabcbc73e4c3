// Bands and diagonals of the innermost matrices. Tests: tests/ops/matrix_test.cc.
//
// A band of diagonals k = [lower, upper] is packed as TensorFlow does: a matrix whose row r holds diagonal upper - r,
// shorter diagonals being padded at the end or at the start (MatrixDiagAttrs). One diagonal is packed as a vector.
#include <algorithm>

#include "ops/axes.h"
#include "ops/graph_builder.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

struct Band {
  int64_t lower;
  int64_t upper;
  int64_t count() const { return upper - lower + 1; }
};

StatusOr<Band> BandOf(absl::Span<const int64_t> k) {
  if (k.size() != 1 && k.size() != 2) {
    return MakeError(ErrorCode::kShape, "diagonals: expected one or two numbers, got ", k.size());
  }
  const Band band{k[0], k[k.size() - 1]};
  constexpr int64_t kFarthest = int64_t{1} << 40;  // beyond any matrix, and sums with it do not overflow
  if (band.lower < -kFarthest || band.upper > kFarthest) {
    return MakeError(ErrorCode::kValue, "diagonals ", band.lower, " to ", band.upper, " are outside any matrix");
  }
  if (band.lower <= band.upper) return band;
  return MakeError(ErrorCode::kValue, "diagonals: expected lower <= upper, got ", band.lower, " and ", band.upper);
}

// Where the packed diagonals of matrices of rows x cols lie.
struct PackedBand {
  Band band;
  int64_t rows, cols;
  MatrixDiagAttrs align;

  int64_t Length(int64_t d) const { return std::min(rows + std::min<int64_t>(d, 0), cols - std::max<int64_t>(d, 0)); }
  int64_t max_length() const {
    return std::min(rows + std::min<int64_t>(band.upper, 0), cols - std::max<int64_t>(band.lower, 0));
  }
  // The number of padding elements before diagonal d.
  int64_t Offset(int64_t d) const {
    const bool left = (d >= 0 && align.superdiagonals_left) || (d <= 0 && align.subdiagonals_left);
    return left ? 0 : max_length() - Length(d);
  }
  bool Contains(int64_t row, int64_t col) const { return col - row >= band.lower && col - row <= band.upper; }
  // The place, within one matrix's packed diagonals, of the element at (row, col).
  int64_t Index(int64_t row, int64_t col) const {
    const int64_t d = col - row;
    return (band.upper - d) * max_length() + col - std::max<int64_t>(d, 0) + Offset(d);
  }
};

Status CheckBand(const Band& band, int64_t rows, int64_t cols) {
  const auto inside = [&](int64_t d) { return d == 0 || ((rows < 0 || d > -rows) && (cols < 0 || d < cols)); };
  if (inside(band.lower) && inside(band.upper)) return absl::OkStatus();
  return MakeError(ErrorCode::kValue, "diagonals ", band.lower, " to ", band.upper, " are outside matrices of ", rows,
                   " by ", cols);
}

// --- band part

Status CheckBandWidth(const InferContext& c, int i, int64_t size, absl::string_view what) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> width, KnownInt(c, i, what));
  if (!width || size < 0 || *width <= size) return absl::OkStatus();
  return MakeError(ErrorCode::kValue, what, " is ", *width, ": expected at most ", size);
}

Status InferBandPart(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 2, "the matrices"));
  MOULIN_RETURN_IF_ERROR(
      CheckBandWidth(c, 1, x.has_rank() ? x.dim(x.rank() - 2) : kUnknownDim, "the number of subdiagonals"));
  MOULIN_RETURN_IF_ERROR(
      CheckBandWidth(c, 2, x.has_rank() ? x.dim(x.rank() - 1) : kUnknownDim, "the number of superdiagonals"));
  return AddOutput(c, c.dtype(0), x);
}

Status RunBandPart(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferBandPart));
  MOULIN_ASSIGN_OR_RETURN(const Ints lower, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const Ints upper, IntValues(c.input(2)));
  const Shape& x = c.input(0).shape();
  const int64_t rows = x.dim(x.rank() - 2), cols = x.dim(x.rank() - 1);
  GatherElements(c.input(0), c.output(0), [&](int64_t i) {
    const int64_t col = i % cols, row = i / cols % rows;
    const bool keep = (lower[0] < 0 || row - col <= lower[0]) && (upper[0] < 0 || col - row <= upper[0]);
    return keep ? i : -1;
  });
  return absl::OkStatus();
}

// --- a matrix from its diagonals

// Gives rows and columns that are -1 the smallest size that holds the diagonals (square where both are).
Status ResolveDiagSize(const Band& band, int64_t length, int64_t* rows, int64_t* cols) {
  const int64_t min_rows = length - std::min<int64_t>(band.upper, 0);
  const int64_t min_cols = length + std::max<int64_t>(band.lower, 0);
  const bool square = *rows == -1 && *cols == -1;
  if (*rows == -1) *rows = square ? std::max(min_rows, min_cols) : min_rows;
  if (*cols == -1) *cols = square ? std::max(min_rows, min_cols) : min_cols;
  if (*rows >= min_rows && *cols >= min_cols && (*rows == min_rows || *cols == min_cols)) return absl::OkStatus();
  return MakeError(ErrorCode::kValue, "diagonals of length ", length, " do not fit matrices of ", *rows, " by ", *cols,
                   ": expected ", min_rows, " rows or ", min_cols, " columns, the other no fewer");
}

StatusOr<std::optional<Band>> KnownBand(const InferContext& c, int i) {
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> k, KnownInts(c, i));
  if (!k) return std::optional<Band>();
  MOULIN_ASSIGN_OR_RETURN(const Band band, BandOf(*k));
  return std::optional<Band>(band);
}

// Checks the packed diagonals' own shape: their number is the innermost size but one, where there are several.
Status CheckPackedShape(const PartialShape& diagonal, const Band& band) {
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(diagonal, band.count() > 1 ? 2 : 1, "the diagonals"));
  if (band.count() == 1) return absl::OkStatus();
  return MergeDims(band.count(), diagonal.dim(diagonal.rank() - 2), "the number of diagonals").status();
}

Status InferMatrixDiag(InferContext& c) {
  const PartialShape& diagonal = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(4), "the padding value"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Band> band, KnownBand(c, 1));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> known_rows, KnownInt(c, 2, "the number of rows"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> known_cols, KnownInt(c, 3, "the number of columns"));
  if (!band || !diagonal.has_rank()) return AddOutput(c, c.dtype(0), PartialShape::UnknownRank());
  MOULIN_RETURN_IF_ERROR(CheckPackedShape(diagonal, *band));
  const int64_t length = diagonal.dim(diagonal.rank() - 1);
  int64_t rows = kUnknownDim, cols = kUnknownDim;
  if (known_rows && known_cols && length >= 0) {
    rows = *known_rows;
    cols = *known_cols;
    MOULIN_RETURN_IF_ERROR(ResolveDiagSize(*band, length, &rows, &cols));
    MOULIN_RETURN_IF_ERROR(CheckBand(*band, rows, cols));
  }
  PartialShape out = SubShape(diagonal, 0, diagonal.rank() - (band->count() > 1 ? 2 : 1));
  out.push_back(rows);
  out.push_back(cols);
  return AddOutput(c, c.dtype(0), out);
}

StatusOr<PackedBand> PackedBandOf(const Tensor& k, const Shape& matrices, const MatrixDiagAttrs& align) {
  MOULIN_ASSIGN_OR_RETURN(const Ints numbers, IntValues(k));
  MOULIN_ASSIGN_OR_RETURN(const Band band, BandOf(numbers));
  return PackedBand{band, matrices.dim(matrices.rank() - 2), matrices.dim(matrices.rank() - 1), align};
}

Status RunMatrixDiag(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferMatrixDiag));
  const auto& align = c.attr<MatrixDiagAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const PackedBand packed, PackedBandOf(c.input(1), c.output(0).shape(), align));
  const int64_t packed_size = packed.band.count() * packed.max_length();
  const auto index = [&](int64_t i) -> int64_t {
    const int64_t col = i % packed.cols, row = i / packed.cols % packed.rows, batch = i / packed.cols / packed.rows;
    return packed.Contains(row, col) ? batch * packed_size + packed.Index(row, col) : -1;
  };
  GatherElements(c.input(0), c.output(0), index, &c.input(4));
  return absl::OkStatus();
}

// --- the diagonals of a matrix

Status InferMatrixDiagPart(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 2, "the matrices"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(2), "the padding value"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Band> band, KnownBand(c, 1));
  if (!band || !x.has_rank()) return AddOutput(c, c.dtype(0), PartialShape::UnknownRank());
  const int64_t rows = x.dim(x.rank() - 2), cols = x.dim(x.rank() - 1);
  MOULIN_RETURN_IF_ERROR(CheckBand(*band, rows, cols));
  PartialShape out = SubShape(x, 0, x.rank() - 2);
  if (band->count() > 1) out.push_back(band->count());
  out.push_back(rows < 0 || cols < 0 ? kUnknownDim : PackedBand{*band, rows, cols, {}}.max_length());
  return AddOutput(c, c.dtype(0), out);
}

Status RunMatrixDiagPart(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferMatrixDiagPart));
  const auto& align = c.attr<MatrixDiagAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const PackedBand packed, PackedBandOf(c.input(1), c.input(0).shape(), align));
  const int64_t length = packed.max_length();
  const auto index = [&](int64_t i) -> int64_t {
    const int64_t d = packed.band.upper - i / length % packed.band.count();
    const int64_t batch = i / length / packed.band.count();
    const int64_t along = i % length - packed.Offset(d);
    if (along < 0 || along >= packed.Length(d)) return -1;
    const int64_t row = along + std::max<int64_t>(-d, 0), col = along + std::max<int64_t>(d, 0);
    return (batch * packed.rows + row) * packed.cols + col;
  };
  GatherElements(c.input(0), c.output(0), index, &c.input(2));
  return absl::OkStatus();
}

// --- a matrix with other diagonals

Status InferMatrixSetDiag(InferContext& c) {
  const PartialShape& x = c.shape(0);
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(x, 2, "the matrices"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(1), "the diagonals"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Band> band, KnownBand(c, 2));
  if (!band || !x.has_rank()) return AddOutput(c, c.dtype(0), x);
  const int64_t rows = x.dim(x.rank() - 2), cols = x.dim(x.rank() - 1);
  MOULIN_RETURN_IF_ERROR(CheckBand(*band, rows, cols));
  PartialShape expected = SubShape(x, 0, x.rank() - 2);
  if (band->count() > 1) expected.push_back(band->count());
  expected.push_back(rows < 0 || cols < 0 ? kUnknownDim : PackedBand{*band, rows, cols, {}}.max_length());
  MOULIN_RETURN_IF_ERROR(MergeShapes(expected, c.shape(1), "the diagonals").status());
  return AddOutput(c, c.dtype(0), x);
}

Status RunMatrixSetDiag(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferMatrixSetDiag));
  const auto& align = c.attr<MatrixDiagAttrs>();
  const Shape& x = c.input(0).shape();
  MOULIN_ASSIGN_OR_RETURN(const PackedBand packed, PackedBandOf(c.input(2), x, align));
  const int64_t packed_size = packed.band.count() * packed.max_length();
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    const int64_t col = i % packed.cols, row = i / packed.cols % packed.rows, batch = i / packed.cols / packed.rows;
    if (packed.Contains(row, col)) {
      CopyElements(c.input(1), batch * packed_size + packed.Index(row, col), c.output(0), i, 1);
    } else {
      CopyElements(c.input(0), i, c.output(0), i, 1);
    }
  }
  return absl::OkStatus();
}

// --- the diagonal of a tensor of rank 2r: elements whose first and last r coordinates are equal

Status InferDiag(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), 1, "the operand"));
  return AddOutput(c, c.dtype(0), ConcatShapes(c.shape(0), c.shape(0)));
}

Status RunDiag(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferDiag));
  const int64_t n = c.input(0).num_elements();
  GatherElements(c.input(0), c.output(0), [n](int64_t i) { return i / n == i % n ? i / n : -1; });
  return absl::OkStatus();
}

Status InferDiagPart(InferContext& c) {
  const PartialShape& x = c.shape(0);
  if (!x.has_rank()) return AddOutput(c, c.dtype(0), x);
  if (x.rank() == 0 || x.rank() % 2 != 0) {
    return MakeError(ErrorCode::kShape, "the operand: expected an even rank of 2 or more, got ", x.ToString());
  }
  MOULIN_ASSIGN_OR_RETURN(const PartialShape half, MergeShapes(SubShape(x, 0, x.rank() / 2),
                                                               SubShape(x, x.rank() / 2, x.rank()), "the operand"));
  return AddOutput(c, c.dtype(0), half);
}

Status RunDiagPart(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferDiagPart));
  const int64_t n = c.output(0).num_elements();
  GatherElements(c.input(0), c.output(0), [n](int64_t i) { return i * n + i; });
  return absl::OkStatus();
}

constexpr OpDef kMatrixOps[] = {
    {OpKind::kMatrixBandPart, 3, 3, InferBandPart, RunBandPart},
    {OpKind::kMatrixDiag, 5, 5, InferMatrixDiag, RunMatrixDiag, Input(1) | Input(2) | Input(3)},
    {OpKind::kMatrixDiagPart, 3, 3, InferMatrixDiagPart, RunMatrixDiagPart, Input(1)},
    {OpKind::kMatrixSetDiag, 3, 3, InferMatrixSetDiag, RunMatrixSetDiag, Input(2)},
    {OpKind::kDiag, 1, 1, InferDiag, RunDiag},
    {OpKind::kDiagPart, 1, 1, InferDiagPart, RunDiagPart},
};

}  // namespace

absl::Span<const OpDef> MatrixOps() { return kMatrixOps; }

}  // namespace moulin
