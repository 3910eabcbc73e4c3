// oneDNN primitives as parts of kernels.
#ifndef MOULIN_DEVICE_HOST_CPU_DNNL_PRIMITIVE_H_
#define MOULIN_DEVICE_HOST_CPU_DNNL_PRIMITIVE_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "moulin/dtype.h"
#include "moulin/shape.h"
#include "moulin/status.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace moulin::cpu {

// The process's CPU engine of oneDNN.
const dnnl::engine& DnnlEngine();

// A descriptor of the given sizes, row-major.
dnnl::memory::desc RowMajor(absl::Span<const int64_t> dims,
                            dnnl::memory::data_type type = dnnl::memory::data_type::f32);
// As above with explicit strides, in elements.
dnnl::memory::desc Strided(absl::Span<const int64_t> dims, absl::Span<const int64_t> strides,
                           dnnl::memory::data_type type = dnnl::memory::data_type::f32);

// The types of a product, where oneDNN is to compute it: of float32; or of int8 with int32 sums, where the processor
// adds them exactly (without VNNI, oneDNN adds pairs in 16 bits, which may be too few).
struct ProductTypes {
  dnnl::memory::data_type operands, product;
  bool is_float() const { return product == dnnl::memory::data_type::f32; }
};
std::optional<ProductTypes> DnnlProductTypes(DType operands, DType weights, DType product);

// Attributes of all our primitives: scratch memory from the caller, float32 computed as float32.
dnnl::primitive_attr BaseAttributes();

// "oneDNN brgconv:avx512_core" from an implementation's name; and whether that is oneDNN's slow reference.
std::string DnnlKernelName(const std::string& implementation);
bool IsSlowImplementation(const std::string& implementation);

// A primitive and what it needs at each call. Immutable; Run may be called from several threads at once.
class DnnlPrimitive {
 public:
  struct Argument {
    int name;  // DNNL_ARG_...
    dnnl::memory::desc desc;
  };

  DnnlPrimitive(dnnl::primitive primitive, std::vector<Argument> arguments);

  // Runs with the arguments' elements at these addresses, in the order given to the constructor.
  Status Run(absl::Span<void* const> addresses) const;

 private:
  // The objects of one call: oneDNN's memory objects hold the address, so calls at once need objects of their own.
  struct Call {
    dnnl::stream stream;
    std::vector<dnnl::memory> memories;
    std::vector<dnnl_exec_arg_t> args;
  };
  std::unique_ptr<Call> TakeCall() const;

  dnnl::primitive primitive_;
  std::vector<Argument> arguments_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Call>> free_calls_;  // guarded by mutex_
};

}  // namespace moulin::cpu

#endif  // MOULIN_DEVICE_HOST_CPU_DNNL_PRIMITIVE_H_
