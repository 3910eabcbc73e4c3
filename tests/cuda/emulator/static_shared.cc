// Finds the __shared__ arrays of a kernel, which are thread-local variables of its function, in the program's own
// symbol table: a variable v of the function _Zf is called _ZZfE1v there.
#include <elf.h>
#include <link.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "emulator/block.h"

namespace moulin::emulator {
namespace {

struct Variable {
  uint64_t offset, bytes;  // in the program's thread-local storage
};

class Symbols {
 public:
  static Symbols& Get() {
    static Symbols* const symbols = new Symbols;
    return *symbols;
  }

  // The variables of a function, found at its first call. Thread-safe.
  const std::vector<Variable>& VariablesOf(const void* function) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto [entry, is_new] = cache_.try_emplace(function);
    if (!is_new) return *entry->second;
    entry->second = std::make_unique<std::vector<Variable>>();
    const auto name = functions_.find(reinterpret_cast<uintptr_t>(function) - bias_);
    if (name == functions_.end() || name->second.rfind("_Z", 0) != 0) return *entry->second;
    const std::string prefix = "_ZZ" + name->second.substr(2) + "E";
    for (const auto& [symbol, variable] : variables_) {
      if (symbol.rfind(prefix, 0) == 0) entry->second->push_back(variable);
    }
    return *entry->second;
  }

  // Where this thread's copy of the program's thread-local storage begins; null where that is not known.
  char* Storage() const {
    if (anchor_ == kNoAnchor) return nullptr;
    return reinterpret_cast<char*>(&current) - anchor_;
  }

 private:
  static constexpr uint64_t kNoAnchor = ~uint64_t{0};

  Symbols() {
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* self) {
          static_cast<Symbols*>(self)->bias_ = info->dlpi_addr;
          return 1;  // the program itself comes first
        },
        this);
    std::ifstream file("/proc/self/exe", std::ios::binary);
    image_.assign(std::istreambuf_iterator<char>(file), {});
    Read();
    image_.clear();
  }

  template <typename T>
  T At(uint64_t offset) const {
    T value = {};
    if (offset + sizeof(T) <= image_.size()) std::memcpy(&value, image_.data() + offset, sizeof(T));
    return value;
  }

  void Read() {
    const auto header = At<ElfW(Ehdr)>(0);
    for (int i = 0; i < header.e_shnum; ++i) {
      const auto section = At<ElfW(Shdr)>(header.e_shoff + i * sizeof(ElfW(Shdr)));
      if (section.sh_type != SHT_SYMTAB) continue;
      const auto names = At<ElfW(Shdr)>(header.e_shoff + section.sh_link * sizeof(ElfW(Shdr)));
      for (uint64_t at = 0; at + sizeof(ElfW(Sym)) <= section.sh_size; at += sizeof(ElfW(Sym))) {
        Add(At<ElfW(Sym)>(section.sh_offset + at), names.sh_offset);
      }
    }
  }

  void Add(const ElfW(Sym) & symbol, uint64_t names) {
    const uint64_t at = names + symbol.st_name;
    if (at >= image_.size()) return;
    const int type = symbol.st_info & 0xF;
    const char* const name = image_.data() + at;
    if (type == STT_FUNC) functions_.emplace(symbol.st_value, name);
    if (type != STT_TLS) return;
    if (std::strcmp(name, "_ZN6moulin8emulator7currentE") == 0) anchor_ = symbol.st_value;
    if (std::strncmp(name, "_ZZ", 3) == 0) variables_.push_back({name, {symbol.st_value, symbol.st_size}});
  }

  std::string image_;  // of the program's file, while it is read
  uintptr_t bias_ = 0;
  uint64_t anchor_ = kNoAnchor;  // of `current`
  absl::flat_hash_map<uint64_t, std::string> functions_;
  std::vector<std::pair<std::string, Variable>> variables_;
  std::mutex mutex_;
  absl::flat_hash_map<const void*, std::unique_ptr<std::vector<Variable>>> cache_;  // guarded by mutex_
};

}  // namespace

std::vector<absl::Span<char>> StaticShared(const void* function) {
  std::vector<absl::Span<char>> arrays;
#if !defined(MOULIN_EMULATE_WITH_THREADS)
  char* const storage = Symbols::Get().Storage();
  if (storage == nullptr) return arrays;
  for (const Variable& variable : Symbols::Get().VariablesOf(function)) {
    arrays.emplace_back(storage + variable.offset, variable.bytes);
  }
#else
  (void)function;
#endif
  return arrays;
}

}  // namespace moulin::emulator
