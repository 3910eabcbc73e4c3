// Bounds that hostile files meet before memory is taken. One object, passed down; each may be raised by its owner.
#ifndef MOULIN_BASE_LIMITS_H_
#define MOULIN_BASE_LIMITS_H_

#include <cstdint>

namespace moulin {

struct Limits {
  int64_t graph_bytes = int64_t{2} << 30;  // a GraphDef file
  int64_t nodes = 5'000'000;               // nodes after inlining
  int64_t inputs_per_node = 65'536;
  int64_t name_bytes = 4'096;
  int attribute_depth = 64;  // nested messages in text or binary
  int function_depth = 64;   // nested calls
  int64_t functions = 100'000;
  int64_t constant_bytes = int64_t{1} << 30;  // one constant expanded from fewer values, or folded
  int64_t bundle_entries = 100'000;
  int64_t tensor_bytes = int64_t{16} << 30;  // one tensor of a request or result
};

}  // namespace moulin

#endif  // MOULIN_BASE_LIMITS_H_
