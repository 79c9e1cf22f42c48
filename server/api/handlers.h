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

// AdminService, by its nouns (admin/).
void ServeAdmin(Api& api);  // all of these
void ServeAdminBroker(Api& api);
void ServeAdminVirtualHosts(Api& api);
void ServeAdminExchanges(Api& api);
void ServeAdminQueues(Api& api);
void ServeAdminBindings(Api& api);
void ServeAdminMessages(Api& api);
void ServeAdminConnections(Api& api);
void ServeAdminConsumers(Api& api);
void ServeAdminDefinitions(Api& api);
void ServeAdminUsers(Api& api);
void ServeAdminPolicies(Api& api);

}  // namespace warren::api
