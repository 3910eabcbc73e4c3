// Kernels of the TensorFlow ops that are kept as themselves (OpKind::kHostOp), one row an op.
#ifndef MOULIN_OPS_HOST_OP_H_
#define MOULIN_OPS_HOST_OP_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "ops/op_def.h"

namespace moulin {

struct HostOp {
  absl::string_view op;  // TensorFlow's name
  int min_inputs;
  int max_inputs;
  InferFn infer;
  ReferenceFn reference;
};

absl::Span<const HostOp> StringKernels();                // string_ops.cc
absl::Span<const HostOp> StringSplitKernels();           // string_split.cc: splits, joins, n-grams
absl::Span<const HostOp> StringFormatKernels();          // string_format.cc
absl::Span<const HostOp> RegexKernels();                 // regex_ops.cc
absl::Span<const HostOp> StringHashKernels();            // string_hash.cc
absl::Span<const HostOp> UnicodeKernels();               // unicode_ops.cc
absl::Span<const HostOp> DecodeKernels();                // decode_ops.cc: raw bytes, comma-separated values
absl::Span<const HostOp> ParseExampleKernels();          // parse_example.cc
absl::Span<const HostOp> ParseSequenceExampleKernels();  // parse_sequence_example.cc
absl::Span<const HostOp> ParseTensorKernels();           // parse_tensor.cc
absl::Span<const HostOp> CrossKernels();                 // cross_ops.cc: combinations of features
absl::Span<const HostOp> OverlapKernels();               // overlap_ops.cc: suppression by given overlaps
absl::Span<const HostOp> ImageDecodeKernels();           // image_decode.cc
absl::Span<const HostOp> RandomKernels();                // random_ops.cc
absl::Span<const HostOp> FftKernels();                   // fft_ops.cc
absl::Span<const HostOp> CtcKernels();                   // ctc_ops.cc
absl::Span<const HostOp> AudioKernels();                 // audio_ops.cc
absl::Span<const HostOp> ImageTransformKernels();        // image_transform.cc
absl::Span<const HostOp> LookupKernels();                // lookup_ops.cc
absl::Span<const HostOp> TensorListKernels();            // tensor_list_ops.cc
absl::Span<const HostOp> SparseKernels();                // sparse_ops.cc
absl::Span<const HostOp> SetKernels();                   // set_ops.cc: sets, edit distances
absl::Span<const HostOp> RaggedKernels();                // ragged_ops.cc: ragged tensors, counts
absl::Span<const HostOp> MatrixBandKernels();            // matrix_band_ops.cc: tridiagonal and banded systems
absl::Span<const HostOp> MatrixFunctionKernels();        // matrix_function_ops.cc: exponentials, roots, eigenvalues
absl::Span<const HostOp> SpecialKernels();               // special_ops.cc
absl::Span<const HostOp> ImageEncodeKernels();           // image_encode.cc
absl::Span<const HostOp> BytesKernels();            // bytes_ops.cc: serialised tensors, checksums, compressed bytes
absl::Span<const HostOp> JsonKernels();             // json_ops.cc
absl::Span<const HostOp> RandomOrderKernels();      // random_order_ops.cc
absl::Span<const HostOp> RandomGammaKernels();      // random_gamma_ops.cc: gamma and Poisson distributions
absl::Span<const HostOp> RandomTruncatedKernels();  // random_truncated_ops.cc: normal values between bounds
absl::Span<const HostOp> RandomCropKernels();       // random_crop_ops.cc: windows of images
absl::Span<const HostOp> ImageSampleKernels();      // image_sample_ops.cc
absl::Span<const HostOp> QuantizedResizeKernels();  // quantized_resize_ops.cc
absl::Span<const HostOp> FractionalPoolKernels();   // fractional_pool.cc

// The kernel of an op; null where there is none (the importer asks before it makes a HostOp).
const HostOp* FindHostOp(absl::string_view op);
// All of them. An op's name is that of a literal, and ends with a 0.
std::vector<const HostOp*> AllHostOps();

// An attribute of a HostOp, or `otherwise` where it is not given.
int64_t IntAttr(const HostOpAttrs& attrs, absl::string_view name, int64_t otherwise);
double FloatAttr(const HostOpAttrs& attrs, absl::string_view name, double otherwise);
absl::string_view StringAttr(const HostOpAttrs& attrs, absl::string_view name, absl::string_view otherwise);
// A list: the elements are kept under one name, in order. A shape is kept as text: "2,-1", or "?" without a rank.
std::vector<int64_t> IntsAttr(const HostOpAttrs& attrs, absl::string_view name);
std::vector<std::string> StringsAttr(const HostOpAttrs& attrs, absl::string_view name);
StatusOr<std::vector<PartialShape>> ShapesAttr(const HostOpAttrs& attrs, absl::string_view name);

// Shape function of outputs whose sizes only the elements tell: the types of the node, without a rank.
Status InferUnknown(InferContext& c);
// The only element of a string operand; E_SHAPE where it has more or fewer.
StatusOr<std::string> OnlyString(const Tensor& x, absl::string_view what);

}  // namespace moulin

#endif  // MOULIN_OPS_HOST_OP_H_
