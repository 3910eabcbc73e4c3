// A stand-in for NVIDIA's driver library (libcuda.so.1), for tests alone: there is no device, but loading code
// "succeeds", so that cuDNN finishes plans for a device that is not there. Nothing can be run.
#include <dlfcn.h>

#include <cstddef>

extern "C" {

using Result = int;  // CUresult
constexpr Result kSuccess = 0, kNoDevice = 100;

Result cuInit(unsigned flags) { return (void)flags, kSuccess; }
Result cuDriverGetVersion(int* version) { return *version = 13000, kSuccess; }
Result cuDeviceGetCount(int* count) { return *count = 0, kSuccess; }
Result cuCtxGetCurrent(void** context) { return *context = nullptr, kSuccess; }
Result cuGetErrorName(int error, const char** name) { return (void)error, *name = "stub driver", kSuccess; }
Result cuGetErrorString(int error, const char** text) { return (void)error, *text = "stub driver", kSuccess; }

// Handles of code: never null, never followed.
static char code;
Result cuLibraryLoadData(void** library) { return *library = &code, kSuccess; }
Result cuLibraryGetKernel(void** kernel) { return *kernel = &code, kSuccess; }
Result cuLibraryGetModule(void** module) { return *module = &code, kSuccess; }
Result cuLibraryGetGlobal(void** address, size_t* bytes) {
  *address = &code;
  if (bytes != nullptr) *bytes = 0;
  return kSuccess;
}
Result cuKernelGetFunction(void** function) { return *function = &code, kSuccess; }
Result cuModuleLoadData(void** module) { return *module = &code, kSuccess; }
Result cuModuleLoadDataEx(void** module) { return *module = &code, kSuccess; }
Result cuModuleGetFunction(void** function) { return *function = &code, kSuccess; }

// Every other function; the libraries look for these by name.
static Result NoDevice() { return kNoDevice; }
#define ABSENT(name) \
  Result name() { return kNoDevice; }
ABSENT(cuCtxGetLimit)
ABSENT(cuCtxPopCurrent)
ABSENT(cuCtxPushCurrent)
ABSENT(cuDeviceGet)
ABSENT(cuKernelGetAttribute)
ABSENT(cuLaunchCooperativeKernel)
ABSENT(cuLaunchKernel)
ABSENT(cuLaunchKernelEx)
ABSENT(cuLibraryLoadFromFile)
ABSENT(cuLinkAddData)
ABSENT(cuLinkComplete)
ABSENT(cuLinkCreate)
ABSENT(cuLinkDestroy)
ABSENT(cuOccupancyMaxPotentialClusterSize)
ABSENT(cuStreamGetCtx)
ABSENT(cuLibraryUnload)
ABSENT(cuKernelSetAttribute)
ABSENT(cuModuleUnload)
ABSENT(cuFuncSetAttribute)
ABSENT(cuFuncGetName)
ABSENT(cuGetExportTable)
#undef ABSENT

Result cuGetProcAddress_v2(const char* symbol, void** function, int version, unsigned long long flags, int* status) {
  static void* self;
  if (self == nullptr) {
    Dl_info info;
    dladdr(reinterpret_cast<void*>(&cuInit), &info);
    self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  }
  (void)version, (void)flags;
  *function = dlsym(self, symbol);
  if (*function == nullptr) *function = reinterpret_cast<void*>(&NoDevice);
  if (status != nullptr) *status = 0;
  return kSuccess;
}
Result cuGetProcAddress(const char* symbol, void** function, int version, unsigned long long flags) {
  return cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
}

}  // extern "C"
