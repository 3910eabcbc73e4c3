// Early return on error, as in newer Abseil (Debian 12's has no such macros).
#ifndef MOULIN_BASE_STATUS_MACROS_H_
#define MOULIN_BASE_STATUS_MACROS_H_

#include "moulin/status.h"

#define MOULIN_RETURN_IF_ERROR(expr)                                             \
  do {                                                                           \
    if (::absl::Status moulin_status = (expr); !moulin_status.ok()) [[unlikely]] \
      return moulin_status;                                                      \
  } while (false)

#define MOULIN_CONCAT_IMPL(a, b) a##b
#define MOULIN_CONCAT(a, b) MOULIN_CONCAT_IMPL(a, b)
#define MOULIN_ASSIGN_OR_RETURN(lhs, expr) \
  MOULIN_ASSIGN_OR_RETURN_IMPL(MOULIN_CONCAT(moulin_statusor_, __LINE__), lhs, expr)
#define MOULIN_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) [[unlikely]]                        \
    return std::move(tmp).status();                  \
  lhs = std::move(tmp).value()

#endif  // MOULIN_BASE_STATUS_MACROS_H_
