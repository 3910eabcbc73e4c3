#include "import/lowering.h"

#include "formats/tensor_proto.h"
#include "import/attr_kind.h"

namespace moulin {
namespace {

// A list attribute with no elements may be written as an empty list of any kind, so only a list of another kind that
// has elements is wrong.
bool IsListOf(const tf::AttrValue& attr, int elements) {
  if (attr.value_case() != tf::AttrValue::kList) return false;
  const auto& list = attr.list();
  const int all = list.s_size() + list.i_size() + list.f_size() + list.b_size() + list.type_size() + list.shape_size() +
                  list.tensor_size() + list.func_size();
  return all == elements;
}

}  // namespace

const tf::AttrValue* LoweringContext::Find(absl::string_view attr) const {
  const auto it = node_.attr().find(std::string(attr));
  return it == node_.attr().end() ? nullptr : &it->second;
}

bool LoweringContext::Has(absl::string_view attr) const { return Find(attr) != nullptr; }

void LoweringContext::BadAttr(absl::string_view attr, absl::string_view expected_vs_found) {
  b.Fail(MakeError(ErrorCode::kAttribute, "attribute \"", attr, "\": ", expected_vs_found));
}

void LoweringContext::Unsupported(absl::string_view reason) { b.Fail(MakeError(ErrorCode::kUnsupported, reason)); }

void LoweringContext::NotYet(absl::string_view waits_for) {
  if (!b.ok()) return;
  waits_for_ = std::string(waits_for);
  Unsupported(waits_for);
}

// The scalar getters differ in the kind of the attribute alone.
#define MOULIN_GET_ATTR(kind_case, what)                                                     \
  const tf::AttrValue* value = Find(attr);                                                   \
  if (value == nullptr) return default_value;                                                \
  if (value->value_case() != tf::AttrValue::kind_case) {                                     \
    BadAttr(attr, absl::StrCat("expected ", what, ", got ", KindName(value->value_case()))); \
    return default_value;                                                                    \
  }

int64_t LoweringContext::Int(absl::string_view attr, int64_t default_value) {
  MOULIN_GET_ATTR(kI, "an integer");
  return value->i();
}

float LoweringContext::Float(absl::string_view attr, float default_value) {
  MOULIN_GET_ATTR(kF, "a float");
  return value->f();
}

bool LoweringContext::Bool(absl::string_view attr, bool default_value) {
  MOULIN_GET_ATTR(kB, "a bool");
  return value->b();
}

DType LoweringContext::Type(absl::string_view attr, DType default_value) {
  MOULIN_GET_ATTR(kType, "a type");
  StatusOr<DType> type = DTypeFromProto(value->type());
  if (type.ok()) return *type;
  b.Fail(type.status());
  return default_value;
}

#undef MOULIN_GET_ATTR

std::string LoweringContext::String(absl::string_view attr, absl::string_view default_value) {
  const tf::AttrValue* value = Find(attr);
  if (value == nullptr) return std::string(default_value);
  if (value->value_case() == tf::AttrValue::kS) return value->s();
  BadAttr(attr, absl::StrCat("expected a string, got ", KindName(value->value_case())));
  return std::string(default_value);
}

// The list getters differ in the list's field and the element's type.
#define MOULIN_GET_LIST(field, what)                                                                 \
  const tf::AttrValue* value = Find(attr);                                                           \
  if (value == nullptr) return {};                                                                   \
  const auto& elements = value->list().field();                                                      \
  if (!IsListOf(*value, elements.size())) {                                                          \
    const bool is_list = value->value_case() == tf::AttrValue::kList;                                \
    BadAttr(attr, absl::StrCat("expected a list of ", what, ", got ",                                \
                               is_list ? "a list of another kind" : KindName(value->value_case()))); \
    return {};                                                                                       \
  }

std::vector<int64_t> LoweringContext::Ints(absl::string_view attr) {
  MOULIN_GET_LIST(i, "integers");
  return {elements.begin(), elements.end()};
}

std::vector<float> LoweringContext::Floats(absl::string_view attr) {
  MOULIN_GET_LIST(f, "floats");
  return {elements.begin(), elements.end()};
}

std::vector<std::string> LoweringContext::Strings(absl::string_view attr) {
  MOULIN_GET_LIST(s, "strings");
  return {elements.begin(), elements.end()};
}

std::vector<DType> LoweringContext::Types(absl::string_view attr) {
  MOULIN_GET_LIST(type, "types");
  std::vector<DType> types;
  for (const int number : elements) {
    StatusOr<DType> type = DTypeFromProto(static_cast<tf::DataType>(number));
    if (!type.ok()) {
      b.Fail(type.status());
      return {};
    }
    types.push_back(*type);
  }
  return types;
}

#undef MOULIN_GET_LIST

PartialShape LoweringContext::ShapeAttr(absl::string_view attr) {
  const tf::AttrValue* value = Find(attr);
  if (value == nullptr) return PartialShape::UnknownRank();
  if (value->value_case() != tf::AttrValue::kShape) {
    BadAttr(attr, absl::StrCat("expected a shape, got ", KindName(value->value_case())));
    return PartialShape::UnknownRank();
  }
  StatusOr<PartialShape> shape = ShapeFromProto(value->shape());
  if (shape.ok()) return *std::move(shape);
  b.Fail(shape.status());
  return PartialShape::UnknownRank();
}

std::vector<int64_t> LoweringContext::ConstantInts(int i) {
  std::vector<int64_t> values;
  if (!b.ok() || b.ConstantInts(input(i), &values)) return values;
  if (b.constant(input(i)) != nullptr) {
    Unsupported(absl::StrCat("input ", i, " must be integers"));
  } else {
    constant_inputs_ |= Input(i);
    NotYet(absl::StrCat("the elements of input ", i, " are not known"));
  }
  return values;
}

}  // namespace moulin
