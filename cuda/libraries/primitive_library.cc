// Covered by tests/cuda/libraries/primitive_library_test.cc.
#include "cuda/libraries/primitive_library.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace moulin::cuda {
namespace {

constexpr const char* kActivations[] = {"none", "relu", "relu6",     "sigmoid", "tanh",
                                        "elu",  "gelu", "gelu_tanh", "swish"};

std::string TypeName(DType type, bool allow_tf32) {
  return type == DType::kFloat32 && allow_tf32 ? "tf32" : std::string(ShortName(type));
}

}  // namespace

std::string ToString(const LibraryEpilogue& epilogue) {
  std::string text = absl::StrCat(epilogue.bias ? "bias+" : "", epilogue.residual ? "residual+" : "",
                                  kActivations[static_cast<int>(epilogue.activation)]);
  if (epilogue.scaling.has_value()) {
    absl::StrAppend(&text, " scaled ", ShortName(epilogue.scaling->residual), " to ",
                    ShortName(epilogue.scaling->result));
  }
  return text;
}

std::string ToString(const ConvProblem& p) {
  const auto list = [](const SpatialDims& values) { return absl::StrJoin(values, ","); };
  return absl::StrCat(p.transposed ? "conv_transposed " : "conv ", TypeName(p.type, p.allow_tf32), " ", p.x.ToString(),
                      " ", p.filter.ToString(), " ", p.y.ToString(), " strides ", list(p.strides), " dilations ",
                      list(p.dilations), " pads ", list(p.pad_before), ";", list(p.pad_after), " groups ", p.groups,
                      " ", ToString(p.epilogue));
}

std::string ToString(const MatmulProblem& p) {
  return absl::StrCat("matmul ", TypeName(p.type, p.allow_tf32), " ", p.batch, "x", p.m, "x", p.n, "x", p.k,
                      p.transpose_a ? " at" : "", p.transpose_b ? " bt" : "", p.broadcast_a ? " a1" : "",
                      p.broadcast_b ? " b1" : "", " ", ToString(p.epilogue));
}

std::string ToString(const AttentionProblem& p) {
  return absl::StrCat("attention ", ShortName(p.type), " ", p.batch, "x", p.heads, "x", p.m, "x", p.n, "x", p.d, "x",
                      p.e, " scale ", p.scale, " mask ", p.has_mask ? p.mask.ToString() : "none");
}

}  // namespace moulin::cuda
