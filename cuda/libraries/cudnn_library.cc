// Covered by tests/cuda/libraries/cudnn_test.cc.
#include "cuda/libraries/cudnn_library.h"

#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "cuda/libraries/cudnn_plan.h"
#include "cuda/libraries/cudnn_problems.h"

namespace moulin::cuda {
namespace {

// Models repeat their layers: a problem that was seen is neither asked nor compiled again.
constexpr size_t kMaxProblems = 4096;

class CudnnLibrary : public PrimitiveLibrary {
 public:
  CudnnLibrary(CudnnTarget target, std::shared_ptr<CudnnHandle> handle, const CudnnOptions& options)
      : target_(std::move(target)), handle_(std::move(handle)), max_candidates_(options.max_candidates) {
    if (options.cache_directory.empty()) return;
    files_ = std::make_shared<const CubinCache>(options.cache_directory, "cudnn");
    key_ = absl::StrCat(target_.api->version(), "\n", options.device, "\n", options.device_properties_json);
  }

  std::string version() const override { return target_.api->version(); }

  LibraryPlans Convolution(const ConvProblem& problem) override {
    if (!Takes(problem.type, problem.epilogue)) return {};
    return Remembered(ToString(problem), problem.type == DType::kFloat32 && !problem.allow_tf32,
                      [&] { return ConvolutionGraph(target_, problem); });
  }

  LibraryPlans Matmul(const MatmulProblem& problem) override {
    if (!Takes(problem.type, problem.epilogue)) return {};
    return Remembered(ToString(problem), problem.type == DType::kFloat32 && !problem.allow_tf32,
                      [&] { return MatmulGraph(target_, problem); });
  }

  LibraryPlans Attention(const AttentionProblem& problem) override {
    if (problem.type != DType::kFloat16 && problem.type != DType::kBFloat16) return {};
    return Remembered(ToString(problem), /*is_strict=*/false, [&] { return AttentionGraph(target_, problem); });
  }

 private:
  static bool Takes(DType type, const LibraryEpilogue& epilogue) {
    return IsCudnnType(type) && (type != DType::kInt8 || epilogue.scaling.has_value() || epilogue == LibraryEpilogue());
  }

  // The candidates for the graph that `make` makes; none where cuDNN does not take it.
  template <typename MakeGraph>
  LibraryPlans Remembered(const std::string& problem, bool is_strict, MakeGraph make) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = plans_.find(problem);
    if (found != plans_.end()) return found->second;
    LibraryPlans plans;
    if (StatusOr<std::shared_ptr<const CudnnGraph>> graph = make(); graph.ok()) {
      plans = CudnnPlansFor(target_, handle_, *std::move(graph), {/*allow_tensor_cores=*/!is_strict}, max_candidates_,
                            {files_, absl::StrCat(key_, "\n", problem)});
    }
    if (plans_.size() < kMaxProblems) plans_[problem] = plans;
    return plans;
  }

  const CudnnTarget target_;
  const std::shared_ptr<CudnnHandle> handle_;
  const int max_candidates_;
  std::shared_ptr<const CubinCache> files_;  // of compiled plans; may be null
  std::string key_;                          // what all of them depend on
  std::mutex mutex_;
  absl::flat_hash_map<std::string, LibraryPlans> plans_;  // guarded by mutex_
};

}  // namespace

StatusOr<std::shared_ptr<PrimitiveLibrary>> MakeCudnnLibrary(const CudnnOptions& options) {
  CudnnTarget target;
  MOULIN_ASSIGN_OR_RETURN(target.api, CudnnApi::Load(options.directories));
  std::shared_ptr<CudnnHandle> handle;
  if (options.device_properties_json.empty()) {
    MOULIN_ASSIGN_OR_RETURN(handle, CudnnHandle::Make(target.api));
    target.handle = handle->raw();
  } else {
    target.properties = std::make_shared<CudnnDescriptor>(target.api, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    target.properties->SetText(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, options.device_properties_json);
    MOULIN_RETURN_IF_ERROR(target.properties->Finalize());
  }
  return std::shared_ptr<PrimitiveLibrary>(
      std::make_shared<CudnnLibrary>(std::move(target), std::move(handle), options));
}

}  // namespace moulin::cuda
