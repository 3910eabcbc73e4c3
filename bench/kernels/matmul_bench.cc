// Matrix products of BERT, of a small transformer and of dense layers at batch 1.
#include "bench/kernels/kernel_bench.h"

namespace moulin::bench {
namespace {

Expr BiasGelu() {
  Expr e;
  const DType f = DType::kFloat32;
  const int x = e.Binary(ExprOp::kAdd, e.Input(0, f), e.Input(1, f));
  const int erf = e.Unary(ExprOp::kErf, e.Binary(ExprOp::kMul, x, e.Constant(f, 0.7071067811865476)));
  e.Binary(ExprOp::kMul, e.Binary(ExprOp::kMul, x, e.Constant(f, 0.5)), e.Binary(ExprOp::kAdd, erf, e.Constant(f, 1)));
  return e;
}

Expr Bias() {
  Expr e;
  e.Binary(ExprOp::kAdd, e.Input(0, DType::kFloat32), e.Input(1, DType::kFloat32));
  return e;
}

void Dense(benchmark::State& state, int64_t m, int64_t k, int64_t n, Expr (*epilogue)()) {
  ContractAttrs attrs;
  attrs.epilogue = epilogue();
  RunKernel(state, OpKind::kContract, attrs, {{Floats({m, k})}, {Floats({k, n}), true}, {Floats({n}), true}}, "flops",
            2.0 * m * k * n);
}
BENCHMARK_CAPTURE(Dense, bert_base_projection_128, 128, 768, 768, Bias)->UseRealTime();
BENCHMARK_CAPTURE(Dense, bert_base_feed_forward_in_128, 128, 768, 3072, BiasGelu)->UseRealTime();
BENCHMARK_CAPTURE(Dense, bert_base_feed_forward_out_128, 128, 3072, 768, Bias)->UseRealTime();
BENCHMARK_CAPTURE(Dense, resnet50_classifier_batch1, 1, 2048, 1000, Bias)->UseRealTime();
BENCHMARK_CAPTURE(Dense, tiny_batch1, 1, 64, 10, Bias)->UseRealTime();

void Attention(benchmark::State& state, int64_t heads, int64_t tokens, int64_t depth) {
  const Tensor x = Floats({1, heads, tokens, depth});
  RunKernel(state, OpKind::kAttention, AttentionAttrs{0.125, true}, {{x}, {x}, {x}}, "flops",
            4.0 * heads * tokens * tokens * depth);
}
BENCHMARK_CAPTURE(Attention, bert_base_128, 12, 128, 64)->UseRealTime();
BENCHMARK_CAPTURE(Attention, bert_base_512, 12, 512, 64)->UseRealTime();

}  // namespace
}  // namespace moulin::bench
