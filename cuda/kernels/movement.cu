#include "cuda/kernels/device_code.h"
#include "cuda/kernels/movement.h"
#include "cuda/kernels/unit.h"

namespace moulin::cuda {
namespace {

// The places in x and y of coordinates number `i`.
struct Places {
  int64_t x, y;
};
__device__ inline Places PlacesOf(const StridedCopyParams& p, int64_t i) {
  Places at = {p.x_offset, p.y_offset};
  for (int d = p.rank - 1; d > 0; --d) {
    const int64_t coordinate = p.sizes[d].Split(&i);
    at.x += coordinate * p.x_strides[d];
    at.y += coordinate * p.y_strides[d];
  }
  if (p.rank > 0) {
    at.x += i * p.x_strides[0];
    at.y += i * p.y_strides[0];
  }
  return at;
}

template <typename T>
__global__ void StridedCopy(const void* x, void* y, StridedCopyParams p) {
  const T* const from = static_cast<const T*>(x);
  T* const to = static_cast<T*>(y);
  for (int64_t i = GlobalThread(); i < p.count; i += GlobalThreads()) {
    const Places at = PlacesOf(p, i);
    to[at.y] = from[at.x];
  }
}

// The tile's row pitch is odd, so that the units of a column lie in different banks (of 4-byte units).
template <typename T>
__global__ void __launch_bounds__(kTransposeTile* kTransposeRows) Transpose(const void* x, void* y, TransposeParams p) {
  __shared__ T tile[kTransposeTile][kTransposeTile + 1];
  const T* const from = static_cast<const T*>(x);
  T* const to = static_cast<T*>(y);
  const int column = static_cast<int>(threadIdx.x), first_row = static_cast<int>(threadIdx.y);
  for (int64_t number = blockIdx.x; number < p.tiles; number += gridDim.x) {
    int64_t rest = number;
    const int64_t a0 = p.a_tiles.Split(&rest) * kTransposeTile;
    const int64_t b0 = p.b_tiles.Split(&rest) * kTransposeTile;
    const Places at = PlacesOf(p.rest, rest);
    for (int row = first_row; row < kTransposeTile; row += kTransposeRows) {
      const int64_t a = a0 + column, b = b0 + row;
      if (a < p.a_size && b < p.b_size) tile[row][column] = from[at.x + b * p.b_x_stride + a];
    }
    __syncthreads();
    for (int row = first_row; row < kTransposeTile; row += kTransposeRows) {
      const int64_t a = a0 + row, b = b0 + column;
      if (a < p.a_size && b < p.b_size) to[at.y + a * p.a_y_stride + b] = tile[column][row];
    }
    __syncthreads();
  }
}

// The piece that a column, counted from the first piece, belongs to: the last that begins at or before it.
__device__ inline int PieceOf(const JoinParams& p, int64_t column) {
  int low = 0, high = p.pieces - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (p.begin[middle] <= column) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

// Calls move(place in the whole, piece, place in the piece) for this thread's units.
template <typename Move>
__device__ inline void ForPieces(const JoinParams& p, Move move) {
  const int64_t count = p.rows * p.span.value;
  for (int64_t i = GlobalThread(); i < count; i += GlobalThreads()) {
    int64_t row = i;
    const int64_t column = p.span.Split(&row);
    const int piece = PieceOf(p, column);
    const int64_t begin = p.begin[piece];
    move(row * p.row + p.first + column, piece, row * (p.begin[piece + 1] - begin) + column - begin);
  }
}

template <typename T>
__global__ void Join(void* whole, JoinParams p) {
  ForPieces(p, [&](int64_t at, int piece, int64_t in_piece) {
    static_cast<T*>(whole)[at] = static_cast<const T*>(p.data[piece])[in_piece];
  });
}

template <typename T>
__global__ void Split(const void* whole, JoinParams p) {
  ForPieces(p, [&](int64_t at, int piece, int64_t in_piece) {
    static_cast<T*>(p.data[piece])[in_piece] = static_cast<const T*>(whole)[at];
  });
}

// The place in x of element `i` of y; -1 in constant padding.
__device__ inline int64_t PadSource(const PadParams& p, int64_t i) {
  int64_t source = 0;
  for (int d = p.rank - 1; d >= 0; --d) {
    int64_t at = p.sizes[d].Split(&i) - p.before[d];
    const int64_t size = p.source_sizes[d];
    if (at < 0 || at >= size) {
      if (!p.mirror) return -1;
      at = at < 0 ? -at - p.edge : 2 * size - 2 + p.edge - at;
    }
    source += at * p.strides[d];
  }
  return source;
}

template <typename T>
__global__ void Pad(const void* x, const void* fill, void* y, PadParams p) {
  T value = {};
  if (fill != nullptr) {
    unsigned char bytes[sizeof(T)];
    for (int i = 0; i < static_cast<int>(sizeof(T)); ++i) {
      bytes[i] = static_cast<const unsigned char*>(fill)[i % p.fill_bytes];
    }
    memcpy(&value, bytes, sizeof(T));
  }
  for (int64_t i = GlobalThread(); i < p.count; i += GlobalThreads()) {
    const int64_t source = PadSource(p, i);
    static_cast<T*>(y)[i] = source < 0 ? value : static_cast<const T*>(x)[source];
  }
}

template <typename T, typename Length>
__global__ void ReverseSequence(const void* x, const void* lengths, void* y, ReverseSequenceParams p) {
  for (int64_t i = GlobalThread(); i < p.count; i += GlobalThreads()) {
    int64_t outer = p.sequence_stride.Quotient(i);
    const int64_t at = p.sequence_size.Split(&outer);
    int64_t batch = p.batch_stride.Quotient(i);
    batch = p.batch_size.Split(&batch);
    int64_t length = static_cast<int64_t>(static_cast<const Length*>(lengths)[batch]);
    length = length < 0 ? 0 : length > p.sequence_size.value ? p.sequence_size.value : length;
    const int64_t from = at < length ? i + (length - 1 - 2 * at) * p.sequence_stride.value : i;
    static_cast<T*>(y)[i] = static_cast<const T*>(x)[from];
  }
}

}  // namespace

DeviceFunction<const void*, void*, StridedCopyParams> StridedCopyFunction(int64_t unit_bytes) {
  return ForUnit<DeviceFunction<const void*, void*, StridedCopyParams>>(
      unit_bytes, [](auto unit) { return IndependentKernel("StridedCopy", StridedCopy<decltype(unit)>); });
}

DeviceFunction<const void*, void*, TransposeParams> TransposeFunction(int64_t unit_bytes) {
  return ForUnit<DeviceFunction<const void*, void*, TransposeParams>>(
      unit_bytes, [](auto unit) { return CooperativeKernel("Transpose", Transpose<decltype(unit)>); });
}

DeviceFunction<void*, JoinParams> JoinFunction(int64_t unit_bytes) {
  return ForUnit<DeviceFunction<void*, JoinParams>>(
      unit_bytes, [](auto unit) { return IndependentKernel("Join", Join<decltype(unit)>); });
}

DeviceFunction<const void*, JoinParams> SplitFunction(int64_t unit_bytes) {
  return ForUnit<DeviceFunction<const void*, JoinParams>>(
      unit_bytes, [](auto unit) { return IndependentKernel("Split", Split<decltype(unit)>); });
}

DeviceFunction<const void*, const void*, void*, PadParams> PadFunction(int64_t unit_bytes) {
  return ForUnit<DeviceFunction<const void*, const void*, void*, PadParams>>(
      unit_bytes, [](auto unit) { return IndependentKernel("Pad", Pad<decltype(unit)>); });
}

DeviceFunction<const void*, const void*, void*, ReverseSequenceParams> ReverseSequenceFunction(int64_t unit_bytes,
                                                                                               bool wide_lengths) {
  return ForUnit<DeviceFunction<const void*, const void*, void*, ReverseSequenceParams>>(unit_bytes, [&](auto unit) {
    using T = decltype(unit);
    return wide_lengths ? IndependentKernel("ReverseSequence", ReverseSequence<T, int64_t>)
                        : IndependentKernel("ReverseSequence", ReverseSequence<T, int32_t>);
  });
}

}  // namespace moulin::cuda
