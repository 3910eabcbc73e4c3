// Batched products of matrices: by libraries where the batch is one axis (or none), else by an own kernel, which takes
// every type and broadcast. Covered by tests/cuda/kernels/contract_test.cc, tests/cuda/libraries/library_path_test.cc.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "cuda/kernels/contract.h"
#include "cuda/product_kernel.h"
#include "ops/axes.h"

namespace moulin::cuda {
namespace {

// More rows than that fill tiles well enough.
constexpr int64_t kFewRows = 8;

class ContractMaker {
 public:
  explicit ContractMaker(const KernelRequest& request)
      : request_(request),
        attrs_(request.node.attr<ContractAttrs>()),
        type_(request.dtype(0)),
        product_type_(ProductTypeOf(attrs_, type_)) {
    const Shape y = request.output_shape();
    const int rank = y.rank();
    params_.m = y[rank - 2];
    params_.n = y[rank - 1];
    const Shape a = request.shape(0), b = request.shape(1);
    params_.k = a[a.rank() - (attrs_.transpose_a ? 2 : 1)];
    params_.a_row = attrs_.transpose_a ? 1 : params_.k;
    params_.a_column = attrs_.transpose_a ? params_.m : 1;
    params_.b_row = attrs_.transpose_b ? 1 : params_.n;
    params_.b_column = attrs_.transpose_b ? params_.k : 1;
    JoinBatch(SubShape(y, 0, rank - 2), BatchStrides(a, y), BatchStrides(b, y));
    // One matrix b for all: the batch is more rows.
    if (params_.batch > 1 && params_.batch_axes == 1 && params_.b_strides[0] == 0 &&
        params_.a_strides[0] == params_.m * params_.k && !attrs_.transpose_a) {
      params_.m *= params_.batch;
      params_.batch = 1;
      params_.batch_axes = 0;
    }
  }

  StatusOr<KernelPtr> Make() {
    if (too_many_axes_ || !ContractFunction(type_, product_type_)) return KernelPtr();
    const auto own = [this](const LibraryEpilogue& epilogue) { return OwnWays(epilogue); };
    const auto library = [this](const LibraryEpilogue& epilogue) { return LibraryWays(epilogue); };
    return MakeProductKernel(
        request_, {Key(), product_type_, attrs_.epilogue, 2, request_.output_shape().rank() - 1, library, own});
  }

 private:
  static Shape::Dims BatchStrides(const Shape& operand, const Shape& y) {
    Shape::Dims strides = BroadcastStrides(
        operand, ConcatShapes(SubShape(y, 0, y.rank() - 2), SubShape(operand, operand.rank() - 2, operand.rank())));
    strides.resize(y.rank() - 2);
    return strides;
  }

  // Axes that are one axis in both operands are joined.
  void JoinBatch(const Shape& batch, const Shape::Dims& a, const Shape::Dims& b) {
    int n = 0;
    for (int i = 0; i < batch.rank(); ++i) {
      params_.batch *= batch[i];
      if (batch[i] == 1) continue;
      if (n > 0 && params_.a_strides[n - 1] == a[i] * batch[i] && params_.b_strides[n - 1] == b[i] * batch[i]) {
        params_.sizes[n - 1] *= batch[i];
        params_.a_strides[n - 1] = a[i];
        params_.b_strides[n - 1] = b[i];
        continue;
      }
      if (n == kMaxBatchAxes) {
        too_many_axes_ = true;
        return;
      }
      params_.sizes[n] = batch[i];
      params_.a_strides[n] = a[i];
      params_.b_strides[n++] = b[i];
    }
    params_.batch_axes = n;
  }

  std::string Key() const {
    std::string key = ToString(Problem({}));
    for (int i = 0; i < params_.batch_axes; ++i) {
      absl::StrAppend(&key, " ", params_.sizes[i], ":", params_.a_strides[i], ":", params_.b_strides[i]);
    }
    return key;
  }

  MatmulProblem Problem(const LibraryEpilogue& epilogue) const {
    MatmulProblem problem;
    problem.type = type_;
    problem.allow_tf32 = request_.graph.precision == Precision::kTf32;
    problem.transpose_a = attrs_.transpose_a;
    problem.transpose_b = attrs_.transpose_b;
    problem.batch = params_.batch;
    problem.m = params_.m;
    problem.n = params_.n;
    problem.k = params_.k;
    problem.broadcast_a = params_.batch_axes == 1 && params_.a_strides[0] == 0;
    problem.broadcast_b = params_.batch_axes == 1 && params_.b_strides[0] == 0;
    problem.epilogue = epilogue;
    return problem;
  }

  // Whether matrices lie one behind the other, or are one for all.
  bool IsPlainBatch() const {
    if (params_.batch_axes == 0) return true;
    const auto is_plain = [](int64_t stride, int64_t matrix) { return stride == matrix || stride == 0; };
    return params_.batch_axes == 1 && is_plain(params_.a_strides[0], params_.m * params_.k) &&
           is_plain(params_.b_strides[0], params_.k * params_.n);
  }

  std::vector<ProductWay> LibraryWays(const LibraryEpilogue& epilogue) const {
    std::vector<ProductWay> ways;
    // Libraries sum int8 in int32.
    if (type_ == DType::kInt8 && product_type_ != DType::kInt32) return ways;
    if (!IsPlainBatch() || params_.batch == 0 || params_.m == 0 || params_.n == 0 || params_.k == 0) return ways;
    const auto input = [](int i) {
      return [i](const LaunchContext& context) -> StatusOr<const void*> { return context.input(i); };
    };
    for (const std::shared_ptr<PrimitiveLibrary>& library : request_.context->libraries) {
      for (std::shared_ptr<const LibraryPlan>& plan : library->Matmul(Problem(epilogue))) {
        ways.push_back(WayOf(std::move(plan), input(0), input(1)));
      }
    }
    return ways;
  }

  ProductWay OwnWay(DeviceFunction<const void*, const void*, void*, ContractParams, FusedEpilogue> function,
                    LaunchDims dims, const LibraryEpilogue& epilogue) const {
    ProductWay way;
    way.name = function.name;
    way.prepare = []() -> StatusOr<int64_t> { return 0; };
    way.enqueue = [function, dims, params = params_, epilogue](const LaunchContext& context,
                                                               const ProductOperands& operands) {
      return Launch(context, function, dims, context.input(0), context.input(1), operands.y, params,
                    OwnEpilogue(epilogue, operands));
    };
    return way;
  }

  std::vector<ProductWay> OwnWays(const LibraryEpilogue& epilogue) const {
    std::vector<ProductWay> ways;
    if (params_.m <= kFewRows && params_.m > 0) {
      if (const auto function = ContractRowFunction(type_)) {
        const int64_t blocks = params_.batch * params_.m * ((params_.n + 31) / 32);
        ways.push_back(OwnWay(function, DimsFor(blocks * 256), epilogue));
      }
    }
    ways.push_back(OwnWay(ContractFunction(type_, product_type_),
                          GemmDims({params_.batch, params_.m, params_.n, params_.k}), epilogue));
    return ways;
  }

  const KernelRequest& request_;
  const ContractAttrs& attrs_;
  const DType type_, product_type_;
  ContractParams params_;
  bool too_many_axes_ = false;
};

}  // namespace

StatusOr<KernelPtr> MakeContractKernel(const KernelRequest& request) { return ContractMaker(request).Make(); }

}  // namespace moulin::cuda
