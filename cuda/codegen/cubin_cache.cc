// A file is: magic, length of the key, the key, length of the code, the code, hash of all that. Covered by
// tests/cuda/codegen/cubin_cache_test.cc.
#include "cuda/codegen/cubin_cache.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "cuda/codegen/fingerprint.h"

namespace moulin::cuda {
namespace {

constexpr absl::string_view kCubinMagic = "MOULINC1";

void AppendNumber(std::string* out, uint64_t number) {
  out->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void AppendText(std::string* out, absl::string_view text) {
  AppendNumber(out, text.size());
  out->append(text.data(), text.size());
}

std::string FileOf(absl::string_view key, absl::string_view cubin) {
  std::string file(kCubinMagic);
  AppendText(&file, key);
  AppendText(&file, cubin);
  AppendNumber(&file, Fingerprint(file));
  return file;
}

std::optional<uint64_t> TakeNumber(absl::string_view* rest) {
  uint64_t number;
  if (rest->size() < sizeof(number)) return std::nullopt;
  std::memcpy(&number, rest->data(), sizeof(number));
  rest->remove_prefix(sizeof(number));
  return number;
}

std::optional<absl::string_view> TakeText(absl::string_view* rest) {
  const std::optional<uint64_t> size = TakeNumber(rest);
  if (!size || rest->size() < *size) return std::nullopt;
  const absl::string_view text = rest->substr(0, *size);
  rest->remove_prefix(*size);
  return text;
}

std::optional<std::string> CodeIn(absl::string_view file, absl::string_view key) {
  if (file.substr(0, kCubinMagic.size()) != kCubinMagic) return std::nullopt;
  absl::string_view rest = file.substr(kCubinMagic.size());
  const std::optional<absl::string_view> found_key = TakeText(&rest), cubin = TakeText(&rest);
  const uint64_t hash = Fingerprint(file.substr(0, file.size() - rest.size()));
  if (!found_key || !cubin || *found_key != key || TakeNumber(&rest) != hash || !rest.empty()) return std::nullopt;
  return std::string(*cubin);
}

}  // namespace

std::string CubinCache::PathOf(absl::string_view key) const {
  return absl::StrCat(directory_, "/", absl::Hex(Fingerprint(key), absl::kZeroPad16), ".", kind_);
}

std::optional<std::string> CubinCache::Find(absl::string_view key) const {
  if (directory_.empty()) return std::nullopt;
  std::ifstream in(PathOf(key), std::ios::binary);
  if (!in) return std::nullopt;
  const std::string file((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return CodeIn(file, key);
}

void CubinCache::Put(absl::string_view key, absl::string_view cubin) const {
  static std::atomic<int> count = 0;
  if (directory_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  const std::string path = PathOf(key);
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".", count++);
  std::ofstream out(temporary, std::ios::binary);
  const std::string file = FileOf(key, cubin);
  out.write(file.data(), static_cast<std::streamsize>(file.size()));
  out.close();
  if (out) std::filesystem::rename(temporary, path, error);
  if (!out || error) std::filesystem::remove(temporary, error);
}

}  // namespace moulin::cuda
