// From the words of a transcript to the parts of core::Command. README.md lists the language.
// What is wrong with the words is noted in the Arguments. Pure but for that.
#pragma once

#include <optional>
#include <string_view>

#include "server/core/command.h"
#include "tests/scenarios/arguments.h"

namespace warren::scenarios {

// Time zero of every transcript, in milliseconds since the Unix epoch.
inline constexpr int64_t kStartMs = 1'700'000'000'000;

// Absent: passive.
std::optional<storage::ExchangeOptions> ExchangeOptionsFrom(Arguments& words);
std::optional<storage::QueueOptions> QueueOptionsFrom(Arguments& words);

// all, queues or exchanges.
storage::PolicyTarget PolicyTargetFrom(std::string_view text);

core::BindingSpec BindingFrom(Arguments& words, core::DestinationKind destination_kind);

// EXCHANGE KEY BODY and properties.
core::Publication PublicationFrom(Arguments& words);

core::Prefetch PrefetchFrom(Arguments& words);

// ack, requeue, reject and retry are outcomes.
std::optional<core::SettleOutcome> OutcomeFrom(std::string_view verb);
core::Settlement SettlementFrom(core::SettleOutcome outcome, Arguments& words);

}  // namespace warren::scenarios
