#include "import/attr_kind.h"

namespace moulin {

const char* KindName(tf::AttrValue::ValueCase kind) {
  switch (kind) {
    case tf::AttrValue::kS:
      return "a string";
    case tf::AttrValue::kI:
      return "an integer";
    case tf::AttrValue::kF:
      return "a float";
    case tf::AttrValue::kB:
      return "a bool";
    case tf::AttrValue::kType:
      return "a type";
    case tf::AttrValue::kShape:
      return "a shape";
    case tf::AttrValue::kTensor:
      return "a tensor";
    case tf::AttrValue::kList:
      return "a list";
    case tf::AttrValue::kFunc:
      return "a function";
    case tf::AttrValue::kPlaceholder:
      return "a placeholder";
    default:
      return "nothing";
  }
}

}  // namespace moulin
