// Looks for newer checkpoints in directories where CheckpointManagers save them.
#ifndef MOULIN_ENGINE_CHECKPOINT_WATCH_H_
#define MOULIN_ENGINE_CHECKPOINT_WATCH_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "moulin/status.h"

namespace moulin::internal {

// What the latest checkpoint of a directory is, down to the sizes and times of its files: another text where another
// was saved, the same one was overwritten, or its files have grown.
struct CheckpointState {
  std::string prefix;  // "" where none is found
  std::string text;
  Status status;  // of finding it, as of FindCheckpoint
};
CheckpointState LookAtCheckpoint(const std::string& directory, const Limits& limits);

// One thread, started with the first watch. Thread-safe.
class CheckpointWatcher {
 public:
  struct Watch {
    std::string directory;
    std::chrono::milliseconds interval;
    std::string last;                 // CheckpointState::text of what is in use
    std::function<bool()> is_wanted;  // asked before each look; false ends the watch
    // Called on the watcher's thread for each other state.
    std::function<void(const CheckpointState& state)> on_newer;
  };

  explicit CheckpointWatcher(const Limits& limits) : limits_(limits) {}
  ~CheckpointWatcher() { Stop(); }

  void Add(Watch watch);
  // Forgets all watches and ends the thread, waiting for a call in progress. Must not be called from on_newer.
  void Stop();

 private:
  struct Entry {
    Watch watch;
    std::chrono::steady_clock::time_point next;
  };
  void Work();
  // Looks once; false where the watch has ended.
  bool Look(Watch& watch) const;

  const Limits limits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Entry> entries_;  // guarded by mutex_; the one that is looked at is taken out meanwhile
  bool stopping_ = false;       // guarded by mutex_
  std::thread thread_;          // guarded by mutex_
};

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_CHECKPOINT_WATCH_H_
