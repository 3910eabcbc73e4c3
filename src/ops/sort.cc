// The largest elements, and the distinct ones. Tests: tests/ops/sort_test.cc.
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "ops/axes.h"
#include "ops/element.h"
#include "ops/graph_builder.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

Status InferTopK(InferContext& c) {
  const auto& attrs = c.attr<TopKAttrs>();
  if (!IsFloating(c.dtype(0)) && !IsInteger(c.dtype(0))) {
    return MakeError(ErrorCode::kDType, "top-k needs a real type, got ", ShortName(c.dtype(0)));
  }
  MOULIN_RETURN_IF_ERROR(CheckIndexType(attrs.index_type, "the index type"));
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), 1, "the operand"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<int64_t> k, KnownInt(c, 1, "k"));
  if (k && *k < 0) return MakeError(ErrorCode::kValue, "k is ", *k, ": expected 0 or more");
  PartialShape out = c.shape(0);
  if (out.has_rank()) {
    const int last = out.rank() - 1;
    if (k && out.dim(last) >= 0 && *k > out.dim(last)) {
      return MakeError(ErrorCode::kValue, "k is ", *k, ": expected at most the innermost size of ", out.ToString());
    }
    out.set_dim(last, k ? *k : kUnknownDim);
  }
  MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(0), out));
  return AddOutput(c, attrs.index_type, out);
}

// The axis along which slices are compared; none given means the operand is a vector.
StatusOr<int> UniqueAxis(absl::Span<const int64_t> axis, const PartialShape& x) {
  if (axis.size() == 1) return NormalizeAxis(axis[0], x.rank());
  if (!axis.empty()) return MakeError(ErrorCode::kShape, "unique: expected one axis or none, got ", axis.size());
  MOULIN_RETURN_IF_ERROR(CheckRank(x, 1, "the operand of unique without an axis"));
  return 0;
}

Status InferUnique(InferContext& c) {
  const auto& attrs = c.attr<UniqueAttrs>();
  MOULIN_RETURN_IF_ERROR(CheckIndexType(attrs.index_type, "the index type"));
  MOULIN_ASSIGN_OR_RETURN(const std::optional<Ints> axis, KnownInts(c, 1));
  PartialShape values = c.shape(0);
  int64_t count = kUnknownDim;
  if (axis && values.has_rank()) {
    MOULIN_ASSIGN_OR_RETURN(const int a, UniqueAxis(*axis, values));
    count = values.dim(a);
    values.set_dim(a, kUnknownDim);
  } else if (values.has_rank()) {
    values = PartialShape::OfRank(values.rank());
  }
  MOULIN_RETURN_IF_ERROR(AddOutput(c, c.dtype(0), values));
  MOULIN_RETURN_IF_ERROR(AddOutput(c, attrs.index_type, PartialShape({count})));
  return AddOutput(c, attrs.index_type, PartialShape({kUnknownDim}));
}

// Whether element `a` comes before `b`: the larger first, of equals the one with the lower index; NaNs last.
template <typename T>
bool Precedes(const T* x, int64_t a, int64_t b) {
  const Wide<T> va = Widen(x[a]), vb = Widen(x[b]);
  const bool nan_a = va != va, nan_b = vb != vb;
  if (nan_a != nan_b) return nan_b;
  if (va != vb && !nan_a) return va > vb;
  return a < b;
}

// The k first of n by `before`, in the order in which TensorFlow leaves them when it need not sort: a heap with the
// last of the k at its root, built of the first k + 1, in which each better candidate then takes the root's place.
// Needs k < n.
template <typename Before>
std::vector<int64_t> HeapOrder(int64_t n, int64_t k, const Before& before) {
  if (k == 0) return {};
  std::vector<int64_t> heap(k + 1);
  std::iota(heap.begin(), heap.end(), 0);
  std::make_heap(heap.begin(), heap.end(), before);
  std::pop_heap(heap.begin(), heap.end(), before);
  heap.pop_back();
  for (int64_t candidate = k + 1; candidate < n; ++candidate) {
    if (!before(candidate, heap.front())) continue;
    std::pop_heap(heap.begin(), heap.end(), before);
    heap.back() = candidate;
    std::push_heap(heap.begin(), heap.end(), before);
  }
  return heap;
}

template <typename Before>
std::vector<int64_t> SortedOrder(int64_t n, int64_t k, const Before& before) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + k, order.end(), before);
  order.resize(k);
  return order;
}

template <typename T>
Status TopK(const KernelContext& c, int64_t k) {
  const bool sorted = c.attr<TopKAttrs>().sorted;
  const Tensor& x = c.input(0);
  const int64_t n = x.shape().dim(x.shape().rank() - 1);
  const int64_t rows = n == 0 ? 0 : x.num_elements() / n;
  auto* out = static_cast<T*>(c.output(0).mutable_data());
  std::vector<int64_t> indices;
  indices.reserve(rows * k);
  for (int64_t row = 0; row < rows; ++row) {
    const T* first = static_cast<const T*>(x.data()) + row * n;
    const auto before = [first](int64_t a, int64_t b) { return Precedes(first, a, b); };
    const auto order = sorted || k == n ? SortedOrder(n, k, before) : HeapOrder(n, k, before);
    for (int64_t i : order) *out++ = first[i];
    indices.insert(indices.end(), order.begin(), order.end());
  }
  return StoreInts(indices, &c.output(1));
}

Status RunTopK(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferTopK));
  MOULIN_ASSIGN_OR_RETURN(const Ints k, IntValues(c.input(1)));
  return DispatchReal(c.input(0).dtype(), "top-k", [&](auto tag) { return TopK<decltype(tag)>(c, k[0]); });
}

// Appends what makes an element equal to others; false for a NaN, which equals nothing.
template <typename T>
bool AppendKey(const T& x, std::string* key) {
  if constexpr (std::is_same_v<T, std::string>) {
    const size_t size = x.size();
    key->append(reinterpret_cast<const char*>(&size), sizeof(size));
    key->append(x);
    return true;
  } else if constexpr (kIsComplexElement<T>) {
    const bool real = AppendKey(x.real(), key);
    return AppendKey(x.imag(), key) && real;
  } else {
    Wide<T> value = Widen(x);
    // TensorFlow tells numbers apart by a hash, which is one for 0 and -0 unless the type is a half one.
    constexpr bool kIsHalf = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;
    if (!kIsHalf && value == Wide<T>(0)) value = 0;
    key->append(reinterpret_cast<const char*>(&value), sizeof(value));
    return value == value;
  }
}

// Which distinct slice each slice along the axis is, and where each distinct one is first found.
struct Distinct {
  std::vector<int64_t> index, first, count;
};

template <typename T>
Distinct FindDistinct(const Tensor& x, const AxisView& view) {
  Distinct found;
  absl::flat_hash_map<std::string, int64_t> known;
  const auto* values = static_cast<const T*>(x.data());
  for (int64_t i = 0; i < view.size; ++i) {
    std::string key;
    bool comparable = true;
    for (int64_t j = 0; j < view.outer * view.inner; ++j) {
      const int64_t place = (j / view.inner * view.size + i) * view.inner + j % view.inner;
      comparable = AppendKey(values[place], &key) && comparable;
    }
    int64_t number = static_cast<int64_t>(found.first.size());
    if (comparable) number = known.try_emplace(std::move(key), number).first->second;
    if (number == static_cast<int64_t>(found.first.size())) {
      found.first.push_back(i);
      found.count.push_back(0);
    }
    found.index.push_back(number);
    ++found.count[number];
  }
  return found;
}

StatusOr<Distinct> FindDistinct(const Tensor& x, const AxisView& view) {
  if (x.dtype() == DType::kString) return FindDistinct<std::string>(x, view);
  Distinct found;
  const DType type = x.dtype() == DType::kBool ? DType::kUInt8 : x.dtype();
  MOULIN_RETURN_IF_ERROR(DispatchNumber(type, "unique", [&](auto tag) {
    found = FindDistinct<decltype(tag)>(x, view);
    return absl::OkStatus();
  }));
  return found;
}

Status RunUnique(const KernelContext& c) {
  const Tensor& x = c.input(0);
  MOULIN_ASSIGN_OR_RETURN(const Ints axis, IntValues(c.input(1)));
  MOULIN_ASSIGN_OR_RETURN(const int a, UniqueAxis(axis, x.shape()));
  const AxisView view(x.shape(), a);
  MOULIN_ASSIGN_OR_RETURN(const Distinct found, FindDistinct(x, view));
  const int64_t count = static_cast<int64_t>(found.first.size());
  Shape shape = x.shape();
  shape.set_dim(a, count);
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, x.dtype(), shape));
  for (int64_t i = 0; i < view.outer * count; ++i) {
    CopyElements(x, (i / count * view.size + found.first[i % count]) * view.inner, c.output(0), i * view.inner,
                 view.inner);
  }
  const DType index_type = c.attr<UniqueAttrs>().index_type;
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, index_type, Shape({view.size})));
  MOULIN_RETURN_IF_ERROR(c.Allocate(2, index_type, Shape({count})));
  MOULIN_RETURN_IF_ERROR(StoreInts(found.index, &c.output(1)));
  return StoreInts(found.count, &c.output(2));
}

constexpr OpDef kSortOps[] = {
    {OpKind::kTopK, 2, 2, InferTopK, RunTopK, Input(1)},
    {OpKind::kUnique, 2, 2, InferUnique, RunUnique, Input(1), /*dynamic_output=*/true},
};

}  // namespace

absl::Span<const OpDef> SortOps() { return kSortOps; }

}  // namespace moulin
