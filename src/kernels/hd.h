// Marks functions that are compiled for the host and, by nvcc, for the device too.
#ifndef MOULIN_KERNELS_HD_H_
#define MOULIN_KERNELS_HD_H_

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define MOULIN_HD __host__ __device__
#else
#define MOULIN_HD
#endif

#endif  // MOULIN_KERNELS_HD_H_
