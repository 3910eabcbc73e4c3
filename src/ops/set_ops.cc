// Host kernels of sets (the innermost axis of dense or sparse tensors) and of edit distances between sequences.
// Tests: tests/cases/sparse_cases.py.
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "ops/element.h"
#include "ops/host_op.h"
#include "ops/sparse_coo.h"

namespace moulin {
namespace {

using Group = std::vector<int64_t>;  // the coordinates but the innermost

// f(T()) for what sets may hold.
template <typename F>
Status DispatchSet(DType type, F f) {
  if (type == DType::kString) return f(std::string());
  if (IsInteger(type)) return DispatchInteger(type, f);
  return UnsupportedType(type);
}

template <typename T>
struct Sets {
  std::vector<int64_t> group_shape;
  std::map<Group, std::set<T>> sets;
};

Status CheckSetRank(int64_t rank) {
  if (rank >= 2) return absl::OkStatus();
  return MakeError(ErrorCode::kShape, "sets need a rank of at least 2, got ", rank);
}

template <typename T>
Status ReadDenseSets(const Tensor& x, Sets<T>* out) {
  MOULIN_RETURN_IF_ERROR(CheckSetRank(x.shape().rank()));
  const Shape::Dims strides = RowMajorStrides(x.shape());
  const int last = x.shape().rank() - 1;
  out->group_shape.assign(x.shape().dims().begin(), x.shape().dims().end() - 1);
  const T* values = static_cast<const T*>(x.data());
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    Group group;
    for (int d = 0; d < last; ++d) group.push_back(i / strides[d] % x.shape().dim(d));
    out->sets[group].insert(values[i]);
  }
  return absl::OkStatus();
}

template <typename T>
Status ReadSparseSets(const Tensor& indices, const Tensor& values, const Tensor& shape, Sets<T>* out) {
  MOULIN_ASSIGN_OR_RETURN(const SparseView x, ReadSparse(indices, values, shape, "a set"));
  MOULIN_RETURN_IF_ERROR(CheckSetRank(x.rank));
  out->group_shape.assign(x.shape.begin(), x.shape.end() - 1);
  const T* elements = static_cast<const T*>(values.data());
  for (int64_t i = 0; i < x.count; ++i) out->sets[Group(x.row(i), x.row(i) + x.rank - 1)].insert(elements[i]);
  return absl::OkStatus();
}

template <typename T>
std::set<T> Combine(absl::string_view operation, const std::set<T>& a, const std::set<T>& b) {
  std::set<T> out;
  const auto to = std::inserter(out, out.begin());
  if (operation == "a-b") std::set_difference(a.begin(), a.end(), b.begin(), b.end(), to);
  if (operation == "b-a") std::set_difference(b.begin(), b.end(), a.begin(), a.end(), to);
  if (operation == "intersection") std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), to);
  if (operation == "union") std::set_union(a.begin(), a.end(), b.begin(), b.end(), to);
  return out;
}

template <typename T>
Status WriteSets(const KernelContext& c, const Sets<T>& x) {
  std::vector<int64_t> rows;
  std::vector<T> values;
  size_t longest = 0;
  for (const auto& [group, set] : x.sets) {
    longest = std::max(longest, set.size());
    int64_t place = 0;
    for (const T& value : set) {
      rows.insert(rows.end(), group.begin(), group.end());
      rows.push_back(place++);
      values.push_back(value);
    }
  }
  std::vector<int64_t> shape = x.group_shape;
  shape.push_back(static_cast<int64_t>(longest));
  const auto count = static_cast<int64_t>(values.size()), rank = static_cast<int64_t>(shape.size());
  MOULIN_RETURN_IF_ERROR(WriteInts(c, 0, Shape{count, rank}, rows));
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, c.attr<HostOpAttrs>().output_types[1], Shape{count}));
  std::copy(values.begin(), values.end(), static_cast<T*>(c.output(1).mutable_data()));
  return WriteInts(c, 2, Shape{rank}, shape);
}

template <typename T>
Status OperateOn(const KernelContext& c, absl::string_view operation) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  Sets<T> a, b;
  if (attrs.op == "SparseToSparseSetOperation") {
    MOULIN_RETURN_IF_ERROR(ReadSparseSets(c.input(0), c.input(1), c.input(2), &a));
    MOULIN_RETURN_IF_ERROR(ReadSparseSets(c.input(3), c.input(4), c.input(5), &b));
  } else if (attrs.op == "DenseToSparseSetOperation") {
    MOULIN_RETURN_IF_ERROR(ReadDenseSets(c.input(0), &a));
    MOULIN_RETURN_IF_ERROR(ReadSparseSets(c.input(1), c.input(2), c.input(3), &b));
  } else {
    MOULIN_RETURN_IF_ERROR(ReadDenseSets(c.input(0), &a));
    MOULIN_RETURN_IF_ERROR(ReadDenseSets(c.input(1), &b));
  }
  if (a.group_shape != b.group_shape) {
    return MakeError(ErrorCode::kShape, "the two operands differ in an axis but the last");
  }
  Sets<T> out{a.group_shape, {}};
  for (const auto& [group, set] : a.sets) out.sets[group] = Combine(operation, set, b.sets[group]);
  for (const auto& [group, set] : b.sets) {
    if (!a.sets.contains(group)) out.sets[group] = Combine(operation, {}, set);
  }
  return WriteSets(c, out);
}

Status SetOperation(const KernelContext& c) {
  const HostOpAttrs& attrs = c.attr<HostOpAttrs>();
  const absl::string_view operation = StringAttr(attrs, "set_operation", "");
  if (operation != "a-b" && operation != "b-a" && operation != "intersection" && operation != "union") {
    return MakeError(ErrorCode::kAttribute, "set_operation must be a-b, b-a, intersection or union, found \"",
                     Printable(operation), "\"");
  }
  if (attrs.output_types.size() != 3) return MakeError(ErrorCode::kArity, "expected 3 outputs");
  const DType type = attrs.output_types[1];
  const int first = attrs.op == "SparseToSparseSetOperation" ? 1 : 0;
  const int second = attrs.op == "SparseToSparseSetOperation" ? 4 : attrs.op == "DenseToSparseSetOperation" ? 2 : 1;
  for (const int i : {first, second}) MOULIN_RETURN_IF_ERROR(CheckSameType(type, c.input(i).dtype(), "a set"));
  return DispatchSet(type, [&](auto tag) { return OperateOn<decltype(tag)>(c, operation); });
}

// (indices, values, shape) -> how many different elements each set has.
Status SetSize(const KernelContext& c) {
  return DispatchSet(c.input(1).dtype(), [&](auto tag) -> Status {
    Sets<decltype(tag)> x;
    MOULIN_RETURN_IF_ERROR(ReadSparseSets(c.input(0), c.input(1), c.input(2), &x));
    MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(x.group_shape));
    MOULIN_RETURN_IF_ERROR(c.Allocate(0, DType::kInt32, shape));
    const Shape::Dims strides = RowMajorStrides(shape);
    for (const auto& [group, set] : x.sets) {
      int64_t at = 0;
      for (size_t d = 0; d < group.size(); ++d) at += group[d] * strides[d];
      c.output(0).mutable_values<int32_t>()[at] = static_cast<int32_t>(set.size());
    }
    return absl::OkStatus();
  });
}

// --- Edit distance ---

template <typename T>
using Sequences = std::map<Group, std::vector<T>>;

template <typename T>
Sequences<T> ReadSequences(const SparseView& x) {
  Sequences<T> sequences;
  const T* values = static_cast<const T*>(x.values.data());
  for (int64_t i = 0; i < x.count; ++i) {
    sequences[Group(x.row(i), x.row(i) + x.rank - 1)].push_back(values[i]);
  }
  return sequences;
}

// Half types are equal as the numbers that they are: 0 and -0, but no two NaN.
template <typename T>
bool IsSame(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return static_cast<float>(a) == static_cast<float>(b);
  } else {
    return a == b;
  }
}

// The least number of insertions, deletions and replacements.
template <typename T>
int64_t EditsBetween(const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<int64_t> row(b.size() + 1);
  for (size_t k = 0; k <= b.size(); ++k) row[k] = static_cast<int64_t>(k);
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t diagonal = row[0];
    row[0] = static_cast<int64_t>(i) + 1;
    for (size_t k = 0; k < b.size(); ++k) {
      const int64_t replaced = diagonal + (IsSame(a[i], b[k]) ? 0 : 1);
      diagonal = row[k + 1];
      row[k + 1] = std::min({replaced, row[k] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

float Distance(int64_t edits, size_t truth, size_t hypothesis, bool normalize) {
  if (!normalize) return static_cast<float>(edits);
  if (truth == 0) return hypothesis == 0 ? 0.0f : std::numeric_limits<float>::infinity();
  return static_cast<float>(edits) / static_cast<float>(truth);
}

template <typename T>
Status DistancesOf(const KernelContext& c, const SparseView& hypothesis, const SparseView& truth) {
  std::vector<int64_t> dims;
  for (int64_t d = 0; d + 1 < truth.rank; ++d) dims.push_back(std::max(hypothesis.shape[d], truth.shape[d]));
  MOULIN_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(dims));
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, DType::kFloat32, shape));
  const Shape::Dims strides = RowMajorStrides(shape);
  const bool normalize = IntAttr(c.attr<HostOpAttrs>(), "normalize", 1) != 0;
  Sequences<T> a = ReadSequences<T>(hypothesis), b = ReadSequences<T>(truth);
  for (const auto& [group, sequence] : a) b[group];  // a sequence that the truth lacks is empty there
  for (const auto& [group, sequence] : b) {
    int64_t at = 0;
    for (size_t d = 0; d < group.size(); ++d) at += group[d] * strides[d];
    const std::vector<T>& other = a[group];
    c.output(0).mutable_values<float>()[at] =
        Distance(EditsBetween(sequence, other), sequence.size(), other.size(), normalize);
  }
  return absl::OkStatus();
}

// (indices, values, shape) of the hypotheses, then of the truth.
Status EditDistance(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const SparseView a, ReadSparse(c.input(0), c.input(1), c.input(2), "the hypotheses"));
  MOULIN_ASSIGN_OR_RETURN(const SparseView b, ReadSparse(c.input(3), c.input(4), c.input(5), "the truth"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(a.values.dtype(), b.values.dtype(), "the truth"));
  if (a.rank != b.rank || a.rank < 1) {
    return MakeError(ErrorCode::kShape, "expected operands of one rank, got ", a.rank, " and ", b.rank);
  }
  if (a.values.dtype() == DType::kString) return DistancesOf<std::string>(c, a, b);
  if (a.values.dtype() == DType::kBool) return DistancesOf<uint8_t>(c, a, b);
  const auto distances = [&](auto tag) { return DistancesOf<decltype(tag)>(c, a, b); };
  if (IsComplex(a.values.dtype())) return DispatchComplex(a.values.dtype(), distances);
  return DispatchReal(a.values.dtype(), "the values", distances);
}

constexpr HostOp kSetKernels[] = {
    {"DenseToDenseSetOperation", 2, 2, InferUnknown, SetOperation},
    {"DenseToSparseSetOperation", 4, 4, InferUnknown, SetOperation},
    {"EditDistance", 6, 6, InferUnknown, EditDistance},
    {"SetSize", 3, 3, InferUnknown, SetSize},
    {"SparseToSparseSetOperation", 6, 6, InferUnknown, SetOperation},
};

}  // namespace

absl::Span<const HostOp> SetKernels() { return kSetKernels; }

}  // namespace moulin
