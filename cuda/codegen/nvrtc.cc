// Covered by tests/cuda/codegen/nvrtc_test.cc, which compiles for GPUs without one.
#include "cuda/codegen/nvrtc.h"

#include <nvrtc.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cuda/codegen/embedded_headers.h"
#include "cuda/codegen/fingerprint.h"
#include "cuda/libraries/dynamic_library.h"

namespace moulin::cuda {

// Each member is the library's function of that name with "nvrtc" before it.
struct NvrtcApi {
  decltype(&nvrtcVersion) Version = nullptr;
  decltype(&nvrtcGetErrorString) GetErrorString = nullptr;
  decltype(&nvrtcGetNumSupportedArchs) GetNumSupportedArchs = nullptr;
  decltype(&nvrtcGetSupportedArchs) GetSupportedArchs = nullptr;
  decltype(&nvrtcCreateProgram) CreateProgram = nullptr;
  decltype(&nvrtcDestroyProgram) DestroyProgram = nullptr;
  decltype(&nvrtcCompileProgram) CompileProgram = nullptr;
  decltype(&nvrtcGetCUBINSize) GetCUBINSize = nullptr;
  decltype(&nvrtcGetCUBIN) GetCUBIN = nullptr;
  decltype(&nvrtcGetProgramLogSize) GetProgramLogSize = nullptr;
  decltype(&nvrtcGetProgramLog) GetProgramLog = nullptr;
};

namespace {

StatusOr<NvrtcApi> FindFunctions(const DynamicLibrary& library) {
  NvrtcApi api;
#define MOULIN_FIND(name) MOULIN_RETURN_IF_ERROR(library.Get("nvrtc" #name, &api.name))
  MOULIN_FIND(Version);
  MOULIN_FIND(GetErrorString);
  MOULIN_FIND(GetNumSupportedArchs);
  MOULIN_FIND(GetSupportedArchs);
  MOULIN_FIND(CreateProgram);
  MOULIN_FIND(DestroyProgram);
  MOULIN_FIND(CompileProgram);
  MOULIN_FIND(GetCUBINSize);
  MOULIN_FIND(GetCUBIN);
  MOULIN_FIND(GetProgramLogSize);
  MOULIN_FIND(GetProgramLog);
#undef MOULIN_FIND
  return api;
}

// A program of NVRTC, destroyed with its owner.
class Program {
 public:
  explicit Program(const NvrtcApi& api) : api_(api) {}
  ~Program() {
    if (program_ != nullptr) api_.DestroyProgram(&program_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  Status Create(const KernelText& source) {
    std::vector<const char*> names, texts;
    for (const EmbeddedHeader& header : EmbeddedHeaders()) {
      names.push_back(header.name);
      texts.push_back(header.text);
    }
    return Check(api_.CreateProgram(&program_, source.text.c_str(), (source.name + ".cu").c_str(),
                                    static_cast<int>(names.size()), texts.data(), names.data()),
                 "creating a program");
  }

  // Warnings are errors: NVRTC's log must stay empty.
  Status Compile(const std::vector<std::string>& options) {
    std::vector<const char*> pointers;
    for (const std::string& option : options) pointers.push_back(option.c_str());
    const nvrtcResult result = api_.CompileProgram(program_, static_cast<int>(pointers.size()), pointers.data());
    const std::string log = Log();
    if (result == NVRTC_SUCCESS && log.empty()) return absl::OkStatus();
    return MakeError(ErrorCode::kInternal, "generated code does not compile (", api_.GetErrorString(result),
                     "): ", log);
  }

  StatusOr<std::string> Cubin() {
    size_t size = 0;
    MOULIN_RETURN_IF_ERROR(Check(api_.GetCUBINSize(program_, &size), "getting compiled code"));
    std::string cubin(size, '\0');
    MOULIN_RETURN_IF_ERROR(Check(api_.GetCUBIN(program_, cubin.data()), "getting compiled code"));
    return cubin;
  }

 private:
  Status Check(nvrtcResult result, absl::string_view what) const {
    if (result == NVRTC_SUCCESS) return absl::OkStatus();
    return MakeError(ErrorCode::kInternal, "NVRTC, ", what, ": ", api_.GetErrorString(result));
  }
  std::string Log() const {
    size_t size = 0;
    if (api_.GetProgramLogSize(program_, &size) != NVRTC_SUCCESS || size <= 1) return "";
    std::string log(size, '\0');
    if (api_.GetProgramLog(program_, log.data()) != NVRTC_SUCCESS) return "";
    log.resize(std::min(log.find('\0'), log.size()));
    return log;
  }

  const NvrtcApi& api_;
  nvrtcProgram program_ = nullptr;
};

int ThreadsFor(const NvrtcOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 8);
}

}  // namespace

Nvrtc::Nvrtc(const CudaApi& api, const NvrtcOptions& options, std::unique_ptr<const NvrtcApi> nvrtc)
    : api_(api), nvrtc_(std::move(nvrtc)), cache_(options.cache_directory), max_threads_(ThreadsFor(options)) {}

StatusOr<std::shared_ptr<Nvrtc>> Nvrtc::Open(const CudaApi& api, const NvrtcOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(const auto library, DynamicLibrary::Open("libnvrtc.so.13", options.library_directories));
  MOULIN_ASSIGN_OR_RETURN(const NvrtcApi functions, FindFunctions(*library));
  const std::shared_ptr<Nvrtc> nvrtc(new Nvrtc(api, options, std::make_unique<const NvrtcApi>(functions)));
  MOULIN_RETURN_IF_ERROR(nvrtc->ChooseArchitecture(options.compute_capability));
  return nvrtc;
}

Nvrtc::~Nvrtc() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_closing_ = true;
    queue_.clear();
    threads.swap(threads_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads) thread.join();
  for (const auto& [text, entry] : entries_) {
    if (entry->library != nullptr) api_.LibraryUnload(entry->library);
  }
}

Status Nvrtc::ChooseArchitecture(int compute_capability) {
  int count = 0;
  nvrtc_->GetNumSupportedArchs(&count);
  std::vector<int> known(static_cast<size_t>(std::max(count, 0)));
  if (count > 0) nvrtc_->GetSupportedArchs(known.data());
  if (std::find(known.begin(), known.end(), compute_capability) == known.end()) {
    return MakeError(ErrorCode::kUnsupported, "NVRTC does not compile for compute capability ", compute_capability,
                     "; it knows ", absl::StrJoin(known, ", "));
  }
  architecture_ = absl::StrCat("sm_", compute_capability, compute_capability == 90 ? "a" : "");
  return absl::OkStatus();
}

// Every instruction of an expression is rounded by itself, so products and sums are not contracted. Denormal floats
// count as zero, as in TensorFlow's kernels on every device.
std::vector<std::string> Nvrtc::CompilerOptions() const {
  return {absl::StrCat("--gpu-architecture=", architecture_), "--std=c++20", "--fmad=false", "--ftz=true",
          "-default-device"};
}

std::string Nvrtc::KeyOf(const KernelText& source) const {
  int major = 0, minor = 0;
  nvrtc_->Version(&major, &minor);
  std::string headers;
  for (const EmbeddedHeader& header : EmbeddedHeaders()) absl::StrAppend(&headers, header.name, header.text);
  return absl::StrCat("NVRTC ", major, ".", minor, " ", absl::StrJoin(CompilerOptions(), " "), " headers ",
                      absl::Hex(Fingerprint(headers)), "\n", source.text);
}

std::shared_ptr<Nvrtc::Entry> Nvrtc::EntryOf(const KernelText& source) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<Entry>& entry = entries_[source.text];
  if (entry == nullptr) entry = std::make_shared<Entry>();
  return entry;
}

StatusOr<std::string> Nvrtc::CompileNow(const KernelText& source) const {
  Program program(*nvrtc_);
  MOULIN_RETURN_IF_ERROR(program.Create(source));
  MOULIN_RETURN_IF_ERROR(program.Compile(CompilerOptions()));
  return program.Cubin();
}

void Nvrtc::Compile(const KernelText& source, Entry* entry) const {
  if (entry->cubin != nullptr || !entry->error.ok()) return;
  const std::string key = KeyOf(source);
  if (std::optional<std::string> cubin = cache_.Find(key)) {
    entry->cubin = std::make_shared<const std::string>(*std::move(cubin));
    return;
  }
  StatusOr<std::string> cubin = CompileNow(source);
  if (!cubin.ok()) {
    entry->error = cubin.status();
    return;
  }
  cache_.Put(key, *cubin);
  entry->cubin = std::make_shared<const std::string>(*std::move(cubin));
}

StatusOr<std::shared_ptr<const std::string>> Nvrtc::Compile(const KernelText& source) {
  const std::shared_ptr<Entry> entry = EntryOf(source);
  const std::lock_guard<std::mutex> lock(entry->mutex);
  Compile(source, entry.get());
  MOULIN_RETURN_IF_ERROR(entry->error);
  return entry->cubin;
}

// The cubin stays with the entry: LibraryLoadData may read it later.
Status Nvrtc::LoadNow(const KernelText& source, Entry* entry) const {
  MOULIN_RETURN_IF_ERROR(ToStatus(
      api_, api_.LibraryLoadData(&entry->library, entry->cubin->data(), nullptr, nullptr, 0, nullptr, nullptr, 0),
      "loading a generated kernel"));
  cudaKernel_t kernel = nullptr;
  MOULIN_RETURN_IF_ERROR(ToStatus(api_, api_.LibraryGetKernel(&kernel, entry->library, source.name.c_str()),
                                  absl::StrCat("finding the generated kernel ", source.name)));
  entry->function = kernel;
  return absl::OkStatus();
}

StatusOr<const void*> Nvrtc::Load(const KernelText& source) {
  const std::shared_ptr<Entry> entry = EntryOf(source);
  const std::lock_guard<std::mutex> lock(entry->mutex);
  if (entry->function != nullptr) return entry->function;
  Compile(source, entry.get());
  MOULIN_RETURN_IF_ERROR(entry->error);
  MOULIN_RETURN_IF_ERROR(LoadNow(source, entry.get()));
  return entry->function;
}

void Nvrtc::Prefetch(const KernelText& source) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (is_closing_ || entries_.contains(source.text)) return;
  entries_[source.text] = std::make_shared<Entry>();
  queue_.push_back(source);
  if (idle_threads_ == 0 && static_cast<int>(threads_.size()) < max_threads_) {
    threads_.emplace_back([this] { RunThread(); });
  }
  wake_.notify_one();
}

void Nvrtc::RunThread() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    ++idle_threads_;
    wake_.wait(lock, [&] { return is_closing_ || !queue_.empty(); });
    --idle_threads_;
    if (is_closing_) return;
    const KernelText source = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    static_cast<void>(Compile(source));  // Load reports what is wrong
    lock.lock();
  }
}

}  // namespace moulin::cuda
