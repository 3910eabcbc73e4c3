#include "device/host/cpu/dnnl_primitive.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace moulin::cpu {

const dnnl::engine& DnnlEngine() {
  static const dnnl::engine* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

dnnl::memory::desc RowMajor(absl::Span<const int64_t> dims) {
  dnnl::memory::dims strides(dims.size());
  int64_t stride = 1;
  for (int i = static_cast<int>(dims.size()) - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return Strided(dims, strides);
}

dnnl::memory::desc Strided(absl::Span<const int64_t> dims, absl::Span<const int64_t> strides) {
  return dnnl::memory::desc(dnnl::memory::dims(dims.begin(), dims.end()), dnnl::memory::data_type::f32,
                            dnnl::memory::dims(strides.begin(), strides.end()));
}

dnnl::primitive_attr BaseAttributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  return attributes;
}

std::string DnnlKernelName(const std::string& implementation) { return absl::StrCat("oneDNN ", implementation); }

bool IsSlowImplementation(const std::string& implementation) { return absl::StrContains(implementation, "ref"); }

DnnlPrimitive::DnnlPrimitive(dnnl::primitive primitive, std::vector<Argument> arguments)
    : primitive_(std::move(primitive)), arguments_(std::move(arguments)) {}

std::unique_ptr<DnnlPrimitive::Call> DnnlPrimitive::TakeCall() const {
  {
    std::lock_guard lock(mutex_);
    if (!free_calls_.empty()) {
      std::unique_ptr<Call> call = std::move(free_calls_.back());
      free_calls_.pop_back();
      return call;
    }
  }
  auto call = std::make_unique<Call>();
  call->stream = dnnl::stream(DnnlEngine());
  for (const Argument& argument : arguments_) {
    call->memories.emplace_back(argument.desc, DnnlEngine(), nullptr);  // nullptr: no memory of its own
    call->args.push_back({argument.name, call->memories.back().get()});
  }
  return call;
}

Status DnnlPrimitive::Run(absl::Span<void* const> addresses) const {
  std::unique_ptr<Call> call = TakeCall();
  for (size_t i = 0; i < call->args.size(); ++i) dnnl_memory_set_data_handle(call->args[i].memory, addresses[i]);
  const dnnl_status_t status = dnnl_primitive_execute(primitive_.get(), call->stream.get(),
                                                      static_cast<int>(call->args.size()), call->args.data());
  {
    std::lock_guard lock(mutex_);
    free_calls_.push_back(std::move(call));
  }
  if (status == dnnl_success) return absl::OkStatus();
  return MakeError(ErrorCode::kDevice, "oneDNN failed to run a primitive: status ", static_cast<int>(status));
}

}  // namespace moulin::cpu
