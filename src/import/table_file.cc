// Source: TensorFlow, core/kernels/lookup_util.cc. Tested by tests/import/table_file_test.cc.
#include "import/table_file.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "base/status_macros.h"

namespace moulin {
namespace {

constexpr int64_t kWholeLine = -1;
constexpr int64_t kLineNumber = -2;

int64_t IntAttr(const tf::NodeDef& node, const char* name, int64_t otherwise) {
  const auto it = node.attr().find(name);
  return it == node.attr().end() ? otherwise : it->second.i();
}

StatusOr<char> Delimiter(const tf::NodeDef& node) {
  const auto it = node.attr().find("delimiter");
  if (it == node.attr().end()) return '\t';
  if (it->second.s().size() == 1) return it->second.s()[0];
  return MakeError(ErrorCode::kAttribute, "attribute \"delimiter\": expected one character, found \"",
                   Printable(it->second.s()), "\"");
}

// Keys, or values.
struct Column {
  DType type;
  int64_t index;
  std::vector<absl::string_view> cells;  // of a column or whole lines
};

Status CheckColumn(const Column& column) {
  if (column.index < kLineNumber) {
    return MakeError(ErrorCode::kAttribute, "a table's column should be -2 or more, found ", column.index);
  }
  const DType fits = column.index == kLineNumber  ? DType::kInt64
                     : column.index == kWholeLine ? DType::kString
                                                  : column.type;
  if (fits == column.type) return absl::OkStatus();
  return MakeError(ErrorCode::kDType, column.index == kLineNumber ? "the number of a line" : "a whole line", " is ",
                   Name(fits), ", the table's type is ", Name(column.type));
}

template <typename T, typename Parse>
Status FillNumbers(const Column& column, Parse parse, Tensor* tensor) {
  for (size_t i = 0; i < column.cells.size(); ++i) {
    T value;
    if (!parse(column.cells[i], &value)) {
      return MakeError(ErrorCode::kValue, "line ", i + 1, ": \"", Printable(column.cells[i], 80), "\" is no ",
                       Name(column.type));
    }
    tensor->mutable_values<T>()[i] = value;
  }
  return absl::OkStatus();
}

Status FillCells(const Column& column, Tensor* tensor) {
  switch (column.type) {
    case DType::kString:
      std::transform(column.cells.begin(), column.cells.end(), tensor->mutable_strings().begin(),
                     [](absl::string_view cell) { return std::string(cell); });
      return absl::OkStatus();
    case DType::kInt32:
      return FillNumbers<int32_t>(column, absl::SimpleAtoi<int32_t>, tensor);
    case DType::kInt64:
      return FillNumbers<int64_t>(column, absl::SimpleAtoi<int64_t>, tensor);
    case DType::kFloat32:
      return FillNumbers<float>(column, absl::SimpleAtof, tensor);
    case DType::kFloat64:
      return FillNumbers<double>(column, absl::SimpleAtod, tensor);
    default:
      return MakeError(ErrorCode::kDType, "a table of ", Name(column.type), " cannot be filled from a file");
  }
}

StatusOr<Tensor> MakeTensor(const Column& column, int64_t lines, int64_t offset) {
  MOULIN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(column.type, Shape({lines})));
  if (column.index == kLineNumber) {
    for (int64_t i = 0; i < lines; ++i) tensor.mutable_values<int64_t>()[i] = i + offset;
    return tensor;
  }
  MOULIN_RETURN_IF_ERROR(FillCells(column, &tensor));
  return tensor;
}

Status AppendLine(absl::string_view line, int64_t number, char delimiter, Column* keys, Column* values) {
  if (line.empty()) return MakeError(ErrorCode::kData, "line ", number, " is empty");
  std::vector<absl::string_view> cells;
  if (keys->index >= 0 || values->index >= 0) cells = absl::StrSplit(line, delimiter);
  for (Column* column : {keys, values}) {
    if (column->index >= static_cast<int64_t>(cells.size())) {
      return MakeError(ErrorCode::kData, "line ", number, " has ", cells.size(), " columns, column ", column->index,
                       " is asked for");
    }
    if (column->index != kLineNumber) column->cells.push_back(column->index < 0 ? line : cells[column->index]);
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<TableContent> ReadTableFile(absl::string_view text, const tf::NodeDef& node, DType key_type,
                                     DType value_type) {
  Column keys{key_type, IntAttr(node, "key_index", kWholeLine), {}};
  Column values{value_type, IntAttr(node, "value_index", kLineNumber), {}};
  MOULIN_RETURN_IF_ERROR(CheckColumn(keys));
  MOULIN_RETURN_IF_ERROR(CheckColumn(values));
  MOULIN_ASSIGN_OR_RETURN(const char delimiter, Delimiter(node));
  const int64_t wanted = IntAttr(node, "vocab_size", -1);
  const bool is_bounded = wanted > 0;
  int64_t lines = 0;
  while (!text.empty() && !(is_bounded && lines == wanted)) {
    const size_t end = std::min(text.find('\n'), text.size());
    ++lines;
    MOULIN_RETURN_IF_ERROR(AppendLine(absl::StripSuffix(text.substr(0, end), "\r"), lines, delimiter, &keys, &values));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (is_bounded && lines < wanted) {
    return MakeError(ErrorCode::kData, "the file has ", lines, " lines, the table is to have ", wanted);
  }
  TableContent content;
  MOULIN_ASSIGN_OR_RETURN(content.keys, MakeTensor(keys, lines, IntAttr(node, "offset", 0)));
  MOULIN_ASSIGN_OR_RETURN(content.values, MakeTensor(values, lines, IntAttr(node, "offset", 0)));
  return content;
}

}  // namespace moulin
