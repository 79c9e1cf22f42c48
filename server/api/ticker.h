// Tells all calls about once a second that time has passed (Session::OnTick). Loop thread only.
#pragma once

#include "server/api/call.h"

namespace warren::api {

// Starts it; it ends when the broker stops. Before the loop runs.
void StartTicker(Api& api);

}  // namespace warren::api
