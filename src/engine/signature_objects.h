// The objects of TensorFlow 2 (docs/savedmodel.md) after an edit of the signatures: tf.saved_model.load takes a model's
// signatures from them.
#ifndef MOULIN_ENGINE_SIGNATURE_OBJECTS_H_
#define MOULIN_ENGINE_SIGNATURE_OBJECTS_H_

#include "base/limits.h"
#include "engine/signature_edit.h"
#include "moulin/status.h"
#include "proto/saved_model.pb.h"

namespace moulin::internal {

// Makes the objects of `meta_graph`, whose signatures have been edited so, tell the same: signatures that are gone or
// renamed are so among the objects, and those that were added or changed become functions. All else stays.
//
// Errors, after which the objects are of no use: those of MakeSignatureFunction, naming the signature; E_UNSUPPORTED
// where what the root calls "signatures" is something else.
Status EditSignatureObjects(const SignatureEdits& edits, const Limits& limits, tf::MetaGraphDef* meta_graph);

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_SIGNATURE_OBJECTS_H_
