// The signatures of TensorFlow's ops: how many inputs and outputs a node has by its attributes, of which types, under
// which argument names.
#ifndef MOULIN_IMPORT_OP_SIGNATURE_H_
#define MOULIN_IMPORT_OP_SIGNATURE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/limits.h"
#include "moulin/dtype.h"
#include "moulin/status.h"
#include "proto/graph.pb.h"

namespace moulin {

// One argument: one tensor, or a list of them.
struct ArgSpec {
  std::string name;
  DType type = DType::kInvalid;  // where fixed
  std::string type_attr;         // else the attribute that holds the type,
  std::string type_list_attr;    // or the types of a list of tensors
  std::string number_attr;       // where set: the attribute that holds the number of tensors
};

struct AttrSpec {
  std::string name;
  bool required = true;
  std::string default_value;  // of those that arguments refer to: "float32", "1", "[]"
};

// In op_signature_table.inc an argument is written name:type, name:type*N (N tensors) or name:*types (a list), and an
// attribute as its name where it is required, or name=default where an argument refers to it.
struct OpSignature {
  std::vector<ArgSpec> inputs;
  std::vector<ArgSpec> outputs;
  std::vector<AttrSpec> attrs;
};

// The signature of an op; null where the table has none.
const OpSignature* FindSignature(absl::string_view op);

// The signature of a function.
OpSignature SignatureOf(const tf::OpDef& function);

// One tensor of an argument list.
struct TensorSpec {
  int arg = 0;    // which ArgSpec
  int index = 0;  // which tensor of it
  DType type = DType::kInvalid;
};

// The tensors that `args` stand for by the attributes of a node. E_ATTR for an attribute that is absent or of another
// kind, E_DTYPE for a type that does not exist, E_LIMIT for too many tensors.
StatusOr<std::vector<TensorSpec>> ExpandArgs(absl::Span<const ArgSpec> args, absl::Span<const AttrSpec> attrs,
                                             const google::protobuf::Map<std::string, tf::AttrValue>& values,
                                             const Limits& limits);

// Checks a node against its op's signature: every required attribute is there (E_ATTR), the inputs are as many
// (E_ARITY) and of the types (E_DTYPE) that the attributes say. Resources and variants stand for any type, since their
// values take their place in a frozen graph.
Status CheckSignature(const OpSignature& signature, const tf::NodeDef& node, absl::Span<const DType> input_types,
                      const Limits& limits);

}  // namespace moulin

#endif  // MOULIN_IMPORT_OP_SIGNATURE_H_
