// Host kernels of sound: WAV files, spectrograms, mel-frequency cepstral coefficients. All arithmetic in double, as
// TensorFlow's. Tests: tests/ops/host_kernels_test.cc, tests/cases/host_cases.py.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/wire.h"
#include "ops/fft.h"
#include "ops/host_op.h"
#include "ops/op_util.h"

namespace moulin {
namespace {

// --- DecodeWav: 16-bit samples ---

struct Wav {
  int64_t channels = 0;
  int32_t sample_rate = 0;
  absl::string_view samples;  // 16-bit little-endian, channel by channel
};

Status ReadFormat(absl::string_view chunk, Wav* wav) {
  if (chunk.size() < 16) return MakeError(ErrorCode::kValue, "the WAV format chunk is cut short");
  const uint32_t bits = LittleEndian(chunk.substr(14, 2));
  wav->channels = LittleEndian(chunk.substr(2, 2));
  wav->sample_rate = static_cast<int32_t>(LittleEndian(chunk.substr(4, 4)));
  if (LittleEndian(chunk.substr(0, 2)) != 1 || bits != 16) {
    return MakeError(ErrorCode::kValue, "only 16-bit PCM is read from WAV files, got ", bits, " bits");
  }
  if (wav->channels < 1) return MakeError(ErrorCode::kValue, "the WAV file has no channels");
  return absl::OkStatus();
}

StatusOr<Wav> ReadWav(absl::string_view file) {
  if (file.size() < 12 || file.substr(0, 4) != "RIFF" || file.substr(8, 4) != "WAVE") {
    return MakeError(ErrorCode::kValue, "this is no WAV file");
  }
  Wav wav;
  for (file.remove_prefix(12); file.size() >= 8;) {
    const absl::string_view name = file.substr(0, 4);
    const uint32_t size = LittleEndian(file.substr(4, 4));
    file.remove_prefix(8);
    if (size > file.size()) return MakeError(ErrorCode::kValue, "the WAV file is cut short");
    const absl::string_view chunk = file.substr(0, size);
    if (name == "fmt ") MOULIN_RETURN_IF_ERROR(ReadFormat(chunk, &wav));
    if (name == "data") {
      if (wav.channels == 0) return MakeError(ErrorCode::kValue, "the WAV file has samples before their format");
      wav.samples = chunk;
      return wav;
    }
    file.remove_prefix(std::min<size_t>(size + size % 2, file.size()));
  }
  return MakeError(ErrorCode::kValue, "the WAV file has no samples");
}

Status InferDecodeWav(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kString, c.dtype(0), "the contents"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 0, "the contents"));
  const int64_t samples = IntAttr(c.attr<HostOpAttrs>(), "desired_samples", -1);
  const int64_t channels = IntAttr(c.attr<HostOpAttrs>(), "desired_channels", -1);
  MOULIN_RETURN_IF_ERROR(
      AddOutput(c, DType::kFloat32, {std::max<int64_t>(samples, -1), std::max<int64_t>(channels, -1)}));
  c.Add(DType::kInt32, Shape());
  return absl::OkStatus();
}

Status DecodeWav(const KernelContext& c) {
  std::vector<TensorType> types;
  MOULIN_RETURN_IF_ERROR(InferFromInputs(c, InferDecodeWav, &types));
  MOULIN_ASSIGN_OR_RETURN(const Wav wav, ReadWav(c.input(0).strings()[0]));
  const int64_t present = static_cast<int64_t>(wav.samples.size()) / (2 * wav.channels);
  const int64_t samples = types[0].shape.dim(0) < 0 ? present : types[0].shape.dim(0);
  const int64_t channels = types[0].shape.dim(1) < 0 ? wav.channels : types[0].shape.dim(1);
  MOULIN_RETURN_IF_ERROR(c.Allocate(0, DType::kFloat32, Shape{samples, channels}));
  MOULIN_RETURN_IF_ERROR(c.Allocate(1, DType::kInt32, Shape()));
  c.output(1).mutable_values<int32_t>()[0] = wav.sample_rate;
  float* out = c.output(0).mutable_values<float>().data();
  for (int64_t i = 0; i < std::min(samples, present); ++i) {
    for (int64_t channel = 0; channel < channels; ++channel) {
      const int64_t from = std::min(channel, wav.channels - 1);  // the last one again where there are too few
      const uint32_t sample = LittleEndian(wav.samples.substr(2 * (i * wav.channels + from), 2));
      out[i * channels + channel] = static_cast<float>(static_cast<int16_t>(sample)) / 32768.0f;
    }
  }
  return absl::OkStatus();
}

// --- AudioSpectrogram: [samples, channels] to [channels, frames, bins] ---

struct Frames {
  int64_t window, stride, fft;
};

StatusOr<Frames> ReadFrames(const HostOpAttrs& attrs) {
  constexpr int64_t kMost = 1 << 24;
  const int64_t window = IntAttr(attrs, "window_size", 0);
  const int64_t stride = IntAttr(attrs, "stride", 0);
  if (window < 2 || window > kMost || stride < 1) {
    return MakeError(ErrorCode::kAttribute, "window_size must be in [2, ", kMost, "] and stride at least 1, got ",
                     window, " and ", stride);
  }
  return Frames{window, stride, static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(window)))};
}

Status InferSpectrogram(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat32, c.dtype(0), "the samples"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 2, "the samples"));
  MOULIN_ASSIGN_OR_RETURN(const Frames f, ReadFrames(c.attr<HostOpAttrs>()));
  const int64_t samples = c.shape(0).has_rank() ? c.shape(0).dim(0) : kUnknownDim;
  const int64_t channels = c.shape(0).has_rank() ? c.shape(0).dim(1) : kUnknownDim;
  int64_t frames = samples;
  if (samples != kUnknownDim) frames = samples < f.window ? 0 : 1 + (samples - f.window) / f.stride;
  return AddOutput(c, DType::kFloat32, {channels, frames, f.fft / 2 + 1});
}

Status AudioSpectrogram(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferSpectrogram));
  MOULIN_ASSIGN_OR_RETURN(const Frames f, ReadFrames(c.attr<HostOpAttrs>()));
  const bool squared = IntAttr(c.attr<HostOpAttrs>(), "magnitude_squared", 0) != 0;
  std::vector<double> window(f.window);
  for (int64_t i = 0; i < f.window; ++i) {
    window[i] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(f.window));
  }
  const Fft fft(f.fft, false);
  const float* x = c.input(0).values<float>().data();
  const int64_t channels = c.input(0).shape().dim(1);
  float* y = c.output(0).mutable_values<float>().data();
  for (int64_t channel = 0; channel < channels; ++channel) {
    for (int64_t frame = 0; frame < c.output(0).shape().dim(1); ++frame) {
      std::vector<std::complex<double>> line(f.fft);
      for (int64_t i = 0; i < f.window; ++i) line[i] = window[i] * x[(frame * f.stride + i) * channels + channel];
      fft.Run(line);
      for (int64_t k = 0; k <= f.fft / 2; ++k)
        *y++ = static_cast<float>(squared ? std::norm(line[k]) : std::abs(line[k]));
    }
  }
  return absl::OkStatus();
}

// --- Mfcc ---

double Mel(double frequency) { return 1127.0 * std::log1p(frequency / 700.0); }

// Triangular filters, evenly spaced in mels, of which each bin of a spectrum feeds two neighbours.
class MelFilters {
 public:
  MelFilters(int64_t bins, double sample_rate, int64_t filters, double low, double high)
      : filters_(filters), feeds_(bins, kNone), weights_(bins, 0) {
    const double first = Mel(low);
    const double spacing = (Mel(high) - first) / static_cast<double>(filters + 1);
    const auto center = [&](int64_t i) { return first + spacing * static_cast<double>(i + 1); };
    const double hertz = 0.5 * sample_rate / static_cast<double>(bins - 1);
    const auto last = static_cast<int64_t>(high / hertz);
    int64_t filter = 0;
    // Bin 0 is the constant part, which never counts.
    for (auto i = static_cast<int64_t>(1.5 + low / hertz); i <= std::min(last, bins - 1); ++i) {
      const double mel = Mel(static_cast<double>(i) * hertz);
      while (filter < filters && center(filter) < mel) ++filter;
      feeds_[i] = filter - 1;
      weights_[i] = filter > 0 ? (center(filter) - mel) / spacing : (center(0) - mel) / (center(0) - first);
    }
  }

  std::vector<double> Apply(const float* spectrum) const {
    std::vector<double> out(filters_, 0);
    for (size_t i = 0; i < feeds_.size(); ++i) {
      if (feeds_[i] == kNone) continue;
      const double value = std::sqrt(static_cast<double>(spectrum[i]));
      const double part = value * weights_[i];
      if (feeds_[i] >= 0) out[feeds_[i]] += part;
      if (feeds_[i] + 1 < filters_) out[feeds_[i] + 1] += value - part;
    }
    return out;
  }

 private:
  static constexpr int64_t kNone = -2;
  int64_t filters_;
  std::vector<int64_t> feeds_;   // the lower filter of each bin
  std::vector<double> weights_;  // what of the bin goes to it
};

struct MfccOptions {
  double low, high;
  int64_t filters, coefficients;
};

StatusOr<MfccOptions> ReadMfcc(const HostOpAttrs& attrs) {
  const MfccOptions o{FloatAttr(attrs, "lower_frequency_limit", 20), FloatAttr(attrs, "upper_frequency_limit", 4000),
                      IntAttr(attrs, "filterbank_channel_count", 40), IntAttr(attrs, "dct_coefficient_count", 13)};
  if (!(o.low >= 0) || !(o.high > o.low) || !std::isfinite(o.high)) {
    return MakeError(ErrorCode::kAttribute, "the frequency limits must rise from 0, got ", o.low, " and ", o.high);
  }
  if (o.filters < 1 || o.filters > 65'536 || o.coefficients < 1 || o.coefficients > o.filters) {
    return MakeError(ErrorCode::kAttribute, "expected 1 to 65536 filters and no more coefficients than filters, got ",
                     o.filters, " and ", o.coefficients);
  }
  return o;
}

Status InferMfcc(InferContext& c) {
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kFloat32, c.dtype(0), "the spectrogram"));
  MOULIN_RETURN_IF_ERROR(CheckSameType(DType::kInt32, c.dtype(1), "the sample rate"));
  MOULIN_RETURN_IF_ERROR(CheckRank(c.shape(0), 3, "the spectrogram"));
  MOULIN_ASSIGN_OR_RETURN(const MfccOptions o, ReadMfcc(c.attr<HostOpAttrs>()));
  PartialShape out = c.shape(0).has_rank() ? c.shape(0) : PartialShape::OfRank(3);
  out.set_dim(2, o.coefficients);
  return AddOutput(c, DType::kFloat32, out);
}

Status Mfcc(const KernelContext& c) {
  MOULIN_RETURN_IF_ERROR(AllocateInferred(c, InferMfcc));
  MOULIN_ASSIGN_OR_RETURN(const MfccOptions o, ReadMfcc(c.attr<HostOpAttrs>()));
  MOULIN_ASSIGN_OR_RETURN(const Ints rate, IntValues(c.input(1)));
  const int64_t bins = c.input(0).shape().dim(2);
  if (rate.size() != 1 || rate[0] < 1)
    return MakeError(ErrorCode::kValue, "the sample rate must be one number above 0");
  if (bins < 2) return MakeError(ErrorCode::kShape, "the spectrogram needs 2 bins at least, got ", bins);
  const MelFilters filters(bins, static_cast<double>(rate[0]), o.filters, o.low, o.high);
  const double n = static_cast<double>(o.filters);
  const float* x = c.input(0).values<float>().data();
  float* y = c.output(0).mutable_values<float>().data();
  for (int64_t frame = 0; frame < c.input(0).num_elements() / bins; ++frame, x += bins) {
    std::vector<double> energies = filters.Apply(x);
    for (double& energy : energies) energy = std::log(std::max(energy, 1e-12));
    for (int64_t k = 0; k < o.coefficients; ++k) {
      double sum = 0;
      for (int64_t i = 0; i < o.filters; ++i) {
        sum += energies[i] * std::cos(static_cast<double>(k) * std::numbers::pi / n * (static_cast<double>(i) + 0.5));
      }
      *y++ = static_cast<float>(std::sqrt(2.0 / n) * sum);
    }
  }
  return absl::OkStatus();
}

constexpr HostOp kAudioKernels[] = {
    {"AudioSpectrogram", 1, 1, InferSpectrogram, AudioSpectrogram},
    {"DecodeWav", 1, 1, InferDecodeWav, DecodeWav},
    {"Mfcc", 2, 2, InferMfcc, Mfcc},
};

}  // namespace

absl::Span<const HostOp> AudioKernels() { return kAudioKernels; }

}  // namespace moulin
