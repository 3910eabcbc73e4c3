// Changes to the signatures of a model.
#ifndef MOULIN_ENGINE_SIGNATURE_EDIT_H_
#define MOULIN_ENGINE_SIGNATURE_EDIT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "moulin/dtype.h"
#include "moulin/shape.h"
#include "moulin/status.h"
#include "proto/saved_model.pb.h"

namespace moulin::internal {

// A tensor of a signature, as the caller gives it.
struct SignatureTensor {
  std::string key;
  std::string tensor;                 // "node:port"; ":0" may be left out
  DType dtype = DType::kInvalid;      // kInvalid: as the graph says
  std::optional<PartialShape> shape;  // absent: as the graph says
};

// A signature to add, or what to change of one that exists: lists that are absent stay as they are.
struct SignatureChange {
  std::string key;
  std::string method;  // "predict", "classify", "regress", or any name with a '/'; "": as it is, or predict
  std::optional<std::vector<SignatureTensor>> inputs;
  std::optional<std::vector<SignatureTensor>> outputs;
};

// Done in this order.
struct SignatureEdits {
  std::vector<std::string> remove;
  std::vector<std::pair<std::string, std::string>> rename;
  std::vector<SignatureChange> change;
  bool empty() const { return remove.empty() && rename.empty() && change.empty(); }
};

// Applies the edits. Tensors are looked up in the graph: their types and, where the node says them, their shapes go
// into the signature. Returns the keys that were added or changed, ascending.
//
// Errors name the signature and the key: E_NAME (a key that is empty, not UTF-8, or TensorFlow's own
// "__saved_model..."; a signature to remove or rename that is not there; nothing left), E_DUP (a key that is taken, or
// differs from another one in its Unicode encoding only), E_OUTPUT (a tensor that the graph has not, with the closest
// names; no outputs), E_DTYPE (a type that contradicts the graph, or one that nothing tells), E_SHAPE, E_OPTION (an
// unknown method).
StatusOr<std::vector<std::string>> EditSignatures(const SignatureEdits& edits, const Limits& limits,
                                                  tf::MetaGraphDef* meta_graph);

// Puts the shapes in, where the caller gave none, that a loaded model has found; checks those that the caller gave.
// E_DTYPE, E_SHAPE where they contradict.
Status RefineTensorInfo(const std::string& where, DType dtype, const PartialShape& shape, tf::TensorInfo* info);

// What TensorFlow Serving would not accept of a signature with this method; "" where nothing is wrong.
std::string ServingObjection(const std::string& key, const tf::SignatureDef& signature);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_SIGNATURE_EDIT_H_
