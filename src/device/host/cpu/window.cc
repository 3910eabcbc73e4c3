#include "device/host/cpu/window.h"

#include <algorithm>

namespace moulin::cpu {

using dnnl::memory;
using Tag = memory::format_tag;

Windows MakeWindows(const WindowRequest& request, absl::Span<const int64_t> window, absl::Span<const int64_t> image,
                    absl::Span<const int64_t> result) {
  Windows w;
  for (size_t i = 0; i < window.size(); ++i) {
    const int64_t dilation = request.dilations.empty() ? 1 : request.dilations[i];
    const int64_t reach = (window[i] - 1) * dilation + 1;
    const int64_t total = (result[i] - 1) * request.strides[i] + reach - image[i];
    int64_t before = 0;
    if (request.padding == Padding::kSame) before = std::max<int64_t>(total, 0) / 2;
    if (request.padding == Padding::kExplicit) before = request.pad_before[i];
    w.strides.push_back(request.strides[i]);
    w.dilations.push_back(dilation - 1);
    w.pad_before.push_back(before);
    w.pad_after.push_back(std::max<int64_t>(total - before, 0));
  }
  return w;
}

memory::dims ChannelsSecond(const Shape& shape, bool channels_last) {
  memory::dims dims(shape.dims().begin(), shape.dims().end());
  if (channels_last) std::rotate(dims.begin() + 1, dims.end() - 1, dims.end());
  return dims;
}

memory::desc ActivationDesc(const memory::dims& dims, bool channels_last, memory::data_type type) {
  constexpr Tag kChannelsLast[] = {Tag::nwc, Tag::nhwc, Tag::ndhwc};
  constexpr Tag kChannelsFirst[] = {Tag::ncw, Tag::nchw, Tag::ncdhw};
  return memory::desc(dims, type, (channels_last ? kChannelsLast : kChannelsFirst)[dims.size() - 3]);
}

bool HasEmptyAxis(const memory::dims& dims) { return std::find(dims.begin(), dims.end(), 0) != dims.end(); }

}  // namespace moulin::cpu
