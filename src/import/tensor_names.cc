#include "import/tensor_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"

namespace moulin {
namespace {

bool ParsePort(absl::string_view text, int* port) {
  return !text.empty() && absl::ascii_isdigit(text[0]) && absl::SimpleAtoi(text, port) && *port >= 0;
}

Status BadPort(absl::string_view text) {
  return MakeError(ErrorCode::kPort, "expected \"node:port\" with a port of at least 0, got \"", Printable(text), "\"");
}

Status EmptyNode(absl::string_view text) {
  return MakeError(ErrorCode::kInput, "expected a node's name, got \"", Printable(text), "\"");
}

bool IsNameCharacter(char c) { return absl::ascii_isalnum(c) || absl::StrContains("_.\\/>-", c); }

// Levenshtein's distance, given up (returning limit + 1) where it exceeds `limit`.
int EditDistance(absl::string_view a, absl::string_view b, int limit) {
  if (std::abs(static_cast<int>(a.size()) - static_cast<int>(b.size())) > limit) return limit + 1;
  std::vector<int> row(b.size() + 1);
  for (int j = 0; j <= b.size(); ++j) row[j] = j;
  for (int i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = i;
    int best = i;
    for (int j = 1; j <= b.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
      best = std::min(best, row[j]);
    }
    if (best > limit) return limit + 1;
  }
  return row[b.size()];
}

}  // namespace

StatusOr<TensorReference> ParseTensorName(absl::string_view text) {
  TensorReference name;
  const size_t colon = text.find(':');
  name.node = text.substr(0, colon);
  if (name.node.empty() || name.node == "^") return EmptyNode(text);
  if (colon == text.npos) return name;
  if (!ParsePort(text.substr(colon + 1), &name.port)) return BadPort(text);
  return name;
}

StatusOr<TensorReference> ParseBodyTensorName(absl::string_view text) {
  TensorReference name;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  name.node = parts[0];
  if (name.node.empty() || name.node == "^") return EmptyNode(text);
  if (parts.size() == 1) return name;
  if (parts.size() == 2 && ParsePort(parts[1], &name.port)) return name;
  name.output = parts[1];
  if (parts.size() == 2 && !name.output.empty()) return name;
  if (parts.size() == 3 && !name.output.empty() && ParsePort(parts[2], &name.port)) return name;
  return BadPort(text);
}

Status CheckNodeName(absl::string_view name, const Limits& limits) {
  if (name.empty()) return MakeError(ErrorCode::kName, "a node has an empty name");
  if (name.size() > limits.name_bytes) {
    return MakeError(ErrorCode::kName, "expected a name of at most ", limits.name_bytes, " bytes, got \"",
                     Printable(name), "\"");
  }
  const bool starts_well = absl::ascii_isalnum(name[0]) || name[0] == '_' || name[0] == '.';
  if (!starts_well || !std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return MakeError(ErrorCode::kName, "expected letters, digits and _.\\/>- in a node's name, got \"", Printable(name),
                     "\"");
  }
  if (name.find("..") != name.npos) {
    for (absl::string_view part : absl::StrSplit(name, '/')) {
      if (part == "..") {
        return MakeError(ErrorCode::kName, "a node's name has the component \"..\": \"", Printable(name), "\"");
      }
    }
  }
  return absl::OkStatus();
}

std::string DidYouMean(absl::string_view name, const std::vector<absl::string_view>& candidates, int count) {
  constexpr size_t kMostCandidates = 100'000;  // enough for real graphs; hostile ones get no advice
  constexpr size_t kLongestName = 256;
  if (candidates.size() > kMostCandidates || name.size() > kLongestName) return "";
  const int limit = std::max<int>(2, static_cast<int>(name.size()) / 3);
  std::vector<std::pair<int, absl::string_view>> near;
  for (absl::string_view candidate : candidates) {
    if (candidate.size() > kLongestName) continue;
    const int distance = EditDistance(name, candidate, limit);
    if (distance <= limit) near.emplace_back(distance, candidate);
  }
  std::sort(near.begin(), near.end());
  if (near.size() > count) near.resize(count);
  if (near.empty()) return "";
  return absl::StrCat("did you mean ",
                      absl::StrJoin(near, ", ",
                                    [](std::string* out, const auto& item) {
                                      absl::StrAppend(out, "\"", Printable(item.second), "\"");
                                    }),
                      "?");
}

}  // namespace moulin
