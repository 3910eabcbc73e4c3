#include "cli/random_inputs.h"

#include <random>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errors.h"
#include "base/half.h"
#include "base/status_macros.h"

namespace moulin::cli {
namespace {

using RandomBits = std::mt19937_64;

template <typename T>
void FillReals(RandomBits& random, Tensor* t) {
  std::uniform_real_distribution<float> uniform(0, 1);
  for (T& x : t->mutable_values<T>()) x = static_cast<T>(uniform(random));
}

template <typename T>
void FillInts(RandomBits& random, int64_t bound, Tensor* t) {
  std::uniform_int_distribution<int64_t> uniform(0, bound - 1);
  for (T& x : t->mutable_values<T>()) x = static_cast<T>(uniform(random));
}

void FillWords(RandomBits& random, Tensor* t) {
  std::uniform_int_distribution<int> letter('a', 'z');
  for (std::string& s : t->mutable_strings()) {
    s.resize(6);
    for (char& c : s) c = static_cast<char>(letter(random));
  }
}

Status Fill(RandomBits& random, Tensor* t) {
  constexpr int64_t kIndexBound = 8;
  switch (t->dtype()) {
    case DType::kFloat32:
      FillReals<float>(random, t);
      break;
    case DType::kFloat64:
      FillReals<double>(random, t);
      break;
    case DType::kFloat16:
      FillReals<Half>(random, t);
      break;
    case DType::kBFloat16:
      FillReals<BFloat16>(random, t);
      break;
    case DType::kBool:
      FillInts<uint8_t>(random, 2, t);
      break;
    case DType::kUInt8:
    case DType::kQUInt8:
      FillInts<uint8_t>(random, 256, t);
      break;
    case DType::kInt8:
    case DType::kQInt8:
      FillInts<int8_t>(random, 128, t);
      break;
    case DType::kInt16:
    case DType::kUInt16:
      FillInts<int16_t>(random, kIndexBound, t);
      break;
    case DType::kInt32:
    case DType::kUInt32:
    case DType::kQInt32:
      FillInts<int32_t>(random, kIndexBound, t);
      break;
    case DType::kInt64:
    case DType::kUInt64:
      FillInts<int64_t>(random, kIndexBound, t);
      break;
    case DType::kString:
      FillWords(random, t);
      break;
    default:
      return MakeError(ErrorCode::kDType, "cannot draw inputs of type ", Name(t->dtype()), "; give --inputs");
  }
  return absl::OkStatus();
}

// What images and sequences most often measure, for axes that a model leaves open.
constexpr int64_t kImageSize = 224;
constexpr int64_t kSequenceLength = 128;

using Shapes = absl::flat_hash_map<std::string, Shape>;

StatusOr<Shapes> ParseShapes(const std::vector<std::string>& texts) {
  Shapes shapes;
  for (const std::string& text : texts) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
    std::vector<int64_t> dims;
    for (absl::string_view dim : absl::StrSplit(parts.second, ',', absl::SkipWhitespace())) {
      if (!absl::SimpleAtoi(dim, &dims.emplace_back())) dims.back() = -1;
    }
    const StatusOr<Shape> shape = Shape::Make(dims);
    if (!shape.ok() || parts.first.empty()) {
      return MakeError(ErrorCode::kOption, "--shape: expected NAME=SIZE,SIZE..., found \"", Printable(text), "\"");
    }
    shapes[parts.first] = *shape;
  }
  return shapes;
}

StatusOr<Shape> ChooseShape(const TensorInfo& info, int64_t batch, const Shapes& given) {
  if (const auto it = given.find(info.name); it != given.end()) {
    if (info.shape.Accepts(it->second)) return it->second;
    return MakeError(ErrorCode::kShape, "input \"", info.name, "\" is ", info.shape.ToString(), ", --shape says ",
                     it->second.ToString());
  }
  PartialShape shape = info.shape;
  if (shape.has_rank()) {
    const int64_t open_size = shape.rank() >= 4 ? kImageSize : kSequenceLength;
    for (int i = 0; i < shape.rank(); ++i) {
      if (shape.dim(i) == kUnknownDim) shape.set_dim(i, i == 0 ? batch : open_size);
    }
    return Shape::Make(shape.dims());
  }
  return MakeError(ErrorCode::kShape, "input \"", info.name, "\" has the open shape ", info.shape.ToString(),
                   "; say --shape ", info.name, "=SIZE,SIZE... or give --inputs");
}

}  // namespace

StatusOr<std::vector<InputShape>> ConcreteShapes(const std::vector<TensorInfo>& infos, const RandomOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(const Shapes given, ParseShapes(options.shapes));
  for (const auto& [name, shape] : given) {
    const auto has_name = [&](const TensorInfo& info) { return info.name == name; };
    if (std::none_of(infos.begin(), infos.end(), has_name)) {
      return MakeError(ErrorCode::kOption, "--shape: the model has no input \"", Printable(name), "\"");
    }
  }
  std::vector<InputShape> shapes;
  for (const TensorInfo& info : infos) {
    MOULIN_ASSIGN_OR_RETURN(const Shape shape, ChooseShape(info, options.batch, given));
    shapes.push_back({info.name, shape});
  }
  return shapes;
}

StatusOr<NamedTensors> RandomInputs(const std::vector<TensorInfo>& infos, const RandomOptions& options) {
  MOULIN_ASSIGN_OR_RETURN(const std::vector<InputShape> shapes, ConcreteShapes(infos, options));
  RandomBits random(options.seed);
  NamedTensors inputs;
  for (size_t i = 0; i < infos.size(); ++i) {
    MOULIN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(infos[i].dtype, shapes[i].shape));
    MOULIN_RETURN_IF_ERROR(Fill(random, &tensor));
    inputs.emplace_back(infos[i].name, std::move(tensor));
  }
  return inputs;
}

}  // namespace moulin::cli
