// Proves that a plan has no race and no overlap of live buffers.
#ifndef MOULIN_PLAN_VERIFY_H_
#define MOULIN_PLAN_VERIFY_H_

#include "moulin/status.h"
#include "plan/plan.h"

namespace moulin {

// Follows lanes and events with vector clocks. Any two steps that touch the same bytes (arena ranges by overlap, other
// buffers by id), one of them writing, must be ordered; each value read must have been written before, by the right
// step, and not overwritten since; each event is recorded once, before it is waited for in program order.
// The same for the plans that steps run within them (Kernel::regions).
// INTERNAL, naming both steps and the bytes, where it fails. Cost: steps x lanes, plus overlaps.
Status VerifyPlan(const Plan& plan);

}  // namespace moulin

#endif  // MOULIN_PLAN_VERIFY_H_
