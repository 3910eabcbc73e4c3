// Neighbouring elements read and written by one access. Device code.
#ifndef MOULIN_CUDA_KERNELS_VECTOR_H_
#define MOULIN_CUDA_KERNELS_VECTOR_H_

namespace moulin::cuda {

// `kSize` elements of T at an address that is a multiple of their size in all.
template <typename T, int kSize>
struct alignas(sizeof(T) * kSize) Vector {
  T at[kSize];
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_KERNELS_VECTOR_H_
