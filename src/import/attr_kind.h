// What kind of value an attribute holds, for messages.
#ifndef MOULIN_IMPORT_ATTR_KIND_H_
#define MOULIN_IMPORT_ATTR_KIND_H_

#include "proto/graph.pb.h"

namespace moulin {

// "an integer", "a list", "nothing"...
const char* KindName(tf::AttrValue::ValueCase kind);

}  // namespace moulin

#endif  // MOULIN_IMPORT_ATTR_KIND_H_
