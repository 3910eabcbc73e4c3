// Host kernels of ragged tensors (values and where rows begin), and counts of values by row.
// Tests: tests/cases/sparse_cases.py.
#include <algorithm>
#include <map>

#include "ops/axes.h"
#include "ops/element.h"
#include "ops/host_op.h"
#include "ops/sparse_coo.h"

namespace moulin {
namespace {

// Where rows begin and the last ends, checked: from 0 upwards, to `items`.
StatusOr<Ints> ReadSplits(const Tensor& t, int64_t items) {
  MOULIN_ASSIGN_OR_RETURN(Ints splits, IntValues(t));
  if (t.shape().rank() != 1 || splits.empty()) {
    return MakeError(ErrorCode::kShape, "splits must be a vector that is not empty, got ", t.shape().ToString());
  }
  if (splits[0] != 0 || !std::is_sorted(splits.begin(), splits.end()) || splits.back() != items) {
    return MakeError(ErrorCode::kValue, "splits must ascend from 0 to ", items, ", got ", t.ToString());
  }
  return splits;
}

int64_t RowsOf(const Tensor& t) { return t.shape().rank() == 0 ? 0 : t.shape().dim(0); }

// The splits of nested levels, outermost first, down to `items` innermost values.
StatusOr<std::vector<Ints>> ReadNested(const KernelContext& c, int first, int levels, int64_t items) {
  std::vector<Ints> nested;
  for (int i = 0; i < levels; ++i) {
    const int64_t next = i + 1 < levels ? RowsOf(c.input(first + i + 1)) - 1 : items;
    MOULIN_ASSIGN_OR_RETURN(Ints splits, ReadSplits(c.input(first + i), next));
    nested.push_back(std::move(splits));
  }
  return nested;
}

// (splits of each level, values, indices) -> splits of each level of the result, values.
Status RaggedGather(const KernelContext& c) {
  const int levels = static_cast<int>(c.inputs.size()) - 2;
  const Tensor &values = c.input(levels), &indices = c.input(levels + 1);
  if (values.shape().rank() < 1) return MakeError(ErrorCode::kShape, "the values must not be a scalar");
  const int outer = indices.shape().rank() - 1;  // levels that the indices' own axes add
  if (levels < 1 || static_cast<int>(c.outputs.size()) != levels + outer + 1 || outer < 0) {
    return MakeError(ErrorCode::kAttribute, "the ranks of the operands and of the result do not fit together");
  }
  MOULIN_ASSIGN_OR_RETURN(const std::vector<Ints> nested, ReadNested(c, 0, levels, values.shape().dim(0)));
  MOULIN_ASSIGN_OR_RETURN(const Ints chosen, IntValues(indices));
  const auto write = [&](int output, const Ints& splits) -> Status {
    MOULIN_RETURN_IF_ERROR(
        c.Allocate(output, c.attr<HostOpAttrs>().output_types[output], Shape{static_cast<int64_t>(splits.size())}));
    return StoreInts(splits, &c.output(output));
  };
  int64_t rows = 1;
  for (int d = 0; d < outer; ++d) {
    rows *= indices.shape().dim(d);
    Ints splits;
    for (int64_t i = 0; i <= rows; ++i) splits.push_back(i * indices.shape().dim(d + 1));
    MOULIN_RETURN_IF_ERROR(write(d, splits));
  }
  // Ranges of rows of the level at hand; those of each level become ranges of the next.
  std::vector<std::pair<int64_t, int64_t>> ranges;
  const auto top = static_cast<int64_t>(nested[0].size()) - 1;
  for (const int64_t i : chosen) {
    if (i < 0 || i >= top) return MakeError(ErrorCode::kValue, "index ", i, " is outside of [0, ", top, ")");
    ranges.push_back({i, i + 1});
  }
  for (int level = 0; level < levels; ++level) {
    Ints splits{0};
    for (auto& [begin, end] : ranges) {
      for (int64_t row = begin; row < end; ++row) {
        splits.push_back(splits.back() + nested[level][row + 1] - nested[level][row]);
      }
      begin = nested[level][begin];
      end = nested[level][end];
    }
    MOULIN_RETURN_IF_ERROR(write(outer + level, splits));
  }
  int64_t count = 0;
  for (const auto& [begin, end] : ranges) count += end - begin;
  Shape::Dims dims(values.shape().dims().begin(), values.shape().dims().end());
  dims[0] = count;
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(dims));
  const int output = levels + outer;
  MOULIN_RETURN_IF_ERROR(c.Allocate(output, values.dtype(), shape));
  const int64_t inner = DimProduct(values.shape().dims(), 1, values.shape().rank());
  int64_t at = 0;
  for (const auto& [begin, end] : ranges) {
    CopyElements(values, begin * inner, c.output(output), at, (end - begin) * inner);
    at += (end - begin) * inner;
  }
  return absl::OkStatus();
}

// (splits of each level, values) -> the sparse tensor that holds the values at their places.
Status ToSparse(const KernelContext& c) {
  const int levels = static_cast<int>(c.inputs.size()) - 1;
  const Tensor& values = c.input(levels);
  if (values.shape().rank() < 1) return MakeError(ErrorCode::kShape, "the values must not be a scalar");
  const int64_t items = values.shape().dim(0);
  MOULIN_ASSIGN_OR_RETURN(const std::vector<Ints> nested, ReadNested(c, 0, levels, items));
  const int inner_axes = values.shape().rank() - 1;
  const int64_t inner = DimProduct(values.shape().dims(), 1, values.shape().rank());
  Ints shape{static_cast<int64_t>(nested[0].size()) - 1};
  for (const Ints& splits : nested) {
    int64_t longest = 0;
    for (size_t i = 0; i + 1 < splits.size(); ++i) longest = std::max(longest, splits[i + 1] - splits[i]);
    shape.push_back(longest);
  }
  for (int d = 1; d <= inner_axes; ++d) shape.push_back(values.shape().dim(d));
  const auto rank = static_cast<int64_t>(shape.size());
  Ints rows(items * inner * rank);
  const Shape::Dims strides = RowMajorStrides(values.shape());
  for (int64_t i = 0; i < items * inner; ++i) {
    int64_t* row = rows.data() + i * rank;
    int64_t item = i / std::max<int64_t>(inner, 1);
    for (int level = levels - 1; level >= 0; --level) {
      const Ints& splits = nested[level];
      const auto in = std::upper_bound(splits.begin(), splits.end(), item) - 1;
      row[level + 1] = item - *in;
      item = in - splits.begin();
    }
    row[0] = item;
    for (int d = 1; d <= inner_axes; ++d) row[levels + d] = i / strides[d] % values.shape().dim(d);
  }
  MOULIN_RETURN_IF_ERROR(WriteInts(c, 0, Shape{items * inner, rank}, rows));
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, values.dtype(), Shape{items * inner}));
  CopyElements(values, 0, c.output(1), 0, items * inner);
  return WriteInts(c, 2, Shape{rank}, shape);
}

// --- Counts ---

// The values to be counted, by row; -1 rows where they are one vector without rows.
struct Counted {
  int64_t rows = -1;
  Ints row;  // of each value
  Ints values;
  const Tensor* weights = nullptr;  // one a value, or none
};

Status Ragged(const Tensor& splits_tensor, Counted* x) {
  MOULIN_ASSIGN_OR_RETURN(const Ints splits, ReadSplits(splits_tensor, static_cast<int64_t>(x->values.size())));
  x->rows = static_cast<int64_t>(splits.size()) - 1;
  for (int64_t row = 0; row < x->rows; ++row) x->row.insert(x->row.end(), splits[row + 1] - splits[row], row);
  return absl::OkStatus();
}

Status Sparse(const Tensor& indices, const Tensor& values, const Tensor& shape, Counted* x) {
  MOULIN_ASSIGN_OR_RETURN(const SparseView view, ReadSparse(indices, values, shape, "the operand"));
  if (view.rank != 1 && view.rank != 2) return MakeError(ErrorCode::kShape, "expected rank 1 or 2, got ", view.rank);
  if (view.rank == 2) x->rows = view.shape[0];
  for (int64_t i = 0; i < view.count; ++i) x->row.push_back(view.rank == 2 ? view.row(i)[0] : 0);
  return absl::OkStatus();
}

Status Dense(const Tensor& values, Counted* x) {
  const int rank = values.shape().rank();
  if (rank != 1 && rank != 2) return MakeError(ErrorCode::kShape, "expected rank 1 or 2, got ", rank);
  if (rank == 2) x->rows = values.shape().dim(0);
  for (size_t i = 0; i < x->values.size(); ++i) {
    x->row.push_back(rank == 2 ? static_cast<int64_t>(i) / values.shape().dim(1) : 0);
  }
  return absl::OkStatus();
}

Status CheckWeights(const Tensor& weights, Counted* x) {
  if (weights.num_elements() == 0) return absl::OkStatus();
  x->weights = &weights;
  if (weights.num_elements() == static_cast<int64_t>(x->values.size())) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, "expected ", x->values.size(), " weights or none, got ", weights.num_elements());
}

// (coordinates..., values, size, weights) -> [rows, size], or [size] without rows.
Status Bincount(const KernelContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const bool is_sparse = attrs.op == "SparseBincount";
  const int size_input = is_sparse ? 3 : 2;
  Counted x;
  MOULIN_ASSIGN_OR_RETURN(x.values, IntValues(c.input(1)));
  MOULIN_RETURN_IF_ERROR(is_sparse ? Sparse(c.input(0), c.input(1), c.input(2), &x) : Ragged(c.input(0), &x));
  MOULIN_RETURN_IF_ERROR(CheckWeights(c.input(size_input + 1), &x));
  MOULIN_ASSIGN_OR_RETURN(const Ints sizes, IntValues(c.input(size_input)));
  if (sizes.size() != 1 || sizes[0] < 0) return MakeError(ErrorCode::kValue, "size must be one number, not negative");
  const int64_t size = sizes[0];
  const bool binary = IntAttr(attrs, "binary_output", 0) != 0;
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, x.rows < 0 ? Shape::Make(Ints{size}) : Shape::Make(Ints{x.rows, size}));
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, attrs.output_types[0], shape));
  return DispatchReal(attrs.output_types[0], "the counts", [&](auto tag) {
    using T = decltype(tag);
    T* out = static_cast<T*>(c.output(0).mutable_data());
    const T* weights = x.weights == nullptr ? nullptr : static_cast<const T*>(x.weights->data());
    for (size_t i = 0; i < x.values.size(); ++i) {
      if (x.values[i] < 0) return MakeError(ErrorCode::kValue, "a value is negative: ", x.values[i]);
      if (x.values[i] >= size) continue;
      T& count = out[x.row[i] * size + x.values[i]];
      count = binary ? Narrow<T>(Wide<T>(1)) : Narrow<T>(Widen(count) + (weights ? Widen(weights[i]) : Wide<T>(1)));
    }
    return absl::OkStatus();
  });
}

// (..., values, weights) -> the counts as a sparse tensor [rows, values] or [values].
Status CountSparse(const KernelContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const bool is_dense = attrs.op == "DenseCountSparseOutput", is_sparse = attrs.op == "SparseCountSparseOutput";
  const int weights_input = is_dense ? 1 : is_sparse ? 3 : 2;
  Counted x;
  MOULIN_ASSIGN_OR_RETURN(x.values, IntValues(c.input(is_dense ? 0 : 1)));
  MOULIN_RETURN_IF_ERROR(is_dense    ? Dense(c.input(0), &x)
                         : is_sparse ? Sparse(c.input(0), c.input(1), c.input(2), &x)
                                     : Ragged(c.input(0), &x));
  MOULIN_RETURN_IF_ERROR(CheckWeights(c.input(weights_input), &x));
  const int64_t least = IntAttr(attrs, "minlength", -1), most = IntAttr(attrs, "maxlength", -1);
  const bool binary = IntAttr(attrs, "binary_output", 0) != 0;
  int64_t length = std::max<int64_t>(least, 0);
  for (const int64_t value : x.values) {
    if (value < 0) return MakeError(ErrorCode::kValue, "a value is negative: ", value);
    length = std::max(length, value + 1);
  }
  if (most > 0) length = most;
  return DispatchReal(attrs.output_types[1], "the counts", [&](auto tag) {
    using T = decltype(tag);
    const T* weights = x.weights == nullptr ? nullptr : static_cast<const T*>(x.weights->data());
    std::map<std::pair<int64_t, int64_t>, Wide<T>> counts;
    for (size_t i = 0; i < x.values.size(); ++i) {
      if (most > 0 && x.values[i] >= most) continue;
      Wide<T>& count = counts[{x.row[i], x.values[i]}];
      count = binary ? Wide<T>(1) : static_cast<Wide<T>>(count + (weights ? Widen(weights[i]) : Wide<T>(1)));
    }
    Ints rows;
    const auto n = static_cast<int64_t>(counts.size());
    MOULIN_RETURN_IF_ERROR(c.Allocate(1, attrs.output_types[1], Shape{n}));
    T* out = static_cast<T*>(c.output(1).mutable_data());
    for (const auto& [place, count] : counts) {
      if (x.rows >= 0) rows.push_back(place.first);
      rows.push_back(place.second);
      *out++ = Narrow<T>(count);
    }
    const Ints shape = x.rows < 0 ? Ints{length} : Ints{x.rows, length};
    MOULIN_RETURN_IF_ERROR(WriteInts(c, 0, Shape{n, static_cast<int64_t>(shape.size())}, rows));
    return WriteInts(c, 2, Shape{static_cast<int64_t>(shape.size())}, shape);
  });
}

constexpr HostOp kRaggedKernels[] = {
    {"DenseCountSparseOutput", 2, 2, InferUnknown, CountSparse},
    {"RaggedBincount", 4, 4, InferUnknown, Bincount},
    {"RaggedCountSparseOutput", 3, 3, InferUnknown, CountSparse},
    {"RaggedGather", 3, kAnyNumber, InferUnknown, RaggedGather},
    {"RaggedTensorToSparse", 2, kAnyNumber, InferUnknown, ToSparse},
    {"SparseBincount", 5, 5, InferUnknown, Bincount},
    {"SparseCountSparseOutput", 4, 4, InferUnknown, CountSparse},
};

}  // namespace

absl::Span<const HostOp> RaggedKernels() { return kRaggedKernels; }

}  // namespace moulin
