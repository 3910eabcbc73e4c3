#include "kernel_testing.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/half.h"
#include "base/status_macros.h"
#include "plan/views.h"

namespace moulin::cuda {
namespace {

// A block of device memory.
class DeviceBuffer {
 public:
  explicit DeviceBuffer(int64_t bytes) : bytes_(bytes) {
    emulator::SyncCudaApi().Malloc(&memory_, static_cast<size_t>(bytes));
  }
  ~DeviceBuffer() { emulator::SyncCudaApi().Free(memory_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  void* data() const { return memory_; }
  int64_t bytes() const { return bytes_; }
  void Write(const void* from) {
    if (bytes_ > 0) std::memcpy(memory_, from, static_cast<size_t>(bytes_));
  }

 private:
  void* memory_ = nullptr;
  int64_t bytes_;
};
using BufferPtr = std::shared_ptr<DeviceBuffer>;

// Runs the nodes of one graph.
class GraphRun {
 public:
  GraphRun(const Graph& graph, const EmulatorOptions& options)
      : graph_(graph),
        options_(options),
        context_(options.context != nullptr ? options.context : EmulatedContext()),
        buffers_(graph.num_values()) {}

  Status SetInputs(const std::vector<Tensor>& inputs);
  Status Run();
  StatusOr<std::vector<Tensor>> Outputs() const;

 private:
  StatusOr<BufferPtr> BufferOf(ValueId value);
  StatusOr<KernelPtr> Prepare(const Node& node) const;
  Status RunNode(const Node& node);
  Status AllocateOutputs(const Node& node, const CudaKernel& kernel);
  Status Enqueue(const Node& node, const CudaKernel& kernel);
  Status CheckOperands(const Node& node, const std::vector<std::string>& before) const;
  std::vector<std::string> OperandBytes(const Node& node) const;

  const Graph& graph_;
  const EmulatorOptions& options_;
  const std::shared_ptr<CudaContext> context_;
  std::vector<BufferPtr> buffers_;  // by value; null until it is there
};

BufferPtr BufferWith(const Tensor& tensor) {
  auto buffer = std::make_shared<DeviceBuffer>(tensor.byte_size());
  buffer->Write(tensor.data());
  return buffer;
}

Status GraphRun::SetInputs(const std::vector<Tensor>& inputs) {
  if (inputs.size() != graph_.inputs().size()) return MakeError(ErrorCode::kArity, "a wrong number of inputs");
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorType& type = graph_.value(graph_.inputs()[i]).type;
    if (inputs[i].dtype() != type.dtype || !type.shape.Accepts(inputs[i].shape())) {
      return MakeError(ErrorCode::kShape, "input ", i, " is no ", type.ToString());
    }
    buffers_[graph_.inputs()[i]] = BufferWith(inputs[i]);
  }
  return absl::OkStatus();
}

StatusOr<BufferPtr> GraphRun::BufferOf(ValueId value) {
  if (buffers_[value] == nullptr) {
    if (!graph_.value(value).is_constant()) return MakeError(ErrorCode::kInternal, "value ", value, " is not there");
    buffers_[value] = BufferWith(graph_.value(value).constant);
  }
  return buffers_[value];
}

StatusOr<KernelPtr> GraphRun::Prepare(const Node& node) const {
  const KernelFactory factory = FactoryFor(node.kind);
  KernelPtr kernel;
  if (factory != nullptr) {
    MOULIN_ASSIGN_OR_RETURN(kernel, factory(KernelRequest{{graph_, node}, context_}));
  }
  if (kernel == nullptr) return MakeError(ErrorCode::kUnsupported, "the device has no kernel for ", Name(node.kind));
  return kernel;
}

// Output 0 over a copy of an input, where that is wanted and the kernel can.
Status GraphRun::AllocateOutputs(const Node& node, const CudaKernel& kernel) {
  for (ValueId output : node.outputs) buffers_[output] = std::make_shared<DeviceBuffer>(ValueBytes(graph_, output));
  if (!options_.in_place) return absl::OkStatus();
  for (int i = 0; i < static_cast<int>(node.inputs.size()); ++i) {
    if (!kernel.can_run_in_place(i)) continue;
    const BufferPtr operand = buffers_[node.inputs[i]];
    const BufferPtr result = buffers_[node.outputs[0]];
    if (operand->bytes() != result->bytes()) {
      return MakeError(ErrorCode::kInternal, "can_run_in_place(", i, ") of another size");
    }
    result->Write(operand->data());
    break;
  }
  return absl::OkStatus();
}

std::vector<std::string> GraphRun::OperandBytes(const Node& node) const {
  std::vector<std::string> bytes;
  for (ValueId input : node.inputs) {
    const DeviceBuffer& buffer = *buffers_[input];
    bytes.emplace_back(static_cast<const char*>(buffer.data()), static_cast<size_t>(buffer.bytes()));
  }
  return bytes;
}

Status GraphRun::CheckOperands(const Node& node, const std::vector<std::string>& before) const {
  for (size_t i = 0; i < before.size(); ++i) {
    if (!before[i].empty() && std::memcmp(buffers_[node.inputs[i]]->data(), before[i].data(), before[i].size()) != 0) {
      return MakeError(ErrorCode::kInternal, "the kernel wrote to its operand ", i);
    }
  }
  return absl::OkStatus();
}

Status GraphRun::Enqueue(const Node& node, const CudaKernel& kernel) {
  const DeviceBuffer workspace(kernel.workspace_bytes());
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (ValueId input : node.inputs) inputs.push_back(buffers_[input]->data());
  for (ValueId output : node.outputs) outputs.push_back(buffers_[output]->data());
  for (int i = 0; options_.in_place && i < static_cast<int>(inputs.size()); ++i) {
    if (!kernel.can_run_in_place(i)) continue;
    inputs[i] = outputs[0];
    break;
  }
  LaunchContext launch;
  launch.api = context_->api;
  launch.inputs = inputs;
  launch.outputs = outputs;
  launch.workspace = workspace.data();
  MOULIN_RETURN_IF_ERROR(kernel.Enqueue(launch));
  return emulator::CheckDeviceMemory();
}

Status GraphRun::RunNode(const Node& node) {
  for (ValueId input : node.inputs) {
    MOULIN_RETURN_IF_ERROR(BufferOf(input).status());
  }
  if (IsView(graph_, node)) {
    buffers_[node.outputs[0]] = buffers_[node.inputs[0]];
    return absl::OkStatus();
  }
  MOULIN_ASSIGN_OR_RETURN(const KernelPtr kernel, Prepare(node));
  MOULIN_RETURN_IF_ERROR(AllocateOutputs(node, *kernel));
  const std::vector<std::string> before = OperandBytes(node);
  MOULIN_RETURN_IF_ERROR(Enqueue(node, *kernel));
  return CheckOperands(node, before);
}

Status GraphRun::Run() {
  for (const Node& node : graph_.nodes()) {
    MOULIN_RETURN_IF_ERROR(AtNode(RunNode(node), node.name, Name(node.kind)));
  }
  return absl::OkStatus();
}

StatusOr<std::vector<Tensor>> GraphRun::Outputs() const {
  std::vector<Tensor> outputs;
  for (const GraphOutput& output : graph_.outputs()) {
    const TensorType& type = graph_.value(output.value).type;
    MOULIN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(type.dtype, type.shape.ToShape()));
    const BufferPtr& buffer = buffers_[output.value];
    if (buffer == nullptr) return MakeError(ErrorCode::kInternal, "output ", output.name, " was not computed");
    if (tensor.byte_size() > 0) std::memcpy(tensor.mutable_data(), buffer->data(), tensor.byte_size());
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

template <typename T>
std::vector<double> WidenAll(const Tensor& tensor) {
  std::vector<double> values;
  for (const T& x : tensor.values<T>()) {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>)
      values.push_back(static_cast<float>(x));
    else
      values.push_back(static_cast<double>(x));
  }
  return values;
}

// The elements of a floating type.
std::vector<double> ToDoubles(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::kFloat64:
      return WidenAll<double>(tensor);
    case DType::kFloat16:
      return WidenAll<Half>(tensor);
    case DType::kBFloat16:
      return WidenAll<BFloat16>(tensor);
    default:
      return WidenAll<float>(tensor);
  }
}

bool SameBits(const Tensor& a, const Tensor& b) {
  return a.byte_size() == b.byte_size() &&
         (a.byte_size() == 0 || std::memcmp(a.data(), b.data(), static_cast<size_t>(a.byte_size())) == 0);
}

uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

void Set(Tensor* tensor, int64_t i, double x) {
  switch (tensor->dtype()) {
    case DType::kFloat32:
      tensor->mutable_values<float>()[i] = static_cast<float>(x);
      return;
    case DType::kFloat64:
      tensor->mutable_values<double>()[i] = x;
      return;
    case DType::kFloat16:
      tensor->mutable_values<Half>()[i] = Half(x);
      return;
    default:
      tensor->mutable_values<BFloat16>()[i] = BFloat16(static_cast<float>(x));
  }
}

// The low bytes of a whole number (little-endian), 0 or 1 for bool.
void SetInteger(Tensor* tensor, int64_t i, int64_t x) {
  const size_t size = SizeOf(tensor->dtype());
  if (tensor->dtype() == DType::kBool) x &= 1;
  std::memcpy(static_cast<char*>(tensor->mutable_data()) + i * size, &x, size);
}

}  // namespace

std::shared_ptr<CudaContext> EmulatedContext() { return NewCudaContext(emulator::SyncCudaApi()); }

StatusOr<std::vector<Tensor>> RunOnEmulator(const Graph& graph, const std::vector<Tensor>& inputs,
                                            const EmulatorOptions& options) {
  emulator::SetSchedule(options.schedule);
  GraphRun run(graph, options);
  MOULIN_RETURN_IF_ERROR(run.SetInputs(inputs));
  MOULIN_RETURN_IF_ERROR(run.Run());
  return run.Outputs();
}

StatusOr<std::vector<Tensor>> RunGraphReference(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> values(graph.num_values());
  for (ValueId v = 0; v < graph.num_values(); ++v) values[v] = graph.value(v).constant;
  for (size_t i = 0; i < inputs.size(); ++i) values[graph.inputs()[i]] = inputs[i];
  for (const Node& node : graph.nodes()) {
    std::vector<Tensor> operands, results;
    std::vector<TensorType> types;
    for (ValueId input : node.inputs) operands.push_back(values[input]);
    for (ValueId output : node.outputs) types.push_back(graph.value(output).type);
    MOULIN_RETURN_IF_ERROR(RunReference(node, types, operands, Limits(), &results));
    for (size_t i = 0; i < results.size(); ++i) values[node.outputs[i]] = results[i];
  }
  std::vector<Tensor> outputs;
  for (const GraphOutput& output : graph.outputs()) outputs.push_back(values[output.value]);
  return outputs;
}

void ExpectClose(const Tensor& got, const Tensor& expected, double tolerance) {
  ASSERT_EQ(got.dtype(), expected.dtype());
  ASSERT_EQ(got.shape(), expected.shape()) << got.shape().ToString() << " for " << expected.shape().ToString();
  if (!IsFloating(got.dtype())) {
    EXPECT_TRUE(SameBits(got, expected)) << got.ToString(64) << "\nexpected " << expected.ToString(64);
    return;
  }
  const std::vector<double> x = ToDoubles(got), y = ToDoubles(expected);
  int64_t worst = -1, wrong = 0;
  double worst_error = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    const double error = std::abs(x[i] - y[i]) / std::max(1.0, std::abs(y[i]));
    if (error <= tolerance) continue;  // false for NaN
    ++wrong;
    if (worst >= 0 && !(error > worst_error)) continue;
    worst = static_cast<int64_t>(i);
    worst_error = error;
  }
  EXPECT_EQ(wrong, 0) << wrong << " of " << x.size() << " elements are wrong; " << x[std::max<int64_t>(worst, 0)]
                      << " for " << y[std::max<int64_t>(worst, 0)] << " at element " << worst << " of "
                      << got.shape().ToString() << ": error " << worst_error << ", tolerance " << tolerance;
}

void ExpectMatchesReference(const Graph& graph, const std::vector<Tensor>& inputs, double tolerance,
                            const EmulatorOptions& options) {
  const StatusOr<std::vector<Tensor>> expected = RunGraphReference(graph, inputs);
  ASSERT_TRUE(expected.ok()) << expected.status();
  const StatusOr<std::vector<Tensor>> got = RunOnEmulator(graph, inputs, options);
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->size(), expected->size());
  for (size_t i = 0; i < got->size(); ++i) ExpectClose((*got)[i], (*expected)[i], tolerance);
  struct Variation {
    const char* name;
    emulator::Schedule schedule;
    bool in_place;
  };
  const Variation variations[] = {
      {"reversed", {emulator::Order::kReversed, 1, 0x7B}, false},
      {"shuffled", {emulator::Order::kShuffled, 7, 0xCB}, false},
      {"in place", {emulator::Order::kShuffled, 8, 0xFF}, true},
  };
  for (const Variation& variation : variations) {
    EmulatorOptions other = options;
    other.schedule = variation.schedule;
    other.in_place = variation.in_place;
    const StatusOr<std::vector<Tensor>> again = RunOnEmulator(graph, inputs, other);
    ASSERT_TRUE(again.ok()) << variation.name << ": " << again.status();
    for (size_t i = 0; i < got->size(); ++i) {
      EXPECT_TRUE(SameBits((*again)[i], (*got)[i]))
          << "output " << i << " has other bits when run " << variation.name << ": " << (*again)[i].ToString(32)
          << "\nfor " << (*got)[i].ToString(32);
    }
  }
  emulator::SetSchedule({});
}

Graph OneNodeGraph(OpKind kind, const Attrs& attrs, const std::vector<Tensor>& operands, InputMask constants) {
  Graph graph;
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < operands.size(); ++i) {
    const bool is_constant = i < 64 && (constants & Input(static_cast<int>(i))) != 0;
    inputs.push_back(is_constant ? graph.AddConstant(operands[i])
                                 : graph.AddInput(absl::StrCat("x", i), {operands[i].dtype(), operands[i].shape()}));
  }
  Node node{kind, attrs, "node", "Op", {inputs.begin(), inputs.end()}, {}};
  std::vector<TensorType> types;
  const Status status = InferNode(graph, node, Limits(), &types);
  EXPECT_TRUE(status.ok()) << status;
  if (!status.ok()) return Graph();
  const NodeId id = graph.AddNode(kind, attrs, inputs, types, "node", "Op");
  for (size_t i = 0; i < types.size(); ++i) graph.AddOutput(absl::StrCat("y", i), graph.node(id).outputs[i]);
  return graph;
}

void ExpectOpMatches(OpKind kind, const Attrs& attrs, const std::vector<Tensor>& operands, double tolerance,
                     InputMask constants, const EmulatorOptions& options) {
  constants |= GetOpDef(kind).shape_inputs;
  const Graph graph = OneNodeGraph(kind, attrs, operands, constants);
  if (graph.num_nodes() == 0) return;  // the test has failed
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (i >= 64 || (constants & Input(static_cast<int>(i))) == 0) inputs.push_back(operands[i]);
  }
  ExpectMatchesReference(graph, inputs, tolerance, options);
}

bool HasKernel(OpKind kind, const Attrs& attrs, const std::vector<Tensor>& operands, InputMask constants) {
  const Graph graph = OneNodeGraph(kind, attrs, operands, constants | GetOpDef(kind).shape_inputs);
  const KernelFactory factory = FactoryFor(kind);
  if (factory == nullptr || graph.num_nodes() == 0) return false;
  const StatusOr<KernelPtr> kernel = factory(KernelRequest{{graph, graph.node(0)}, EmulatedContext()});
  return kernel.ok() && *kernel != nullptr;
}

Tensor RandomTensor(DType type, const Shape& shape, uint64_t seed) {
  Tensor tensor = Tensor::Allocate(type, shape).value();
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    const uint64_t bits = Mix(seed * 0x100000001B3u + static_cast<uint64_t>(i));
    if (IsFloating(type)) {
      Set(&tensor, i, static_cast<double>(bits >> 11) * 0x1p-50 - 4);
    } else if (SizeOf(type) == 16) {  // complex128
      static_cast<double*>(tensor.mutable_data())[2 * i] = static_cast<double>(bits >> 40);
      static_cast<double*>(tensor.mutable_data())[2 * i + 1] = static_cast<double>(bits & 0xFFFFFF);
    } else {
      SetInteger(&tensor, i, static_cast<int64_t>(bits));
    }
  }
  return tensor;
}

Tensor RandomIntegers(DType type, const Shape& shape, int64_t low, int64_t high, uint64_t seed) {
  Tensor tensor = Tensor::Allocate(type, shape).value();
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    const uint64_t bits = Mix(seed * 0x100000001B3u + static_cast<uint64_t>(i));
    const int64_t x = low + static_cast<int64_t>(bits % static_cast<uint64_t>(high - low));
    IsFloating(type) ? Set(&tensor, i, static_cast<double>(x)) : SetInteger(&tensor, i, x);
  }
  return tensor;
}

std::vector<DType> RealTypes() {
  return {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16, DType::kInt8,
          DType::kUInt8,   DType::kInt16,   DType::kUInt16,  DType::kInt32,    DType::kUInt32,
          DType::kInt64,   DType::kUInt64,  DType::kBool};
}

}  // namespace moulin::cuda
