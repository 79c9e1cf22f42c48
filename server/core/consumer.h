// A consumer: who gets a queue's messages, and how many at a time. Broker thread only.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "server/core/command.h"
#include "server/core/entry.h"

namespace warren::core {

class Queue;
class VirtualHost;

// Invariants:
// 1. unsettled is in the order of delivery; by_tag holds the same entries.
// 2. It is on its queue's ring of available consumers if and only if WantsMore().
struct Consumer {
  ConsumerId id;
  ConsumerId stream;  // its own number if it has a stream for itself
  std::string name;
  VirtualHost* virtual_host = nullptr;
  Queue* queue = nullptr;
  Prefetch prefetch;
  bool auto_ack = false;
  bool exclusive = false;
  OwnerId owner;
  bool open = false;  // Subscribed has been sent; deliveries may follow
  bool draining = false;

  uint64_t last_tag = 0;
  uint64_t unsettled_bytes = 0;
  EntryList unsettled;
  absl::flat_hash_map<uint64_t, Entry*> by_tag;

  // Ring of the queue's available consumers.
  Consumer* ring_next = nullptr;
  Consumer* ring_prev = nullptr;

  bool WantsMore() const {
    return open && !draining && by_tag.size() < prefetch.messages &&
           (by_tag.empty() || unsettled_bytes < prefetch.bytes);
  }
  bool HasRoomFor(uint64_t bytes) const {
    return by_tag.empty() || unsettled_bytes + bytes <= prefetch.bytes;
  }
};

// The consumers of one queue that want more, in turn.
class ConsumerRing {
 public:
  bool empty() const { return front_ == nullptr; }

  // The first one, in turn, that has room for a body of this size; null if none has. Asking moves
  // nobody.
  Consumer* NextWithRoomFor(uint64_t bytes) const {
    Consumer* consumer = front_;
    if (consumer == nullptr) return nullptr;
    do {
      if (consumer->HasRoomFor(bytes)) return consumer;
      consumer = consumer->ring_next;
    } while (consumer != front_);
    return nullptr;
  }

  // Puts it in, or takes it out, as it wants more or not; `served`: it had its turn.
  void Update(Consumer& consumer, bool served) {
    const bool in = consumer.ring_next != nullptr;
    const bool wants = consumer.WantsMore();
    if (in && !wants) {
      Remove(consumer);
    } else if (!in && wants) {
      PushBack(consumer);
    } else if (in && served && front_ == &consumer) {
      front_ = consumer.ring_next;
    } else if (in && served) {
      Remove(consumer);
      PushBack(consumer);
    }
  }

  // No-op if it isn't in.
  void Remove(Consumer& consumer) {
    if (consumer.ring_next == nullptr) return;
    if (consumer.ring_next == &consumer) {
      front_ = nullptr;
    } else {
      consumer.ring_prev->ring_next = consumer.ring_next;
      consumer.ring_next->ring_prev = consumer.ring_prev;
      if (front_ == &consumer) front_ = consumer.ring_next;
    }
    consumer.ring_next = consumer.ring_prev = nullptr;
  }

 private:
  void PushBack(Consumer& consumer) {
    if (front_ == nullptr) {
      consumer.ring_next = consumer.ring_prev = &consumer;
      front_ = &consumer;
      return;
    }
    consumer.ring_prev = front_->ring_prev;
    consumer.ring_next = front_;
    consumer.ring_prev->ring_next = &consumer;
    front_->ring_prev = &consumer;
  }

  Consumer* front_ = nullptr;  // whose turn it is
};

}  // namespace warren::core
