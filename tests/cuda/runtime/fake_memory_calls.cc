#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/fake_calls.h"

namespace moulin::fake_cuda {
namespace {

cudaError_t FreeBlock(State& state, void* memory, MemoryKind kind, const char* call) {
  if (memory == nullptr) return cudaSuccess;
  const cudaError_t error = CheckNotCapturing(state, call);
  if (error != cudaSuccess) return error;
  std::vector<std::string> problems;
  const bool is_lost = state.lost.load(std::memory_order_relaxed) != cudaSuccess;
  const bool freed = state.memory.Free(memory, kind, is_lost, &problems);
  for (std::string& problem : problems) AddViolation(std::move(problem));
  if (!freed) return Refuse(cudaErrorInvalidValue, absl::StrCat(call, " of what is not allocated, or no more"));
  return cudaSuccess;
}

// What one end of a copy is.
struct End {
  MemoryKind kind;
  bool on_device() const { return kind == MemoryKind::kDevice; }
};

// Looks an end up; refuses freed memory and ranges that leave a block.
cudaError_t FindEnd(State& state, const void* address, size_t bytes, const char* what, End* end) {
  const Memory::Place place = state.memory.Find(address);
  end->kind = place.kind;
  if (place.kind == MemoryKind::kFreed) {
    return Refuse(cudaErrorInvalidValue, absl::StrCat(what, " of a copy or memset is freed memory"));
  }
  if (place.kind != MemoryKind::kPageable && place.bytes_left < bytes) {
    return Refuse(cudaErrorInvalidValue, absl::StrCat(what, " of a copy or memset of ", bytes, " bytes has ",
                                                      place.bytes_left, " up to the end of its block"));
  }
  return cudaSuccess;
}

bool KindFits(cudaMemcpyKind kind, End to, End from) {
  switch (kind) {
    case cudaMemcpyHostToHost:
      return !to.on_device() && !from.on_device();
    case cudaMemcpyHostToDevice:
      return to.on_device() && !from.on_device();
    case cudaMemcpyDeviceToHost:
      return !to.on_device() && from.on_device();
    case cudaMemcpyDeviceToDevice:
      return to.on_device() && from.on_device();
    case cudaMemcpyDefault:
      return true;
  }
  return false;
}

// A copy whose operand in pageable memory has been staged, or is filled before the call returns.
Work CopyWork(void* to, const void* from, size_t bytes, End to_end, End from_end) {
  Work work{"a copy", nullptr, {{to, bytes, !to_end.on_device()}, {from, bytes, !from_end.on_device()}}, false};
  if (from_end.kind == MemoryKind::kPageable) {
    const auto* begin = static_cast<const unsigned char*>(from);
    auto staged = std::make_shared<std::vector<unsigned char>>(begin, begin + bytes);
    work.run = [to, staged] { std::memcpy(to, staged->data(), staged->size()); };
  } else {
    work.run = [to, from, bytes] { std::memcpy(to, from, bytes); };
  }
  return work;
}

cudaError_t CheckPageable(State& state, Stream& stream) {
  state.counters.pageable_memcpys.Add();
  if (stream.capture != nullptr) {
    stream.capture->is_invalid = true;
    return Refuse(cudaErrorStreamCaptureUnsupported, "a copy of pageable memory was captured");
  }
  if (state.options.forbid_pageable_copies) {
    return Refuse(cudaErrorInvalidValue, "an asynchronous copy has an end in pageable memory");
  }
  return cudaSuccess;
}

// Enqueues the copy; `filled` is to be waited for where the result goes to pageable memory.
cudaError_t EnqueueCopy(State& state, void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                        cudaStream_t handle, std::shared_ptr<Record>* filled) {
  Stream* stream = FindStream(state, handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  End to_end, from_end;
  cudaError_t error = FindEnd(state, to, bytes, "the destination", &to_end);
  if (error == cudaSuccess) error = FindEnd(state, from, bytes, "the source", &from_end);
  if (error != cudaSuccess) return error;
  if (!KindFits(kind, to_end, from_end)) {
    return Refuse(cudaErrorInvalidValue, absl::StrCat("a copy of kind ", static_cast<int>(kind), " has other ends"));
  }
  const bool is_pageable = to_end.kind == MemoryKind::kPageable || from_end.kind == MemoryKind::kPageable;
  if (is_pageable) error = CheckPageable(state, *stream);
  if (error != cudaSuccess) return error;
  if (stream->capture == nullptr) state.counters.memcpys.Add();
  error = Enqueue(state, *stream, CopyWork(to, from, bytes, to_end, from_end));
  if (error == cudaSuccess && to_end.kind == MemoryKind::kPageable) {
    state.counters.synchronizations.Add();
    *filled = Mark(state, *stream);
    OpenGate(state);
  }
  return error;
}

}  // namespace

cudaError_t MemGetInfo(size_t* free, size_t* total) {
  return Call([&](State& state) {
    *total = state.options.device_bytes;
    *free = *total - state.memory.LiveBytes(MemoryKind::kDevice);
    return cudaSuccess;
  });
}

cudaError_t Malloc(void** memory, size_t bytes) {
  return Call([&](State& state) {
    *memory = nullptr;
    const bool fails = state.counters.malloc_calls.Add() == state.options.fail_malloc;
    const cudaError_t error = CheckNotCapturing(state, "Malloc");
    if (error != cudaSuccess || bytes == 0) return error;
    const size_t free = state.options.device_bytes - state.memory.LiveBytes(MemoryKind::kDevice);
    if (fails || bytes > free) return cudaErrorMemoryAllocation;
    *memory = state.memory.Allocate(bytes, MemoryKind::kDevice);
    if (*memory == nullptr) return cudaErrorMemoryAllocation;
    state.counters.mallocs.Add();
    return cudaSuccess;
  });
}

cudaError_t Free(void* memory) {
  return DestroyCall([&](State& state) {
    if (memory != nullptr) state.counters.frees.Add();
    return FreeBlock(state, memory, MemoryKind::kDevice, "Free");
  });
}

cudaError_t HostAlloc(void** memory, size_t bytes, unsigned flags) {
  return Call([&](State& state) {
    *memory = nullptr;
    if ((flags & ~(cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined)) != 0) {
      return cudaErrorInvalidValue;
    }
    const cudaError_t error = CheckNotCapturing(state, "HostAlloc");
    if (error != cudaSuccess || bytes == 0) return error;
    *memory = state.memory.Allocate(bytes, MemoryKind::kPinned);
    if (*memory == nullptr) return cudaErrorMemoryAllocation;
    state.counters.host_allocs.Add();
    return cudaSuccess;
  });
}

cudaError_t FreeHost(void* memory) {
  return DestroyCall([&](State& state) {
    if (memory != nullptr) state.counters.host_frees.Add();
    return FreeBlock(state, memory, MemoryKind::kPinned, "FreeHost");
  });
}

cudaError_t MemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  std::shared_ptr<Record> filled;
  const cudaError_t error =
      Call([&](State& state) { return EnqueueCopy(state, to, from, bytes, kind, stream, &filled); });
  if (filled != nullptr) WaitFor(TheState(), filled);
  return error;
}

cudaError_t MemsetAsync(void* memory, int value, size_t bytes, cudaStream_t handle) {
  return Call([&](State& state) {
    Stream* stream = FindStream(state, handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    End end;
    const cudaError_t error = FindEnd(state, memory, bytes, "the destination", &end);
    if (error != cudaSuccess) return error;
    if (end.kind == MemoryKind::kPageable && bytes > 0) {
      return Refuse(cudaErrorInvalidValue, "a memset of memory that is not the device's");
    }
    if (stream->capture == nullptr) state.counters.memsets.Add();
    return Enqueue(state, *stream,
                   {"a memset",
                    [memory, value, bytes] { std::memset(memory, value, bytes); },
                    {{memory, bytes, bytes == 0}},
                    false});
  });
}

}  // namespace moulin::fake_cuda
