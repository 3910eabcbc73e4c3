// Lookups in tables given as keys and values. Tests: tests/ops/host_kernels_test.cc, tests/cases/host_cases.py.
#include "absl/container/flat_hash_map.h"
#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

Status CheckTable(const InferContext& c) {
  const int64_t keys = KnownElements(c.shape(0));
  const int64_t values = KnownElements(c.shape(1));
  return MergeDims(keys, values, "the keys and values of a table").status();
}

Status InferFind(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckTable(c));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(0), c.dtype(2), "the keys looked up and those of the table"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(c.dtype(1), c.dtype(3), "the default and the values of the table"));
  return AddOutput(c, c.dtype(1), c.shape(2));
}

// The row of each key. E_VALUE where a key comes twice with different values.
template <typename Key>
StatusOr<absl::flat_hash_map<Key, int64_t>> IndexOf(const Tensor& keys, const Tensor& values) {
  if (keys.num_elements() != values.num_elements()) {
    return MakeError(ErrorCode::kShape, "the table has ", keys.num_elements(), " keys for ", values.num_elements(),
                     " values");
  }
  absl::flat_hash_map<Key, int64_t> rows;
  rows.reserve(keys.num_elements());
  for (int64_t i = 0; i < keys.num_elements(); ++i) {
    const auto [it, is_new] = rows.emplace(
        Key(keys.values<std::conditional_t<std::is_same_v<Key, absl::string_view>, std::string, Key>>()[i]), i);
    if (is_new) continue;
    bool same = true;
    DispatchBySize(values.dtype(), [&](auto tag) {
      using T = decltype(tag);
      const auto* v = static_cast<const T*>(values.data());
      if constexpr (std::is_same_v<T, std::string>) {
        same = v[i] == v[it->second];
      } else {
        same = std::memcmp(&v[i], &v[it->second], sizeof(T)) == 0;
      }
    });
    if (!same) return MakeError(ErrorCode::kValue, "key ", i, " of the table is there before with another value");
  }
  return rows;
}

template <typename Key, typename Stored>
Status FindAll(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const auto rows, IndexOf<Key>(c.input(0), c.input(1)));
  const auto* wanted = static_cast<const Stored*>(c.input(2).data());
  GatherElements(
      c.input(1), c.output(0),
      [&](int64_t i) {
        const auto it = rows.find(Key(wanted[i]));
        return it == rows.end() ? int64_t{-1} : it->second;
      },
      &c.input(3));
  return absl::OkStatus();
}

Status Find(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferFind));
  if (c.input(3).num_elements() != 1) return MakeError(ErrorCode::kShape, "the default must be a scalar");
  switch (c.input(0).dtype()) {
    case DType::kString:
      return FindAll<absl::string_view, std::string>(c);
    case DType::kInt64:
      return FindAll<int64_t, int64_t>(c);
    case DType::kInt32:
      return FindAll<int32_t, int32_t>(c);
    default:
      return MakeError(ErrorCode::kDType, "the keys of a table are int32, int64 or string, got ",
                       Name(c.input(0).dtype()));
  }
}

Status InferSize(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckTable(c));
  c.Add(DType::kInt64, PartialShape::OfRank(0));
  return absl::OkStatus();
}

template <typename Key>
Status CountKeys(const KernelContext& c) {
  MOULIN_ASSIGN_OR_RETURN(const auto rows, IndexOf<Key>(c.input(0), c.input(1)));
  c.output(0).mutable_values<int64_t>()[0] = static_cast<int64_t>(rows.size());
  return absl::OkStatus();
}

Status Size(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSize));
  const DType type = c.input(0).dtype();
  if (type == DType::kString) return CountKeys<absl::string_view>(c);
  if (type == DType::kInt64) return CountKeys<int64_t>(c);
  if (type == DType::kInt32) return CountKeys<int32_t>(c);
  return MakeError(ErrorCode::kDType, "the keys of a table are int32, int64 or string, got ", Name(type));
}

constexpr HostOp kLookupKernels[] = {
    {"LookupTableFindV2", 4, 4, InferFind, Find},
    {"LookupTableSizeV2", 2, 2, InferSize, Size},
};

}  // namespace

absl::Span<const HostOp> LookupKernels() { return kLookupKernels; }

}  // namespace moulin
