#include "formats/wire.h"

#include <google/protobuf/descriptor.h>

#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "base/wire.h"
#include "formats/utf8.h"

namespace moulin {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

namespace {

// This many submessages and strings are free; beyond, each must bring some bytes along.
constexpr int64_t kFreeWireObjects = 1'000'000;
constexpr int64_t kBytesPerObject = 4;
constexpr int64_t kMaxRank = 254;

WireType WireTypeOf(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return WireType::kFixed64;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return WireType::kFixed32;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      return WireType::kBytes;
    default:
      return WireType::kVarint;
  }
}

// A bound on how often a field may come in one message.
struct Bound {
  int number;
  int64_t max;
};

class WireChecker {
 public:
  // `bytes`: of the whole message.
  WireChecker(int64_t bytes, const Limits& limits) : bytes_(bytes), limits_(limits) {}

  // Checks a part of the message that consists of whole fields.
  Status Check(absl::string_view piece, const Descriptor* root) {
    piece_ = piece;
    return CheckMessage(piece, root, Place{nullptr, nullptr, 0}, 1);
  }

 private:
  // Where the walk is: a chain of fields from the root, on the stack.
  struct Place {
    const Place* outer;
    const FieldDescriptor* field;
    int64_t index;
  };

  Status CheckMessage(absl::string_view bytes, const Descriptor* type, const Place& place, int depth);
  Status CheckField(const WireField& wire, const FieldDescriptor& field, const Place& place, int depth);
  Status CheckPacked(absl::string_view packed, const FieldDescriptor& field, const Place& place);
  Status CountObject(int64_t offset, const Place& place);
  const Bound& BoundOf(const Descriptor* type);

  int64_t OffsetOf(absl::string_view part) const { return part.data() - piece_.data(); }
  template <typename... Parts>
  Status Fault(ErrorCode code, int64_t offset, const Place& place, const Parts&... what) const {
    return MakeError(code, what..., ", at byte ", offset, " of ", bytes_, PathOf(place));
  }
  static std::string PathOf(const Place& place);

  const int64_t bytes_;
  const Limits limits_;
  absl::string_view piece_;
  int64_t objects_ = 0;
  absl::flat_hash_map<const Descriptor*, Bound> bounds_;
};

std::string WireChecker::PathOf(const Place& place) {
  std::string path;
  for (const Place* p = &place; p->field != nullptr; p = p->outer) {
    const std::string index = p->field->is_repeated() && p->index >= 0 ? absl::StrCat("[", p->index, "]") : "";
    path = absl::StrCat(p->field->name(), index, path.empty() ? "" : ".", path);
  }
  return path.empty() ? "" : absl::StrCat(" in ", path);
}

const Bound& WireChecker::BoundOf(const Descriptor* type) {
  const auto found = bounds_.find(type);
  if (found != bounds_.end()) return found->second;
  Bound bound{0, 0};
  const std::string& name = type->name();
  if (name == "GraphDef") bound = {type->FindFieldByName("node")->number(), limits_.nodes};
  if (name == "FunctionDef") bound = {type->FindFieldByName("node_def")->number(), limits_.nodes};
  if (name == "FunctionDefLibrary") bound = {type->FindFieldByName("function")->number(), limits_.functions};
  if (name == "NodeDef") bound = {type->FindFieldByName("input")->number(), limits_.inputs_per_node};
  if (name == "TensorShapeProto") bound = {type->FindFieldByName("dim")->number(), kMaxRank};
  return bounds_.emplace(type, bound).first->second;
}

Status WireChecker::CountObject(int64_t offset, const Place& place) {
  if (++objects_ <= kFreeWireObjects + bytes_ / kBytesPerObject) return absl::OkStatus();
  return Fault(ErrorCode::kLimit, offset, place, "more than ", objects_ - 1, " fields with almost nothing in them");
}

Status WireChecker::CheckMessage(absl::string_view bytes, const Descriptor* type, const Place& place, int depth) {
  const int64_t base = OffsetOf(bytes);
  if (depth > limits_.attribute_depth) {
    return Fault(ErrorCode::kLimit, base, place, "messages nested deeper than ", limits_.attribute_depth);
  }
  const Bound bound = BoundOf(type);
  int64_t count = 0;
  WireReader reader(bytes);
  WireField wire;
  while (reader.Next(&wire)) {
    const FieldDescriptor* field = type->FindFieldByNumber(wire.number);
    if (field == nullptr) continue;
    const bool bounded = wire.number == bound.number;
    const Place inner{&place, field, bounded ? count : -1};
    if (bounded && ++count > bound.max) {
      return Fault(ErrorCode::kLimit, base + wire.offset, place, "more than ", bound.max, " fields \"", field->name(),
                   "\"");
    }
    wire.offset += base;
    MOULIN_RETURN_IF_ERROR(CheckField(wire, *field, inner, depth));
  }
  if (reader.fault() != nullptr) return Fault(ErrorCode::kParse, base + reader.offset(), place, reader.fault());
  return absl::OkStatus();
}

Status WireChecker::CheckField(const WireField& wire, const FieldDescriptor& field, const Place& place, int depth) {
  if (wire.type == WireType::kBytes && field.is_packable()) return CheckPacked(wire.payload, field, place);
  if (wire.type != WireTypeOf(field)) {
    return Fault(ErrorCode::kParse, wire.offset, place, "wire type ", static_cast<int>(wire.type), " where ",
                 static_cast<int>(WireTypeOf(field)), " is declared");
  }
  if (wire.type != WireType::kBytes) return absl::OkStatus();
  MOULIN_RETURN_IF_ERROR(CountObject(wire.offset, place));
  if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
    return CheckMessage(wire.payload, field.message_type(), place, depth + 1);
  }
  if (field.type() != FieldDescriptor::TYPE_STRING) return absl::OkStatus();
  const size_t valid = ValidUtf8Prefix(wire.payload);
  if (valid == wire.payload.size()) return absl::OkStatus();
  return Fault(ErrorCode::kParse, OffsetOf(wire.payload) + static_cast<int64_t>(valid), place, "a string is not UTF-8");
}

Status WireChecker::CheckPacked(absl::string_view packed, const FieldDescriptor& field, const Place& place) {
  const WireType element = WireTypeOf(field);
  const int64_t offset = OffsetOf(packed);
  if (element != WireType::kVarint) {
    const size_t size = element == WireType::kFixed32 ? 4 : 8;
    if (packed.size() % size == 0) return absl::OkStatus();
    return Fault(ErrorCode::kParse, offset, place, packed.size(), " bytes of elements of ", size);
  }
  int run = 0;
  for (size_t i = 0; i < packed.size(); ++i) {
    run = (packed[i] & 0x80) ? run + 1 : 0;
    if (run >= 10) return Fault(ErrorCode::kParse, offset + i, place, "a number has more than 10 bytes");
  }
  if (run > 0) return Fault(ErrorCode::kParse, offset + packed.size(), place, "a number is cut short");
  return absl::OkStatus();
}

}  // namespace

class PiecewiseWireCheck::Impl {
 public:
  Impl(const Descriptor* type, int64_t bytes, const Limits& limits) : type(type), checker(bytes, limits) {}
  const Descriptor* type;
  WireChecker checker;
};

PiecewiseWireCheck::PiecewiseWireCheck(const Descriptor* type, int64_t bytes, const Limits& limits)
    : impl_(std::make_unique<Impl>(type, bytes, limits)) {}
PiecewiseWireCheck::~PiecewiseWireCheck() = default;
Status PiecewiseWireCheck::Check(absl::string_view piece) { return impl_->checker.Check(piece, impl_->type); }

Status CheckWire(absl::string_view bytes, const Descriptor* type, const Limits& limits) {
  return WireChecker(static_cast<int64_t>(bytes.size()), limits).Check(bytes, type);
}

}  // namespace moulin
