// What happens to a message when it is dead-lettered: its history, and the rule against cycles.
// Pure functions.
#pragma once

#include <string_view>

#include "server/core/queue.h"
#include "storage/message.h"

namespace warren::core {

// The message as it goes on to the queue's dead-letter exchange: same body and properties, history
// with this death in front, no expiration, key replaced if the queue says so.
// REQUIRES: the queue has a dead-letter exchange.
storage::MessagePtr MakeDeadLetter(const Queue& queue, const storage::Message& message,
                                   storage::DeathReason reason, int64_t now_ms);

// Whether delivering to this queue would close a cycle that no consumer took part in: the message
// has been there, and since then was never rejected, only expired, dropped or delivered too often.
// (Rule of RabbitMQ's rabbit_dead_letter.)
bool ClosesCycle(const storage::Message& message, std::string_view queue);

}  // namespace warren::core
