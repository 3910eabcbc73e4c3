// TensorBoard's event files (events.out.tfevents.*).
#ifndef MOULIN_FORMATS_EVENTS_H_
#define MOULIN_FORMATS_EVENTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "moulin/status.h"
#include "proto/event.pb.h"
#include "proto/graph.pb.h"
#include "proto/step_stats.pb.h"

namespace moulin {

// One record as TensorFlow frames it: its length and its bytes, each followed by a masked CRC-32C. Little-endian.
std::string FrameRecord(absl::string_view bytes);

// The content of an event file: the event that names the format's version, and `events`. `wall_time` is that of the
// first. E_LIMIT for an event of 2 GiB.
StatusOr<std::string> EncodeEvents(double wall_time, const std::vector<tf::Event>& events);

// Writes a new event file with a graph to the folder `logdir`, which is made where it is not there; and with the times
// of a run of it, which TensorBoard lists as `tag`, where `run` is not null. Returns its path. E_FILE; E_LIMIT for a
// graph of 2 GiB.
StatusOr<std::string> WriteGraphEvents(const tf::GraphDef& graph, const std::string& logdir,
                                       const tf::RunMetadata* run = nullptr, const std::string& tag = "");

}  // namespace moulin

#endif  // MOULIN_FORMATS_EVENTS_H_
