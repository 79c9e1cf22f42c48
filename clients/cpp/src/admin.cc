#include "warren/client/admin.h"

#include <chrono>

#include "authorization.h"
#include "status.h"

namespace warren::client {

Admin::Admin(Connection& connection) : connection_(connection), stub_(connection.channel()) {}

void Admin::Prepare(grpc::ClientContext& context) const {
  context.set_deadline(std::chrono::system_clock::now() + connection_.options().call_timeout);
  Authorize(connection_.options().authorization, context);
}

absl::Status Admin::ToStatus(const grpc::Status& status) { return FromGrpc(status); }

}  // namespace warren::client
