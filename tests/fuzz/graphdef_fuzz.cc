// Binary GraphDefs: what is accepted can be written, and reads as the same.
#include "formats/graphdef.h"
#include "formats/proto_io.h"
#include "seed_graph.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace moulin;
  const auto graph = ParseGraphDef(fuzz::AsText(data, size));
  fuzz::RequireAnswer(graph.status());
  if (!graph.ok()) return 0;
  const auto bytes = SerializeProto(*graph, ProtoForm::kBinary);
  fuzz::Require(bytes.ok(), "what is read can be written", bytes.status());
  if (DetectProtoForm(*bytes) == ProtoForm::kText) return 0;  // of unknown fields alone, see there
  const auto again = ParseGraphDef(*bytes);
  fuzz::Require(again.ok(), "what is written can be read", again.status());
  fuzz::Require(*SerializeProto(*again, ProtoForm::kBinary) == *bytes, "and is the same");
  return 0;
}

std::vector<std::string> moulin::fuzz::Seeds() {
  std::vector<std::string> seeds;
  for (const char* text : {kSeedGraph, kSeedControl}) {
    seeds.push_back(*SerializeProto(GraphOfText(text), ProtoForm::kBinary));
  }
  return seeds;
}
