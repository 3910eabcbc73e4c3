// Convolutions and transposed convolutions: by a library where the image is channels-last and the filter constant (it
// is then packed once), else by own kernels, which take every type, layout and attribute.
// Covered by tests/cuda/kernels/conv_test.cc and tests/cuda/libraries/library_path_test.cc.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "cuda/kernels/conv.h"
#include "cuda/product_kernel.h"
#include "cuda/weights.h"
#include "ops/window_util.h"

namespace moulin::cuda {
namespace {

// Of a group: a tile has 64.
constexpr int64_t kFewFilters = 8;

// What differs between the two kinds: the node's inputs, and which image the windows are in.
struct Roles {
  int x, filter, first_epilogue_input;
  bool transposed;
};

class ConvMaker {
 public:
  ConvMaker(const KernelRequest& request, Roles roles)
      : request_(request), roles_(roles), attrs_(request.node.attr<ConvAttrs>()), type_(request.dtype(roles.x)) {
    const Shape filter = request.shape(roles.filter);
    const int spatial = static_cast<int>(attrs_.strides.size());
    WindowAttrs windows{SpatialDims(filter.dims().begin(), filter.dims().begin() + spatial),
                        attrs_.strides,
                        attrs_.dilations,
                        attrs_.padding,
                        attrs_.pad_before,
                        attrs_.pad_after};
    const Shape x = request.shape(roles.x), y = request.output_shape();
    params_.g = MakeGeometry(windows, roles.transposed ? y : x, roles.transposed ? x : y, attrs_.channels_last);
    params_.groups = attrs_.groups;
  }

  StatusOr<KernelPtr> Make() {
    const auto own = [this](const LibraryEpilogue& epilogue) { return OwnWays(epilogue); };
    const auto library = [this](const LibraryEpilogue& epilogue) { return LibraryWays(epilogue); };
    if (!(roles_.transposed ? ConvTransposedFunction(type_) : ConvForwardFunction(type_))) return KernelPtr();
    const int64_t terms = params_.g.num_taps() * std::max(params_.g.in.channels, params_.g.out.channels);
    if (terms >= int64_t{1} << 31) return KernelPtr();
    const int channel_axis = attrs_.channels_last ? request_.output_shape().rank() - 1 : 1;
    return MakeProductKernel(
        request_,
        {absl::StrCat(attrs_.channels_last ? "" : "channels first ", ToString(Problem({}))),
         ProductTypeOf(attrs_, type_), attrs_.epilogue, roles_.first_epilogue_input, channel_axis, library, own});
  }

 private:
  // --- by a library ---

  ConvProblem Problem(const LibraryEpilogue& epilogue) const {
    ConvProblem problem;
    problem.type = type_;
    problem.allow_tf32 = request_.graph.precision == Precision::kTf32;
    problem.transposed = roles_.transposed;
    problem.x = request_.shape(roles_.x);
    problem.y = request_.output_shape();
    const Shape filter = request_.shape(roles_.filter);
    problem.filter = Shape({filter[filter.rank() - 1]});
    for (int i = 0; i < filter.rank() - 1; ++i) problem.filter.push_back(filter[i]);
    const int spatial = static_cast<int>(attrs_.strides.size());
    problem.strides = attrs_.strides;
    problem.dilations = attrs_.dilations;
    for (int d = 3 - spatial; d < 3; ++d) {
      const WindowGeometry& g = params_.g;
      const int64_t reach = (g.out.sizes[d] - 1) * g.stride[d] + WindowExtent(g.taps[d], g.dilation[d]);
      problem.pad_before.push_back(g.pad_before[d]);
      problem.pad_after.push_back(std::max<int64_t>(reach - g.in.sizes[d] - g.pad_before[d], 0));
    }
    problem.groups = attrs_.groups;
    problem.epilogue = epilogue;
    return problem;
  }

  std::vector<ProductWay> LibraryWays(const LibraryEpilogue& epilogue) {
    std::vector<ProductWay> ways;
    const Tensor* filter = request_.constant(roles_.filter);
    if (!attrs_.channels_last || filter == nullptr || IsEmpty()) return ways;
    for (const std::shared_ptr<PrimitiveLibrary>& library : request_.context->libraries) {
      for (std::shared_ptr<const LibraryPlan>& plan : library->Convolution(Problem(epilogue))) {
        if (packed_ == nullptr) {
          auto packed = request_.context->constants->GetPacked(*filter, PackFilter);
          if (!packed.ok()) return {};
          packed_ = *std::move(packed);
        }
        ways.push_back(WayOf(
            std::move(plan),
            [x = roles_.x](const LaunchContext& context) -> StatusOr<const void*> { return context.input(x); },
            [packed = packed_](const LaunchContext&) { return packed->Address(); }));
        ways.back().unread_input = roles_.filter;
      }
    }
    return ways;
  }

  bool IsEmpty() const {
    const auto is_empty = [](const Shape& shape) { return shape.num_elements() == 0; };
    return is_empty(request_.shape(roles_.x)) || is_empty(request_.shape(roles_.filter)) ||
           is_empty(request_.output_shape());
  }

  // --- by own kernels ---

  ProductWay OwnWay(ConvFunction function, LaunchDims dims, const LibraryEpilogue& epilogue) const {
    ProductWay way;
    way.name = function.name;
    way.prepare = []() -> StatusOr<int64_t> { return 0; };
    way.enqueue = [function, dims, params = params_, roles = roles_, epilogue](const LaunchContext& context,
                                                                               const ProductOperands& operands) {
      return Launch(context, function, dims, context.input(roles.x), context.input(roles.filter), operands.y, params,
                    OwnEpilogue(epilogue, operands));
    };
    return way;
  }

  bool IsDepthwise() const {
    const ImageLayout& in = params_.g.in;
    return !roles_.transposed && attrs_.channels_last && params_.groups == in.channels &&
           params_.g.out.channels == in.channels;
  }

  std::vector<ProductWay> OwnWays(const LibraryEpilogue& epilogue) const {
    std::vector<ProductWay> ways;
    const WindowGeometry& g = params_.g;
    if (IsDepthwise()) {
      const int widest = type_ == DType::kFloat32 ? 4 : 8;
      const int vector = g.in.channels % widest == 0 ? widest : 1;
      if (const ConvFunction function = DepthwiseFunction(type_, vector)) {
        const int64_t width = (g.out.sizes[2] + kDepthwiseWidth - 1) / kDepthwiseWidth;
        const int64_t threads = g.out.batch * g.out.sizes[0] * g.out.sizes[1] * width * (g.in.channels / vector);
        ways.push_back(OwnWay(function, DimsFor(threads), epilogue));
      }
    }
    if (!roles_.transposed && params_.groups > 1 && g.out.channels / params_.groups <= kFewFilters) {
      ways.push_back(OwnWay(ConvDirectFunction(type_), DimsFor(request_.output_shape().num_elements()), epilogue));
    }
    const ImageLayout& to = roles_.transposed ? g.in : g.out;
    const GemmSizes sizes{params_.groups, to.batch * to.num_positions(), to.channels / params_.groups, 0};
    ways.push_back(OwnWay(roles_.transposed ? ConvTransposedFunction(type_) : ConvForwardFunction(type_),
                          GemmDims(sizes), epilogue));
    return ways;
  }

  const KernelRequest& request_;
  const Roles roles_;
  const ConvAttrs& attrs_;
  const DType type_;
  ConvParams params_;
  std::shared_ptr<const DeviceConstant> packed_;
};

}  // namespace

StatusOr<KernelPtr> MakeConvKernel(const KernelRequest& request) { return ConvMaker(request, {0, 1, 2, false}).Make(); }

// TensorFlow's is the gradient of a convolution: inputs (output size, filter, x).
StatusOr<KernelPtr> MakeConvTransposeKernel(const KernelRequest& request) {
  return ConvMaker(request, {2, 1, 3, true}).Make();
}

}  // namespace moulin::cuda
