// What the tuner chose, kept in a file.
#ifndef MOULIN_CUDA_TUNING_TUNING_CACHE_H_
#define MOULIN_CUDA_TUNING_TUNING_CACHE_H_

#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "moulin/status.h"

namespace moulin::cuda {

struct TuningChoice {
  std::string name;
  double microseconds = 0;
};

// Choices by key, at most `max_entries` of them, the least recently used being dropped. The file is text: a line that
// says for which device it is, then a line an entry, each with a checksum. A file that is damaged, or another device's,
// counts as empty: timing again is always right. Not thread-safe; processes may share a file, the last to save wins.
class TuningCache {
 public:
  explicit TuningCache(std::string device, size_t max_entries = 4096)
      : device_(std::move(device)), max_entries_(max_entries) {}

  // Adds the entries of the file, if it is good.
  void Load(const std::string& path);
  // Replaces the file in one step, so that a reader finds the old one or the new one.
  Status Save(const std::string& path) const;

  std::optional<TuningChoice> Find(absl::string_view key);
  void Insert(absl::string_view key, TuningChoice choice);
  size_t size() const { return entries_.size(); }

  // The text of the file, and back: an error says what is wrong with it.
  std::string ToText() const;
  Status FromText(absl::string_view text);

 private:
  struct Entry {
    std::string key;
    TuningChoice choice;
  };
  const std::string device_;
  const size_t max_entries_;
  std::list<Entry> entries_;  // most recently used first
  absl::flat_hash_map<std::string, std::list<Entry>::iterator> by_key_;
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_TUNING_TUNING_CACHE_H_
