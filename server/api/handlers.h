// Starts the handlers of all methods: each waits for its first call. Loop thread only, before it
// runs.
#pragma once

#include "server/api/call.h"
#include "server/runtime/task.h"

namespace warren::api {

void ServeTopology(Api& api);     // DeclareExchange … Unbind
void ServeSettlements(Api& api);  // Get, Ack, Commit
void ServePublish(Api& api);
void ServePublishStream(Api& api);
void ServeConsume(Api& api);

}  // namespace warren::api
