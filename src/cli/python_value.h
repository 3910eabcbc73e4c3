// Values of Python as Python writes them: the arguments of functions in a SavedModel.
#ifndef MOULIN_CLI_PYTHON_VALUE_H_
#define MOULIN_CLI_PYTHON_VALUE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "proto/saved_model.pb.h"

namespace moulin::cli {

// What repr() gives. Characters above ASCII count as printable. Elements of dictionaries come by rising key: a file
// does not keep their order. Arrays and the bounds of bounded specifications are left out.
std::string PythonRepr(absl::string_view text);
std::string PythonRepr(double value);
std::string PythonRepr(const tf::StructuredValue& value);

// What str() gives: the same but for strings and types.
std::string PythonStr(const tf::StructuredValue& value);

// What type(value).__name__ gives.
std::string PythonTypeName(const tf::StructuredValue& value);

// "tf.float32".
std::string PythonDType(tf::DataType type);

// Whether every value in it is of a kind that TensorFlow knows.
bool IsPythonValue(const tf::StructuredValue& value);

}  // namespace moulin::cli

#endif  // MOULIN_CLI_PYTHON_VALUE_H_
