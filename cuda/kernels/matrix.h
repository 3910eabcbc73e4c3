// Kernels over the bands and diagonals of matrices, for elements of 1, 2, 4, 8 or 16 bytes.
#ifndef MOULIN_CUDA_KERNELS_MATRIX_H_
#define MOULIN_CUDA_KERNELS_MATRIX_H_

#include <cstdint>

#include "cuda/kernels/divisor.h"
#include "cuda/kernels/index_type.h"
#include "cuda/runtime/device_function.h"
#include "kernels/hd.h"

namespace moulin::cuda {

// Where the packed diagonals [lower, upper] of matrices of rows x cols lie: row r of the packed matrix holds diagonal
// upper - r, shorter ones padded at the start or at the end.
struct BandLayout {
  int64_t lower, upper;
  Divisor rows, cols;
  Divisor count;   // of diagonals
  Divisor length;  // of the longest
  bool superdiagonals_left, subdiagonals_left;

  MOULIN_HD int64_t Length(int64_t d) const {
    const int64_t down = rows.value + (d < 0 ? d : 0), along = cols.value - (d > 0 ? d : 0);
    return down < along ? down : along;
  }
  // Padding in front of diagonal d.
  MOULIN_HD int64_t Offset(int64_t d) const {
    const bool left = (d >= 0 && superdiagonals_left) || (d <= 0 && subdiagonals_left);
    return left ? 0 : length.value - Length(d);
  }
  MOULIN_HD bool Contains(int64_t row, int64_t col) const { return col - row >= lower && col - row <= upper; }
  // The place of (row, col) in the packed diagonals of one matrix.
  MOULIN_HD int64_t Index(int64_t row, int64_t col) const {
    const int64_t d = col - row;
    return (upper - d) * length.value + col - (d > 0 ? d : 0) + Offset(d);
  }
};

// y = x within `lower` subdiagonals and `upper` superdiagonals (all of them where negative), 0 elsewhere. Both are
// scalars on the device. y may be x.
struct BandPartParams {
  IndexType index_type;
  int64_t elements;
  Divisor rows, cols;
};
DeviceFunction<const void*, const void*, const void*, void*, BandPartParams> BandPartFunction(int64_t element_bytes);

// Matrices y from packed diagonals; elsewhere they hold those of x, which has y's shape (and may be y), or where x is
// null *padding. (diagonals, x, padding, y, elements of y, band)
DeviceFunction<const void*, const void*, const void*, void*, int64_t, BandLayout> SetDiagonalsFunction(
    int64_t element_bytes);

// The packed diagonals y of matrices x; *padding where a diagonal is short. (x, padding, y, elements of y, band)
DeviceFunction<const void*, const void*, void*, int64_t, BandLayout> DiagonalsFunction(int64_t element_bytes);

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_MATRIX_H_
