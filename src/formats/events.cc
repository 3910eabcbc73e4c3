#include "formats/events.h"

#include <chrono>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/crc32c.h"
#include "formats/file.h"
#include "formats/proto_io.h"

namespace moulin {
namespace {

constexpr char kFileVersion[] = "brain.Event:2";

void AppendLittleEndian(uint64_t value, int bytes, std::string* to) {
  for (int i = 0; i < bytes; ++i) to->push_back(static_cast<char>(value >> (8 * i)));
}

Status AppendEvent(const tf::Event& event, std::string* to) {
  MOULIN_ASSIGN_OR_RETURN(const std::string bytes, SerializeProto(event, ProtoForm::kBinary));
  absl::StrAppend(to, FrameRecord(bytes));
  return absl::OkStatus();
}

// TensorBoard reads what has "tfevents" in its name, in the order of the times there.
std::string NewEventFile(const std::string& logdir, int64_t microseconds) {
  return absl::StrCat(logdir, "/events.out.tfevents.", absl::StrFormat("%010d", microseconds / 1'000'000), ".moulin.",
                      absl::StrFormat("%06d", microseconds % 1'000'000));
}

}  // namespace

std::string FrameRecord(absl::string_view bytes) {
  std::string record;
  record.reserve(bytes.size() + 16);
  AppendLittleEndian(bytes.size(), 8, &record);
  AppendLittleEndian(MaskCrc32c(Crc32c(record)), 4, &record);
  absl::StrAppend(&record, bytes);
  AppendLittleEndian(MaskCrc32c(Crc32c(bytes)), 4, &record);
  return record;
}

StatusOr<std::string> EncodeEvents(double wall_time, const std::vector<tf::Event>& events) {
  std::string file;
  tf::Event first;
  first.set_wall_time(wall_time);
  first.set_file_version(kFileVersion);
  MOULIN_RETURN_IF_ERROR(AppendEvent(first, &file));
  for (const tf::Event& event : events) MOULIN_RETURN_IF_ERROR(AppendEvent(event, &file));
  return file;
}

StatusOr<std::string> WriteGraphEvents(const tf::GraphDef& graph, const std::string& logdir, const tf::RunMetadata* run,
                                       const std::string& tag) {
  std::error_code error;
  std::filesystem::create_directories(logdir, error);
  if (error) return MakeError(ErrorCode::kFile, "cannot make the folder ", Printable(logdir), ": ", error.message());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  std::vector<tf::Event> events(1);
  MOULIN_ASSIGN_OR_RETURN(*events[0].mutable_graph_def(), SerializeProto(graph, ProtoForm::kBinary));
  if (run != nullptr) {
    tf::TaggedRunMetadata* tagged = events.emplace_back().mutable_tagged_run_metadata();
    tagged->set_tag(tag);
    MOULIN_ASSIGN_OR_RETURN(*tagged->mutable_run_metadata(), SerializeProto(*run, ProtoForm::kBinary));
  }
  const double wall_time = static_cast<double>(microseconds) * 1e-6;
  for (tf::Event& event : events) event.set_wall_time(wall_time);
  MOULIN_ASSIGN_OR_RETURN(const std::string file, EncodeEvents(wall_time, events));
  const std::string path = NewEventFile(logdir, microseconds);
  MOULIN_RETURN_IF_ERROR(WriteFile(path, file));
  return path;
}

}  // namespace moulin
