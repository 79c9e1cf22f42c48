#include "server/metrics/probe.h"

#include <httplib.h>

#include <exception>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/metrics/address.h"

namespace warren::metrics {
namespace {

// Above what /livez takes to find that the loop is stuck.
constexpr int kTimeoutS = 4;

// An address to listen on may mean all of the machine's; one of them is asked.
std::string Reachable(const std::string& host) {
  if (host.empty() || host == "0.0.0.0") return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

}  // namespace

absl::StatusOr<Page> Probe(const std::string& address, const std::string& page) {
  const std::optional<HostAndPort> where = SplitAddress(address);
  if (!where || where->port == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("server.http is \"", address, "\": there is no port to ask"));
  }
  try {
    httplib::Client client(Reachable(where->host), where->port);
    client.set_connection_timeout(kTimeoutS);
    client.set_read_timeout(kTimeoutS);
    const httplib::Result answer = client.Get("/" + page);
    if (answer) return Page{.status = answer->status, .body = answer->body};
    return absl::UnavailableError(
        absl::StrCat("no answer from ", address, ": ", httplib::to_string(answer.error())));
  } catch (const std::exception& error) {
    return absl::UnavailableError(absl::StrCat("can't ask ", address, ": ", error.what()));
  }
}

}  // namespace warren::metrics
