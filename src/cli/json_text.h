// JSON as text. Names and messages come from models and may hold any bytes; JSON is UTF-8.
#ifndef MOULIN_CLI_JSON_TEXT_H_
#define MOULIN_CLI_JSON_TEXT_H_

#include <string>

#include "nlohmann/json.hpp"

namespace moulin::cli {

// What is no UTF-8 is replaced (U+FFFD), where nlohmann::json's own dump() throws. `indent` below 0: on one line.
inline std::string JsonText(const nlohmann::json& json, int indent = -1) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

}  // namespace moulin::cli

#endif  // MOULIN_CLI_JSON_TEXT_H_
