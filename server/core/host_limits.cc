// Limits of single virtual hosts. They hold what is new to them back, and leave what is there.
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/core/broker_impl.h"

namespace warren::core {
namespace {

absl::Status Refusal(std::string_view reason, const VirtualHost& host, std::string_view limit,
                     uint64_t value, const std::string& what) {
  const Subject subject{"virtual_host", host.name, host.name};
  const absl::string_view key(limit.data(), limit.size());
  return WithMetadata(
      Error(absl::StatusCode::kResourceExhausted, reason, subject,
            absl::StrCat("virtual host \"", host.name, "\" ", what, ", or have an administrator "
                         "raise its ", key)),
      limit, std::to_string(value));
}

}  // namespace

void Broker::Impl::Handle(SetVirtualHostLimits& c) {
  const absl::StatusOr<VirtualHost*> host = GetVirtualHost(c.name);
  if (!host.ok()) return Reply(c.request, host.status());
  if ((*host)->limits != c.limits) {
    (*host)->limits = c.limits;
    ledger_.Append(storage::VirtualHostDeclared{.name = c.name, .limits = c.limits});
  }
  Reply(c.request, absl::OkStatus());
}

absl::Status Broker::Impl::CheckQueueLimit(const VirtualHost& host) {
  const auto limit = host.limits.max_queues;
  if (!limit || host.queue_count() < *limit) return absl::OkStatus();
  return Refusal("QUEUE_LIMIT", host, "max_queues", *limit,
                 absl::StrCat("has ", host.queue_count(), " queues, its limit is ", *limit,
                              "; delete some"));
}

absl::Status Broker::Impl::CheckStreamLimit(const VirtualHost& host) {
  const auto limit = host.limits.max_streams;
  if (!limit || host.stream_count() < *limit) return absl::OkStatus();
  return Refusal("STREAM_LIMIT", host, "max_streams", *limit,
                 absl::StrCat("has ", host.stream_count(), " streams, its limit is ", *limit,
                              "; close some"));
}

absl::Status Broker::Impl::CheckBodyLimit(const VirtualHost& host,
                                          const storage::Message& message) {
  const auto limit = host.limits.max_message_bytes;
  if (!limit || message.body.size() <= *limit) return absl::OkStatus();
  return Refusal("MESSAGE_TOO_LARGE", host, "max_message_bytes", *limit,
                 absl::StrCat("takes bodies of at most ", *limit, " bytes, this one has ",
                              message.body.size(), "; split it"));
}

}  // namespace warren::core
