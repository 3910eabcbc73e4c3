#include "moulin/bundle.h"

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "base/errors.h"

namespace moulin {

StatusOr<std::shared_ptr<Model>> Bundle::model(absl::string_view name) const {
  for (const std::shared_ptr<Model>& model : models_) {
    if (model->name() == name) return model;
  }
  const auto append_name = [](std::string* out, const std::shared_ptr<Model>& m) { absl::StrAppend(out, m->name()); };
  return MakeError(ErrorCode::kName, "the bundle has no model \"", Printable(name),
                   "\"; it has: ", absl::StrJoin(models_, ", ", append_name));
}

ModelPath SplitModelPath(absl::string_view path) {
  constexpr absl::string_view kMark = ".moulin:";
  const size_t at = path.rfind(kMark);
  if (at == absl::string_view::npos) return {std::string(path), ""};
  const size_t colon = at + kMark.size() - 1;
  return {std::string(path.substr(0, colon)), std::string(path.substr(colon + 1))};
}

}  // namespace moulin
