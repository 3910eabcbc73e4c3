// Maximum and average pooling of float32 by oneDNN. Covered by tests/device/cpu/pool_kernel_test.cc.
#include <utility>

#include "device/host/cpu/dnnl_kernel.h"
#include "device/host/cpu/window.h"

namespace moulin::cpu {

StatusOr<KernelPtr> MakePoolKernel(const KernelRequest& request) {
  const PoolAttrs& attrs = request.node.attr<PoolAttrs>();
  const Shape x = request.shape(0);
  if (request.dtype(0) != DType::kFloat32 || x.rank() < 3 || x.rank() > 5) return KernelPtr();
  const dnnl::memory::dims src = ChannelsSecond(x, attrs.channels_last);
  const dnnl::memory::dims dst = ChannelsSecond(request.output_shape(), attrs.channels_last);
  if (HasEmptyAxis(src) || HasEmptyAxis(dst)) return KernelPtr();
  const auto spatial = [](const dnnl::memory::dims& dims) { return absl::MakeConstSpan(dims).subspan(2); };
  const Windows w =
      MakeWindows({attrs.strides, {}, attrs.padding, attrs.pad_before}, attrs.window, spatial(src), spatial(dst));
  for (size_t i = 0; i < attrs.window.size(); ++i) {
    // A window that lies in the padding alone has no maximum in oneDNN.
    if (w.pad_before[i] >= attrs.window[i] || w.pad_after[i] >= attrs.window[i]) return KernelPtr();
  }
  const dnnl::algorithm algorithm =
      attrs.op == PoolOp::kMax ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_exclude_padding;
  const dnnl::memory::desc src_desc = ActivationDesc(src, attrs.channels_last);
  const dnnl::memory::desc dst_desc = ActivationDesc(dst, attrs.channels_last);
  const dnnl::memory::dims window(attrs.window.begin(), attrs.window.end());
  const dnnl::pooling_forward::primitive_desc desc(DnnlEngine(), dnnl::prop_kind::forward_inference, algorithm,
                                                   src_desc, dst_desc, w.strides, window, w.dilations, w.pad_before,
                                                   w.pad_after, BaseAttributes(), /*allow_empty=*/true);
  if (!desc) return KernelPtr();
  DnnlKernelBuilder builder(request.context);
  builder.AddStep(
      dnnl::pooling_forward(desc),
      {{DNNL_ARG_SRC, src_desc, ArgumentSource::Input(0)}, {DNNL_ARG_DST, dst_desc, ArgumentSource::Output()}},
      desc.scratchpad_desc());
  return builder.Finish(desc.impl_info_str());
}

}  // namespace moulin::cpu
