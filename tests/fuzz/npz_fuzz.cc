// .npz archives and, where the first byte is odd, single .npy arrays. What is accepted can be written, and reads as the
// same.
#include "formats/npy.h"
#include "formats/npz.h"
#include "fuzz.h"

namespace moulin::fuzz {
namespace {

void ReadArchive(absl::string_view bytes) {
  static const ScratchFolder folder;
  const auto tensors = ParseNpz(bytes);
  RequireAnswer(tensors.status());
  if (!tensors.ok()) return;
  const Status written = WriteNpz(folder.Path("a.npz"), *tensors);
  RequireAnswer(written);
  if (!written.ok()) return;
  const auto again = ReadNpz(folder.Path("a.npz"));
  Require(again.ok() && again->size() == tensors->size(), "what is written can be read", again.status());
}

void ReadArray(absl::string_view bytes) {
  const auto tensor = ParseNpy(bytes);
  RequireAnswer(tensor.status());
  if (!tensor.ok()) return;
  const auto written = EncodeNpy(*tensor);
  if (!written.ok()) return RequireAnswer(written.status());
  const auto again = ParseNpy(*written);
  Require(again.ok(), "what is written can be read", again.status());
  Require(again->dtype() == tensor->dtype() && again->shape() == tensor->shape(), "and is the same");
}

}  // namespace

std::vector<std::string> Seeds() {
  const ScratchFolder folder;
  const NamedTensors tensors = {{"x", Tensor::Of<float>({2, 2}, {1, 2, 3, 4})},
                                {"s", Tensor::OfStrings({2}, {"a", "bcd"})},
                                {"i", Tensor::Scalar<int64_t>(7)}};
  std::vector<std::string> seeds;
  for (const auto compression : {NpzCompression::kStored, NpzCompression::kDeflated}) {
    Require(WriteNpz(folder.Path("a.npz"), tensors, compression).ok(), "the seed can be written");
    seeds.push_back(std::string(1, '\0') + ReadWhole(folder.Path("a.npz")));
  }
  for (const auto& [name, tensor] : tensors) seeds.push_back('\1' + *EncodeNpy(tensor));
  return seeds;
}

}  // namespace moulin::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace moulin;
  if (size == 0) return 0;
  const absl::string_view rest = fuzz::AsText(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    fuzz::ReadArchive(rest);
  } else {
    fuzz::ReadArray(rest);
  }
  return 0;
}
