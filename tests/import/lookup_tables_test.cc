// Lookup tables, and what fills them: nodes of the graph itself, or of functions that it calls.
#include "tests/import/import_testing.h"

namespace moulin {
namespace {

using ::testing::ElementsAre;

const std::string kTypes = TypeAttr("key_dtype", "DT_INT64") + TypeAttr("value_dtype", "DT_INT64");
const std::string kFillTypes = TypeAttr("Tin", "DT_INT64") + TypeAttr("Tout", "DT_INT64");

std::string Table(const std::string& name) {
  return NodeText(name, "HashTableV2", {}, kTypes + StringAttr("shared_name", name));
}
std::string Longs(const std::string& name, const std::string& values, int64_t count) {
  return ConstText(name, "DT_INT64", {count}, "int64_val: [" + values + "]");
}
// Looks x up, -1 where it is not found.
std::string Find(const std::string& table) {
  return Placeholder("x", {2}, "DT_INT64") + ConstText("none", "DT_INT64", {}, "int64_val: -1") +
         NodeText("y", "LookupTableFindV2", {table, "x", "none"}, kFillTypes);
}
std::string CallText(const std::string& start, const std::string& name, const std::string& function,
                     const std::vector<std::string>& inputs) {
  const std::string node =
      NodeText(name, "StatefulPartitionedCall", inputs,
               "attr { key: \"f\" value { func { name: \"" + function +
                   "\" } } } attr { key: \"Tin\" value { list { type: [DT_RESOURCE, DT_INT64, DT_INT64] } } } "
                   "attr { key: \"Tout\" value { list { } } }");
  return start + node.substr(4);
}
// A function of a table, keys and values, with this body.
std::string TableFunction(const std::string& name, const std::string& body) {
  return "function { signature { name: \"" + name +
         "\" is_stateful: true input_arg { name: \"table\" type: DT_RESOURCE } "
         "input_arg { name: \"keys\" type: DT_INT64 } input_arg { name: \"values\" type: DT_INT64 } } " +
         body + " }\n";
}
std::string Fill(const std::string& start, const std::string& op, const std::vector<std::string>& inputs) {
  return start + NodeText("fill", op, inputs, kFillTypes).substr(4);
}

const std::string kFindInTable =
    Table("table") + Longs("keys", "7,8,9", 3) + Longs("values", "70,80,90", 3) + Find("table");
const std::vector<std::string> kFillInputs = {"table", "keys", "values"};

std::vector<int64_t> Lookup(const std::string& graph) {
  const auto imported = Import(graph, {"y"});
  EXPECT_TRUE(imported.ok()) << imported.status();
  if (!imported.ok()) return {};
  return ValuesOf<int64_t>(RunGraph(**imported, {Tensor::Of<int64_t>({2}, {9, 5})})[0]);
}

TEST(LookupTablesTest, FilledInTheGraph) {
  for (const char* op : {"InitializeTableV2", "LookupTableImportV2"}) {
    EXPECT_THAT(Lookup(kFindInTable + Fill("node", op, kFillInputs)), ElementsAre(90, -1)) << op;
  }
}

// TensorFlow 2 does so.
TEST(LookupTablesTest, FilledInAFunction) {
  EXPECT_THAT(Lookup(kFindInTable + CallText("node", "init", "fill_it", kFillInputs) +
                     Library(TableFunction("fill_it", Fill("node_def", "LookupTableImportV2", kFillInputs)))),
              ElementsAre(90, -1));
}

TEST(LookupTablesTest, FilledInAFunctionThatAFunctionCalls) {
  EXPECT_THAT(Lookup(kFindInTable + CallText("node", "init", "outer", kFillInputs) +
                     Library(TableFunction("outer", CallText("node_def", "call", "fill_it", kFillInputs)) +
                             TableFunction("fill_it", Fill("node_def", "LookupTableImportV2", kFillInputs)))),
              ElementsAre(90, -1));
}

TEST(LookupTablesTest, EachTableHasItsOwn) {
  EXPECT_THAT(Lookup(kFindInTable + Table("other") + Longs("others", "700,800,900", 3) +
                     CallText("node", "init_other", "fill_it", {"other", "keys", "others"}) +
                     CallText("node", "init", "fill_it", kFillInputs) +
                     Library(TableFunction("fill_it", Fill("node_def", "LookupTableImportV2", kFillInputs)))),
              ElementsAre(90, -1));
}

std::string MutableTable() {
  return NodeText("table", "MutableHashTableV2", {}, kTypes) + Longs("keys", "7,8,9", 3) +
         Longs("values", "70,80,90", 3) + Find("table");
}

TEST(LookupTablesTest, MutableTablesThatOneNodeFillsWithConstants) {
  for (const char* op : {"LookupTableInsertV2", "LookupTableImportV2"}) {
    EXPECT_THAT(Lookup(MutableTable() + Fill("node", op, kFillInputs)), ElementsAre(90, -1)) << op;
  }
}

TEST(LookupTablesTest, MutableTablesThatChangeAreRefused) {
  EXPECT_THAT(Import(MutableTable() + Fill("node", "LookupTableInsertV2", kFillInputs) +
                         NodeText("again", "LookupTableInsertV2", kFillInputs, kFillTypes),
                     {"y"}),
              FailsWith("E_UNSUPPORTED", "expected one node that fills this mutable table, found several"));
  EXPECT_THAT(Import(MutableTable() + Fill("node", "LookupTableInsertV2", kFillInputs) +
                         NodeText("less", "LookupTableRemoveV2", {"table", "keys"}, TypeAttr("Tin", "DT_INT64")),
                     {"y"}),
              FailsWith("E_UNSUPPORTED", "expected one node that fills this mutable table, found several"));
  EXPECT_THAT(Import(MutableTable() + Fill("node", "LookupTableInsertV2", {"table", "x", "x"}), {"y"}),
              FailsWith("E_UNSUPPORTED", "what fills this table is no constant"));
}

TEST(LookupTablesTest, NothingFillsIt) {
  EXPECT_THAT(Import(kFindInTable, {"y"}), FailsWith("E_UNSUPPORTED", "nothing in the graph fills this table"));
  // A function that nobody calls fills nothing.
  EXPECT_THAT(
      Import(kFindInTable + Library(TableFunction("fill_it", Fill("node_def", "LookupTableImportV2", kFillInputs))),
             {"y"}),
      FailsWith("E_UNSUPPORTED", "nothing in the graph fills this table"));
}

TEST(LookupTablesTest, FunctionsThatCallEachOtherAreRefused) {
  EXPECT_THAT(Import(kFindInTable + CallText("node", "init", "f", kFillInputs) +
                         Library(TableFunction("f", CallText("node_def", "call", "g", kFillInputs)) +
                                 TableFunction("g", CallText("node_def", "call", "f", kFillInputs) +
                                                        Fill("node_def", "LookupTableImportV2", kFillInputs))),
                     {"y"}),
              FailsWith("E_RECURSION", "f"));
}

}  // namespace
}  // namespace moulin
