// Elementwise expressions, rows and data movement: bytes read and written a second.
#include "bench/kernels/kernel_bench.h"

namespace moulin::bench {
namespace {

void Binary(benchmark::State& state, const Shape& a, const Shape& b) {
  Expr e;
  e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  const double bytes = 4.0 * (2 * a.num_elements() + b.num_elements());
  RunKernel(state, OpKind::kMap, MapAttrs{e}, {{Floats(a)}, {Floats(b)}}, "bytes", bytes);
}
BENCHMARK_CAPTURE(Binary, same_shape_1m, Shape{1 << 20}, Shape{1 << 20})->UseRealTime();
BENCHMARK_CAPTURE(Binary, same_shape_1k, Shape{1 << 10}, Shape{1 << 10})->UseRealTime();
BENCHMARK_CAPTURE(Binary, row_broadcast, Shape{4096, 256}, Shape{256})->UseRealTime();
BENCHMARK_CAPTURE(Binary, short_row_broadcast, Shape{65536, 16}, Shape{16})->UseRealTime();
BENCHMARK_CAPTURE(Binary, column_broadcast, Shape{4096, 256}, Shape{4096, 1})->UseRealTime();

void Unary(benchmark::State& state, ExprOp op) {
  Expr e;
  e.Unary(op, e.Input(0, DType::kFloat32));
  RunKernel(state, OpKind::kMap, MapAttrs{e}, {{Floats({1 << 18})}}, "bytes", 8.0 * (1 << 18));
}
BENCHMARK_CAPTURE(Unary, exp, ExprOp::kExp)->UseRealTime();
BENCHMARK_CAPTURE(Unary, tanh, ExprOp::kTanh)->UseRealTime();
BENCHMARK_CAPTURE(Unary, erf, ExprOp::kErf)->UseRealTime();
BENCHMARK_CAPTURE(Unary, sigmoid, ExprOp::kSigmoid)->UseRealTime();
BENCHMARK_CAPTURE(Unary, log, ExprOp::kLog)->UseRealTime();

void Softmax(benchmark::State& state, const Shape& shape) {
  RunKernel(state, OpKind::kSoftmax, SoftmaxAttrs{}, {{Floats(shape)}}, "bytes", 8.0 * shape.num_elements());
}
BENCHMARK_CAPTURE(Softmax, rows_of_128, Shape{1536, 128})->UseRealTime();
BENCHMARK_CAPTURE(Softmax, one_row_of_1000, Shape{1, 1000})->UseRealTime();

void LayerNorm(benchmark::State& state) {
  RunKernel(state, OpKind::kLayerNorm, LayerNormAttrs{}, {{Floats({128, 768})}, {Floats({768})}, {Floats({768})}},
            "bytes", 8.0 * 128 * 768);
}
BENCHMARK(LayerNorm)->Name("LayerNorm/bert_base_128")->UseRealTime();

void Transpose(benchmark::State& state, const Shape& shape, const std::vector<int64_t>& permutation) {
  const Tensor p = Tensor::Of<int64_t>({static_cast<int64_t>(permutation.size())}, permutation);
  RunKernel(state, OpKind::kTranspose, NoAttrs{}, {{Floats(shape)}, {p, true}}, "bytes", 8.0 * shape.num_elements());
}
BENCHMARK_CAPTURE(Transpose, heads, Shape{1, 128, 12, 64}, {0, 2, 1, 3})->UseRealTime();
BENCHMARK_CAPTURE(Transpose, nchw_to_nhwc, Shape{1, 64, 56, 56}, {0, 2, 3, 1})->UseRealTime();
BENCHMARK_CAPTURE(Transpose, matrix, Shape{1024, 1024}, {1, 0})->UseRealTime();

void GlobalMean(benchmark::State& state) {
  RunKernel(state, OpKind::kReduce, ReduceAttrs{ReduceOp::kMean},
            {{Floats({1, 7, 7, 2048})}, {Tensor::Of<int64_t>({2}, {1, 2}), true}}, "bytes", 4.0 * 49 * 2048);
}
BENCHMARK(GlobalMean)->Name("Reduce/resnet50_global_mean")->UseRealTime();

}  // namespace
}  // namespace moulin::bench
