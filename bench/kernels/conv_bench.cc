// Convolutions of ResNet-50, MobileNetV2, a U-Net and a small classifier, with their epilogues.
#include "bench/kernels/kernel_bench.h"

namespace moulin::bench {
namespace {

struct ConvShape {
  int64_t image, channels, filters, window, stride, groups;
  bool residual;
};

void Conv(benchmark::State& state, ConvShape s) {
  ConvAttrs attrs;
  attrs.strides = {s.stride, s.stride};
  attrs.dilations = {1, 1};
  attrs.padding = Padding::kSame;
  attrs.groups = s.groups;
  Expr e;
  int x = e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  if (s.residual) x = e.Binary(ExprOp::kAdd, x, e.Input(2, DType::kFloat32));
  e.Unary(ExprOp::kRelu, x);
  attrs.epilogue = e;
  const int64_t out = (s.image + s.stride - 1) / s.stride;
  std::vector<Operand> operands = {{Floats({1, s.image, s.image, s.channels})},
                                   {Floats({s.window, s.window, s.channels / s.groups, s.filters}), true},
                                   {Floats({s.filters}), true}};
  if (s.residual) operands.push_back({Floats({1, out, out, s.filters})});
  const double flops = 2.0 * out * out * s.filters * s.window * s.window * (s.channels / s.groups);
  RunKernel(state, OpKind::kConv, attrs, operands, "flops", flops);
}

#define CONV(name, ...) BENCHMARK_CAPTURE(Conv, name, ConvShape{__VA_ARGS__})->UseRealTime()
CONV(resnet50_first_7x7, 224, 3, 64, 7, 2, 1, false);
CONV(resnet50_stage1_3x3, 56, 64, 64, 3, 1, 1, false);
CONV(resnet50_stage1_1x1_residual, 56, 64, 256, 1, 1, 1, true);
CONV(resnet50_stage2_1x1, 28, 512, 128, 1, 1, 1, false);
CONV(resnet50_stage3_3x3, 14, 256, 256, 3, 1, 1, false);
CONV(resnet50_stage3_1x1_residual, 14, 256, 1024, 1, 1, 1, true);
CONV(resnet50_stage4_3x3, 7, 512, 512, 3, 1, 1, false);
CONV(resnet50_stage4_1x1_residual, 7, 512, 2048, 1, 1, 1, true);
CONV(resnet50_downsample, 56, 256, 512, 1, 2, 1, false);
CONV(mobilenet_v2_first, 224, 3, 32, 3, 2, 1, false);
CONV(mobilenet_v2_depthwise_112, 112, 96, 96, 3, 2, 96, false);
CONV(mobilenet_v2_depthwise_14, 14, 576, 576, 3, 1, 576, false);
CONV(mobilenet_v2_project, 56, 144, 24, 1, 1, 1, true);
CONV(tiny_cnn_first, 28, 1, 8, 3, 1, 1, false);
CONV(tiny_cnn_second, 14, 8, 16, 3, 1, 1, false);

}  // namespace
}  // namespace moulin::bench
