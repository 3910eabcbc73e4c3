#include "moulin/npz.h"

#include "formats/npz.h"

namespace moulin {

StatusOr<NamedTensors> LoadNpz(const std::string& path) { return ReadNpz(path); }

Status SaveNpz(const std::string& path, const NamedTensors& tensors) { return WriteNpz(path, tensors); }

}  // namespace moulin
