// A bundle: several models in one file (BUNDLE.moulin), each with a name, addressed as "BUNDLE.moulin:NAME".
#ifndef MOULIN_BUNDLE_H_
#define MOULIN_BUNDLE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "moulin/model.h"
#include "moulin/status.h"

namespace moulin {

// The loaded models of a bundle, one for each signature, which share the constants that are identical among them.
// Immutable, thread-safe.
class Bundle {
 public:
  Bundle() = default;
  explicit Bundle(std::vector<std::shared_ptr<Model>> models) : models_(std::move(models)) {}

  // In the order of the file.
  const std::vector<std::shared_ptr<Model>>& models() const { return models_; }
  // NOT_FOUND or INVALID_ARGUMENT (E_NAME), listing the names there are, where there is no such model.
  StatusOr<std::shared_ptr<Model>> model(absl::string_view name) const;

 private:
  std::vector<std::shared_ptr<Model>> models_;
};

// The two halves of "BUNDLE.moulin:NAME"; `name` is empty where `path` names no model inside a bundle. Reads no file.
struct ModelPath {
  std::string file;
  std::string name;
};
ModelPath SplitModelPath(absl::string_view path);

}  // namespace moulin

#endif  // MOULIN_BUNDLE_H_
