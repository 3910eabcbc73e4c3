// SavedModels written: a graph with signatures.
#ifndef MOULIN_ENGINE_EXPORT_H_
#define MOULIN_ENGINE_EXPORT_H_

#include <string>
#include <vector>

#include "base/limits.h"
#include "engine/signature_edit.h"
#include "moulin/status.h"

namespace moulin::internal {

struct ExportOptions {
  SignatureEdits edits;
  std::vector<std::string> tags;  // which graph of a SavedModel is edited; of a GraphDef: its tags, "serve" where empty
  bool text = false;              // saved_model.pbtxt
};

struct ExportResult {
  std::vector<std::string> signatures;  // all that the graph has now, ascending
  std::vector<std::string> warnings;    // what works less well than asked for, a line each
};

// Reads a frozen GraphDef or a SavedModel directory, edits its signatures, and writes a SavedModel. `directory` must be
// absent or empty; it appears whole or not at all. Variables and assets of a SavedModel are copied. Its objects
// (TensorFlow 2) follow the edits; where they cannot, they are left out with a warning, and TensorFlow loads it as it does
// models of TensorFlow 1, with the signatures as functions.
//
// Each signature that is added or changed is loaded; where it needs ops that Moulin does not run, a warning lists
// them. Errors: those of EditSignatures and of reading the source; E_FILE for the directory; E_NAME for an asset whose
// name leads out of its folder; E_UNSUPPORTED for a GraphDef with variables.
StatusOr<ExportResult> Export(const std::string& source, const std::string& directory, const ExportOptions& options,
                              const Limits& limits = {});

}  // namespace moulin::internal

#endif  // MOULIN_ENGINE_EXPORT_H_
