// What we ask of cuBLASLt (layouts, transposition, epilogues), on a stand-in that computes column-major products as the
// library's documentation has them.
#include "cuda/libraries/cublaslt.h"

#include <cmath>
#include <cstring>
#include <map>
#include <memory>

#include "base/half.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libraries/reference_library.h"

namespace moulin::cuda {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The library's opaque objects, as the stand-in has them.
struct Operation {
  cublasComputeType_t compute;
  std::map<int, std::vector<char>> attributes;
  template <typename T>
  T Get(int attribute, T otherwise) const {
    const auto found = attributes.find(attribute);
    if (found != attributes.end()) std::memcpy(&otherwise, found->second.data(), sizeof(T));
    return otherwise;
  }
};
struct Layout {
  cudaDataType type;
  int64_t rows, columns, ld;
  int32_t batch = 1;
  int64_t stride = 0;
};

int live_objects = 0;
cublasComputeType_t last_compute;

template <typename Object, typename Raw>
Object* As(Raw raw) {
  return reinterpret_cast<Object*>(const_cast<void*>(static_cast<const void*>(raw)));
}

cublasStatus_t Create(cublasLtHandle_t* handle) {
  ++live_objects;
  *handle = reinterpret_cast<cublasLtHandle_t>(new char);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t Destroy(cublasLtHandle_t handle) {
  --live_objects;
  delete As<char>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t DescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute, cudaDataType) {
  ++live_objects;
  *desc = reinterpret_cast<cublasLtMatmulDesc_t>(new Operation{compute, {}});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t DescDestroy(cublasLtMatmulDesc_t desc) {
  --live_objects;
  delete As<Operation>(desc);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t DescSet(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute, const void* value,
                       size_t size) {
  const char* bytes = static_cast<const char*>(value);
  As<Operation>(desc)->attributes[attribute].assign(bytes, bytes + size);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t LayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, uint64_t rows, uint64_t columns,
                            int64_t ld) {
  ++live_objects;
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(
      new Layout{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), ld});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t LayoutDestroy(cublasLtMatrixLayout_t layout) {
  --live_objects;
  delete As<Layout>(layout);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t LayoutSet(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                         size_t size) {
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT && size == 4) {
    std::memcpy(&As<Layout>(layout)->batch, value, size);
  } else if (attribute == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET && size == 8) {
    std::memcpy(&As<Layout>(layout)->stride, value, size);
  } else {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t PreferenceCreate(cublasLtMatmulPreference_t* preference) {
  ++live_objects;
  *preference = reinterpret_cast<cublasLtMatmulPreference_t>(new char);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t PreferenceDestroy(cublasLtMatmulPreference_t preference) {
  --live_objects;
  delete As<char>(preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t PreferenceSet(cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t, const void*, size_t) {
  return CUBLAS_STATUS_SUCCESS;
}

// Shapes that do not fit are what the library would refuse.
bool Fits(const Operation& op, const Layout& a, const Layout& b, const Layout& d) {
  const bool ta = op.Get(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_N) == CUBLAS_OP_T;
  const bool tb = op.Get(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N) == CUBLAS_OP_T;
  return (ta ? a.columns : a.rows) == d.rows && (tb ? b.rows : b.columns) == d.columns &&
         (ta ? a.rows : a.columns) == (tb ? b.columns : b.rows) && a.batch == d.batch && b.batch == d.batch;
}

cublasStatus_t Heuristic(cublasLtHandle_t, cublasLtMatmulDesc_t op, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                         cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t, int requested,
                         cublasLtMatmulHeuristicResult_t results[], int* count) {
  if (!Fits(*As<Operation>(op), *As<Layout>(a), *As<Layout>(b), *As<Layout>(d))) return CUBLAS_STATUS_INVALID_VALUE;
  *count = std::min(requested, 2);
  for (int i = 0; i < *count; ++i) {
    results[i] = {};
    results[i].algo.data[0] = 40 + i;
    results[i].workspaceSize = 128;
    results[i].state = CUBLAS_STATUS_SUCCESS;
  }
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t AlgorithmGet(const cublasLtMatmulAlgo_t* algorithm, cublasLtMatmulAlgoConfigAttributes_t attribute,
                            void* value, size_t size, size_t* written) {
  const uint32_t id = attribute == CUBLASLT_ALGO_CONFIG_ID ? static_cast<uint32_t>(algorithm->data[0]) : 0;
  std::memcpy(value, &id, size);
  *written = size;
  return CUBLAS_STATUS_SUCCESS;
}

double At(const Layout& layout, const void* data, int64_t batch, int64_t row, int64_t column) {
  const int64_t i = batch * layout.stride + column * layout.ld + row;
  if (layout.type == CUDA_R_16F) return static_cast<float>(static_cast<const Half*>(data)[i]);
  if (layout.type == CUDA_R_16BF) return static_cast<float>(static_cast<const BFloat16*>(data)[i]);
  if (layout.type == CUDA_R_8I) return static_cast<const int8_t*>(data)[i];
  return static_cast<const float*>(data)[i];
}

cublasStatus_t Multiply(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha, const void* a_data,
                        cublasLtMatrixLayout_t a_layout, const void* b_data, cublasLtMatrixLayout_t b_layout,
                        const void* beta, const void* c_data, cublasLtMatrixLayout_t c_layout, void* d_data,
                        cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t*, void*, size_t, cudaStream_t) {
  const Operation& op = *As<Operation>(desc);
  const Layout &a = *As<Layout>(a_layout), &b = *As<Layout>(b_layout), &d = *As<Layout>(d_layout);
  if (!Fits(op, a, b, d)) return CUBLAS_STATUS_INVALID_VALUE;
  last_compute = op.compute;

  const bool ta = op.Get(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_N) == CUBLAS_OP_T;
  const bool tb = op.Get(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N) == CUBLAS_OP_T;
  const auto epilogue = op.Get(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT);
  const void* bias = op.Get<const void*>(CUBLASLT_MATMUL_DESC_BIAS_POINTER, nullptr);
  for (int64_t i = 0; i < d.batch * d.rows * d.columns; ++i) {
    const int64_t row = i % d.rows, column = i / d.rows % d.columns, batch = i / d.rows / d.columns;
    double sum = 0;
    for (int64_t k = 0; k < (ta ? a.rows : a.columns); ++k) {
      sum += At(a, a_data, batch, ta ? k : row, ta ? row : k) * At(b, b_data, batch, tb ? column : k, tb ? k : column);
    }
    const bool is_int8 = op.compute == CUBLAS_COMPUTE_32I;  // then the factors are integers as well
    sum *= is_int8 ? *static_cast<const int32_t*>(alpha) : *static_cast<const float*>(alpha);
    const double scale = is_int8 ? *static_cast<const int32_t*>(beta) : *static_cast<const float*>(beta);
    if (scale != 0) sum += scale * At(*As<Layout>(c_layout), c_data, batch, row, column);
    const Layout bias_layout{d.type, d.rows, 1, d.rows};
    if ((epilogue & CUBLASLT_EPILOGUE_BIAS) != 0) sum += At(bias_layout, bias, 0, row, 0);
    if ((epilogue & CUBLASLT_EPILOGUE_RELU) != 0) sum = std::max(sum, 0.0);
    if ((epilogue & CUBLASLT_EPILOGUE_GELU) != 0) {
      sum *= 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (sum + 0.044715 * sum * sum * sum)));
    }
    const int64_t at = batch * d.stride + column * d.ld + row;
    if (d.type == CUDA_R_16F) {
      static_cast<Half*>(d_data)[at] = Half(static_cast<float>(sum));
    } else if (d.type == CUDA_R_16BF) {
      static_cast<BFloat16*>(d_data)[at] = BFloat16(static_cast<float>(sum));
    } else if (d.type == CUDA_R_32I) {
      static_cast<int32_t*>(d_data)[at] = static_cast<int32_t>(sum);
    } else {
      static_cast<float*>(d_data)[at] = static_cast<float>(sum);
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

std::shared_ptr<CublasLtApi> StandIn() {
  auto api = std::make_shared<CublasLtApi>();
  api->GetVersion = []() -> size_t { return 130000; };
  api->GetStatusName = [](cublasStatus_t) { return "a status"; };
  api->Create = Create;
  api->Destroy = Destroy;
  api->Matmul = Multiply;
  api->MatmulDescCreate = DescCreate;
  api->MatmulDescDestroy = DescDestroy;
  api->MatmulDescSetAttribute = DescSet;
  api->MatrixLayoutCreate = LayoutCreate;
  api->MatrixLayoutDestroy = LayoutDestroy;
  api->MatrixLayoutSetAttribute = LayoutSet;
  api->MatmulPreferenceCreate = PreferenceCreate;
  api->MatmulPreferenceDestroy = PreferenceDestroy;
  api->MatmulPreferenceSetAttribute = PreferenceSet;
  api->MatmulAlgoGetHeuristic = Heuristic;
  api->MatmulAlgoConfigGetAttribute = AlgorithmGet;
  return api;
}

Status RunNow(cudaStream_t, std::function<void()> work) {
  work();
  return absl::OkStatus();
}

// Small whole numbers of the type.
std::vector<char> Operand(DType type, int64_t elements, int seed) {
  std::vector<char> bytes(elements * SizeOf(type));
  for (int64_t i = 0; i < elements; ++i) {
    const float value = static_cast<float>((i * 7 + seed * 3 + i / 5) % 5 - 2);
    if (type == DType::kFloat16) reinterpret_cast<Half*>(bytes.data())[i] = Half(value);
    if (type == DType::kBFloat16) reinterpret_cast<BFloat16*>(bytes.data())[i] = BFloat16(value);
    if (type == DType::kFloat32) reinterpret_cast<float*>(bytes.data())[i] = value;
    if (type == DType::kInt8) bytes[i] = static_cast<char>(60 * value);
  }
  return bytes;
}

// That a plan computes what the problem's definition says, to the bit.
void ExpectComputes(PrimitiveLibrary& library, const MatmulProblem& p) {
  SCOPED_TRACE(ToString(p));
  const int64_t result = p.batch * p.m * p.n;
  const auto a = Operand(p.type, (p.broadcast_a ? 1 : p.batch) * p.m * p.k, 1);
  const auto b = Operand(p.type, (p.broadcast_b ? 1 : p.batch) * p.k * p.n, 2);
  const auto bias = Operand(p.type, p.n, 3), residual = Operand(p.type, result, 4);
  std::vector<char> got(result * SizeOf(ResultTypeOf(p.type, p.epilogue)), 'x'), expected = got, workspace(1000);
  LibraryOperands operands{a.data(), b.data(), nullptr, bias.data(), residual.data(), nullptr, got.data()};
  const LibraryPlans plans = library.Matmul(p);
  ASSERT_FALSE(plans.empty());
  const Status status = plans[0]->Enqueue(nullptr, operands, workspace.data());
  ASSERT_TRUE(status.ok()) << status;
  operands.y = expected.data();
  ReferenceLibrary reference(RunNow);
  ASSERT_TRUE(reference.Matmul(p)[0]->Enqueue(nullptr, operands, workspace.data()).ok());
  EXPECT_EQ(got, expected);
}

class CublasLtTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto library = MakeCublasLtLibrary(StandIn(), CublasLtOptions());
    ASSERT_TRUE(library.ok());
    library_ = *library;
  }
  void TearDown() override {
    library_ = nullptr;
    EXPECT_EQ(live_objects, 0);
  }
  std::shared_ptr<PrimitiveLibrary> library_;
};

// int8: the kernels take terms innermost in both operands, in multiples of 4; sums are int32, all else is ours.
TEST_F(CublasLtTest, Int8) {
  MatmulProblem p;
  p.type = DType::kInt8;
  p.m = 8;
  p.n = 12;
  p.k = 64;
  p.transpose_b = true;
  ExpectComputes(*library_, p);
  EXPECT_EQ(last_compute, CUBLAS_COMPUTE_32I);
  const auto is_refused = [&](auto change) {
    MatmulProblem changed = p;
    change(&changed);
    return library_->Matmul(changed).empty();
  };
  EXPECT_TRUE(is_refused([](MatmulProblem* q) { q->transpose_b = false; }));
  EXPECT_TRUE(is_refused([](MatmulProblem* q) { q->transpose_a = true; }));
  EXPECT_TRUE(is_refused([](MatmulProblem* q) { q->n = 10; }));
  EXPECT_TRUE(is_refused([](MatmulProblem* q) { q->epilogue.scaling.emplace(); }));
}

TEST_F(CublasLtTest, OperandsOfAnyOrder) {
  for (const DType type : {DType::kFloat32, DType::kFloat16, DType::kBFloat16}) {
    for (int bits = 0; bits < 16; ++bits) {
      MatmulProblem p;
      p.type = type;
      p.m = 3;
      p.n = 4;
      p.k = 5;
      p.transpose_a = bits & 1;
      p.transpose_b = bits & 2;
      p.broadcast_a = bits & 4;
      p.broadcast_b = bits & 8;
      p.batch = 2;
      ExpectComputes(*library_, p);
    }
  }
}

TEST_F(CublasLtTest, Epilogues) {
  for (const Activation activation : {Activation::kNone, Activation::kRelu, Activation::kGeluTanh}) {
    for (int bits = 0; bits < 4; ++bits) {
      MatmulProblem p;
      p.type = DType::kFloat16;
      p.m = 6;
      p.n = 3;
      p.k = 2;
      p.epilogue = {(bits & 1) != 0, (bits & 2) != 0, activation};
      ExpectComputes(*library_, p);
    }
  }
}

TEST_F(CublasLtTest, WhatItDoesNotHave) {
  MatmulProblem p;
  p.m = p.n = p.k = 4;
  p.epilogue.activation = Activation::kGeluErf;  // its own is the approximation
  EXPECT_THAT(library_->Matmul(p), IsEmpty());
  p.epilogue.activation = Activation::kNone;
  p.type = DType::kFloat64;
  EXPECT_THAT(library_->Matmul(p), IsEmpty());
  EXPECT_THAT(library_->Convolution({}), IsEmpty());
  EXPECT_THAT(library_->Attention({}), IsEmpty());
}

TEST_F(CublasLtTest, RoundsToTf32OnlyWhereAllowed) {
  MatmulProblem p;
  p.m = p.n = p.k = 4;
  ExpectComputes(*library_, p);
  EXPECT_EQ(last_compute, CUBLAS_COMPUTE_32F);
  p.allow_tf32 = true;
  ExpectComputes(*library_, p);
  EXPECT_EQ(last_compute, CUBLAS_COMPUTE_32F_FAST_TF32);
  p.type = DType::kFloat16;
  ExpectComputes(*library_, p);
  EXPECT_EQ(last_compute, CUBLAS_COMPUTE_32F);
}

TEST_F(CublasLtTest, CandidatesHaveNamesAndWorkspace) {
  MatmulProblem p;
  p.m = p.n = p.k = 4;
  const LibraryPlans plans = library_->Matmul(p);
  ASSERT_EQ(plans.size(), 2u);
  EXPECT_THAT(plans[0]->name(), HasSubstr("cublaslt:algorithm 40 {"));
  EXPECT_THAT(plans[1]->name(), HasSubstr("cublaslt:algorithm 41 {"));
  EXPECT_EQ(plans[0]->workspace_bytes(), 128);
}

TEST(CublasLt, AbsentWithoutADevice) {
  auto api = StandIn();
  api->Create = [](cublasLtHandle_t*) { return CUBLAS_STATUS_NOT_INITIALIZED; };
  const auto library = MakeCublasLtLibrary(api, CublasLtOptions());
  ASSERT_FALSE(library.ok());
  EXPECT_THAT(library.status().message(), HasSubstr("E_DEVICE: making a cuBLASLt handle: a status"));
}

// The library itself, where it is there: every function of the table is found, and the error is a clear one.
TEST(CublasLt, RealLibraryWithoutADevice) {
  const auto api = CublasLtApi::Load({});
  if (!api.ok()) GTEST_SKIP() << api.status();
  EXPECT_GT((*api)->GetVersion(), 120000u);
}

}  // namespace
}  // namespace moulin::cuda
