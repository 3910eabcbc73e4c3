// Tested by tests/cuda/device/captured_graph_test.cc.
#include "cuda/captured_graph.h"

#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"
#include "cuda/stream.h"

namespace moulin::cuda {
namespace {

// The streams and events of one capture. They are needed for as long as it lasts and not in what comes of it.
class Recorder {
 public:
  Recorder(const CudaApi& api, const Plan& plan, const CapturedGraph::EnqueueStep& enqueue,
           std::shared_ptr<const GreenContext> green)
      : api_(api), plan_(plan), enqueue_(enqueue), green_(std::move(green)), events_(plan.num_events) {}

  StatusOr<cudaGraph_t> Record(const std::vector<int>& steps) {
    for (int lane = 0; lane < plan_.num_lanes; ++lane) {
      MOULIN_ASSIGN_OR_RETURN(std::shared_ptr<StreamHandle> stream, StreamHandle::Create(api_, 0, green_));
      streams_.push_back(std::move(stream));
    }
    // Relaxed: constants may be uploaded, and libraries may allocate, while the steps are recorded.
    MOULIN_RETURN_IF_ERROR(
        ToStatus(api_, api_.StreamBeginCapture(origin(), cudaStreamCaptureModeRelaxed), "beginning a capture"));
    const Status recorded = RecordSteps(steps);
    cudaGraph_t graph = nullptr;
    const cudaError_t ended = api_.StreamEndCapture(origin(), &graph);
    if (recorded.ok() && ended == cudaSuccess) return graph;
    if (graph != nullptr) api_.GraphDestroy(graph);
    api_.GetLastError();  // a broken capture has been reported, and is not an error of the next call
    return recorded.ok() ? ToStatus(api_, ended, "ending a capture") : recorded;
  }

 private:
  cudaStream_t origin() const { return streams_[0]->get(); }

  Status RecordSteps(const std::vector<int>& steps) {
    MOULIN_RETURN_IF_ERROR(Fork());
    for (int s : steps) MOULIN_RETURN_IF_ERROR(RecordStep(plan_.steps[s]));
    return Join();
  }

  Status RecordStep(const Step& step) {
    const cudaStream_t stream = streams_[step.lane]->get();
    switch (step.kind) {
      case StepKind::kRecord:
        return RecordEvent(stream, &events_[step.event]);
      case StepKind::kWait:
        return WaitFor(stream, events_[step.event]);
      default:
        return enqueue_(step, stream);
    }
  }

  Status RecordEvent(cudaStream_t stream, std::unique_ptr<EventHandle>* event) {
    MOULIN_ASSIGN_OR_RETURN(*event, EventHandle::Create(api_));
    return ToStatus(api_, api_.EventRecord((*event)->get(), stream), "recording an event");
  }

  Status WaitFor(cudaStream_t stream, const std::unique_ptr<EventHandle>& event) {
    if (event == nullptr) return absl::OkStatus();  // recorded outside of these steps, so it has been passed
    return ToStatus(api_, api_.StreamWaitEvent(stream, event->get(), 0), "waiting for an event");
  }

  // Makes the other lanes part of the capture.
  Status Fork() {
    if (streams_.size() == 1) return absl::OkStatus();
    MOULIN_RETURN_IF_ERROR(RecordEvent(origin(), &fork_));
    for (size_t lane = 1; lane < streams_.size(); ++lane) {
      MOULIN_RETURN_IF_ERROR(WaitFor(streams_[lane]->get(), fork_));
    }
    return absl::OkStatus();
  }

  // Brings them back: a capture ends in the stream that it began in.
  Status Join() {
    for (size_t lane = 1; lane < streams_.size(); ++lane) {
      joins_.emplace_back();
      MOULIN_RETURN_IF_ERROR(RecordEvent(streams_[lane]->get(), &joins_.back()));
      MOULIN_RETURN_IF_ERROR(WaitFor(origin(), joins_.back()));
    }
    return absl::OkStatus();
  }

  const CudaApi& api_;
  const Plan& plan_;
  const CapturedGraph::EnqueueStep& enqueue_;
  const std::shared_ptr<const GreenContext> green_;
  std::vector<std::shared_ptr<StreamHandle>> streams_;  // per lane
  std::vector<std::unique_ptr<EventHandle>> events_;    // per event of the plan
  std::unique_ptr<EventHandle> fork_;
  std::vector<std::unique_ptr<EventHandle>> joins_;
};

}  // namespace

StatusOr<std::unique_ptr<CapturedGraph>> CapturedGraph::Capture(const CudaApi& api, const Plan& plan,
                                                                const std::vector<int>& steps,
                                                                const EnqueueStep& enqueue,
                                                                std::shared_ptr<const GreenContext> green) {
  MOULIN_ASSIGN_OR_RETURN(const cudaGraph_t graph, Recorder(api, plan, enqueue, std::move(green)).Record(steps));
  std::unique_ptr<CapturedGraph> captured(new CapturedGraph(api, graph));
  MOULIN_RETURN_IF_ERROR(
      ToStatus(api, api.GraphInstantiate(&captured->executable_, graph, 0), "instantiating a graph"));
  return captured;
}

CapturedGraph::~CapturedGraph() {
  if (executable_ != nullptr) api_.GraphExecDestroy(executable_);
  api_.GraphDestroy(graph_);
}

}  // namespace moulin::cuda
