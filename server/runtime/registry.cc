#include "server/runtime/registry.h"

#include <type_traits>
#include <utility>
#include <variant>

namespace warren::runtime {
namespace {

template <typename Sink>
Sink* FindIn(const absl::flat_hash_map<uint64_t, Sink*>& sinks, uint64_t id) {
  const auto it = sinks.find(id);
  return it == sinks.end() ? nullptr : it->second;
}

}  // namespace

core::PublisherId Registry::Add(PublisherSink& sink) {
  publishers_.emplace(++last_id_, &sink);
  return {last_id_};
}

core::ConsumerId Registry::Add(ConsumerSink& sink) {
  consumers_.emplace(++last_id_, &sink);
  return {last_id_};
}

core::RequestId Registry::Add(CallSink& sink) {
  requests_.emplace(++last_id_, &sink);
  return {last_id_};
}

core::ConsumerId Registry::AddShared(SharedStreamSink& sink) {
  shared_streams_.emplace(++last_id_, &sink);
  return {last_id_};
}

bool Registry::Remove(core::PublisherId publisher) {
  return publishers_.erase(publisher.value) > 0;
}

bool Registry::Remove(core::ConsumerId consumer) {
  if (recent_consumer_ == consumer) {
    recent_consumer_ = {};
    recent_consumer_sink_ = nullptr;
  }
  return consumers_.erase(consumer.value) > 0;
}

bool Registry::Remove(core::RequestId request) { return requests_.erase(request.value) > 0; }

Registry::SessionList::iterator Registry::AddSession(Session& session) {
  return sessions_.emplace_hint(sessions_.end(), ++last_session_, &session);
}

const Session* Registry::SessionOf(core::ConsumerId consumer) const {
  const ConsumerSink* sink = FindIn(consumers_, consumer.value);
  return sink != nullptr ? &sink->session() : nullptr;
}

ConsumerSink* Registry::Find(core::ConsumerId consumer) {
  if (recent_consumer_ != consumer) {
    recent_consumer_ = consumer;
    recent_consumer_sink_ = FindIn(consumers_, consumer.value);
  }
  return recent_consumer_sink_;
}

void Registry::Dispatch(core::Effect& effect) {
  std::visit(
      [this](auto& e) {
        using T = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<T, core::Delivered>) {
          if (ConsumerSink* sink = Find(e.consumer)) sink->OnDelivered(std::move(e.delivery));
        } else if constexpr (std::is_same_v<T, core::Confirmed>) {
          if (auto* sink = FindIn(publishers_, e.publisher.value)) sink->OnConfirmed(std::move(e));
        } else if constexpr (std::is_same_v<T, core::Replied>) {
          if (auto* sink = FindIn(requests_, e.request.value)) sink->OnReplied(std::move(e));
        } else if constexpr (std::is_same_v<T, core::PublisherOpened>) {
          if (auto* sink = FindIn(publishers_, e.publisher.value)) sink->OnOpened(e);
        } else if constexpr (std::is_same_v<T, core::PublisherClosed>) {
          if (auto* sink = FindIn(publishers_, e.publisher.value)) sink->OnClosed(e.status);
        } else if constexpr (std::is_same_v<T, core::Subscribed>) {
          if (ConsumerSink* sink = Find(e.consumer)) sink->OnSubscribed(std::move(e));
        } else if constexpr (std::is_same_v<T, core::SettleAnswered>) {
          if (e.shared) {
            auto* sink = FindIn(shared_streams_, e.consumer.value);
            if (sink != nullptr) sink->OnSharedSettleAnswered(std::move(e));
          } else if (ConsumerSink* sink = Find(e.consumer)) {
            sink->OnSettleAnswered(std::move(e));
          }
        } else if constexpr (std::is_same_v<T, core::Drained>) {
          if (ConsumerSink* sink = Find(e.consumer)) sink->OnDrained();
        } else if constexpr (std::is_same_v<T, core::Cancelled>) {
          if (ConsumerSink* sink = Find(e.consumer)) sink->OnCancelled(std::move(e));
        } else if constexpr (std::is_same_v<T, core::UserChanged>) {
          if (users_ != nullptr) users_->OnUserChanged(std::move(e));
        } else {
          static_assert(std::is_same_v<T, core::ConsumerClosed>);
          if (ConsumerSink* sink = Find(e.consumer)) sink->OnClosed(e.status);
        }
      },
      effect);
}

}  // namespace warren::runtime
