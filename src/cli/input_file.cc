#include "cli/input_file.h"

#include "base/errors.h"
#include "base/status_macros.h"
#include "formats/npy.h"
#include "formats/npz.h"

namespace moulin::cli {

StatusOr<NamedTensors> ReadInputFile(const std::string& path, const std::vector<TensorInfo>& infos) {
  MOULIN_ASSIGN_OR_RETURN(NamedTensors inputs, ReadNpz(path));
  for (auto& [name, tensor] : inputs) {
    for (const TensorInfo& info : infos) {
      if (info.name != name || (info.dtype != DType::kBFloat16 && !IsQuantized(info.dtype))) continue;
      StatusOr<Tensor> cast = CastStored(tensor, info.dtype);
      if (!cast.ok()) return AtFile(cast.status(), path);
      tensor = *std::move(cast);
    }
  }
  return inputs;
}

}  // namespace moulin::cli
