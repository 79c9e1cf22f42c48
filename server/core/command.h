// Commands: all that can happen to a broker. Each is one call of Broker::Step.
//
// The edges (server/api) have checked form by then: names are valid UTF-8 of at most 255 bytes,
// enumerations are known, numbers in range. Whether a command makes sense in the broker's state is
// decided in the core. Value types; thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "storage/ids.h"
#include "storage/message.h"
#include "storage/options.h"
#include "storage/policy.h"
#include "storage/user.h"
#include "storage/virtual_host_limits.h"

namespace warren::core {

// Streams and calls, numbered by the runtime, never twice within a run of the broker.
using RequestId = storage::StrongId<struct RequestIdTag>;
using PublisherId = storage::StrongId<struct PublisherIdTag>;
// A stream that several consumers share has a number among theirs, and is none of them.
using ConsumerId = storage::StrongId<struct ConsumerIdTag>;

// Whose a consumer or lease is: from outside its stream only the same owner may settle. 0: there are
// no users, so everybody is the same.
using OwnerId = storage::StrongId<struct OwnerIdTag>;

// Names a delivery within its consumer (from 1), or a lease within the broker.
using DeliveryTag = storage::StrongId<struct DeliveryTagTag>;

// ---- Topology. Each is answered by Replied. `options` absent: passive, only check. ----

struct DeclareVirtualHost {
  RequestId request;
  std::string name;
};

// All in it goes: messages, queues, exchanges, policies, producers, permissions. It isn't found any more at
// once; the reply comes when all is gone.
struct DeleteVirtualHost {
  RequestId request;
  std::string name;
};

// Sets a policy instead of the one of that name there, or deletes one. The reply comes when all that
// it matches, or matched, goes by it, and that is durable.
struct PutPolicy {
  RequestId request;
  storage::Policy policy;
};

struct DeletePolicy {
  RequestId request;
  std::string virtual_host;
  std::string name;
};

// Instead of those it had. They refuse what is new; what is there stays.
struct SetVirtualHostLimits {
  RequestId request;
  std::string name;
  storage::VirtualHostLimits limits;
};

struct DeclareExchange {
  RequestId request;
  std::string virtual_host;
  std::string name;
  std::optional<storage::ExchangeOptions> options;
};

struct DeleteExchange {
  RequestId request;
  std::string virtual_host;
  std::string name;
  bool if_unused = false;
};

struct DeclareQueue {
  RequestId request;
  std::string virtual_host;
  std::string name;  // "" asks for one made by the broker
  std::optional<storage::QueueOptions> options;
};

struct DeleteQueue {
  RequestId request;
  std::string virtual_host;
  std::string name;
  bool if_unused = false;
  bool if_empty = false;
};

struct PurgeQueue {
  RequestId request;
  std::string virtual_host;
  std::string name;
};

// Ready messages, in the order of delivery, from one queue to the tail of another. What they are
// keeps: properties, death history, when they were published, and what is left of their own time to
// live; the destination's begins, and the count of deliveries begins anew. Ends early where the
// destination is full or the bodies come to 64 MiB. Answered by Replied with MoveResult, once
// durable.
struct MoveMessages {
  RequestId request;
  std::string virtual_host;
  std::string source;
  std::string destination;
  uint32_t max_messages = 1'000;
};

// Removes delayed messages of a queue before they are due: those with one of these ids, or one of
// these message ids among their properties, or all. O(its delayed messages). Answered by Replied
// with MessageCount, once durable.
struct CancelScheduledMessages {
  RequestId request;
  std::string virtual_host;
  std::string queue;
  std::vector<storage::MessageId> ids;
  std::vector<std::string> message_ids;  // content out of memory isn't looked at
  bool all = false;
};

enum class DestinationKind : uint8_t { kQueue, kExchange };

struct BindingSpec {
  std::string source;
  DestinationKind destination_kind = DestinationKind::kQueue;
  std::string destination;
  std::string key;
  storage::Headers arguments;
};

struct Bind {
  RequestId request;
  std::string virtual_host;
  BindingSpec binding;
};

struct Unbind {
  RequestId request;
  std::string virtual_host;
  BindingSpec binding;
};

// ---- Users. The core keeps them; what they mean is server/auth's. Each is answered by Replied,
// once durable and behind UserChanged. ----

// Makes a user, or changes all of one but the permissions.
struct PutUser {
  RequestId request;
  std::string name;
  std::optional<std::string> password_hash;  // absent: as before
  std::vector<std::string> certificates;
  std::vector<std::string> tags;
};

struct DeleteUser {
  RequestId request;
  std::string name;
};

struct SetPermissions {
  RequestId request;
  std::string user;
  storage::UserPermissions permissions;
};

struct ClearPermissions {
  RequestId request;
  std::string user;
  std::string virtual_host;
};

// ---- Publishing ----

// One message to publish. The core fills in published_at_ms and then holds it as const.
struct Publication {
  // Not OK: the edge refused this entry; the core answers it with this error in its turn.
  absl::Status refused;
  storage::RefPtr<storage::Message> message;  // null only if refused
  bool mandatory = false;
  // Its publisher sent it before, and doesn't know what became of that: it may have been delivered.
  bool resent = false;
  int64_t delay_ms = 0;       // 0 is none
  int64_t deliver_at_ms = 0;  // 0 is none; at most one of the two is set
};

// Answered by PublisherOpened or PublisherClosed.
struct OpenPublisher {
  PublisherId publisher;
  std::string virtual_host;
  std::string producer_id;  // "": no deduplication by sequence
  // A stream owns its producer id: the stream that had it before is closed. Only streams do, and
  // only they count for their virtual host's max_streams.
  bool takes_over = false;
};

// Each message is answered by exactly one Confirmed; its sequence is first_sequence + its index.
// Unknown publisher: ignored (its stream has just been closed).
struct Publish {
  PublisherId publisher;
  uint64_t first_sequence = 1;
  std::vector<Publication> publications;
};

// The stream is gone; nothing is answered to it any more. Unknown: ignored.
struct ClosePublisher {
  PublisherId publisher;
};

// ---- Consuming ----

struct Prefetch {
  uint32_t messages = 1'000;
  uint64_t bytes = uint64_t{64} << 20;
};

// Answered by Subscribed, after which deliveries come, or by ConsumerClosed.
struct Subscribe {
  ConsumerId consumer;
  std::string virtual_host;
  std::string queue;
  std::string consumer_name;  // "": made by the broker
  Prefetch prefetch;
  bool auto_ack = false;
  bool exclusive = false;
  std::optional<storage::QueueOptions> declare;
  std::vector<BindingSpec> bindings;  // destination is the queue; needs declare
  OwnerId owner;
  // The stream it shares with others, to which its exclusive queues belong; 0: it has its own.
  ConsumerId stream = {};
};

enum class SettleOutcome : uint8_t { kAck = 1, kRequeue = 2, kReject = 3, kRetry = 4 };

struct Settlement {
  std::vector<DeliveryTag> tags;
  DeliveryTag up_to;  // none if 0
  SettleOutcome outcome = SettleOutcome::kAck;
  std::optional<int64_t> retry_delay_ms;  // kRetry only
  // In a Settle of a shared stream: whose, and by what number the stream knows it.
  ConsumerId consumer = {};
  uint32_t subscription = 0;
};

// Answered by SettleAnswered once durable if settle_id isn't 0 or something failed.
struct Settle {
  ConsumerId consumer;  // or a stream that consumers share; then `shared`
  uint64_t settle_id = 0;
  std::vector<Settlement> settlements;
  // Each settlement names its consumer; all deliveries of one that has gone are unknown.
  bool shared = false;
};

// An auto-ack consumer's deliveries up to this one have been taken by the transport.
struct HandedOver {
  ConsumerId consumer;
  DeliveryTag up_to;
};

struct SetPrefetch {
  ConsumerId consumer;
  Prefetch prefetch;
};

// No new deliveries; answered by Drained.
struct DrainConsumer {
  ConsumerId consumer;
};

// The stream is gone: what is unsettled is requeued. Unknown: ignored.
struct CloseConsumer {
  ConsumerId consumer;
};

// Answered by Replied with GetResult.
struct Get {
  RequestId request;
  std::string virtual_host;
  std::string queue;
  uint32_t max_messages = 1;
  bool auto_ack = false;
  int64_t lease_ms = 30'000;
  OwnerId owner;
};

// Settles outside a stream: of a consumer by its name, or of leases if that is "".
// Answered by Replied with SettleFailures, once durable.
struct Ack {
  RequestId request;
  std::string virtual_host;
  std::string consumer_name;
  std::vector<Settlement> settlements;
  OwnerId owner;
};

struct TransactionSettlement {
  std::string consumer_name;
  Settlement settlement;
};

// All or nothing. Answered by Replied with CommitResult, once durable.
struct Commit {
  RequestId request;
  std::string virtual_host;
  std::string producer_id;  // "": no deduplication
  uint64_t sequence = 0;
  std::vector<Publication> publications;
  std::vector<TransactionSettlement> settlements;
  OwnerId owner;
};

// ---- Paging ----

// A message was written to the spill, or couldn't be: `page` is none then, and it stays in memory.
struct PagedOut {
  storage::MessageId id;
  storage::SpillHandle page;
};

// A message has been read back.
struct PagedIn {
  storage::MessageId id;
  storage::MessagePtr content;
};

// What became of page work; see paging.h.
struct Paged {
  std::vector<PagedOut> out;
  std::vector<PagedIn> in;
};

// ---- The world ----

// Time has passed; NextDeadline() may have come.
struct Tick {};

// The journal's batches up to this one are durable.
struct Durable {
  storage::Lsn lsn;
};

// The broker is to stop: no new deliveries (each consumer gets Drained); settlements go on.
struct BeginShutdown {};

// Ends what is left: cancels all consumers, requeues what is unsettled, and notes in the journal
// what may have been delivered. Nothing is delivered after it.
struct FinishShutdown {};

using Command =
    std::variant<DeclareVirtualHost, DeleteVirtualHost, SetVirtualHostLimits, DeclareExchange,
                 DeleteExchange, DeclareQueue, DeleteQueue, PurgeQueue, MoveMessages,
                 CancelScheduledMessages, Bind, Unbind, PutUser, DeleteUser, SetPermissions,
                 ClearPermissions, PutPolicy, DeletePolicy, OpenPublisher, Publish, ClosePublisher,
                 Subscribe, Settle, HandedOver, SetPrefetch, DrainConsumer, CloseConsumer, Get, Ack,
                 Commit, Paged, Tick, Durable, BeginShutdown, FinishShutdown>;

}  // namespace warren::core
