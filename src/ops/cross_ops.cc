// Host kernels of crossed features: for each row, every combination of one value of each column, joined as text or as
// a hash. Columns are sparse, ragged or dense. Tests: tests/cases/cross_cases.py.
#include <algorithm>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "ops/axes.h"
#include "ops/hash.h"
#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/sparse_coo.h"
#include "ops/type_dispatch.h"

namespace moulin {
namespace {

// Strings or int64 values by row.
struct Column {
  Tensor values;
  Ints starts;  // where each row begins and the last ends
  bool is_dense = false;

  int64_t size(int64_t row) const { return starts[row + 1] - starts[row]; }
  bool is_text() const { return values.dtype() == DType::kString; }
};

Status CheckValues(const Tensor& values) {
  if (values.dtype() == DType::kString || values.dtype() == DType::kInt64) return absl::OkStatus();
  return UnsupportedType(values.dtype());
}

StatusOr<Column> DenseColumn(const Tensor& x) {
  MOULIN_RETURN_IF_ERROR(CheckValues(x));
  if (x.shape().rank() != 2) {
    return MakeError(ErrorCode::kShape, "a dense column must have rank 2, got ", x.shape().ToString());
  }
  Column column{x, {}, true};
  for (int64_t row = 0; row <= x.shape().dim(0); ++row) column.starts.push_back(row * x.shape().dim(1));
  return column;
}

// At most `most_rows`, since a sparse tensor may claim any number.
StatusOr<Column> SparseColumn(const Tensor& indices, const Tensor& values, const Tensor& shape, int64_t most_rows) {
  MOULIN_RETURN_IF_ERROR(CheckValues(values));
  MOULIN_ASSIGN_OR_RETURN(const SparseView x, ReadSparse(indices, values, shape, "a sparse column"));
  if (x.rank != 2) return MakeError(ErrorCode::kShape, "a sparse column must have rank 2, got ", x.rank);
  if (x.shape[0] > most_rows) {
    return MakeError(ErrorCode::kLimit, "expected at most ", most_rows, " rows, got ", x.shape[0]);
  }
  Column column{values, {0}};
  int64_t at = 0;
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    while (at < x.count && x.row(at)[0] <= row) ++at;
    column.starts.push_back(at);
  }
  return column;
}

StatusOr<Column> RaggedColumn(const Tensor& values, const Tensor& splits) {
  MOULIN_RETURN_IF_ERROR(CheckValues(values));
  MOULIN_ASSIGN_OR_RETURN(Ints starts, IntValues(splits));
  if (values.shape().rank() != 1 || starts.empty() || starts[0] != 0 || !std::is_sorted(starts.begin(), starts.end()) ||
      starts.back() != values.num_elements()) {
    return MakeError(ErrorCode::kValue,
                     "a ragged column needs a vector of values and splits that ascend from 0 to "
                     "their number, got ",
                     splits.ToString());
  }
  return Column{values, std::move(starts)};
}

// All columns, of as many rows each.
struct Columns {
  std::vector<Column> list;
  int64_t rows = 0;

  Status Add(StatusOr<Column> column) {
    MOULIN_RETURN_IF_ERROR(column.status());
    const auto own = static_cast<int64_t>(column->starts.size()) - 1;
    if (!list.empty() && own != rows) return MakeError(ErrorCode::kShape, "expected ", rows, " rows, got ", own);
    rows = own;
    list.push_back(*std::move(column));
    return absl::OkStatus();
  }

  // The number of combinations of each row; at most `most` of all.
  StatusOr<Ints> Counts(int64_t most) const {
    Ints counts;
    int64_t total = 0;
    for (int64_t row = 0; row < rows; ++row) {
      std::optional<int64_t> count = 1;
      for (const Column& column : list) count = count ? MulDims(*count, column.size(row)) : count;
      const std::optional<int64_t> sum = count ? AddDims(total, *count) : count;
      if (!sum || *sum > most) {
        return MakeError(ErrorCode::kLimit, "the columns have more than ", most, " combinations");
      }
      total = *sum;
      counts.push_back(*count);
    }
    return counts;
  }
};

// Calls f(row, places) for every combination, the last column's value changing fastest; a place is that of a value
// among all of its column.
template <typename F>
void ForEachCombination(const Columns& columns, const Ints& counts, F f) {
  Ints places(columns.list.size());
  for (int64_t row = 0; row < columns.rows; ++row) {
    for (int64_t i = 0; i < counts[row]; ++i) {
      int64_t rest = i;
      for (size_t k = places.size(); k-- > 0;) {
        const Column& column = columns.list[k];
        places[k] = column.starts[row] + rest % column.size(row);
        rest /= column.size(row);
      }
      f(row, places);
    }
  }
}

// How many rows or combinations a result may have, which takes two integers for each.
int64_t MostOf(const KernelContext& c) { return static_cast<int64_t>(c.limits.tensor_bytes) / 16; }

// --- Joining ---

using Text = std::string;

Text TextOf(const Column& column, int64_t place) {
  return column.is_text() ? column.values.strings()[place] : absl::StrCat(column.values.values<int64_t>()[place]);
}

Text JoinText(const Columns& columns, const Ints& places, absl::string_view separator) {
  Text joined;
  for (size_t k = 0; k < places.size(); ++k) {
    absl::StrAppend(&joined, k == 0 ? "" : separator, TextOf(columns.list[k], places[k]));
  }
  return joined;
}

// Numbers stand for themselves.
uint64_t PlainHash(const Column& column, int64_t place) {
  return column.is_text() ? Fingerprint(column.values.strings()[place])
                          : static_cast<uint64_t>(column.values.values<int64_t>()[place]);
}

// Of numbers, TensorFlow hashes the lower four bytes; without a strong hash, those of dense columns not at all.
uint64_t SaltedHash(const Column& column, int64_t place, bool is_strong, const Ints& salt) {
  if (!column.is_text() && column.is_dense && !is_strong) return PlainHash(column, place);
  const absl::string_view bytes =
      column.is_text() ? absl::string_view(column.values.strings()[place])
                       : absl::string_view(reinterpret_cast<const char*>(&column.values.values<int64_t>()[place]), 4);
  if (!is_strong) return Fingerprint(bytes);
  return SipHash(static_cast<uint64_t>(salt[0]), static_cast<uint64_t>(salt[1]))(bytes);
}

int64_t Bucket(uint64_t hash, int64_t buckets) {
  return static_cast<int64_t>(hash % static_cast<uint64_t>(buckets > 0 ? buckets : INT64_MAX));
}

int64_t JoinPlain(const Columns& columns, const Ints& places, const HostOpAttrs& attrs) {
  auto hash = static_cast<uint64_t>(IntAttr(attrs, "hash_key", 0));
  for (size_t k = 0; k < places.size(); ++k) hash = JoinFingerprints(hash, PlainHash(columns.list[k], places[k]));
  return Bucket(hash, IntAttr(attrs, "num_buckets", 0));
}

// --- The ops ---

// (indices of each, values of each, shapes of each, dense columns); `rest` inputs follow.
StatusOr<Columns> SparseAndDense(const KernelContext& c, int rest) {
  const int n = static_cast<int>(IntAttr(c.attr<HostOpAttrs>(), "N", 0));
  const int end = static_cast<int>(c.inputs.size()) - rest;
  if (n < 0 || n > end / 3) return MakeError(ErrorCode::kArity, "expected 3 inputs for each of ", n, " columns");
  Columns columns;
  for (int i = 0; i < n; ++i) {
    MOULIN_RETURN_IF_ERROR(columns.Add(SparseColumn(c.input(i), c.input(n + i), c.input(2 * n + i), MostOf(c))));
  }
  for (int i = 3 * n; i < end; ++i) MOULIN_RETURN_IF_ERROR(columns.Add(DenseColumn(c.input(i))));
  if (columns.list.empty()) return MakeError(ErrorCode::kArity, "there are no columns to cross");
  return columns;
}

// The sparse result but for its values: row and number of each combination, rows and most combinations of a row.
StatusOr<Ints> WritePlaces(const KernelContext& c, const Columns& columns) {
  MOULIN_ASSIGN_OR_RETURN(const Ints counts, columns.Counts(MostOf(c)));
  Ints places;
  for (int64_t row = 0; row < columns.rows; ++row) {
    for (int64_t i = 0; i < counts[row]; ++i) places.insert(places.end(), {row, i});
  }
  const int64_t total = static_cast<int64_t>(places.size()) / 2;
  const int64_t most = counts.empty() ? 0 : *std::max_element(counts.begin(), counts.end());
  MOULIN_RETURN_IF_ERROR(WriteInts(c, 0, Shape{total, 2}, places));
  MOULIN_RETURN_IF_ERROR(WriteInts(c, 2, Shape{2}, {columns.rows, most}));
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, c.attr<HostOpAttrs>().output_types[1], Shape{total}));
  return counts;
}

// Calls join(places) for the values of output `output`, which are int64 or strings as `join` gives.
template <typename T, typename Join>
Status WriteJoined(const KernelContext& c, int output, const Columns& columns, const Ints& counts, Join join) {
  constexpr DType kType = std::is_same_v<T, Text> ? DType::kString : DType::kInt64;
  MOULIN_RETURN_IF_ERROR(CheckSameType(kType, c.output(output).dtype(), "the crossed values"));
  T* out = c.output(output).mutable_values<T>().data();
  ForEachCombination(columns, counts, [&](int64_t, const Ints& places) { *out++ = join(places); });
  return absl::OkStatus();
}

constexpr absl::string_view kSeparator = "_X_";

Status Cross(const KernelContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const Columns columns, SparseAndDense(c, 0));
  MOULIN_ASSIGN_OR_RETURN(const Ints counts, WritePlaces(c, columns));
  if (IntAttr(attrs, "hashed_output", 0) != 0) {
    return WriteJoined<int64_t>(c, 1, columns, counts, [&](const Ints& p) { return JoinPlain(columns, p, attrs); });
  }
  return WriteJoined<Text>(c, 1, columns, counts, [&](const Ints& p) { return JoinText(columns, p, kSeparator); });
}

// (..., separator)
Status CrossText(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const Text separator, OnlyString(c.inputs.back(), "sep"));
  MOULIN_ASSIGN_OR_RETURN(const Columns columns, SparseAndDense(c, 1));
  MOULIN_ASSIGN_OR_RETURN(const Ints counts, WritePlaces(c, columns));
  return WriteJoined<Text>(c, 1, columns, counts, [&](const Ints& p) { return JoinText(columns, p, separator); });
}

// (..., num_buckets, strong_hash, salt)
Status CrossHashed(const KernelContext& c) {
  const int first = static_cast<int>(c.inputs.size()) - 3;
  MOULIN_ASSIGN_OR_RETURN(const Ints buckets, IntValues(c.input(first)));
  MOULIN_ASSIGN_OR_RETURN(const Ints salt, IntValues(c.input(first + 2)));
  const Tensor& strong = c.input(first + 1);
  if (buckets.size() != 1 || salt.size() != 2 || strong.dtype() != DType::kBool || strong.num_elements() != 1) {
    return MakeError(ErrorCode::kShape, "expected one number of buckets, one bool and a salt of 2 numbers");
  }
  const bool is_strong = strong.values<bool>()[0];
  MOULIN_ASSIGN_OR_RETURN(const Columns columns, SparseAndDense(c, 3));
  MOULIN_ASSIGN_OR_RETURN(const Ints counts, WritePlaces(c, columns));
  return WriteJoined<int64_t>(c, 1, columns, counts, [&](const Ints& p) {
    uint64_t hash = SaltedHash(columns.list[0], p[0], is_strong, salt);
    for (size_t k = 1; k < p.size(); ++k) {
      hash = JoinFingerprints(hash, SaltedHash(columns.list[k], p[k], is_strong, salt));
    }
    return Bucket(hash, buckets[0]);
  });
}

// The columns of a RaggedCross, whose attribute `input_order` says of which kind each is: R, S or D.
StatusOr<Columns> InOrder(const KernelContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const absl::string_view order = StringAttr(attrs, "input_order", "");
  const int ragged = static_cast<int>(std::count(order.begin(), order.end(), 'R'));
  const int sparse = static_cast<int>(std::count(order.begin(), order.end(), 'S'));
  const int dense = static_cast<int>(order.size()) - ragged - sparse;
  const int expected = 2 * ragged + 3 * sparse + dense;
  if (static_cast<int>(c.inputs.size()) != expected || expected == 0) {
    return MakeError(ErrorCode::kArity, "expected ", expected, " inputs, got ", c.inputs.size());
  }
  Columns columns;
  int r = 0, s = 2 * ragged, d = 2 * ragged + 3 * sparse;
  for (const char kind : order) {
    StatusOr<Column> column = kind == 'R' ? RaggedColumn(c.input(r), c.input(r + ragged))
                              : kind == 'S'
                                  ? SparseColumn(c.input(s), c.input(s + sparse), c.input(s + 2 * sparse), MostOf(c))
                                  : DenseColumn(c.input(d));
    (kind == 'R' ? r : kind == 'S' ? s : d) += 1;
    MOULIN_RETURN_IF_ERROR(columns.Add(std::move(column)));
  }
  return columns;
}

Status CrossRagged(const KernelContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  MOULIN_ASSIGN_OR_RETURN(const Columns columns, InOrder(c));
  MOULIN_ASSIGN_OR_RETURN(const Ints counts, columns.Counts(MostOf(c)));
  Ints splits = {0};
  for (const int64_t count : counts) splits.push_back(splits.back() + count);
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, attrs.output_types[0], Shape{splits.back()}));
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, attrs.output_types[1], Shape{columns.rows + 1}));
  MOULIN_RETURN_IF_ERROR(StoreInts(splits, &c.output(1)));
  if (IntAttr(attrs, "hashed_output", 0) != 0) {
    return WriteJoined<int64_t>(c, 0, columns, counts, [&](const Ints& p) { return JoinPlain(columns, p, attrs); });
  }
  return WriteJoined<Text>(c, 0, columns, counts, [&](const Ints& p) { return JoinText(columns, p, kSeparator); });
}

constexpr HostOp kCrossKernels[] = {
    {"RaggedCross", 1, kAnyNumber, InferUnknown, CrossRagged},
    {"SparseCross", 1, kAnyNumber, InferUnknown, Cross},
    {"SparseCrossHashed", 4, kAnyNumber, InferUnknown, CrossHashed},
    {"SparseCrossV2", 2, kAnyNumber, InferUnknown, CrossText},
};

}  // namespace

absl::Span<const HostOp> CrossKernels() { return kCrossKernels; }

}  // namespace moulin
