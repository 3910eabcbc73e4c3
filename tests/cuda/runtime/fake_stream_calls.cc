#include "absl/strings/str_cat.h"
#include "runtime/fake_calls.h"

namespace moulin::fake_cuda {
namespace {

cudaStream_t HandleOf(Stream* stream) { return reinterpret_cast<cudaStream_t>(stream); }
cudaEvent_t HandleOf(Event* event) { return reinterpret_cast<cudaEvent_t>(event); }

cudaError_t Disturb(Capture& capture, cudaError_t error, const std::string& why) {
  capture.is_invalid = true;
  return Refuse(error, why);
}

// Makes the stream wait for a captured event: it joins the capture, if it is in none yet.
cudaError_t WaitForCaptured(Stream& stream, const Event& event) {
  if (event.capture->has_ended) {
    return Refuse(cudaErrorCapturedEvent, "a stream waits for an event of a capture that has ended");
  }
  if (stream.capture != nullptr && stream.capture != event.capture) {
    stream.capture->is_invalid = true;
    return Disturb(*event.capture, cudaErrorStreamCaptureMerge, "a stream waits for an event of another capture");
  }
  stream.capture = event.capture;
  stream.captured_after.insert(stream.captured_after.end(), event.captured_after.begin(), event.captured_after.end());
  return cudaSuccess;
}

bool IsDone(const Record& record) {
  const Shown shown;  // what it is the record of happens before the answer
  return record.done.IsSet();
}

// The latest record of an event that is to be waited for or asked; null where it was never recorded.
cudaError_t RecordOf(State& state, cudaEvent_t handle, const char* call, std::shared_ptr<Record>* record) {
  const cudaError_t error = CheckNotCapturing(state, call);
  if (error != cudaSuccess) return error;
  Event* event = FindEvent(state, handle);
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  if (event->capture != nullptr) {
    return Disturb(*event->capture, cudaErrorCapturedEvent, absl::StrCat(call, " of an event that was captured"));
  }
  *record = event->record;
  return cudaSuccess;
}

}  // namespace

cudaError_t DeviceSynchronize() {
  std::vector<std::shared_ptr<Record>> records;
  std::vector<Stream*> ending;
  cudaError_t error = Call([&](State& state) {
    state.counters.synchronizations.Add();
    for (auto& [handle, stream] : state.streams) {
      if (stream->capture != nullptr) return RefuseToWait(*stream->capture, "DeviceSynchronize");
    }
    for (auto& [handle, stream] : state.streams) records.push_back(Mark(state, *stream));
    for (auto& stream : state.ending_streams) ending.push_back(stream.get());  // which only Reset frees
    OpenGate(state);
    return cudaSuccess;
  });
  for (const auto& record : records) WaitFor(TheState(), record);
  for (const Stream* stream : ending) stream->WaitForEnd();
  const int lost = TheState().lost.load(std::memory_order_relaxed);
  return lost != cudaSuccess ? EndCall(static_cast<cudaError_t>(lost)) : error;
}

cudaError_t StreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  return Call([&](State& state) {
    if (flags != cudaStreamNonBlocking) {
      return Refuse(cudaErrorInvalidValue, "a stream that waits for the null stream: use cudaStreamNonBlocking");
    }
    auto made = std::make_unique<Stream>(++state.num_streams_made, priority);
    *stream = HandleOf(made.get());
    state.streams[*stream] = std::move(made);
    return cudaSuccess;
  });
}

cudaError_t StreamDestroy(cudaStream_t handle) {
  return DestroyCall([&](State& state) {
    const auto it = state.streams.find(handle);
    if (it == state.streams.end()) return Refuse(cudaErrorInvalidResourceHandle, "StreamDestroy of no stream");
    if (it->second->capture != nullptr) {
      const cudaError_t error = Disturb(*it->second->capture, cudaErrorStreamCaptureUnsupported,
                                        "StreamDestroy of a stream that is capturing");
      if (it->second->capture->origin == it->second.get()) it->second->capture->origin = nullptr;
      (void)error;
    }
    it->second->Stop(++state.last_ticket);
    state.ending_streams.push_back(std::move(it->second));
    state.streams.erase(it);
    return cudaSuccess;
  });
}

cudaError_t StreamSynchronize(cudaStream_t handle) {
  std::shared_ptr<Record> record;
  const cudaError_t error = Call([&](State& state) {
    state.counters.synchronizations.Add();
    Stream* stream = FindStream(state, handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr) return RefuseToWait(*stream->capture, "StreamSynchronize");
    const cudaError_t capturing = CheckNotCapturing(state, "StreamSynchronize");
    if (capturing != cudaSuccess) return capturing;
    record = Mark(state, *stream);
    OpenGate(state);
    return cudaSuccess;
  });
  if (record == nullptr) return error;
  WaitFor(TheState(), record);
  return EndCall(static_cast<cudaError_t>(TheState().lost.load(std::memory_order_relaxed)));
}

cudaError_t StreamWaitEvent(cudaStream_t stream_handle, cudaEvent_t event_handle, unsigned flags) {
  return Call([&](State& state) {
    Stream* stream = FindStream(state, stream_handle);
    Event* event = FindEvent(state, event_handle);
    if (stream == nullptr || event == nullptr) return cudaErrorInvalidResourceHandle;
    if (flags != cudaEventWaitDefault) return cudaErrorInvalidValue;
    if (event->capture != nullptr) return WaitForCaptured(*stream, *event);
    if (stream->capture != nullptr) {
      return Disturb(*stream->capture, cudaErrorStreamCaptureIsolation,
                     "a captured stream waits for an event that was not captured");
    }
    if (event->record == nullptr) return cudaSuccess;
    stream->Push(++state.last_ticket, [record = event->record] { record->done.Wait(); });
    return cudaSuccess;
  });
}

cudaError_t EventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return Call([&](State& state) {
    auto made = std::make_unique<Event>();
    made->has_timing = (flags & cudaEventDisableTiming) == 0;
    *event = HandleOf(made.get());
    state.events[*event] = std::move(made);
    return cudaSuccess;
  });
}

cudaError_t EventDestroy(cudaEvent_t event) {
  return DestroyCall([&](State& state) {
    if (state.events.erase(event) == 0) return Refuse(cudaErrorInvalidResourceHandle, "EventDestroy of no event");
    return cudaSuccess;
  });
}

cudaError_t EventRecord(cudaEvent_t event_handle, cudaStream_t stream_handle) {
  return Call([&](State& state) {
    Stream* stream = FindStream(state, stream_handle);
    Event* event = FindEvent(state, event_handle);
    if (stream == nullptr || event == nullptr) return cudaErrorInvalidResourceHandle;
    event->capture = stream->capture;
    event->captured_after = stream->captured_after;
    event->record = stream->capture != nullptr ? nullptr : Mark(state, *stream);
    return cudaSuccess;
  });
}

cudaError_t EventQuery(cudaEvent_t event) {
  return Call([&](State& state) {
    state.counters.event_queries.Add();
    std::shared_ptr<Record> record;
    const cudaError_t error = RecordOf(state, event, "EventQuery", &record);
    if (error != cudaSuccess) return error;
    OpenGate(state);
    if (record == nullptr) return cudaSuccess;
    if (!IsDone(*record)) return cudaErrorNotReady;
    ForgetBefore(state, *record);
    return cudaSuccess;
  });
}

cudaError_t EventSynchronize(cudaEvent_t event) {
  std::shared_ptr<Record> record;
  const cudaError_t error = Call([&](State& state) {
    state.counters.synchronizations.Add();
    const cudaError_t found = RecordOf(state, event, "EventSynchronize", &record);
    if (found == cudaSuccess) OpenGate(state);
    return found;
  });
  if (record == nullptr) return error;
  WaitFor(TheState(), record);
  return EndCall(static_cast<cudaError_t>(TheState().lost.load(std::memory_order_relaxed)));
}

cudaError_t EventElapsedTime(float* milliseconds, cudaEvent_t start_handle, cudaEvent_t end_handle) {
  return Call([&](State& state) {
    const Event* start = FindEvent(state, start_handle);
    const Event* end = FindEvent(state, end_handle);
    for (const Event* event : {start, end}) {
      if (event == nullptr || !event->has_timing || event->record == nullptr) return cudaErrorInvalidResourceHandle;
      if (!IsDone(*event->record)) return cudaErrorNotReady;
    }
    *milliseconds = static_cast<float>(end->record->time_ns - start->record->time_ns) * 1e-6f;
    return cudaSuccess;
  });
}

}  // namespace moulin::fake_cuda
