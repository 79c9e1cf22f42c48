// Receives messages of a queue, or of many, and settles them.
//
//   v1::Subscribe subscribe;
//   subscribe.set_queue("orders");
//   auto consumer = Consumer::Open(*connection, {.subscribe = subscribe});
//   while (true) {
//     auto batch = (*consumer)->Next(std::chrono::seconds(1));
//     if (!batch.ok()) break;  // or TIMEOUT: nothing came
//     for (const v1::Delivery& delivery : *batch) (*consumer)->Ack(delivery.delivery_tag());
//   }
//
// Many queues are best had over one stream, whose frames they share:
//
//   auto consumer = Consumer::Open(*connection, {.subscribe = first, .shared = true});
//   for (const v1::Subscribe& subscribe : others) (*consumer)->Subscribe(subscribe);
//   … for (const v1::Delivery& delivery : *batch) (*consumer)->Ack(delivery);
//
// Each subscription has a number, from 1, by which its deliveries name it.
//
// Or with a callback, which spares the hand-over to another thread. Settlements that pile up while
// a frame is being written leave as the next frame; nothing lingers.
//
// When the connection breaks, or the broker stops and another takes over, the consumer subscribes
// anew, to the same queues with the same options, at any of the connection's addresses. The broker
// has requeued what was unsettled, and delivers it again with `redelivered` set. So deliveries of the
// stream that was lost are stale: those that were not fetched yet are dropped, unless they come
// settled (auto_ack), and to settle one is refused with DELIVERY_STALE, which a program may ignore.
// Settlements whose fate is unknown make the next Flush say SETTLEMENTS_LOST. Delivery tags go on
// rising, so a tag names one delivery of the consumer for all of its life. What a new attempt can't
// mend (no such queue, no permission) ends the consumer, or its subscription if it is shared.
#pragma once

#include <google/protobuf/arena.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "warren/client/connection.h"
#include "warren/v1/broker.pb.h"

namespace warren::client {

// The deliveries of one frame, in their queue's order. They live as long as the batch.
// Thread-compatible.
class DeliveryBatch {
 public:
  DeliveryBatch(std::unique_ptr<google::protobuf::Arena> arena, const v1::Deliveries& deliveries)
      : arena_(std::move(arena)), deliveries_(&deliveries) {}

  auto begin() const { return deliveries_->deliveries().begin(); }
  auto end() const { return deliveries_->deliveries().end(); }
  size_t size() const { return static_cast<size_t>(deliveries_->deliveries_size()); }
  // REQUIRES: i < size().
  const v1::Delivery& operator[](size_t i) const {
    return deliveries_->deliveries(static_cast<int>(i));
  }

 private:
  std::unique_ptr<google::protobuf::Arena> arena_;  // owns *deliveries_
  const v1::Deliveries* deliveries_;
};

class Consumer;

struct ConsumerOptions {
  // Queue, prefetch, auto_ack, …: see the API. Virtual host "": the connection's.
  v1::Subscribe subscribe;
  // Further subscriptions may follow, with Subscribe; this one has the number 1. What ends a
  // subscription then doesn't end the consumer.
  bool shared = false;
  // Told of each batch, on the connection's I/O thread: must not block. Settlements made inside it
  // leave together when it returns. Empty: batches are fetched with Next.
  std::function<void(Consumer&, DeliveryBatch)> on_deliveries;
  // How long it tries to subscribe anew before it ends for good. 0: it ends with its first stream.
  std::chrono::milliseconds reconnect_timeout{120'000};
  // Told when the stream was lost, and why: what is unsettled is stale from now on. I/O thread. May
  // be empty.
  std::function<void(const absl::Status&)> on_lost;
  // Told when a subscription has been made anew. I/O thread. May be empty.
  std::function<void(const v1::Subscribed&)> on_resubscribed;
  // Told once, on the I/O thread, when no delivery will come any more, and why. May be empty.
  std::function<void(const absl::Status&)> on_end;
  // Told, on the I/O thread, when a subscription of a shared consumer has ended that nobody asked
  // to end, and why: as on_end. May be empty.
  std::function<void(uint32_t subscription, const absl::Status&)> on_subscription_end;
  // Told of deliveries that could not be settled. I/O thread. May be empty.
  std::function<void(const v1::SettleFailure&)> on_settle_failure;
};

// Thread-safe.
class Consumer {
 public:
  // Subscribes and waits for the broker's answer.
  static absl::StatusOr<std::unique_ptr<Consumer>> Open(const Connection& connection,
                                                        ConsumerOptions options);

  // Ends the stream; the broker requeues what it doesn't know to be settled. Flush first to have
  // the last settlements taken. REQUIRES: not on the I/O thread.
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // The next batch; never empty. Errors: DEADLINE_EXCEEDED, TIMEOUT, when nothing came;
  // OUT_OF_RANGE, DRAINED; else why the consumer ended: CANCELLED, QUEUE_DELETED; after
  // reconnect_timeout UNAVAILABLE, SHUTTING_DOWN or BROKER_UNAVAILABLE; …. REQUIRES: no on_deliveries; not on the I/O thread.
  absl::StatusOr<DeliveryBatch> Next(std::chrono::milliseconds timeout);

  // One more subscription of a shared consumer; waits for the broker's answer, which has its
  // number: the next one, or that of `subscribe` if it is higher than all before.
  // Virtual host "": the connection's. Errors: what the broker refuses, which leaves the others as
  // they are; the stream's end. REQUIRES: shared; not on the I/O thread.
  absl::StatusOr<v1::Subscribed> Subscribe(v1::Subscribe subscribe);

  // Ends a subscription and waits until the broker has ended it; what it has unsettled is requeued.
  // OK if it has ended already. Errors: the stream's end. REQUIRES: shared; not on the I/O thread.
  absl::Status Unsubscribe(uint32_t subscription);

  // The queue of a shared consumer's subscription, known before its first delivery; "" once it has
  // ended.
  std::string QueueOf(uint32_t subscription) const;

  // These settle without waiting. They fail with FAILED_PRECONDITION, DELIVERY_STALE, for deliveries
  // of a stream that was lost (of several, those that aren't stale are settled), and once the
  // consumer has ended; a delivery that can't be settled is told to on_settle_failure, and by Flush.
  absl::Status Ack(const v1::Delivery& delivery);
  // With a tag alone: of a consumer that isn't shared.
  absl::Status Ack(uint64_t delivery_tag);
  absl::Status Ack(std::span<const uint64_t> delivery_tags);
  // Everything unsettled of its subscription up to this one, itself included.
  absl::Status AckUpTo(const v1::Delivery& delivery);
  absl::Status AckUpTo(uint32_t subscription, uint64_t delivery_tag);
  absl::Status AckUpTo(uint64_t delivery_tag);
  // Deliver it again.
  absl::Status Requeue(const v1::Delivery& delivery);
  absl::Status Requeue(uint64_t delivery_tag);
  // Never deliver it again: dead-letter or drop it.
  absl::Status Reject(const v1::Delivery& delivery);
  absl::Status Reject(uint64_t delivery_tag);
  // Deliver it again after `delay`, or as the queue's retry policy says.
  absl::Status Retry(const v1::Delivery& delivery,
                     std::optional<std::chrono::milliseconds> delay = {});
  absl::Status Retry(uint64_t delivery_tag, std::optional<std::chrono::milliseconds> delay = {});
  absl::Status Settle(v1::Settlement settlement);

  // Waits until all settlements made before are durable. Errors: the first that failed since the
  // last Flush; UNAVAILABLE, SETTLEMENTS_LOST, if the stream was lost before they were, after which
  // those that weren't are delivered again; the consumer's end; DEADLINE_EXCEEDED, TIMEOUT. REQUIRES: not on the I/O thread.
  absl::Status Flush(std::chrono::milliseconds timeout = std::chrono::seconds(30));

  // Replaces the limits of Subscribe, also for when it subscribes anew; 0 is the broker's default.
  // `subscription`: which, of a shared consumer.
  absl::Status SetPrefetch(uint32_t messages, uint64_t bytes = 0, uint32_t subscription = 0);

  // Asks for no new deliveries, of any subscription, and waits until the broker has stopped; those
  // that came can still be fetched and settled. From then on a lost stream is the end. Errors as
  // Flush. REQUIRES: not on the I/O thread.
  absl::Status Drain(std::chrono::milliseconds timeout = std::chrono::seconds(30));

  // The names in use, the broker's if none was asked for, other ones after it subscribed anew then;
  // of a shared consumer, those of the first subscription.
  std::string name() const;
  std::string queue() const;
  // Ready messages when it subscribed last.
  uint64_t initial_message_count() const;
  // What the broker said when it ended this consumer; nothing if it didn't, or it is shared.
  std::optional<v1::Cancelled> cancelled() const;

  // A settlement as a transaction carries it, for this consumer as it is now. FAILED_PRECONDITION,
  // DELIVERY_STALE, if one of its deliveries is stale.
  absl::StatusOr<v1::TransactionSettlement> ForTransaction(v1::Settlement settlement) const;

 private:
  class Session;
  Consumer();

  std::unique_ptr<Session> session_;
};

}  // namespace warren::client
