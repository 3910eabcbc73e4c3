// A checkpoint's index, and every tensor it speaks of read from a data file; or a checkpoint of the V1 format. The
// first byte chooses: the rest is the whole file, or the content of its one block, so that checksums do not keep
// everything out.
#include "formats/checkpoint.h"
#include "formats/sorted_table.h"
#include "fuzz.h"
#include "tests/formats/table_builder.h"

namespace moulin::fuzz {
namespace {

constexpr char kData[] = "tests/formats/data/";

std::string IndexOf(absl::string_view input) {
  const std::string rest(input.substr(input.empty() ? 0 : 1));
  if (input.empty() || input[0] % 4 == 0) return rest;
  TableBuilder builder;
  builder.AddData(rest, static_cast<char>(input[0] % 4 == 2));  // as it is, or as Snappy's
  return builder.Finish();
}

bool IsV1(absl::string_view input) { return !input.empty() && (input[0] & 4) != 0; }

// The entries of a table as the content of one block.
std::string OneBlock(const std::string& index) {
  TableBuilder::Entries entries;
  Require(ReadSortedTable(index, Limits(),
                          [&](absl::string_view key, absl::string_view value) {
                            entries.emplace_back(key, value);
                            return absl::OkStatus();
                          })
              .ok(),
          "the seed is a table");
  return TableBuilder::Block(entries);
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const char* name : {"types.index", "sliced.index", "sharded.index", "manager/ckpt-3.index", "v1", "v1_types"}) {
    const std::string index = ReadWhole(std::string(kData) + name);
    const char format = absl::EndsWith(name, ".index") ? 0 : 4;
    seeds.push_back(format + index);
    seeds.push_back(static_cast<char>(format + 1) + OneBlock(index));
    seeds.push_back(static_cast<char>(format + 2) + TableBuilder::Snappy(OneBlock(index)));
  }
  return seeds;
}

}  // namespace moulin::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace moulin;
  static const fuzz::ScratchFolder folder;
  static const bool has_data = [] {
    const std::string types = fuzz::ReadWhole(std::string(fuzz::kData) + "types.data-00000-of-00001");
    folder.Write("c.data-00000-of-00001", types);
    return true;
  }();
  (void)has_data;
  const absl::string_view input = fuzz::AsText(data, size);
  const char* prefix = fuzz::IsV1(input) ? "v1" : "c";
  folder.Write(fuzz::IsV1(input) ? "v1" : "c.index", fuzz::IndexOf(input));
  auto checkpoint = Checkpoint::Open(folder.Path(prefix));
  fuzz::RequireAnswer(checkpoint.status());
  if (!checkpoint.ok()) return 0;
  for (const CheckpointTensor& tensor : checkpoint->tensors()) {
    fuzz::RequireAnswer(checkpoint->Read(tensor.key).status());
    checkpoint->FindKey(tensor.variable);
  }
  return 0;
}
