// What a failed call tells a program: the broker's reason and the object it is about.
//
// Every absl::Status of this library carries a google.rpc.ErrorInfo; the broker's where it sent
// one, else one made here, with one of the reasons below. Pure functions; thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "warren/v1/broker.pb.h"

namespace warren::client {

// Reasons that this library gives itself; all others are the broker's.
//
// The broker can't be reached, or the connection broke.
inline constexpr std::string_view kUnavailable = "BROKER_UNAVAILABLE";
// The window of unconfirmed messages is full and the caller must not wait.
inline constexpr std::string_view kWindowFull = "WINDOW_FULL";
// The connection broke before the confirm came; the broker may have the message or not.
inline constexpr std::string_view kConfirmLost = "CONFIRM_LOST";
// The delivery came by a stream that was lost; the broker delivers it again.
inline constexpr std::string_view kDeliveryStale = "DELIVERY_STALE";
// The stream was lost before settlements were known to be durable.
inline constexpr std::string_view kSettlementsLost = "SETTLEMENTS_LOST";
// This object was closed by its owner.
inline constexpr std::string_view kClosed = "CLOSED";
// The consumer was drained; no delivery comes any more.
inline constexpr std::string_view kDrained = "DRAINED";
// Nothing came within the time given.
inline constexpr std::string_view kTimeout = "TIMEOUT";
// The broker sent what the protocol doesn't allow.
inline constexpr std::string_view kProtocol = "PROTOCOL_VIOLATION";

struct ErrorInfo {
  std::string reason;  // UPPER_SNAKE; "UNKNOWN" if there is none
  std::map<std::string, std::string> metadata;  // kind, name, virtual_host, …
};

ErrorInfo ErrorInfoOf(const absl::Status& status);

absl::Status MakeError(absl::StatusCode code, std::string_view reason, std::string_view message);

// The error of one entry of a batch. OK if its code is 0.
absl::Status ToStatus(const v1::Error& error);

}  // namespace warren::client
