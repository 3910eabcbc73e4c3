// GraphDefs as text. Whatever the input's first bytes are, it is read as text: a comment goes before it.
#include "formats/graphdef.h"
#include "formats/proto_io.h"
#include "seed_graph.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace moulin;
  const auto graph = ParseGraphDef("# text\n" + std::string(fuzz::AsText(data, size)));
  fuzz::RequireAnswer(graph.status());
  if (!graph.ok()) return 0;
  const auto bytes = SerializeProto(*graph, ProtoForm::kText);
  fuzz::Require(bytes.ok(), "what is read can be written", bytes.status());
  return 0;
}

std::vector<std::string> moulin::fuzz::Seeds() {
  return {kSeedGraph, kSeedControl, "node { name: 'a' op: \"NoOp\" } # comment\nnode < name: 'b', op: 'c'; >"};
}
