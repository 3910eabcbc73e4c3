// Top-k and sorting of rows. An element becomes an item, its key and its place, no two of which are equal, so that any
// way of sorting is stable. Rows that fit in shared memory are sorted there by a bitonic network (Batcher 1968). Of
// longer rows the k-th key is found by radix selection, eight bits at a time from the top; what comes before it, and as
// many of its equals as are needed, in order of their places, are then collected and sorted: in shared memory, or by a
// bitonic network whose wide steps go over global memory. Tests: tests/cuda/kernels/sort_test.cc.
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/sort.h"
#include "kernels/hd.h"

namespace moulin::cuda {
namespace {

constexpr int kDigitBits = 8;
constexpr int kDigits = 1 << kDigitBits;
constexpr int kWarps = kSortThreads / 32;
constexpr uint32_t kLastPlace = 0xffffffffu;

// The key of an element: larger keys come first.
template <typename Bits>
MOULIN_HD Bits KeyOf(Bits bits, const KeyCodec& codec) {
  constexpr Bits kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  if (codec.kind == KeyCodec::kUnsigned) return bits;
  if (codec.kind == KeyCodec::kSigned) return static_cast<Bits>(bits ^ kSign);
  const Bits magnitude = static_cast<Bits>(bits & static_cast<Bits>(~kSign));
  if (magnitude > static_cast<Bits>(codec.infinity)) return 0;   // -infinity has a larger key
  if (magnitude < static_cast<Bits>(codec.least)) return kSign;  // -0 equals 0
  return (bits & kSign) != 0 ? static_cast<Bits>(~bits) : static_cast<Bits>(bits | kSign);
}

// An item of keys of up to 32 bits. What is not there yet has the last of all places, so it comes last.
struct NarrowItem {
  uint64_t bits;
  MOULIN_HD static NarrowItem Of(uint64_t key, uint32_t place) { return {key << 32 | (kLastPlace - place)}; }
  MOULIN_HD uint32_t place() const { return kLastPlace - static_cast<uint32_t>(bits); }
  MOULIN_HD bool Precedes(const NarrowItem& other) const { return bits > other.bits; }
};

struct WideItem {
  uint64_t key;
  uint64_t at;
  MOULIN_HD static WideItem Of(uint64_t key, uint32_t place) { return {key, place}; }
  MOULIN_HD uint32_t place() const { return static_cast<uint32_t>(at); }
  MOULIN_HD bool Precedes(const WideItem& other) const { return key != other.key ? key > other.key : at < other.at; }
};

template <typename Bits>
struct ItemOf {
  using type = NarrowItem;
};
template <>
struct ItemOf<uint64_t> {
  using type = WideItem;
};

// Puts two items in order, the first to come first where `ascending` holds.
template <typename Item>
MOULIN_HD void Order(Item& a, Item& b, bool ascending) {
  if (b.Precedes(a) != ascending) return;
  const Item a_before = a;
  a = b;
  b = a_before;
}

// The steps of a bitonic merge within `count` items (a power of two) in shared memory, from this stride down. Item i of
// them is item first + i of a sequence in which runs of `size` are merged, every other one backwards.
template <typename Item>
__device__ void MergeShared(Item* items, int count, int64_t first, int64_t size, int stride) {
  for (; stride > 0; stride /= 2) {
    __syncthreads();
    for (int pair = static_cast<int>(threadIdx.x); pair < count / 2; pair += static_cast<int>(blockDim.x)) {
      const int i = pair / stride * 2 * stride + pair % stride;
      Order(items[i], items[i + stride], ((first + i) & size) == 0);
    }
  }
  __syncthreads();
}

template <typename Item>
__device__ void SortShared(Item* items, int count, int64_t first) {
  for (int size = 2; size <= count; size *= 2) MergeShared(items, count, first, size, size / 2);
}

template <typename Bits, typename Item>
__device__ void StoreItem(const Bits* row, const Item& item, void* values, void* indices, int64_t at,
                          int32_t index_bytes) {
  const uint32_t place = item.place();
  static_cast<Bits*>(values)[at] = row[place];
  if (index_bytes == 8) {
    static_cast<int64_t*>(indices)[at] = place;
  } else {
    static_cast<int32_t*>(indices)[at] = static_cast<int32_t>(place);
  }
}

template <typename Bits>
__global__ void __launch_bounds__(kSortThreads)
    SortRows(const void* __restrict__ x, void* __restrict__ values, void* __restrict__ indices, TopKParameters p) {
  using Item = typename ItemOf<Bits>::type;
  __shared__ Item items[kSortTile];
  int count = 1;
  while (count < p.n) count *= 2;
  for (int64_t row = blockIdx.x; row < p.rows; row += gridDim.x) {
    const Bits* elements = static_cast<const Bits*>(x) + row * p.n;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) {
      items[i] = i < p.n ? Item::Of(KeyOf(elements[i], p.codec), static_cast<uint32_t>(i)) : Item::Of(0, kLastPlace);
    }
    // Its first step waits for the items, its last for the order.
    if (count > 1) SortShared(items, count, 0);
    for (int i = static_cast<int>(threadIdx.x); i < p.k; i += static_cast<int>(blockDim.x)) {
      StoreItem(elements, items[i], values, indices, row * p.k + i, p.index_bytes);
    }
    __syncthreads();
  }
}

// What radix selection finds: the key of the last item wanted, and how many of the items with that key are wanted.
template <typename Bits>
struct Threshold {
  Bits key;
  int64_t equals;
};

// Replaces counts[d] by the sum of counts[d] and all above it.
__device__ inline void SumFromAbove(uint32_t* counts) {
  const int t = static_cast<int>(threadIdx.x);
  for (int distance = 1; distance < kDigits; distance *= 2) {
    __syncthreads();
    const uint32_t above = t + distance < kDigits ? counts[t + distance] : 0;
    __syncthreads();
    if (t < kDigits) counts[t] += above;
  }
  __syncthreads();
}

template <typename Bits>
__device__ Threshold<Bits> FindThreshold(const Bits* elements, const TopKParameters& p, uint32_t* counts,
                                         uint32_t* found_digit) {
  const int t = static_cast<int>(threadIdx.x);
  uint64_t prefix = 0;
  uint32_t wanted = static_cast<uint32_t>(p.k);
  for (int shift = 8 * static_cast<int>(sizeof(Bits)) - kDigitBits; shift >= 0; shift -= kDigitBits) {
    if (t < kDigits) counts[t] = 0;
    __syncthreads();
    for (int64_t i = t; i < p.n; i += blockDim.x) {
      const uint64_t key = KeyOf(elements[i], p.codec);
      const bool is_candidate =
          shift + kDigitBits == 8 * static_cast<int>(sizeof(Bits)) || key >> (shift + kDigitBits) == prefix;
      if (is_candidate) atomicAdd(&counts[key >> shift & (kDigits - 1)], 1u);
    }
    SumFromAbove(counts);
    const uint32_t above = t + 1 < kDigits ? counts[t + 1] : 0;
    if (t < kDigits && counts[t] >= wanted && above < wanted) *found_digit = static_cast<uint32_t>(t);
    __syncthreads();
    const uint32_t digit = *found_digit;
    wanted -= digit + 1 < kDigits ? counts[digit + 1] : 0;
    prefix = prefix << kDigitBits | digit;
    __syncthreads();
  }
  return {static_cast<Bits>(prefix), wanted};
}

// How many threads of the block before this one hold true, and how many of all do. `warp_counts` has kWarps entries.
struct BlockCount {
  uint32_t before, total;
};
__device__ inline BlockCount CountInBlock(bool holds, uint32_t* warp_counts) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const uint32_t lanes = __ballot_sync(0xffffffffu, holds);
  if (lane == 0) warp_counts[warp] = static_cast<uint32_t>(__popc(lanes));
  __syncthreads();
  BlockCount count = {static_cast<uint32_t>(__popc(lanes & ((1u << lane) - 1))), 0};
#pragma unroll 4  // all at once, registers are spilled
  for (int w = 0; w < kWarps; ++w) {
    if (w < warp) count.before += warp_counts[w];
    count.total += warp_counts[w];
  }
  __syncthreads();
  return count;
}

template <typename Bits>
__global__ void __launch_bounds__(kSortThreads)
    Select(const void* __restrict__ x, void* __restrict__ workspace, TopKParameters p) {
  using Item = typename ItemOf<Bits>::type;
  __shared__ uint32_t counts[kDigits];
  __shared__ uint32_t warp_counts[kWarps];
  __shared__ uint32_t found_digit;
  for (int64_t row = blockIdx.x; row < p.rows; row += gridDim.x) {
    const Bits* elements = static_cast<const Bits*>(x) + row * p.n;
    Item* items = static_cast<Item*>(workspace) + row * p.padded;
    const Threshold<Bits> threshold = FindThreshold(elements, p, counts, &found_digit);
    int64_t num_items = 0, num_equals = 0;
    for (int64_t begin = 0; begin < p.n; begin += blockDim.x) {
      const int64_t i = begin + threadIdx.x;
      const Bits key = i < p.n ? KeyOf(elements[i], p.codec) : Bits{0};
      const bool equal = i < p.n && key == threshold.key;
      const BlockCount equals = CountInBlock(equal, warp_counts);
      const bool taken = (i < p.n && key > threshold.key) || (equal && num_equals + equals.before < threshold.equals);
      const BlockCount takens = CountInBlock(taken, warp_counts);
      if (taken) items[num_items + takens.before] = Item::Of(key, static_cast<uint32_t>(i));
      num_equals += equals.total;
      num_items += takens.total;
    }
    for (int64_t i = p.k + threadIdx.x; i < p.padded; i += blockDim.x) items[i] = Item::Of(0, kLastPlace);
  }
}

template <typename Item>
__global__ void __launch_bounds__(kSortThreads)
    SortTiles(void* __restrict__ workspace, int64_t num_items, int64_t tile, int64_t padded) {
  __shared__ Item shared[kSortTile];
  const int count = static_cast<int>(tile);
  for (int64_t first = blockIdx.x * tile; first < num_items; first += gridDim.x * tile) {
    Item* items = static_cast<Item*>(workspace) + first;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) shared[i] = items[i];
    SortShared(shared, count, first % padded);
    for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x)) items[i] = shared[i];
    __syncthreads();
  }
}

// Runs are counted from the start of their row, so that the last merge of each row goes forwards.
template <typename Item>
__global__ void MergeStep(void* __restrict__ workspace, int64_t num_items, int64_t size, int64_t stride,
                          int64_t padded) {
  Item* items = static_cast<Item*>(workspace);
  for (int64_t pair = GlobalThread(); pair < num_items / 2; pair += GlobalThreads()) {
    const int64_t i = pair / stride * 2 * stride + pair % stride;
    Order(items[i], items[i + stride], (i % padded & size) == 0);
  }
}

template <typename Item>
__global__ void __launch_bounds__(kSortThreads)
    MergeTiles(void* __restrict__ workspace, int64_t num_items, int64_t size, int64_t padded) {
  __shared__ Item shared[kSortTile];
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * kSortTile; first < num_items;
       first += static_cast<int64_t>(gridDim.x) * kSortTile) {
    Item* items = static_cast<Item*>(workspace) + first;
    for (int i = static_cast<int>(threadIdx.x); i < kSortTile; i += static_cast<int>(blockDim.x)) shared[i] = items[i];
    MergeShared(shared, kSortTile, first % padded, size, kSortTile / 2);
    for (int i = static_cast<int>(threadIdx.x); i < kSortTile; i += static_cast<int>(blockDim.x)) items[i] = shared[i];
    __syncthreads();
  }
}

template <typename Bits>
__global__ void StoreTop(const void* __restrict__ x, const void* __restrict__ workspace, void* __restrict__ values,
                         void* __restrict__ indices, TopKParameters p) {
  using Item = typename ItemOf<Bits>::type;
  for (int64_t i = GlobalThread(); i < p.rows * p.k; i += GlobalThreads()) {
    const int64_t row = i / p.k;
    const Item item = static_cast<const Item*>(workspace)[row * p.padded + i % p.k];
    StoreItem(static_cast<const Bits*>(x) + row * p.n, item, values, indices, i, p.index_bytes);
  }
}

}  // namespace

DeviceFunction<const void*, void*, void*, TopKParameters> SortRowsFunction(int element_size) {
  switch (element_size) {
    case 1:
      return CooperativeKernel("SortRows<1>", SortRows<uint8_t>);
    case 2:
      return CooperativeKernel("SortRows<2>", SortRows<uint16_t>);
    case 4:
      return CooperativeKernel("SortRows<4>", SortRows<uint32_t>);
    case 8:
      return CooperativeKernel("SortRows<8>", SortRows<uint64_t>);
    default:
      return {};
  }
}

DeviceFunction<const void*, void*, TopKParameters> SelectFunction(int element_size) {
  switch (element_size) {
    case 1:
      return CooperativeKernel("Select<1>", Select<uint8_t>);
    case 2:
      return CooperativeKernel("Select<2>", Select<uint16_t>);
    case 4:
      return CooperativeKernel("Select<4>", Select<uint32_t>);
    case 8:
      return CooperativeKernel("Select<8>", Select<uint64_t>);
    default:
      return {};
  }
}

DeviceFunction<void*, int64_t, int64_t, int64_t> SortTilesFunction(int element_size) {
  if (SortItemBytes(element_size) == 8) return CooperativeKernel("SortTiles<narrow>", SortTiles<NarrowItem>);
  return CooperativeKernel("SortTiles<wide>", SortTiles<WideItem>);
}

DeviceFunction<void*, int64_t, int64_t, int64_t, int64_t> MergeStepFunction(int element_size) {
  if (SortItemBytes(element_size) == 8) return IndependentKernel("MergeStep<narrow>", MergeStep<NarrowItem>);
  return IndependentKernel("MergeStep<wide>", MergeStep<WideItem>);
}

DeviceFunction<void*, int64_t, int64_t, int64_t> MergeTilesFunction(int element_size) {
  if (SortItemBytes(element_size) == 8) return CooperativeKernel("MergeTiles<narrow>", MergeTiles<NarrowItem>);
  return CooperativeKernel("MergeTiles<wide>", MergeTiles<WideItem>);
}

DeviceFunction<const void*, const void*, void*, void*, TopKParameters> StoreTopFunction(int element_size) {
  switch (element_size) {
    case 1:
      return IndependentKernel("StoreTop<1>", StoreTop<uint8_t>);
    case 2:
      return IndependentKernel("StoreTop<2>", StoreTop<uint16_t>);
    case 4:
      return IndependentKernel("StoreTop<4>", StoreTop<uint32_t>);
    case 8:
      return IndependentKernel("StoreTop<8>", StoreTop<uint64_t>);
    default:
      return {};
  }
}

}  // namespace moulin::cuda
