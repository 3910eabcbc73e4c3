// Edits of signatures, from a JSON file or from flags.
#ifndef MOULIN_CLI_SIGNATURE_FILE_H_
#define MOULIN_CLI_SIGNATURE_FILE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/signature_edit.h"
#include "moulin/status.h"

namespace moulin::cli {

// Parses
//
//   {"remove": ["old"], "rename": {"from": "to"},
//    "signatures": {"serving_default": {"method": "predict",
//                                       "inputs": {"x": "x:0", "y": {"tensor": "y", "dtype": "float32",
//                                                                    "shape": [null, 3]}},
//                                       "outputs": {"z": "z"}}}}
//
// in which every part may be left out; "shape": null is the unknown rank. E_PARSE for what is no JSON of this form,
// with the place; E_DUP for a key given twice; E_LIMIT for nesting; E_DTYPE for an unknown type.
StatusOr<internal::SignatureEdits> ParseSignatureEdits(absl::string_view json);

// "KEY=TENSOR" to a tensor of a signature. E_OPTION.
StatusOr<internal::SignatureTensor> ParseKeyAndTensor(const std::string& text);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_SIGNATURE_FILE_H_
