// Covered by tests/cuda/kernels/{conv,contract}_test.cc and tests/cuda/libraries/library_path_test.cc.
#include "cuda/product_kernel.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/math.h"
#include "base/status_macros.h"
#include "cuda/epilogue.h"
#include "cuda/map_kernel.h"
#include "cuda/memory.h"
#include "cuda/tuning/tuner.h"

namespace moulin::cuda {
namespace {

static_assert(static_cast<int>(FusedActivation::kRelu6) == static_cast<int>(Activation::kRelu6) &&
              static_cast<int>(FusedActivation::kGeluErf) == static_cast<int>(Activation::kGeluErf) &&
              static_cast<int>(FusedActivation::kSwish) == static_cast<int>(Activation::kSwish));

// What is left of an epilogue, and the kernel of it; no kernel where nothing is left.
struct Rest {
  KernelPtr kernel;
  DType product_type = DType::kInvalid;
  bool product_in_output = true;  // else it needs memory of its own
};

// The node's inputs that the way of a product reads for its epilogue; -1 for none.
struct EpilogueInputs {
  int bias = -1, residual = -1, factors = -1;
  std::shared_ptr<const DeviceConstant> steps;  // of Int8Scaling
};

class ProductKernel : public CudaKernel {
 public:
  ProductKernel(ProductWay way, int64_t way_workspace, Rest rest, int64_t product_bytes, int first_epilogue_input,
                EpilogueInputs epilogue)
      : way_(std::move(way)),
        rest_(std::move(rest)),
        way_workspace_(RoundUp(way_workspace, kMemoryAlignment)),
        product_bytes_(rest_.product_in_output ? 0 : RoundUp(product_bytes, kMemoryAlignment)),
        first_epilogue_input_(first_epilogue_input),
        epilogue_(std::move(epilogue)) {}

  std::string name() const override {
    return rest_.kernel == nullptr ? way_.name : absl::StrCat(way_.name, " + ", rest_.kernel->name());
  }
  int64_t workspace_bytes() const override {
    return way_workspace_ + product_bytes_ + (rest_.kernel == nullptr ? 0 : rest_.kernel->workspace_bytes());
  }

  bool reads_input(int i) const override { return i != way_.unread_input; }

  Status Enqueue(const LaunchContext& context) const override {
    char* workspace = static_cast<char*>(context.workspace);
    void* product = rest_.product_in_output ? context.output() : workspace + way_workspace_;
    const auto input = [&](int i) { return i < 0 ? nullptr : context.input(i); };
    ProductOperands operands{input(epilogue_.bias), input(epilogue_.residual), input(epilogue_.factors)};
    operands.y = product;
    operands.workspace = workspace;
    if (epilogue_.steps != nullptr) {
      MOULIN_ASSIGN_OR_RETURN(operands.steps, epilogue_.steps->Address());
    }
    MOULIN_RETURN_IF_ERROR(way_.enqueue(context, operands));
    if (rest_.kernel == nullptr) return absl::OkStatus();
    std::vector<const void*> inputs = {product};
    for (size_t i = first_epilogue_input_; i < context.inputs.size(); ++i) inputs.push_back(context.inputs[i]);
    LaunchContext rest = context;
    rest.inputs = inputs;
    rest.workspace = workspace + way_workspace_ + product_bytes_;
    return rest_.kernel->Enqueue(rest);
  }

 private:
  const ProductWay way_;
  const Rest rest_;
  const int64_t way_workspace_;
  const int64_t product_bytes_;
  const int first_epilogue_input_;
  const EpilogueInputs epilogue_;
};

// Types of the epilogue's inputs, that of the product first.
std::vector<TensorType> EpilogueTypes(const KernelRequest& request, const ProductSpec& spec, DType product_type) {
  std::vector<TensorType> types = {{product_type, request.output_shape()}};
  for (int i = spec.first_epilogue_input; i < request.num_inputs(); ++i) {
    types.push_back({request.dtype(i), request.shape(i)});
  }
  return types;
}

class ProductMaker {
 public:
  ProductMaker(const KernelRequest& request, const ProductSpec& spec)
      : request_(request), spec_(spec), product_type_(spec.product_type) {
    types_ = EpilogueTypes(request, spec, product_type_);
    std::vector<Shape> shapes;
    for (const TensorType& type : types_) shapes.push_back(type.shape.ToShape());
    recognised_ = product_type_ == DType::kInt32
                      ? RecogniseInt8Epilogue(spec.epilogue, types_, spec.channel_axis)
                      : RecogniseEpilogue(spec.epilogue, product_type_, shapes, spec.channel_axis);
  }

  StatusOr<KernelPtr> Make() {
    std::vector<TuningCandidate> candidates;
    if (recognised_.has_value() && recognised_->fused.scaling.has_value()) {
      MOULIN_RETURN_IF_ERROR(AddInt8(&candidates));
    } else if (recognised_.has_value()) {
      MOULIN_RETURN_IF_ERROR(AddRecognised(&candidates));
    } else {
      MOULIN_RETURN_IF_ERROR(AddUnrecognised(&candidates));
    }
    return ChooseKernel(*request_.context, Problem(), std::move(candidates));
  }

 private:
  // All of the epilogue in the product; or, where no library has that, a part of it and a kernel for the rest.
  Status AddRecognised(std::vector<TuningCandidate>* candidates) {
    const LibraryEpilogue& all = recognised_->fused;
    std::vector<LibraryEpilogue> parts = {all};
    if (all.bias && !(all == LibraryEpilogue{true, false, Activation::kNone})) {
      parts.push_back({true, false, Activation::kNone});
    }
    if (!(all == LibraryEpilogue())) parts.push_back({});
    for (const LibraryEpilogue& part : parts) {
      std::vector<ProductWay> ways = spec_.library_ways(part);
      if (ways.empty()) continue;
      MOULIN_RETURN_IF_ERROR(AddWays(std::move(ways), part, Remainder(*recognised_, part, product_type_), candidates));
      break;
    }
    return AddWays(spec_.own_ways(all), all, Expr(), candidates);
  }

  // All of an int8 product's epilogue in the product; where no library has that, the sums alone.
  Status AddInt8(std::vector<TuningCandidate>* candidates) {
    std::vector<ProductWay> ways = spec_.library_ways(recognised_->fused);
    if (ways.empty()) return AddUnrecognised(candidates);
    MOULIN_RETURN_IF_ERROR(AddWays(std::move(ways), recognised_->fused, Expr(), candidates));
    return AddWays(spec_.own_ways({}), {}, spec_.epilogue, candidates);
  }

  Status AddUnrecognised(std::vector<TuningCandidate>* candidates) {
    MOULIN_RETURN_IF_ERROR(AddWays(spec_.library_ways({}), {}, spec_.epilogue, candidates));
    return AddWays(spec_.own_ways({}), {}, spec_.epilogue, candidates);
  }

  // Ways that compute `part`; `rest` is computed behind them.
  Status AddWays(std::vector<ProductWay> ways, const LibraryEpilogue& part, const Expr& rest_expr,
                 std::vector<TuningCandidate>* candidates) {
    Rest rest;
    rest.product_type = product_type_;
    if (!rest_expr.empty()) {
      const TensorType output{request_.output_dtype(), request_.output_shape()};
      MOULIN_ASSIGN_OR_RETURN(rest.kernel, MakeExprKernel(request_.context, rest_expr, types_, output));
      if (rest.kernel == nullptr) return absl::OkStatus();
      rest.product_in_output = product_type_ == request_.output_dtype() && rest.kernel->can_run_in_place(0);
    }
    const EpilogueInputs inputs = InputsOf(part);
    const int64_t product_bytes = request_.output_shape().num_elements() * static_cast<int64_t>(SizeOf(product_type_));
    for (ProductWay& way : ways) {
      std::string name = rest.kernel == nullptr ? way.name : absl::StrCat(way.name, " + epilogue");
      candidates->push_back({std::move(name),
                             [way = std::move(way), rest, product_bytes, first = spec_.first_epilogue_input,
                              inputs]() -> StatusOr<KernelPtr> {
                               MOULIN_ASSIGN_OR_RETURN(const int64_t workspace, way.prepare());
                               return std::make_shared<ProductKernel>(way, workspace, rest, product_bytes, first,
                                                                      inputs);
                             }});
    }
    return absl::OkStatus();
  }

  EpilogueInputs InputsOf(const LibraryEpilogue& part) const {
    const auto input = [&](bool is_read, int i) { return is_read ? spec_.first_epilogue_input + i - 1 : -1; };
    EpilogueInputs inputs;
    if (part == LibraryEpilogue()) return inputs;
    inputs.bias = input(part.bias, recognised_->bias_input);
    inputs.residual = input(part.residual, recognised_->residual_input);
    inputs.factors = input(part.scaling.has_value(), recognised_->factors_input);
    if (part.scaling.has_value() && part.scaling->result == DType::kInt8) {
      inputs.steps = request_.context->constants->Get(Tensor::Scalar<float>(recognised_->steps));
    }
    return inputs;
  }

  TuningProblem Problem() const {
    std::string epilogue = spec_.epilogue.empty() ? "" : spec_.epilogue.ToString();
    for (size_t i = 1; i < types_.size(); ++i) absl::StrAppend(&epilogue, " ", types_[i].ToString());
    return TuningProblemFor(request_, absl::StrCat(spec_.key, " epilogue ", epilogue));
  }

  const KernelRequest& request_;
  const ProductSpec& spec_;
  const DType product_type_;
  std::vector<TensorType> types_;
  std::optional<RecognisedEpilogue> recognised_;
};

}  // namespace

StatusOr<KernelPtr> MakeProductKernel(const KernelRequest& request, const ProductSpec& spec) {
  return ProductMaker(request, spec).Make();
}

ProductWay WayOf(std::shared_ptr<const LibraryPlan> plan, std::function<StatusOr<const void*>(const LaunchContext&)> x,
                 std::function<StatusOr<const void*>(const LaunchContext&)> w) {
  ProductWay way;
  way.name = plan->name();
  way.prepare = [plan]() -> StatusOr<int64_t> {
    MOULIN_RETURN_IF_ERROR(plan->Prepare());
    return plan->workspace_bytes();
  };
  way.enqueue = [plan, x = std::move(x), w = std::move(w)](const LaunchContext& context,
                                                           const ProductOperands& operands) -> Status {
    LibraryOperands library;
    MOULIN_ASSIGN_OR_RETURN(library.x, x(context));
    MOULIN_ASSIGN_OR_RETURN(library.w, w(context));
    library.bias = operands.bias;
    library.residual = operands.residual;
    library.factors = operands.factors;
    library.steps = operands.steps;
    library.y = operands.y;
    return plan->Enqueue(context.stream, library, operands.workspace);
  };
  return way;
}

LaunchDims GemmDims(const GemmSizes& sizes) {
  const int64_t blocks = std::clamp<int64_t>(sizes.num_tiles(), 1, int64_t{1} << 30);
  return {dim3(static_cast<unsigned>(blocks)), dim3(kGemmThreads), 0};
}

FusedEpilogue OwnEpilogue(const LibraryEpilogue& epilogue, const ProductOperands& operands) {
  return {operands.bias, operands.residual, static_cast<FusedActivation>(epilogue.activation)};
}

}  // namespace moulin::cuda
