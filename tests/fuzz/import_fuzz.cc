// GraphDefs, read and imported: functions inlined, choices and loops found, types and constants checked.
#include "formats/graphdef.h"
#include "formats/proto_io.h"
#include "import/import.h"
#include "seed_graph.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace moulin;
  auto graph = ParseGraphDef(fuzz::AsText(data, size));
  if (!graph.ok()) return 0;
  // Small bounds: what is looked for are crashes and loops without an end, not the time that large constants take.
  ImportOptions options;
  options.limits.constant_bytes = 1 << 20;
  options.limits.nodes = 10'000;
  fuzz::RequireAnswer(SummarizeGraph(*graph, options.limits).status());
  fuzz::RequireAnswer(ImportGraph(*std::move(graph), options).status());
  return 0;
}

std::vector<std::string> moulin::fuzz::Seeds() {
  std::vector<std::string> seeds = {kSeedGraph, kSeedControl};  // as text too: what changes in it often stays a graph
  for (const char* text : {kSeedGraph, kSeedControl}) {
    seeds.push_back(*SerializeProto(GraphOfText(text), ProtoForm::kBinary));
  }
  return seeds;
}
