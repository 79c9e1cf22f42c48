// Options of exchanges and queues, and bindings, proto -> core. Pure functions; thread-safe.
//
// Form only: whether options fit together, or what exists already, is the core's to say.
#pragma once

#include "absl/status/statusor.h"
#include "server/core/command.h"
#include "storage/options.h"
#include "warren/v1/broker.pb.h"

namespace warren::api {

// INVALID_ARGUMENT, reason OPTION_INVALID, for what is out of range or unknown.
absl::StatusOr<storage::ExchangeOptions> ToExchangeOptions(const v1::ExchangeOptions& proto);
absl::StatusOr<storage::QueueOptions> ToQueueOptions(const v1::QueueOptions& proto);

// Takes the arguments out of `proto`. INVALID_ARGUMENT, reason BINDING_INVALID, without a
// destination; as TakeHeaders for the arguments.
absl::StatusOr<core::BindingSpec> TakeBinding(v1::Binding& proto);
// The same for Subscribe.bindings, whose destination is the queue itself.
absl::StatusOr<core::BindingSpec> TakeBindingTo(std::string_view queue, v1::Binding& proto);

// Core -> proto, as operators are shown them; what was left out when it was declared is left out.
void SetExchangeOptions(const storage::ExchangeOptions& options, v1::ExchangeOptions* proto);
void SetQueueOptions(const storage::QueueOptions& options, v1::QueueOptions* proto);
void SetBinding(const core::BindingSpec& spec, v1::Binding* proto);

}  // namespace warren::api
