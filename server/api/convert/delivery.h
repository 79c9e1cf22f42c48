// What consumers get, core -> proto. Step 8 of a message's life.
// Pure functions; thread-safe.
#pragma once

#include <cstdint>

#include "server/core/effect.h"
#include "storage/message.h"
#include "warren/v1/broker.pb.h"
#include "warren/v1/message.pb.h"

namespace warren::api {

// Returns about how many bytes it takes in a frame. Of a longer body only the beginning is set.
size_t SetDelivery(const core::Delivery& delivery, v1::Delivery* proto,
                   uint64_t max_body_bytes = UINT64_MAX);

// The death history as RabbitMQ's clients know it: x-death, a list of tables, newest first, and
// x-first-death-{queue,reason,exchange}, x-last-death-{queue,reason,exchange}.
void SetDeathHeaders(const storage::DeathHistory& history,
                     google::protobuf::Map<std::string, v1::HeaderValue>* headers);

}  // namespace warren::api
