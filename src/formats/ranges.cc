// Files of ranges: {"ranges": [{"tensor": "conv1/Relu:0", "min": 0, "max": 5.5}, ...]}.
// Tested by tests/formats/ranges_test.cc.
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/errors.h"
#include "base/limits.h"
#include "base/status_macros.h"
#include "formats/file.h"
#include "formats/proto_io.h"
#include "moulin/quantization.h"
#include "nlohmann/json.hpp"

namespace moulin {
namespace {

using nlohmann::json;

constexpr int64_t kMaxBytes = int64_t{256} << 20;
constexpr int kMaxDepth = 8;

// Nothing in the file is taken to be of the right kind, for the accessors of json throw otherwise.
StatusOr<float> NumberOf(const json& row, const char* key, const std::string& tensor) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_number()) {
    return MakeError(ErrorCode::kParse, "range of \"", Printable(tensor), "\": expected a number \"", key, "\"");
  }
  const float value = found->get<float>();
  if (std::isfinite(value)) return value;
  return MakeError(ErrorCode::kValue, "range of \"", Printable(tensor), "\": ", key, " is not finite");
}

StatusOr<TensorRange> RangeOf(const json& row) {
  const auto name = row.is_object() ? row.find("tensor") : row.end();
  if (!row.is_object() || name == row.end() || !name->is_string()) {
    return MakeError(ErrorCode::kParse, "expected ranges like {\"tensor\": \"x:0\", \"min\": 0, \"max\": 1}");
  }
  TensorRange range;
  range.tensor = name->get<std::string>();
  MOULIN_ASSIGN_OR_RETURN(range.min, NumberOf(row, "min", range.tensor));
  MOULIN_ASSIGN_OR_RETURN(range.max, NumberOf(row, "max", range.tensor));
  if (range.min <= range.max) return range;
  return MakeError(ErrorCode::kValue, "range of \"", Printable(range.tensor), "\": min ", range.min, " is above max ",
                   range.max);
}

StatusOr<std::vector<TensorRange>> ParseRanges(const std::string& text) {
  MOULIN_RETURN_IF_ERROR(CheckTextNesting(text, kMaxDepth));
  const json root = json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  const auto rows = root.is_object() ? root.find("ranges") : root.end();
  if (!root.is_object() || rows == root.end() || !rows->is_array()) {
    return MakeError(ErrorCode::kParse, "expected JSON with a list \"ranges\"");
  }
  std::vector<TensorRange> ranges;
  absl::flat_hash_set<std::string> seen;
  for (const json& row : *rows) {
    MOULIN_ASSIGN_OR_RETURN(TensorRange range, RangeOf(row));
    if (!seen.insert(range.tensor).second) {
      return MakeError(ErrorCode::kDuplicate, "the range of \"", Printable(range.tensor), "\" is given twice");
    }
    ranges.push_back(std::move(range));
  }
  return ranges;
}

}  // namespace

StatusOr<std::vector<TensorRange>> LoadRanges(const std::string& path) {
  MOULIN_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxBytes));
  StatusOr<std::vector<TensorRange>> ranges = ParseRanges(text);
  if (!ranges.ok()) return AtFile(ranges.status(), path);
  return ranges;
}

Status SaveRanges(const std::string& path, const std::vector<TensorRange>& ranges) {
  json rows = json::array();
  for (const TensorRange& range : ranges) {
    rows.push_back({{"tensor", range.tensor}, {"min", range.min}, {"max", range.max}});
  }
  // Names are bytes of a file: what is no UTF-8 would throw.
  const std::string text = json{{"ranges", rows}}.dump(1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
  return WriteFile(path, text + "\n");
}

}  // namespace moulin
