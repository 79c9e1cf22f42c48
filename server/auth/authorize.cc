#include "server/auth/authorize.h"

#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace warren::auth {
namespace {

using core::DestinationKind;

// A client can't make this grow without end.
constexpr size_t kMaxVerdicts = 1024;

constexpr std::string_view kExchange = "exchange";
constexpr std::string_view kQueue = "queue";
constexpr std::string_view kNamedByTheBroker = "amq.gen-";

// The permissions of one command, one after the other; the first that is missing counts.
class Needs {
 public:
  Needs(const Access& access, const std::string& virtual_host)
      : access_(access), virtual_host_(virtual_host), status_(access.MayEnter(virtual_host)) {}

  Needs& On(Permission permission, std::string_view kind, std::string_view name) {
    if (status_.ok()) status_ = access_.May(permission, {kind, name, virtual_host_});
    return *this;
  }

  const absl::Status& status() const { return status_; }

 private:
  const Access& access_;
  const std::string& virtual_host_;
  absl::Status status_;
};

void DeclareQueue(Needs& needs, const std::string& queue,
                  const storage::QueueOptions& options) {
  const std::string_view name = queue.empty() ? kNamedByTheBroker : std::string_view(queue);
  needs.On(Permission::kConfigure, kQueue, name);
  if (!options.dead_letter_exchange.has_value()) return;
  needs.On(Permission::kRead, kQueue, name)
      .On(Permission::kWrite, kExchange, *options.dead_letter_exchange);
}

void BindOrUnbind(Needs& needs, const core::BindingSpec& binding) {
  const bool to_queue = binding.destination_kind == DestinationKind::kQueue;
  const std::string_view destination =
      to_queue && binding.destination.empty() ? kNamedByTheBroker
                                              : std::string_view(binding.destination);
  needs.On(Permission::kWrite, to_queue ? kQueue : kExchange, destination)
      .On(Permission::kRead, kExchange, binding.source);
}

void Subscribe(Needs& needs, const core::Subscribe& c) {
  if (c.declare) DeclareQueue(needs, c.queue, *c.declare);
  for (const core::BindingSpec& binding : c.bindings) BindOrUnbind(needs, binding);
  needs.On(Permission::kRead, kQueue,
           c.queue.empty() ? kNamedByTheBroker : std::string_view(c.queue));
}

void Commit(Needs& needs, const core::Commit& c) {
  const storage::SharedString* last = nullptr;
  for (const core::Publication& publication : c.publications) {
    const storage::SharedString& exchange = publication.message->exchange;
    if (last != nullptr && *last == exchange) continue;
    needs.On(Permission::kWrite, kExchange, exchange.view());
    last = &exchange;
  }
}

struct Table {
  const Access& access;

  absl::Status operator()(const core::DeclareVirtualHost&) const {
    return access.MustHave(Tag::kAdministrator);
  }
  absl::Status operator()(const core::DeleteVirtualHost&) const {
    return access.MustHave(Tag::kAdministrator);
  }
  absl::Status operator()(const core::SetVirtualHostLimits&) const {
    return access.MustHave(Tag::kAdministrator);
  }
  absl::Status operator()(const core::PutUser&) const {
    return access.MustHave(Tag::kAdministrator);
  }
  absl::Status operator()(const core::DeleteUser&) const {
    return access.MustHave(Tag::kAdministrator);
  }
  absl::Status operator()(const core::SetPermissions&) const {
    return access.MustHave(Tag::kAdministrator);
  }
  absl::Status operator()(const core::ClearPermissions&) const {
    return access.MustHave(Tag::kAdministrator);
  }
  absl::Status operator()(const core::PutPolicy& c) const {
    return MakesPolicies(c.policy.virtual_host);
  }
  absl::Status operator()(const core::DeletePolicy& c) const {
    return MakesPolicies(c.virtual_host);
  }
  absl::Status operator()(const core::DeclareExchange& c) const {
    Needs needs(access, c.virtual_host);
    if (!c.options) return needs.status();
    needs.On(Permission::kConfigure, kExchange, c.name);
    if (c.options->alternate_exchange.empty()) return needs.status();
    return needs.On(Permission::kRead, kExchange, c.name)
        .On(Permission::kWrite, kExchange, c.options->alternate_exchange)
        .status();
  }
  absl::Status operator()(const core::DeleteExchange& c) const {
    return Needs(access, c.virtual_host).On(Permission::kConfigure, kExchange, c.name).status();
  }
  absl::Status operator()(const core::DeclareQueue& c) const {
    Needs needs(access, c.virtual_host);
    if (c.options) DeclareQueue(needs, c.name, *c.options);
    return needs.status();
  }
  absl::Status operator()(const core::DeleteQueue& c) const {
    return Needs(access, c.virtual_host).On(Permission::kConfigure, kQueue, c.name).status();
  }
  absl::Status operator()(const core::PurgeQueue& c) const {
    return Needs(access, c.virtual_host).On(Permission::kRead, kQueue, c.name).status();
  }
  absl::Status operator()(const core::MoveMessages& c) const {
    if (access.Has(Tag::kAdministrator)) return absl::OkStatus();
    return Needs(access, c.virtual_host)
        .On(Permission::kRead, kQueue, c.source)
        .On(Permission::kWrite, kQueue, c.destination)
        .status();
  }
  absl::Status operator()(const core::CancelScheduledMessages& c) const {
    if (access.Has(Tag::kAdministrator)) return absl::OkStatus();
    return Needs(access, c.virtual_host).On(Permission::kRead, kQueue, c.queue).status();
  }
  absl::Status operator()(const core::Bind& c) const {
    Needs needs(access, c.virtual_host);
    BindOrUnbind(needs, c.binding);
    return needs.status();
  }
  absl::Status operator()(const core::Unbind& c) const {
    Needs needs(access, c.virtual_host);
    BindOrUnbind(needs, c.binding);
    return needs.status();
  }
  absl::Status operator()(const core::OpenPublisher& c) const {
    return access.MayEnter(c.virtual_host);
  }
  absl::Status operator()(const core::Subscribe& c) const {
    Needs needs(access, c.virtual_host);
    Subscribe(needs, c);
    return needs.status();
  }
  absl::Status operator()(const core::Get& c) const {
    return Needs(access, c.virtual_host).On(Permission::kRead, kQueue, c.queue).status();
  }
  absl::Status operator()(const core::Ack& c) const { return access.MayEnter(c.virtual_host); }
  absl::Status operator()(const core::Commit& c) const {
    Needs needs(access, c.virtual_host);
    Commit(needs, c);
    absl::Status status = needs.status();
    for (size_t i = 0; i < c.publications.size() && status.ok(); ++i) {
      status = CheckUserId(access, *c.publications[i].message);
      if (!status.ok()) status = WithMetadata(status, "publication", std::to_string(i));
    }
    return status;
  }

  // Of a publisher or consumer that was looked at when it opened.
  absl::Status operator()(const core::Publish&) const { return absl::OkStatus(); }
  absl::Status operator()(const core::ClosePublisher&) const { return absl::OkStatus(); }
  absl::Status operator()(const core::Settle&) const { return absl::OkStatus(); }
  absl::Status operator()(const core::HandedOver&) const { return absl::OkStatus(); }
  absl::Status operator()(const core::SetPrefetch&) const { return absl::OkStatus(); }
  absl::Status operator()(const core::DrainConsumer&) const { return absl::OkStatus(); }
  absl::Status operator()(const core::CloseConsumer&) const { return absl::OkStatus(); }
  // The broker's own.
  absl::Status operator()(const core::Paged&) const { return absl::OkStatus(); }
  absl::Status operator()(const core::Tick&) const { return absl::OkStatus(); }
  absl::Status operator()(const core::Durable&) const { return absl::OkStatus(); }
  absl::Status operator()(const core::BeginShutdown&) const { return absl::OkStatus(); }
  absl::Status operator()(const core::FinishShutdown&) const { return absl::OkStatus(); }

  absl::Status MakesPolicies(const std::string& virtual_host) const {
    if (access.Has(Tag::kAdministrator)) return absl::OkStatus();
    const absl::Status status = access.MustHave(Tag::kPolicymaker);
    return status.ok() ? access.MayEnter(virtual_host) : status;
  }
};

}  // namespace

absl::Status Authorize(const Access& access, const core::Command& command) {
  return access.everything() ? absl::OkStatus() : std::visit(Table{access}, command);
}

absl::Status CheckUserId(const Access& access, const storage::Message& message) {
  if (access.everything() || !message.properties) return absl::OkStatus();
  const std::string& user_id = message.properties->user_id;
  if (user_id.empty() || user_id == access.user_name()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "USER_ID_DIFFERS", {"user", user_id, ""},
               std::string(absl::StrCat("user_id is \"", user_id, "\", but \"", access.user_name(),
                                        "\" publishes the message; set it to that, or not at "
                                        "all")));
}

PublishAccess::PublishAccess(AccessPtr access, std::string virtual_host)
    : access_(std::move(access)), virtual_host_(std::move(virtual_host)) {
  if (access_->everything()) return;
  if (const Permissions* permissions = access_->In(virtual_host_)) {
    all_ = permissions->write.matches_all();
  }
}

const absl::Status& PublishAccess::Of(const storage::SharedString& exchange, bool& is_new) {
  if (last_ != nullptr && last_exchange_ == exchange) return *last_;
  auto known = verdicts_.find(exchange.str());
  if (known == verdicts_.end()) {
    is_new = true;
    if (verdicts_.size() >= kMaxVerdicts) verdicts_.clear();
    known = verdicts_
                .emplace(exchange.str(),
                         std::make_unique<const absl::Status>(access_->May(
                             Permission::kWrite, {kExchange, exchange.view(), virtual_host_})))
                .first;
  }
  last_exchange_ = exchange;
  last_ = known->second.get();
  return *last_;
}

}  // namespace warren::auth
