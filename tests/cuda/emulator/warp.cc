#include "emulator/warp.h"

#include <bit>

#include "absl/strings/str_cat.h"

namespace moulin::emulator {
namespace {

const char* NameOf(WarpOp op) {
  switch (op) {
    case WarpOp::kSync:
      return "__syncwarp";
    case WarpOp::kShuffle:
      return "a shuffle";
    default:
      return "a vote";
  }
}

std::string Describe(const WarpCall& call) { return absl::StrCat(NameOf(call.op), " (", ToString(call.site), ")"); }

}  // namespace

void Warp::Reset(int lanes) {
  alive_ = lanes >= 32 ? ~0u : (1u << lanes) - 1;
  waiting_ = 0;
}

uint32_t Warp::Arrive(int lane, const WarpCall& call) {
  if ((call.mask >> lane & 1) == 0) {
    throw Failure{absl::StrCat("lane ", lane, " calls ", Describe(call),
                               " with a mask that does not name it: ", absl::Hex(call.mask))};
  }
  calls_[lane] = call;
  waiting_ |= 1u << lane;
  return TryComplete(call.mask);
}

uint32_t Warp::Exit(int lane) {
  alive_ &= ~(1u << lane);
  uint32_t released = 0;
  for (int other = 0; other < 32; ++other) {
    if (is_waiting(other)) released |= TryComplete(calls_[other].mask);
  }
  return released;
}

uint32_t Warp::TryComplete(uint32_t mask) {
  const uint32_t group = mask & alive_;
  if (group == 0 || (group & ~waiting_) != 0) return 0;
  const int first = std::countr_zero(group);
  for (int lane = first; lane < 32; ++lane) {
    if ((group >> lane & 1) == 0) continue;
    if (calls_[lane].mask != mask) return 0;
    if (calls_[lane].op != calls_[first].op) {
      throw Failure{absl::StrCat("lanes of a warp meet at different functions: ", Describe(calls_[first]), " and ",
                                 Describe(calls_[lane]))};
    }
  }
  for (int lane = first; lane < 32; ++lane) {
    if ((group >> lane & 1) != 0) results_[lane] = ResultOf(lane, group);
  }
  waiting_ &= ~group;
  return group;
}

uint64_t Warp::ResultOf(int lane, uint32_t group) const {
  const WarpCall& call = calls_[lane];
  if (call.op == WarpOp::kSync) return 0;
  if (call.op == WarpOp::kShuffle) {
    if ((group >> call.source & 1) == 0) {
      throw Failure{absl::StrCat("lane ", lane, " reads lane ", call.source, ", which takes no part in ",
                                 Describe(call), " of lanes ", absl::Hex(group))};
    }
    return calls_[call.source].value;
  }
  uint64_t votes = 0;
  for (int other = 0; other < 32; ++other) {
    if ((group >> other & 1) != 0 && calls_[other].value != 0) votes |= uint64_t{1} << other;
  }
  return votes;
}

}  // namespace moulin::emulator
