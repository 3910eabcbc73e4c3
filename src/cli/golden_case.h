// Golden cases: a model with inputs and the outputs that TensorFlow gives for them, one directory a case
// (docs/golden-cases.md).
#ifndef MOULIN_CLI_GOLDEN_CASE_H_
#define MOULIN_CLI_GOLDEN_CASE_H_

#include <string>
#include <vector>

#include "engine/difference.h"
#include "moulin/model.h"
#include "moulin/request.h"
#include "moulin/status.h"

namespace moulin::cli {

using internal::Tolerance;

// One way to call the model of a case: the default one, or a signature.
struct GoldenCall {
  std::string signature;  // empty for a frozen graph
  std::vector<std::string> tags;
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::string inputs_path;  // .npz
  std::string outputs_path;
};

struct GoldenCase {
  std::string name;
  std::string directory;
  std::string format;  // "frozen_graph", "saved_model" or "checkpoint"
  std::string model_path;
  Tolerance tolerance;
  std::vector<GoldenCall> calls;
  // Of a checkpoint, which has no calls:
  std::vector<TensorInfo> variables;
  std::string values_path;  // .npz
  std::string latest;       // what the `checkpoint` file should lead to; empty where there is none
};

// The directories below `path` (itself included) that hold a meta.json, sorted. E_FILE where there is none.
StatusOr<std::vector<std::string>> FindCases(std::string path);

// Reads meta.json. E_PARSE, naming the file and field, where it is malformed.
StatusOr<GoldenCase> ReadCase(const std::string& directory);

// Reads an .npz with the arrays that `infos` names, each as the type declared there. E_NAME where one is missing.
StatusOr<NamedTensors> ReadTensors(const std::string& path, const std::vector<TensorInfo>& infos);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_GOLDEN_CASE_H_
