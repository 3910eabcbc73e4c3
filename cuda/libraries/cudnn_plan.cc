// Covered by tests/cuda/libraries/cudnn_test.cc.
#include "cuda/libraries/cudnn_plan.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::cuda {
namespace {

// An engine with its settings.
class CudnnPlan : public LibraryPlan {
 public:
  CudnnPlan(CudnnTarget target, std::shared_ptr<CudnnHandle> handle, std::shared_ptr<const CudnnGraph> graph,
            CudnnDescriptor config, std::string name, CudnnPlanStore store)
      : target_(std::move(target)),
        handle_(std::move(handle)),
        graph_(std::move(graph)),
        config_(std::move(config)),
        name_(std::move(name)),
        store_(std::move(store)) {}

  std::string name() const override { return name_; }

  Status Prepare() const override {
    std::call_once(once_, [this] { status_ = Compile(); });
    return status_;
  }

  int64_t workspace_bytes() const override { return Prepare().ok() ? workspace_bytes_ : 0; }

  Status Enqueue(cudaStream_t stream, const LibraryOperands& operands, void* workspace) const override {
    if (handle_ == nullptr) return MakeError(ErrorCode::kDevice, name_, " was planned without a device");
    MOULIN_RETURN_IF_ERROR(Prepare());
    CudnnDescriptor pack(target_.api, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    MOULIN_RETURN_IF_ERROR(Bind(operands, workspace, &pack));
    std::lock_guard<std::mutex> lock(handle_->mutex());
    MOULIN_RETURN_IF_ERROR(
        target_.api->ToStatus(target_.api->SetStream(handle_->raw(), stream), "setting cuDNN's stream"));
    return target_.api->ToStatus(target_.api->BackendExecute(handle_->raw(), plan_->raw(), pack.raw()), name_);
  }

 private:
  Status Compile() const {
    if (!Restore()) {
      NewPlan().SetDescriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config_);
      MOULIN_RETURN_IF_ERROR(plan_->Finalize());
      Keep();
    }
    workspace_bytes_ = plan_->GetInt(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 0);
    return absl::OkStatus();
  }

  CudnnDescriptor& NewPlan() const {
    plan_.emplace(target_.api, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    if (target_.handle != nullptr) {
      plan_->Set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &target_.handle);
    } else {
      plan_->SetDescriptor(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target_.properties);
    }
    return *plan_;
  }

  std::string Key() const { return absl::StrCat(store_.key, "\n", name_); }

  // Whether a plan that was kept is one still.
  bool Restore() const {
    if (store_.files == nullptr) return false;
    const std::optional<std::string> json = store_.files->Find(Key());
    if (!json.has_value()) return false;
    return NewPlan().SetText(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, *json).Finalize().ok();
  }

  void Keep() const {
    if (store_.files == nullptr) return;
    const std::vector<char> json = plan_->GetAll<char>(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR);
    if (!json.empty()) store_.files->Put(Key(), absl::string_view(json.data(), json.size()));
  }

  static const void* AddressOf(int64_t id, const LibraryOperands& operands) {
    switch (id) {
      case kCudnnX:
        return operands.x;
      case kCudnnW:
        return operands.w;
      case kCudnnV:
        return operands.v;
      case kCudnnBias:
        return operands.bias;
      case kCudnnResidual:
        return operands.residual;
      case kCudnnMask:
        return operands.mask;
      case kCudnnFactors:
        return operands.factors;
      case kCudnnSteps:
        return operands.steps;
      default:
        return operands.y;
    }
  }

  Status Bind(const LibraryOperands& operands, void* workspace, CudnnDescriptor* pack) const {
    std::vector<int64_t> ids = graph_->ids;
    std::vector<const void*> addresses;
    for (int64_t id : ids) addresses.push_back(AddressOf(id, operands));
    if (graph_->scale.has_value()) {  // read when the plan is executed
      ids.push_back(kCudnnScale);
      addresses.push_back(&graph_->scale.value());
    }
    return pack->SetInts(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids)
        .Set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, static_cast<int64_t>(addresses.size()),
             addresses.data())
        .Set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace)
        .Finalize();
  }

  const CudnnTarget target_;
  const std::shared_ptr<CudnnHandle> handle_;
  const std::shared_ptr<const CudnnGraph> graph_;
  const CudnnDescriptor config_;
  const std::string name_;
  const CudnnPlanStore store_;
  mutable std::once_flag once_;
  mutable Status status_;  // of Compile; written once, as the two below
  mutable std::optional<CudnnDescriptor> plan_;
  mutable int64_t workspace_bytes_ = 0;
};

// Engine configurations that one kind of heuristic proposes.
std::vector<CudnnDescriptor> ConfigsBy(cudnnBackendHeurMode_t mode, const CudnnTarget& target,
                                       const CudnnGraph& graph) {
  CudnnDescriptor heuristics(target.api, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.SetDescriptor(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, *graph.operations)
      .Set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  if (target.handle == nullptr) heuristics.SetDescriptor(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.properties);
  std::vector<CudnnDescriptor> configs;
  if (!heuristics.Finalize().ok()) return configs;
  const int64_t count = heuristics.Count(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR);
  for (int64_t i = 0; i < count; ++i) configs.emplace_back(target.api, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  const int64_t filled = heuristics.GetDescriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, absl::MakeSpan(configs));
  configs.erase(configs.begin() + filled, configs.end());
  return configs;
}

// What is to be known of a configuration.
struct ConfigInfo {
  std::string name;
  std::vector<cudnnBackendNumericalNote_t> notes;
  bool is_compiled_at_run_time = false;
};

constexpr int kMaxKnobs = 64;  // cuDNN has 44 kinds, and does not say how many a configuration has

// The settings of an engine, as "2=7,13=0".
std::string Knobs(const CudnnTarget& target, const CudnnDescriptor& config) {
  std::vector<CudnnDescriptor> knobs;
  for (int i = 0; i < kMaxKnobs; ++i) knobs.emplace_back(target.api, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
  const int64_t filled = config.GetDescriptors(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, absl::MakeSpan(knobs));
  std::vector<std::pair<int64_t, int64_t>> choices;
  for (int64_t i = 0; i < filled; ++i) {
    const auto types = knobs[i].GetAll<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE);
    const int64_t value = knobs[i].GetInt(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, -1);
    if (!types.empty()) choices.push_back({types[0], value});
  }
  std::sort(choices.begin(), choices.end());
  return absl::StrJoin(choices, ",", absl::PairFormatter("="));
}

std::optional<ConfigInfo> Describe(const CudnnTarget& target, const CudnnDescriptor& config) {
  CudnnDescriptor engine[1] = {CudnnDescriptor(target.api, CUDNN_BACKEND_ENGINE_DESCRIPTOR)};
  if (config.GetDescriptors(CUDNN_ATTR_ENGINECFG_ENGINE, absl::MakeSpan(engine)) != 1) return std::nullopt;
  ConfigInfo info;
  info.notes =
      engine[0].GetAll<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE);
  const auto behaviour =
      engine[0].GetAll<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE);
  info.is_compiled_at_run_time =
      std::count(behaviour.begin(), behaviour.end(), CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) > 0;
  const int64_t index = engine[0].GetInt(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, -1);
  info.name = absl::StrCat("cudnn:engine ", index, " {", Knobs(target, config), "}");
  return info;
}

bool IsAllowed(const ConfigInfo& info, const CudnnNumerics& numerics) {
  for (cudnnBackendNumericalNote_t note : info.notes) {
    switch (note) {
      case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
      // Sums in half precision, and transforms whose rounding is far from that of a sum of products.
      case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
      case CUDNN_NUMERICAL_NOTE_FFT:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13:
        return false;
      case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
      case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
        if (!numerics.allow_tensor_cores) return false;
        break;
      default:
        break;
    }
  }
  return true;
}

}  // namespace

StatusOr<std::shared_ptr<CudnnHandle>> CudnnHandle::Make(std::shared_ptr<const CudnnApi> api) {
  std::shared_ptr<CudnnHandle> handle(new CudnnHandle(std::move(api)));
  MOULIN_RETURN_IF_ERROR(handle->api_->ToStatus(handle->api_->Create(&handle->raw_), "making a cuDNN handle"));
  return handle;
}

CudnnHandle::~CudnnHandle() {
  if (raw_ != nullptr) api_->Destroy(raw_);
}

LibraryPlans CudnnPlansFor(const CudnnTarget& target, std::shared_ptr<CudnnHandle> handle,
                           std::shared_ptr<const CudnnGraph> graph, const CudnnNumerics& numerics, int limit,
                           const CudnnPlanStore& store) {
  LibraryPlans plans;
  absl::flat_hash_set<std::string> seen;
  // A: a fast guess. FALLBACK: engines that work where A's do not. B (slower to ask) falls back to A on most graphs.
  for (cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
    for (CudnnDescriptor& config : ConfigsBy(mode, target, *graph)) {
      if (static_cast<int>(plans.size()) >= limit) return plans;
      std::optional<ConfigInfo> info = Describe(target, config);
      if (!info.has_value() || !IsAllowed(*info, numerics)) continue;
      // Seen to compile for 17 seconds, and to crash the compiler: an epilogue of our own is better.
      if (mode == CUDNN_HEUR_MODE_FALLBACK && info->is_compiled_at_run_time) continue;
      if (!seen.insert(info->name).second) continue;
      plans.push_back(
          std::make_shared<CudnnPlan>(target, handle, graph, std::move(config), std::move(info->name), store));
    }
  }
  return plans;
}

}  // namespace moulin::cuda
