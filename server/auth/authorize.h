// Which permissions each command takes. RabbitMQ's rules, in one table:
//
//   command                        configure   write                     read
//   declare exchange               exchange    its alternate exchange    exchange, if it has one
//   delete exchange                exchange
//   declare queue                  queue       its dead-letter exchange  queue, if it has one
//   delete queue                   queue
//   purge queue, get, subscribe                                          queue
//   bind, unbind                               destination               source
//   publish, commit                            exchange
//
//   cancel scheduled                                                     queue
//   move                                       destination               source
//
// Declaring, limiting and deleting a virtual host and changing users takes the tag administrator,
// who may cancel and move everywhere, and set and delete policies; so may policymaker, with access to
// the virtual host.
//
// Passive declarations, settlements and everything else take access to the virtual host alone. A
// queue that the broker is to name is taken as "amq.gen-".
//
// Pure functions but for PublishAccess, which is its stream's. No command needs more than one
// look at a pattern for each object.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "server/auth/access.h"
#include "server/core/command.h"
#include "storage/shared_string.h"

namespace warren::auth {

// PERMISSION_DENIED, reason ACCESS_REFUSED, metadata user, permission, kind, name, virtual_host.
// OK for commands that no client sends, and for Publish, which PublishAccess looks at.
// A Commit may also be FAILED_PRECONDITION, as CheckUserId.
absl::Status Authorize(const Access& access, const core::Command& command);

// Whether the message's user_id, if it has one, is the publisher's; else FAILED_PRECONDITION,
// reason USER_ID_DIFFERS. Anything goes where there are no users.
absl::Status CheckUserId(const Access& access, const storage::Message& message);

// Which exchanges a publisher may publish to, and as whom. A message of the same exchange as the
// one before costs a comparison of pointers; with access to all exchanges, nothing.
class PublishAccess {
 public:
  // REQUIRES: MayEnter(virtual_host) is OK.
  PublishAccess(AccessPtr access, std::string virtual_host);

  // Refuses those that aren't permitted. `refused(status, is_new)` is called for each; is_new: the
  // first one since this exchange was looked at. It also refuses those that CheckUserId does,
  // without that call: no permission is missing.
  template <typename OnRefused>
  void Check(std::vector<core::Publication>& publications, OnRefused refused) {
    if (access_->everything()) return;
    for (core::Publication& publication : publications) {
      if (!publication.refused.ok()) continue;
      bool is_new = false;
      const absl::Status& verdict = all_ ? ok_ : Of(publication.message->exchange, is_new);
      publication.refused =
          verdict.ok() ? CheckUserId(*access_, *publication.message) : verdict;
      if (publication.refused.ok()) continue;
      publication.message = nullptr;
      if (!verdict.ok()) refused(verdict, is_new);
    }
  }

  const std::string& virtual_host() const { return virtual_host_; }

 private:
  const absl::Status& Of(const storage::SharedString& exchange, bool& is_new);

  AccessPtr access_;
  std::string virtual_host_;
  const absl::Status ok_;
  bool all_ = false;
  storage::SharedString last_exchange_;
  const absl::Status* last_ = nullptr;  // of verdicts_
  absl::flat_hash_map<std::string, std::unique_ptr<const absl::Status>> verdicts_;
};

}  // namespace warren::auth
