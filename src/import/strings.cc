// String ops, kept as themselves and run on the host.
#include "import/kept.h"

namespace moulin {
namespace {

constexpr OpLowering kRows[] = {
    {"AsString", 1, 1, LowerKept},     {"DecodeBase64", 1, 1, LowerKept},
    {"EncodeBase64", 1, 1, LowerKept}, {"StringJoin", 1, kAnyNumber, LowerKept},
    {"StringLength", 1, 1, LowerKept}, {"StringLower", 1, 1, LowerKept},
    {"StringStrip", 1, 1, LowerKept},  {"StringToNumber", 1, 1, LowerKept},
    {"StringUpper", 1, 1, LowerKept},  {"Substr", 3, 3, LowerKept},
};

}  // namespace

absl::Span<const OpLowering> StringLowerings() { return kRows; }

}  // namespace moulin
