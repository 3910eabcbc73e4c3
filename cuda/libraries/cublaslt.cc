// Covered by tests/cuda/libraries/cublaslt_test.cc, on a stand-in for the library.
//
// cuBLASLt's matrices are column-major, so a row-major product y = a b is given to it as y' = b' a', whose transposed
// matrices are the same memory.
#include "cuda/libraries/cublaslt.h"

#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::cuda {
namespace {

constexpr uint32_t kOperandAlignment = 16;  // of operands, in bytes

// One of cuBLASLt's objects, destroyed with this.
template <typename Handle>
class Owned {
 public:
  using Destroy = cublasStatus_t (*)(Handle);
  explicit Owned(Destroy destroy) : destroy_(destroy) {}
  ~Owned() {
    if (handle_ != nullptr) destroy_(handle_);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Handle* address() { return &handle_; }
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
  Destroy destroy_;
};

class Handle {
 public:
  explicit Handle(std::shared_ptr<const CublasLtApi> api) : api_(std::move(api)), handle_(api_->Destroy) {}
  Status Make() { return api_->ToStatus(api_->Create(handle_.address()), "making a cuBLASLt handle"); }
  const CublasLtApi& api() const { return *api_; }
  cublasLtHandle_t get() const { return handle_.get(); }

 private:
  const std::shared_ptr<const CublasLtApi> api_;
  Owned<cublasLtHandle_t> handle_;
};

cudaDataType_t TypeOf(DType type) {
  if (type == DType::kFloat16) return CUDA_R_16F;
  if (type == DType::kInt8) return CUDA_R_8I;
  if (type == DType::kInt32) return CUDA_R_32I;
  return type == DType::kBFloat16 ? CUDA_R_16BF : CUDA_R_32F;
}

cublasComputeType_t ComputeTypeOf(const MatmulProblem& p) {
  if (p.type == DType::kInt8) return CUBLAS_COMPUTE_32I;
  return p.type == DType::kFloat32 && p.allow_tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

// Whether the int8 kernels take a problem: terms innermost in both operands, sizes that are multiples of 4.
bool FitsInt8(const MatmulProblem& p) {
  return !p.transpose_a && p.transpose_b && p.m % 4 == 0 && p.n % 4 == 0 && p.k % 4 == 0 &&
         p.epilogue == LibraryEpilogue();
}

// Nothing where cuBLASLt has no such epilogue. The residual is its matrix C.
std::optional<cublasLtEpilogue_t> EpilogueOf(const LibraryEpilogue& epilogue) {
  switch (epilogue.activation) {
    case Activation::kNone:
      return epilogue.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    case Activation::kRelu:
      return epilogue.bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    case Activation::kGeluTanh:  // its GELU is the approximation
      return epilogue.bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    default:
      return std::nullopt;
  }
}

// A problem's descriptors. `a` and `b` are cuBLASLt's: our b and our a.
struct Descriptors {
  explicit Descriptors(const CublasLtApi& api)
      : operation(api.MatmulDescDestroy),
        a(api.MatrixLayoutDestroy),
        b(api.MatrixLayoutDestroy),
        y(api.MatrixLayoutDestroy) {}

  Status Make(const CublasLtApi& api, const MatmulProblem& p, const void* bias) {
    const bool is_int8 = p.type == DType::kInt8;
    MOULIN_RETURN_IF_ERROR(
        Check(api, api.MatmulDescCreate(operation.address(), ComputeTypeOf(p), is_int8 ? CUDA_R_32I : CUDA_R_32F)));
    MOULIN_RETURN_IF_ERROR(Set(api, CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N));
    MOULIN_RETURN_IF_ERROR(Set(api, CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N));
    MOULIN_RETURN_IF_ERROR(Set(api, CUBLASLT_MATMUL_DESC_EPILOGUE, *EpilogueOf(p.epilogue)));
    if (p.epilogue.bias) MOULIN_RETURN_IF_ERROR(Set(api, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias));
    MOULIN_RETURN_IF_ERROR(
        MakeLayout(api, &a, p.type, p, p.transpose_b ? p.k : p.n, p.transpose_b ? p.n : p.k, p.broadcast_b));
    MOULIN_RETURN_IF_ERROR(
        MakeLayout(api, &b, p.type, p, p.transpose_a ? p.m : p.k, p.transpose_a ? p.k : p.m, p.broadcast_a));
    return MakeLayout(api, &y, ResultTypeOf(p.type, p.epilogue), p, p.n, p.m, /*is_broadcast=*/false);
  }

  Owned<cublasLtMatmulDesc_t> operation;
  Owned<cublasLtMatrixLayout_t> a, b, y;

 private:
  static Status Check(const CublasLtApi& api, cublasStatus_t status) {
    return api.ToStatus(status, "describing a product to cuBLASLt");
  }
  template <typename T>
  Status Set(const CublasLtApi& api, cublasLtMatmulDescAttributes_t attribute, T value) {
    return Check(api, api.MatmulDescSetAttribute(operation.get(), attribute, &value, sizeof(value)));
  }
  static Status MakeLayout(const CublasLtApi& api, Owned<cublasLtMatrixLayout_t>* layout, DType type,
                           const MatmulProblem& p, int64_t rows, int64_t columns, bool is_broadcast) {
    MOULIN_RETURN_IF_ERROR(
        Check(api, api.MatrixLayoutCreate(layout->address(), TypeOf(type), rows, columns, /*ld=*/rows)));
    const int32_t batch = static_cast<int32_t>(p.batch);
    const int64_t stride = is_broadcast ? 0 : rows * columns;
    MOULIN_RETURN_IF_ERROR(Check(
        api, api.MatrixLayoutSetAttribute(layout->get(), CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof(batch))));
    return Check(api, api.MatrixLayoutSetAttribute(layout->get(), CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                                   sizeof(stride)));
  }
};

class CublasLtPlan : public LibraryPlan {
 public:
  CublasLtPlan(std::shared_ptr<const Handle> handle, const MatmulProblem& problem,
               const cublasLtMatmulHeuristicResult_t& chosen, std::string name)
      : handle_(std::move(handle)), problem_(problem), chosen_(chosen), name_(std::move(name)) {}

  std::string name() const override { return name_; }
  int64_t workspace_bytes() const override { return static_cast<int64_t>(chosen_.workspaceSize); }

  Status Enqueue(cudaStream_t stream, const LibraryOperands& operands, void* workspace) const override {
    const CublasLtApi& api = handle_->api();
    Descriptors descriptors(api);
    MOULIN_RETURN_IF_ERROR(descriptors.Make(api, problem_, operands.bias));
    const bool is_int8 = problem_.type == DType::kInt8;
    const float float_one = 1, float_beta = problem_.epilogue.residual ? 1 : 0;
    const int32_t int_one = 1, int_beta = 0;
    const void* one = is_int8 ? static_cast<const void*>(&int_one) : &float_one;
    const void* beta = is_int8 ? static_cast<const void*>(&int_beta) : &float_beta;
    const void* c = problem_.epilogue.residual ? operands.residual : operands.y;
    return api.ToStatus(api.Matmul(handle_->get(), descriptors.operation.get(), one, operands.w, descriptors.a.get(),
                                   operands.x, descriptors.b.get(), beta, c, descriptors.y.get(), operands.y,
                                   descriptors.y.get(), &chosen_.algo, workspace, chosen_.workspaceSize, stream),
                        name_);
  }

 private:
  const std::shared_ptr<const Handle> handle_;
  const MatmulProblem problem_;
  const cublasLtMatmulHeuristicResult_t chosen_;
  const std::string name_;
};

class CublasLtLibrary : public PrimitiveLibrary {
 public:
  CublasLtLibrary(std::shared_ptr<const Handle> handle, const CublasLtOptions& options)
      : handle_(std::move(handle)), options_(options) {}

  std::string version() const override { return absl::StrCat("cuBLASLt ", handle_->api().GetVersion()); }
  LibraryPlans Convolution(const ConvProblem&) override { return {}; }
  LibraryPlans Attention(const AttentionProblem&) override { return {}; }

  LibraryPlans Matmul(const MatmulProblem& problem) override {
    const bool has_type = problem.type == DType::kFloat32 || problem.type == DType::kFloat16 ||
                          problem.type == DType::kBFloat16 || (problem.type == DType::kInt8 && FitsInt8(problem));
    if (!has_type || !EpilogueOf(problem.epilogue).has_value() || problem.batch > INT32_MAX) return {};
    StatusOr<std::vector<cublasLtMatmulHeuristicResult_t>> results = Ask(problem);
    LibraryPlans plans;
    if (!results.ok()) return plans;
    for (const cublasLtMatmulHeuristicResult_t& result : *results) {
      if (result.state == CUBLAS_STATUS_SUCCESS) {
        plans.push_back(std::make_shared<CublasLtPlan>(handle_, problem, result, NameOf(result.algo)));
      }
    }
    return plans;
  }

 private:
  StatusOr<std::vector<cublasLtMatmulHeuristicResult_t>> Ask(const MatmulProblem& problem) const {
    const CublasLtApi& api = handle_->api();
    Descriptors descriptors(api);
    // Only whether there is a bias, and its alignment, matter here.
    MOULIN_RETURN_IF_ERROR(descriptors.Make(api, problem, reinterpret_cast<const void*>(uintptr_t{kOperandAlignment})));
    Owned<cublasLtMatmulPreference_t> preference(api.MatmulPreferenceDestroy);
    MOULIN_RETURN_IF_ERROR(Check(api.MatmulPreferenceCreate(preference.address())));
    const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
      return Check(api.MatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof(value)));
    };
    MOULIN_RETURN_IF_ERROR(
        set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(options_.max_workspace_bytes)));
    MOULIN_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                               uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE}));
    for (cublasLtMatmulPreferenceAttributes_t operand :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      MOULIN_RETURN_IF_ERROR(set(operand, kOperandAlignment));
    }
    std::vector<cublasLtMatmulHeuristicResult_t> results(options_.max_candidates);
    int count = 0;
    MOULIN_RETURN_IF_ERROR(Check(api.MatmulAlgoGetHeuristic(
        handle_->get(), descriptors.operation.get(), descriptors.a.get(), descriptors.b.get(), descriptors.y.get(),
        descriptors.y.get(), preference.get(), options_.max_candidates, results.data(), &count)));
    results.resize(count);
    return results;
  }

  Status Check(cublasStatus_t status) const { return handle_->api().ToStatus(status, "asking cuBLASLt for kernels"); }

  // By the settings that tell algorithms apart, which stay the same for a version of the library.
  std::string NameOf(const cublasLtMatmulAlgo_t& algorithm) const {
    std::vector<int> settings;
    for (cublasLtMatmulAlgoConfigAttributes_t attribute :
         {CUBLASLT_ALGO_CONFIG_ID, CUBLASLT_ALGO_CONFIG_TILE_ID, CUBLASLT_ALGO_CONFIG_SPLITK_NUM,
          CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING, CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION,
          CUBLASLT_ALGO_CONFIG_STAGES_ID, CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID, CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID}) {
      // Shapes are 16 bits, the others 32.
      const bool is_short =
          attribute == CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID || attribute == CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID;
      uint32_t value = 0;
      size_t written = 0;
      handle_->api().MatmulAlgoConfigGetAttribute(&algorithm, attribute, &value, is_short ? 2 : 4, &written);
      settings.push_back(static_cast<int>(value));
    }
    return absl::StrCat("cublaslt:algorithm ", settings[0], " {",
                        absl::StrJoin(settings.begin() + 1, settings.end(), ","), "}");
  }

  const std::shared_ptr<const Handle> handle_;
  const CublasLtOptions options_;
};

}  // namespace

StatusOr<std::shared_ptr<PrimitiveLibrary>> MakeCublasLtLibrary(std::shared_ptr<const CublasLtApi> api,
                                                                const CublasLtOptions& options) {
  auto handle = std::make_shared<Handle>(std::move(api));
  MOULIN_RETURN_IF_ERROR(handle->Make());
  return std::shared_ptr<PrimitiveLibrary>(std::make_shared<CublasLtLibrary>(std::move(handle), options));
}

StatusOr<std::shared_ptr<PrimitiveLibrary>> MakeCublasLtLibrary(const CublasLtOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<const CublasLtApi> api, CublasLtApi::Load(options.directories));
  return MakeCublasLtLibrary(std::move(api), options);
}

}  // namespace moulin::cuda
