// A graph with something of everything that a reader looks at: constants in both forms, lists, shapes, a function, a
// call, a choice.
#ifndef MOULIN_TESTS_FUZZ_SEED_GRAPH_H_
#define MOULIN_TESTS_FUZZ_SEED_GRAPH_H_

#include <string>

#include "fuzz.h"
#include "google/protobuf/text_format.h"
#include "proto/graph.pb.h"

namespace moulin::fuzz {

inline constexpr char kSeedGraph[] = R"(
  node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
         attr { key: "shape" value { shape { dim { size: -1 } dim { size: 2 } } } } }
  node { name: "w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
         attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } dim { size: 2 } }
                tensor_content: "\000\000\200?\000\000\000@\000\000@@\000\000\200@" } } } }
  node { name: "axis" op: "Const" attr { key: "dtype" value { type: DT_INT32 } }
         attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 1 } } int_val: 1 } } } }
  node { name: "words" op: "Const" attr { key: "dtype" value { type: DT_STRING } }
         attr { key: "value" value { tensor { dtype: DT_STRING tensor_shape { dim { size: 2 } }
                string_val: "a" string_val: "bc" } } } }
  node { name: "mul" op: "MatMul" input: "x" input: "w:0" attr { key: "T" value { type: DT_FLOAT } }
         attr { key: "transpose_b" value { b: true } } }
  node { name: "sum" op: "Sum" input: "mul" input: "axis" input: "^w" attr { key: "T" value { type: DT_FLOAT } }
         attr { key: "Tidx" value { type: DT_INT32 } } attr { key: "keep_dims" value { b: true } } }
  node { name: "call" op: "PartitionedCall" input: "sum" attr { key: "f" value { func { name: "f" } } }
         attr { key: "Tin" value { list { type: [DT_FLOAT] } } }
         attr { key: "Tout" value { list { type: [DT_FLOAT] } } } }
  node { name: "pool" op: "LeakyRelu" input: "call:0" device: "/cpu:0" attr { key: "T" value { type: DT_FLOAT } }
         attr { key: "alpha" value { f: 0.5 } }
         attr { key: "_output_shapes" value { list { shape { dim { size: -1 } dim { size: 1 } } } } } }
  node { name: "top" op: "TopKV2" input: "pool" input: "k" attr { key: "T" value { type: DT_FLOAT } }
         attr { key: "sorted" value { b: true } } }
  node { name: "k" op: "Const" attr { key: "dtype" value { type: DT_INT32 } }
         attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 1 } } } }
  library { function {
    signature { name: "f" input_arg { name: "a" type: DT_FLOAT } output_arg { name: "r" type: DT_FLOAT } }
    node_def { name: "n" op: "Neg" input: "a" attr { key: "T" value { type: DT_FLOAT } } }
    ret { key: "r" value: "n:y:0" } } }
  versions { producer: 1882 }
)";

// The two forms of TensorFlow's choice and loop: functions, and the ops of TensorFlow 1.
inline constexpr char kSeedControl[] = R"(
  node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
         attr { key: "shape" value { shape { } } } }
  node { name: "p" op: "Placeholder" attr { key: "dtype" value { type: DT_BOOL } }
         attr { key: "shape" value { shape { } } } }
  node { name: "s" op: "Switch" input: "x" input: "p" attr { key: "T" value { type: DT_FLOAT } } }
  node { name: "t" op: "Neg" input: "s:1" attr { key: "T" value { type: DT_FLOAT } } }
  node { name: "f" op: "Exp" input: "s" attr { key: "T" value { type: DT_FLOAT } } }
  node { name: "m" op: "Merge" input: "f" input: "t" attr { key: "T" value { type: DT_FLOAT } }
         attr { key: "N" value { i: 2 } } }
  node { name: "enter" op: "Enter" input: "m" attr { key: "T" value { type: DT_FLOAT } }
         attr { key: "frame_name" value { s: "loop" } } attr { key: "parallel_iterations" value { i: 10 } } }
  node { name: "merge" op: "Merge" input: "enter" input: "next" attr { key: "T" value { type: DT_FLOAT } }
         attr { key: "N" value { i: 2 } } }
  node { name: "limit" op: "Const" input: "^merge" attr { key: "dtype" value { type: DT_FLOAT } }
         attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { } float_val: 9 } } } }
  node { name: "less" op: "Less" input: "merge" input: "limit" attr { key: "T" value { type: DT_FLOAT } } }
  node { name: "cond" op: "LoopCond" input: "less" }
  node { name: "switch" op: "Switch" input: "merge" input: "cond" attr { key: "T" value { type: DT_FLOAT } } }
  node { name: "exit" op: "Exit" input: "switch" attr { key: "T" value { type: DT_FLOAT } } }
  node { name: "body" op: "Add" input: "switch:1" input: "switch:1" attr { key: "T" value { type: DT_FLOAT } } }
  node { name: "next" op: "NextIteration" input: "body" attr { key: "T" value { type: DT_FLOAT } } }
  node { name: "while" op: "While" input: "exit" attr { key: "cond" value { func { name: "c" } } }
         attr { key: "body" value { func { name: "b" } } } attr { key: "T" value { list { type: [DT_FLOAT] } } } }
  library {
    function {
      signature { name: "c" input_arg { name: "a" type: DT_FLOAT } output_arg { name: "r" type: DT_BOOL } }
      node_def { name: "n" op: "Less" input: "a" input: "a" attr { key: "T" value { type: DT_FLOAT } } }
      ret { key: "r" value: "n:z:0" } }
    function {
      signature { name: "b" input_arg { name: "a" type: DT_FLOAT } output_arg { name: "r" type: DT_FLOAT } }
      node_def { name: "n" op: "Neg" input: "a" attr { key: "T" value { type: DT_FLOAT } } }
      ret { key: "r" value: "n:y:0" } } }
)";

inline tf::GraphDef GraphOfText(const char* text) {
  tf::GraphDef graph;
  Require(google::protobuf::TextFormat::ParseFromString(text, &graph), "the seed is a graph");
  return graph;
}

}  // namespace moulin::fuzz

#endif  // MOULIN_TESTS_FUZZ_SEED_GRAPH_H_
