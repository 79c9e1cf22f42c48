#include "warren/client/admin.h"

#include <chrono>

#include "status.h"

namespace warren::client {

Admin::Admin(Connection& connection) : connection_(connection), stub_(connection.channel()) {}

void Admin::SetDeadline(grpc::ClientContext& context) const {
  context.set_deadline(std::chrono::system_clock::now() + connection_.options().call_timeout);
}

absl::Status Admin::ToStatus(const grpc::Status& status) { return FromGrpc(status); }

}  // namespace warren::client
