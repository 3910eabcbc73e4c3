// Products of matrices, strided and batched. Covered by tests/cuda/kernels/contract_test.cc.
#include "cuda/kernels/contract.h"
#include "cuda/kernels/gemm_tile.h"

namespace moulin::cuda {
namespace {

// Where the batch's i-th matrix starts.
__device__ inline int64_t BatchOffset(const ContractParams& p, const int64_t* strides, int64_t i) {
  int64_t offset = 0;
  for (int axis = p.batch_axes - 1; axis >= 0; --axis) {
    offset += i % p.sizes[axis] * strides[axis];
    i /= p.sizes[axis];
  }
  return offset;
}

template <typename T>
struct StridedMatrices {
  using Row = const T*;
  using Column = const T*;
  const T* a_data;
  const T* b_data;
  const ContractParams& p;

  __device__ Row a_row(int64_t batch, int64_t row) const {
    return a_data + BatchOffset(p, p.a_strides, batch) + row * p.a_row;
  }
  __device__ Column b_column(int64_t batch, int64_t column) const {
    return b_data + BatchOffset(p, p.b_strides, batch) + column * p.b_column;
  }
  __device__ T a(Row row, int64_t k) const { return row[k * p.a_column]; }
  __device__ T b(Column column, int64_t k) const { return column[k * p.b_row]; }
  __device__ int64_t y(int64_t batch, int64_t row, int64_t column) const { return (batch * p.m + row) * p.n + column; }
  __device__ int64_t bias(int64_t, int64_t column) const { return column; }
  __device__ bool a_is_row_major() const { return p.a_column == 1; }
  __device__ bool b_is_row_major() const { return p.b_column == 1; }
};

// R: the type of the result.
template <typename T, typename R = T>
__global__ void __launch_bounds__(kGemmThreads)
    ContractKernel(const void* a, const void* b, void* y, ContractParams p, FusedEpilogue epilogue) {
  const StridedMatrices<T> matrices{static_cast<const T*>(a), static_cast<const T*>(b), p};
  ComputeGemmTiles<T>(matrices, {p.batch, p.m, p.n, p.k}, epilogue, static_cast<R*>(y));
}

// 32 columns x 8 slices of k: sums of the slices are added in their order.
template <typename T>
__global__ void __launch_bounds__(256)
    ContractRowKernel(const void* a, const void* b, void* y, ContractParams p, FusedEpilogue epilogue) {
  using C = ComputeType<T>;
  constexpr int kColumns = 32, kSlices = 8;
  __shared__ C partial[kSlices][kColumns + 1];
  const StridedMatrices<T> matrices{static_cast<const T*>(a), static_cast<const T*>(b), p};
  const int64_t column_blocks = (p.n + kColumns - 1) / kColumns;
  const int64_t blocks = p.batch * p.m * column_blocks;
  const int t = static_cast<int>(threadIdx.x);
  // Where b is stored by columns, neighbours read along k.
  const bool by_rows = matrices.b_is_row_major();
  const int slice = by_rows ? t / kColumns : t % kSlices, c = by_rows ? t % kColumns : t / kSlices;
  for (int64_t block = blockIdx.x; block < blocks; block += gridDim.x) {
    const int64_t batch = block / column_blocks / p.m, row = block / column_blocks % p.m;
    const int64_t column0 = block % column_blocks * kColumns;
    C sum = 0;
    if (column0 + c < p.n) {
      const T* a_row = matrices.a_row(batch, row);
      const T* b_column = matrices.b_column(batch, column0 + c);
      for (int64_t k = slice; k < p.k; k += kSlices) sum += Load(matrices.a(a_row, k)) * Load(matrices.b(b_column, k));
    }
    partial[slice][c] = sum;
    __syncthreads();
    if (t < kColumns && column0 + t < p.n) {
      C total = 0;
      for (int i = 0; i < kSlices; ++i) total += partial[i][t];
      const int64_t at = matrices.y(batch, row, column0 + t);
      static_cast<T*>(y)[at] = Finish<T>(epilogue, total, column0 + t, at);
    }
    __syncthreads();
  }
}

using Function = DeviceFunction<const void*, const void*, void*, ContractParams, FusedEpilogue>;

template <typename T>
Function Make(const char* name) {
  return CooperativeKernel(name, ContractKernel<T>);
}

}  // namespace

Function ContractFunction(DType type, DType product) {
  if (type == DType::kInt8 && product == DType::kInt32) {
    return CooperativeKernel("contract i8 i32", ContractKernel<int8_t, int32_t>);
  }
  switch (type) {
    case DType::kFloat32:
      return Make<float>("contract f32");
    case DType::kFloat64:
      return Make<double>("contract f64");
    case DType::kFloat16:
      return Make<Float16Bits>("contract f16");
    case DType::kBFloat16:
      return Make<BFloat16Bits>("contract bf16");
    // Modulo 2^bits signed and unsigned products are the same bits.
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kQInt8:
    case DType::kQUInt8:
      return Make<uint8_t>("contract i8");
    case DType::kInt16:
    case DType::kUInt16:
    case DType::kQInt16:
    case DType::kQUInt16:
      return Make<uint16_t>("contract i16");
    case DType::kInt32:
    case DType::kUInt32:
    case DType::kQInt32:
      return Make<uint32_t>("contract i32");
    case DType::kInt64:
    case DType::kUInt64:
      return Make<uint64_t>("contract i64");
    default:
      return {};
  }
}

Function ContractRowFunction(DType type) {
  switch (type) {
    case DType::kFloat32:
      return CooperativeKernel("contract row f32", ContractRowKernel<float>);
    case DType::kFloat16:
      return CooperativeKernel("contract row f16", ContractRowKernel<Float16Bits>);
    case DType::kBFloat16:
      return CooperativeKernel("contract row bf16", ContractRowKernel<BFloat16Bits>);
    default:
      return {};
  }
}

}  // namespace moulin::cuda
