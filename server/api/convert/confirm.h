// Outcomes of publishes, core -> proto. Pure functions; thread-safe.
#pragma once

#include "server/core/effect.h"
#include "server/runtime/stats.h"
#include "warren/v1/broker.pb.h"

namespace warren::api {

v1::Outcome ToOutcome(core::Outcome outcome);

// Two neighbouring ranges with the same fate become one; true if `next` went into `last`.
bool MergeConfirms(core::Confirmed& last, const core::Confirmed& next);

void SetConfirm(const core::Confirmed& confirmed, v1::PublishConfirm* proto);
void SetResult(const core::Confirmed& confirmed, v1::PublishResult* proto);

void CountConfirmed(const core::Confirmed& confirmed, runtime::Stats& stats);

}  // namespace warren::api
