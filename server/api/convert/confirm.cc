#include "server/api/convert/confirm.h"

#include "server/api/convert/error.h"

namespace warren::api {

v1::Outcome ToOutcome(core::Outcome outcome) {
  switch (outcome) {
    case core::Outcome::kAccepted: return v1::OUTCOME_ACCEPTED;
    case core::Outcome::kDuplicate: return v1::OUTCOME_DUPLICATE;
    case core::Outcome::kUnroutable: return v1::OUTCOME_UNROUTABLE;
    case core::Outcome::kRejected: return v1::OUTCOME_REJECTED;
  }
  return v1::OUTCOME_UNSPECIFIED;
}

bool MergeConfirms(core::Confirmed& last, const core::Confirmed& next) {
  if (last.outcome != next.outcome || last.outcome == core::Outcome::kRejected ||
      next.first_sequence != last.last_sequence + 1) {
    return false;
  }
  last.last_sequence = next.last_sequence;
  return true;
}

void SetConfirm(const core::Confirmed& confirmed, v1::PublishConfirm* proto) {
  proto->set_first_sequence(confirmed.first_sequence);
  proto->set_last_sequence(confirmed.last_sequence);
  proto->set_outcome(ToOutcome(confirmed.outcome));
  if (!confirmed.error.ok()) SetError(confirmed.error, proto->mutable_error());
}

void SetResult(const core::Confirmed& confirmed, v1::PublishResult* proto) {
  proto->set_outcome(ToOutcome(confirmed.outcome));
  if (!confirmed.error.ok()) SetError(confirmed.error, proto->mutable_error());
}

void CountConfirmed(const core::Confirmed& confirmed, runtime::Stats& stats) {
  const uint64_t messages = confirmed.last_sequence - confirmed.first_sequence + 1;
  stats.messages_unconfirmed.Subtract(messages);
  switch (confirmed.outcome) {
    case core::Outcome::kAccepted: stats.messages_accepted.Add(messages); break;
    case core::Outcome::kDuplicate: stats.messages_duplicate.Add(messages); break;
    case core::Outcome::kUnroutable: stats.messages_unroutable.Add(messages); break;
    case core::Outcome::kRejected: stats.messages_rejected.Add(messages); break;
  }
}

}  // namespace warren::api
