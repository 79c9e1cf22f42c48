// Which call a publisher's, consumer's or request's id belongs to, and which calls there are.
// Step 8 of a message's life: hands each effect to the call it is for.
//
// Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "server/core/effect.h"
#include "server/runtime/sinks.h"

namespace warren::runtime {

class Registry {
 public:
  core::PublisherId Add(PublisherSink& sink);
  core::ConsumerId Add(ConsumerSink& sink);
  core::RequestId Add(CallSink& sink);
  // Its number among the consumers; it counts for none.
  core::ConsumerId AddShared(SharedStreamSink& sink);
  // False if it wasn't there any more.
  bool Remove(core::PublisherId publisher);
  bool Remove(core::ConsumerId consumer);
  bool Remove(core::RequestId request);
  void RemoveShared(core::ConsumerId stream) { shared_streams_.erase(stream.value); }

  // Who hears of changed users; null: nobody.
  void SetUsers(UsersSink* users) { users_ = users; }

  // To the call it is for; effects for calls that have gone are dropped.
  void Dispatch(core::Effect& effect);

  // Sessions, in the order of their arrival, by a number that never comes again: whoever walks over
  // them in parts goes on behind the last one seen.
  using SessionList = std::map<uint64_t, Session*>;
  SessionList::iterator AddSession(Session& session);
  void RemoveSession(SessionList::iterator position) { sessions_.erase(position); }
  SessionList& sessions() { return sessions_; }

  // Whose stream the consumer is; null if it has gone.
  const Session* SessionOf(core::ConsumerId consumer) const;

  size_t publishers() const { return publishers_.size(); }
  size_t consumers() const { return consumers_.size(); }
  size_t requests() const { return requests_.size(); }

 private:
  ConsumerSink* Find(core::ConsumerId consumer);

  UsersSink* users_ = nullptr;
  uint64_t last_id_ = 0;
  uint64_t last_session_ = 0;
  absl::flat_hash_map<uint64_t, PublisherSink*> publishers_;
  absl::flat_hash_map<uint64_t, ConsumerSink*> consumers_;
  absl::flat_hash_map<uint64_t, CallSink*> requests_;
  absl::flat_hash_map<uint64_t, SharedStreamSink*> shared_streams_;
  SessionList sessions_;

  // The consumer that was looked up last: deliveries come in runs.
  core::ConsumerId recent_consumer_;
  ConsumerSink* recent_consumer_sink_ = nullptr;
};

}  // namespace warren::runtime
