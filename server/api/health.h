// grpc.health.v1 on the loop's own completion queue. (gRPC's built-in one would bring pollers of
// its own, which would take connections away from the loop.)
#pragma once

#include <string>
#include <string_view>

#include "server/api/call.h"
#include "server/api/services.h"
#include "server/runtime/task.h"

namespace warren::api {

// What health checks are answered from. Loop thread only.
struct HealthState {
  HealthService service;
  // Of "" and of "warren.v1.BrokerService", which are the same; neither serves, either, while the
  // store can't take anything. Whoever changes it wakes watchers by Session::OnFlowChanged.
  bool serving = false;
};

// Starts the handlers of Check and Watch. Loop thread only, before it runs.
void ServeHealth(Api& api, HealthState& state);

}  // namespace warren::api
