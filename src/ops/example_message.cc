#include "ops/example_message.h"

#include <algorithm>
#include <bit>

#include "ops/wire.h"

namespace moulin {
namespace {

bool ParseList(const WireField& field, Feature* feature) {
  if (field.type != WireType::kBytes || field.number > 3) return field.number > 3;
  *feature = Feature();
  feature->type = field.number == 1 ? DType::kString : field.number == 2 ? DType::kFloat32 : DType::kInt64;
  WireReader list(field.payload);
  WireField value;
  while (list.Next(&value)) {
    if (value.number != 1) continue;
    bool ok = true;
    if (feature->type == DType::kString) {
      ok = value.type == WireType::kBytes;
      if (ok) feature->strings.push_back(value.payload);
    } else if (feature->type == DType::kFloat32) {
      ok = ForEachFixed<uint32_t>(value, [&](uint32_t bits) { feature->floats.push_back(std::bit_cast<float>(bits)); });
    } else {
      ok = AppendVarints(value, &feature->ints);
    }
    if (!ok) return false;
  }
  return list.fault() == nullptr;
}

bool ParseEntry(absl::string_view bytes, NamedBytes* entries) {
  absl::string_view key, value;
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(&field)) {
    if (field.type != WireType::kBytes) return false;
    if (field.number == 1) key = field.payload;
    if (field.number == 2) value = field.payload;
  }
  (*entries)[key] = value;
  return reader.fault() == nullptr;
}

bool ParseMap(absl::string_view bytes, NamedBytes* entries) {
  WireReader map(bytes);
  WireField entry;
  while (map.Next(&entry)) {
    if (entry.number != 1) continue;
    if (entry.type != WireType::kBytes || !ParseEntry(entry.payload, entries)) return false;
  }
  return map.fault() == nullptr;
}

}  // namespace

bool ReadFeature(absl::string_view bytes, Feature* feature) {
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(&field)) {
    if (!ParseList(field, feature)) return false;
  }
  return reader.fault() == nullptr;
}

bool ReadFeatureList(absl::string_view bytes, std::vector<Feature>* steps) {
  WireReader list(bytes);
  WireField step;
  while (list.Next(&step)) {
    if (step.number != 1) continue;
    steps->emplace_back();
    if (step.type != WireType::kBytes || !ReadFeature(step.payload, &steps->back())) return false;
  }
  return list.fault() == nullptr;
}

bool ReadSequenceExample(absl::string_view bytes, NamedBytes* context, NamedBytes* lists) {
  WireReader message(bytes);
  WireField part;
  while (message.Next(&part)) {
    if (part.number != 1 && part.number != 2) continue;
    if (part.type != WireType::kBytes || !ParseMap(part.payload, part.number == 1 ? context : lists)) return false;
  }
  return message.fault() == nullptr;
}

bool ReadExample(absl::string_view bytes, NamedBytes* features) {
  WireReader message(bytes);
  WireField part;
  while (message.Next(&part)) {
    if (part.number != 1) continue;
    if (part.type != WireType::kBytes || !ParseMap(part.payload, features)) return false;
  }
  return message.fault() == nullptr;
}

bool IsFeatureType(DType type) { return type == DType::kFloat32 || type == DType::kInt64 || type == DType::kString; }

void WriteFeature(const Feature& feature, Tensor& out, int64_t at) {
  if (feature.type == DType::kString) {
    for (const absl::string_view s : feature.strings) out.mutable_strings()[at++] = std::string(s);
  } else if (feature.type == DType::kFloat32) {
    std::copy(feature.floats.begin(), feature.floats.end(), out.mutable_values<float>().begin() + at);
  } else if (feature.type == DType::kInt64) {
    std::copy(feature.ints.begin(), feature.ints.end(), out.mutable_values<int64_t>().begin() + at);
  }
}

}  // namespace moulin
