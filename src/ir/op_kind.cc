#include "ir/op_kind.h"

namespace moulin {

absl::string_view Name(OpKind kind) {
  static constexpr const char* kNames[] = {
#define MOULIN_NAME(name, attrs) #name,
      MOULIN_OP_KINDS(MOULIN_NAME)
#undef MOULIN_NAME
  };
  return kNames[static_cast<int>(kind)];
}

}  // namespace moulin
