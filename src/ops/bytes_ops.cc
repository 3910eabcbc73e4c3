// Host kernels between tensors and bytes: serialised tensors, fingerprints, compressed strings, sound files.
// Tests: tests/cases/bytes_cases.py.
#include <farmhash.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/host_op.h"
#include "ops/op_util.h"
#include "ops/type_dispatch.h"
#include "ops/wire_writer.h"

namespace moulin {
namespace {

// --- SerializeTensor ---

Status InferString(InferContext& c) { return AddOutput(c, DType::kString, Shape()); }

// A TensorProto: type, shape and, as they are, the elements.
Status Serialize(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferString));
  const Tensor& x = c.input(0);
  if (x.dtype() != DType::kString && SizeOf(x.dtype()) == 0) return UnsupportedType(x.dtype());
  std::string proto, shape;
  for (const int64_t size : x.shape().dims()) {
    std::string dim;
    if (size != 0) AppendWireInt(1, static_cast<uint64_t>(size), &dim);
    AppendWireBytes(2, dim, &shape);
  }
  AppendWireInt(1, static_cast<uint64_t>(x.dtype()), &proto);
  AppendWireBytes(2, shape, &proto);
  if (x.dtype() == DType::kString) {
    for (const std::string& s : x.strings()) AppendWireBytes(8, s, &proto);
  } else if (x.num_elements() > 0) {
    AppendWireBytes(4, {static_cast<const char*>(x.data()), static_cast<size_t>(x.byte_size())}, &proto);
  }
  c.output(0).mutable_strings()[0] = std::move(proto);
  return absl::OkStatus();
}

// --- Fingerprint ---

// (data, method) -> 8 bytes for each entry of the first axis.
Status InferFingerprint(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckRankAtLeast(c.shape(0), 1, "data"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(1), "method"));
  return AddOutput(c, DType::kUInt8, PartialShape{c.shape(0).has_rank() ? c.shape(0).dim(0) : kUnknownDim, 8});
}

Status RunFingerprint(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferFingerprint));
  MOULIN_ASSIGN_OR_RETURN(const std::string method, OnlyString(c.input(1), "method"));
  if (method != "farmhash64") {
    return MakeError(ErrorCode::kValue, "method must be farmhash64, got \"", Printable(method), "\"");
  }
  const Tensor& x = c.input(0);
  const int64_t rows = x.shape().dim(0), size = DimProduct(x.shape().dims(), 1, x.shape().rank());
  const auto hash = [](absl::string_view s) { return ::util::Fingerprint64(s.data(), s.size()); };
  for (int64_t i = 0; i < rows; ++i) {
    uint64_t value;
    if (x.dtype() != DType::kString) {
      const size_t bytes = static_cast<size_t>(size) * SizeOf(x.dtype());
      value = hash({static_cast<const char*>(x.data()) + i * bytes, bytes});
    } else if (x.shape().rank() == 1) {
      value = hash(x.strings()[i]);
    } else {  // of the strings' own fingerprints, one after another
      std::string all;
      for (int64_t k = 0; k < size; ++k) {
        const uint64_t one = hash(x.strings()[i * size + k]);
        all.append(reinterpret_cast<const char*>(&one), sizeof(one));
      }
      value = hash(all);
    }
    for (int b = 0; b < 8; ++b)
      c.output(0).mutable_values<uint8_t>()[i * 8 + b] = static_cast<uint8_t>(value >> (8 * b));
  }
  return absl::OkStatus();
}

// --- DecodeCompressed ---

Status InferStrings(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the operand"));
  return AddOutput(c, DType::kString, c.shape(0));
}

// `window` is zlib's: 15 for a zlib stream, 31 for gzip.
StatusOr<std::string> Inflate(const std::string& bytes, int window, int64_t limit) {
  z_stream stream{};
  if (::inflateInit2(&stream, window) != Z_OK) return MakeError(ErrorCode::kMemory, "cannot start zlib");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(std::min<size_t>(bytes.size(), UINT32_MAX));
  std::string out;
  char buffer[1 << 14];
  int result = Z_OK;
  while (result == Z_OK && static_cast<int64_t>(out.size()) <= limit) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof(buffer);
    result = ::inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof(buffer) - stream.avail_out);
  }
  ::inflateEnd(&stream);
  if (static_cast<int64_t>(out.size()) > limit) {
    return MakeError(ErrorCode::kLimit, "the decompressed bytes exceed the limit of ", limit);
  }
  if (result != Z_STREAM_END) return MakeError(ErrorCode::kValue, "the compressed bytes are malformed or cut short");
  return out;
}

Status Decompress(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferStrings));
  const absl::string_view type = StringAttr(c.attr<HostOpAttrs>(), "compression_type", "");
  if (!type.empty() && type != "ZLIB" && type != "GZIP") {
    return MakeError(ErrorCode::kAttribute, "compression_type must be \"\", ZLIB or GZIP, found \"", Printable(type),
                     "\"");
  }
  int64_t left = c.limits.tensor_bytes;
  for (int64_t i = 0; i < c.input(0).num_elements(); ++i) {
    const std::string& bytes = c.input(0).strings()[i];
    if (type.empty()) {
      c.output(0).mutable_strings()[i] = bytes;
      continue;
    }
    MOULIN_ASSIGN_OR_RETURN(c.output(0).mutable_strings()[i], Inflate(bytes, type == "GZIP" ? 31 : 15, left));
    left -= static_cast<int64_t>(c.output(0).strings()[i].size());
  }
  return absl::OkStatus();
}

// --- EncodeWav ---

Status InferEncodeWav(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat32, c.dtype(0), "the samples"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 2, "the samples"));
  return AddOutput(c, DType::kString, Shape());
}

void AppendLittle(uint32_t value, int bytes, std::string* out) {
  for (int i = 0; i < bytes; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

// (samples [n, channels] of [-1, 1], samples a second) -> a file of 16-bit samples.
Status EncodeWav(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferEncodeWav));
  MOULIN_ASSIGN_OR_RETURN(const Ints rate, IntValues(c.input(1)));
  const Tensor& x = c.input(0);
  const int64_t channels = x.shape().dim(1), bytes = 2 * x.num_elements();
  if (rate.size() != 1 || rate[0] <= 0 || rate[0] > INT32_MAX) {
    return MakeError(ErrorCode::kValue, "sample_rate must be one number above 0");
  }
  if (channels < 1 || channels > UINT16_MAX / 2 || bytes == 0 || bytes > INT32_MAX - 64 ||
      rate[0] * channels * 2 > UINT32_MAX) {
    return MakeError(ErrorCode::kShape, "samples of shape ", x.shape().ToString(), " do not fit into a sound file");
  }
  std::string out = "RIFF";
  AppendLittle(static_cast<uint32_t>(36 + bytes), 4, &out);
  out += "WAVEfmt ";
  AppendLittle(16, 4, &out);
  AppendLittle(1, 2, &out);  // plain samples
  AppendLittle(static_cast<uint32_t>(channels), 2, &out);
  AppendLittle(static_cast<uint32_t>(rate[0]), 4, &out);
  AppendLittle(static_cast<uint32_t>(rate[0] * channels * 2), 4, &out);
  AppendLittle(static_cast<uint32_t>(channels * 2), 2, &out);
  AppendLittle(16, 2, &out);
  out += "data";
  AppendLittle(static_cast<uint32_t>(bytes), 4, &out);
  for (const float sample : x.values<float>()) {
    const float scaled = std::round(sample * 32768.0f);
    const float clamped = std::isnan(scaled) ? 0 : std::clamp(scaled, -32768.0f, 32767.0f);
    AppendLittle(static_cast<uint16_t>(static_cast<int16_t>(clamped)), 2, &out);
  }
  c.output(0).mutable_strings()[0] = std::move(out);
  return absl::OkStatus();
}

constexpr HostOp kBytesKernels[] = {
    {"DecodeCompressed", 1, 1, InferStrings, Decompress},
    {"EncodeWav", 2, 2, InferEncodeWav, EncodeWav},
    {"Fingerprint", 2, 2, InferFingerprint, RunFingerprint},
    {"SerializeTensor", 1, 1, InferString, Serialize},
};

}  // namespace

absl::Span<const HostOp> BytesKernels() { return kBytesKernels; }

}  // namespace moulin
