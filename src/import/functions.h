// The functions of a graph: their bodies by name, and what inlining them costs.
#ifndef MOULIN_IMPORT_FUNCTIONS_H_
#define MOULIN_IMPORT_FUNCTIONS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/limits.h"
#include "import/op_signature.h"
#include "moulin/status.h"
#include "proto/graph.pb.h"

namespace moulin {

struct Function {
  const tf::FunctionDef* def = nullptr;
  const std::string& name() const { return def->signature().name(); }

  // Filled by FunctionLibrary::Prepare.
  bool is_prepared = false;
  OpSignature signature;
  absl::flat_hash_map<absl::string_view, int> args;   // by name: the number of the input argument
  absl::flat_hash_map<absl::string_view, int> nodes;  // by name: the number in the body
  int64_t expanded_nodes = 0;                         // nodes after inlining all calls in it; saturates
  int depth = 0;                                      // nested calls, 1 for a function that calls none
};

// The functions of a GraphDef, which must outlive this. A malformed function is an error only once it is prepared.
class FunctionLibrary {
 public:
  // E_FUNC for an empty name, E_DUP for a name given twice, E_LIMIT for too many.
  Status Init(const tf::GraphDef& graph, const Limits& limits);

  bool empty() const { return functions_.empty(); }
  int size() const { return static_cast<int>(functions_.size()); }
  int Find(absl::string_view name) const;  // -1 where there is none
  const Function& function(int id) const { return functions_[id]; }

  // The function that `node` calls: of attribute `f` (IsCallByAttr), or of the op's name. -1 where the
  // node is no call. E_FUNC where the function is missing, E_ATTR where `f` is.
  StatusOr<int> CalleeOf(const tf::NodeDef& node) const;

  // The functions that `node` calls or chooses among: that of CalleeOf, or the branches, conditions and bodies among
  // its attributes. Those that are missing are left out, for they are an error only where they are needed.
  std::vector<int> FunctionsOf(const tf::NodeDef& node) const;

  // Indexes a function and everything it calls. E_FUNC for malformed ones, E_RECURSION with the chain of calls for one
  // that calls itself or nests deeper than the limit. Iterative.
  Status Prepare(int id);

 private:
  Status Index(Function* function);
  std::string Chain(absl::Span<const int> ids) const;
  std::vector<int> DeepestChain(int id) const;

  Limits limits_;
  std::vector<Function> functions_;
  absl::flat_hash_map<absl::string_view, int> by_name_;
};

// Whether nodes of this op call the function that their attribute `f` names with all their inputs. BatchFunction, which
// puts the operands of several requests together first, is one: for the request at hand its results are the function's.
bool IsCallByAttr(absl::string_view op);

// The attributes that a call gives its function.
const google::protobuf::Map<std::string, tf::AttrValue>& CallAttrs(const tf::NodeDef& call);

}  // namespace moulin

#endif  // MOULIN_IMPORT_FUNCTIONS_H_
