// Matrix products of float32, and of int8 with int32 sums, by oneDNN: constant right-hand sides packed once, the
// epilogue fused where it can be. Covered by tests/device/cpu/contract_kernel_test.cc.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "device/host/cpu/dnnl_kernel.h"

namespace moulin::cpu {
namespace {

using dnnl::memory;

// y[batch..., m, n] = a[batch..., m, k] x b[batch..., k, n], batch axes of 1 being broadcast.
struct Product {
  ProductTypes types;
  memory::dims a, b, y;  // all of one rank
  memory::dims a_strides, b_strides;
};

memory::dims RowMajorStrides(const memory::dims& dims) {
  memory::dims strides(dims.size());
  int64_t stride = 1;
  for (int i = static_cast<int>(dims.size()) - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return strides;
}

// Sizes and strides of an operand of a product of `rank` axes, its matrices transposed if asked.
void DescribeOperand(const Shape& shape, int rank, bool transpose, memory::dims* dims, memory::dims* strides) {
  dims->assign(rank, 1);
  std::copy(shape.dims().begin(), shape.dims().end(), dims->end() - shape.rank());
  *strides = RowMajorStrides(*dims);
  if (!transpose) return;
  std::swap((*dims)[rank - 1], (*dims)[rank - 2]);
  std::swap((*strides)[rank - 1], (*strides)[rank - 2]);
}

Product Describe(const KernelRequest& request, const ContractAttrs& attrs, const ProductTypes& types) {
  Product p;
  p.types = types;
  const Shape result = request.output_shape();
  const int rank = result.rank();
  DescribeOperand(request.shape(0), rank, attrs.transpose_a, &p.a, &p.a_strides);
  DescribeOperand(request.shape(1), rank, attrs.transpose_b, &p.b, &p.b_strides);
  p.y.assign(result.dims().begin(), result.dims().end());
  return p;
}

// Whether every operand of the epilogue is a scalar, a row or a whole result, and so fits a result of fewer axes.
bool EpilogueIgnoresBatch(const KernelRequest& request) {
  const Shape result = request.output_shape();
  for (int i = 2; i < request.num_inputs(); ++i) {
    if (SpreadOf(request.shape(i), result, result.rank() - 1) == Spread::kOther) return false;
  }
  return true;
}

// Joins the batch axes: with the rows where b has no batch, else into one where a and b have the same.
void Collapse(const ContractAttrs& attrs, Product* p) {
  const int rank = static_cast<int>(p->y.size());
  if (rank == 2) return;
  const int64_t m = p->y[rank - 2], n = p->y[rank - 1], k = p->a[rank - 1];
  int64_t batch = 1, batch_b = 1;
  for (int i = 0; i < rank - 2; ++i) {
    batch *= p->y[i];
    batch_b *= p->b[i];
  }
  const bool a_is_whole = std::equal(p->a.begin(), p->a.end() - 2, p->y.begin());
  const bool b_is_whole = std::equal(p->b.begin(), p->b.end() - 2, p->y.begin());
  const auto last_two = [rank](const memory::dims& v) { return memory::dims(v.begin() + (rank - 2), v.end()); };
  const memory::dims b_matrix = last_two(p->b_strides);
  const memory::dims a_matrix = last_two(p->a_strides);
  if (batch_b == 1 && a_is_whole && !attrs.transpose_a) {
    p->a = {batch * m, k};
    p->b = {k, n};
    p->y = {batch * m, n};
    p->a_strides = a_matrix;
    p->b_strides = b_matrix;
  } else if (a_is_whole && b_is_whole) {
    p->a = {batch, m, k};
    p->b = {batch, k, n};
    p->y = {batch, m, n};
    p->a_strides = {m * k, a_matrix[0], a_matrix[1]};
    p->b_strides = {k * n, b_matrix[0], b_matrix[1]};
  }
}

FusedEpilogue::Layout EpilogueLayout(const KernelRequest& request, const Product& p) {
  const Shape result = request.output_shape();
  const int rank = static_cast<int>(p.y.size());
  std::vector<int> to_dnnl;
  for (int i = 0; rank == result.rank() && i < rank; ++i) to_dnnl.push_back(i);
  return {result, result.rank() - 1, RowMajor(p.y), rank - 1, std::move(to_dnnl), /*first_input=*/2};
}

memory::desc BiasDesc(const Product& p) {
  memory::dims dims(p.y.size(), 1);
  dims.back() = p.y.back();
  return RowMajor(dims);
}

struct ChosenProduct {
  dnnl::matmul::primitive_desc desc;
  memory::desc b_plain;
};

// oneDNN chooses b's layout where that can be made once.
std::optional<ChosenProduct> Choose(const KernelRequest& request, const Product& p, const FusedEpilogue& epilogue) {
  const memory::desc a = Strided(p.a, p.a_strides, p.types.operands);
  const memory::desc b_plain = Strided(p.b, p.b_strides, p.types.operands);
  const memory::desc b =
      request.constant(1) != nullptr ? memory::desc(p.b, p.types.operands, memory::format_tag::any) : b_plain;
  dnnl::primitive_attr attributes = BaseAttributes();
  epilogue.AddTo(attributes);
  const memory::desc y = RowMajor(p.y, p.types.product);
  const bool has_bias = epilogue.bias_input() >= 0;
  auto desc = has_bias ? dnnl::matmul::primitive_desc(DnnlEngine(), a, b, BiasDesc(p), y, attributes, true)
                       : dnnl::matmul::primitive_desc(DnnlEngine(), a, b, y, attributes, true);
  if (!desc) return std::nullopt;
  return ChosenProduct{std::move(desc), b_plain};
}

StatusOr<KernelPtr> Build(const KernelRequest& request, const Product& p, const ChosenProduct& chosen,
                          const FusedEpilogue& epilogue, const Expr* tape_expr) {
  DnnlKernelBuilder builder(request.context);
  ArgumentSource product = ArgumentSource::Output();
  if (tape_expr != nullptr) {
    std::optional<EpilogueTape> tape = MakeEpilogueTape(request, *tape_expr, 2, &builder);
    if (!tape.has_value()) return KernelPtr();
    product = tape->product;
    builder.SetTape(*std::move(tape));
  }
  const memory::desc b = chosen.desc.weights_desc();
  MOULIN_ASSIGN_OR_RETURN(ArgumentSource b_source, builder.InLayout(request, 1, chosen.b_plain, b));
  std::vector<DnnlKernelBuilder::Argument> arguments = {
      {DNNL_ARG_SRC, Strided(p.a, p.a_strides, p.types.operands), ArgumentSource::Input(0)},
      {DNNL_ARG_WEIGHTS, b, std::move(b_source)},
      {DNNL_ARG_DST, RowMajor(p.y, p.types.product), product}};
  if (epilogue.bias_input() >= 0) {
    arguments.push_back({DNNL_ARG_BIAS, BiasDesc(p), ArgumentSource::Input(epilogue.bias_input())});
  }
  epilogue.AppendArguments(&arguments);
  builder.SetSummedInput(epilogue.summed_input());
  builder.AddStep(dnnl::matmul(chosen.desc), std::move(arguments), chosen.desc.scratchpad_desc());
  return builder.Finish(chosen.desc.impl_info_str());
}

}  // namespace

StatusOr<KernelPtr> MakeContractKernel(const KernelRequest& request) {
  const ContractAttrs& attrs = request.node.attr<ContractAttrs>();
  const std::optional<ProductTypes> types =
      DnnlProductTypes(request.dtype(0), request.dtype(1), ProductTypeOf(attrs, request.dtype(0)));
  if (!types.has_value()) return KernelPtr();
  Product p = Describe(request, attrs, *types);
  if (p.y.size() < 2 || p.y.size() > DNNL_MAX_NDIMS) return KernelPtr();
  if (request.output_shape().num_elements() == 0 || p.a.back() == 0) return KernelPtr();
  if (EpilogueIgnoresBatch(request)) Collapse(attrs, &p);
  const auto fused = FusedEpilogue::Translate(request, attrs.epilogue, EpilogueLayout(request, p));
  if (fused.has_value() && types->is_float() && request.output_dtype() == DType::kFloat32) {
    const std::optional<ChosenProduct> chosen = Choose(request, p, *fused);
    if (chosen.has_value() && (!IsSlowImplementation(chosen->desc.impl_info_str()) || attrs.epilogue.empty())) {
      return Build(request, p, *chosen, *fused, nullptr);
    }
  }
  if (attrs.epilogue.empty() && types->is_float()) return KernelPtr();
  const std::optional<ChosenProduct> plain = Choose(request, p, FusedEpilogue());
  if (!plain.has_value()) return KernelPtr();
  return Build(request, p, *plain, FusedEpilogue(), attrs.epilogue.empty() ? nullptr : &attrs.epilogue);
}

}  // namespace moulin::cpu
