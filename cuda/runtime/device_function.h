// Typed handles of __global__ functions, to be passed from where they are compiled to where they are launched.
#ifndef MOULIN_CUDA_RUNTIME_DEVICE_FUNCTION_H_
#define MOULIN_CUDA_RUNTIME_DEVICE_FUNCTION_H_

namespace moulin::cuda {

// A __global__ function with these parameters. Tensors are passed as untyped pointers, so that the instances of a
// template for all element types have one type of handle.
template <typename... Params>
struct DeviceFunction {
  const char* name = "";
  const void* address = nullptr;  // null: no such instance
  explicit operator bool() const { return address != nullptr; }
};

}  // namespace moulin::cuda

#endif  // MOULIN_CUDA_RUNTIME_DEVICE_FUNCTION_H_
