// A virtual host is deleted: at once for everybody; and then, a little at each step, what is in it.
//
// The journal is told first, so that after a crash the deletion goes on where it was. Only when all
// is gone may there be another host of that name, and are those answered who asked for it.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/core/broker_impl.h"

namespace warren::core {
namespace {

absl::Status IsDeleted(const std::string& name) {
  const Subject subject{"virtual_host", name, name};
  return Error(absl::StatusCode::kNotFound, "VIRTUAL_HOST_NOT_FOUND", subject,
               absl::StrCat("virtual host \"", name, "\" was deleted"));
}

}  // namespace

void Broker::Impl::Handle(DeleteVirtualHost& c) {
  if (c.name == "/") {
    const Subject subject{"virtual_host", c.name, c.name};
    return Reply(c.request, Error(absl::StatusCode::kPermissionDenied, "NAME_RESERVED", subject,
                                  "virtual host \"/\" is the one that is always there; delete "
                                  "what is in it instead"));
  }
  const auto it = virtual_hosts_.find(c.name);
  if (it == virtual_hosts_.end()) return Reply(c.request, absl::OkStatus());
  VirtualHost& host = *it->second;
  host.asked_to_delete.push_back(c.request);
  if (host.deleting) return;
  ledger_.Append(storage::VirtualHostDeclared{.name = host.name, .deleting = true});
  ClosePublishersOf(host);
  AbandonPolicyChange(host, IsDeleted(host.name));
  BeginDeletion(host);
}

void Broker::Impl::ClosePublishersOf(const VirtualHost& host) {
  std::vector<PublisherId> ids;
  for (const auto& [id, publisher] : publishers_) {
    if (publisher.virtual_host == &host) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());  // the table has another order in each run
  for (const PublisherId id : ids) {
    Emit(PublisherClosed{id, IsDeleted(host.name)});
    RemovePublisher(publishers_.at(id));
  }
}

void Broker::Impl::BeginDeletion(VirtualHost& host) {
  host.deleting = true;
  deletions_.push_back({.host = &host});
  timers_.GoOffBy(deletions_timer_, TimerKind::kDeletions, 0, now_ms_);
}

void Broker::Impl::RunDeletionsTimer() {
  timers_.Stop(deletions_timer_, TimerKind::kDeletions, 0);
  while (timed_budget_ > 0 && !deletions_.empty()) {
    Deletion& deletion = deletions_.front();
    if (!RemoveQueuesOf(deletion) || !RemoveExchangesOf(deletion) || !ForgetProducersOf(deletion)) {
      break;
    }
    // What died in this step is still on its way through the host.
    if (!dead_letters_.empty()) break;
    FinishDeletion(*deletion.host);
  }
  if (!deletions_.empty()) timers_.GoOffBy(deletions_timer_, TimerKind::kDeletions, 0, now_ms_);
}

bool Broker::Impl::RemoveQueuesOf(Deletion& deletion) {
  for (; timed_budget_ > 0; --timed_budget_) {
    const auto it = queues_.upper_bound(deletion.queue);
    if (it == queues_.end()) return true;
    Queue& queue = *it->second;
    const storage::QueueId id = queue.id;
    if (&queue.virtual_host == deletion.host) {
      // What is left then, clients hold, and so much they may.
      if (!RemoveWaiting(queue)) return false;
      RemoveQueue(queue, "deleted with its virtual host");
    }
    deletion.queue = id;
  }
  return false;
}

bool Broker::Impl::RemoveWaiting(Queue& queue) {
  for (; timed_budget_ > 0; --timed_budget_) {
    Entry* entry = queue.ready().head();
    if (entry == nullptr && !queue.deadlines().empty()) entry = queue.deadlines().front();
    if (entry == nullptr) return true;
    Take(queue, *entry);
    ++usage_.removed_total;
    Discard(queue, *entry, Ledger::Left::kForGood);
  }
  return false;
}

bool Broker::Impl::RemoveExchangesOf(Deletion& deletion) {
  for (; timed_budget_ > 0; --timed_budget_) {
    const auto it = exchanges_.upper_bound(deletion.exchange);
    if (it == exchanges_.end()) return true;
    deletion.exchange = it->first;
    if (&it->second->virtual_host == deletion.host) RemoveExchange(*it->second);
  }
  return false;
}

bool Broker::Impl::ForgetProducersOf(const Deletion& deletion) {
  for (; timed_budget_ > 0; --timed_budget_) {
    Producer* producer = producers_.FirstIn(deletion.host->name);
    if (producer == nullptr) return true;
    ledger_.ForgetProducer(*producer);
    producers_.Erase(*producer);
  }
  return false;
}

void Broker::Impl::FinishDeletion(VirtualHost& host) {
  const std::string name = host.name;
  for (const auto& [policy, rule] : host.policies.by_name()) {
    ledger_.Append(storage::PolicyDeleted{name, policy});
  }
  ledger_.Append(storage::VirtualHostDeleted{name});
  ClearPermissionsIn(name);
  const std::vector<RequestId> deleted = std::move(host.asked_to_delete);
  const std::vector<RequestId> declared = std::move(host.asked_to_declare);
  deletions_.pop_front();
  virtual_hosts_.erase(name);
  for (const RequestId request : deleted) Reply(request, absl::OkStatus());
  for (const RequestId request : declared) {
    DeclareVirtualHost again{.request = request, .name = name};
    Handle(again);
  }
}

}  // namespace warren::core
