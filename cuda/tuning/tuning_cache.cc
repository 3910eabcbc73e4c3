// Covered by tests/cuda/tuning/tuning_cache_test.cc.
#include "cuda/tuning/tuning_cache.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::cuda {
namespace {

constexpr absl::string_view kTuningMagic = "moulin tuning 1";
constexpr int64_t kMaxFileBytes = int64_t{16} << 20;

// FNV-1a: the same in every build.
uint64_t Checksum(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

std::string WithChecksum(absl::string_view line) {
  return absl::StrCat(absl::Hex(Checksum(line), absl::kZeroPad16), "\t", line, "\n");
}

// The fields of a line whose checksum is right.
StatusOr<std::vector<std::string>> FieldsOf(absl::string_view line) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits('\t', 1));
  if (parts.first != absl::StrCat(absl::Hex(Checksum(parts.second), absl::kZeroPad16))) {
    return MakeError(ErrorCode::kData, "wrong checksum");
  }
  std::vector<std::string> fields;
  for (absl::string_view field : absl::StrSplit(parts.second, '\t')) {
    std::string text, error;
    if (!absl::CUnescape(field, &text, &error)) return MakeError(ErrorCode::kData, "wrong escape: ", error);
    fields.push_back(std::move(text));
  }
  return fields;
}

}  // namespace

std::optional<TuningChoice> TuningCache::Find(absl::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->choice;
}

void TuningCache::Insert(absl::string_view key, TuningChoice choice) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    entries_.erase(found->second);
    by_key_.erase(found);
  }
  entries_.push_front({std::string(key), std::move(choice)});
  by_key_[entries_.front().key] = entries_.begin();
  if (entries_.size() <= max_entries_) return;
  by_key_.erase(entries_.back().key);
  entries_.pop_back();
}

std::string TuningCache::ToText() const {
  std::string text = WithChecksum(absl::StrCat(kTuningMagic, "\t", absl::CEscape(device_), "\t", entries_.size()));
  for (const Entry& entry : entries_) {
    absl::StrAppend(&text, WithChecksum(absl::StrCat(absl::CEscape(entry.key), "\t", absl::CEscape(entry.choice.name),
                                                     "\t", entry.choice.microseconds)));
  }
  return text;
}

Status TuningCache::FromText(absl::string_view text) {
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  if (lines.empty()) return MakeError(ErrorCode::kEmpty, "no header");
  MOULIN_ASSIGN_OR_RETURN(const std::vector<std::string> header, FieldsOf(lines[0]));
  if (header.size() != 3 || header[0] != kTuningMagic) return MakeError(ErrorCode::kWrongType, "no tuning cache");
  if (header[1] != device_) return MakeError(ErrorCode::kWrongType, "of another device: ", Printable(header[1]));
  if (header[2] != absl::StrCat(lines.size() - 1)) {
    return MakeError(ErrorCode::kData, "expected ", header[2], " entries, got ", lines.size() - 1);
  }
  std::vector<Entry> entries;
  for (size_t i = 1; i < lines.size(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(std::vector<std::string> fields, FieldsOf(lines[i]));
    Entry entry;
    if (fields.size() != 3 || !absl::SimpleAtod(fields[2], &entry.choice.microseconds)) {
      return MakeError(ErrorCode::kData, "malformed entry ", i);
    }
    entry.key = std::move(fields[0]);
    entry.choice.name = std::move(fields[1]);
    entries.push_back(std::move(entry));
  }
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) Insert(entry->key, std::move(entry->choice));
  return absl::OkStatus();
}

void TuningCache::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file || file.tellg() > kMaxFileBytes) return;
  file.seekg(0);
  std::stringstream text;
  text << file.rdbuf();
  FromText(text.str()).IgnoreError();
}

Status TuningCache::Save(const std::string& path) const {
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".tmp");
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file << ToText();
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    std::remove(temporary.c_str());
    return AtFile(MakeError(ErrorCode::kFile, "cannot write the tuning cache"), path);
  }
  return absl::OkStatus();
}

}  // namespace moulin::cuda
