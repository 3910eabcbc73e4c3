// The tables of lowerings hold together.
#include "import/kept.h"
#include "import/lowering.h"
#include "import/op_signature.h"
#include "tests/import/import_testing.h"

namespace moulin {
namespace {

TEST(RegistryTest, RowsAreUniqueAndFound) {
  const std::vector<const OpLowering*> rows = AllLowerings();
  ASSERT_GT(rows.size(), 300);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(FindLowering(rows[i]->op), rows[i]);
    if (i > 0) {
      EXPECT_LT(absl::string_view(rows[i - 1]->op), absl::string_view(rows[i]->op));
    }
  }
  EXPECT_EQ(FindLowering("NeverHeardOf"), nullptr);
  EXPECT_EQ(FindLowering(""), nullptr);
}

// Run make_op_signatures.py where this fails.
TEST(RegistryTest, EveryOpHasASignatureThatFitsItsRow) {
  for (const OpLowering* row : AllLowerings()) {
    const OpSignature* signature = FindSignature(row->op);
    ASSERT_NE(signature, nullptr) << row->op;
    int fixed = 0;
    bool has_list = false;
    for (const ArgSpec& arg : signature->inputs) {
      const bool is_list = !arg.number_attr.empty() || !arg.type_list_attr.empty();
      has_list = has_list || is_list;
      fixed += is_list ? 0 : 1;
    }
    // A lookup table is given the keys and values that fill it; its readers get both in its place (import/lookup.cc).
    fixed += IsLookupTable(row->op) ? 2 : ReadsLookupTable(row->op) ? 1 : 0;
    EXPECT_LE(row->min_inputs, has_list ? kAnyNumber : fixed) << row->op;
    EXPECT_GE(row->max_inputs, fixed) << row->op;
    if (!has_list) {
      EXPECT_EQ(row->max_inputs, fixed) << row->op;
    }
  }
}

TEST(RegistryTest, AnOpThatTheHostHasAKernelForNeedsNoRow) {
  const OpLowering* row = FindLowering("StringUpper");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->lower, LowerKept);
  EXPECT_NE(FindLowering("LookupTableFindV2")->lower, LowerKept);  // which a family lowers
}

TEST(OpSignatureTest, OpsWithoutALoweringHaveOneToo) {
  const OpSignature* signature = FindSignature("IteratorGetNext");
  ASSERT_NE(signature, nullptr);
  EXPECT_EQ(signature->outputs.size(), 1);
  EXPECT_EQ(FindSignature("IteratorGetNext"), signature);
  EXPECT_EQ(FindSignature("A"), nullptr);
  EXPECT_EQ(FindSignature(""), nullptr);
  EXPECT_EQ(FindSignature("zzz"), nullptr);
}

TEST(OpSignatureTest, ExpandsListsAndDefaults) {
  const OpSignature* signature = FindSignature("ConcatV2");
  ASSERT_NE(signature, nullptr);
  tf::NodeDef node;
  (*node.mutable_attr())["N"].set_i(2);
  (*node.mutable_attr())["T"].set_type(tf::DT_DOUBLE);
  const auto inputs = ExpandArgs(signature->inputs, signature->attrs, node.attr(), Limits());
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  ASSERT_EQ(inputs->size(), 3);
  EXPECT_EQ((*inputs)[1].index, 1);
  EXPECT_EQ((*inputs)[1].type, DType::kFloat64);
  EXPECT_EQ((*inputs)[2].type, DType::kInt32);  // the default of Tidx
  (*node.mutable_attr())["N"].set_i(-1);
  EXPECT_THAT(ExpandArgs(signature->inputs, signature->attrs, node.attr(), Limits()), FailsWith("E_ATTR", "\"N\""));
  (*node.mutable_attr())["N"].set_i(int64_t{1} << 40);
  EXPECT_THAT(ExpandArgs(signature->inputs, signature->attrs, node.attr(), Limits()), FailsWith("E_LIMIT", "\"N\""));
}

}  // namespace
}  // namespace moulin
