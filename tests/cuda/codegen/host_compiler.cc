#include "codegen/host_compiler.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin::cuda {
namespace {

// A directory that is gone with its owner; what was loaded from it stays loaded.
class ScratchDirectory {
 public:
  ScratchDirectory() : path_((std::filesystem::temp_directory_path() / "moulin_kernels_XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~ScratchDirectory() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  std::string File(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

// The file for the host: makes every kernel known to the emulator once the library is open.
std::string HostText(const std::vector<KernelText>& sources) {
  std::string text = absl::StrCat("#include \"emulator/emulator.h\"\n", JoinKernels(sources),
                                  "extern \"C\" void MoulinRegisterKernels() {\n");
  for (size_t i = 0; i < sources.size(); ++i) {
    const bool is_map = absl::StartsWith(sources[i].name, "moulin_map_");  // whose threads do not talk to each other
    absl::StrAppend(&text, "  moulin::emulator::Register(\"", sources[i].name, "\", &kernel_", i, "::", sources[i].name,
                    ", /*is_cooperative=*/", is_map ? "false" : "true", ");\n");
  }
  return text + "}\n";
}

Status RunCompiler(const std::string& source, const std::string& library, const std::string& log) {
  const std::string command = absl::StrCat(
      MOULIN_HOST_COMPILER, " -std=c++20 -O1 -ffp-contract=off -fno-math-errno -fno-strict-aliasing -shared -fPIC ",
      MOULIN_HOST_COMPILER_FLAGS, " -o ", library, " ", source, " > ", log, " 2>&1");
  if (std::system(command.c_str()) == 0) return absl::OkStatus();
  return MakeError(ErrorCode::kInternal, "generated code does not compile: ", command, "\n", ReadFile(log));
}

// Loads a library and registers its kernels; it stays loaded for good.
StatusOr<void*> OpenKernels(const std::string& library) {
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return MakeError(ErrorCode::kInternal, "opening generated kernels: ", dlerror());
  const auto register_kernels = reinterpret_cast<void (*)()>(dlsym(handle, "MoulinRegisterKernels"));
  if (register_kernels == nullptr) return MakeError(ErrorCode::kInternal, dlerror());
  register_kernels();
  return handle;
}

}  // namespace

std::string JoinKernels(const std::vector<KernelText>& sources) {
  // Headers first, so that those that the kernels include are there already and not in the kernel's namespace.
  std::string text = "#include \"cuda/kernels/fold_kernels.h\"\n#include \"kernels/scalar_special.h\"\n";
  for (size_t i = 0; i < sources.size(); ++i) {
    absl::StrAppend(&text, "namespace kernel_", i, " {\n", sources[i].text, "}  // namespace kernel_", i, "\n");
  }
  return text;
}

Status HostCompiler::CompileAll(const std::vector<KernelText>& sources) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<KernelText> missing;
  std::set<std::string> names;
  for (const KernelText& source : sources) {
    if (!functions_.contains(source.name) && names.insert(source.name).second) missing.push_back(source);
  }
  if (missing.empty()) return absl::OkStatus();
  const ScratchDirectory directory;
  const std::string file = directory.File("kernels.cc"), library = directory.File("kernels.so");
  std::ofstream(file) << HostText(missing);
  MOULIN_RETURN_IF_ERROR(RunCompiler(file, library, directory.File("log")));
  MOULIN_ASSIGN_OR_RETURN(void* const handle, OpenKernels(library));
  for (const KernelText& source : missing) functions_[source.name] = dlsym(handle, source.name.c_str());
  return absl::OkStatus();
}

StatusOr<const void*> HostCompiler::Load(const KernelText& source) {
  MOULIN_RETURN_IF_ERROR(CompileAll({source}));
  const std::lock_guard<std::mutex> lock(mutex_);
  return functions_.at(source.name);
}

}  // namespace moulin::cuda
