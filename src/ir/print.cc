// Graphs and attributes as text. One overload of Print a struct of ir/attrs.h.
#include <string>
#include <type_traits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "ir/graph.h"

namespace moulin {
namespace {

// Collects "key=value" pairs; defaults that say nothing are left out by the callers.
class Fields {
 public:
  template <typename T>
  Fields& Add(const char* key, const T& value) {
    absl::StrAppend(&text_, text_.empty() ? "" : " ", key, "=", Text(value));
    return *this;
  }
  template <typename T>
  Fields& AddIf(bool condition, const char* key, const T& value) {
    return condition ? Add(key, value) : *this;
  }
  Fields& Flag(const char* key, bool set) {
    if (set) absl::StrAppend(&text_, text_.empty() ? "" : " ", key);
    return *this;
  }
  std::string Take() { return std::move(text_); }

 private:
  static std::string Text(const std::string& s) { return s; }
  static std::string Text(const char* s) { return s; }
  static std::string Text(DType type) { return std::string(ShortName(type)); }
  static std::string Text(const Expr& e) { return absl::StrCat("[", e.ToString(), "]"); }
  static std::string Text(const SpatialDims& dims) { return absl::StrCat("[", absl::StrJoin(dims, ","), "]"); }
  static std::string Text(const std::vector<int64_t>& v) { return absl::StrCat("[", absl::StrJoin(v, ","), "]"); }
  template <typename T>
  static std::enable_if_t<std::is_arithmetic_v<T>, std::string> Text(T value) {
    return absl::StrCat(value);
  }

  std::string text_;
};

template <size_t N>
const char* Pick(const char* const (&names)[N], int i) {
  return i >= 0 && static_cast<size_t>(i) < N ? names[i] : "?";
}

const char* PaddingName(Padding padding) {
  static constexpr const char* kNames[] = {"valid", "same", "explicit"};
  return Pick(kNames, static_cast<int>(padding));
}

template <typename A>
Fields& AddPadding(Fields& f, const A& a) {
  f.Add("padding", PaddingName(a.padding));
  const bool is_explicit = a.padding == Padding::kExplicit;
  return f.AddIf(is_explicit, "before", a.pad_before).AddIf(is_explicit, "after", a.pad_after);
}

bool AnyAboveOne(const SpatialDims& dims) {
  for (int64_t d : dims) {
    if (d != 1) return true;
  }
  return false;
}

std::string Print(const NoAttrs&) { return ""; }
std::string Print(const MapAttrs& a) { return a.expr.ToString(); }
std::string Print(const ReduceAttrs& a) {
  static constexpr const char* kNames[] = {"sum", "mean", "prod", "max", "min", "any", "all"};
  return Fields()
      .Add("op", Pick(kNames, static_cast<int>(a.op)))
      .Flag("keep_dims", a.keep_dims)
      .AddIf(!a.prologue.empty(), "prologue", a.prologue)
      .Take();
}
std::string Print(const ArgReduceAttrs& a) {
  return Fields().Add("op", a.is_max ? "max" : "min").Add("index", a.index_type).Take();
}
std::string Print(const ScanAttrs& a) {
  static constexpr const char* kNames[] = {"sum", "prod", "logsumexp"};
  return Fields()
      .Add("op", Pick(kNames, static_cast<int>(a.op)))
      .Flag("exclusive", a.exclusive)
      .Flag("reverse", a.reverse)
      .Take();
}
std::string Print(const TopKAttrs& a) { return Fields().Flag("sorted", a.sorted).Add("index", a.index_type).Take(); }
std::string Print(const SegmentReduceAttrs& a) {
  static constexpr const char* kNames[] = {"sum", "mean", "prod", "max", "min"};
  return Fields().Add("op", Pick(kNames, static_cast<int>(a.op))).Flag("sorted", a.sorted).Take();
}
std::string Print(const ContractAttrs& a) {
  return Fields()
      .Flag("transpose_a", a.transpose_a)
      .Flag("transpose_b", a.transpose_b)
      .Flag("conjugate_a", a.conjugate_a)
      .Flag("conjugate_b", a.conjugate_b)
      .AddIf(a.product_type != DType::kInvalid, "product", a.product_type)
      .AddIf(!a.epilogue.empty(), "epilogue", a.epilogue)
      .Take();
}
std::string Print(const MatrixDiagAttrs& a) {
  return Fields().Flag("super_left", a.superdiagonals_left).Flag("sub_left", a.subdiagonals_left).Take();
}
std::string Print(const LinearAlgebraAttrs& a) {
  return Fields().Add("op", a.op).Flag("adjoint", a.adjoint).Flag("lower", a.lower).Flag("full", a.full).Take();
}
std::string Print(const ConvAttrs& a) {
  Fields f;
  f.Add("strides", a.strides).AddIf(AnyAboveOne(a.dilations), "dilations", a.dilations);
  return AddPadding(f, a)
      .AddIf(a.groups != 1, "groups", a.groups)
      .Flag("channels_first", !a.channels_last)
      .AddIf(a.product_type != DType::kInvalid, "product", a.product_type)
      .AddIf(!a.epilogue.empty(), "epilogue", a.epilogue)
      .Take();
}
std::string Print(const PoolAttrs& a) {
  Fields f;
  f.Add("op", a.op == PoolOp::kMax ? "max" : "average").Add("window", a.window).Add("strides", a.strides);
  return AddPadding(f, a)
      .Flag("channels_first", !a.channels_last)
      .AddIf(a.index_type != DType::kInt64, "index", a.index_type)
      .Flag("include_batch_in_index", a.include_batch_in_index)
      .Take();
}
std::string Print(const PatchesAttrs& a) {
  return Fields()
      .Add("window", a.window)
      .Add("strides", a.strides)
      .Add("dilations", a.dilations)
      .Add("padding", PaddingName(a.padding))
      .Take();
}
std::string Print(const BatchNormAttrs& a) {
  return Fields().Add("epsilon", a.epsilon).Flag("channels_first", !a.channels_last).Take();
}
std::string Print(const LayerNormAttrs& a) { return Fields().Add("epsilon", a.epsilon).Take(); }
std::string Print(const SoftmaxAttrs& a) { return Fields().Flag("log", a.log).Take(); }
std::string Print(const LocalResponseNormAttrs& a) {
  return Fields().Add("radius", a.radius).Add("bias", a.bias).Add("alpha", a.alpha).Add("beta", a.beta).Take();
}
std::string Print(const AttentionAttrs& a) {
  return Fields().Add("scale", a.scale).Flag("transpose_k", a.transpose_k).Take();
}
std::string Print(const ResizeAttrs& a) {
  static constexpr const char* kNames[] = {"nearest", "bilinear", "bicubic", "area"};
  return Fields()
      .Add("method", Pick(kNames, static_cast<int>(a.method)))
      .Flag("align_corners", a.align_corners)
      .Flag("half_pixel_centers", a.half_pixel_centers)
      .Add("to", a.output_type)
      .Take();
}
std::string Print(const CropAndResizeAttrs& a) {
  return Fields().Flag("nearest", a.nearest).Add("outside", a.extrapolation_value).Take();
}
std::string Print(const NonMaxSuppressionAttrs& a) {
  return Fields().Add("version", a.version).Flag("pad", a.pad_to_max_output_size).Take();
}
std::string Print(const SqueezeAttrs& a) { return Fields().AddIf(!a.axes.empty(), "axes", a.axes).Take(); }
std::string Print(const BitcastAttrs& a) { return Fields().Add("to", a.type).Take(); }
std::string Print(const StridedSliceAttrs& a) {
  return Fields()
      .AddIf(a.begin_mask != 0, "begin", a.begin_mask)
      .AddIf(a.end_mask != 0, "end", a.end_mask)
      .AddIf(a.ellipsis_mask != 0, "ellipsis", a.ellipsis_mask)
      .AddIf(a.new_axis_mask != 0, "new_axis", a.new_axis_mask)
      .AddIf(a.shrink_axis_mask != 0, "shrink", a.shrink_axis_mask)
      .Take();
}
std::string Print(const PadAttrs& a) {
  static constexpr const char* kNames[] = {"constant", "reflect", "symmetric"};
  return Fields().Add("mode", Pick(kNames, static_cast<int>(a.mode))).Take();
}
std::string Print(const ReverseSequenceAttrs& a) {
  return Fields().Add("sequence_axis", a.sequence_axis).Add("batch_axis", a.batch_axis).Take();
}
std::string Print(const BlockAttrs& a) {
  return Fields().Add("block", a.block).Flag("channels_first", !a.channels_last).Take();
}
std::string Print(const GatherAttrs& a) { return Fields().AddIf(a.batch_dims != 0, "batch_dims", a.batch_dims).Take(); }
std::string Print(const ScatterAttrs& a) {
  static constexpr const char* kNames[] = {"add", "sub", "update", "min", "max"};
  return Fields().Add("op", Pick(kNames, static_cast<int>(a.op))).Take();
}
std::string Print(const OneHotAttrs& a) { return Fields().Add("axis", a.axis).Take(); }
std::string Print(const ShapeOfAttrs& a) { return Fields().Add("to", a.type).Take(); }
std::string Print(const UniqueAttrs& a) { return Fields().Add("index", a.index_type).Take(); }
std::string Print(const DeferredAttrs& a) { return Fields().Add("until", a.waits_for).Take(); }
std::string Print(const HostOpAttrs& a) {
  Fields f;
  f.Add("op", a.op);
  f.Add("to", absl::StrCat("[",
                           absl::StrJoin(a.output_types, ",",
                                         [](std::string* out, DType t) { absl::StrAppend(out, ShortName(t)); }),
                           "]"));
  for (const auto& [key, value] : a.ints) f.Add(key.c_str(), value);
  for (const auto& [key, value] : a.floats) f.Add(key.c_str(), value);
  for (const auto& [key, value] : a.strings) f.Add(key.c_str(), absl::StrCat("\"", absl::CEscape(value), "\""));
  return f.Take();
}

// The graph's text, indented, on lines of its own.
std::string Nested(const std::shared_ptr<const Graph>& graph) {
  if (graph == nullptr) return "(none)";
  std::string text = "\n";
  for (const absl::string_view line : absl::StrSplit(GraphToString(*graph), '\n', absl::SkipEmpty())) {
    absl::StrAppend(&text, "    ", line, "\n");
  }
  return text;
}
std::string Print(const CaseAttrs& a) {
  std::string text;
  for (size_t i = 0; i < a.branches.size(); ++i) absl::StrAppend(&text, "  branch ", i, ":", Nested(a.branches[i]));
  return absl::StrCat("\n", text);
}
std::string Print(const WhileAttrs& a) {
  return absl::StrCat("\n  condition:", Nested(a.condition), "  body:", Nested(a.body));
}

std::string ValueRef(const Graph& graph, ValueId id) {
  const Value& v = graph.value(id);
  if (v.is_constant() && v.constant.num_elements() <= 4) return v.constant.ToString();
  return absl::StrCat("%", id);
}

}  // namespace

std::string AttrsToString(const Attrs& attrs) {
  return std::visit([](const auto& a) { return Print(a); }, attrs);
}

std::string GraphToString(const Graph& graph) {
  std::string out;
  for (ValueId id : graph.inputs()) {
    const Value& v = graph.value(id);
    absl::StrAppend(&out, "%", id, " = input \"", v.name(), "\" : ", v.type.ToString(), "\n");
  }
  for (ValueId id = 0; id < graph.num_values(); ++id) {
    const Value& v = graph.value(id);
    if (!v.is_constant() || v.constant.num_elements() <= 4) continue;
    absl::StrAppend(&out, "%", id, " = constant ", v.type.ToString(), v.names.empty() ? "" : "  # ",
                    v.names.empty() ? "" : v.names.front(), "\n");
  }
  for (const Node& node : graph.nodes()) {
    const auto ref = [&](std::string* s, ValueId id) { absl::StrAppend(s, ValueRef(graph, id)); };
    const auto def = [&](std::string* s, ValueId id) { absl::StrAppend(s, "%", id); };
    const auto type = [&](std::string* s, ValueId id) { absl::StrAppend(s, graph.value(id).type.ToString()); };
    const std::string attrs = AttrsToString(node.attrs);
    absl::StrAppend(&out, absl::StrJoin(node.outputs, ", ", def), " = ", Name(node.kind), "(",
                    absl::StrJoin(node.inputs, ", ", ref), ")", attrs.empty() ? "" : absl::StrCat(" {", attrs, "}"),
                    " : ", absl::StrJoin(node.outputs, ", ", type), node.name.empty() ? "" : "  # ", node.name, "\n");
  }
  for (const GraphOutput& output : graph.outputs()) {
    absl::StrAppend(&out, "output \"", output.name, "\" = ", ValueRef(graph, output.value), "\n");
  }
  return out;
}

}  // namespace moulin
