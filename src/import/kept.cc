#include "import/kept.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "import/op_signature.h"
#include "ops/host_op.h"

namespace moulin {
namespace {

std::string ShapeText(const tf::TensorShapeProto& shape) {
  if (shape.unknown_rank()) return "?";
  return absl::StrJoin(shape.dim(), ",", [](std::string* out, const auto& dim) { absl::StrAppend(out, dim.size()); });
}

void CopyList(const std::string& name, const tf::AttrValue::ListValue& list, HostOpAttrs* attrs) {
  for (const int64_t value : list.i()) attrs->ints.push_back({name, value});
  for (const bool value : list.b()) attrs->ints.push_back({name, value ? 1 : 0});
  for (const float value : list.f()) attrs->floats.push_back({name, value});
  for (const std::string& value : list.s()) attrs->strings.push_back({name, value});
  for (const auto& value : list.shape()) attrs->strings.push_back({name, ShapeText(value)});
}

// Types that operands and outputs do not show are needed by lists.
void CopyAttr(const std::string& name, const tf::AttrValue& value, HostOpAttrs* attrs) {
  switch (value.value_case()) {
    case tf::AttrValue::kI:
      attrs->ints.push_back({name, value.i()});
      break;
    case tf::AttrValue::kB:
      attrs->ints.push_back({name, value.b() ? 1 : 0});
      break;
    case tf::AttrValue::kType:
      if (name == "element_dtype") attrs->ints.push_back({name, value.type()});
      break;
    case tf::AttrValue::kF:
      attrs->floats.push_back({name, value.f()});
      break;
    case tf::AttrValue::kS:
      attrs->strings.push_back({name, value.s()});
      break;
    case tf::AttrValue::kShape:
      attrs->strings.push_back({name, ShapeText(value.shape())});
      break;
    case tf::AttrValue::kList:
      CopyList(name, value.list(), attrs);
      break;
    default:
      break;
  }
}

}  // namespace

HostOpAttrs KeptAttrs(const LoweringContext& c) {
  HostOpAttrs attrs;
  attrs.op = c.op();
  // In the order of the names: that of a protocol buffer's map varies from run to run.
  std::vector<std::string> names;
  for (const auto& [name, value] : c.node().attr()) names.push_back(name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) CopyAttr(name, c.node().attr().at(name), &attrs);
  return attrs;
}

void LowerKept(LoweringContext& c) {
  const OpSignature* signature = FindSignature(c.op());
  if (signature == nullptr || FindHostOp(c.op()) == nullptr) {
    c.Unsupported("there is no kernel for this op");
    return;
  }
  HostOpAttrs attrs = KeptAttrs(c);
  const auto outputs = ExpandArgs(signature->outputs, signature->attrs, c.node().attr(), c.b.limits());
  if (!outputs.ok()) {
    c.b.Fail(outputs.status());
    return;
  }
  for (const TensorSpec& output : *outputs) attrs.output_types.push_back(output.type);
  c.Outputs(c.b.AddMulti(OpKind::kHostOp, std::move(attrs), c.inputs()));
}

namespace {

constexpr OpLowering kRows[] = {
    {"AudioSpectrogram", 1, 1, LowerKept},
    {"BandedTriangularSolve", 2, 2, LowerKept},
    {"BatchFFT", 1, 1, LowerKept},
    {"BatchFFT2D", 1, 1, LowerKept},
    {"BatchFFT3D", 1, 1, LowerKept},
    {"BatchIFFT", 1, 1, LowerKept},
    {"BatchIFFT2D", 1, 1, LowerKept},
    {"BatchIFFT3D", 1, 1, LowerKept},
    {"BatchMatrixSolveLs", 3, 3, LowerKept},
    {"BesselJ0", 1, 1, LowerKept},
    {"BesselJ1", 1, 1, LowerKept},
    {"BesselK0", 1, 1, LowerKept},
    {"BesselK0e", 1, 1, LowerKept},
    {"BesselK1", 1, 1, LowerKept},
    {"BesselK1e", 1, 1, LowerKept},
    {"BesselY0", 1, 1, LowerKept},
    {"BesselY1", 1, 1, LowerKept},
    {"CTCBeamSearchDecoder", 2, 2, LowerKept},
    {"CTCGreedyDecoder", 2, 2, LowerKept},
    {"Dawsn", 1, 1, LowerKept},
    {"DecodeBmp", 1, 1, LowerKept},
    {"DecodeCSV", 2, kAnyNumber, LowerKept},
    {"DecodeCompressed", 1, 1, LowerKept},
    {"DecodeGif", 1, 1, LowerKept},
    {"DecodeImage", 1, 1, LowerKept},
    {"DecodeJSONExample", 1, 1, LowerKept},
    {"DecodeJpeg", 1, 1, LowerKept},
    {"DecodePaddedRaw", 2, 2, LowerKept},
    {"DecodePng", 1, 1, LowerKept},
    {"DecodeRaw", 1, 1, LowerKept},
    {"DecodeWav", 1, 1, LowerKept},
    {"DenseCountSparseOutput", 2, 2, LowerKept},
    {"DenseToDenseSetOperation", 2, 2, LowerKept},
    {"DenseToSparseSetOperation", 4, 4, LowerKept},
    {"DrawBoundingBoxes", 2, 2, LowerKept},
    {"DrawBoundingBoxesV2", 3, 3, LowerKept},
    {"EditDistance", 6, 6, LowerKept},
    {"Eig", 1, 1, LowerKept},
    {"EncodeJpeg", 1, 1, LowerKept},
    {"EncodeJpegVariableQuality", 2, 2, LowerKept},
    {"EncodePng", 1, 1, LowerKept},
    {"EncodeWav", 2, 2, LowerKept},
    {"Expint", 1, 1, LowerKept},
    {"ExtractGlimpse", 3, 3, LowerKept},
    {"ExtractGlimpseV2", 3, 3, LowerKept},
    {"FFT", 1, 1, LowerKept},
    {"FFT2D", 1, 1, LowerKept},
    {"FFT3D", 1, 1, LowerKept},
    {"Fingerprint", 2, 2, LowerKept},
    {"FractionalAvgPool", 1, 1, LowerKept},
    {"FractionalMaxPool", 1, 1, LowerKept},
    {"FresnelCos", 1, 1, LowerKept},
    {"FresnelSin", 1, 1, LowerKept},
    {"IFFT", 1, 1, LowerKept},
    {"IFFT2D", 1, 1, LowerKept},
    {"IFFT3D", 1, 1, LowerKept},
    {"IRFFT", 2, 2, LowerKept},
    {"IRFFT2D", 2, 2, LowerKept},
    {"IRFFT3D", 2, 2, LowerKept},
    {"ImageProjectiveTransformV2", 3, 3, LowerKept},
    {"ImageProjectiveTransformV3", 4, 4, LowerKept},
    {"MatrixExponential", 1, 1, LowerKept},
    {"MatrixLogarithm", 1, 1, LowerKept},
    {"MatrixSolveLs", 3, 3, LowerKept},
    {"MatrixSquareRoot", 1, 1, LowerKept},
    {"Mfcc", 2, 2, LowerKept},
    {"Multinomial", 2, 2, LowerKept},
    {"ParseExample", 2, kAnyNumber, LowerKept},
    {"ParseExampleV2", 5, kAnyNumber, LowerKept},
    {"ParseSingleExample", 1, kAnyNumber, LowerKept},
    {"ParseTensor", 1, 1, LowerKept},
    {"RFFT", 2, 2, LowerKept},
    {"RFFT2D", 2, 2, LowerKept},
    {"RFFT3D", 2, 2, LowerKept},
    {"RaggedBincount", 4, 4, LowerKept},
    {"RaggedCountSparseOutput", 3, 3, LowerKept},
    {"RaggedGather", 3, kAnyNumber, LowerKept},
    {"RaggedTensorToSparse", 2, kAnyNumber, LowerKept},
    {"RandomGamma", 2, 2, LowerKept},
    {"RandomPoisson", 2, 2, LowerKept},
    {"RandomPoissonV2", 2, 2, LowerKept},
    {"RandomShuffle", 1, 1, LowerKept},
    {"RandomStandardNormal", 1, 1, LowerKept},
    {"RandomUniform", 1, 1, LowerKept},
    {"RandomUniformInt", 3, 3, LowerKept},
    {"ReduceJoin", 2, 2, LowerKept},
    {"RegexFullMatch", 2, 2, LowerKept},
    {"RegexReplace", 3, 3, LowerKept},
    {"ScaleAndTranslate", 4, 4, LowerKept},
    {"SerializeTensor", 1, 1, LowerKept},
    {"SetSize", 3, 3, LowerKept},
    {"SparseAdd", 7, 7, LowerKept},
    {"SparseBincount", 5, 5, LowerKept},
    {"SparseConcat", 3, kAnyNumber, LowerKept},
    {"SparseCountSparseOutput", 4, 4, LowerKept},
    {"SparseReduceMax", 4, 4, LowerKept},
    {"SparseReduceMaxSparse", 4, 4, LowerKept},
    {"SparseReduceSumSparse", 4, 4, LowerKept},
    {"SparseSlice", 5, 5, LowerKept},
    {"SparseSoftmax", 3, 3, LowerKept},
    {"SparseSparseMaximum", 6, 6, LowerKept},
    {"SparseSparseMinimum", 6, 6, LowerKept},
    {"SparseSplit", 4, 4, LowerKept},
    {"SparseToSparseSetOperation", 6, 6, LowerKept},
    {"Spence", 1, 1, LowerKept},
    {"StatelessMultinomial", 3, 3, LowerKept},
    {"StatelessRandomGammaV2", 3, 3, LowerKept},
    {"StatelessRandomGammaV3", 5, 5, LowerKept},
    {"StatelessRandomGetAlg", 0, 0, LowerKept},
    {"StatelessRandomGetKeyCounter", 1, 1, LowerKept},
    {"StatelessRandomGetKeyCounterAlg", 1, 1, LowerKept},
    {"StatelessRandomNormal", 2, 2, LowerKept},
    {"StatelessRandomNormalV2", 4, 4, LowerKept},
    {"StatelessRandomPoisson", 3, 3, LowerKept},
    {"StatelessRandomUniform", 2, 2, LowerKept},
    {"StatelessRandomUniformFullInt", 2, 2, LowerKept},
    {"StatelessRandomUniformFullIntV2", 4, 4, LowerKept},
    {"StatelessRandomUniformInt", 4, 4, LowerKept},
    {"StatelessRandomUniformIntV2", 6, 6, LowerKept},
    {"StatelessRandomUniformV2", 4, 4, LowerKept},
    {"StatelessTruncatedNormal", 2, 2, LowerKept},
    {"StatelessTruncatedNormalV2", 4, 4, LowerKept},
    {"StaticRegexFullMatch", 1, 1, LowerKept},
    {"StaticRegexReplace", 1, 1, LowerKept},
    {"StringFormat", 0, kAnyNumber, LowerKept},
    {"StringNGrams", 2, 2, LowerKept},
    {"StringSplit", 2, 2, LowerKept},
    {"StringSplitV2", 2, 2, LowerKept},
    {"StringToHashBucket", 1, 1, LowerKept},
    {"StringToHashBucketFast", 1, 1, LowerKept},
    {"StringToHashBucketStrong", 1, 1, LowerKept},
    {"TridiagonalMatMul", 4, 4, LowerKept},
    {"TridiagonalSolve", 2, 2, LowerKept},
    {"TruncatedNormal", 1, 1, LowerKept},
    {"UnicodeDecode", 1, 1, LowerKept},
    {"UnicodeDecodeWithOffsets", 1, 1, LowerKept},
    {"UnicodeEncode", 2, 2, LowerKept},
    {"UnicodeTranscode", 1, 1, LowerKept},
    {"UnsortedSegmentJoin", 3, 3, LowerKept},
};

}  // namespace

absl::Span<const OpLowering> KeptLowerings() { return kRows; }

}  // namespace moulin
