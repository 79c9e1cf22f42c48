#include "storage/postgres/connect.h"

#include <libpq-fe.h>
#include <poll.h>

#include <chrono>
#include <memory>

#include "storage/postgres/trouble.h"

namespace warren::storage {
namespace {

using Clock = std::chrono::steady_clock;

// For all hosts together, and short: who refuses does so at once, and the rest has been waited for
// already. (libpq's own connect_timeout doesn't count in PQconnectPoll.)
constexpr std::chrono::seconds kPatience{3};

// False at the deadline.
bool WaitFor(const PGconn* connection, short events, Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  pollfd socket{.fd = PQsocket(connection), .events = events, .revents = 0};
  return left.count() > 0 && poll(&socket, 1, static_cast<int>(left.count())) >= 0;
}

}  // namespace

absl::Status WhyNot(const std::string& where, const std::string& parameters,
                    const std::string& first_answer) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectStart(parameters.c_str()), &PQfinish);
  if (connection == nullptr) return ConnectTrouble(where, first_answer);
  PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
  const auto deadline = Clock::now() + kPatience;
  PostgresPollingStatusType status = PQstatus(connection.get()) == CONNECTION_BAD
                                         ? PGRES_POLLING_FAILED
                                         : PGRES_POLLING_WRITING;
  while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
    const short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!WaitFor(connection.get(), events, deadline)) return ConnectTrouble(where, first_answer);
    status = PQconnectPoll(connection.get());
  }
  if (PQconnectionNeedsPassword(connection.get()) != 0) {
    return SqlTrouble(where, "connect", "28P01", first_answer);
  }
  return ConnectTrouble(
      where, status == PGRES_POLLING_FAILED ? PQerrorMessage(connection.get()) : first_answer);
}

}  // namespace warren::storage
