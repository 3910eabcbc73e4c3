// Tested by tests/engine/follow_test.cc.
#include "engine/checkpoint_watch.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "formats/checkpoint.h"

namespace moulin::internal {
namespace {

namespace fs = std::filesystem;

std::string FileState(const fs::path& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return "absent";
  return absl::StrCat(path.filename().string(), " ", info.st_ino, " ", info.st_size, " ", info.st_mtim.tv_sec, ".",
                      info.st_mtim.tv_nsec);
}

// The states of the files of a checkpoint.
std::string FilesState(const std::string& prefix) {
  const fs::path path(prefix);
  const std::string name = path.filename().string();
  std::vector<std::string> states;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path.parent_path(), error)) {
    const std::string file = entry.path().filename().string();
    // The latter two are of the V1 format.
    const bool is_part = file == name + ".index" || absl::StartsWith(file, name + ".data-") || file == name ||
                         absl::StartsWith(file, name + "-");
    if (is_part) states.push_back(FileState(entry.path()));
  }
  std::sort(states.begin(), states.end());
  return absl::StrJoin(states, "\n");
}

}  // namespace

CheckpointState LookAtCheckpoint(const std::string& directory, const Limits& limits) {
  StatusOr<std::string> prefix = FindCheckpoint(directory, limits);
  if (!prefix.ok()) return {"", std::string(prefix.status().message()), prefix.status()};
  std::string text = absl::StrCat(*prefix, "\n", FilesState(*prefix));
  return {*std::move(prefix), std::move(text), absl::OkStatus()};
}

void CheckpointWatcher::Add(Watch watch) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return;
  const auto next = std::chrono::steady_clock::now() + watch.interval;
  entries_.push_back({std::move(watch), next});
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  changed_.notify_one();
}

void CheckpointWatcher::Stop() {
  std::thread thread;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    entries_.clear();
    thread = std::move(thread_);
    changed_.notify_one();
  }
  if (thread.joinable()) thread.join();
}

void CheckpointWatcher::Work() {
  const auto is_later = [](const Entry& a, const Entry& b) { return a.next > b.next; };
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    const auto first = std::max_element(entries_.begin(), entries_.end(), is_later);
    if (first == entries_.end()) {
      changed_.wait(lock);
    } else if (first->next > std::chrono::steady_clock::now()) {
      const auto next = first->next;  // of its own: waiting refers to it, and Add and Stop move the entries meanwhile
      changed_.wait_until(lock, next);
    } else {
      Entry entry = std::move(*first);
      entries_.erase(first);
      lock.unlock();
      const bool goes_on = Look(entry.watch);
      entry.next = std::chrono::steady_clock::now() + entry.watch.interval;
      lock.lock();
      if (goes_on && !stopping_) entries_.push_back(std::move(entry));
    }
  }
}

bool CheckpointWatcher::Look(Watch& watch) const {
  if (!watch.is_wanted()) return false;
  const CheckpointState state = LookAtCheckpoint(watch.directory, limits_);
  if (state.text != watch.last) {
    watch.last = state.text;
    watch.on_newer(state);
  }
  return true;
}

}  // namespace moulin::internal
