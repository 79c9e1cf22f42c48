// What gRPC and protobuf have to say, in the broker's log, so that every line of it has one form.
#pragma once

namespace warren::api {

// Call once, before either is used.
void RouteLibraryLogs();

}  // namespace warren::api
