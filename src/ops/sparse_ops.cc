// Host kernels of sparse tensors: their structure (concatenations, slices, splits), sums and reductions.
// Tests: tests/cases/sparse_cases.py.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/axes.h"
#include "ops/element.h"
#include "ops/host_op.h"
#include "ops/sparse_coo.h"

namespace moulin {
namespace {

using Rows = std::vector<int64_t>;

void Append(Rows& rows, const int64_t* row, int64_t rank) { rows.insert(rows.end(), row, row + rank); }

// All values behind each other.
StatusOr<Tensor> JoinValues(const std::vector<SparseView>& parts) {
  int64_t count = 0;
  for (const SparseView& part : parts) count += part.count;
  MOULIN_ASSIGN_OR_RETURN(Tensor all, Tensor::Allocate(parts[0].values.dtype(), Shape{count}));
  int64_t at = 0;
  for (const SparseView& part : parts) {
    CopyElements(part.values, 0, all, at, part.count);
    at += part.count;
  }
  return all;
}

// --- Concatenation, slices, splits ---

// (coordinates of each, values of each, shapes of each)
StatusOr<std::vector<SparseView>> ReadParts(const KernelContext& c) {
  const int n = static_cast<int>(c.inputs.size()) / 3;
  std::vector<SparseView> parts;
  for (int i = 0; i < n; ++i) {
    MOULIN_ASSIGN_OR_RETURN(SparseView part, ReadSparse(c.input(i), c.input(n + i), c.input(2 * n + i), "an operand"));
    parts.push_back(std::move(part));
    if (parts.back().values.dtype() != parts[0].values.dtype()) return UnsupportedType(parts.back().values.dtype());
    if (parts.back().rank == parts[0].rank) continue;
    return MakeError(ErrorCode::kShape, "expected operands of equal ranks, got ", parts[0].rank, " and ",
                     parts.back().rank);
  }
  return parts;
}

Status Concat(const KernelContext& c) {
  if (c.inputs.size() % 3 != 0) return MakeError(ErrorCode::kArity, "expected 3 inputs an operand");
  MOULIN_ASSIGN_OR_RETURN(const std::vector<SparseView> parts, ReadParts(c));
  const int64_t rank = parts[0].rank;
  MOULIN_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(IntAttr(c.attr<HostOpAttrs>(), "concat_dim", 0),
                                                        static_cast<int>(rank), "concat_dim"));
  Rows rows, shape = parts[0].shape;
  shape[axis] = 0;
  for (const SparseView& part : parts) {
    for (int64_t d = 0; d < rank; ++d) {
      if (d == axis || part.shape[d] == shape[d]) continue;
      return MakeError(ErrorCode::kShape, "expected size ", shape[d], " of axis ", d, ", got ", part.shape[d]);
    }
    for (int64_t i = 0; i < part.count; ++i) {
      Append(rows, part.row(i), rank);
      rows[rows.size() - rank + axis] += shape[axis];
    }
    const std::optional<int64_t> size = AddDims(shape[axis], part.shape[axis]);
    if (!size) return MakeError(ErrorCode::kShape, "the size of the concatenated axis overflows");
    shape[axis] = *size;
  }
  Rows order(rows.size() / std::max<int64_t>(rank, 1));
  std::iota(order.begin(), order.end(), 0);
  if (axis != 0) {
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return SparseView::Compare(&rows[a * rank], &rows[b * rank], rank) < 0;
    });
  }
  Rows sorted;
  for (const int64_t i : order) Append(sorted, &rows[i * rank], rank);
  MOULIN_ASSIGN_OR_RETURN(const Tensor values, JoinValues(parts));
  return WriteSparse(c, 0, 1, 2, sorted, order, values, shape);
}

// The elements of x in [start, start + size), moved to 0, as outputs.
Status WriteSlice(const KernelContext& c, const SparseView& x, const Rows& start, const Rows& size, int indices_output,
                  int values_output, int shape_output) {
  Rows rows, from;
  for (int64_t i = 0; i < x.count; ++i) {
    bool inside = true;
    for (int64_t d = 0; d < x.rank; ++d) inside &= x.row(i)[d] >= start[d] && x.row(i)[d] - start[d] < size[d];
    if (!inside) continue;
    for (int64_t d = 0; d < x.rank; ++d) rows.push_back(x.row(i)[d] - start[d]);
    from.push_back(i);
  }
  return WriteSparse(c, indices_output, values_output, shape_output, rows, from, x.values, size);
}

// (indices, values, shape, start, size)
Status SparseSlice(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const SparseView x, ReadSparse(c.input(0), c.input(1), c.input(2), "the operand"));
  MOULIN_ASSIGN_OR_RETURN(const Rows start, IntValues(c.input(3)));
  MOULIN_ASSIGN_OR_RETURN(Rows size, IntValues(c.input(4)));
  if (static_cast<int64_t>(start.size()) != x.rank || static_cast<int64_t>(size.size()) != x.rank) {
    return MakeError(ErrorCode::kShape, "expected ", x.rank, " elements of start and size, got ", start.size(), " and ",
                     size.size());
  }
  for (int64_t d = 0; d < x.rank; ++d) {
    if (start[d] < 0 || size[d] < 0) {
      return MakeError(ErrorCode::kValue, "start and size must not be negative, got ", start[d], " and ", size[d]);
    }
    size[d] = std::min(size[d], std::max<int64_t>(x.shape[d] - start[d], 0));
  }
  return WriteSlice(c, x, start, size, 0, 1, 2);
}

// (axis, indices, values, shape): the first parts are one longer where the size does not divide.
Status SparseSplit(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const SparseView x, ReadSparse(c.input(1), c.input(2), c.input(3), "the operand"));
  MOULIN_ASSIGN_OR_RETURN(const Rows axes, IntValues(c.input(0)));
  if (axes.size() != 1) return MakeError(ErrorCode::kShape, "split_dim must be a scalar");
  MOULIN_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(axes[0], static_cast<int>(x.rank), "split_dim"));
  const int n = static_cast<int>(c.outputs.size()) / 3;
  if (n < 1 || n > x.shape[axis]) {
    return MakeError(ErrorCode::kAttribute, "num_split must be in [1, ", x.shape[axis], "], got ", n);
  }
  Rows start(x.rank, 0);
  for (int i = 0; i < n; ++i) {
    Rows size = x.shape;
    size[axis] = x.shape[axis] / n + (i < x.shape[axis] % n ? 1 : 0);
    MOULIN_RETURN_IF_ERROR(WriteSlice(c, x, start, size, i, n + i, 2 * n + i));
    start[axis] += size[axis];
  }
  return absl::OkStatus();
}

// --- Element by element ---

// Two operands' elements in order; f(row, a's element or -1, b's element or -1).
template <typename F>
void Merge(const SparseView& a, const SparseView& b, F f) {
  int64_t i = 0, k = 0;
  while (i < a.count || k < b.count) {
    const int order = i == a.count ? 1 : k == b.count ? -1 : SparseView::Compare(a.row(i), b.row(k), a.rank);
    f(order <= 0 ? a.row(i) : b.row(k), order <= 0 ? i : -1, order >= 0 ? k : -1);
    if (order <= 0) ++i;
    if (order >= 0) ++k;
  }
}

StatusOr<std::pair<SparseView, SparseView>> ReadTwo(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(SparseView a, ReadSparse(c.input(0), c.input(1), c.input(2), "the first operand"));
  MOULIN_ASSIGN_OR_RETURN(SparseView b, ReadSparse(c.input(3), c.input(4), c.input(5), "the second operand"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(a.values.dtype(), b.values.dtype(), "the second operand"));
  if (a.shape == b.shape) return std::make_pair(std::move(a), std::move(b));
  return MakeError(ErrorCode::kShape, "expected operands of one shape, got ", c.input(2).ToString(), " and ",
                   c.input(5).ToString());
}

template <typename T>
Status WriteValues(const KernelContext& c, const SparseView& like, const Rows& rows, const std::vector<T>& values) {
  const auto n = static_cast<int64_t>(values.size());
  MOULIN_RETURN_IF_ERROR(WriteInts(c, 0, Shape{n, like.rank}, rows));
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, like.values.dtype(), Shape{n}));
  std::copy(values.begin(), values.end(), static_cast<T*>(c.output(1).mutable_data()));
  return absl::OkStatus();
}

// How large a number is, in the type of SparseAdd's threshold.
template <typename T>
double Magnitude(T x) {
  if constexpr (kIsComplexElement<T>) {
    return std::abs(x);
  } else {
    return std::abs(static_cast<double>(Widen(x)));
  }
}

StatusOr<double> Threshold(const Tensor& t) {
  double threshold = 0;
  if (t.num_elements() != 1) return MakeError(ErrorCode::kShape, "thresh must be a scalar");
  MOULIN_RETURN_IF_ERROR(DispatchReal(t.dtype(), "thresh", [&](auto tag) {
    threshold = static_cast<double>(Widen(*static_cast<const decltype(tag)*>(t.data())));
    return absl::OkStatus();
  }));
  return threshold;
}

// The sum, without sums of two elements that are below a threshold; what one operand has alone stays.
Status Add(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const auto operands, ReadTwo(c));
  const auto& [a, b] = operands;
  MOULIN_ASSIGN_OR_RETURN(const double threshold, Threshold(c.input(6)));
  MOULIN_RETURN_IF_ERROR(WriteInts(c, 2, Shape{a.rank}, a.shape));
  return DispatchNumber(a.values.dtype(), "the values", [&, &a = a, &b = b](auto tag) {
    using T = decltype(tag);
    const T* x = static_cast<const T*>(a.values.data());
    const T* y = static_cast<const T*>(b.values.data());
    Rows rows;
    std::vector<T> values;
    Merge(a, b, [&](const int64_t* row, int64_t i, int64_t k) {
      const T sum = i < 0 ? y[k] : k < 0 ? x[i] : Narrow<T>(Widen(x[i]) + Widen(y[k]));
      if (i >= 0 && k >= 0 && !(threshold <= Magnitude(sum))) return;
      Append(rows, row, a.rank);
      values.push_back(sum);
    });
    return WriteValues(c, a, rows, values);
  });
}

// The larger or smaller; what one operand lacks counts as 0 there.
Status Extremum(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const auto operands, ReadTwo(c));
  const auto& [a, b] = operands;
  const bool is_max = c.attr<HostOpAttrs>().op == "SparseSparseMaximum";
  return DispatchReal(a.values.dtype(), "the values", [&, &a = a, &b = b](auto tag) {
    using T = decltype(tag);
    const T* x = static_cast<const T*>(a.values.data());
    const T* y = static_cast<const T*>(b.values.data());
    Rows rows;
    std::vector<T> values;
    Merge(a, b, [&](const int64_t* row, int64_t i, int64_t k) {
      const Wide<T> p = i < 0 ? Wide<T>(0) : Widen(x[i]), q = k < 0 ? Wide<T>(0) : Widen(y[k]);
      Append(rows, row, a.rank);
      values.push_back(Narrow<T>(is_max ? std::max(p, q) : std::min(p, q)));
    });
    return WriteValues(c, a, rows, values);
  });
}

// --- Reductions ---

// Which elements fall together where some axes are reduced: groups in order of their coordinates.
struct Groups {
  std::vector<bool> reduced;  // by axis
  Rows order;                 // elements, group by group
  Rows starts;                // of each group in `order`, and the end
  const int64_t* Key(const SparseView& x, int64_t group) const { return x.row(order[starts[group]]); }
  int64_t size() const { return static_cast<int64_t>(starts.size()) - 1; }
};

Groups GroupBy(const SparseView& x, std::vector<bool> reduced) {
  Groups g{std::move(reduced), Rows(x.count), {}};
  const auto compare = [&](int64_t a, int64_t b) {
    for (int64_t d = 0; d < x.rank; ++d) {
      if (!g.reduced[d] && x.row(a)[d] != x.row(b)[d]) return x.row(a)[d] < x.row(b)[d] ? -1 : 1;
    }
    return 0;
  };
  std::iota(g.order.begin(), g.order.end(), 0);
  std::stable_sort(g.order.begin(), g.order.end(), [&](int64_t a, int64_t b) { return compare(a, b) < 0; });
  for (int64_t i = 0; i < x.count; ++i) {
    if (i == 0 || compare(g.order[i - 1], g.order[i]) != 0) g.starts.push_back(i);
  }
  g.starts.push_back(x.count);
  return g;
}

template <typename T>
T ReduceGroup(const SparseView& x, const Groups& g, int64_t group, bool is_max) {
  const T* values = static_cast<const T*>(x.values.data());
  Wide<T> result = Widen(values[g.order[g.starts[group]]]);
  for (int64_t i = g.starts[group] + 1; i < g.starts[group + 1]; ++i) {
    const Wide<T> value = Widen(values[g.order[i]]);
    if constexpr (kIsComplexElement<T>) {
      result += value;
    } else {
      result = is_max ? std::max(result, value) : static_cast<Wide<T>>(result + value);
    }
  }
  return Narrow<T>(result);
}

// (indices, values, shape, axes): dense where no group is 0, or sparse with an element a group.
Status Reduce(const KernelContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const bool is_max = attrs.op == "SparseReduceMax" || attrs.op == "SparseReduceMaxSparse";
  const bool is_sparse = attrs.op != "SparseReduceMax";
  const bool keep = IntAttr(attrs, "keep_dims", 0) != 0;
  MOULIN_ASSIGN_OR_RETURN(const SparseView x, ReadSparse(c.input(0), c.input(1), c.input(2), "the operand"));
  if (is_max && IsComplex(x.values.dtype())) return UnsupportedType(x.values.dtype());
  MOULIN_ASSIGN_OR_RETURN(const Ints wanted, IntValues(c.input(3)));
  std::vector<bool> reduced(x.rank, false);
  for (const int64_t a : wanted) {
    MOULIN_ASSIGN_OR_RETURN(const int axis, NormalizeAxis(a, static_cast<int>(x.rank)));
    reduced[axis] = true;
  }
  const Groups g = GroupBy(x, reduced);
  Rows shape, rows;
  for (int64_t d = 0; d < x.rank; ++d) {
    if (!reduced[d] || keep) shape.push_back(reduced[d] ? 1 : x.shape[d]);
  }
  for (int64_t i = 0; i < g.size(); ++i) {
    for (int64_t d = 0; d < x.rank; ++d) {
      if (!reduced[d] || keep) rows.push_back(reduced[d] ? 0 : g.Key(x, i)[d]);
    }
  }
  MOULIN_ASSIGN_OR_RETURN(const Shape full, Shape::Make(shape));
  const auto rank = static_cast<int64_t>(shape.size());
  const int output = is_sparse ? 1 : 0;
  MOULIN_RETURN_IF_ERROR(c.Allocate(output, x.values.dtype(), is_sparse ? Shape{g.size()} : full));
  if (is_sparse) {
    MOULIN_RETURN_IF_ERROR(WriteInts(c, 0, Shape{g.size(), rank}, rows));
    MOULIN_RETURN_IF_ERROR(WriteInts(c, 2, Shape{rank}, shape));
  }
  const Shape::Dims strides = RowMajorStrides(full);
  return DispatchNumber(x.values.dtype(), "the values", [&](auto tag) {
    using T = decltype(tag);
    T* out = static_cast<T*>(c.output(output).mutable_data());
    for (int64_t i = 0; i < g.size(); ++i) {
      int64_t at = is_sparse ? i : 0;
      for (int64_t d = 0; d < rank && !is_sparse; ++d) at += rows[i * rank + d] * strides[d];
      out[at] = ReduceGroup<T>(x, g, i, is_max);
    }
    return absl::OkStatus();
  });
}

// Over the elements that the innermost axis has; in the order given.
Status Softmax(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const SparseView x, ReadSparse(c.input(0), c.input(1), c.input(2), "the operand"));
  if (x.rank < 2) return MakeError(ErrorCode::kShape, "expected a rank of at least 2, got ", x.rank);
  std::vector<bool> reduced(x.rank, false);
  reduced.back() = true;
  const Groups g = GroupBy(x, reduced);
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, x.values.dtype(), Shape{x.count}));
  return DispatchFloat(x.values.dtype(), "the values", [&](auto tag) {
    using T = decltype(tag);
    const T* in = static_cast<const T*>(x.values.data());
    T* out = static_cast<T*>(c.output(0).mutable_data());
    for (int64_t i = 0; i < g.size(); ++i) {
      const auto most = static_cast<double>(Widen(ReduceGroup<T>(x, g, i, true)));
      double sum = 0;
      for (int64_t k = g.starts[i]; k < g.starts[i + 1]; ++k) sum += std::exp(Widen(in[g.order[k]]) - most);
      for (int64_t k = g.starts[i]; k < g.starts[i + 1]; ++k) {
        out[g.order[k]] = Narrow<T>(std::exp(Widen(in[g.order[k]]) - most) / sum);
      }
    }
    return absl::OkStatus();
  });
}

constexpr HostOp kSparseKernels[] = {
    {"SparseAdd", 7, 7, InferUnknown, Add},
    {"SparseConcat", 3, kAnyNumber, InferUnknown, Concat},
    {"SparseReduceMax", 4, 4, InferUnknown, Reduce},
    {"SparseReduceMaxSparse", 4, 4, InferUnknown, Reduce},
    {"SparseReduceSumSparse", 4, 4, InferUnknown, Reduce},
    {"SparseSlice", 5, 5, InferUnknown, SparseSlice},
    {"SparseSoftmax", 3, 3, InferUnknown, Softmax},
    {"SparseSparseMaximum", 6, 6, InferUnknown, Extremum},
    {"SparseSparseMinimum", 6, 6, InferUnknown, Extremum},
    {"SparseSplit", 4, 4, InferUnknown, SparseSplit},
};

}  // namespace

absl::Span<const HostOp> SparseKernels() { return kSparseKernels; }

}  // namespace moulin
