// Convolutions of float32, and of int8 with int32 sums, by oneDNN: one to three spatial axes, groups, dilation; weights
// packed once. Covered by tests/device/cpu/conv_kernel_test.cc.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"
#include "device/host/cpu/dnnl_kernel.h"
#include "device/host/cpu/window.h"

namespace moulin::cpu {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

// TensorFlow's filters: [spatial..., c / groups, filters].
constexpr Tag kFilter[] = {Tag::wio, Tag::hwio, Tag::dhwio};
constexpr Tag kGroupedFilter[] = {Tag::wigo, Tag::hwigo, Tag::dhwigo};

// A (transposed) convolution in oneDNN's terms.
struct Geometry {
  memory::dims src, weights, dst;  // [n, c, spatial...], ([g,] o, i, spatial...), [n, o, spatial...]
  Windows windows;
};

Windows WindowsOf(const ConvAttrs& attrs, const Shape& filter, const memory::dims& image, const memory::dims& result) {
  const auto spatial = [](const memory::dims& dims) { return absl::MakeConstSpan(dims).subspan(2); };
  return MakeWindows({attrs.strides, attrs.dilations, attrs.padding, attrs.pad_before},
                     filter.dims().first(filter.rank() - 2), spatial(image), spatial(result));
}

std::optional<ProductTypes> TypesOf(const KernelRequest& request, const ConvAttrs& attrs, int x, int filter) {
  if (request.shape(x).rank() < 3 || request.shape(x).rank() > 5) return std::nullopt;
  return DnnlProductTypes(request.dtype(x), request.dtype(filter), ProductTypeOf(attrs, request.dtype(x)));
}

// What differs between the two kinds of convolution.
struct Problem {
  ProductTypes types;
  Geometry geometry;
  memory::desc src, weights_plain, dst;
  bool transposed;
  int x, filter, first_epilogue_input;  // the node's inputs
};

FusedEpilogue::Layout EpilogueLayout(const KernelRequest& request, const Problem& problem, bool channels_last) {
  const Shape product = request.output_shape();
  std::vector<int> to_dnnl(product.rank());
  for (int i = 0; i < product.rank(); ++i) to_dnnl[i] = i;
  if (channels_last) std::rotate(to_dnnl.begin() + 1, to_dnnl.end() - 1, to_dnnl.end());
  return {product,
          channels_last ? product.rank() - 1 : 1,
          problem.dst,
          /*dnnl_channel_axis=*/1,
          std::move(to_dnnl),
          problem.first_epilogue_input};
}

// A primitive with its descriptors; the two kinds have different types in oneDNN but the same methods.
struct ChosenConv {
  dnnl::primitive primitive;
  std::string implementation;
  memory::desc weights, scratchpad;
};

template <typename Primitive, dnnl::algorithm kAlgorithm>
std::optional<ChosenConv> Choose(const Problem& problem, const memory::desc& bias,
                                 const dnnl::primitive_attr& attributes) {
  const Geometry& g = problem.geometry;
  const memory::desc any(g.weights, problem.types.operands, Tag::any);
  const typename Primitive::primitive_desc desc(DnnlEngine(), dnnl::prop_kind::forward_inference, kAlgorithm,
                                                problem.src, any, bias, problem.dst, g.windows.strides,
                                                g.windows.dilations, g.windows.pad_before, g.windows.pad_after,
                                                attributes, /*allow_empty=*/true);
  if (!desc) return std::nullopt;
  return ChosenConv{Primitive(desc), desc.impl_info_str(), desc.weights_desc(), desc.scratchpad_desc()};
}

std::optional<ChosenConv> Choose(const Problem& problem, const FusedEpilogue& epilogue) {
  memory::desc bias;
  if (epilogue.bias_input() >= 0) bias = RowMajor({problem.geometry.dst[1]});
  dnnl::primitive_attr attributes = BaseAttributes();
  epilogue.AddTo(attributes);
  return problem.transposed
             ? Choose<dnnl::deconvolution_forward, dnnl::algorithm::deconvolution_direct>(problem, bias, attributes)
             : Choose<dnnl::convolution_forward, dnnl::algorithm::convolution_direct>(problem, bias, attributes);
}

StatusOr<KernelPtr> Build(const KernelRequest& request, const Problem& problem, const ChosenConv& chosen,
                          const FusedEpilogue& epilogue, const Expr* tape_expr) {
  DnnlKernelBuilder builder(request.context);
  ArgumentSource product = ArgumentSource::Output();
  if (tape_expr != nullptr) {
    std::optional<EpilogueTape> tape = MakeEpilogueTape(request, *tape_expr, problem.first_epilogue_input, &builder);
    if (!tape.has_value()) return KernelPtr();
    product = tape->product;
    builder.SetTape(*std::move(tape));
  }
  MOULIN_ASSIGN_OR_RETURN(ArgumentSource weights,
                          builder.InLayout(request, problem.filter, problem.weights_plain, chosen.weights));
  std::vector<DnnlKernelBuilder::Argument> arguments = {{DNNL_ARG_SRC, problem.src, ArgumentSource::Input(problem.x)},
                                                        {DNNL_ARG_WEIGHTS, chosen.weights, std::move(weights)},
                                                        {DNNL_ARG_DST, problem.dst, product}};
  if (epilogue.bias_input() >= 0) {
    arguments.push_back(
        {DNNL_ARG_BIAS, RowMajor({problem.geometry.dst[1]}), ArgumentSource::Input(epilogue.bias_input())});
  }
  epilogue.AppendArguments(&arguments);
  builder.SetSummedInput(epilogue.summed_input());
  builder.AddStep(chosen.primitive, std::move(arguments), chosen.scratchpad);
  return builder.Finish(chosen.implementation);
}

// The epilogue goes into the primitive, unless that would leave only a slow implementation; then it runs behind.
StatusOr<KernelPtr> MakeKernel(const KernelRequest& request, const ConvAttrs& attrs, const Problem& problem) {
  const auto fused =
      FusedEpilogue::Translate(request, attrs.epilogue, EpilogueLayout(request, problem, attrs.channels_last));
  if (fused.has_value() && problem.types.is_float() && request.output_dtype() == DType::kFloat32) {
    const std::optional<ChosenConv> chosen = Choose(problem, *fused);
    if (chosen.has_value() && (!IsSlowImplementation(chosen->implementation) || attrs.epilogue.empty())) {
      return Build(request, problem, *chosen, *fused, nullptr);
    }
  }
  if (attrs.epilogue.empty() && problem.types.is_float()) return KernelPtr();
  const std::optional<ChosenConv> plain = Choose(problem, FusedEpilogue());
  if (!plain.has_value()) return KernelPtr();
  return Build(request, problem, *plain, FusedEpilogue(), attrs.epilogue.empty() ? nullptr : &attrs.epilogue);
}

}  // namespace

StatusOr<KernelPtr> MakeConvKernel(const KernelRequest& request) {
  const ConvAttrs& attrs = request.node.attr<ConvAttrs>();
  const std::optional<ProductTypes> types = TypesOf(request, attrs, 0, 1);
  if (!types.has_value()) return KernelPtr();
  const Shape filter = request.shape(1);
  const int spatial = filter.rank() - 2;
  const bool grouped = attrs.groups > 1;
  Problem problem{};
  problem.types = *types;
  Geometry& g = problem.geometry;
  g.src = ChannelsSecond(request.shape(0), attrs.channels_last);
  g.dst = ChannelsSecond(request.output_shape(), attrs.channels_last);
  const int64_t in_channels = filter[spatial], filters = filter[spatial + 1];
  g.weights =
      grouped ? memory::dims{attrs.groups, filters / attrs.groups, in_channels} : memory::dims{filters, in_channels};
  g.weights.insert(g.weights.end(), filter.dims().begin(), filter.dims().begin() + spatial);
  if (HasEmptyAxis(g.src) || HasEmptyAxis(g.dst) || HasEmptyAxis(g.weights)) return KernelPtr();
  g.windows = WindowsOf(attrs, filter, g.src, g.dst);
  problem.src = ActivationDesc(g.src, attrs.channels_last, types->operands);
  problem.dst = ActivationDesc(g.dst, attrs.channels_last, types->product);
  problem.weights_plain = memory::desc(g.weights, types->operands, (grouped ? kGroupedFilter : kFilter)[spatial - 1]);
  problem.x = 0;
  problem.filter = 1;
  problem.first_epilogue_input = 2;
  return MakeKernel(request, attrs, problem);
}

// TensorFlow's is the gradient of a convolution from [n, ..., filters] to [n, ..., c]: inputs (output size, filter, x).
StatusOr<KernelPtr> MakeConvTransposeKernel(const KernelRequest& request) {
  const ConvAttrs& attrs = request.node.attr<ConvAttrs>();
  const std::optional<ProductTypes> types = TypesOf(request, attrs, 2, 1);
  if (!types.has_value() || !types->is_float() || attrs.groups != 1) return KernelPtr();
  const Shape filter = request.shape(1);
  const int spatial = filter.rank() - 2;
  Problem problem{};
  problem.types = *types;
  Geometry& g = problem.geometry;
  g.src = ChannelsSecond(request.shape(2), attrs.channels_last);
  g.dst = ChannelsSecond(request.output_shape(), attrs.channels_last);
  const int64_t filters = filter[spatial], in_channels = filter[spatial + 1];
  g.weights = {filters, in_channels};
  g.weights.insert(g.weights.end(), filter.dims().begin(), filter.dims().begin() + spatial);
  if (HasEmptyAxis(g.src) || HasEmptyAxis(g.dst) || HasEmptyAxis(g.weights)) return KernelPtr();
  g.windows = WindowsOf(attrs, filter, g.dst, g.src);
  problem.src = ActivationDesc(g.src, attrs.channels_last);
  problem.dst = ActivationDesc(g.dst, attrs.channels_last);
  memory::dims strides = {in_channels, 1};
  int64_t stride = filters * in_channels;
  for (int i = spatial - 1; i >= 0; --i) {
    strides.insert(strides.begin() + 2, stride);
    stride *= filter[i];
  }
  problem.weights_plain = Strided(g.weights, strides);
  problem.transposed = true;
  problem.x = 2;
  problem.filter = 1;
  problem.first_epilogue_input = 3;
  return MakeKernel(request, attrs, problem);
}

}  // namespace moulin::cpu
