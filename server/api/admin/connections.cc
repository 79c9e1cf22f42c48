// ListConnections, CloseConnection.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/admin/peers.h"
#include "server/api/convert/limits.h"
#include "server/api/convert/page.h"
#include "server/api/handlers.h"
#include "server/api/look.h"
#include "server/base/error.h"
#include "server/runtime/log.h"

namespace warren::api {
namespace {

// Sessions that one turn looks at; to ask gRPC for a new one's peer takes about a microsecond.
constexpr int kSessionsPerPart = 1'000;

}  // namespace

bool PeerWalk::GoOn(const Caller& caller) {
  const auto& sessions = caller.api.loop.registry().sessions();
  auto it = sessions.upper_bound(last_);
  for (int left = kSessionsPerPart; it != sessions.end() && left > 0; ++it, --left) {
    last_ = it->first;
    const runtime::SessionView session = it->second->View();
    if (session.kind == runtime::SessionKind::kOwn) continue;
    auto known = peers_.find(session.peer);
    if (known == peers_.end()) {
      // The first session of a peer is its oldest.
      known = peers_.emplace(session.peer, Peer{.users = {}, .since_ms = session.since_ms}).first;
    }
    Peer& peer = known->second;
    if (!session.user.empty()) peer.users.emplace(session.user);
    switch (session.kind) {
      case runtime::SessionKind::kPublisher: ++peer.publishers; break;
      case runtime::SessionKind::kConsumer: ++peer.consumers; break;
      default: ++peer.calls; break;
    }
  }
  return it == sessions.end();
}

namespace {

class ListConnections {
 public:
  using Request = v1::ListConnectionsRequest;
  using Response = v1::ListConnectionsResponse;
  static constexpr auto kRequest = &RawAdminService::RequestListConnections;

  absl::Status Begin(const Caller& caller, Request& request, Response&) {
    if (absl::Status s = caller.access.MustHave(auth::Tag::kMonitoring); !s.ok()) return s;
    const auto size = PageSize(request.page_size());
    if (!size.ok()) return size.status();
    auto after = ReadPageToken(kList, request.page_token(), 0);
    if (!after.ok()) return after.status();
    size_ = *size;
    after_ = std::move(after->text);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Continue(const Caller& caller, Response& response) {
    if (!peers_.GoOn(caller)) return false;
    auto it = peers_.peers().upper_bound(after_);
    for (; it != peers_.peers().end(); ++it) {
      if (static_cast<size_t>(response.connections_size()) == size_) {
        response.set_next_page_token(
            MakePageToken(kList, {.numbers = {}, .text = std::prev(it)->first}));
        break;
      }
      Set(it->first, it->second, *response.add_connections());
    }
    return true;
  }

 private:
  static constexpr std::string_view kList = "connections";

  static void Set(const std::string& name, const Peer& peer, v1::Connection& proto) {
    proto.set_peer(name);
    for (const std::string& user : peer.users) proto.add_users(user);
    SetTimestamp(peer.since_ms, proto.mutable_since());
    proto.set_publishers(peer.publishers);
    proto.set_consumers(peer.consumers);
    proto.set_calls(peer.calls);
  }

  size_t size_ = 0;
  std::string after_;
  PeerWalk peers_;
};

class CloseConnection {
 public:
  using Request = v1::CloseConnectionRequest;
  using Response = v1::CloseConnectionResponse;
  static constexpr auto kRequest = &RawAdminService::RequestCloseConnection;

  absl::Status Begin(const Caller& caller, Request& request, Response&) {
    if (absl::Status s = caller.access.MustHave(auth::Tag::kAdministrator); !s.ok()) return s;
    if (absl::Status s = CheckRequiredName("peer", request.peer()); !s.ok()) return s;
    if (absl::Status s = CheckShortText("reason", request.reason()); !s.ok()) return s;
    peer_ = request.peer();
    status_ = Error(absl::StatusCode::kAborted, "CONNECTION_CLOSED", {"connection", peer_, ""},
                    std::string(absl::StrCat("an operator closed the connection",
                                             request.reason().empty() ? "" : ": ",
                                             request.reason(), "; connect anew")));
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Continue(const Caller& caller, Response&) {
    const auto& sessions = caller.api.loop.registry().sessions();
    auto it = sessions.upper_bound(last_);
    for (int left = kSessionsPerPart; it != sessions.end() && left > 0; ++it, --left) {
      last_ = it->first;
      // This very call isn't ended: it has an answer to give.
      if (it->second->View().peer != peer_ || it->second == &caller.session) continue;
      it->second->OnStop(status_);
      ++closed_;
    }
    if (it != sessions.end()) return false;
    if (closed_ == 0) {
      return Error(absl::StatusCode::kNotFound, "CONNECTION_NOT_FOUND", {"connection", peer_, ""},
                   std::string(absl::StrCat("connection \"", peer_,
                                            "\" has no other calls or streams open; "
                                            "ListConnections names those that have")));
    }
    runtime::Log(runtime::LogCategory::kApi, runtime::LogLevel::kInfo,
                 "connection closed by an operator",
                 {{"connection", peer_},
                  {"user", caller.access.user_name()},
                  {"calls", std::to_string(closed_)}});
    return true;
  }

 private:
  std::string peer_;
  absl::Status status_;
  uint64_t last_ = 0;  // session
  uint64_t closed_ = 0;
};

}  // namespace

void ServeAdminConnections(Api& api) {
  ServeLook<ListConnections>(api, "ListConnections");
  ServeLook<CloseConnection>(api, "CloseConnection");
}

}  // namespace warren::api
