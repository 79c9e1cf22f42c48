// Who hears what the broker has to tell: the calls in server/api, as the runtime sees them.
//
// All are called on the loop's thread, while the effects of a step are carried out. So they only
// put things into an outbox and set an event; they never submit a command.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "server/core/effect.h"

namespace warren::runtime {

enum class SessionKind : uint8_t { kPublisher, kConsumer, kCall, kOwn };

// What a session is to an operator. Valid until the next turn of the loop.
struct SessionView {
  SessionKind kind = SessionKind::kOwn;  // kOwn: nobody's call, but the broker's own
  std::string_view peer;                 // the client's address, as gRPC writes it
  std::string_view user;                 // "" if there are no users, or it isn't known yet
  int64_t since_ms = 0;
};

// Who judges logins.
class UsersSink {
 public:
  virtual void OnUserChanged(core::UserChanged changed) = 0;

 protected:
  ~UsersSink() = default;
};

// A call of any kind, from its arrival to its end.
class Session {
 public:
  // Whether publishers are held, or what they are to be told, has changed.
  virtual void OnFlowChanged() {}
  // About a second has passed: look at what waits for time, and whether the login still counts.
  virtual void OnTick() {}
  // The broker stops: end the call with this status, after what is in the outbox.
  virtual void OnStop(const absl::Status& status) = 0;
  virtual SessionView View() const { return {}; }

 protected:
  ~Session() = default;
};

class PublisherSink {
 public:
  virtual void OnOpened(const core::PublisherOpened& opened) = 0;
  virtual void OnClosed(const absl::Status& status) = 0;
  virtual void OnConfirmed(core::Confirmed confirmed) = 0;

 protected:
  ~PublisherSink() = default;
};

class ConsumerSink {
 public:
  virtual void OnSubscribed(core::Subscribed subscribed) = 0;
  virtual void OnDelivered(core::Delivery delivery) = 0;
  virtual void OnSettleAnswered(core::SettleAnswered answer) = 0;
  virtual void OnDrained() = 0;
  virtual void OnCancelled(core::Cancelled cancelled) = 0;
  virtual void OnClosed(const absl::Status& status) = 0;
  // Whose stream it is.
  virtual const Session& session() const = 0;

 protected:
  ~ConsumerSink() = default;
};

// A stream that several consumers share, each with a sink of its own.
class SharedStreamSink {
 public:
  virtual void OnSharedSettleAnswered(core::SettleAnswered answer) = 0;

 protected:
  ~SharedStreamSink() = default;
};

class CallSink {
 public:
  virtual void OnReplied(core::Replied reply) = 0;

 protected:
  ~CallSink() = default;
};

}  // namespace warren::runtime
