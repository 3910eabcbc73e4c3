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

dnnl::memory::desc RowMajor(absl::Span<const int64_t> dims, dnnl::memory::data_type type) {
  dnnl::memory::dims strides(dims.size());
  int64_t stride = 1;
  for (int i = static_cast<int>(dims.size()) - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return Strided(dims, strides, type);
}

dnnl::memory::desc Strided(absl::Span<const int64_t> dims, absl::Span<const int64_t> strides,
                           dnnl::memory::data_type type) {
  return dnnl::memory::desc(dnnl::memory::dims(dims.begin(), dims.end()), type,
                            dnnl::memory::dims(strides.begin(), strides.end()));
}

std::optional<ProductTypes> DnnlProductTypes(DType operands, DType weights, DType product) {
  using Type = dnnl::memory::data_type;
  if (operands != weights) return std::nullopt;
  if (operands == DType::kFloat32 && product == DType::kFloat32) return ProductTypes{Type::f32, Type::f32};
  if (operands != DType::kInt8 || product != DType::kInt32) return std::nullopt;
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto has = [isa](dnnl::cpu_isa wanted) {
    return (isa & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
  };
  if (!has(dnnl::cpu_isa::avx512_core_vnni) && !has(dnnl::cpu_isa::avx2_vnni)) return std::nullopt;
  return ProductTypes{Type::s8, Type::s32};
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
